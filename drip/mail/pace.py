"""Keeps a relay's pace: a message may go when the purse has leave for it. The purse is shared by all runs.

Leave is drawn for many messages at once, so that it costs nothing for each; that for urgent messages (confirmations,
reminders) apart, as a part of each day is kept for them, and others wait until none of them does. Knows no store and no
clock: the purse does. Wraps any transport; made by `drip.project`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from drip.errors import QuotaKept, QuotaUsed
from drip.mail.transport import Before, Transport

DRAWN_AT_ONCE = 50
"""Leave for so many messages is drawn at once: what a run that is killed may waste of a day's quota."""


LANES_PER_PACE = 12
"""One lane for so many messages a minute: each may take five seconds on its way."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What a purse gave: leave for so many messages; none: ask again in `seconds`, or not today, for that reason.

    `is_kept`: something is left of the day for urgent messages. `is_awaited`: and there are some now.
    """

    granted: int
    seconds: float = 0.0
    spent: str = ""
    is_kept: bool = False
    is_awaited: bool = False


class Purse(Protocol):
    """Where leave comes from."""

    def draw(self, wanted: int, *, urgent: bool = False) -> Draw:
        """Leave for up to `wanted` messages that may go now. Raises CannotRecord."""

    def give_back(self, unused: int) -> None:
        """Leave that was drawn and is not needed."""


class Paced(Before):
    """A transport that lets a message go only with leave."""

    def __init__(self, transport: Transport, purse: Purse, per_minute: int | None = None) -> None:
        super().__init__(transport)
        self._most_lanes = max(1, per_minute // LANES_PER_PACE) if per_minute else None
        self._purse = purse
        self._leave = {True: 0, False: 0}
        self._turns = {True: asyncio.Lock(), False: asyncio.Lock()}
        self._urgent = 0
        self._nobody_urgent = asyncio.Event()
        self._nobody_urgent.set()

    @property
    def lanes(self) -> int:
        """Those of the transport, or fewer: what is claimed for a slow relay keeps more urgent mail waiting."""
        return min(self._transport.lanes, self._most_lanes or self._transport.lanes)

    def at_hand(self, *, urgent: bool = False) -> bool:
        """Whether a message may go at once. Raises QuotaUsed."""
        return self._seconds(urgent) == 0.0

    def _pool(self, urgent: bool) -> bool:
        """Which leave a message uses up: an urgent one also what was drawn for the others."""
        return urgent and not self._leave[False]

    def _seconds(self, urgent: bool) -> float:
        """How many seconds until there may be leave; 0 when there is some. Raises QuotaUsed."""
        if self._leave[self._pool(urgent)]:
            return 0.0
        draw = self._purse.draw(DRAWN_AT_ONCE, urgent=urgent)
        if draw.spent:
            raise (QuotaKept if draw.is_kept else QuotaUsed)(draw.spent)
        self._leave[urgent] += draw.granted
        return 0.0 if draw.granted else max(draw.seconds, 0.001)

    async def open(self) -> None:
        """Open the relay, if it may be used now. Raises QuotaUsed, RelayUnreachable."""
        draw = self._purse.draw(DRAWN_AT_ONCE)
        # What is kept for urgent messages opens it for them alone: nobody logs in every minute to send nothing.
        if draw.spent and not draw.is_awaited:
            raise (QuotaKept if draw.is_kept else QuotaUsed)(draw.spent)
        self._leave[False] += draw.granted
        await self._transport.open()

    async def ready(self, wanted: int, *, urgent: bool = False) -> int:
        """Wait for the relay, then for its pace; leave for one message is then taken."""
        await self._transport.ready(wanted, urgent=urgent)
        if urgent:
            self._urgent += 1
            self._nobody_urgent.clear()
        try:
            async with self._turns[urgent]:
                await self._wait(urgent)
                self._leave[self._pool(urgent)] -= 1
        finally:
            if urgent:
                self._urgent -= 1
                if not self._urgent:
                    self._nobody_urgent.set()
        return 1

    async def _wait(self, urgent: bool) -> None:
        while True:
            if not urgent:
                await self._nobody_urgent.wait()
            seconds = self._seconds(urgent)
            if not seconds:
                return
            await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Close the relay, and give back what was not needed."""
        unused = sum(self._leave.values())
        self._leave = {True: 0, False: 0}
        if unused:
            self._purse.give_back(unused)
        await self._transport.close()
