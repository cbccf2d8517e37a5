"""Whether more drip mails are due at once than this project usually sends: the guard before a flood (rule 15).

Pure. A clock that jumped, a restored database, a delay that was shortened or a list that was imported can make
thousands of mails due in one minute. Broadcasts are announced by `plan`, `apply` and `send`, and what readers have
registered for must not wait, so neither is counted. Called by `drip.engine.bursting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

TIMES = 5
"""So many times the usual volume are too many, unless `burst:` says otherwise."""

ALWAYS_ALLOWED = 200
"""So few are never asked about: a quiet project has no usual volume, and nobody is harmed by as many mails."""

LOOKED_BACK = timedelta(days=28)
"""Whole weeks, so that every weekday is in it as often as the others."""


@dataclass(frozen=True, slots=True)
class Burst:
    """So many drip mails are due at once; `usual` are those of a usual day."""

    due: int
    usual: int

    @property
    def text(self) -> str:
        """What happened, in one sentence."""
        past = f"a usual day has {self.usual:,}" if self.usual else "none was sent in the last four weeks"
        return f"{self.due:,} drip mails were due at once, and {past}"


def usual_of(days: Sequence[int]) -> int:
    """The volume of a usual day: of the days on which something was sent, three in four sent no more than that.

    Neither the one day of a flood nor the many on which nothing is due say what is usual. One run is held against a
    whole day, because everybody whose mail is due at 9:30 is due in the same run.
    """
    counted = sorted(each for each in days if each)
    return counted[(3 * len(counted) - 1) // 4] if counted else 0


def allowed(usual: int, times: int) -> int:
    """How many may be due at once."""
    return max(ALWAYS_ALLOWED, times * usual)
