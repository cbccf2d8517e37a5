"""SMTP servers for tests: one that misbehaves by script, and one that is fast and writes down what it accepted.

`ScriptedServer` runs inside a test's event loop. The fast sink runs as a program of its own, so that a client can
be killed at any moment while the sink's log stays the truth about what was accepted:

    python tests/sinks.py --port 0 --log accepted.tsv [--latency 0.02] [--pipelining] [--fail 0.01 --seed 7]

It prints its port, then serves until it is terminated. Each accepted message is one line of the log (Message-ID,
recipient, SHA-256 of the data as transmitted, dots unstuffed), flushed before the 250 goes out.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import random
import re
import signal
import socket
import ssl
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

# --- the scripted server ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Say:
    """Send these bytes as they are, then go on, or `close`, `reset` or `hang` after them."""

    raw: bytes = b""
    then: str = "go on"


def reply(text: str, then: str = "go on") -> Say:
    """A reply line, with its line end."""
    return Say(text.encode() + b"\r\n", then)


CLOSE = Say(then="close")
RESET = Say(then="reset")
HANG = Say(then="hang")


@dataclass
class Received:
    """One accepted message; `data` is as transmitted, with its dots still stuffed."""

    sender: str
    recipients: list[str]
    data: bytes
    connection: int


@dataclass
class Script:
    """What to say at which phase: `banner ehlo starttls auth mail rcpt data body dot after rset quit`.

    A list is used up one by one, one entry each time the phase comes; None in it and what comes after its end
    mean the usual reply. `body` acts after the first bytes of a body; `after` once the usual reply to the dot is out.
    """

    at: Mapping[str, Say | Sequence[Say | None]] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()
    used: dict[str, int] = field(default_factory=dict)

    def next(self, phase: str) -> Say | None:
        """The scripted answer for this visit of the phase, or None for the usual one."""
        wanted = self.at.get(phase)
        if wanted is None or isinstance(wanted, Say):
            return wanted
        turn = self.used.get(phase, 0)
        self.used[phase] = turn + 1
        return wanted[turn] if turn < len(wanted) else None


class _Over(Exception):
    """The script ended this connection."""


class ScriptedServer:
    """An SMTP server on a free port of the loopback. `async with` it; see `received`, `commands`, `connections`."""

    def __init__(
        self,
        at: Mapping[str, Say | Sequence[Say | None]] | None = None,
        *,
        extensions: Sequence[str] = (),
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        logins: Mapping[str, str] | None = None,
        in_pieces: bool = False,
    ) -> None:
        self.script = Script(at or {}, tuple(extensions))
        self.received: list[Received] = []
        self.commands: list[str] = []
        self.connections = 0
        self.open_now = 0
        self.most_open = 0
        self.port = 0
        self._tls = tls
        self._implicit = implicit
        self._logins = logins
        self._in_pieces = in_pieces
        self._reached: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._released = asyncio.Event()

    async def __aenter__(self) -> ScriptedServer:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self._tls if self._implicit else None, limit=2**24
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._released.set()
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def reached(self, phase: str) -> None:
        """Wait until some connection gets to the phase."""
        await self._reached.setdefault(phase, asyncio.Event()).wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            await _Connection(self, self.connections, reader, writer).talk()
        except (_Over, ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            self.open_now -= 1
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
                await writer.wait_closed()


class _Connection:
    def __init__(self, server: ScriptedServer, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._server = server
        self._number = number
        self._reader = reader
        self._writer = writer
        self._secured = server._implicit
        self._sender: str | None = None
        self._recipients: list[str] = []

    async def talk(self) -> None:
        await self._answer("banner", "220 sink.example ESMTP")
        while True:
            line = await self._reader.readuntil(b"\r\n")
            command = line[:-2].decode("utf-8", "replace")
            self._server.commands.append(command)
            verb = command.split(" ", 1)[0].upper()
            await getattr(self, f"_do_{verb.lower()}", self._do_unknown)(command)

    async def _answer(self, phase: str, usual: str) -> str:
        """Say the scripted answer or the usual one; the code that was said."""
        self._server._reached.setdefault(phase, asyncio.Event()).set()
        say = self._server.script.next(phase)
        if say is None:
            self._writer.write(usual.encode() + b"\r\n")
            await self._writer.drain()
            return usual[:3]
        await self._act(say)
        return say.raw[:3].decode("latin-1")

    async def _act(self, say: Say) -> None:
        size = 1 if self._server._in_pieces else max(1, len(say.raw))
        for at in range(0, len(say.raw), size):
            self._writer.write(say.raw[at : at + size])
            await self._writer.drain()
            if self._server._in_pieces:
                await asyncio.sleep(0.001)
        if say.then == "close":
            raise _Over
        if say.then == "reset":
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()
            raise _Over
        if say.then == "hang":
            await self._server._released.wait()
            raise _Over

    async def _do_ehlo(self, command: str) -> None:
        lines = ["sink.example", *self._server.script.extensions]
        if self._server._tls is not None and not self._secured:
            lines.append("STARTTLS")
        if self._server._logins is not None:
            lines.append("AUTH CRAM-MD5 LOGIN PLAIN")
        text = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}"
        await self._answer("ehlo", text)

    async def _do_helo(self, command: str) -> None:
        await self._answer("helo", "250 sink.example")

    async def _do_starttls(self, command: str) -> None:
        if await self._answer("starttls", "220 2.0.0 go ahead") == "220":
            assert self._server._tls is not None
            await self._writer.start_tls(self._server._tls)
            self._secured = True

    async def _do_auth(self, command: str) -> None:
        import base64

        assert self._server._logins is not None
        _, method, *rest = command.split(" ")
        if method == "PLAIN":
            _, user, password = base64.b64decode(rest[0]).decode().split("\0")
        elif method == "LOGIN":
            user = base64.b64decode(rest[0]).decode()
            self._writer.write(b"334 UGFzc3dvcmQ6\r\n")
            password = base64.b64decode((await self._reader.readuntil(b"\r\n")).strip()).decode()
        else:
            user = password = ""
            self._writer.write(b"334 PDFAc2luaz4=\r\n")
            await self._reader.readuntil(b"\r\n")
        known = user in self._server._logins and self._server._logins[user] == password
        await self._answer("auth", "235 2.7.0 welcome" if known else "535 5.7.8 wrong user or password")

    async def _do_mail(self, command: str) -> None:
        if self._sender is not None:
            await self._answer("nested", "503 5.5.1 nested MAIL")
        elif await self._answer("mail", "250 2.1.0 ok") == "250":
            self._sender = re.findall(r"<(.*?)>", command)[0]

    async def _do_rcpt(self, command: str) -> None:
        phase, usual = ("orphan", "503 5.5.1 MAIL first") if self._sender is None else ("rcpt", "250 2.1.5 ok")
        if await self._answer(phase, usual) == "250":
            self._recipients += re.findall(r"<(.*?)>", command)

    async def _do_data(self, command: str) -> None:
        if not self._recipients and "data" not in self._server.script.at:
            await self._answer("none", "554 5.5.1 no valid recipients")
            return
        if await self._answer("data", "354 go on") != "354":
            return
        data = await self._read_body()
        if not self._recipients:
            await self._answer("lone dot", "554 5.5.1 no valid recipients")
            return
        message = Received(self._sender or "", list(self._recipients), data, self._number)
        self._sender, self._recipients = None, []
        say = self._server.script.next("dot")
        if say is not None:
            if say.raw.startswith(b"250") or say.raw[:1] not in (b"4", b"5"):
                self._server.received.append(message)  # accepted, whatever the client gets to hear of it
            await self._act(say)
            return
        self._server.received.append(message)
        self._writer.write(b"250 2.0.0 queued\r\n")
        await self._writer.drain()
        after = self._server.script.next("after")
        if after is not None:
            await self._act(after)

    async def _read_body(self) -> bytes:
        body = self._server.script.next("body")
        if body is not None:
            await self._reader.read(1000)
            await self._act(body)
        lines = []
        while (line := await self._reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line)
        return b"".join(lines)

    async def _do_rset(self, command: str) -> None:
        self._sender, self._recipients = None, []
        await self._answer("rset", "250 2.0.0 ok")

    async def _do_quit(self, command: str) -> None:
        await self._answer("quit", "221 2.0.0 bye")
        raise _Over

    async def _do_unknown(self, command: str) -> None:
        await self._answer("unknown", "500 5.5.2 what?")


# --- the fast sink ---------------------------------------------------------------------------------------------------

_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(rb"<(.*?)>")


@dataclass
class Habits:
    """How the sink behaves: seconds before each reply, and which share of messages meets which trouble."""

    log: TextIO
    latency: float = 0.0
    pipelining: bool = False
    fail: float = 0.0
    drop: float = 0.0
    dice: random.Random = field(default_factory=lambda: random.Random(0))


class Sink(asyncio.Protocol):
    """One connection. Reads commands and bodies as they come, answers in order, logs before it says 250."""

    def __init__(self, habits: Habits) -> None:
        self._habits = habits
        self._buffer = bytearray()
        self._in_body = False
        self._recipients: list[bytes] = []
        self._out = b""
        self._replies_at = 0.0
        self._over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._say(b"220 sink.example ESMTP")
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while not self._over and (self._take_body() if self._in_body else self._take_line()):
            pass
        self._flush()

    def _say(self, line: bytes) -> None:
        self._out += line + b"\r\n"

    def _flush(self) -> None:
        """What was said goes out at once, or after the latency; never out of order."""
        if not self._out:
            return
        out, self._out = self._out, b""
        if not self._habits.latency:
            self._transport.write(out)
            return
        loop = asyncio.get_running_loop()
        self._replies_at = max(self._replies_at, loop.time() + self._habits.latency)
        loop.call_at(self._replies_at, self._transport.write, out)

    def _take_line(self) -> bool:
        end = self._buffer.find(b"\n")
        if end < 0:
            return False
        line = bytes(self._buffer[: end + 1]).strip()
        del self._buffer[: end + 1]
        verb = line[:4].upper()
        if verb == b"EHLO":
            self._say(b"250-sink.example")
            if self._habits.pipelining:
                self._say(b"250-PIPELINING")
            self._say(b"250 SIZE 52428800")
        elif verb == b"MAIL":
            self._recipients = []
            self._say(b"250 2.1.0 ok")
        elif verb == b"RCPT":
            self._take_recipient(line)
        elif verb == b"DATA":
            self._in_body = bool(self._recipients)
            self._say(b"354 go on" if self._recipients else b"554 5.5.1 no valid recipients")
        elif verb == b"QUIT":
            self._say(b"221 2.0.0 bye")
            self._flush()
            self._close_soon()
        else:
            self._recipients = [] if verb in (b"RSET", b"HELO") else self._recipients
            self._say(b"250 2.0.0 ok")
        return True

    def _take_recipient(self, line: bytes) -> None:
        if self._habits.fail and self._habits.dice.random() < self._habits.fail / 2:
            self._say(b"451 4.7.1 try again later")
            return
        self._recipients += _ADDRESS.findall(line)
        self._say(b"250 2.1.5 ok")

    def _take_body(self) -> bool:
        if self._buffer.startswith(b".\r\n"):
            end, skip = 0, 3
        else:
            end = self._buffer.find(b"\r\n.\r\n")
            if end < 0:
                return False
            end, skip = end + 2, 3
        data = bytes(self._buffer[:end])
        del self._buffer[: end + skip]
        self._in_body = False
        if self._habits.fail and self._habits.dice.random() < self._habits.fail / 2:
            self._say(b"452 4.3.1 too busy, try again later")
            return True
        self._log(data)
        if self._habits.drop and self._habits.dice.random() < self._habits.drop:
            self._out = b""
            self._over = True
            self._transport.abort()  # accepted, and nobody hears of it
            return False
        self._say(b"250 2.0.0 queued")
        return True

    def _log(self, data: bytes) -> None:
        data = data.replace(b"\r\n..", b"\r\n.")
        if data.startswith(b".."):
            data = data[1:]
        head = data.partition(b"\r\n\r\n")[0]
        found = _MESSAGE_ID.search(head)
        message_id = found[1].decode("utf-8", "replace") if found else "-"
        digest = hashlib.sha256(data).hexdigest()
        for recipient in self._recipients:
            self._habits.log.write(f"{message_id}\t{recipient.decode('utf-8', 'replace')}\t{digest}\n")
        self._habits.log.flush()
        self._recipients = []

    def _close_soon(self) -> None:
        self._over = True
        if self._habits.latency:
            asyncio.get_running_loop().call_at(self._replies_at, self._transport.close)
        else:
            self._transport.close()


async def serve(port: int, habits: Habits) -> None:
    """Serve on the loopback until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Sink(habits), "127.0.0.1", port, backlog=512)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    await stop.wait()
    server.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """The program."""
    parser = argparse.ArgumentParser(description="a fast SMTP sink that logs what it accepted")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one; it is printed")
    parser.add_argument("--log", required=True, help="file to which one line per accepted message is appended")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each reply")
    parser.add_argument("--pipelining", action="store_true", help="offer PIPELINING")
    parser.add_argument("--fail", type=float, default=0.0, help="share of messages refused with a 4xx, at RCPT or dot")
    parser.add_argument("--drop", type=float, default=0.0, help="share accepted, after which the connection is cut")
    parser.add_argument("--seed", type=int, default=0, help="of the dice for --fail and --drop")
    given = parser.parse_args(arguments)
    with Path(given.log).open("a", encoding="utf-8") as log:
        dice = random.Random(given.seed)
        asyncio.run(serve(given.port, Habits(log, given.latency, given.pipelining, given.fail, given.drop, dice)))


if __name__ == "__main__":
    main(sys.argv[1:])
