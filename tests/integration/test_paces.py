"""Paces, quotas, weights and domains hold for all runs together, and a run says why it stops."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from drip.cli.grammar import Call
from drip.cli.main import cli
from drip.core.model import Relay, RelayKind
from drip.engine.engine import Engine
from drip.engine.pacing import StoredPurse, relay_key
from drip.errors import QuotaUsed, RelayUnreachable
from drip.mail.failover import LOSSES_MAX, Failover
from drip.mail.pace import Draw, Paced
from drip.mail.sharing import Sharing
from drip.mail.transport import Transport, relay_trouble
from drip.store.store import Store
from tests.smtp_stories import wire
from tests.stages import START, Ground, ScriptedTransport, open_ground

ZONE = "America/New_York"
RELAY = Relay(RelayKind.SMTP, host="smtp.example.net", user="lisa")


def paced(ground: Ground, **terms: int) -> None:
    """The ground's relay, with these terms, kept in its store."""
    relay = Relay(RelayKind.SMTP, host="smtp.example.net", **terms)  # type: ignore[arg-type]

    def transport() -> Transport:
        return Paced(ground.transport, StoredPurse(ground.store, relay, ZONE, ground.clock.now), relay.pace_per_minute)

    ground.engine._transport = transport


# --- all runs share them -----------------------------------------------------------------------------------------


def test_runs_at_once_get_no_more_together_than_one_would(disk_store: Store) -> None:
    relay = Relay(RelayKind.SMTP, host="smtp.example.net", pace_per_minute=6_000, quota=90, reserve_percent=0)

    def draw(_: int) -> int:
        return StoredPurse(disk_store, relay, ZONE, lambda: START).draw(7).granted

    with ThreadPoolExecutor(4) as pool:
        granted = sum(pool.map(draw, range(40)))
    assert granted == 90, "the burst is 100, the quota of the day 90"
    with disk_store.read() as work:
        assert work.pace(relay_key(relay), START).used == 90
    again = StoredPurse(disk_store, relay, ZONE, lambda: START).draw(1)
    assert again.spent == "today's 90 messages with smtp.example.net:587 are used; it goes on Tue 24 Nov 00:00"


def test_what_a_run_did_not_need_is_there_for_the_next(store: Store, tmp_path: Path) -> None:
    ground = open_ground(tmp_path, store)
    paced(ground, quota=5)
    for number in range(3):
        ground.join(f"r{number}@example.org")
    assert (ground.tick().sent, ground.tick().sent) == (3, 0)
    for number in range(3, 9):
        ground.join(f"r{number}@example.org")
    ticked = ground.tick()
    assert ticked.sent == 2
    assert ticked.resting.startswith("today's 5 messages with smtp.example.net:587 are used; it goes on")
    assert not ticked.relay_down
    ticked = ground.tick()
    assert (ticked.sent, ticked.resting[:17]) == (0, "today's 5 message")
    ground.clock.set(START + timedelta(days=1))
    assert ground.tick().sent == 4
    ground.counts_hold()


def test_a_warm_up_doubles_from_day_to_day(memory_store: Store, tmp_path: Path) -> None:
    ground = open_ground(tmp_path, memory_store)
    paced(ground, warm_up=2, quota=7)
    for number in range(30):
        ground.join(f"r{number}@example.org")
    sent = []
    for day in range(5):
        ground.clock.set(START + timedelta(days=day, hours=day))
        sent.append(ground.tick().sent)
    assert sent == [2, 4, 7, 7, 7]


def test_two_accounts_at_one_server_are_two_relays() -> None:
    other = Relay(RelayKind.SMTP, host="smtp.example.net", user="mia")
    assert relay_key(RELAY) != relay_key(other)
    assert "lisa" in relay_key(RELAY)


# --- the wait ----------------------------------------------------------------------------------------------------


