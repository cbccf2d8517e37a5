"""Rule 6 on the real engine and both databases: what is late is skipped, goes anyway, or waits for the author."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from drip.core.delivery import DeliveryState
from drip.core.records import Did, SubscriberId
from drip.engine import asking
from drip.engine.settling import settle
from drip.reports import status
from drip.store.store import Store
from tests.integration.test_caps import Tips, accounts

STEPS = """steps:
  - send: {name}
    when: 1 day later at 9:30
    late: 1 day, then {then}
  - send: {name}-more
    when: at once
    late: 30 days"""
THREE = {then: STEPS.format(name=then, then=then) for then in ("skip", "send", "ask")}
LETTERS = "broadcasts:\n" + "".join(
    f"  - send: letter-{then}\n    to: job-seekers\n    when: 2026-11-24 10:00\n    late: 2 hours, then {then}\n"
    for then in ("skip", "send", "ask")
)


def asleep(folder: Path, store: Store) -> tuple[Tips, SubscriberId]:
    """Cron slept from Monday to Friday."""
    ground = Tips(folder, store, "20 a day", THREE, LETTERS)
    who = ground.reader("ann@example.org")
    ground.tag(who, *THREE)
    ground.tick()
    ground.at("2026-11-27 15:00")
    ground.tick()
    return ground, who


def test_rule_6_skip_send_and_ask(store: Store, tmp_path: Path) -> None:
    ground, who = asleep(tmp_path / "p", store)
    states = {each.post: (each.state.value, each.reason) for each in ground.deliveries(who)}
    assert states["letter-skip"] == ("skipped", "too-late")
    assert states["letter-send"] == states["send"] == states["send-more"] == ("sent", "accepted")
    assert states["letter-ask"] == states["ask"] == ("held", "late-ask")
    assert "skip" not in states  # skipped before it was planned
    assert states["skip-more"] == ("sent", "accepted")
    assert "ask-more" not in states
    with store.read() as work:
        kinds = {each.subject: each.reason for each in work.entries(subscriber_id=who) if each.kind == "delivery-held"}
    assert kinds == {"letter-ask": "late-ask", "ask/ask": "late-ask"}
    needs = [each.text for each in status.gather(ground.project, ground.clock.now()).needs]
    assert "2 deliveries held: too late to go unasked" in needs
    ground.counts_hold()


@pytest.mark.parametrize("answer", [DeliveryState.DUE, DeliveryState.CANCELLED])
def test_rule_6_the_author_answers_and_the_sequence_goes_on(
    store: Store, tmp_path: Path, answer: DeliveryState
) -> None:
    ground, who = asleep(tmp_path / "p", store)
    ground.clock.set(ground.clock.now() + timedelta(days=3))
    held = [each for each in ground.deliveries(who) if each.state is DeliveryState.HELD]
    with store.write() as work:
        assert all(settle(work, each, answer, ground.clock.now()) for each in held)
    ground.tick()
    ground.tick()
    is_sent = answer is DeliveryState.DUE
    got = ground.got(who)
    assert ("ask" in got, "letter-ask" in got, "ask-more" in got) == (is_sent, is_sent, True)
    with store.read() as work:
        done = next(each.done for each in work.enrollments(who) if each.sequence == "ask")
    assert done[0].did is (Did.SENT if is_sent else Did.SKIPPED)
    assert not {state for state, _ in accounts(ground, who)} & {"held", "due"}
    ground.counts_hold()


def test_rule_6_nobody_is_asked_about_what_has_stopped(memory_store: Store, tmp_path: Path) -> None:
    stops = THREE["ask"].replace("steps:", "stop: last session starts\nsteps:")
    webinar = (
        "webinar:\n  title: T\n  length: 60 minutes\n  join: https://meet.example.com/{session}\n"
        "  sessions:\n    only: 2026-11-26 12:00\n"
    )
    ground = Tips(tmp_path / "p", memory_store, "20 a day", {"ask": stops}, webinar)
    who = ground.reader("ann@example.org")
    ground.tag(who, "ask")
    ground.at("2026-11-27 15:00")
    ground.tick()
    assert ground.enrollment(who, "ask")[1] == "stop-reached"
    assert "ask" not in {each.post for each in ground.deliveries(who)}


def test_a_planted_silence_is_found(memory_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ask_about", lambda work, late, *_: tuple(late))
    monkeypatch.setattr("drip.engine.sending.ask_about", lambda work, late, *_: tuple(late))
    with pytest.raises(AssertionError):
        test_rule_6_skip_send_and_ask(memory_store, tmp_path)
