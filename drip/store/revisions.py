"""Campaigns as applied. A revision is never changed and never deleted. Part of `Work`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select

from drip.core.records import Revision, RevisionId
from drip.store.schema import meta, revision
from drip.store.transaction import Row_, Transaction, insert_into

REVISION = (
    revision.c.id,
    revision.c.campaign,
    revision.c.number,
    revision.c.digest,
    revision.c.applied_at,
    revision.c.files,
)


class Revisions(Transaction):
    """Methods about revisions."""

    def add_revision(self, campaign: str, digest: str, files: Mapping[str, str], now: datetime) -> Revision:
        """The revision with these files: the live one if it has the same digest, else a new one."""
        live = self.live_revision(campaign)
        if live is not None and live.digest == digest:
            return live
        values = {
            "campaign": campaign,
            "number": 1 if live is None else live.number + 1,
            "digest": digest,
            "applied_at": now,
            "files": files,
        }
        # Two at once make the same number: the second is refused, and finds what the first has made.
        statement = insert_into(revision, self._postgres).on_conflict_do_nothing(index_elements=["campaign", "number"])
        row = self._run(statement.returning(*REVISION), values).first()
        self._live = None
        return Revision(*row) if row is not None else self.add_revision(campaign, digest, files, now)

    def live_revision(self, campaign: str) -> Revision | None:
        """The latest revision of a campaign ("" is the project), or None if it was never applied."""
        statement = select(*REVISION).where(revision.c.campaign == campaign).order_by(revision.c.number.desc()).limit(1)
        return as_revision(self._first(statement))

    def revision(self, id: RevisionId) -> Revision | None:
        """The revision of that id."""
        return as_revision(self._first(select(*REVISION).where(revision.c.id == id)))

    def live_campaigns(self) -> Sequence[Revision]:
        """The latest revision of every campaign, without the project's own, by name."""
        latest = select(func.max(revision.c.id)).where(revision.c.campaign != "").group_by(revision.c.campaign)
        statement = select(*REVISION).where(revision.c.id.in_(latest)).order_by(revision.c.campaign)
        return [Revision(*row) for row in self._all(statement)]

    def revision_ids(self, campaign: str) -> Sequence[RevisionId]:
        """All that were ever applied of a campaign, the first one first."""
        statement = select(revision.c.id).where(revision.c.campaign == campaign).order_by(revision.c.id)
        return [RevisionId(each) for each in self._run(statement).scalars()]

    def secret_matches(self, fingerprint: str) -> bool:
        """Whether this is the secret that the mailboxes were hashed with. The first one is remembered.

        With another secret every address would get a new mailbox hash, and everybody every mail once more.
        """
        statement = insert_into(meta, self._postgres).on_conflict_do_nothing()
        self._run(statement, {"name": "secret", "value": fingerprint})
        return bool(self._value(select(meta.c.value).where(meta.c.name == "secret")) == fingerprint)


def as_revision(row: Row_ | None) -> Revision | None:
    """A row of REVISION as a record."""
    return None if row is None else Revision(*row)
