"""Several relays, the first of which that works is used; the next one when it is away or loses message after message.

Never sends a message over two relays: what one relay lost is due again, as with a single relay, and goes with the relay
that is in use then. A later run begins with the first again. Called by the engine, made by `drip.project`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from drip.core.delivery import Outcome, OutcomeKind
from drip.core.message import Wire
from drip.errors import QuotaUsed, RelayUnreachable
from drip.mail.transport import Grant, Transport

LOSSES_MAX = 3
"""So many losses in a row, and the next relay is tried: one may be chance, and a run gives up only much later."""


def none_left(faults: Sequence[RelayUnreachable]) -> RelayUnreachable:
    """The fault of having no relay any more: a quota that is used, if that is all there is to it."""
    said = "; ".join(dict.fromkeys(each.message for each in faults)) or "no relay is left"
    only_quotas = bool(faults) and all(isinstance(each, QuotaUsed) for each in faults)
    return QuotaUsed(said) if only_quotas else RelayUnreachable(said)


class Failover:
    """Relays in their order. Each is made when its turn comes: a missing password is that one's trouble."""

    def __init__(self, relays: Sequence[Callable[[], Transport]]) -> None:
        self._left = list(relays)
        self._current: Transport | None = None
        self._losses = 0
        self._under_way = 0
        self._quiet = asyncio.Event()
        self._turn = asyncio.Lock()
        self._faults: list[RelayUnreachable] = []

    @property
    def name(self) -> str:
        """The relay in use."""
        return self._current.name if self._current is not None else "no relay"

    @property
    def lanes(self) -> int:
        """Those of the relay in use; known after `open`."""
        return self._current.lanes if self._current is not None else 1

    async def open(self) -> None:
        """Find the first relay that works."""
        if self._current is None:
            await self._move_on()
        else:
            await self._current.open()

    async def ready(self, wanted: int, *, urgent: bool = False) -> int:
        """As the relay in use, or the next one when it is away. Raises only when none is left."""
        while True:
            async with self._turn:
                if self._current is None or (self._losses >= LOSSES_MAX and self._left):
                    await self._move_on()
            current = self._current
            assert current is not None
            try:
                return await current.ready(wanted, urgent=urgent)
            except RelayUnreachable as fault:
                async with self._turn:
                    if self._current is current:
                        self._faults.append(fault)
                        await self._move_on()

    async def send(self, wire: Wire, grant: Grant | None = None) -> Outcome:
        """By the relay in use, once."""
        if self._current is None:
            await self.open()
        current = self._current
        assert current is not None
        self._under_way += 1
        self._quiet.clear()
        try:
            outcome = await current.send(wire, grant)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._quiet.set()
        if outcome.relay_down and self._current is current:
            self._losses += 1
        elif outcome.kind is OutcomeKind.ACCEPTED:
            self._losses = 0
        return outcome

    async def close(self) -> None:
        """Close the relay in use."""
        if self._current is not None:
            await self._current.close()

    async def _move_on(self) -> None:
        """Leave the relay in use once nothing is under way on it, and open the next that works."""
        while self._under_way:
            await self._quiet.wait()
        before, self._current = self._current, None
        if before is not None:
            with suppress(RelayUnreachable):
                await before.close()
        while self._left:
            make = self._left.pop(0)
            try:
                relay = make()
                await relay.open()
            except RelayUnreachable as fault:
                self._faults.append(fault)
                continue
            self._current, self._losses = relay, 0
            return
        raise none_left(self._faults)
