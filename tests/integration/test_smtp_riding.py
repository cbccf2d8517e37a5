"""Several messages on one connection, with the next envelope riding along: every reply belongs to the right one."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from drip.core.delivery import Outcome
from drip.core.message import Wire
from drip.mail import smtp
from drip.mail.lane import Lane
from drip.mail.smtp import Item, SmtpTransport
from drip.mail.stream import Stream
from drip.mail.transport import NotGranted
from tests.sinks import CLOSE, HANG, RESET, Say, ScriptedServer, reply
from tests.smtp_stories import ACCEPTED, CALM, PERMANENT, PIPELINING, QUICK, TEMPORARY, UNCERTAIN, relay, run, wire

BOTH = pytest.mark.parametrize("extensions", [(), PIPELINING], ids=["one by one", "pipelined"])


class Counting(SmtpTransport):
    """Counts the envelopes that ride along."""

    riders = 0
    riding: asyncio.Event

    def _rider(self, lane: Lane) -> Item | None:
        item = super()._rider(lane)
        self.riders += item is not None
        if item is not None and hasattr(self, "riding"):
            self.riding.set()
        return item


class Grants:
    """Grants, and knows how many messages are granted and without an outcome at any moment."""

    def __init__(self, *refused: int) -> None:
        self.refused = {f"reader{number}@example.com" for number in refused}
        self.asked: Counter[str] = Counter()
        self.under_way = 0
        self.most = 0

    async def send(self, transport: SmtpTransport, message: Wire) -> Outcome:
        granted = False

        async def grant() -> bool:
            nonlocal granted
            await asyncio.sleep(0)
            self.asked[message.recipient] += 1
            granted = message.recipient not in self.refused
            self.under_way += granted
            self.most = max(self.most, self.under_way)
            return granted

        try:
            return await transport.send(message, grant)
        finally:
            self.under_way -= granted


async def send_all(transport: SmtpTransport, count: int, grants: Grants | None = None) -> list[Any]:
    grants = grants or Grants()
    numbers = range(1, count + 1)
    return await asyncio.gather(*(grants.send(transport, wire(n)) for n in numbers), return_exceptions=True)


def who(server: ScriptedServer) -> list[int]:
    return sorted(int(each.recipients[0].removeprefix("reader").split("@")[0]) for each in server.received)


def test_each_but_the_first_rides_and_no_two_are_in_the_dark() -> None:
    async def story() -> None:
        async with ScriptedServer(extensions=PIPELINING) as server:
            transport, grants = Counting(relay(server.port, lanes=1), None, patience=CALM), Grants()
            outcomes = await send_all(transport, 20, grants)
            await transport.close()
            assert [each.kind for each in outcomes] == [ACCEPTED] * 20
            assert (transport.riders, server.connections, grants.most) == (19, 1, 1)
            assert set(grants.asked.values()) == {1}
            assert who(server) == list(range(1, 21))

    run(story)


class Watched(SmtpTransport):
    """Counts how often a connection was set going, each time a message or many."""

    runs = 0

    async def _carry(self, lane: Stream, item: Item) -> Item | None:
        self.runs += 1
        return await super()._carry(lane, item)


def test_one_run_sees_many_messages_through() -> None:
    """As long as all goes as it should no task is woken between two messages; one that does not ends the run."""

    async def story() -> None:
        for trouble, runs in ({}, 1), ({"dot": [None, None, reply("451 4.3.0 later")]}, 2):
            async with ScriptedServer(trouble, extensions=PIPELINING) as server:
                transport = Watched(relay(server.port, lanes=1), None, patience=CALM)
                outcomes = await send_all(transport, 20)
                await transport.close()
                assert [each.kind for each in outcomes].count(ACCEPTED) == 20 - len(trouble)
                assert (transport.runs, server.connections) == (runs, 1)

    run(story)


def test_a_message_that_is_cancelled_in_the_middle_of_a_run_takes_nobody_along() -> None:
    """Its right to send was asked for, and nothing of its body has left."""

    async def story() -> None:
        async with ScriptedServer(extensions=PIPELINING) as server:
            transport = SmtpTransport(relay(server.port, lanes=1), None, patience=CALM)
            asked = asyncio.Event()

            async def never() -> bool:
                asked.set()
                await asyncio.Event().wait()
                return True

            sendings = [
                asyncio.create_task(transport.send(wire(number), never if number == 2 else None))
                for number in (1, 2, 3)
            ]
            await asked.wait()
            sendings[1].cancel()
            results = await asyncio.gather(*sendings, return_exceptions=True)
            await transport.close()
            assert [isinstance(each, asyncio.CancelledError) for each in results] == [False, True, False]
            assert who(server) == [1, 3]

    run(story)


@BOTH
@pytest.mark.parametrize("in_pieces", [False, True], ids=["whole", "byte by byte"])
def test_every_reply_belongs_to_its_message(extensions: tuple[str, ...], in_pieces: bool) -> None:
    script = {
        "mail": [None, reply("452 4.3.1 mail2"), None, None, None, None],
        "rcpt": [None, reply("550 5.1.1 rcpt3"), None, None, reply("450 4.2.1 rcpt6")],
        "dot": [None, reply("451 4.3.0 dot4"), Say(b"554-5.6.0 dot5\r\n554 5.6.0 and more\r\n")],
    }
    wanted = {1: (ACCEPTED, ""), 2: (TEMPORARY, "mail2"), 3: (PERMANENT, "rcpt3"), 4: (TEMPORARY, "dot4")}
    wanted |= {5: (PERMANENT, "dot5 and more"), 6: (TEMPORARY, "rcpt6"), 7: (ACCEPTED, "")}

    async def story() -> None:
        async with ScriptedServer(script, extensions=extensions, in_pieces=in_pieces) as server:
            transport = Counting(relay(server.port, lanes=1), None, patience=CALM)
            outcomes = await send_all(transport, 7)
            await transport.close()
            for number, outcome in enumerate(outcomes, 1):
                kind, text = wanted[number]
                assert (outcome.kind, text or outcome.text) == (kind, outcome.text), number
            assert who(server) == [1, 7]
            assert server.connections == 1

    run(story)


@BOTH
@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (CLOSE, UNCERTAIN),
        (RESET, UNCERTAIN),
        (HANG, UNCERTAIN),
        (Say(b"25", "close"), UNCERTAIN),
        (Say(b"what?\r\n"), UNCERTAIN),
        (reply("421 4.3.2 going down", "close"), TEMPORARY),
    ],
    ids=["close", "reset", "silence", "half a reply", "garbage", "421"],
)
def test_one_in_the_dark_and_the_rider_goes_elsewhere(ending: Say, kind: Any, extensions: tuple[str, ...]) -> None:
    async def story() -> None:
        async with ScriptedServer({"dot": [None, ending]}, extensions=extensions) as server:
            transport = SmtpTransport(relay(server.port, lanes=1), None, patience=QUICK, hold_off_seconds=0)
            outcomes = await send_all(transport, 4)
            await transport.close()
            assert [each.kind for each in outcomes] == [ACCEPTED, kind, ACCEPTED, ACCEPTED]
            assert who(server) == [1, 2, 3, 4] if kind is UNCERTAIN else [1, 3, 4]
            assert server.connections == 2

    run(story)


@BOTH
@pytest.mark.parametrize("phase", ["mail", "rcpt", "data"])
def test_421_in_a_later_envelope_hands_the_message_on(phase: str, extensions: tuple[str, ...]) -> None:
    async def story() -> None:
        script = {phase: [None, reply("421 4.7.0 enough", "close")]}
        async with ScriptedServer(script, extensions=extensions) as server:
            transport = SmtpTransport(relay(server.port, lanes=1), None, patience=CALM, hold_off_seconds=0)
            outcomes = await send_all(transport, 3)
            await transport.close()
            # To MAIL it says no more than that the connection is over; later it is a verdict, of the relay alone.
            assert outcomes[1].kind is (ACCEPTED if phase == "mail" else TEMPORARY)
            assert phase == "mail" or outcomes[1].relay_down
            assert (outcomes[0].kind, outcomes[2].kind) == (ACCEPTED, ACCEPTED)
            assert len(who(server)) == len(set(who(server))) == 2 + (phase == "mail")

    run(story)


@BOTH
def test_what_is_not_granted_never_leaves(extensions: tuple[str, ...]) -> None:
    async def story() -> None:
        async with ScriptedServer(extensions=extensions) as server:
            transport, grants = SmtpTransport(relay(server.port, lanes=1), None, patience=CALM), Grants(1, 3)
            outcomes = await send_all(transport, 4, grants)
            await transport.close()
            assert [isinstance(each, NotGranted) for each in outcomes] == [True, False, True, False]
            assert who(server) == [2, 4]

    run(story)


def test_a_grant_that_fails_is_told_to_its_sender() -> None:
    async def story() -> None:
        async with ScriptedServer(extensions=PIPELINING) as server:
            transport = SmtpTransport(relay(server.port, lanes=1), None, patience=CALM)

            async def broken() -> bool:
                raise OSError("no space left")

            with pytest.raises(OSError, match="no space"):
                await transport.send(wire(1), broken)
            assert (await transport.send(wire(2))).kind is ACCEPTED
            await transport.close()
            assert who(server) == [2]

    run(story)


def test_a_cancelled_rider_does_not_harm_the_message_before_it() -> None:
    async def story() -> None:
        async with ScriptedServer({"dot": [HANG]}, extensions=PIPELINING) as server:
            transport = Counting(relay(server.port, lanes=1), None, patience=QUICK)
            transport.riding = asyncio.Event()
            sendings = [asyncio.create_task(transport.send(wire(number))) for number in (1, 2)]
            await transport.riding.wait()
            sendings[1].cancel()
            assert (await sendings[0]).kind is UNCERTAIN
            await transport.close()
            assert who(server) == [1]

    run(story)


def test_a_cancelled_rider_is_not_sent_when_its_turn_comes() -> None:
    async def story() -> None:
        async with ScriptedServer(extensions=PIPELINING) as server:
            transport = Counting(relay(server.port, lanes=1), None, patience=CALM)
            transport.riding = asyncio.Event()
            sendings = [asyncio.create_task(transport.send(wire(number))) for number in (1, 2)]
            await transport.riding.wait()
            sendings[1].cancel()
            assert (await sendings[0]).kind is ACCEPTED
            assert (await transport.send(wire(3))).kind is ACCEPTED
            await transport.close()
            assert who(server) == [1, 3]

    run(story)


def test_connections_grow_while_it_goes_well_and_are_halved_on_421() -> None:
    async def story() -> None:
        async with ScriptedServer() as server:
            transport = SmtpTransport(relay(server.port, lanes=9), None, patience=CALM)
            assert transport._allowed == smtp.FIRST_LANES
            await send_all(transport, 200)
            assert transport._allowed == server.most_open == 9
            transport._learn(Outcome(TEMPORARY, 421, relay_down=True))
            assert transport._allowed == 4
            await transport.close()

    run(story)


def test_a_relay_that_takes_few_connections_gets_few() -> None:
    """The others carry on; nothing is put down as a loss."""

    async def story() -> None:
        banners = [None, None, reply("421 4.7.0 too many connections", "close")]
        async with ScriptedServer({"banner": banners}) as server:
            transport = SmtpTransport(relay(server.port, lanes=3), None, patience=CALM)
            outcomes = await send_all(transport, 30)
            await transport.close()
            assert {each.kind for each in outcomes} == {ACCEPTED}
            assert who(server) == list(range(1, 31))

    run(story)


def test_too_fast_means_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "SLOW_SECONDS", 0.01)

    async def story() -> None:
        throttled = reply("454 4.7.0 Throttling failure: Maximum sending rate exceeded")
        async with ScriptedServer({"dot": [throttled, throttled]}) as server:
            transport = SmtpTransport(relay(server.port, lanes=1), None, patience=CALM)
            outcomes = await send_all(transport, 3)
            await transport.close()
            assert [each.relay_down for each in outcomes] == [True, True, False]
            assert transport._slow_until > 0

    run(story)
