"""Confirmations and reminders before newsletters: in a relay's day, at its pace, and past lanes that are busy."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from drip.core.events import AskedToJoin
from drip.core.message import Wire
from drip.core.model import Relay, RelayKind
from drip.core.records import DeliveryState
from drip.engine import sending
from drip.engine.pacing import StoredPurse
from drip.engine.reminding import planned_urgent
from drip.errors import QuotaUsed
from drip.mail.pace import Draw, Paced
from drip.mail.sharing import Sharing
from drip.mail.transport import Grant, Transport
from drip.store.store import Store
from tests.stages import EVIDENCE, START, Ground, ScriptedTransport, open_ground

ZONE = "America/New_York"
TUESDAY_NOON = datetime(2026, 12, 8, 17, tzinfo=UTC)


def limited(ground: Ground, **terms: int) -> Relay:
    """The ground's relay with these terms, kept in its store, for an engine that sees the clock go on."""
    relay = Relay(RelayKind.SMTP, host="smtp.example.net", **terms)  # type: ignore[arg-type]

    def transport() -> Transport:
        purse = StoredPurse(
            ground.store,
            relay,
            ZONE,
            ground.clock.now,
            planned=lambda work, now, until: planned_urgent(work, ground.engine.live, now, until),
        )
        return Paced(ground.transport, purse, relay.pace_per_minute)

    ground.engine._transport = transport
    ground.engine._clock = ground.clock.now
    return relay


def ask(ground: Ground, email: str) -> None:
    """Somebody signs up, and waits for the confirmation."""
    ground.engine.happen(AskedToJoin(email, "job-seekers", EVIDENCE), ground.clock.now())


# --- the day -----------------------------------------------------------------------------------------------------


def test_newsletters_leave_the_last_of_a_day_to_who_waits(store: Store, tmp_path: Path) -> None:
    ground = open_ground(tmp_path, store)
    limited(ground, quota=10, reserve_percent=20)
    for number in range(30):
        ground.join(f"r{number}@example.org")
    ticked = ground.tick()
    assert ticked.sent == 8
    assert ticked.resting == (
        "of today's 10 messages with smtp.example.net:587 the last 2 are kept for confirmations and reminders;"
        " the others go on Tue 24 Nov 00:00"
    )
    opened = ground.transport.opened
    assert ground.tick().sent == 0
    assert ground.transport.opened == opened, "nobody logs in every minute to send nothing"
    for number in range(3):
        ask(ground, f"new{number}@example.org")
    ticked = ground.tick()
    assert ticked.sent == 2
    assert ticked.resting.startswith("today's 10 messages with smtp.example.net:587 are used")
    ground.clock.set(START + timedelta(days=1))
    assert ground.tick().sent == 8, "one confirmation and seven letters: the reserve of the new day is kept"
    ground.counts_hold()


def test_reminders_that_are_planned_for_the_day_have_their_place_in_it(memory_store: Store, tmp_path: Path) -> None:
    ground = open_ground(tmp_path, memory_store)
    ground.at("2026-12-08 05:10")  # early on the day of the session
    for number in range(6):
        ground.register(f"seat{number}@example.org", "tuesday-noon")
    ground.tick()
    limited(ground, quota=30, reserve_percent=0)
    for number in range(40):
        ground.join(f"r{number}@example.org")
    assert ground.tick().sent == 18, "an hour and ten minutes before, to six people"
    for moment in ("2026-12-08 16:00", "2026-12-08 16:50"):
        ground.at(moment)
        assert ground.tick().sent == 6
    had = [ground.transport.posts(f"seat{number}@example.org")[-2:] for number in range(6)]
    assert had == [["starting-in-an-hour", "we-are-live"]] * 6
    ground.counts_hold()


def test_several_relays_keep_their_parts(memory_store: Store, tmp_path: Path) -> None:
    relays = [Relay(RelayKind.SMTP, host=f"{name}.example", quota=quota) for name, quota in (("a", 300), ("b", 100))]
    got = [
        StoredPurse(
            memory_store, each, ZONE, lambda: START, relays=[*relays, Relay(RelayKind.SMTP)], planned=lambda *_: 101
        )
        .draw(1_000)
        .granted
        for each in relays
    ]
    assert got == [300 - 30 - 76, 100 - 10 - 26]


class Kept:
    """A purse of which so many are for all, and so many more for the urgent ones."""

    def __init__(self, number: int, kept: int) -> None:
        self.number, self.kept = number, kept

    def draw(self, wanted: int, *, urgent: bool = False) -> Draw:
        granted = min(wanted, self.number + (self.kept if urgent else 0))
        if not granted:
            return Draw(0, spent="used", is_kept=self.kept > 0 and not urgent, is_awaited=True)
        mine = min(granted, self.number)
        self.number, self.kept = self.number - mine, self.kept - (granted - mine)
        return Draw(granted)

    def give_back(self, unused: int) -> None:
        self.kept += unused


