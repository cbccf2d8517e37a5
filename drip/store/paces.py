"""The paces that all runs share, one row for each relay and domain. Part of `Work`."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, select

from drip.core.pace import Count
from drip.store.schema import pace
from drip.store.transaction import Transaction, insert_into

RESTED = timedelta(days=1)


@cache
def pace_statement(*, held: bool) -> Select[Any]:
    """The row; held until the end of the transaction: who takes leave next sees what we took."""
    statement = select(pace.c.free_at, pace.c.day, pace.c.used, pace.c.days_before)
    statement = statement.where(pace.c.name == bindparam("of"))
    return statement.with_for_update() if held else statement


class Paces(Transaction):
    """Methods about paces."""

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
