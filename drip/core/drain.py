"""When what becomes due has left: mails at their moments against the pace and the quota of the relays. Pure.

All relays are taken as one with the quotas of all of them. A warm-up grows by each day on which something leaves. The
paces of single domains are not counted, and tries that a relay puts off are not foreseen. Called by the forecast of
`drip plan --days`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from drip.core.pace import Terms, allowance

MINUTE = timedelta(minutes=1)
DAYS_MAX = 3_660
"""A queue that has not drained after so many days never does: the quota is less than nothing."""


@dataclass(frozen=True, slots=True)
class Tap:
    """What the relays let through: so many a minute (None: any number), and their terms for a day, with what each had
    today and the days of its warm-up before.
    """

    per_minute: int | None
    terms: Sequence[Terms]
    used: Sequence[int]
    days_before: Sequence[int]

    def a_day(self, days: int) -> int | None:
        """What may leave on a day after so many more days on which something left."""
        found = [allowance(each, before + days) for each, before in zip(self.terms, self.days_before, strict=True)]
        return None if None in found or not found else sum(each or 0 for each in found)

    def __bool__(self) -> bool:
        """Whether it ever holds anything back."""
        return self.per_minute is not None or self.a_day(0) is not None


@dataclass(frozen=True, slots=True)
class Jam:
    """A day on which mails wait for the relays: over midnight, or for more than an hour.

    `due` became due on it, `left` left on it, `waiting` still wait at its end. `gone_at` is when the last one of this
    queue had left, which may be days later.
    """

    day: date
    due: int
    left: int
    waiting: int
    gone_at: datetime


SLOW = timedelta(hours=1)
"""A shorter queue is no news."""


def jams(due: Mapping[datetime, int], tap: Tap, start: datetime, zone: str) -> list[Jam]:
    """The days on which the relays do not keep up, in order, on the calendar of the zone."""
    waiting = sorted((max(at, start), number) for at, number in due.items() if number)
    if not waiting or not tap:
        return []
    waiting.reverse()
    walk = _Walk(tap, start)
    local = start.astimezone(ZoneInfo(zone)).date()
    for _ in range(DAYS_MAX):
        midnight = datetime.combine(local + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)
        walk.begin(local)
        while waiting and waiting[-1][0] < midnight:
            at, number = waiting.pop()
            walk.pass_to(at)
            walk.arrive(number)
        walk.pass_to(midnight)
        walk.end()
        if not waiting and not walk.queue:
            break
        local += timedelta(days=1)
    return walk.found


class _Walk:
    """From moment to moment, with the mails that wait as one number: which of them goes first does not matter here."""

    def __init__(self, tap: Tap, start: datetime) -> None:
        self.found: list[Jam] = []
        self.queue = 0.0
        self._tap = tap
        self._now = start
        self._days = 0
        self._used = float(sum(tap.used))
        self._since: datetime | None = None
        self._open: list[Jam] = []
        self._day = date.min
        self._due = self._left = self._room = 0.0

    def begin(self, day: date) -> None:
        """Another day, with its own quota."""
        self._day, self._due, self._left = day, 0.0, 0.0
        quota = self._tap.a_day(self._days)
        self._room = math.inf if quota is None else max(0.0, quota - self._used)

    def arrive(self, number: int) -> None:
        """So many become due now."""
        self._due += number
        self.queue += number
        self._since = self._since or self._now

    def pass_to(self, moment: datetime) -> None:
        """Let leave what can until then."""
        rate = self._tap.per_minute
        span = (moment - self._now) / MINUTE
        can = min(self._room, math.inf if rate is None else rate * span)
        gone = min(self.queue, can)
        self.queue, self._room = self.queue - gone, self._room - gone
        self._left += gone
        if self._since is not None and self.queue < 0.5:
            empty_at = self._now + (gone / rate * MINUTE if rate else timedelta())
            self._finish(empty_at, is_slow=empty_at - self._since > SLOW)
        self._now = moment

    def _finish(self, at: datetime, *, is_slow: bool) -> None:
        """The queue is empty."""
        if self._open or is_slow:
            today = Jam(self._day, round(self._due), round(self._left), 0, at)
            self.found += [replace(each, gone_at=at) for each in self._open]
            if self.found and self.found[-1].day == self._day:
                self.found.pop()  # a second queue on the same day
            self.found.append(today)
        self.queue, self._since, self._open = 0.0, None, []

    def end(self) -> None:
        """Midnight."""
        if self.found and self.found[-1].day == self._day:
            # Also what came and went after the queue of that day.
            self.found[-1] = replace(self.found[-1], due=round(self._due), left=round(self._left))
        if self.queue:
            self._open.append(Jam(self._day, round(self._due), round(self._left), round(self.queue), self._now))
        self._days += self._left + self._used > 0
        self._used = 0.0
