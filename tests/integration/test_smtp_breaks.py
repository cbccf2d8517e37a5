"""The SMTP transport against a server that breaks where the script says: what is told must be what happened."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from drip.core.delivery import Blame, OutcomeKind
from drip.errors import RelayUnreachable
from drip.mail.lane import Cargo, Lost, Patience
from drip.mail.smtp import SmtpTransport
from tests.sinks import CLOSE, HANG, RESET, Say, ScriptedServer, reply
from tests.smtp_stories import (
    ACCEPTED,
    CALM,
    DATA,
    PERMANENT,
    PIPELINING,
    QUICK,
    TEMPORARY,
    UNCERTAIN,
    relay,
    run,
    send_one,
    wire,
)

# --- the break points ------------------------------------------------------------------------------------------------

# Where the relay breaks, what it does there, what must be told, and whether the message was in fact accepted.
BREAKS: list[tuple[str, dict[str, Any], OutcomeKind, bool, bool]] = [
    # name, script, outcome, relay_down, accepted in fact
    ("banner: close", {"banner": CLOSE}, TEMPORARY, True, False),
    ("banner: 554", {"banner": reply("554 5.3.2 not today", "close")}, TEMPORARY, True, False),
    ("banner: never", {"banner": HANG}, TEMPORARY, True, False),
    ("ehlo: close", {"ehlo": CLOSE}, TEMPORARY, True, False),
    ("mail: close", {"mail": CLOSE}, TEMPORARY, True, False),
    ("mail: reset", {"mail": RESET}, TEMPORARY, True, False),
    ("mail: never", {"mail": HANG}, TEMPORARY, True, False),
    ("mail: 421", {"mail": reply("421 4.3.2 too many", "close")}, TEMPORARY, True, False),
    ("mail: 451", {"mail": reply("451 4.3.0 later")}, TEMPORARY, False, False),
    ("mail: 550", {"mail": reply("550 5.1.8 sender unknown")}, TEMPORARY, True, False),
    ("mail: 530", {"mail": reply("530 5.7.0 log in first")}, TEMPORARY, True, False),
    ("mail: garbage", {"mail": Say(b"what is this\r\n")}, TEMPORARY, True, False),
    ("mail: 2yz that is none", {"mail": reply("220 hello again")}, TEMPORARY, True, False),
    ("rcpt: close", {"rcpt": CLOSE}, TEMPORARY, True, False),
    ("rcpt: 450", {"rcpt": reply("450 4.2.1 busy")}, TEMPORARY, False, False),
    ("rcpt: 550", {"rcpt": reply("550 5.1.1 no such user")}, PERMANENT, False, False),
    ("data: close before 354", {"data": CLOSE}, TEMPORARY, True, False),
    ("data: 354 never comes", {"data": HANG}, TEMPORARY, True, False),
    ("data: 451", {"data": reply("451 4.3.0 later")}, TEMPORARY, False, False),
    ("data: 250 instead of 354", {"data": reply("250 fine")}, TEMPORARY, True, False),
    ("data: 354 and more", {"data": Say(b"354 go on\r\n250 2.0.0 queued\r\n")}, TEMPORARY, True, False),
    ("data: 354, then gone", {"data": Say(b"354 go on\r\n", "close")}, TEMPORARY, True, False),
    ("dot: 451", {"dot": reply("451 4.7.1 greylisted")}, TEMPORARY, False, False),
    ("dot: 421", {"dot": reply("421 4.3.2 going down", "close")}, TEMPORARY, True, False),
    ("dot: 554", {"dot": reply("554 5.6.0 not in this house")}, PERMANENT, False, False),
    ("dot: accepted, close", {"dot": CLOSE}, UNCERTAIN, False, True),
    ("dot: accepted, reset", {"dot": RESET}, UNCERTAIN, False, True),
    ("dot: accepted, half a reply", {"dot": Say(b"25", "close")}, UNCERTAIN, False, True),
    ("dot: accepted, no line end", {"dot": Say(b"250 2.0.0 ok", "close")}, UNCERTAIN, False, True),
    ("dot: accepted, half of two lines", {"dot": Say(b"250-2.0.0 ok\r\n", "close")}, UNCERTAIN, False, True),
    ("dot: accepted, 250 never comes", {"dot": HANG}, UNCERTAIN, False, True),
    ("dot: accepted, half a reply, then silence", {"dot": Say(b"250 2.", "hang")}, UNCERTAIN, False, True),
    ("dot: accepted, garbage", {"dot": Say(b"\x00\xff OK queued\r\n")}, UNCERTAIN, False, True),
    ("dot: accepted, no such code", {"dot": reply("299 fine")}, UNCERTAIN, False, True),
    ("dot: accepted, 354 once more", {"dot": reply("354 more?")}, UNCERTAIN, False, True),
    ("dot: accepted, two codes in one reply", {"dot": Say(b"250-ok\r\n550 no\r\n")}, UNCERTAIN, False, True),
    ("dot: accepted, endless reply", {"dot": Say(b"250-ok\r\n" * 6000)}, UNCERTAIN, False, True),
    ("after the 250: close", {"after": CLOSE}, ACCEPTED, False, True),
    ("after the 250: 421", {"after": reply("421 bye", "close")}, ACCEPTED, False, True),
    ("nothing", {}, ACCEPTED, False, True),
]


@pytest.mark.parametrize("extensions", [(), PIPELINING], ids=["one by one", "pipelined"])
@pytest.mark.parametrize(
    ("script", "kind", "down", "accepted"), [row[1:] for row in BREAKS], ids=[row[0] for row in BREAKS]
)
def test_break_points(
    script: dict[str, Any], kind: OutcomeKind, down: bool, accepted: bool, extensions: tuple[str, ...]
) -> None:
    async def story() -> None:
        async with ScriptedServer(script, extensions=extensions) as server:
            hangs = any(each.then == "hang" for each in script.values())
            outcome = await send_one(server, patience=QUICK if hangs else CALM)
            assert (outcome.kind, outcome.relay_down) == (kind, down), outcome
            assert len(server.received) == accepted
            assert "\r" not in outcome.text
            assert "\x00" not in outcome.text

    run(story)


def test_a_refused_connection() -> None:
    async def story() -> None:
        async with ScriptedServer() as server:
            port = server.port
        transport = SmtpTransport(relay(port), None, patience=CALM)
        outcome = await transport.send(wire())
        assert (outcome.kind, outcome.relay_down, outcome.blame) == (TEMPORARY, True, Blame.RELAY)
        with pytest.raises(RelayUnreachable, match=f"127.0.0.1:{port}"):
            await transport.open()
        await transport.close()

    run(story)


@pytest.mark.parametrize("extensions", [(), PIPELINING], ids=["one by one", "pipelined"])
def test_a_large_body_that_the_relay_stops_reading_was_not_sent(extensions: tuple[str, ...]) -> None:
    """The dot never left, since the bytes before it were still here: safe to try again."""

    async def story() -> None:
        big = DATA + b"x" * 70 + b"\r\n"
        big += (b"y" * 70 + b"\r\n") * 600_000
        for body in (CLOSE, RESET, HANG):
            async with ScriptedServer({"body": body}, extensions=extensions) as server:
                outcome = await send_one(server, wire(data=big), patience=QUICK)
                assert (outcome.kind, outcome.relay_down) == (TEMPORARY, True), outcome
                assert server.received == []

    run(story)


def test_the_dot_waits_until_all_before_it_has_left() -> None:
    """Also when only a little is left here: less than what the event loop holds back without a word by default."""

    async def story() -> None:
        big = DATA + (b"y" * 70 + b"\r\n") * 1200
        async with ScriptedServer({"body": CLOSE}) as server:
            transport = SmtpTransport(relay(server.port), None, patience=CALM)
            await transport.open()
            (lane,) = transport._idle
            lane._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
            with pytest.raises(Lost):
                await lane.carry(Cargo(wire(data=big)))
            await transport.close()
            assert server.received == []

    run(story)


def test_a_refusal_in_the_middle_of_a_large_body_is_told() -> None:
    async def story() -> None:
        big = DATA + (b"y" * 70 + b"\r\n") * 600_000
        async with ScriptedServer({"body": reply("552 5.3.4 too big", "hang")}) as server:
            outcome = await send_one(server, wire(data=big))
            assert (outcome.kind, outcome.code, outcome.blame) == (PERMANENT, 552, Blame.CONTENT)

    run(story)


@pytest.mark.parametrize("extensions", [(), PIPELINING], ids=["one by one", "pipelined"])
def test_replies_that_come_in_pieces_are_read(extensions: tuple[str, ...]) -> None:
    async def story() -> None:
        spoken = b"250-2.0.0 taken\r\n250-2.0.0 and kept\r\n250 2.0.0 as 42\r\n"
        async with ScriptedServer(
            {"dot": Say(spoken), "mail": Say(b"250 2.1.0 ok\r\n")}, extensions=extensions, in_pieces=True
        ) as server:
            outcome = await send_one(server)
            assert (outcome.kind, outcome.code, outcome.enhanced) == (ACCEPTED, 250, "2.0.0")
            assert outcome.text == "taken and kept as 42"

    run(story)


# --- after a refusal -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extensions", [(), PIPELINING], ids=["one by one", "pipelined"])
@pytest.mark.parametrize("phase", ["mail", "rcpt", "data", "dot"])
def test_the_connection_goes_on_after_a_refusal(phase: str, extensions: tuple[str, ...]) -> None:
    async def story() -> None:
        async with ScriptedServer({phase: [reply("451 4.3.0 later")]}, extensions=extensions) as server:
            transport = SmtpTransport(relay(server.port), None, patience=CALM)
            first, second = [await transport.send(wire(number)) for number in (1, 2)]
            assert (first.kind, second.kind) == (TEMPORARY, ACCEPTED)
            assert [each.recipients for each in server.received] == [["reader2@example.com"]]
            assert ("RSET" in server.commands) == (phase != "dot")
            assert server.connections == 1
            await transport.close()

    run(story)


def test_a_354_without_a_recipient_gets_a_lone_dot_and_never_the_body() -> None:
    async def story() -> None:
        script = {"rcpt": [reply("550 5.1.1 no such user")], "data": [reply("354 go on anyway")]}
        async with ScriptedServer(script, extensions=PIPELINING) as server:
            transport = SmtpTransport(relay(server.port), None, patience=CALM)
            first, second = [await transport.send(wire(number)) for number in (1, 2)]
            assert (first.kind, first.blame, first.enhanced) == (PERMANENT, Blame.ADDRESS, "5.1.1")
            assert second.kind is ACCEPTED
            assert [each.data for each in server.received] == [DATA]
            assert server.connections == 1
            await transport.close()

    run(story)


def test_a_354_after_a_refused_sender_gets_nothing_at_all() -> None:
    async def story() -> None:
        script = {"mail": [reply("451 4.3.0 later")], "orphan": reply("250 ok"), "data": [reply("354 go on")]}
        async with ScriptedServer(script, extensions=PIPELINING) as server:
            outcome = await send_one(server)
            assert outcome.kind is TEMPORARY
            assert server.received == []

    run(story)


def test_a_connection_that_ended_while_it_waited_is_replaced_without_a_word() -> None:
    async def story() -> None:
        for ending in (
            CLOSE,
            RESET,
            reply("421 4.4.2 idle too long", "close"),
            reply("421 4.7.0 enough for now", "hang"),
        ):
            async with ScriptedServer({"mail": [None, ending]}) as server:
                transport = SmtpTransport(relay(server.port), None, patience=QUICK)
                outcomes = [await transport.send(wire(number)) for number in (1, 2, 3)]
                assert [each.kind for each in outcomes] == [ACCEPTED] * 3
                assert [each.recipients[0][6] for each in server.received] == ["1", "2", "3"]
                assert server.connections == 2
                await transport.close()

    run(story)


def test_words_out_of_turn_are_never_taken_for_a_verdict() -> None:
    """A reply that comes while nothing was asked must not be read as the reply to the next command."""

    async def story() -> None:
        async with ScriptedServer({"after": [reply("250 2.0.0 once more")]}) as server:
            transport = SmtpTransport(relay(server.port), None, patience=CALM)
            first = await transport.send(wire(1))
            await asyncio.sleep(0.05)
            second = await transport.send(wire(2))
            assert (first.kind, second.kind) == (ACCEPTED, ACCEPTED)
            assert server.connections == 2
            await transport.close()

    run(story)


def test_a_cancelled_send_leaves_no_half_message_and_no_connection() -> None:
    async def story() -> None:
        async with ScriptedServer({"data": [HANG]}) as server:
            transport = SmtpTransport(relay(server.port, lanes=1), None, patience=Patience())
            sending = asyncio.create_task(transport.send(wire(1)))
            await server.reached("data")
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert (await transport.send(wire(2))).kind is ACCEPTED
            await transport.close()
            assert [each.recipients for each in server.received] == [["reader2@example.com"]]

    run(story)
