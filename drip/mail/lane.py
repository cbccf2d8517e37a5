"""One SMTP connection's conversation about messages: envelope, body, final dot, and what can be known when it breaks.

With PIPELINING the envelope of the next message rides behind the dot of the one before (RFC 2920 §3.1), so that
a message costs one round trip. Its body waits for its own 354, and the right to send it is asked for only then:
never is more than one message of a connection in the dark.

aiosmtplib makes the session (connect, EHLO, STARTTLS, AUTH); then this protocol takes the connection over, for two
reasons. aiosmtplib raises the same exception for a loss before DATA and after the final dot, and only one of the
two is safe to try again. And its regular expressions over each body cost more than everything else together.
Never opens a connection and never decides when to try again. Called by `drip.mail.smtp`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from drip.core.delivery import Blame, Outcome, OutcomeKind, judge_reply
from drip.core.message import Wire
from drip.mail.answers import Answers, Reply
from drip.mail.headers import ascii_address
from drip.mail.transport import Grant, NotGranted, relay_trouble

if TYPE_CHECKING:
    import aiosmtplib

ROOM_BYTES = 4096  # for what the relay says at once; more comes in pieces

_DOT_FIRST = re.compile(rb"\n\.")  # three times as fast as `in` on a page of text


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait. Up to the dot a break costs nothing but a new try; after it, RFC 5321 §4.5.3.2.6 says 600."""

    connect: float = 30
    command: float = 120
    block: float = 180
    dot: float = 600
    goodbye: float = 2


class Lost(Exception):
    """The connection ended, fell silent, or what came was no SMTP."""


@dataclass(slots=True, eq=False)
class Cargo:
    """One message on its way through a lane, and whom to ask for the right to send it. Compared by identity."""

    wire: Wire
    grant: Grant | None = None
    data: bytes = b""
    granted: bool = False

    def __post_init__(self) -> None:
        data = self.wire.data
        self.data = data if self.wire.wire_ready and _is_wire_ready(data) else stuff(data)

    @property
    def is_wanted(self) -> bool:
        """Whether anybody still waits for it."""
        return True

    async def may_go(self) -> bool:
        """Whether the message may be sent; asked once, right before there is no way back."""
        if not self.granted:
            self.granted = self.grant is None or await self.grant()
        return self.granted


def nothing_next() -> None:
    """No message waits for this lane."""