class Drops:
    """A purse that gives one leave a time, with a wait before each but the first."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def draw(self, wanted: int, *, urgent: bool = False) -> Draw:
        self.log.append("draw")
        return Draw(1) if len(self.log) % 2 else Draw(0, 0.001)

    def give_back(self, unused: int) -> None:
        self.log.append(f"back {unused}")


def test_every_message_has_its_own_leave_and_what_is_left_goes_back() -> None:
    async def story() -> None:
        purse, transport = Drops(), ScriptedTransport()
        relay = Paced(transport, purse, per_minute=24)
        assert relay.lanes == min(2, transport.lanes), "a slow relay has few lanes: urgent mail must not wait behind"
        await relay.open()
        await asyncio.gather(*(relay.ready(1) for _ in range(4)))
        assert purse.log == ["draw"] * 7
        relay.at_hand()
        relay.at_hand()
        await relay.close()
        assert purse.log[-1] == "back 1"

    asyncio.run(story())


# --- weights -----------------------------------------------------------------------------------------------------


async def share_out(way: Sharing | Failover, number: int) -> Counter[str]:
    """Which relay each of so many messages went with, sent from several lanes."""
    went: Counter[str] = Counter()
    left = iter(range(number))

    async def lane() -> None:
        for each in left:
            await way.ready(1)
            await way.send(wire(each))
            went[way.name] += 1

    await asyncio.gather(*(lane() for _ in range(4)))
    return went


def named(name: str, **more: object) -> ScriptedTransport:
    transport = ScriptedTransport(**more)  # type: ignore[arg-type]
    transport.name = name
    return transport


def test_messages_are_shared_by_weight() -> None:
    async def story() -> None:
        way = Sharing([(lambda: named("three"), 3), (lambda: named("one"), 1)])
        await way.open()
        assert await share_out(way, 40) == {"three": 30, "one": 10}
        await way.close()

    asyncio.run(story())


def test_one_that_is_away_or_loses_message_after_message_is_left_out() -> None:
    def away() -> Transport:
        raise RelayUnreachable("away")

    async def story() -> None:
        bad = named("bad")
        bad.answer = lambda _: relay_trouble("closed")
        way = Failover([lambda: Sharing([(lambda: bad, 1), (lambda: named("good"), 1), (away, 5)])])
        await way.open()
        went = await share_out(way, 40)
        assert LOSSES_MAX <= went["bad"] <= LOSSES_MAX + 4, "and those under way on other lanes"
        assert went["good"] == 40 - went["bad"]

    asyncio.run(story())


class Few:
    """A purse for so many messages."""

    def __init__(self, number: int) -> None:
        self.number = number

    def draw(self, wanted: int, *, urgent: bool = False) -> Draw:
        granted, self.number = min(wanted, self.number), max(0, self.number - wanted)
        return Draw(granted) if granted else Draw(0, spent="used")

    def give_back(self, unused: int) -> None:
        self.number += unused


def test_the_quota_of_one_is_used_and_the_others_go_on_until_none_is_left() -> None:
    async def story() -> None:
        first = Sharing([(lambda: Paced(named("a"), Few(5)), 1), (lambda: Paced(named("b"), Few(7)), 1)])
        way = Failover([lambda: first, lambda: Paced(named("c"), Few(4))])
        await way.open()
        went = await share_out(way, 16)
        assert went == {"a": 5, "b": 7, "c": 4}
        with pytest.raises(QuotaUsed, match="used"):
            await way.ready(1)

    asyncio.run(story())


# --- domains -----------------------------------------------------------------------------------------------------


def test_a_domain_gets_its_pace_and_nobody_waits_behind_it(store: Store, tmp_path: Path) -> None:
    ground = open_ground(tmp_path, store)
    ground.engine = Engine(
        store,
        _with_paces(ground, {"big.example": 4}),
        ground.engine.keys,
        lambda: ground.transport,
        ground._owner,
    )
    for number in range(14):
        ground.join(f"r{number}@BIG.example")
    for number in range(5):
        ground.join(f"r{number}@small.example")
    had = []
    for minute in range(5):
        ground.clock.set(START + timedelta(minutes=minute))
        ground.tick()
        had.append(Counter(each.recipient.rpartition("@")[2].lower() for each in ground.transport.sent))
    assert [each["small.example"] for each in had] == [5] * 5
    assert [each["big.example"] for each in had] == [4, 8, 12, 14, 14]
    ground.counts_hold()


def _with_paces(ground: Ground, paces: dict[str, int]):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(ground.project.definition, paces=paces)


# --- what people see ---------------------------------------------------------------------------------------------


def test_the_run_and_the_status_say_what_is_used(
    tmp_path: Path, disk_store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIP_SECRET", "x" * 32)
    monkeypatch.setenv("DRIP_STORE", store_url)
    ground = open_ground(tmp_path / "letter", disk_store)
    text = (ground.folder / "drip.yaml").read_text()
    text = text.replace("- folder: outbox", "- folder: outbox\n    warm-up: 3 a day, doubling\n    quota: 500 a day")
    (ground.folder / "drip.yaml").write_text(text + "pace:\n  example.org: 600 a minute\n")
    for number in range(8):
        ground.join(f"r{number}@example.org")
    drip: Callable[..., object] = lambda *words: CliRunner().invoke(  # noqa: E731 - two words for a long call
        cli, ["-C", str(ground.folder), *words], obj=Call(clock=ground.clock)
    )
    used = "today's 3 messages with folder:outbox (day 1 of its warm-up) are used; it goes on Tue 24 Nov 00:00"
    result = drip("run")
    assert (result.exit_code, result.output) == (0, f"sent 3 messages; {used}\n")
    result = drip("run")
    assert (result.exit_code, result.output) == (0, f"nothing was sent: {used}\n")
    status = drip("status").output
    assert "folder:outbox   no limit       3    3      0             1" in status
    assert used in status, "the last run's note"
    ground.clock.set(START + timedelta(days=1))
    assert drip("run").output.startswith("sent 5 messages;")
