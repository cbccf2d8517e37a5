"""Fast time: a clock that is set, and the walk that lets an engine live through a stretch of it.

The engine does not know the difference: it is the real one, and it gets its moments from here. Called by the
sandbox (whose clock a person pushes forward) and by the demo.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from drip.engine.engine import Engine, Ticked

MOMENTS_MAX = 100_000
"""More due moments than this in one walk is a bug, not a campaign."""


class FastClock:
    """A clock that stands still until it is set. It never goes back."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The moment it was set to."""
        return self._now

    def set(self, moment: datetime) -> None:
        """Go forward to `moment`; an earlier one changes nothing."""
        self._now = max(self._now, moment.astimezone(UTC))


class Clock(Protocol):
    """A clock that can be pushed forward."""

    def now(self) -> datetime:
        """This moment, in UTC."""
        ...

    def set(self, moment: datetime) -> None:
        """Go forward to `moment`."""
        ...


class ShiftedClock:
    """Another clock, some time ahead: it runs on by itself and can be pushed forward, never back."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._real = now
        self._ahead = timedelta()

    def now(self) -> datetime:
        """The shifted moment."""
        return self._real() + self._ahead

    def set(self, moment: datetime) -> None:
        """Go forward to `moment`; an earlier one changes nothing."""
        self._ahead += max(timedelta(), moment - self.now())


def next_moment(engine: Engine) -> datetime | None:
    """The next moment at which a tick has something to do, or None when nothing is planned."""
    return engine.look().moment


def live_until(
    engine: Engine,
    clock: Clock,
    until: datetime,
    tick: Callable[[datetime], Ticked],
    *,
    after: Callable[[datetime], datetime] | None = None,
) -> int:
    """Let time pass up to `until`, stopping at each moment that has something due. Returns the number of ticks.

    `after` is called after each tick with its moment, and may lower the horizon (people act on what they got).
    """
    ticks = 0
    horizon = until
    while True:
        moment = next_moment(engine)
        if moment is None or moment > horizon:
            clock.set(horizon)
            return ticks
        clock.set(moment)
        tick(clock.now())
        ticks += 1
        if after is not None:
            horizon = min(horizon, after(clock.now()))
        # A moment that stays due after its tick (a relay that is down) must not hold time still.
        again = next_moment(engine)
        if again is not None and again <= clock.now():
            clock.set(clock.now() + timedelta(minutes=1))
        assert ticks < MOMENTS_MAX, "time does not pass"
