"""How fast a relay or a domain is mailed: a token bucket, a quota a day and a warm-up that doubles. Pure.

The bucket is one moment: from when the next message may go. It never saves up more than a burst, so a clock that
steps or a long rest opens no floodgate. The store keeps one row for each, so that all runs share it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from drip.core.model import RESERVE_PERCENT

SKEW_MAX = timedelta(minutes=10)
"""A moment further ahead than this was left by a clock that was wrong."""

DOUBLINGS_MAX = 24  # 50 a day is then 800 million a day


@dataclass(frozen=True, slots=True)
class Terms:
    """What is allowed: messages a minute, at most `burst_seconds` of them at once; a day; and on the first day.

    Of a day's messages `reserve`, else `reserve_percent` of them, are for confirmations and reminders alone.
    """

    per_minute: int | None = None
    quota: int | None = None
    warm_up: int | None = None
    burst_seconds: int = 1
    reserve: int | None = None
    reserve_percent: int = RESERVE_PERCENT

    def __bool__(self) -> bool:
        """Whether anything is restricted at all."""
        return bool(self.per_minute or self.quota or self.warm_up)

    @property
    def interval(self) -> timedelta:
        """The time from one message to the next."""
        return timedelta(minutes=1) / self.per_minute if self.per_minute else timedelta(0)

    @property
    def burst(self) -> int:
        """How many may go at once after a rest."""
        return max(1, (self.per_minute or 0) * self.burst_seconds // 60)


@dataclass(frozen=True, slots=True)
class Count:
    """Where a relay or domain stands. `days_before` are earlier days on which it was used."""

    free_at: datetime
    day: str = ""
    used: int = 0
    days_before: int = 0


@dataclass(frozen=True, slots=True)
class Leave:
    """How many messages may go now; if that is fewer than asked for, when to ask again.

    `is_spent`: the day's allowance is the reason, not the pace; `kept` of it are left, for more urgent messages.
    """

    granted: int
    again_at: datetime | None = None
    is_spent: bool = False
    kept: int = 0


def allowance(terms: Terms, days_before: int) -> int | None:
    """How many messages that day may have: the quota, or less while warming up. None: any number."""
    if terms.warm_up is None:
        return terms.quota
    grown: int = terms.warm_up * 2 ** min(days_before, DOUBLINGS_MAX)
    return grown if terms.quota is None else min(grown, terms.quota)


def kept_back(terms: Terms, most: int, planned: int) -> int:
    """How many of a day's messages newsletters leave alone: those of the reserve, and `planned` urgent ones."""
    reserve = most * terms.reserve_percent // 100 if terms.reserve is None else terms.reserve
    return min(most, reserve + planned)


def day_of(now: datetime, zone: str) -> tuple[str, datetime]:
    """The day on that zone's calendar, and the moment at which the next one begins."""
    tz = ZoneInfo(zone)
    today: date = now.astimezone(tz).date()
    return today.isoformat(), datetime.combine(today + timedelta(days=1), time(0), tz).astimezone(UTC)


def today(count: Count, day: str) -> Count:
    """The count as of that day. Only days on which something went count as days of the warm-up."""
    if day <= count.day:  # a clock that went back by a day does not begin a day anew
        return count
    return replace(count, day=day, used=0, days_before=count.days_before + (count.used > 0))


def take(terms: Terms, count: Count, wanted: int, now: datetime, zone: str, *, kept: int = 0) -> tuple[Count, Leave]:
    """Take leave for up to `wanted` messages; the new count, and what was granted.

    The last `kept` of the day are not for these messages.
    """
    day, tomorrow = day_of(now, zone)
    count = today(count, day)
    most = allowance(terms, count.days_before)
    left = wanted if most is None else max(0, min(wanted, most - kept - count.used))
    if not left:
        return count, Leave(0, tomorrow, is_spent=True, kept=max(0, (most or 0) - count.used))
    interval = terms.interval
    if not interval:
        return replace(count, used=count.used + left), Leave(left)
    free_at = count.free_at if count.free_at - now <= max(SKEW_MAX, 2 * interval) else now
    free_at = max(free_at, now - (terms.burst - 1) * interval)
    at_hand = (now - free_at) // interval + 1 if free_at <= now else 0
    granted = min(left, at_hand)
    free_at += granted * interval
    again_at = free_at if granted < wanted else None
    return replace(count, free_at=free_at, used=count.used + granted), Leave(granted, again_at)


def give_back(terms: Terms, count: Count, unused: int, now: datetime, zone: str) -> Count:
    """Leave that was taken and not used, on the same day."""
    day, _ = day_of(now, zone)
    if day != count.day or not unused:
        return count
    return replace(count, free_at=count.free_at - unused * terms.interval, used=max(0, count.used - unused))
