"""A try that comes late keeps the hours of its sequence: found by the simulation, seed 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from drip.core.delivery import DeliveryState, Outcome, OutcomeKind
from drip.engine import sending
from drip.errors import RelayUnreachable
from drip.store.store import open_store
from tests.stages import ACCEPTED, Ground, open_ground


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    store = open_store("sqlite:///:memory:", root=tmp_path)
    store.create_or_check()
    made = open_ground(tmp_path / "project", store)
    made.join("ann@example.org")
    made.tick()
    return made


def test_a_relay_that_comes_back_at_night_wakes_nobody(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away() -> None:
        raise RelayUnreachable("away")

    with monkeypatch.context() as patched:
        patched.setattr(ground.transport, "open", away)
        ground.at("2026-11-25 14:30")  # Wednesday 9:30 in New York, when the second post is due
        with pytest.raises(RelayUnreachable):
            ground.tick()
    ground.at("2026-11-26 04:00")  # Wednesday 23:00
    ground.tick()
    assert ground.transport.posts("ann@example.org") == ["own-the-mistake"]
    with ground.store.read() as work:
        assert work.next_delivery_due() == ground.clock.now().replace(hour=13)  # Thursday 8:00
    ground.at("2026-11-26 13:00")
    ground.tick()
    assert ground.transport.posts("ann@example.org") == ["own-the-mistake", "two-second-resume-fix"]
    ground.counts_hold()


def test_a_refusal_before_closing_time_is_tried_again_in_the_morning(ground: Ground) -> None:
    ground.transport.answer = lambda _: Outcome(OutcomeKind.TEMPORARY, 451, "4.3.0", "later")
    ground.at("2026-11-25 22:59")  # 17:59 in New York; the post was due at 9:30
    ground.tick()
    ground.transport.answer = lambda _: ACCEPTED
    ground.at("2026-11-25 23:30")
    ground.tick()
    assert len(ground.transport.sent) == 1
    ground.at("2026-11-26 13:00")
    ground.tick()
    assert ground.transport.posts("ann@example.org")[-1] == "two-second-resume-fix"


def test_the_first_mail_keeps_no_hours(ground: Ground) -> None:
    ground.at("2026-11-28 04:00")  # Friday 23:00
    who = ground.join("ben@example.org")
    ground.tick()
    assert ground.states(who) == {"own-the-mistake": DeliveryState.SENT}


def test_those_who_must_wait_hold_nobody_up(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "CLAIMED_PER_LANE", 1)
    for number in range(12):
        ground.join(f"reader-{number}@example.org")
    ground.tick()
    ground.transport.answer = lambda _: Outcome(OutcomeKind.TEMPORARY, 451, "4.3.0", "later")
    ground.at("2026-11-25 22:59")  # 17:59 in New York: thirteen are refused for now
    ground.tick()
    ground.transport.answer = lambda _: ACCEPTED
    ground.at("2026-11-26 01:00")
    who = ground.join("late@example.org")
    ground.tick()
    assert ground.states(who) == {"own-the-mistake": DeliveryState.SENT}
