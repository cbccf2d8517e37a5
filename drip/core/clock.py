"""Whether a machine's clock can be believed, by the moment of the last run.

Pure. A clock that jumps ahead makes everything late at once, one that jumps back makes it early; both happen on
machines with a flat battery, and in restored snapshots. Called by `drip run` and by the glance before it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

BACK_MAX = timedelta(hours=1)
"""Time servers correct by seconds, and machines that run on local time by an hour."""

AHEAD_MAX = timedelta(days=35)
"""Longer than any holiday of a machine; whoever was away that long looks before everything goes out."""


def doubt(now: datetime, last: datetime | None) -> str | None:
    """What is wrong with `now` if the last run was at `last`, in a sentence; None if nothing is."""
    if last is None:
        return None
    if now < last - BACK_MAX:
        return f"the clock shows {now:%Y-%m-%d %H:%M} UTC, and the last run was after that, at {last:%Y-%m-%d %H:%M}"
    if now > last + AHEAD_MAX:
        days = (now - last).days
        return f"the clock shows {now:%Y-%m-%d %H:%M} UTC, {days:,} days after the last run"
    return None
