"""Pause and resume on the real engine, on every engine of the store: rule 13."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drip.core.delivery import DeliveryState, Outcome
from drip.core.events import Unsubscribed
from drip.core.message import Wire
from drip.core.records import EnrollmentState, ResumeMode
from drip.engine.advance import advance_due
from drip.engine.forecast import live_outlook
from drip.engine.pausing import Paused, Resumed, Target, pause, resume
from drip.errors import CannotRecord, NotFound
from drip.simulate import next_moment
from drip.store import deliveries as sql
from drip.store.glance import glance
from drip.store.store import Store, open_store
from drip.store.work import Work
from tests.stages import ACCEPTED, EVIDENCE, Ground, open_ground

SIX = "six-deadly-mistakes"
PLOT = f"campaigns/{SIX}/campaign.yaml"
ANN, BEN = "ann@example.org", "ben@example.org"


@pytest.fixture
def ground(tmp_path: Path, store: Store) -> Ground:
    return open_ground(tmp_path / "project", store)


def stop(ground: Ground, sequence: str = "", *, everything: bool = False) -> Paused:
    return pause(ground.engine, Target(SIX, sequence), ground.clock.now(), everything=everything)


def go_on(ground: Ground, mode: ResumeMode = ResumeMode.SHIFT, sequence: str = "") -> tuple[Resumed, ...]:
    return resume(ground.engine, Target(SIX, sequence), mode, ground.clock.now())


def total(found: tuple[Resumed, ...]) -> tuple[int, int, int, int]:
    numbers = [each.numbers for each in found]
    return (
        sum(each.people for each in numbers),
        sum(each.people_due for each in numbers),
        sum(each.mails for each in numbers),
        sum(each.mails_due for each in numbers),
    )


# --- nothing while it is paused --------------------------------------------------------------------------------


def test_rule_13_nothing_goes_while_paused_and_waits_go_on_where_they_stopped(ground: Ground) -> None:
    ground.join(ANN)
    ground.tick()
    ground.at("2026-11-24 14:00")  # the next is due on the 25th at 14:30
    assert {each.pause.sequence: each.numbers.people for each in stop(ground).stilled} == {
        "": 0,
        "follow-up": 0,
        "invite": 1,
    }
    ground.at("2026-11-29 14:00")
    assert next_moment(ground.engine) != ground.clock.now()
    assert ground.engine.is_idle(ground.clock.now())
    assert ground.tick().sent == 0
    assert total(go_on(ground)) == (1, 0, 0, 0)
    assert ground.tick().sent == 0
    # Five days did not count: Monday 9:00 is Saturday 9:00 now, and two days later at 9:30 on a weekday is Monday.
    ground.at("2026-11-30 14:29")
    assert ground.tick().sent == 0
    ground.at("2026-11-30 14:30")
    assert ground.tick().sent == 1
    assert ground.transport.posts(ANN) == ["own-the-mistake", "two-second-resume-fix"]
    ground.counts_hold()


def test_rule_13_what_is_planned_and_claimed_is_taken_from_the_run(ground: Ground) -> None:
    who = ground.join(ANN)
    advance_due(ground.store, ground.engine.scene, ground.clock.now())
    with ground.store.write() as work:
        claimed = work.claim("somebody", ground.clock.now(), 10).deliveries
    assert len(claimed) == 1
    stop(ground)
    with ground.store.write() as work:
        ids = [each.id for each in claimed]
        assert work.mark(ids, "somebody", ground.clock.now()) == set()
        assert work.settle_refused(ids, "somebody", ground.clock.now()) == []
    assert ground.states(who) == {"own-the-mistake": DeliveryState.DUE}
    assert ground.tick().sent == 0
    assert ground.engine.is_idle(ground.clock.now())
    ground.at("2026-11-29 14:00")
    assert total(go_on(ground)) == (1, 0, 1, 1)
    assert ground.tick().sent == 1, "it was planned before, and is good for that much longer"
    ground.counts_hold()


def test_rule_13_a_pause_in_the_middle_of_a_run_stops_what_is_not_marked(ground: Ground) -> None:
    for number in range(12):
        ground.join(f"r{number}@example.org")
    ground.transport.lanes = 1

    def stop_at_the_third(_: Wire) -> Outcome:
        if len(ground.transport.sent) == 2:
            stop(ground)
        return ACCEPTED

    ground.transport.answer = stop_at_the_third
    assert ground.tick().sent == 3
    assert ground.tick().sent == 0
    with ground.store.read() as work:
        assert dict(work.delivery_counts())["due"] == 9
    go_on(ground)
    assert ground.tick().sent == 9
    assert len({wire.recipient for wire in ground.transport.sent}) == 12
    ground.counts_hold()


def test_rule_13_what_slips_in_beside_the_pause_is_not_granted_either(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the row had been written by a transaction that did not see the pause, nor the pause it."""
    who = ground.join(ANN)
    advance_due(ground.store, ground.engine.scene, ground.clock.now())
    with monkeypatch.context() as blind:
        blind.setattr(Work, "freeze", lambda self, begun: self.inside(begun))
        stop(ground)
    assert ground.tick().sent == 0
    assert ground.states(who) == {"own-the-mistake": DeliveryState.DUE}
    assert ground.engine.is_idle(ground.clock.now()), "the refusal took it out of the queue"
    go_on(ground)
    assert ground.tick().sent == 1


