"""How many drip mails and newsletters one person gets at most, and which of them go first (DESIGN §7 rule 12).

Pure, about days and numbers alone: whose days they are, and what counts, is known to `drip.engine.capping`.

A week is any seven days in a row, not one that begins on a Monday: three mails from Friday to Sunday and three more
from Monday to Wednesday are six in as many days to the one who gets them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

WEEK_DAYS = 7
DAY = timedelta(days=1)

LOW, NORMAL, HIGH = 25, 50, 75
PRIORITY_MAX = 100


@dataclass(frozen=True, slots=True)
class AtMost:
    """`1 a day, 3 a week`: so many mails to one person on a day of theirs, and in any seven; one at least is given."""

    phrase: str
    day: int | None = None
    week: int | None = None

    def room_on(self, day: date, counted: Mapping[date, int]) -> int:
        """How many more may go on that day, if so many went, or are about to go, on the days around it."""
        rooms = [] if self.day is None else [self.day - counted.get(day, 0)]
        if self.week is not None:
            # Also the weeks that end later: a clock that was put back has seen days that are yet to come.
            around = [counted.get(day + DAY * away, 0) for away in range(1 - WEEK_DAYS, WEEK_DAYS)]
            rooms += [self.week - sum(around[first : first + WEEK_DAYS]) for first in range(WEEK_DAYS)]
        return max(0, min(rooms))

    def next_day(self, after: date, counted: Mapping[date, int]) -> date:
        """The first day after that one on which there is room."""
        day = after + DAY
        while not self.room_on(day, counted):
            day += DAY
        return day

    def reason_on(self, day: date, counted: Mapping[date, int]) -> str:
        """Which of the limits leaves no room on that day, as the author would say it."""
        if self.day is not None and counted.get(day, 0) >= self.day:
            return f"{self.day} a day"
        return self.phrase if self.week is None else f"{self.week} a week"


@dataclass(frozen=True, slots=True)
class Contender:
    """A mail that is due for one person. `kind` is its place in the order in which kinds leave."""

    id: int
    priority: int
    planned_at: datetime
    kind: int

    @property
    def rank(self) -> tuple[int, datetime, int, int]:
        """Sorts the one that goes first to the front: by priority; in a tie the one that has waited longest."""
        return (-self.priority, self.planned_at, self.kind, self.id)


def first_of(contenders: Iterable[Contender], room: int) -> Sequence[Contender]:
    """Those that go, if there is room for so many."""
    return sorted(contenders, key=lambda each: each.rank)[:room]
