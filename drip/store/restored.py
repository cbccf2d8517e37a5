"""What a send journal knew and this database did not: asked at the start, written by a repair. Part of `Work`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Table, delete, func, literal, select, update

from drip.core.delivery import DeliveryState
from drip.core.records import Delivery
from drip.store.columns import Moment, among
from drip.store.deliveries import DELIVERY, DUE
from drip.store.schema import delivery, send_journal, sent_before
from drip.store.transaction import Transaction, insert_into

RESTORED: Final = "restored"
OPEN = (DeliveryState.DUE, DeliveryState.CLAIMED, DeliveryState.SENDING, DeliveryState.UNCERTAIN, DeliveryState.HELD)
"""States that the journal may know better than; what the database has ended stays as it is."""


class Restored(Transaction):
    """Methods about send journals."""

    def attempts_on(self, occasion: str, mailboxes: Collection[str]) -> Mapping[str, int]:
        """The highest attempt that was ever granted on an occasion, for those mailboxes that have one."""
        found = dict(self.attempts_before(occasion, mailboxes))
        for mailbox, attempt in self._attempts(delivery, occasion, mailboxes):
            found[mailbox] = max(attempt, found.get(mailbox, 0))
        return found

    def attempts_before(self, occasion: str, mailboxes: Collection[str]) -> Mapping[str, int]:
        """The same, of what a repair noted without a delivery."""
        return dict(self._attempts(sent_before, occasion, mailboxes))

    def _attempts(self, table: Table, occasion: str, mailboxes: Collection[str]) -> Sequence[tuple[str, int]]:
        statement = select(table.c.mailbox, table.c.attempt).where(
            table.c.occasion == occasion, among(table.c.mailbox, "mailboxes", self._postgres)
        )
        return [(mailbox, attempt) for mailbox, attempt in self._all(statement, mailboxes=mailboxes)]

    def deliveries_on(self, occasion: str, mailboxes: Collection[str]) -> Sequence[Delivery]:
        """The deliveries of an occasion to those mailboxes."""
        statement = select(*DELIVERY).where(
            delivery.c.occasion == occasion, among(delivery.c.mailbox, "mailboxes", self._postgres)
        )
        return [Delivery(*row) for row in self._all(statement, mailboxes=mailboxes)]

    def restore(self, id: int, state: DeliveryState, attempt: int, at: datetime) -> bool:
        """Whether this delivery, which is behind the journal, became what the journal knows of it."""
        values: dict[str, Any] = {
            "attempt": attempt,
            "first_marked_at": func.coalesce(delivery.c.first_marked_at, literal(at, Moment())),
            "marked_at": at,
            "owner": None,
            "state": state,
        }
        if state is not DeliveryState.DUE:
            values |= {"reason": RESTORED, "finished_at": at}
        behind = (delivery.c.id == id, delivery.c.attempt <= attempt, delivery.c.state.in_(OPEN))
        return self._changed(update(delivery).where(*behind).values(values)) > 0

    def note_sent_before(self, rows: Sequence[tuple[str, str, DeliveryState, int, datetime]]) -> None:
        """Keep (occasion, mailbox, state, attempt, moment) that the journal knows and that have no delivery here."""
        statement = insert_into(sent_before, self._postgres)
        changed = {name: statement.excluded[name] for name in ("state", "attempt", "at")}
        statement = statement.on_conflict_do_update(index_elements=["occasion", "mailbox"], set_=changed)
        names = [each.name for each in sent_before.c]
        if rows:
            self._run(statement, [dict(zip(names, row, strict=True)) for row in rows])

    def planned_again(self, limit: int) -> Sequence[tuple[Delivery, DeliveryState, int, datetime]]:
        """Due deliveries that a journal knew, with what it knew: the state, the attempt and the moment."""
        same = (delivery.c.occasion == sent_before.c.occasion, delivery.c.mailbox == sent_before.c.mailbox)
        known = (sent_before.c.state, sent_before.c.attempt, sent_before.c.at)
        statement = (
            select(*known, *DELIVERY)
            .where(*same, delivery.c.state == DUE, sent_before.c.state != DUE)
            .order_by(delivery.c.id)
            .limit(limit)
        )
        return [(Delivery(*row[3:]), *row[:3]) for row in self._all(statement)]

    # --- several machines ---

    def see_journal(self, place: str, now: datetime, *, awaited: bool = False) -> None:
        """Remember that a machine keeps a send journal there, and whether it is awaited to be compared."""
        statement = insert_into(send_journal, self._postgres).values(place=place, seen_at=now, awaited=awaited)
        changed = {"seen_at": now, "awaited": awaited}
        self._run(statement.on_conflict_do_update(index_elements=["place"], set_=changed))

    def await_other_journals(self, place: str) -> None:
        """After a repair with one journal: the others have to be compared, too."""
        self._run(update(send_journal).where(send_journal.c.place != place).values(awaited=True))

    def forget_journal(self, place: str) -> bool:
        """Whether there was such a place; it is awaited no longer."""
        return self._changed(delete(send_journal).where(send_journal.c.place == place)) > 0

    def journals(self) -> Mapping[str, tuple[datetime, bool]]:
        """Every place of a send journal: when it was last seen, and whether it is awaited."""
        rows = self._all(select(send_journal).order_by(send_journal.c.place))
        return {row.place: (row.seen_at, row.awaited) for row in rows}
