"""Keeps a relay's pace: a message may go when the purse has leave for it. The purse is shared by all runs.

Leave is drawn for many messages at once, so that it costs nothing for each. Knows no store and no clock: the purse
does. Wraps any transport; made by `drip.project`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from drip.errors import QuotaUsed
from drip.mail.transport import Before, Transport

DRAWN_AT_ONCE = 50
"""Leave for so many messages is drawn at once: what a run that is killed may waste of a day's quota."""


LANES_PER_PACE = 12
"""One lane for so many messages a minute: each may take five seconds on its way."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What a purse gave: leave for so many messages; none: ask again in `seconds`, or not today, for that reason."""

    granted: int
    seconds: float = 0.0
    spent: str = ""


class Purse(Protocol):
    """Where leave comes from."""

    def draw(self, wanted: int) -> Draw:
        """Leave for up to `wanted` messages that may go now. Raises CannotRecord."""

    def give_back(self, unused: int) -> None:
        """Leave that was drawn and is not needed."""


class Paced(Before):
    """A transport that lets a message go only with leave."""

    def __init__(self, transport: Transport, purse: Purse, per_minute: int | None = None) -> None:
        super().__init__(transport)
        self._most_lanes = max(1, per_minute // LANES_PER_PACE) if per_minute else None
        self._purse = purse
        self._leave = 0
        self._turn = asyncio.Lock()

    @property
    def lanes(self) -> int:
        """Those of the transport, or fewer: what is claimed for a slow relay keeps more urgent mail waiting."""
        return min(self._transport.lanes, self._most_lanes or self._transport.lanes)

    def at_hand(self) -> bool:
        """Whether a message may go at once. Raises QuotaUsed."""
        return self._draw() == 0.0

    def _draw(self) -> float:
        """How many seconds until there may be leave; 0 when there is some. Raises QuotaUsed."""
        if self._leave:
            return 0.0
        draw = self._purse.draw(DRAWN_AT_ONCE)
        if draw.spent:
            raise QuotaUsed(draw.spent)
        self._leave += draw.granted
        return 0.0 if self._leave else max(draw.seconds, 0.001)

    async def open(self) -> None:
        """Open the relay, if it may be used today. Raises QuotaUsed, RelayUnreachable."""
        self._draw()
        await self._transport.open()

    async def ready(self, wanted: int) -> int:
        """Wait for the relay, then for its pace; leave for one message is then taken."""
        await self._transport.ready(wanted)
        async with self._turn:
            seconds = self._draw()
            while seconds:
                await asyncio.sleep(seconds)
                seconds = self._draw()
            self._leave -= 1
        return 1

    async def close(self) -> None:
        """Close the relay, and give back what was not needed."""
        unused, self._leave = self._leave, 0
        if unused:
            self._purse.give_back(unused)
        await self._transport.close()
