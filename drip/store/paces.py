"""The paces that all runs share, one row for each relay and domain. Part of `Work`."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, select

from drip.core.pace import Count
from drip.core.records import Kind
from drip.store.columns import ranked
from drip.store.deliveries import AT_WORK, CLAIMED, DUE
from drip.store.prepared import prepared
from drip.store.schema import delivery, pace
from drip.store.transaction import Transaction, insert_into

RESTED = timedelta(days=1)
URGENT = tuple(each for each in Kind if each.is_urgent)


@cache
def pace_statement(*, held: bool) -> Select[Any]:
    """The row; held until the end of the transaction: who takes leave next sees what we took."""
    statement = select(pace.c.free_at, pace.c.day, pace.c.used, pace.c.days_before)
    statement = statement.where(pace.c.name == bindparam("of"))
    return statement.with_for_update() if held else statement


@prepared
def urgent_statement() -> Select[Any]:
    """The confirmations and reminders that are due by a moment, and those that some run has in hand, by the partial
    indexes `delivery_due` and `delivery_owner`."""
    due = (
        select(func.count())
        .select_from(delivery)
        .where(
            delivery.c.state == DUE,
            delivery.c.paused_at.is_(None),
            delivery.c.kind == ranked(each),
            delivery.c.due_at <= bindparam("by", type_=delivery.c.due_at.type),
        )
        .scalar_subquery()
        for each in URGENT
    )
    in_hand = (
        select(func.count())
        .select_from(delivery)
        .where(AT_WORK, delivery.c.state == CLAIMED, delivery.c.kind.in_([ranked(each) for each in URGENT]))
        .scalar_subquery()
    )
    return select(*due, in_hand)


class Paces(Transaction):
    """Methods about paces."""

    def count_urgent(self, by: datetime) -> int:
        """How many confirmations and reminders wait to be sent by then."""
        return sum(self._all(urgent_statement(), by=by)[0])

    def pace(self, name: str, now: datetime) -> Count:
        """Where a relay or domain stands; a new one has rested for long."""
        row = self._first(pace_statement(held=False), of=name)
        return Count(now - RESTED) if row is None else Count(*row)

    def hold_pace(self, name: str, now: datetime) -> Count:
        """The same, and nobody else takes leave until the end of this transaction."""
        fresh = {"name": name, "free_at": now - RESTED, "day": "", "used": 0, "days_before": 0}
        self._run(insert_into(pace, self._postgres).on_conflict_do_nothing(index_elements=["name"]), fresh)
        row = self._first(pace_statement(held=True), of=name)
        assert row is not None, "it was put there just now, and rows of this table are never removed"
        return Count(*row)

    def put_pace(self, name: str, count: Count) -> None:
        """Keep where it stands now."""
        values = {"free_at": count.free_at, "day": count.day, "used": count.used, "days_before": count.days_before}
        self._run(pace.update().where(pace.c.name == name).values(values))
