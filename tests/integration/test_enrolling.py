"""People who are put into sequences, taken out and moved by hand, on every engine of the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from drip.core.delivery import DeliveryState
from drip.core.events import AddedByAuthor
from drip.core.records import EnrollmentState, Evidence, ResumeMode, Subscriber, SubscriberId
from drip.engine import enrolling
from drip.engine.advance import advance_due
from drip.engine.enrolling import Place, Settled
from drip.engine.pausing import Target, pause, resume
from drip.store.store import Store
from tests.stages import Ground, open_ground

SIX = "six-deadly-mistakes"
PLOT = f"campaigns/{SIX}/campaign.yaml"
ANN = "ann@example.org"
EVIDENCE = Evidence(where="a test")
OTHER = "  other:\n    start: gets tag vip\n    steps:\n      - send: last-seats\n        when: at once\n"


@pytest.fixture
def ground(tmp_path: Path, store: Store) -> Ground:
    ground = open_ground(tmp_path / "project", store)
    ground.edit(PLOT, "broadcasts:", f"{OTHER}broadcasts:")
    ground.apply()
    return ground


def place(ground: Ground, name: str) -> Place:
    with ground.store.read() as work:
        edition = ground.engine.live.campaign(work, SIX)
    assert edition is not None
    assert edition.campaign is not None
    sequence = edition.campaign.sequence_named(name)
    assert sequence is not None
    return Place(edition.campaign, sequence)


def act(ground: Ground, who: SubscriberId, verb: str, sequence: str, *more: object, dry_run: bool = False) -> Settled:
    where = place(ground, sequence)
    with ground.store.write() as work:
        person = work.subscriber(who)
        assert isinstance(person, Subscriber)
        scene = ground.engine.scene(work, ground.clock.now())
        found: Settled = getattr(enrolling, verb)(scene, person, where, *more, dry_run=dry_run)
        scene.write_log()
    return found


def step(ground: Ground, post: str) -> object:
    return next(each for each in place(ground, "invite").sequence.steps if each.target == post)


def test_somebody_is_taken_out_and_put_back_where_they_stopped(ground: Ground) -> None:
    who = ground.join(ANN)
    ground.tick()
    assert act(ground, who, "stop", "invite", "has bought").what == "stopped"
    assert ground.enrollment(who, "invite") == (EnrollmentState.STOPPED, "by-author")
    assert act(ground, who, "stop", "invite", "").reason == "not-inside"
    ground.at("2026-12-01 14:00")
    assert act(ground, who, "add", "invite").what == "put back"
    ground.tick()
    ground.at("2026-12-01 14:30")
    ground.tick()
    # Overdue since the 25th; it comes at its next clock, and what was sent is not sent again.
    assert ground.transport.posts(ANN) == ["own-the-mistake", "december-letter", "two-second-resume-fix"]
    ground.counts_hold()


def test_what_was_taken_back_with_somebody_is_behind_them_when_they_come_back(ground: Ground) -> None:
    who = ground.join(ANN)
    advance_due(ground.store, ground.engine.scene, ground.clock.now())
    act(ground, who, "stop", "invite", "")
    assert ground.states(who) == {"own-the-mistake": DeliveryState.CANCELLED}
    act(ground, who, "add", "invite")
    with ground.store.read() as work:
        assert [(each.step, each.reason) for each in work.running(who)[0].done] == [
            ("invite/own-the-mistake", "by-author")
        ]


def test_nobody_is_added_against_consent_suppression_goal_or_again(ground: Ground) -> None:
    who = ground.join(ANN)
    assert act(ground, who, "add", "invite").reason == "entered-before"
    ground.register(ANN, "tuesday-noon")
    assert act(ground, who, "add", "invite").reason == "goal-reached"
    assert act(ground, who, "add", "remind").reason == "no-session"
    ben = ground.engine.happen(AddedByAuthor("ben@example.org", None, EVIDENCE), ground.clock.now()).subscriber_id
    assert ben is not None
    refused = act(ground, ben, "add", "invite")
    assert (refused.what, refused.reason) == ("refused", "unsubscribed")
    zoe = ground.join("zoe@example.org")
    with ground.store.write() as work:
        person = work.subscriber(zoe)
        assert person is not None
        work.suppress(person.mailbox, "complaint", ground.clock.now())
    assert act(ground, zoe, "add", "other").reason == "suppressed"
    assert not [each for each in ground.transport.sent if each.recipient.startswith("zoe")]


def test_somebody_is_moved_past_steps_and_back_again(ground: Ground) -> None:
    who = ground.join(ANN)
    ground.tick()
    ground.at("2026-11-24 15:00")
    assert act(ground, who, "move", "invite", step(ground, "last-seats"), dry_run=True).what == "moved"
    assert act(ground, who, "move", "invite", step(ground, "last-seats")).reason == "moved-by-author"
    with ground.store.read() as work:
        done = {each.step: each.reason for each in work.running(who)[0].done}
    assert done["invite/two-second-resume-fix"] == done["invite/linkedin-is-not-a-hangout"] == "moved-by-author"
    ground.tick()
    back = act(ground, who, "move", "invite", step(ground, "linkedin-is-not-a-hangout"))
    assert back.text == "back before invite/linkedin-is-not-a-hangout"
    ground.at("2026-11-26 14:30")  # three days after the first, at 9:30
    ground.tick()
    assert ground.transport.posts(ANN) == ["own-the-mistake", "linkedin-is-not-a-hangout"]
    again = act(ground, who, "move", "invite", step(ground, "own-the-mistake"))
    assert (again.what, again.reason) == ("refused", "already-sent")
    assert act(ground, who, "move", "invite", step(ground, "last-seats")).text == "waits for invite/last-seats already"


def test_a_mail_that_is_planned_is_taken_back_by_a_move(ground: Ground) -> None:
    who = ground.join(ANN)
    advance_due(ground.store, ground.engine.scene, ground.clock.now())
    assert act(ground, who, "move", "invite", step(ground, "two-second-resume-fix")).what == "moved"
    assert ground.states(who) == {"own-the-mistake": DeliveryState.CANCELLED}
    ground.tick()
    assert act(ground, who, "move", "invite", step(ground, "own-the-mistake")).reason == "already-sent"
    ground.at("2026-11-25 14:30")
    ground.tick()
    assert ground.transport.posts(ANN) == ["two-second-resume-fix"]
    ground.counts_hold()


def test_a_mail_that_is_just_being_sent_is_waited_for(ground: Ground) -> None:
    who = ground.join(ANN)
    advance_due(ground.store, ground.engine.scene, ground.clock.now())
    with ground.store.write() as work:
        ids = [each.id for each in work.claim("somebody", ground.clock.now(), 10).deliveries]
        work.mark(ids, "somebody", ground.clock.now())
    assert act(ground, who, "move", "invite", step(ground, "last-seats")).what == "refused"


def test_somebody_is_moved_to_another_sequence_or_stays(ground: Ground) -> None:
    who = ground.join(ANN)
    ground.tick()
    assert act(ground, who, "move_over", "invite", place(ground, "remind")).reason == "no-session"
    assert ground.enrollment(who, "invite")[0] is EnrollmentState.RUNNING
    assert act(ground, who, "move_over", "invite", place(ground, "other")).what == "moved"
    assert ground.enrollment(who, "invite") == (EnrollmentState.STOPPED, "moved-by-author")
    ground.tick()
    assert ground.transport.posts(ANN) == ["own-the-mistake", "last-seats"]


def test_who_is_put_back_into_what_is_paused_waits_and_who_into_what_was_does_not(ground: Ground) -> None:
    who = ground.join(ANN)
    pause(ground.engine, Target(SIX), ground.clock.now())
    act(ground, who, "stop", "invite", "")
    act(ground, who, "add", "invite")
    assert ground.tick().sent == 0
    act(ground, who, "stop", "invite", "")
    resume(ground.engine, Target(SIX), ResumeMode.SHIFT, ground.clock.now())
    act(ground, who, "add", "invite")
    assert ground.tick().sent == 1


def test_enrollments_are_found_by_sequence_state_and_step(ground: Ground) -> None:
    ann, ben = ground.join(ANN), ground.join("ben@example.org")
    ground.tick()
    act(ground, ben, "stop", "invite", "")
    with ground.store.read() as work:
        assert [email for _, email in work.enrollments_in(SIX, "invite")] == [ANN, "ben@example.org"]
        running = work.enrollments_in(SIX, state=EnrollmentState.RUNNING, step="invite/two-second-resume-fix")
        assert [(each.subscriber_id, len(each.done)) for each, _ in running] == [(ann, 1)]
        assert work.enrollments_in("nothing") == []
        first = work.enrollments_in(limit=1)
        assert [email for _, email in work.enrollments_in(after_id=first[0][0].id)] == ["ben@example.org"]
