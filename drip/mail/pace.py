"""A token bucket: so many messages a minute, with at most a second's worth at once.

Knows nothing of mail and never sleeps itself; the clock is given. Called by `drip.mail.smtp`.
"""

from __future__ import annotations

from collections.abc import Callable


class Pace:
    """Tokens grow with time; a taken token may be borrowed, then the next one is further away."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        if per_minute < 1:
            raise ValueError(f"a pace of {per_minute} a minute never sends anything")
        self._clock = clock
        self._per_second = per_minute / 60
        self._most = max(1.0, self._per_second)
        self._tokens = self._most
        self._filled_at = clock()

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._most, self._tokens + max(0.0, now - self._filled_at) * self._per_second)
        self._filled_at = now

    def at_hand(self) -> int:
        """How many messages may go at once."""
        self._fill()
        return max(0, int(self._tokens + 1e-9))

    def seconds_to_next(self) -> float:
        """How long until one message may go; 0 if one may go now."""
        self._fill()
        return max(0.0, (1 - 1e-9 - self._tokens) / self._per_second)

    def take(self) -> float:
        """Take a token for one message, in advance if need be; how many seconds that message has to wait."""
        seconds = self.seconds_to_next()
        self._tokens -= 1
        return seconds
