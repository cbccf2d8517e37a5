"""What drip hands finished messages to: an SMTP relay, a folder, or whatever a simulation puts in their place.

A transport never decides what happens to a delivery and never raises for mail trouble: it tells what became of
one attempt as an `Outcome`. Only `open` and `ready` raise, before anything is at stake. Called by the engine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from drip.core.delivery import Blame, Outcome, OutcomeKind
from drip.core.message import Wire

Grant = Callable[[], Awaitable[bool]]
"""Asks for the right to send one message; the answer is durable (DESIGN §8 b). Asked once, before the body."""


class NotGranted(Exception):
    """The right to send was not given; nothing of the body left."""


class Transport(Protocol):
    """The way out."""

    @property
    def name(self) -> str:
        """For people and the log; may change when another relay is used."""

    @property
    def lanes(self) -> int:
        """How many messages may be under way at once; known after `open`."""

    async def open(self) -> None:
        """Get ready to send; raises `RelayUnreachable` when the relay is away or refuses the login."""

    async def ready(self, wanted: int, *, urgent: bool = False) -> int:
        """Wait until the relay and its pace allow a message; how many (1 to `wanted`) may go without a wait.

        Asked before each message; the leave of the pace that this takes is for one. Urgent ones do not wait behind
        others. Raises `RelayUnreachable` as `open` does.
        """

    async def send(self, wire: Wire, grant: Grant | None = None) -> Outcome:
        """Try to send one message, once. May be called up to `lanes` times at the same time.

        `grant` is asked as late as can be, and before the first byte of the body; raises `NotGranted` when it
        says no. A refusal or a loss before that moment is told without asking.
        """

    async def close(self) -> None:
        """Say goodbye; sends under way are finished first by whoever awaits them."""


class Before:
    """A transport that stands before another one. All is as that one does it, but for what a subclass is there for."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def name(self) -> str:
        """As the transport behind it, which may change it."""
        return self._transport.name

    @property
    def lanes(self) -> int:
        """As the transport behind it."""
        return self._transport.lanes

    async def open(self) -> None:
        """As the transport behind it."""
        await self._transport.open()

    async def ready(self, wanted: int, *, urgent: bool = False) -> int:
        """As the transport behind it."""
        return await self._transport.ready(wanted, urgent=urgent)

    async def send(self, wire: Wire, grant: Grant | None = None) -> Outcome:
        """As the transport behind it."""
        return await self._transport.send(wire, grant)

    async def close(self) -> None:
        """As the transport behind it."""
        await self._transport.close()


def relay_trouble(text: str, *, code: int = 0, enhanced: str = "") -> Outcome:
    """The outcome when the relay failed before a message could have been accepted: safe to try again."""
    return Outcome(OutcomeKind.TEMPORARY, code, enhanced, text, Blame.RELAY, relay_down=True)
