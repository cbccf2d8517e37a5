"""What drip hands finished messages to: an SMTP relay, a folder, or whatever a simulation puts in their place.

A transport never decides what happens to a delivery and never raises for mail trouble: it tells what became of
one attempt as an `Outcome`. Only `open` and `ready` raise, before anything is at stake. Called by the engine.
"""

from __future__ import annotations

from typing import Protocol

from drip.core.delivery import Blame, Outcome, OutcomeKind
from drip.core.message import Wire


class Transport(Protocol):
    """The way out. `lanes` is how many messages may be under way at once; `name` is for people and the log."""

    name: str
    lanes: int

    async def open(self) -> None:
        """Get ready to send; raises `RelayUnreachable` when the relay is away or refuses the login."""

    async def ready(self, wanted: int) -> int:
        """Wait until the relay and its pace allow a message; how many (1 to `wanted`) may go without a wait.

        Asked before deliveries are marked as sending, so that a mark never waits for a pace or a connection.
        Raises `RelayUnreachable` as `open` does.
        """

    async def send(self, wire: Wire) -> Outcome:
        """Try to send one message, once. May be called up to `lanes` times at the same time."""

    async def close(self) -> None:
        """Say goodbye; sends under way are finished first by whoever awaits them."""


def relay_trouble(text: str, *, code: int = 0, enhanced: str = "") -> Outcome:
    """The outcome when the relay failed before a message could have been accepted: safe to try again."""
    return Outcome(OutcomeKind.TEMPORARY, code, enhanced, text, Blame.RELAY, relay_down=True)
