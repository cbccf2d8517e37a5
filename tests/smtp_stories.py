"""What the tests of the SMTP transport share: a relay, messages, and a way to run a story cleanly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from drip.core.delivery import Outcome, OutcomeKind
from drip.core.message import Wire
from drip.core.model import Relay, RelayKind, Tls
from drip.mail.lane import Patience
from drip.mail.smtp import SmtpTransport
from tests.sinks import ScriptedServer

ACCEPTED, TEMPORARY, PERMANENT, UNCERTAIN = OutcomeKind
QUICK = Patience(connect=1.5, command=0.7, block=0.7, dot=0.7, goodbye=0.2)  # for servers that hang
CALM = Patience(connect=10, command=10, block=10, dot=10, goodbye=0.2)  # for all others, on a busy machine
DATA = b"Message-ID: <1@example.com>\r\nSubject: hi\r\n\r\nown it\r\n"
PIPELINING = ("PIPELINING", "8BITMIME")


def wire(number: int = 1, data: bytes = DATA, **more: Any) -> Wire:
    """A message to a reader of that number."""
    fields = {"sender": "bounces@mail.example.com", "recipient": f"reader{number}@example.com"}
    return Wire(data=data, message_id=f"<{number}@example.com>", **{**fields, **more})


def relay(port: int, **more: Any) -> Relay:
    """A relay on the loopback, without TLS if nothing else is said."""
    return Relay(**{"kind": RelayKind.SMTP, "host": "127.0.0.1", "port": port, "tls": Tls.OFF, "lanes": 2, **more})


def run(story: Callable[[], Awaitable[None]]) -> None:
    """Run a story, and fail on anything that it leaves open or that the event loop complains about."""
    complaints: list[str] = []

    async def told() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(str(context)))
        await asyncio.wait_for(story(), 20)
        await asyncio.sleep(0)

    asyncio.run(told())
    # In debug mode the event loop also tells that the server did not get its TLS handshake.
    assert [each for each in complaints if "incoming connection" not in each] == []


async def send_one(server: ScriptedServer, message: Wire | None = None, *, patience: Patience = CALM) -> Outcome:
    """Send one message on a transport of its own."""
    transport = SmtpTransport(relay(server.port), None, patience=patience, hold_off_seconds=0)
    try:
        return await transport.send(message or wire())
    finally:
        await transport.close()
