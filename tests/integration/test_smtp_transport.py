"""The SMTP transport against a server that breaks where the script says: what is told must be what happened."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from drip.core.delivery import Blame, Outcome, OutcomeKind
from drip.core.message import Wire
from drip.core.model import Relay, RelayKind, Tls
from drip.errors import RelayUnreachable
from drip.mail.lane import Lost, Patience, stuff
from drip.mail.smtp import LoginRefused, SmtpTransport
from tests.sinks import CLOSE, HANG, RESET, Say, ScriptedServer, reply

ACCEPTED, TEMPORARY, PERMANENT, UNCERTAIN = OutcomeKind
QUICK = Patience(connect=0.4, command=0.4, block=0.4, dot=0.4, goodbye=0.2)
DATA = b"Message-ID: <1@example.com>\r\nSubject: hi\r\n\r\nown it\r\n"
PIPELINING = ("PIPELINING", "8BITMIME")


def wire(number: int = 1, data: bytes = DATA, **more: Any) -> Wire:
    fields = {"sender": "bounces@mail.example.com", "recipient": f"reader{number}@example.com"}
    return Wire(data=data, message_id=f"<{number}@example.com>", **{**fields, **more})


def relay(port: int, **more: Any) -> Relay:
    return Relay(**{"kind": RelayKind.SMTP, "host": "127.0.0.1", "port": port, "tls": Tls.OFF, "lanes": 2, **more})


def run(story: Callable[[], Awaitable[None]]) -> None:
    """Run a story, and fail on anything that it leaves open or that the event loop complains about."""
    complaints: list[str] = []

    async def told() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(str(context)))
        await asyncio.wait_for(story(), 20)
        await asyncio.sleep(0)

    asyncio.run(told())
    assert complaints == []


async def send_one(server: Any, message: Wire | None = None, **options: Any) -> Outcome:
    transport = SmtpTransport(relay(server.port), None, **{"patience": QUICK, "hold_off_seconds": 0, **options})
    try:
        return await transport.send(message or wire())
    finally:
        await transport.close()


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
            outcome = await send_one(server)
            assert (outcome.kind, outcome.relay_down) == (kind, down), outcome
            assert len(server.received) == accepted
            assert "\r" not in outcome.text
            assert "\x00" not in outcome.text

    run(story)


def test_a_refused_connection() -> None:
    async def story() -> None:
        async with ScriptedServer() as server:
            port = server.port
        transport = SmtpTransport(relay(port), None, patience=QUICK)
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
                outcome = await send_one(server, wire(data=big))
                assert (outcome.kind, outcome.relay_down) == (TEMPORARY, True), outcome
                assert server.received == []

    run(story)


def test_the_dot_waits_until_all_before_it_has_left() -> None:
    """Also when only a little is left here: less than what the event loop holds back without a word by default."""

    async def story() -> None:
        big = DATA + (b"y" * 70 + b"\r\n") * 1200
        async with ScriptedServer({"body": CLOSE}) as server:
            transport = SmtpTransport(relay(server.port), None, patience=QUICK)
            await transport.open()
            (lane,) = transport._idle
            lane._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
            with pytest.raises(Lost):
                await lane.carry(wire(data=big))
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
            transport = SmtpTransport(relay(server.port), None, patience=QUICK)
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
            transport = SmtpTransport(relay(server.port), None, patience=QUICK)
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
            transport = SmtpTransport(relay(server.port), None, patience=QUICK)
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
                transport = SmtpTransport(relay(server.port), None, patience=QUICK)
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
            transport = SmtpTransport(relay(server.port, lanes=3), None, patience=QUICK)
            await transport.open()
            assert (server.connections, transport.lanes, transport.name) == (1, 3, f"127.0.0.1:{server.port}")
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
            transport = SmtpTransport(relay(server.port, lanes=1), None, patience=QUICK, messages_per_connection=3)
            for number in range(7):
                assert (await transport.send(wire(number))).kind is ACCEPTED
            await transport.close()
            assert server.connections == 3
            assert [each.connection for each in server.received] == [1, 1, 1, 2, 2, 2, 3]

    run(story)


def test_an_idle_connection_is_closed() -> None:
    async def story() -> None:
        async with ScriptedServer() as server:
            transport = SmtpTransport(relay(server.port), None, patience=QUICK, idle_seconds=0.05)
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
                relay(server.port), None, patience=QUICK, clock=lambda: now[0], hold_off_seconds=10
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
            transport = SmtpTransport(relay(server.port, lanes=4), None, patience=QUICK)
            assert await transport.ready(2) == 2
            assert await transport.ready(9) == 4
            assert server.connections == 1
            await transport.close()

    run(story)


def test_the_pace_is_kept() -> None:
    async def story() -> None:
        async with ScriptedServer() as server:
            transport = SmtpTransport(relay(server.port, pace_per_minute=600, lanes=2), None, patience=QUICK)
            await transport.open()
            loop = asyncio.get_running_loop()
            begin = loop.time()
            outcomes = await asyncio.gather(*(transport.send(wire(number)) for number in range(14)))
            assert {each.kind for each in outcomes} == {ACCEPTED}
            assert loop.time() - begin >= 0.35  # ten at once, then one each tenth of a second
            await transport.ready(1)
            assert loop.time() - begin >= 0.45
            await transport.close()

    run(story)


def test_closing_a_server_that_does_not_answer_quit_ends_anyway() -> None:
    async def story() -> None:
        async with ScriptedServer({"quit": HANG}) as server:
            assert (await send_one(server)).kind is ACCEPTED

    run(story)


# --- TLS and login ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and certificate for `localhost`, made on the spot."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl program to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    target = folder / "both.pem"
    command = (
        f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run(
        [*command.split(), "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
        check=True,
        capture_output=True,
    )
    target.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return target


def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def client_tls(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate.with_name("cert.pem"))


@pytest.mark.parametrize("extensions", [(), PIPELINING], ids=["one by one", "pipelined"])
@pytest.mark.parametrize("tls", [Tls.REQUIRED, Tls.IMPLICIT])
def test_tls_and_login(certificate: Path, tls: Tls, extensions: tuple[str, ...]) -> None:
    async def story() -> None:
        async with ScriptedServer(
            extensions=extensions,
            tls=server_tls(certificate),
            implicit=tls is Tls.IMPLICIT,
            logins={"lisa": "pässword"},
        ) as server:
            where = relay(server.port, host="localhost", tls=tls, user="lisa")
            transport = SmtpTransport(where, "pässword", patience=Patience(), tls_context=client_tls(certificate))
            await transport.open()
            outcomes = await asyncio.gather(*(transport.send(wire(number)) for number in range(6)))
            assert {each.kind for each in outcomes} == {ACCEPTED}
            big = DATA + (b"y" * 70 + b"\r\n") * 20_000
            assert (await transport.send(wire(data=big))).kind is ACCEPTED
            assert server.received[-1].data == big
            await transport.close()
            auth = [each for each in server.commands if each.startswith("AUTH")]
            assert len(auth) == server.connections
            assert all(each.startswith("AUTH PLAIN") for each in auth)
            first = server.commands.index("STARTTLS") if tls is Tls.REQUIRED else 0
            assert [each.split()[0] for each in server.commands[first:]].index("AUTH") >= 1

    run(story)


@pytest.mark.parametrize("tls", [Tls.REQUIRED, Tls.IMPLICIT])
@pytest.mark.parametrize("phase", ["dot", "data", "mail"])
def test_losses_inside_tls_are_told_apart_too(certificate: Path, tls: Tls, phase: str) -> None:
    async def story() -> None:
        for ending in (CLOSE, RESET, HANG):
            async with ScriptedServer(
                {phase: ending}, tls=server_tls(certificate), implicit=tls is Tls.IMPLICIT
            ) as server:
                where = relay(server.port, host="localhost", tls=tls)
                transport = SmtpTransport(where, None, patience=QUICK, tls_context=client_tls(certificate))
                outcome = await transport.send(wire())
                await transport.close()
                assert outcome.kind is (UNCERTAIN if phase == "dot" else TEMPORARY)
                assert len(server.received) == (phase == "dot")

    run(story)


def test_required_tls_is_never_given_up(certificate: Path) -> None:
    async def story() -> None:
        async with ScriptedServer(logins={"lisa": "secret"}) as server:
            transport = SmtpTransport(relay(server.port, tls=Tls.REQUIRED, user="lisa"), "secret", patience=QUICK)
            with pytest.raises(RelayUnreachable, match="STARTTLS"):
                await transport.open()
            assert (await transport.send(wire())).relay_down
            assert [each.split()[0] for each in server.commands] == ["EHLO"]

    run(story)


def test_a_refused_starttls_ends_the_session(certificate: Path) -> None:
    async def story() -> None:
        script = {"starttls": reply("454 4.7.0 no TLS now")}
        async with ScriptedServer(script, tls=server_tls(certificate)) as server:
            transport = SmtpTransport(relay(server.port, tls=Tls.REQUIRED), None, patience=QUICK)
            with pytest.raises(RelayUnreachable, match="454"):
                await transport.open()

    run(story)


def test_a_certificate_of_somebody_else_is_refused(certificate: Path) -> None:
    async def story() -> None:
        for tls in (Tls.REQUIRED, Tls.IMPLICIT):
            async with ScriptedServer(tls=server_tls(certificate), implicit=tls is Tls.IMPLICIT) as server:
                for context in (None, client_tls(certificate)):  # unknown issuer; known issuer, but another name
                    transport = SmtpTransport(relay(server.port, tls=tls), None, patience=QUICK, tls_context=context)
                    with pytest.raises(RelayUnreachable, match=r"(?i)certificate"):
                        await transport.open()
                assert not [each for each in server.commands if each.startswith("MAIL")]

    run(story)


def test_a_refused_login_is_tried_once() -> None:
    async def story() -> None:
        async with ScriptedServer(logins={"lisa": "secret"}) as server:
            transport = SmtpTransport(
                relay(server.port, user="lisa"), "wrong-Passw0rd", patience=QUICK, hold_off_seconds=0
            )
            with pytest.raises(LoginRefused, match="535") as caught:
                await transport.open()
            assert "not-it-42" not in str(caught.value)
            assert caught.value.exit_code == 13
            for number in range(3):
                assert (await transport.send(wire(number))).relay_down
            assert len([each for each in server.commands if each.startswith("AUTH")]) == 1
            assert server.connections == 1

    run(story)


def test_a_login_that_fails_for_now_may_be_tried_again() -> None:
    async def story() -> None:
        script = {"auth": [reply("454 4.7.0 try later"), reply("235 2.7.0 welcome")]}
        async with ScriptedServer(script, logins={"lisa": "secret"}) as server:
            transport = SmtpTransport(relay(server.port, user="lisa"), "secret", patience=QUICK, hold_off_seconds=0)
            assert (await transport.send(wire())).relay_down
            assert (await transport.send(wire())).kind is ACCEPTED
            await transport.close()

    run(story)


def test_a_relay_without_login_is_told() -> None:
    async def story() -> None:
        async with ScriptedServer() as server:
            transport = SmtpTransport(relay(server.port, user="lisa"), "secret", patience=QUICK)
            with pytest.raises(LoginRefused, match="no way to log in"):
                await transport.open()

    run(story)


def test_an_old_server_without_ehlo() -> None:
    async def story() -> None:
        async with ScriptedServer({"ehlo": reply("502 5.5.1 what?")}) as server:
            assert (await send_one(server)).kind is ACCEPTED
            assert server.commands[1].startswith("HELO ")

    run(story)
