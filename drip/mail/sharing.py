"""Several relays at once, each with its weight: one with weight 3 gets three messages where one with 1 gets one.

A relay whose pace has nothing at hand is passed over while another has; one that is away, or loses message after
message, is left out for the rest of the run, and so is one whose quota is used (for newsletters alone, where the rest
of it is kept for urgent messages). Never sends a message over two relays.
Made by `drip.project`, mostly inside a `Failover`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from drip.core.delivery import Outcome, OutcomeKind
from drip.core.message import Wire
from drip.errors import QuotaKept, QuotaUsed, RelayUnreachable
from drip.mail.failover import LOSSES_MAX, none_left
from drip.mail.pace import Paced
from drip.mail.transport import Grant, Transport


@dataclass(slots=True, eq=False)
class Member:
    """One relay: its weight, how many messages it got, and why it is left out, if it is: by all, or by newsletters."""

    transport: Transport
    weight: int
    given: int = 0
    losses: int = 0
    fault: RelayUnreachable | None = None
    kept: QuotaUsed | None = None

    @property
    def share(self) -> float:
        """What it would have had of its weight with one message more; the smallest is next."""
        return (self.given + 1) / self.weight


class Sharing:
    """Relays by weight. Each is made when it is opened: a missing password is that one's trouble."""

    def __init__(self, relays: Sequence[tuple[Callable[[], Transport], int]]) -> None:
        self._relays = relays
        self._members: list[Member] = []
        self._faults: list[RelayUnreachable] = []
        self._tickets: deque[Member] = deque()
        self._last = ""

    @property
    def name(self) -> str:
        """The relay that the last message went with: asked right after `send`."""
        return self._last or ", ".join(each.transport.name for each in self._members) or "no relay"

    @property
    def lanes(self) -> int:
        """Those of all; known after `open`."""
        return sum(each.transport.lanes for each in self._members) or 1

    async def open(self) -> None:
        """Open all of them; raises when none can be."""
        self._members, self._faults = [], []
        for make, weight in self._relays:
            try:
                transport = make()
                await transport.open()
            except RelayUnreachable as fault:
                self._faults.append(fault)
            else:
                self._members.append(Member(transport, weight))
        self._in_use()

    def _in_use(self, *, urgent: bool = True) -> list[Member]:
        """Those that are not left out, the next one first. Raises when there is none."""
        fits = (each for each in self._members if each.fault is None and (urgent or each.kept is None))
        found = sorted(fits, key=lambda each: each.share)
        if not found:
            faults = (each.fault or each.kept for each in self._members)
            raise none_left([*self._faults, *(each for each in faults if each)])
        return found

    async def ready(self, wanted: int, *, urgent: bool = False) -> int:
        """Choose a relay for one message, and wait for it."""
        while True:
            member = self._choose(self._in_use(urgent=urgent), urgent=urgent)
            if member is None:
                continue
            member.given += 1  # at once, so that others who wait are spread, too
            try:
                await member.transport.ready(1, urgent=urgent)
            except QuotaKept as kept:
                member.kept = kept
                continue
            except RelayUnreachable as fault:
                member.fault = fault
                continue
            except asyncio.CancelledError:
                member.given -= 1
                raise
            self._tickets.append(member)
            return 1

    def _choose(self, members: list[Member], *, urgent: bool) -> Member | None:
        for each in members:
            try:
                if not isinstance(each.transport, Paced) or each.transport.at_hand(urgent=urgent):
                    return each
            except QuotaKept as kept:
                each.kept = kept
                return None
            except QuotaUsed as fault:
                each.fault = fault
                return None
        return members[0]

    async def send(self, wire: Wire, grant: Grant | None = None) -> Outcome:
        """With the relay that was chosen, once."""
        member = self._tickets.popleft() if self._tickets else self._in_use()[0]
        outcome = await member.transport.send(wire, grant)
        self._last = member.transport.name
        if outcome.relay_down:
            member.losses += 1
            if member.losses >= LOSSES_MAX and member.fault is None:
                member.fault = RelayUnreachable(outcome.text or f"{member.transport.name} closes every connection")
        elif outcome.kind is OutcomeKind.ACCEPTED:
            member.losses = 0
        return outcome

    async def close(self) -> None:
        """Close all of them."""
        for each in self._members:
            with suppress(RelayUnreachable):
                await each.transport.close()
