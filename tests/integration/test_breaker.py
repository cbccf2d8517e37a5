"""A broadcast of which too many messages are refused is stopped; everything else goes on."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from drip.cli.grammar import Call
from drip.cli.main import cli
from drip.core.delivery import Blame, DeliveryState, Outcome, OutcomeKind
from drip.core.message import Wire
from drip.core.model import Broadcast, When, WhenKind
from drip.engine.broadcasts import put_broadcast
from drip.mail.transport import Grant
from drip.store.store import Store
from tests.stages import ACCEPTED, Ground, ScriptedTransport, open_ground

REFUSED = Outcome(OutcomeKind.PERMANENT, 554, "5.7.1", "we do not like this", Blame.POLICY)
LATER = Outcome(OutcomeKind.TEMPORARY, 451, "4.7.1", "later")
POST = "december-letter"


def ask(ground: Ground, readers: int) -> None:
    """A broadcast to so many readers, who have their first mail of the sequence already."""
    for number in range(readers):
        ground.join(f"r{number:03}@example.org")
    ground.tick()
    ground.transport.sent.clear()
    with ground.store.write() as work:
        scene = ground.engine.scene(work, ground.clock.now())
        edition = next(each for each in ground.engine.live.campaigns(work) if POST in each.campaign.posts)  # type: ignore[union-attr]
        put_broadcast(scene, edition, Broadcast(POST, "job-seekers", When("at once", WhenKind.AT_ONCE)))


def refuse_every(ground: Ground, nth: int) -> None:
    seen: list[str] = []

    def answer(wire: Wire) -> Outcome:
        if POST.encode() not in wire.data:
            return ACCEPTED
        seen.append(wire.recipient)
        return REFUSED if len(seen) % nth == 0 else ACCEPTED

    ground.transport.answer = answer


def counts(ground: Ground) -> dict[str, int]:
    with ground.store.read() as work:
        found = dict(work.delivery_counts("six-deadly-mistakes"))
    ground.counts_hold()
    return found


def test_it_stops_and_reminders_and_sequences_go_on(store: Store, tmp_path: Path) -> None:
    ground = open_ground(tmp_path / "letter", store)
    ask(ground, 150)
    refuse_every(ground, 4)
    ticked = ground.tick()
    lanes = ground.transport.lanes
    found = counts(ground)
    assert 10 <= ticked.failed <= 10 + lanes
    assert found["held"] == ticked.held >= 150 - 4 * (10 + lanes)
    assert found["due"] == found["claimed"] == 0
    ground.join("new@example.org")
    ground.register("mia@example.org", "tuesday-noon")
    went = ground.tick()
    assert went.sent >= 2, "a sequence and a confirmation"
    assert counts(ground)["held"] == found["held"]
    with ground.store.read() as work:
        (stopped,) = work.stopped_broadcasts()
    assert (stopped.post, stopped.held) == (POST, found["held"])


class Slow(ScriptedTransport):
    """The relay takes its time over what it puts off, so that this is told after others were refused."""

    async def send(self, wire: Wire, grant: Grant | None = None) -> Outcome:
        """As the script says, later if it is "later"."""
        outcome = await super().send(wire, grant)
        if outcome.kind is OutcomeKind.TEMPORARY:
            for _ in range(200):
                await asyncio.sleep(0)
        return outcome


def test_what_was_under_way_and_is_put_off_stands_still_too(store: Store, tmp_path: Path) -> None:
    ground = open_ground(tmp_path / "letter", store)
    ask(ground, 60)
    ground.transport = Slow()
    seen: list[str] = []

    def answer(wire: Wire) -> Outcome:
        seen.append(wire.recipient)
        # The first one is put off by the relay, and that is known when ten others were refused.
        return LATER if len(seen) == 1 else REFUSED

    ground.transport.answer = answer
    ground.tick()
    found = counts(ground)
    assert found["failed"] >= 10
    assert found["held"] == 60 - found["failed"]
    assert found["due"] == 0
    tried = len(seen)
    ground.at("2026-11-23 20:00")
    ground.tick()
    assert len(seen) == tried


def test_one_in_twelve_stops_nothing(memory_store: Store, tmp_path: Path) -> None:
    ground = open_ground(tmp_path / "letter", memory_store)
    ask(ground, 150)
    refuse_every(ground, 12)
    ticked = ground.tick()
    assert (ticked.failed, ticked.held) == (12, 0)


def test_after_the_first_500_it_is_left_alone(
    memory_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drip.core.breaker.FIRST", 40)
    monkeypatch.setattr("drip.engine.breaking.FIRST", 40)
    ground = open_ground(tmp_path / "letter", memory_store)
    ask(ground, 120)
    number = iter(range(1_000))
    ground.transport.answer = lambda _: ACCEPTED if next(number) < 50 else REFUSED
    ticked = ground.tick()
    assert (ticked.sent, ticked.failed, ticked.held) == (50, 70, 0)


@pytest.fixture
def stopped(disk_store: Store, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    monkeypatch.setenv("DRIP_SECRET", "x" * 32)
    monkeypatch.setenv("DRIP_STORE", store_url)
    ground = open_ground(tmp_path / "letter", disk_store)
    ask(ground, 60)
    refuse_every(ground, 1)
    ground.tick()
    ground.transport.answer = lambda _: ACCEPTED
    return ground


def drip(ground: Ground, *words: str) -> Result:
    return CliRunner().invoke(cli, ["-C", str(ground.folder), *words], obj=Call(clock=ground.clock))


def test_the_author_lets_it_go_on(stopped: Ground) -> None:
    held = counts(stopped)["held"]
    told = drip(stopped, "status").output
    assert f"six-deadly-mistakes/{POST} was stopped: " in told
    assert f"(100 %); {held} are held" in told
    assert "their post cannot be filled in" not in told
    assert "no delivery is held" in drip(stopped, "delivery", "retry", "--all").output, "not by that door"
    listed = json.loads(drip(stopped, "broadcast", "list", "--json").output)
    assert (listed["post"], listed["held"]) == (POST, held)
    dry = drip(stopped, "broadcast", "release", POST, "-n")
    assert dry.output == f"would send {held} messages of six-deadly-mistakes/{POST}\n"
    assert counts(stopped)["held"] == held
    stopped.clock.set(stopped.clock.now().replace(hour=23))  # hours later: it gets the time that it had
    assert drip(stopped, "broadcast", "release", POST, "-y").exit_code == 0
    stopped.transport.answer = lambda _: REFUSED
    ticked = stopped.tick()
    assert (ticked.failed, ticked.skipped, ticked.held) == (held, 0, 0), "it is not stopped again"
    assert drip(stopped, "broadcast", "list").output == "no broadcast is stopped\n"


def test_what_is_stopped_is_not_foreseen_and_does_not_go(stopped: Ground) -> None:
    ground = stopped
    held = counts(ground)["held"]
    assert held > 0
    told = json.loads(drip(ground, "--json", "plan", "--days", "3").stdout)
    assert told["not_in_it"] == ["held"]
    foreseen = sum(each["mails"] for each in told["lines"] if each["mail"] == POST)
    assert f"not in it: {held} mails of six-deadly-mistakes/{POST}, held" in drip(ground, "plan", "--days", "3").stdout
    before = sum(POST.encode() in each.data for each in ground.transport.sent)
    for _ in range(3):
        ground.clock.set(ground.clock.now() + timedelta(days=1))
        ground.tick()
    assert sum(POST.encode() in each.data for each in ground.transport.sent) - before == foreseen
    assert counts(ground)["held"] == held


def test_the_author_gives_it_up(stopped: Ground) -> None:
    held = counts(stopped)["held"]
    assert drip(stopped, "broadcast", "cancel", "no-such-post").exit_code == 2
    result = drip(stopped, "broadcast", "cancel", f"six-deadly-mistakes/{POST}", "-y")
    assert result.output == f"cancelled {held} messages of six-deadly-mistakes/{POST}\n"
    assert counts(stopped)[DeliveryState.CANCELLED] == held
    assert "was stopped" not in drip(stopped, "status").output
