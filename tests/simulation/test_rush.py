"""Thousands of reminders at a pace that takes eight minutes for them, with a relay that puts off one in twenty.

The real engine and store, cron every minute with runs that overlap, on a clock that passes as fast as the work is done.
DRIP_RUSHED=10000 plays 10,000 registrants at 20 a second; the default is the same picture at 12 a minute.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drip.core import early
from drip.core.delivery import Blame, Outcome, OutcomeKind
from drip.core.message import Wire
from drip.core.model import Relay, RelayKind
from drip.engine.engine import Engine
from drip.engine.pacing import StoredPurse
from drip.engine.reminding import planned_urgent
from drip.mail.pace import Paced
from drip.mail.transport import Grant, NotGranted, Transport
from drip.store.store import open_store
from tests.fastloop import FastLoop, run_fast
from tests.stages import ACCEPTED, Ground, open_ground

PEOPLE = int(os.environ.get("DRIP_RUSHED", "100"))
LETTERS = PEOPLE * 3 // 2
PER_MINUTE = PEOPLE * 120 // 1_000  # 10,000 at 20 a second
MINUTE = timedelta(minutes=1)
RELAY = Relay(RelayKind.SMTP, host="smtp.example.net", pace_per_minute=PER_MINUTE)
POSTS = ("we-are-live", "december-letter")
STARTS = datetime(2026, 12, 8, 17, 0, tzinfo=UTC)
LATER = Outcome(OutcomeKind.TEMPORARY, 451, "4.7.1", "try again later", Blame.RELAY)


@dataclass
class Busy:
    """A relay that puts off one try in twenty, by chance that is the same in every run."""

    now: object
    lanes: int = 20
    name: str = "busy"
    taken: list[tuple[datetime, str, str]] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    deferred: int = 0

    async def open(self) -> None:
        """Nothing to open."""

    async def ready(self, wanted: int, *, urgent: bool = False) -> int:
        """Always ready: the pace is in front of it."""
        return wanted

    async def close(self) -> None:
        """Nothing to close."""

    async def send(self, wire: Wire, grant: Grant | None = None) -> Outcome:
        """One try, which takes a quarter of a second."""
        if grant is not None and not await grant():
            raise NotGranted
        await asyncio.sleep(0.25)
        self.tries[wire.message_id] += 1
        dice = hashlib.sha256(f"{wire.message_id} {self.tries[wire.message_id]}".encode()).digest()
        if dice[0] < 13:  # of 256: 5 %
            self.deferred += 1
            return LATER
        post = next((each for each in POSTS if f":{each}:".encode() in wire.data), "")
        self.taken.append((self.now(), post, wire.recipient))  # type: ignore[operator]
        return ACCEPTED


def crowd(ground: Ground) -> None:
    """People with a seat, who got their confirmation, and a newsletter that is due half an hour before."""
    ground.edit("campaigns/six-deadly-mistakes/campaign.yaml", "seats: 100", f"seats: {PEOPLE}")
    campaign = ground.folder / "campaigns/six-deadly-mistakes/campaign.yaml"
    head, _, _ = campaign.read_text(encoding="utf-8").partition("broadcasts:")
    text = f"{head}broadcasts:\n  - send: december-letter\n    to: job-seekers\n    when: 2026-12-08 11:30\n"
    campaign.write_text(text, encoding="utf-8")
    ground.at("2026-12-08 15:58")
    ground.apply()
    for number in range(PEOPLE):
        ground.register(f"seat{number}@example.org", "tuesday-noon")
    ground.at("2026-12-08 15:59")
    ground.tick()
    for number in range(LETTERS):
        ground.join(f"reader{number}@example.org")
    ground.at("2026-12-08 16:25")
    ground.tick()
    ground.transport.sent.clear()


def play(ground: Ground, until: datetime) -> Busy:
    """cron, every minute, each run beside those that are still at work."""
    definition = ground.engine.definition
    busy = Busy(None)

    async def story(loop: FastLoop) -> None:
        busy.now = loop.now

        def transport() -> Transport:
            purse = StoredPurse(
                ground.store,
                RELAY,
                definition.timezone,
                loop.now,
                planned=lambda work, now, to: planned_urgent(work, ground.engine.live, now, to),
            )
            return Paced(busy, purse, PER_MINUTE)

        runs: set[asyncio.Task[object]] = set()
        while loop.now() < until:
            engine = Engine(
                ground.store,
                definition,
                ground.engine.keys,
                transport,
                ground._owner,
                run_loop=loop.create_task,  # type: ignore[arg-type]
                clock=loop.now,
            )
            ticking: object = engine.tick(loop.now())
            if isinstance(ticking, asyncio.Task):  # and there is mail to send
                runs.add(ticking)
            await asyncio.sleep(60)
            for each in {each for each in runs if each.done()}:
                runs.discard(each)
                each.result()
        await asyncio.gather(*runs)

    run_fast(STARTS - 32 * MINUTE, story)
    return busy


def shown(ground: Ground) -> tuple[list[datetime], Busy]:
    """When the reminders left, and all that the relay saw."""
    crowd(ground)
    busy = play(ground, STARTS + 20 * MINUTE)
    return sorted(at for at, post, _ in busy.taken if post == "we-are-live"), busy


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    store = open_store("sqlite:///:memory:", root=tmp_path)
    store.create_or_check()
    ground = open_ground(tmp_path / "project", store)
    ground.engine.definition = replace(ground.project.definition, relays=(RELAY,))
    return ground


def test_the_reminders_of_thousands_leave_between_25_and_3_minutes_before(ground: Ground) -> None:
    reminded, busy = shown(ground)
    assert len(reminded) == PEOPLE
    assert len({who for _, post, who in busy.taken if post == "we-are-live"}) == PEOPLE, "each once"
    before = [(STARTS - each) / MINUTE for each in reminded]
    print(f"{PEOPLE} reminders: {before[0]:.1f} to {before[-1]:.1f} minutes before, {busy.deferred} tries put off")
    assert before[-1] >= 3
    assert before[0] <= 25

    news = [at for at, post, _ in busy.taken if post == "december-letter"]
    assert len(news) == LETTERS
    # Until every reminder was tried once, letters wait; those that were under way when it began are few.
    first_tries = reminded[: PEOPLE * 9 // 10]
    meanwhile = [at for at in news if first_tries[0] < at < first_tries[-1]]
    assert len(meanwhile) <= max(3, PER_MINUTE // 20), "the letters under way, and a second's worth"
    assert any(at < first_tries[0] for at in news)
    assert any(at > reminded[-1] for at in news), "and then they go on"
    ground.counts_hold()


@pytest.mark.skipif(PEOPLE > 1_000, reason="the small form shows it")
def test_begun_as_written_they_would_be_too_late(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drip.core.decide.beginning", lambda step, due, starts, lead: due)
    reminded, _ = shown(ground)
    assert reminded[-1] > STARTS - early.LAST_USE
