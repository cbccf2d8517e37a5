"""Closed days and open hours, as data: what sequences, campaigns and evergreen webinars have in common.

Frozen data only, read from phrases by `drip.core.when` and `drip.core.limits`. Named once more in `drip.core.model`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time


@dataclass(frozen=True, slots=True)
class Closing:
    """`2026-12-24..2026-12-26`: days on which nothing leaves, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it is long."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Hours:
    """`weekdays 8:00-18:00`: the days (Monday is 0) and the wall-clock span in which a sequence may send.

    `closed` are the days of the calendar that are taken out of it: holidays.
    """

    phrase: str
    weekdays: frozenset[int]
    opens: time
    closes: time
    closed: tuple[Closing, ...] = ()

    def opens_on(self, day: date) -> bool:
        """Whether it opens at all on that day."""
        return day.weekday() in self.weekdays and not any(each.first <= day <= each.last for each in self.closed)
