"""The rule of an evergreen webinar, as data: when a session may begin. Each session is made from its name alone.

`2026-12-08-1700z` is the session that begins on 8 December 2026 at 17:00 UTC: whoever picked it keeps it, whatever the
author does to the rule afterwards. What a rule offers to whom is in `drip.core.offers`. Pure, as all of the core is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from drip.core.holding import Session
from drip.core.hours import Closing, Hours

NAME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})-([0-9]{2})([0-9]{2})z")


@dataclass(frozen=True, slots=True)
class Starts:
    """`tuesday 18:00`, `daily 10:00, 19:00 reader's time`: the days (Monday is 0) and clocks at which sessions begin.

    They are clocks of the campaign, or with `readers_time` of whoever looks.
    """

    phrase: str
    weekdays: frozenset[int]
    clocks: tuple[time, ...]
    readers_time: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """When a session of an evergreen webinar may begin, on the clocks of `zone`, the campaign's.

    `soon` is the raster of the next start, such as every quarter of an hour; None where nothing begins between the
    regular ones. `hours` are those in which such a start is offered, and `closed` the days without any session.
    """

    zone: str
    starts: tuple[Starts, ...] = ()
    soon: timedelta | None = None
    hours: Hours | None = None
    closed: tuple[Closing, ...] = ()

    def session(self, name: str, length: timedelta) -> Session | None:
        """The session of that name, or None where it is not the name of a moment."""
        starts = start_of(name)
        return None if starts is None else self.session_at(starts, length)

    def session_at(self, starts: datetime, length: timedelta) -> Session:
        """The session that begins at that moment."""
        wall = starts.astimezone(ZoneInfo(self.zone))
        return Session(name_of(starts), starts, starts + length, f"{wall:%Y-%m-%d %H:%M}", self.zone, recorded=True)


def name_of(starts: datetime) -> str:
    """`2026-12-08-1700z`: the name of the session that begins then. Starts are whole minutes."""
    return f"{starts.astimezone(UTC):%Y-%m-%d-%H%Mz}"


def start_of(name: str) -> datetime | None:
    """The moment that a name tells, or None where it tells none."""
    found = NAME.fullmatch(name)
    try:
        moment = datetime(*map(int, found.groups()), tzinfo=UTC) if found else None  # type: ignore[misc, arg-type]
    except ValueError:
        return None
    # Moments near the edges of the calendar cannot be moved between zones.
    return moment if moment is not None and 1970 <= moment.year <= 9000 else None
