"""Whether the reminders of a session can all leave in time at the pace of the relays. Pure.

Reminders go before newsletters, so only the pace and the day's quota hold them up; the paces of single domains are not
counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Rush:
    """One reminder of one session: to so many readers, between its moment and the last at which it is good."""

    campaign: str
    post: str
    session: str
    due_at: datetime
    until: datetime
    readers: int

    def in_time(self, per_minute: int | None, left: int | None) -> int:
        """How many of them get it in time; `left` is what the quota lets through."""
        most = self.readers
        if per_minute is not None:
            most = min(most, max(0, (self.until - self.due_at) // MINUTE) * per_minute)
        return most if left is None else min(most, left)
