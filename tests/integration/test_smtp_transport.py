"""What the SMTP transport puts on the wire, and how it keeps its connections."""

from __future__ import annotations

import asyncio
import re

import pytest

from drip.core.delivery import Blame
from drip.errors import RelayUnreachable
from drip.mail.lane import stuff
from drip.mail.smtp import SmtpTransport
from tests.sinks import HANG, ScriptedServer, reply
from tests.smtp_stories import (
    ACCEPTED,
    CALM,
    DATA,
    PERMANENT,
    PIPELINING,
    TEMPORARY,
    relay,
    run,
    send_one,
    wire,
)

# --- what goes over the wire -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("extensions", [(), PIPELINING], ids=["one by one", "pipelined"])
def test_wire_ready_bytes_arrive_as_they_are(extensions: tuple[str, ...]) -> None:
    async def story() -> None:
        async with ScriptedServer(extensions=extensions) as server:
            assert (await send_one(server)).kind is ACCEPTED
            (received,) = server.received
            assert received.data == DATA
            assert received.sender == "bounces@mail.example.com"

    run(story)


@pytest.mark.parametrize("promised", [False, True])
def test_dots_and_bare_line_ends_cannot_end_a_message(promised: bool) -> None:
    """SMTP smuggling (CVE-2023-51764): whatever is in the body, the server sees one message."""
    bodies = [b".\r\n", b"a\r\n.\r\nMAIL FROM:<x@y>\r\n", b"..a\r\n.", b"a\r\n.b"]
    if not promised:
        bodies += [b"\n.\n", b"\r.\r", b"a\n.\nb", b"a\r\n.\nb", b"a"]

    async def story() -> None:
        for body in bodies:
            data = DATA + body
            async with ScriptedServer() as server:
                transport = SmtpTransport(relay(server.port), None, patience=CALM)
                outcomes = [await transport.send(wire(n, data, wire_ready=promised)) for n in (1, 2)]
                assert [each.kind for each in outcomes] == [ACCEPTED, ACCEPTED]
                for received in server.received:
                    assert received.data == stuff(data)
                    assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\r\n\.\r\n", received.data)
                assert [each for each in server.commands if each.startswith("MAIL")] == [
                    "MAIL FROM:<bounces@mail.example.com>"
                ] * 2
                await transport.close()

    run(story)


@pytest.mark.parametrize(
    ("plain", "stuffed"),
    [
        (b"", b"\r\n"),
        (b".", b"..\r\n"),
        (b"a\nb\rc\r\nd", b"a\r\nb\r\nc\r\nd\r\n"),
        (b"\n.\n\r.\r", b"\r\n..\r\n\r\n..\r\n"),
        (b"a\r\n..b\r\n", b"a\r\n...b\r\n"),
    ],
)
def test_stuffing(plain: bytes, stuffed: bytes) -> None:
    assert stuff(plain) == stuffed


def test_size_is_declared_and_a_message_above_the_limit_is_not_sent() -> None:
    async def story() -> None:
        async with ScriptedServer(extensions=(f"SIZE {len(DATA)}",)) as server:
            assert (await send_one(server)).kind is ACCEPTED
            outcome = await send_one(server, wire(data=DATA + b"x\r\n"))
            assert (outcome.kind, outcome.code, outcome.blame) == (PERMANENT, 552, Blame.CONTENT)
            assert f"MAIL FROM:<bounces@mail.example.com> SIZE={len(DATA)}" in server.commands
            assert len(server.received) == 1

    run(story)


@pytest.mark.parametrize(
    "address", ["x@e.com>\r\nRCPT TO:<y@e.com", "x y@e.com", "änn@example.com", "", "ann", "<ann@e.com>"]
)
def test_an_address_that_cannot_stand_in_the_envelope_never_reaches_the_server(address: str) -> None:
    async def story() -> None:
        async with ScriptedServer() as server:
            outcome = await send_one(server, wire(recipient=address))
            assert (outcome.kind, outcome.blame) == (PERMANENT, Blame.ADDRESS)
            assert server.connections == 0
            outcome = await send_one(server, wire(sender=address or "?"))
            assert (outcome.kind, outcome.relay_down) == (TEMPORARY, True)
            assert server.received == []

    run(story)


