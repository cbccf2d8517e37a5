"""Whether the reminders of a session can all leave in time at the pace of the relays. Pure.

Reminders go before newsletters, so only the pace and the day's quota hold them up; the paces of single domains are not
counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from drip.core.model import Relay

MINUTE = timedelta(minutes=1)


def in_use(relays: Sequence[Relay]) -> Sequence[Relay]:
    """Those that share the messages; the others follow when these are away."""
    return [each for each in relays if each.weight] or relays[:1]


def together(relays: Sequence[Relay]) -> int | None:
    """How many messages a minute they take together; None: as many as there are."""
    paces = [each.pace_per_minute for each in in_use(relays)]
    return sum(each or 0 for each in paces) if paces and all(paces) else None


@dataclass(frozen=True, slots=True)
class Rush:
    """One reminder of one session: to so many readers, between its beginning and the last moment at which it is good.

    `written` is its moment as the author wrote it.
    """

    campaign: str
    post: str
    session: str
    due_at: datetime
    until: datetime
    readers: int
    written: datetime | None = None

    @property
    def is_early(self) -> bool:
        """Whether it begins before the moment that the author wrote."""
        return self.written is not None and self.due_at < self.written

    def in_time(self, per_minute: int | None, left: int | None) -> int:
        """How many of them get it in time; `left` is what the quota lets through."""
        most = self.readers
        if per_minute is not None:
            most = min(most, max(0, (self.until - self.due_at) // MINUTE) * per_minute)
        return most if left is None else min(most, left)
