"""What we use of aiosmtplib beyond its documented calls: the pin in pyproject.toml is for this."""

from __future__ import annotations

import asyncio

import aiosmtplib

from tests.sinks import ScriptedServer
from tests.smtp_stories import run


def test_a_session_can_be_taken_over_by_a_protocol_of_our_own() -> None:
    class Mine(asyncio.Protocol):
        def __init__(self) -> None:
            self.said = b""
            self.lost: list[Exception | None] = []
            self.heard = asyncio.Event()
            self.gone = asyncio.Event()

        def data_received(self, data: bytes) -> None:
            self.said += data
            self.heard.set()

        def connection_lost(self, exc: Exception | None) -> None:
            self.lost.append(exc)
            self.gone.set()

    async def story() -> None:
        async with ScriptedServer() as server:
            session = aiosmtplib.SMTP(hostname="127.0.0.1", port=server.port, start_tls=False)
            await session.connect()
            await session.ehlo()
            assert session.last_ehlo_response is not None
            transport, old = session.transport, session.protocol
            assert transport is not None
            assert old is not None
            mine = Mine()
            transport.set_protocol(mine)
            assert transport.get_protocol() is mine
            transport.write(b"RSET\r\nRSET\r\n")
            while mine.said.count(b"\r\n") < 2:
                mine.heard.clear()
                await mine.heard.wait()
            assert [line[:3] for line in mine.said.splitlines()] == [b"250", b"250"]
            transport.close()
            await mine.gone.wait()
            old.connection_lost(None)
            assert not session.is_connected, "the session knows that it is over"

    run(story)
    assert int(aiosmtplib.__version__.split(".")[0]) == 5