def test_domains_go_in_ascii_and_the_empty_sender_is_allowed() -> None:
    async def story() -> None:
        async with ScriptedServer() as server:
            assert (await send_one(server, wire(sender="", recipient="ann@bücher.example"))).kind is ACCEPTED
            assert {"MAIL FROM:<>", "RCPT TO:<ann@xn--bcher-kva.example>"} <= set(server.commands)

    run(story)


# --- the pool --------------------------------------------------------------------------------------------------------


def test_as_many_connections_as_lanes_and_no_more() -> None:
    async def story() -> None:
        async with ScriptedServer(extensions=PIPELINING) as server:
            transport = SmtpTransport(relay(server.port, lanes=3), None, patience=CALM)
            await transport.open()
            assert (server.connections, transport.lanes, transport.name) == (1, 6, f"127.0.0.1:{server.port}")
            outcomes = await asyncio.gather(*(transport.send(wire(number)) for number in range(60)))
            assert {each.kind for each in outcomes} == {ACCEPTED}
            assert server.connections == server.most_open == 3
            assert sorted(each.recipients[0] for each in server.received) == sorted(
                f"reader{number}@example.com" for number in range(60)
            )
            await transport.close()
            assert server.commands.count("QUIT") == 3

    run(story)


def test_a_connection_carries_so_many_messages_and_is_replaced() -> None:
    async def story() -> None:
        async with ScriptedServer() as server:
            transport = SmtpTransport(relay(server.port, lanes=1), None, patience=CALM, messages_per_connection=3)
            for number in range(7):
                assert (await transport.send(wire(number))).kind is ACCEPTED
            await transport.close()
            assert server.connections == 3
            assert [each.connection for each in server.received] == [1, 1, 1, 2, 2, 2, 3]

    run(story)


def test_an_idle_connection_is_closed() -> None:
    async def story() -> None:
        async with ScriptedServer() as server:
            transport = SmtpTransport(relay(server.port), None, patience=CALM, idle_seconds=0.05)
            await transport.send(wire())
            await asyncio.sleep(0.3)
            assert server.commands[-1] == "QUIT"
            assert server.open_now == 0
            await transport.send(wire())
            assert server.connections == 2
            await transport.close()

    run(story)


def test_a_dead_relay_is_asked_once_in_a_while_not_for_every_message() -> None:
    async def story() -> None:
        now = [100.0]
        async with ScriptedServer({"banner": [reply("554 no", "close")]}) as server:
            transport = SmtpTransport(
                relay(server.port), None, patience=CALM, clock=lambda: now[0], hold_off_seconds=10
            )
            outcomes = [await transport.send(wire(number)) for number in range(5)]
            assert all(each.relay_down for each in outcomes)
            assert server.connections == 1
            with pytest.raises(RelayUnreachable, match="554"):
                await transport.ready(1)
            now[0] += 11
            assert (await transport.send(wire())).kind is ACCEPTED
            await transport.close()

    run(story)


def test_ready_connects_before_anything_is_at_stake() -> None:
    async def story() -> None:
        async with ScriptedServer() as server:
            transport = SmtpTransport(relay(server.port, lanes=4), None, patience=CALM)
            assert await transport.ready(2) == 2
            assert await transport.ready(9) == 4
            assert server.connections == 1
            await transport.close()

    run(story)


def test_closing_a_server_that_does_not_answer_quit_ends_anyway() -> None:
    async def story() -> None:
        async with ScriptedServer({"quit": HANG}) as server:
            assert (await send_one(server)).kind is ACCEPTED

    run(story)