def test_rule_13_who_comes_in_beside_the_pause_stands_still_at_the_first_look(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = ground.join(ANN)
    with monkeypatch.context() as blind:
        blind.setattr(Work, "freeze", lambda self, begun: self.inside(begun))
        stop(ground)
    assert ground.tick().sent == 0
    with ground.store.read() as work:
        assert work.running(who)[0].paused_at == ground.clock.now()
        assert work.next_wake() is None


def test_a_mark_that_does_not_ask_for_the_pause_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = open_store("sqlite:///:memory:", root=tmp_path)
    store.create_or_check()
    sql.mark_statement.cache_clear()
    monkeypatch.setattr(sql, "MAY_GO_NOW", ~sql.IS_ON_BREAK)  # put together once, so the whole of it is exchanged
    try:
        with pytest.raises(AssertionError):
            test_rule_13_what_slips_in_beside_the_pause_is_not_granted_either(
                open_ground(tmp_path / "project", store), monkeypatch
            )
    finally:
        sql.mark_statement.cache_clear()
        sql.refuse_statement.cache_clear()


def test_rule_13_a_glance_knows_it(tmp_path: Path) -> None:
    store = open_store("sqlite:///drip.db", root=tmp_path)
    store.create_or_check()
    ground = open_ground(tmp_path / "project", store)
    ground.join(ANN)
    assert glance("sqlite:///drip.db", tmp_path, "me", ground.clock.now()) is None, "somebody is due"
    stop(ground)
    seen = glance("sqlite:///drip.db", tmp_path, "me", ground.clock.now())
    assert seen is not None
    assert seen.next_at == next_moment(ground.engine)
    ground.at("2026-12-01 13:50")  # the broadcast would be due in some zones
    assert glance("sqlite:///drip.db", tmp_path, "me", ground.clock.now()) is not None
    assert ground.engine.is_idle(ground.clock.now())


# --- events, and what goes on --------------------------------------------------------------------------------


def test_rule_13_events_are_taken_and_who_registers_is_answered_and_reminded(ground: Ground) -> None:
    ann = ground.join(ANN)
    ben = ground.join(BEN)
    stop(ground)
    ground.register(ANN, "tuesday-noon")
    ground.engine.happen(Unsubscribed(ben, EVIDENCE, list="job-seekers"), ground.clock.now())
    ground.tick()
    assert ground.enrollment(ann, "invite")[0] is EnrollmentState.GOAL
    assert ground.enrollment(ben, "invite")[0] is EnrollmentState.STOPPED
    assert ground.transport.posts(ANN) == ["confirm-registration", "you-are-in"]
    ground.at("2026-12-07 17:00")
    ground.tick()
    assert ground.transport.posts(ANN)[-1] == "see-you-tomorrow"
    assert ground.transport.posts(BEN) == []


def test_rule_13_everything_stops_the_reminders_too_and_a_sequence_can_be_resumed_alone(ground: Ground) -> None:
    stop(ground)
    found = stop(ground, everything=True)
    assert {each.pause.sequence: each.is_new for each in found.stilled} == {
        "": False,
        "invite": False,
        "remind": True,
        "follow-up": False,
    }
    ground.register(ANN, "tuesday-noon")
    ground.at("2026-12-07 17:00")
    ground.tick()
    assert "you-are-in" not in ground.transport.posts(ANN)
    assert [each.pause.sequence for each in go_on(ground, sequence="remind")] == ["remind"]
    ground.tick()
    assert ground.transport.posts(ANN)[-1] == "see-you-tomorrow", "the session has not moved"


def test_rule_13_a_sequence_that_comes_into_a_paused_campaign_is_paused(ground: Ground) -> None:
    stop(ground)
    go_on(ground, sequence="follow-up")
    more = "  extra:\n    start: joins job-seekers\n    steps:\n      - send: own-the-mistake\n        when: at once\n"
    ground.edit(PLOT, "broadcasts:", f"{more}broadcasts:")
    ground.apply()
    with ground.store.read() as work:
        assert {each.sequence for each in work.open_pauses(SIX)} == {"", "invite", "extra"}
    ground.join(ANN)
    assert ground.tick().sent == 0


def test_rule_13_an_edit_while_paused_wakes_nobody(ground: Ground) -> None:
    ground.join(ANN)
    ground.tick()
    ground.at("2026-11-24 14:00")
    stop(ground)
    ground.edit(PLOT, "when: 2 days later at 9:30", "when: 1 hour later")
    ground.apply()
    ground.at("2026-11-27 20:00")
    assert ground.tick().sent == 0
    go_on(ground)
    assert ground.tick().sent == 1


# --- broadcasts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "went", "state"),
    [
        (ResumeMode.SHIFT, 1, DeliveryState.SENT),
        (ResumeMode.KEEP, 0, DeliveryState.SKIPPED),
        (ResumeMode.SKIP_OVERDUE, 0, DeliveryState.SKIPPED),
    ],
)
def test_rule_13_a_broadcast_whose_moment_comes_waits(
    ground: Ground, mode: ResumeMode, went: int, state: DeliveryState
) -> None:
    who = ground.join(ANN)
    ground.tick()
    stop(ground)
    ground.at("2026-12-04 15:00")  # it was due on the 1st at 9:00
    ground.tick()
    assert "december-letter" not in ground.states(who)
    go_on(ground, mode)
    ground.tick()
    assert ground.states(who)["december-letter"] is state
    assert ground.transport.posts(ANN).count("december-letter") == went
    reason = {DeliveryState.SENT: "accepted"}.get(state, "paused" if mode is ResumeMode.SKIP_OVERDUE else "too-late")
    with ground.store.read() as work:
        assert next(each.reason for each in work.deliveries(who) if each.post == "december-letter") == reason
    ground.counts_hold()