def test_a_relay_that_keeps_its_last_is_passed_over_by_newsletters_alone() -> None:
    async def story() -> None:
        first, second = ScriptedTransport(), ScriptedTransport()
        way = Sharing([(lambda: Paced(first, Kept(2, 3)), 1), (lambda: Paced(second, Kept(1, 2)), 1)])
        await way.open()
        for _ in range(3):
            await way.ready(1)
        with pytest.raises(QuotaUsed):
            await way.ready(1)
        for _ in range(5):
            await way.ready(1, urgent=True)
        with pytest.raises(QuotaUsed, match="used"):
            await way.ready(1, urgent=True)

    asyncio.run(story())


# --- the pace ----------------------------------------------------------------------------------------------------


def test_others_stand_back_from_the_pace_while_an_urgent_message_waits_in_any_run(store: Store) -> None:
    relay = Relay(RelayKind.SMTP, host="smtp.example.net", pace_per_minute=30)
    now = START
    letters, reminders = (StoredPurse(store, relay, ZONE, lambda: now) for _ in range(2))
    assert letters.draw(50).granted == 1
    assert reminders.draw(50, urgent=True) == Draw(0, 2.0), "the pace is for all"
    for _ in range(5):
        now += timedelta(seconds=2)
        waits = letters.draw(50)
        assert (waits.granted, waits.seconds) == (0, 1.0), "also when it asks first"
        assert reminders.draw(50, urgent=True).granted == 1
    now += timedelta(seconds=3)
    assert letters.draw(50).granted == 1, "nobody waits any more"


class OneBySecond:
    """A purse that tells who drew, and gives one leave a time."""

    def __init__(self) -> None:
        self.drawn: list[bool] = []
        self._rest = False

    def draw(self, wanted: int, *, urgent: bool = False) -> Draw:
        self._rest = not self._rest
        if not self._rest:
            return Draw(0, 0.001)
        self.drawn.append(urgent)
        return Draw(1)

    def give_back(self, unused: int) -> None:
        """Nothing is left."""


def test_an_urgent_message_passes_the_lanes_that_wait_for_the_pace() -> None:
    async def story() -> None:
        purse = OneBySecond()
        relay = Paced(ScriptedTransport(), purse)
        waiting = [asyncio.create_task(relay.ready(1)) for _ in range(4)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*(relay.ready(1, urgent=True) for _ in range(3)))
        assert purse.drawn[:4] == [False, True, True, True]
        await asyncio.gather(*waiting)

    asyncio.run(story())


# --- a long pass -------------------------------------------------------------------------------------------------


class Stuck(ScriptedTransport):
    """Keeps every newsletter under way until somebody's confirmation has passed; it is asked for meanwhile."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self._ground = ground
        self._passed = asyncio.Event()
        self._asked = False

    async def send(self, wire: Wire, grant: Grant | None = None) -> object:  # type: ignore[override]
        if wire.recipient.startswith("new"):
            self._passed.set()
            return await super().send(wire, grant)
        if not self._asked:
            self._asked = True
            self._ground.clock.set(self._ground.clock.now() + timedelta(minutes=1))
            ask(self._ground, "new@example.org")
            self._ground.register("new-seat@example.org", "tuesday-noon")
        await self._passed.wait()
        return await super().send(wire, grant)


def test_who_confirms_during_a_long_pass_waits_for_no_lane(
    memory_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "LOOK_UP_SECONDS", 0.01)
    ground = open_ground(tmp_path, memory_store)
    ground.engine._clock = ground.clock.now
    ground.transport = Stuck(ground)
    for number in range(8):
        ground.join(f"r{number}@example.org")
    ticked = ground.tick()
    assert ticked.sent >= 10, "all letters, the confirmation, and the welcome to the webinar"
    assert ground.transport.sent[0].recipient.startswith("new")
    assert ground.transport.posts("new-seat@example.org") == ["confirm-registration", "you-are-in"], "also what is due"
    ground.counts_hold()


class Slow(ScriptedTransport):
    """A relay at which each message waits for some minutes."""

    def __init__(self, ground: Ground, minutes: int) -> None:
        super().__init__(lanes=1)
        self._ground, self._minutes = ground, minutes

    async def ready(self, wanted: int, *, urgent: bool = False) -> int:
        self._ground.clock.set(self._ground.clock.now() + timedelta(minutes=self._minutes))
        return wanted


def test_a_reminder_that_waited_too_long_for_the_relay_does_not_go(memory_store: Store, tmp_path: Path) -> None:
    ground = open_ground(tmp_path, memory_store)
    ground.at("2026-12-07 18:00")
    who = [ground.join(f"r{number}@example.org") for number in range(6)]
    for number in range(6):
        ground.register(f"r{number}@example.org", "tuesday-noon")
    ground.tick()
    ground.transport.sent.clear()
    ground.at("2026-12-08 16:00")
    ground.engine._clock = ground.clock.now
    ground.transport = Slow(ground, 12)
    ground.tick()
    states = [ground.states(each)["starting-in-an-hour"] for each in who]
    assert states.count(DeliveryState.SENT) == 3, "after 12, 24 and 36 minutes; it is good for 40"
    assert states.count(DeliveryState.SKIPPED) == 3
    for wire in ground.transport.sent:
        head = wire.data.decode("ascii").split("\r\n")
        at = parsedate_to_datetime(next(line for line in head if line.startswith("Date: "))[6:])
        assert at <= TUESDAY_NOON - timedelta(minutes=20)
    ground.counts_hold()
