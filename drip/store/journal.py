"""The log of facts and the list of runs. Only ever grows. Part of `Work`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from drip.core.records import LogEntry, RunRecord, SubscriberId
from drip.store.prepared import prepared
from drip.store.schema import log, run
from drip.store.transaction import Row_, Transaction, insert_rows

RUN = (run.c.id, run.c.started_at, run.c.finished_at, run.c.owner, run.c.sent, run.c.note)


@prepared
def log_statement(postgres: bool) -> Any:
    """Facts."""
    return insert_rows(log, postgres)


class Journal(Transaction):
    """Methods about the journal."""

    def log(self, entries: Iterable[LogEntry]) -> None:
        """Adds facts."""
        rows = [
            {
                "at": each.at,
                "kind": each.kind,
                "subscriber_id": each.subscriber_id,
                "campaign": each.campaign,
                "subject": each.subject,
                "reason": each.reason,
                "detail": each.detail,
            }
            for each in entries
        ]
        self._insert(log_statement, rows)

    def entries(
        self, since: datetime | None = None, subscriber_id: SubscriberId | None = None, limit: int = 1000
    ) -> Sequence[LogEntry]:
        """The latest facts, the oldest of them first; since a moment, or about one person."""
        statement = select(log).order_by(log.c.id.desc()).limit(limit)
        if since is not None:
            statement = statement.where(log.c.at >= since)
        if subscriber_id is not None:
            statement = statement.where(log.c.subscriber_id == subscriber_id)
        return [
            LogEntry(row.at, row.kind, row.subscriber_id, row.campaign, row.subject, row.reason, row.detail, row.id)
            for row in reversed(self._all(statement))
        ]

    def start_run(self, owner: str, now: datetime) -> int:
        """A new run's id."""
        statement = insert(run).values(owner=owner, started_at=now).returning(run.c.id)
        return int(self._value(statement))

    def finish_run(self, id: int, now: datetime, sent: int, note: str) -> None:
        """The run ended by itself. One that was killed never gets here."""
        self._run(update(run).where(run.c.id == id).values(finished_at=now, sent=sent, note=note))

    def last_run(self) -> RunRecord | None:
        """The run that began last."""
        row: Row_ | None = self._first(select(*RUN).order_by(run.c.id.desc()).limit(1))
        return None if row is None else RunRecord(*row)
