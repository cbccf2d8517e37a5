"""Goal and stop against a mail that is about to leave (rule 11): whatever stage it has come to before the mark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from drip.core.delivery import DeliveryState
from drip.core.events import CancelledRegistration
from drip.core.records import EnrollmentState
from drip.store.store import Store
from tests.stages import EVIDENCE, Ground, open_ground

PLOT = "campaigns/six-deadly-mistakes/campaign.yaml"


@pytest.fixture
def ground(tmp_path: Path, store: Store) -> Ground:
    return open_ground(tmp_path / "project", store)


def between_claim_and_mark(ground: Ground, act: Callable[[], object], *, before: str) -> None:
    """Let something be committed when the post of that name is composed: claimed, and not yet marked."""
    compose = ground.engine.letters.wire

    def compose_and_act(*args: object, **more: object) -> object:
        made = compose(*args, **more)  # type: ignore[arg-type]
        if args[2].delivery.post == before:  # type: ignore[attr-defined]
            act()
        return made

    ground.engine.letters.wire = compose_and_act  # type: ignore[method-assign, assignment]


def test_rule_11_a_goal_between_claim_and_mark_wins(ground: Ground) -> None:
    who = ground.join("ann@example.org")
    ground.tick()
    second = "two-second-resume-fix"
    between_claim_and_mark(ground, lambda: ground.register("ann@example.org", "tuesday-noon"), before=second)
    ground.at("2026-11-25 14:30")
    ground.tick()
    assert second not in ground.transport.posts("ann@example.org")
    assert ground.states(who)[second] is DeliveryState.CANCELLED
    assert ground.enrollment(who, "invite") == (EnrollmentState.GOAL, "goal-reached")
    ground.counts_hold()


def test_rule_11_a_stop_between_claim_and_mark_wins(ground: Ground) -> None:
    seat = ground.register("ben@example.org", "tuesday-noon")
    ground.tick()
    back = CancelledRegistration(seat, EVIDENCE)
    between_claim_and_mark(ground, lambda: ground.engine.happen(back, ground.clock.now()), before="see-you-tomorrow")
    ground.at("2026-12-07 17:00")
    ground.tick()
    posts = ground.transport.posts("ben@example.org")
    assert "you-are-in" in posts
    assert "see-you-tomorrow" not in posts
    with ground.store.read() as work:
        ended = {each.sequence: each for each in work.enrollments(work.registration(seat).subscriber_id)}  # type: ignore[union-attr]
    assert (ended["remind"].state, ended["remind"].end_reason) == (EnrollmentState.STOPPED, "stop-reached")
    ground.counts_hold()


def test_rule_11_a_goal_that_is_a_fact_is_seen_when_the_next_mail_is_decided(ground: Ground) -> None:
    """No event of the goal came while the person was inside: the second look, at the claim, finds it."""
    ground.edit(PLOT, "goal: registers", "goal: gets tag client")
    ground.apply()
    who = ground.join("cleo@example.org")
    ground.tick()
    with ground.store.write() as work:
        work.set_tag(who, "client", ground.clock.now())
    ground.at("2026-11-25 14:30")
    ground.tick()
    assert ground.transport.posts("cleo@example.org") == ["own-the-mistake"]
    assert ground.enrollment(who, "invite") == (EnrollmentState.GOAL, "goal-reached")