# --- resume ------------------------------------------------------------------------------------------------------


def test_rule_13_keep_and_skip_overdue(ground: Ground) -> None:
    who = ground.join(ANN)
    ground.tick()
    ground.at("2026-11-24 14:00")
    stop(ground)
    ground.at("2026-11-26 15:00")  # Thursday; the second was due on Wednesday
    assert total(resume(ground.engine, Target(SIX), ResumeMode.KEEP, ground.clock.now(), dry_run=True)) == (1, 1, 0, 0)
    assert total(go_on(ground, ResumeMode.SKIP_OVERDUE)) == (1, 1, 0, 0)
    assert ground.tick().sent == 0
    ground.at("2026-11-30 14:30")  # three days after Wednesday is Saturday, hence Monday 9:30
    ground.tick()
    assert ground.transport.posts(ANN) == ["own-the-mistake", "linkedin-is-not-a-hangout"]
    with ground.store.read() as work:
        done = {each.step: (each.did.value, each.reason, each.at) for each in work.running(who)[0].done}
    assert done["invite/two-second-resume-fix"] == (
        "skipped",
        "paused",
        datetime(2026, 11, 25, 14, 30, tzinfo=UTC),
    )


def test_rule_13_skip_overdue_skips_what_is_planned_and_lets_its_reader_go_on(ground: Ground) -> None:
    who = ground.join(ANN)
    advance_due(ground.store, ground.engine.scene, ground.clock.now())
    stop(ground)
    ground.at("2026-11-24 14:00")
    assert total(go_on(ground, ResumeMode.SKIP_OVERDUE)) == (1, 0, 1, 1)
    assert ground.states(who) == {"own-the-mistake": DeliveryState.SKIPPED}
    ground.tick()
    ground.at("2026-11-25 14:30")
    ground.tick()
    assert ground.transport.posts(ANN) == ["two-second-resume-fix"]
    with ground.store.read() as work:
        assert [each.kind for each in work.entries(subscriber_id=who)].count("delivery-skipped") == 1
    ground.counts_hold()


