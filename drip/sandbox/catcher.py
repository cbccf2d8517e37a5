"""A local mail catcher: a real SMTP server on loopback that keeps what it gets and delivers it to nobody.

It can refuse addresses, as servers do with mailboxes that do not exist. Called by the sandbox and the demo.
"""

from __future__ import annotations

import email.parser
import email.policy
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

LOOPBACK = "127.0.0.1"
KEPT_MAX = 5_000
"""How many messages are kept; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Caught:
    """One message as it arrived: who it was for, when (by the sandbox's clock), and its bytes."""

    number: int
    at: datetime
    sender: str
    recipient: str
    raw: bytes

    def message(self) -> EmailMessage:
        """The message, parsed."""
        parsed = email.parser.BytesParser(policy=email.policy.default).parsebytes(self.raw)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def part(self, kind: str) -> str:
        """The decoded text of its `html` or `plain` part, or "" if it has none."""
        body = self.message().get_body(preferencelist=(kind,))
        return "" if body is None else str(body.get_content())

    def header(self, name: str) -> str:
        """One header, decoded, or ""."""
        return str(self.message().get(name, ""))


class Catcher:
    """Start it, read `port`, look at `messages`, stop it. Thread-safe: the server lives in a thread of its own."""

    def __init__(self, now: Callable[[], datetime], *, refuses: frozenset[str] = frozenset()) -> None:
        self._now = now
        self._refuses = refuses
        self._messages: list[Caught] = []
        self._count = 0
        self._lock = threading.Lock()
        self._controller: Controller | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._controller is not None, "the catcher is not started"
        return int(self._controller.port)

    @property
    def messages(self) -> list[Caught]:
        """What came so far, oldest first."""
        with self._lock:
            return list(self._messages)

    def since(self, number: int) -> list[Caught]:
        """What came after the message of that number."""
        with self._lock:
            return [each for each in self._messages if each.number > number]

    def start(self, port: int = 0) -> None:
        """Listen on loopback; port 0 takes a free one."""
        self._controller = _FreePortController(self, hostname=LOOPBACK, port=port)
        self._controller.start()

    def stop(self) -> None:
        """Stop listening. The messages stay."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    # aiosmtpd calls these by name.

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take an address, or refuse it as an unknown mailbox (RFC 3463: 5.1.1)."""
        if address.lower() in self._refuses:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep the message."""
        raw = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content or "").encode()
        with self._lock:
            for recipient in envelope.rcpt_tos:
                self._count += 1
                self._messages.append(Caught(self._count, self._now(), str(envelope.mail_from or ""), recipient, raw))
            del self._messages[:-KEPT_MAX]
        return "250 2.0.0 caught"


class _FreePortController(Controller):
    """aiosmtpd's controller, which tests its own start by connecting to the port it was given: 0 is none."""

    def _trigger_server(self) -> None:
        server: Any = self.server
        if self.port == 0 and server is not None:
            self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call] # aiosmtpd has no hints here
