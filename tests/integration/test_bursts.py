"""Rule 15 on the real engine and both databases: a flood of drip mails is held before it leaves, nothing else is."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drip.core.burst import Burst
from drip.core.delivery import DeliveryState
from drip.core.records import Kind, NewDelivery, RevisionId, SubscriberId
from drip.engine import bursting
from drip.engine.bursting import release_burst
from drip.rehearsal.letters import Envelopes
from drip.reports import status
from drip.store.store import Store, open_store
from tests.stages import Ground, open_ground

HELD = DeliveryState.HELD.value


def quick_ground(folder: Path, store: Store) -> Ground:
    """A ground whose mails are envelopes, and are not judged."""
    with mock.patch("drip.authoring.check.check", return_value=[]):
        ground = open_ground(folder / "p", store)
    ground.engine._letters = Envelopes(ground.engine.keys, composed_first=0)
    return ground


def sent_on(ground: Ground, days: dict[int, int]) -> None:
    """A past: so many drip mails so many days ago."""
    with ground.store.write() as work:
        number = 0
        for back, many in days.items():
            at = ground.clock.now() - timedelta(days=back)
            for _ in range(many):
                number += 1
                new = NewDelivery(f"old-{number}", "m", SubscriberId(1), "c", "p", Kind.SEQUENCE, at, RevisionId(1))
                planned = work.plan_delivery(new, at)
                assert planned is not None
                work.claim("past", at, 1, [Kind.SEQUENCE])
                work.mark([planned.id], "past", at)
                work.recover("past", at)  # uncertain: it may have been taken, so it went


def counts(ground: Ground) -> dict[str, int]:
    with ground.store.read() as work:
        return {name: number for name, number in work.delivery_counts().items() if number}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a test needs no hundreds of people."""
    monkeypatch.setattr(bursting, "ALWAYS_ALLOWED", 3)
    monkeypatch.setattr("drip.core.burst.ALWAYS_ALLOWED", 3)


@pytest.mark.usefixtures("few")
def test_rule_15_a_flood_waits_for_the_author_and_the_urgent_goes(store: Store, tmp_path: Path) -> None:
    ground = quick_ground(tmp_path, store)
    now = ground.clock.now()
    first = ground.join("first@example.org")
    assert ground.engine.tick(now, careful=True).burst is None
    for number in range(12):
        ground.join(f"r{number}@example.org")
    ground.register("first@example.org", "tuesday-noon")
    ticked = ground.engine.tick(now, careful=True)
    assert ticked.burst == Burst(12, 1)
    assert (ticked.sent, ticked.held) == (2, 12)
    with store.read() as work:
        urgent = {each.post for each in work.deliveries(first) if each.state is DeliveryState.SENT}
    assert urgent == {"own-the-mistake", "confirm-registration", "you-are-in"}
    with store.read() as work:
        assert work.held_by_reason() == {"burst": 12}
        told = [each.detail for each in work.entries() if each.kind == "burst-held"]
    assert told == [f"{Burst(12, 1).text}; 12 are held"]
    ground.counts_hold()
    # The next runs of cron have nothing to do and nothing to say.
    again = ground.engine.tick(now + timedelta(minutes=1), careful=True)
    assert (again.burst, again.sent) == (None, 0)
    assert release_burst(store, now) == 12
    assert ground.engine.tick(now + timedelta(minutes=2)).sent == 12
    assert counts(ground) == {"planned": 15, "sent": 15}


@pytest.mark.usefixtures("few")
def test_rule_15_what_is_usual_goes_unasked(store: Store, tmp_path: Path) -> None:
    ground = quick_ground(tmp_path, store)
    ground.join("first@example.org")
    ground.tick()
    sent_on(ground, dict.fromkeys(range(1, 20), 2))
    for number in range(10):
        ground.join(f"r{number}@example.org")
    assert ground.engine.tick(ground.clock.now(), careful=True).sent == 10
    for number in range(11):
        ground.join(f"s{number}@example.org")
    assert ground.engine.tick(ground.clock.now(), careful=True).burst == Burst(11, 2)


@pytest.mark.usefixtures("few")
def test_rule_15_can_be_switched_off(memory_store: Store, tmp_path: Path) -> None:
    ground = Ground(tmp_path / "p", memory_store)
    with (ground.folder / "drip.yaml").open("a") as file:
        file.write("\nburst: off\n")
    ground.apply()
    for number in range(12):
        ground.join(f"r{number}@example.org")
    assert ground.engine.tick(ground.clock.now(), careful=True).sent == 12


@pytest.mark.usefixtures("few")
def test_rule_15_what_waited_too_long_for_the_author_is_not_sent(memory_store: Store, tmp_path: Path) -> None:
    ground = quick_ground(tmp_path, memory_store)
    for number in range(5):
        ground.join(f"r{number}@example.org")
    ground.engine.tick(ground.clock.now(), careful=True)
    ground.at("2026-11-27 14:00")
    release_burst(memory_store, ground.clock.now())
    ground.tick()
    with memory_store.read() as work:
        first = [each for each in work.deliveries_in(DeliveryState.SKIPPED) if each.post == "own-the-mistake"]
        assert [each.reason for each in first] == ["too-late"] * 5
        assert {each.post for each in work.deliveries_in(DeliveryState.SENT)} == {"two-second-resume-fix"}


@pytest.mark.usefixtures("few")
def test_rule_15_status_says_what_to_do(memory_store: Store, tmp_path: Path) -> None:
    ground = quick_ground(tmp_path, memory_store)
    for number in range(5):
        ground.join(f"r{number}@example.org")
    ground.engine.tick(ground.clock.now(), careful=True)
    needs = {each.text: each.hint for each in status.gather(ground.project, ground.clock.now()).needs}
    text = "5 deliveries held: far more drip mails were due at once than usual"
    assert needs[text] == "look at them with `drip delivery list`; then `drip run --yes` sends them"


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(1, 6))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_rule_15_all_or_nothing_and_all_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, arrivals: list[int], limit: int
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bursting, "ALWAYS_ALLOWED", limit)
        patched.setattr("drip.core.burst.ALWAYS_ALLOWED", limit)
        patched.setattr(bursting, "usual_of", lambda _: 0)
        folder = tmp_path_factory.mktemp("burst")
        store = open_store("sqlite:///:memory:", root=folder)
        store.create_or_check()
        ground = quick_ground(folder, store)
        number = 0
        for many in arrivals:
            ground.clock.set(ground.clock.now() + timedelta(minutes=1))
            for _ in range(many):
                number += 1
                ground.join(f"r{number}@example.org")
            ticked = ground.engine.tick(ground.clock.now(), careful=True)
            assert (ticked.sent, ticked.held) == ((many, 0) if many <= limit else (0, many))
        flood = sum(each for each in arrivals if each > limit)
        assert counts(ground).get(HELD, 0) == flood == release_burst(ground.store, ground.clock.now())
        assert ground.tick().sent == flood
        assert Counter(counts(ground)) == Counter({"planned": number, "sent": number}) or number == 0
        ground.store.close()


def test_a_planted_guard_that_only_looks_is_found(
    memory_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drip.store.bursts.Bursts.hold_drips", lambda *_: 0)
    with pytest.raises(AssertionError):
        test_rule_15_a_flood_waits_for_the_author_and_the_urgent_goes(memory_store, tmp_path)