def test_rule_13_no_shifted_mail_goes_after_the_stop(ground: Ground) -> None:
    who = ground.join(ANN)
    advance_due(ground.store, ground.engine.scene, ground.clock.now())
    stop(ground)
    ground.at("2026-12-14 15:00")  # the last session was on the 12th
    go_on(ground)
    ground.tick()
    assert "own-the-mistake" not in ground.transport.posts(ANN)
    assert ground.states(who)["own-the-mistake"] is DeliveryState.SKIPPED
    assert ground.enrollment(who, "invite") == (EnrollmentState.STOPPED, "stop-reached")


def test_rule_13_a_long_pause_makes_nobody_due_who_was_not(ground: Ground) -> None:
    ground.edit(PLOT, "when: 2 days later at 9:30", "when: 5 days later at 9:30")
    ground.apply()
    for number in range(30):
        ground.join(f"r{number}@example.org")
    ground.tick()
    ground.at("2026-11-24 14:00")
    stop(ground)
    later = ground.join("late@example.org")
    ground.at("2026-12-06 14:00")
    dry = resume(ground.engine, Target(SIX), ResumeMode.SHIFT, ground.clock.now(), dry_run=True)
    assert total(dry) == total(go_on(ground)) == (31, 1, 0, 0)
    with ground.store.write() as work:
        due = work.due_enrollments(ground.clock.now(), 100)
    assert [each.subscriber_id for each in due] == [later], "nobody else is even looked at"


def test_rule_13_two_resumes_and_two_pauses_do_it_once(ground: Ground) -> None:
    ground.join(ANN)
    first = stop(ground)
    assert all(each.is_new for each in first.stilled)
    ground.at("2026-11-24 14:00")
    again = stop(ground)
    assert not any(each.is_new for each in again.stilled)
    assert {each.pause.paused_at for each in again.stilled} == {ground.clock.now() - timedelta(days=1)}
    assert len(go_on(ground)) == 3
    assert go_on(ground) == ()
    with pytest.raises(NotFound, match="no live campaign"):
        resume(ground.engine, Target("nothing"), ResumeMode.SHIFT, ground.clock.now())
    with pytest.raises(NotFound, match="no sequence"):
        pause(ground.engine, Target(SIX, "nothing"), ground.clock.now())


def test_rule_13_a_dry_run_changes_nothing(ground: Ground) -> None:
    ground.join(ANN)
    found = pause(ground.engine, Target(), ground.clock.now(), dry_run=True)
    assert {each.pause.sequence: each.numbers.people for each in found.stilled} == {
        "": 0,
        "invite": 1,
        "follow-up": 0,
    }
    assert found.goes_on == (f"{SIX}/remind",)
    with ground.store.read() as work:
        assert work.open_pauses() == []
    assert ground.tick().sent == 1


@pytest.mark.parametrize("cut", ["freeze", "thaw"])
def test_rule_13_a_kill_in_between_leaves_all_or_nothing(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    ground.join(ANN)
    if cut == "thaw":
        stop(ground)
    real = getattr(Work, cut)

    def die(self: Work, *arguments: object, **more: object) -> None:
        real(self, *arguments, **more)
        raise CannotRecord("killed")

    with monkeypatch.context() as deadly:
        deadly.setattr(Work, cut, die)
        with pytest.raises(CannotRecord):
            (stop if cut == "freeze" else go_on)(ground)
    assert ground.tick().sent == (1 if cut == "freeze" else 0)
    with ground.store.read() as work:
        assert len(work.open_pauses()) == (0 if cut == "freeze" else 3)


def test_rule_13_the_days_ahead_know_what_stands_still(ground: Ground) -> None:
    ground.join(ANN)
    ground.tick()
    ground.at("2026-11-24 14:00")
    stop(ground)
    now = ground.clock.now()
    with ground.store.read() as work:
        found = live_outlook(work, ground.engine.live, now, now + timedelta(days=30))
    assert found.numbers.total() == 0
    ground.at("2026-11-26 14:00")
    go_on(ground)
    now = ground.clock.now()
    with ground.store.read() as work:
        found = live_outlook(work, ground.engine.live, now, now + timedelta(days=30))
    assert {each.post: number for each, number in found.numbers.items()} == {
        "two-second-resume-fix": 1,
        "linkedin-is-not-a-hangout": 1,
        "last-seats": 1,
        "december-letter": 1,
    }