class Lane(asyncio.BufferedProtocol):
    """A connection that carries one message at a time. After any trouble it is closed, never mended."""

    def __init__(self, session: aiosmtplib.SMTP, patience: Patience, *, pipelining: bool = True) -> None:
        assert session.protocol is not None
        self.carried = 0
        self._session_protocol = session.protocol
        self._patience = patience
        self._pipelining = pipelining and session.supports_extension("pipelining")
        self._size_offered = session.supports_extension("size")
        self._size_limit = _number(session.esmtp_extensions.get("size", ""))
        self._loop = asyncio.get_running_loop()
        self._answers = Answers()
        self._room = memoryview(bytearray(ROOM_BYTES))
        self._fault = ""
        self._owed = 0  # replies to commands that are out
        self._waiter: asyncio.Future[bool] | None = None
        self._deadline = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self.ahead: Cargo | None = None  # whose envelope is out already
        self._paused = False
        self._leaving = False
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._transport = cast(asyncio.Transport, session.transport)
        self._transport.set_protocol(self)
        # Paused means: bytes are still here. So the dot is not written before all that precedes it has left.
        self._transport.set_write_buffer_limits(high=1, low=0)

    # --- what the event loop tells -------------------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:
        """Replies are short; the event loop's own room for a quarter of a megabyte is dear to get for each."""
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """Takes replies apart. What comes unasked stays in the queue and makes the lane unusable."""
        data = bytes(self._room[:nbytes])
        if self._leaving:
            self._transport.close()
            return
        if not self._fault:
            try:
                self._answers.feed(data)
            except ValueError as fault:
                self._fault = str(fault)
        self._wake()

    def eof_received(self) -> bool:
        """The server will say no more; without its replies there is nothing to send for."""
        self._fault = self._fault or "the relay closed the connection"
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells aiosmtplib too, which then lets go of the connection."""
        self._fault = self._fault or f"the connection was lost{f': {exc}' if exc else ''}"
        self._session_protocol.connection_lost(exc)
        if self._watch is not None:
            self._watch.cancel()
        if not self._closed.done():
            self._closed.set_result(None)
        self._wake()

    def pause_writing(self) -> None:
        """The other side takes the bytes more slowly than they come."""
        self._paused = True

    def resume_writing(self) -> None:
        """It has caught up."""
        self._paused = False
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(True)

    # --- for the pool --------------------------------------------------------------------------------------

    @property
    def is_usable(self) -> bool:
        """Whether the connection is up and the server has said nothing out of turn."""
        return not (self._fault or self._leaving or self._stray() or self._transport.is_closing())

    def _stray(self) -> bool:
        """Whether something came that nobody asked for."""
        answers = self._answers
        return len(answers.whole) > self._owed or (not self._owed and not answers.is_between)

    @property
    def pipelines(self) -> bool:
        """Whether the next envelope may ride along."""
        return self._pipelining

    @property
    def is_closed(self) -> bool:
        """Whether the connection is gone."""
        return self._closed.done()

    def leave(self) -> None:
        """Say QUIT and go, the reply being waited for in the background (RFC 5321 §4.1.1.10); in trouble, just go."""
        if not self.is_usable:
            self.abort()
            return
        self._leaving = True
        self._transport.write(b"QUIT\r\n")
        self._loop.call_later(self._patience.goodbye, self._transport.abort)

    def abort(self) -> None:
        """Drop the connection as it is: the server must not take what it has for a whole message."""
        self._fault = self._fault or "the connection was dropped"
        self._transport.abort()

    async def closed(self) -> None:
        """Wait until the connection is gone."""
        await asyncio.wait([self._closed], timeout=self._patience.goodbye + 1)

    # --- one message ---------------------------------------------------------------------------------------

    async def carry(self, cargo: Cargo, next_up: Callable[[], Cargo | None] = nothing_next) -> Outcome:
        """Hand one message over. Raises `Lost` or `NotGranted` only when the message certainly was not accepted.

        `next_up` is asked, once the body is out, for the message whose envelope may ride along; see `ahead`.
        """
        self.carried += 1
        if not self.fits(cargo):
            text = f"the relay takes {self._size_limit} bytes, this message has {len(cargo.data)}"
            return Outcome(OutcomeKind.PERMANENT, 552, "5.3.4", text, Blame.CONTENT)
        refused = await (self._envelope_at_once(cargo) if self._pipelining else self._envelope(cargo))
        if refused is None:
            refused = await self._body(cargo.data)
        if refused is not None:
            return refused
        return await self._dot(next_up() if self._pipelining else None)

    def fits(self, cargo: Cargo) -> bool:
        """Whether the relay takes a message of that size."""
        return not 0 < self._size_limit < len(cargo.data)

    def _commands(self, cargo: Cargo) -> tuple[bytes, bytes]:
        wire = cargo.wire
        sender = ascii_address(wire.sender) if wire.sender else ""
        size = f" SIZE={len(cargo.data)}" if self._size_offered else ""  # RFC 1870 §6.1
        return f"MAIL FROM:<{sender}>{size}\r\n".encode(), f"RCPT TO:<{ascii_address(wire.recipient)}>\r\n".encode()

    async def _envelope(self, cargo: Cargo) -> Outcome | None:
        """MAIL, RCPT and DATA, one after the other. The outcome if refused; None when the body may come."""
        mail, rcpt = self._commands(cargo)
        for verb, command in (("MAIL", mail), ("RCPT", rcpt), ("DATA", b"DATA\r\n")):
            if verb == "DATA" and not await cargo.may_go():
                await self._reset(None)
                raise NotGranted
            self._ask(command, 1)
            reply = await self._reply(self._patience.command)
            if verb == "MAIL":
                self._check_welcome(reply)
            if verb == "DATA" and reply.code == 354:
                return None
            if verb == "DATA" or not reply.is_fine:
                await self._reset(reply)
                return _refused(verb, reply)
        return None

    async def _envelope_at_once(self, cargo: Cargo) -> Outcome | None:
        """The same in one write, as PIPELINING allows (RFC 2920 §3.1): one round trip instead of three, or none."""
        self._begin_envelope(cargo)
        return await self._hear_envelope(cargo)

    def _begin_envelope(self, cargo: Cargo) -> None:
        """Write it, if it is not out already."""
        if self.ahead is cargo:
            self.ahead = None
        else:
            self._ask(self._whole_envelope(cargo), 3)

    async def _hear_envelope(self, cargo: Cargo) -> Outcome | None:
        """What the relay says to the envelope that is out. The outcome if refused; None when the body may come."""
        replies: list[Reply] = []
        try:
            for _ in range(3):
                replies.append(await self._reply(self._patience.command))  # noqa: PERF401 - a break keeps what came
        except Lost:
            for verb, reply in zip(("MAIL", "RCPT"), replies, strict=False):
                if verb == "MAIL":
                    self._check_welcome(reply)
                if reply.is_refusal:
                    return _refused(verb, reply)
            raise
        mail, rcpt, go = replies
        self._check_welcome(mail)
        if mail.is_fine and rcpt.is_fine and go.code == 354:
            if not await cargo.may_go():
                self.abort()  # after a 354 there is no other way out without a message
                raise NotGranted
            return None
        verb, reply = ("DATA", go) if rcpt.is_fine else ("RCPT", rcpt)
        if not mail.is_fine:
            verb, reply = "MAIL", mail
        await self._withdraw(mail, rcpt, go)
        return _refused(verb, reply)

    def _whole_envelope(self, cargo: Cargo) -> bytes:
        mail, rcpt = self._commands(cargo)
        return mail + rcpt + b"DATA\r\n"

    def _check_welcome(self, mail: Reply) -> None:
        """421 to a later MAIL of a connection: the server ends it (idle, or enough messages), no more than that."""
        if mail.code == 421 and self.carried > 1:
            raise Lost(f"the relay ended the connection: {mail.text}")

    async def _withdraw(self, mail: Reply, rcpt: Reply, go: Reply) -> None:
        """End a transaction that was refused in part, without anything that could be taken for a message."""
        if go.code == 354 and mail.is_fine and rcpt.is_refusal:
            # RFC 2920 §3.1: no recipient, yet a 354: a lone dot ends it, and nobody gets an empty message.
            try:
                self._ask(b".\r\n", 1)
                go = await self._reply(self._patience.command)
            except Lost:
                self.abort()
            if not go.is_refusal:
                self.abort()
        elif go.code == 354:
            self.abort()
        await self._reset(go)

    async def _reset(self, after: Reply | None) -> None:
        """RSET, so that the next MAIL is not nested. The verdict stands, whatever becomes of the connection."""
        if after is not None and after.code == 421:
            self.abort()
            return
        try:
            self._ask(b"RSET\r\n", 1)
            if not (await self._reply(self._patience.command)).is_fine:
                self.abort()
        except Lost:
            self.abort()

    async def _body(self, data: bytes) -> Outcome | None:
        """All but the final dot: without it no server may take the message (RFC 5321 §4.1.1.4)."""
        self._ask(data, 0)
        await asyncio.sleep(0)  # let a reset that is already here be seen before the dot goes
        return await self._drained()

    async def _drained(self) -> Outcome | None:
        """Wait until nothing of the body is here any more. The outcome if the relay refused it meanwhile."""
        replies = self._answers.whole
        while self._paused and not self._fault and not replies:
            left = self._transport.get_write_buffer_size()
            await self._wait(self._patience.block)
            if self._paused and not replies and self._transport.get_write_buffer_size() >= left:
                raise Lost("the relay took no more bytes")
        if replies and replies[0].is_refusal:
            reply = replies.popleft()
            self.abort()
            return _refused("body", reply)
        self._check()
        return None

    async def _dot(self, ahead: Cargo | None) -> Outcome:
        """The point of no return: from here on, all that is not a clear no may have been a yes."""
        self._write_dot(ahead)
        return await self._verdict()

    def _write_dot(self, ahead: Cargo | None) -> None:
        if ahead is None:
            self._owed = 1
            self._transport.write(b".\r\n")
        else:
            self.ahead = ahead
            self._owed = 4
            self._transport.write(b".\r\n" + self._whole_envelope(ahead))

    async def _verdict(self) -> Outcome:
        """What the relay says to the dot."""
        try:
            reply = await self._reply(self._patience.dot)
        except Lost as lost:
            self.abort()
            return Outcome(OutcomeKind.UNCERTAIN, text=f"no verdict after the message was handed over: {lost}")
        if reply.is_fine:
            return Outcome(OutcomeKind.ACCEPTED, reply.code, reply.enhanced, reply.text)
        if reply.is_refusal:
            if reply.code == 421:
                self.abort()
            return judge_reply(reply.code, reply.enhanced, reply.text)
        self.abort()
        return Outcome(OutcomeKind.UNCERTAIN, reply.code, reply.enhanced, f"not a verdict: {reply.text}")

    # --- reading and writing -------------------------------------------------------------------------------

    def _check(self) -> None:
        if self._fault:
            raise Lost(self._fault)
        if self._stray():
            raise Lost("the relay spoke out of turn")
        if self._transport.is_closing():
            raise Lost("the connection is closing")

    def _ask(self, data: bytes, replies: int) -> None:
        """Write what so many replies will answer."""
        self._check()
        self._owed += replies
        self._transport.write(data)

    async def _reply(self, seconds: float) -> Reply:
        """The next reply; those that came before the connection broke are still given."""
        replies = self._answers.whole
        while not replies:
            if self._fault:
                raise Lost(self._fault)
            if not await self._wait(seconds):
                raise Lost(f"the relay was silent for {seconds:g} seconds")
        self._owed -= 1
        return replies.popleft()

    async def _wait(self, seconds: float) -> bool:
        """Until something happens; False if nothing did in that time.

        One timer watches the lane, and moves on when it rings too early: a timer for each wait costs more than
        all else here.
        """
        self._waiter = self._loop.create_future()
        self._expect(seconds)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def _expect(self, seconds: float) -> None:
        """Set the watch to when something has to have happened."""
        self._deadline = self._loop.time() + seconds
        if self._watch is None or self._watch.when() > self._deadline:
            if self._watch is not None:
                self._watch.cancel()
            self._watch = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        """The watch rang: give up the wait if it was too long, else come again when it will be."""
        self._watch = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() >= self._deadline:
            self._waiter.set_result(False)
        else:
            self._watch = self._loop.call_at(self._deadline, self._look)


def _is_wire_ready(data: bytes) -> bool:
    """A look at the promise, since a broken one would cut the message in two (SMTP smuggling)."""
    return _DOT_FIRST.search(data) is None and data.endswith(b"\r\n") and not data.startswith(b".")


def stuff(data: bytes) -> bytes:
    """The data with CRLF line ends, a final one, and leading dots doubled (RFC 5321 §4.5.2).

    Bare CR and LF become CRLF first: a server that takes `LF . LF` for the end must not find it here.
    """
    data = b"\r\n".join(data.splitlines()) + b"\r\n"
    if _DOT_FIRST.search(data) is not None:
        data = data.replace(b"\r\n.", b"\r\n..")
    return b"." + data if data.startswith(b".") else data


def _refused(verb: str, reply: Reply) -> Outcome:
    """What a refusal before the dot means, given the command that it answers."""
    if not reply.is_refusal:
        raise Lost(f"the relay answered {reply.code} to {verb}")
    outcome = judge_reply(reply.code, reply.enhanced, reply.text)
    if verb == "MAIL" and outcome.kind is OutcomeKind.PERMANENT and outcome.blame is not Blame.CONTENT:
        # No reader is named yet: what is refused is the sender or the account. Mended there, everything goes.
        return relay_trouble(f"MAIL: {reply.text}", code=reply.code, enhanced=reply.enhanced)
    return outcome


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
