"""What is live: applied revisions, read back into campaigns and presses. Never looks at files on disk.

Revisions are immutable, so everything made from one is kept as long as the process lives.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from drip.core.clicks import counted_posts
from drip.core.model import Campaign, ProjectDefinition, Sequence
from drip.core.records import Enrollment, Revision, RevisionId
from drip.errors import DripError

if TYPE_CHECKING:
    from drip.authoring.layout import Press
    from drip.store.work import Work


class NotApplied(DripError):
    """Nothing is applied yet."""

    name = "not-applied"
    exit_code = 2
    default_hint = "make the files live with `drip apply`"


@dataclass(frozen=True)
class Edition:
    """A revision read back: its project definition, its campaign (None for the project's own revision), its press."""

    revision: Revision
    definition: ProjectDefinition
    campaign: Campaign | None

    @functools.cached_property
    def press(self) -> Press:
        """Compiles the posts of this revision; made when the first mail needs it (Jinja, Markdown, premailer)."""
        from drip.authoring.layout import Press

        return Press(self.revision.files, self.definition, counted=self.counted)

    @functools.cached_property
    def counted(self) -> frozenset[str]:
        """The posts of this revision whose links are counted, for readers who agreed."""
        return frozenset() if self.campaign is None else counted_posts(self.campaign)

    @functools.cached_property
    def house_posts(self) -> dict[str, str]:
        """drip's own posts (confirmations) by name, from `templates/mails/` of this revision."""
        prefix = "templates/mails/"
        return {
            path.removeprefix(prefix).removesuffix(".md"): path
            for path in self.revision.files
            if path.startswith(prefix) and path.endswith(".md")
        }


def read_edition(revision: Revision) -> Edition:
    """Read a stored revision back. It was checked when applied, so a problem here is a bug or a damaged database."""
    from drip.authoring.definition import read_campaign, read_project

    definition, problems = read_project(revision.files)
    campaign: Campaign | None = None
    if definition is not None and revision.campaign:
        campaign, more = read_campaign(revision.files, revision.campaign, definition)
        problems = [*problems, *more]
    if definition is None or (revision.campaign and campaign is None):
        first = problems[0].message if problems else "it cannot be read"
        raise DripError(f"revision {revision.number} of `{revision.campaign or 'the project'}` is damaged: {first}")
    return Edition(revision, definition, campaign)


class Live:
    """Editions by revision, read once each."""

    def __init__(self) -> None:
        self._editions: dict[RevisionId, Edition] = {}
        self._renewed: dict[tuple[RevisionId, RevisionId], Edition] = {}

    def edition(self, work: Work, revision_id: RevisionId) -> Edition:
        """The edition of one revision. Raises NotFound through the store if there is none."""
        if revision_id not in self._editions:
            revision = work.revision(revision_id)
            if revision is None:
                raise DripError(f"revision {revision_id} is not in the database")
            self._editions[revision_id] = read_edition(revision)
        return self._editions[revision_id]

    def project(self, work: Work) -> Edition:
        """The live edition of the project itself: lists and drip's own posts. Raises NotApplied."""
        edition = self.campaign(work, "")
        if edition is None:
            raise NotApplied
        return edition

    def campaign(self, work: Work, name: str) -> Edition | None:
        """The live edition of a campaign ("" is the project), or None when it was never applied."""
        revision_id = work.live_ids().get(name)
        return None if revision_id is None else self.edition(work, revision_id)

    def of(self, work: Work, enrollment: Enrollment, live: Mapping[str, Edition] | None = None) -> Edition | None:
        """The edition that a passage goes by: the one that it keeps, else the live one of its campaign.

        `live` are the live ones by campaign, where they are at hand. Raises DripError if a kept one cannot be read.
        """
        if enrollment.revision_id is not None:
            return self.edition(work, enrollment.revision_id)
        return self.campaign(work, enrollment.campaign) if live is None else live.get(enrollment.campaign)

    def sequence_of(
        self, work: Work, enrollment: Enrollment, live: Mapping[str, Edition] | None = None
    ) -> Sequence | None:
        """The sequence that a passage goes through; None if it is gone.

        Also if the revision that it keeps cannot be read: no event, and least of all a "no", may fail for that.
        """
        try:
            edition = self.of(work, enrollment, live)
        except DripError:
            return None
        return edition.campaign.sequence_named(enrollment.sequence) if edition and edition.campaign else None

    def with_sessions_of(self, edition: Edition, live: Edition | None) -> Edition:
        """An edition that tells of the live webinar: an old text must not offer sessions that are gone or moved."""
        if live is None or live.campaign is None or live.campaign.webinar is None or edition.campaign is None:
            return edition
        if edition.campaign.webinar == live.campaign.webinar:
            return edition
        key = (edition.revision.id, live.revision.id)
        if key not in self._renewed:
            campaign = replace(edition.campaign, webinar=live.campaign.webinar)
            self._renewed[key] = Edition(edition.revision, edition.definition, campaign)
        return self._renewed[key]

    def campaigns(self, work: Work) -> list[Edition]:
        """The live editions of all campaigns, in the order of their names."""
        # Only the ids are asked for: the files of a revision are large, and read once.
        return [self.edition(work, revision_id) for name, revision_id in sorted(work.live_ids().items()) if name]
