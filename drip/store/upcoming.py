"""What is next, of every kind of work at once: one statement, each part the first row of a partial index.

A tick asks this first, and then asks only about what is due. Never changes anything. Part of `Work`. Whatever makes
work due has its part here, and in `drip.store.glance`, which asks the same without SQLAlchemy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, literal_column, select

from drip.store.broadcasts import next_broadcast_statement
from drip.store.clicks import next_click_statement
from drip.store.deliveries import AT_WORK, next_due_statement
from drip.store.desk import UNCERTAIN_CONFIRMATION, next_end_statement
from drip.store.enrollments import next_wake_statement
from drip.store.prepared import prepared
from drip.store.schema import delivery, sent_before
from drip.store.transaction import Transaction
from drip.store.waiting import next_offer_statement


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The next moment of each kind of work; None: there is none.

    `lost_confirmation` is since when the oldest confirmation without a verdict has none; `is_claimed` says that some
    owner, alive or dead, has deliveries in hand, `is_restored` that a send journal knew more than this database.
    """

    wake: datetime | None
    session_end: datetime | None
    offer_end: datetime | None
    broadcast: datetime | None
    click: datetime | None
    lost_confirmation: datetime | None
    is_claimed: bool
    is_restored: bool
    delivery: datetime | None

    @property
    def moment(self) -> datetime | None:
        """The next moment at which a tick has something to do by itself."""
        moments = (self.wake, self.delivery, self.session_end, self.offer_end, self.broadcast, self.click)
        return min((each for each in moments if each is not None), default=None)


@prepared
def upcoming_statement() -> Any:
    """The columns of `Upcoming` in their order, with a column for each kind of delivery at the end."""
    lost = select(func.min(delivery.c.finished_at, type_=delivery.c.finished_at.type)).where(
        *UNCERTAIN_CONFIRMATION, delivery.c.attempt < bindparam("attempts")
    )
    one: ColumnElement[int] = literal_column("1")
    firsts = (
        *(each().statement for each in (next_wake_statement, next_end_statement, next_offer_statement)),
        next_broadcast_statement().statement,
        next_click_statement().statement,
        lost,
        select(one).select_from(delivery).where(AT_WORK).limit(1),
        select(one).select_from(sent_before).limit(1),
    )
    return select(*(each.scalar_subquery() for each in firsts), *next_due_statement().statement.selected_columns)


class Looking(Transaction):
    """The look of a tick."""

    def upcoming(self, attempts: int) -> Upcoming:
        """What is next. A confirmation that was tried `attempts` times is not tried again, whatever became of it."""
        row = self._all(upcoming_statement(), attempts=attempts)[0]
        wake, session_end, offer_end, broadcast, click, lost, is_claimed, is_restored, *firsts = row
        first = min((each for each in firsts if each is not None), default=None)
        return Upcoming(
            wake, session_end, offer_end, broadcast, click, lost, bool(is_claimed), bool(is_restored), first
        )
