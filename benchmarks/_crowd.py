"""A project with one broadcast due to many readers, made in a second or two, and a sink that costs next to nothing.

Called by the benchmarks of whole runs; run as a program it is the sink: it prints its port, and when it is stopped
how many messages came, the moments (CLOCK_MONOTONIC) of the first and the last, and to how many different readers.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

POST = "own-the-mistake"
CAMPAIGN = "six-deadly-mistakes"


def a_project(folder: Path, readers: int, relay: str, store_url: str = "") -> Path:
    """The worked example, applied, with so many readers on its list and its first post due to all of them."""
    from sqlalchemy import insert, update

    from drip.core.events import AddedByAuthor
    from drip.core.model import Broadcast, When, WhenKind
    from drip.core.records import EnrollmentState
    from drip.engine.apply import apply
    from drip.engine.broadcasts import put_broadcast
    from drip.engine.happen import perform
    from drip.project import open_project
    from drip.store.schema import enrollment, subscriber, subscription
    from tests.stages import EVIDENCE, copy_example

    copy_example(folder, relay=relay)
    now = datetime.now(UTC)
    with open_project(folder, store_url=store_url or None) as project:
        apply(project.engine, project.wanted(), now)
        with project.store.write() as work:
            scene = project.engine.scene(work, now)
            perform(scene, AddedByAuthor("r0@example.org", "job-seekers", EVIDENCE, attested=True))
            connection = work._connection
            # The one who joined by the front door is in the sequence too; this is about the broadcast alone.
            connection.execute(update(enrollment).values(state=EnrollmentState.STOPPED, next_due=None, ended_at=now))
            for begin in range(1, readers, 10_000):
                numbers = range(begin, min(begin + 10_000, readers))
                people = [
                    {
                        "id": 1000 + each,
                        "email": f"reader{each}@example.org",
                        "mailbox": project.keys.mailbox_of(f"reader{each}@example.org"),
                        "created_at": now,
                        "fields": {"first_name": f"Reader {each}"},
                    }
                    for each in numbers
                ]
                connection.execute(insert(subscriber), people)
                permission = {"list": "job-seekers", "state": "active", "requested_at": now, "confirmed_at": now}
                connection.execute(
                    insert(subscription), [{"subscriber_id": 1000 + each, **permission} for each in numbers]
                )
            edition = project.engine.live.campaign(work, CAMPAIGN)
            assert edition is not None
            put_broadcast(scene, edition, Broadcast(POST, "job-seekers", When("at once", WhenKind.AT_ONCE), None))
    return folder


class Sink(asyncio.Protocol):
    """Answers what it must, looks for nothing but the ends of commands and bodies."""

    taken = 0
    first = 0.0
    last = 0.0
    readers: ClassVar[set[bytes]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""
        self._in_body = False
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        out = []
        while buffer:
            if self._in_body:
                end = buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break
                buffer = buffer[end + 5 :]
                self._in_body = False
                kind = type(self)
                kind.taken += 1
                kind.last = time.monotonic()
                kind.first = kind.first or kind.last
                out.append(b"250 2.0.0 ok\r\n")
                continue
            line, found, rest = buffer.partition(b"\r\n")
            if not found:
                break
            buffer = rest
            verb = line[:4].upper()
            if verb == b"DATA":
                self._in_body = True
                out.append(b"354 go\r\n")
            elif verb == b"RCPT":
                self.readers.add(line)
                out.append(b"250 2.1.5 ok\r\n")
            elif verb == b"EHLO":
                out.append(b"250-sink\r\n250-PIPELINING\r\n250 SIZE 50000000\r\n")
            elif verb == b"QUIT":
                out.append(b"221 bye\r\n")
                self._transport.write(b"".join(out))
                self._transport.close()
                return
            else:
                out.append(b"250 2.1.0 ok\r\n")
        self._buffer = buffer
        if out:
            self._transport.write(b"".join(out))


async def serve() -> None:
    """Until SIGTERM."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", 0, backlog=512)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    await stop.wait()
    print(Sink.taken, Sink.first, Sink.last, len(Sink.readers), flush=True)


if __name__ == "__main__":
    asyncio.run(serve())
