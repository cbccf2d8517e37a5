"""Edits with people inside, on every engine: where they stand afterwards, and when they are looked at again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from drip.core.delivery import DeliveryState
from drip.core.model import Campaign, Sequence, Session, Step, Trigger, TriggerKind, Verb, Webinar
from drip.core.places import Place, places
from drip.core.records import (
    Did,
    EnrollmentId,
    EnrollmentState,
    Kind,
    NewDelivery,
    StepDone,
    SubscriptionState,
)
from drip.core.segments import parse_condition
from drip.core.when import parse_when
from drip.store.store import Store
from drip.store.work import Work
from tests.statements import heard

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
JOINS = Trigger("joins letter", TriggerKind.JOINS, "letter")
REGISTERS = Trigger("registers", TriggerKind.REGISTERS)


@pytest.fixture
def work(store: Store) -> Iterator[Work]:
    with store.write() as work:
        yield work


def step(post: str, when: str, condition: str = "", sequence: str = "s") -> Step:
    return Step(sequence, Verb.SEND, post, parse_when(when), parse_condition(condition) if condition else None)


def campaign(*steps: Step, start: Trigger = JOINS, sessions: tuple[Session, ...] = ()) -> Campaign:
    webinar = Webinar("W", HOUR, "https://meet.example.com", sessions) if sessions else None
    return Campaign("c", "C", "UTC", webinar=webinar, sequences=(Sequence("s", start, steps),))


def spots(before: Campaign, after: Campaign) -> tuple[Place, ...]:
    return places(before, after, "s")


def enroll(work: Work, name: str, *done: StepDone, waits: str | None, at: datetime = NOW - 10 * DAY) -> EnrollmentId:
    person = work.add_subscriber(f"{name}@example.com", name, at)[0].id
    work.subscribe(person, "letter", SubscriptionState.ACTIVE, at)
    run = work.enroll("c", "s", person, "first", at)
    assert run is not None
    for each in done:
        work.step_done(run.id, each)
    work.wait_until(run.id, NOW + 20 * DAY, waits)
    return run.id


def stand(work: Work, run: EnrollmentId) -> tuple[datetime | None, str | None, bool]:
    """When somebody is looked at again, the step they wait for, and whether an edit put them there."""
    found = work.enrollment(run)
    assert found is not None
    return found.next_due, found.next_step, found.replanned_at == NOW


A, B, C = step("a", "at once"), step("b", "5 days later"), step("c", "20 hours later")
DID_A = StepDone("s/a", Did.SENT, NOW - 10 * DAY)


def test_rule_09_a_step_ahead_is_waited_for_and_one_behind_is_not(work: Work) -> None:
    before = campaign(A, B)
    new = step("new", "1 hour later")
    at_b = enroll(work, "ann", DID_A, waits="s/b")
    fresh = enroll(work, "bob", waits="s/a")
    assert work.replan("c", "s", spots(before, campaign(A, new, B)), NOW) == 1
    assert stand(work, at_b) == (NOW, "s/new", True)
    assert stand(work, fresh)[1:] == ("s/a", False)
    done_b = enroll(work, "cleo", DID_A, StepDone("s/b", Did.SENT, NOW - DAY), waits="s/c")
    work.replan("c", "s", spots(campaign(A, B, C), campaign(A, new, B, C)), NOW)
    assert stand(work, done_b)[1:] == ("s/c", False)


def test_rule_09_a_changed_delay_moves_people_both_ways(work: Work) -> None:
    run = enroll(work, "ann", StepDone("s/a", Did.SENT, NOW - 2 * HOUR), waits="s/c")
    longer = step("c", "30 hours later")
    work.replan("c", "s", spots(campaign(A, C), campaign(A, longer)), NOW)
    assert stand(work, run) == (NOW + 28 * HOUR, "s/c", True)
    work.replan("c", "s", spots(campaign(A, longer), campaign(A, step("c", "1 hour later"))), NOW)
    assert stand(work, run) == (NOW, "s/c", True)


def test_rule_03_a_skipped_step_is_no_anchor_in_sql_either(work: Work) -> None:
    skipped = StepDone("s/b", Did.SKIPPED, NOW - HOUR, "condition-false")
    run = enroll(work, "ann", StepDone("s/a", Did.SENT, NOW - 19 * HOUR), skipped, waits=None)
    work.replan("c", "s", spots(campaign(A, B), campaign(A, B, C)), NOW)
    assert stand(work, run)[0] == NOW + HOUR


def test_rule_09_a_removed_step_lets_people_go_on_and_takes_its_mails_back(work: Work) -> None:
    run = enroll(work, "ann", DID_A, waits="s/b")
    held = enroll(work, "bob", DID_A, waits="s/b")
    found = work.enrollment(held)
    assert found is not None
    revision = work.add_revision("c", "d", {}, NOW)
    new = NewDelivery("c/s/b@first", "bob", found.subscriber_id, "c", "b", Kind.SEQUENCE, NOW, revision.id)
    planned = work.plan_delivery(
        NewDelivery(**{**{name: getattr(new, name) for name in new.__slots__}, "step": "s/b", "enrollment_id": held}),
        NOW,
    )
    assert planned is not None
    work.wait_until(held, None, "s/b")
    assert work.drop_steps("c", ["s/b"], NOW) == 1
    work.replan("c", "s", spots(campaign(A, B, C), campaign(A, C)), NOW)
    assert stand(work, run) == (NOW, "s/c", True)
    assert stand(work, held) == (NOW, "s/c", True)
    taken_back = work.delivery(planned.id)
    assert taken_back is not None
    assert (taken_back.state, taken_back.reason) == (DeliveryState.CANCELLED, "step-removed")


def test_who_has_every_step_behind_them_after_an_edit_is_done(work: Work) -> None:
    run = enroll(work, "ann", DID_A, waits="s/b")
    work.replan("c", "s", spots(campaign(A, B), campaign(A)), NOW)
    found = work.enrollment(run)
    assert found is not None
    assert (found.state, found.end_reason, found.next_due) == (EnrollmentState.DONE, "all-steps-done", None)
    assert [each.kind for each in work.entries()] == ["enrollment-done"]


def test_rule_09_a_renamed_step_stays_behind_people(work: Work) -> None:
    past = enroll(work, "ann", DID_A, waits="s/b")
    before = enroll(work, "bob", waits="s/a")
    assert work.rename_steps("c", "s", {"s/a": "s/hello"}) == 1
    hello = step("hello", "at once")
    work.replan("c", "s", spots(campaign(hello, B), campaign(hello, B)), NOW)
    assert stand(work, past)[1:] == ("s/b", False)
    assert stand(work, before)[1:] == ("s/hello", False)


def test_a_removed_sequence_ends_for_all_in_it(work: Work) -> None:
    run = enroll(work, "ann", DID_A, waits="s/b")
    assert work.end_sequences("c", ["other"], NOW) == 1
    found = work.enrollment(run)
    assert found is not None
    assert (found.state, found.end_reason) == (EnrollmentState.STOPPED, "sequence-removed")
    assert work.end_sequences("c", ["other"], NOW) == 0


def test_what_counts_from_a_session_is_waited_for_by_its_start(work: Work) -> None:
    session = Session("tue", NOW + 9 * DAY, NOW + 9 * DAY + HOUR, "2026-12-10 9:30", "UTC")
    work.put_sessions("c", [session], NOW)
    run = enroll(work, "ann", waits="s/r")
    found = work.enrollment(run)
    assert found is not None
    seat = work.add_registration(found.subscriber_id, "c", "tue", None, NOW)
    loose = enroll(work, "bob", waits="s/r")
    _bind(work, run, seat.id)
    plots = [
        campaign(step("r", each), start=REGISTERS, sessions=(session,))
        for each in ("1 hour before session", "90 minutes before session")
    ]
    work.replan("c", "s", spots(*plots), NOW)
    assert stand(work, run)[0] == session.starts - timedelta(minutes=90)
    assert stand(work, loose)[0] == NOW  # it has no session, so the step is skipped, and that is said at once


def _bind(work: Work, run: EnrollmentId, registration: int) -> None:
    from drip.store.schema import enrollment

    work._connection.execute(enrollment.update().where(enrollment.c.id == run).values(registration_id=registration))


def test_the_number_of_statements_does_not_grow_with_the_crowd(store: Store) -> None:
    counts = []
    for crowd in (1, 40):
        with store.write() as work:
            for number in range(crowd):
                enroll(work, f"p{crowd}-{number}", DID_A, waits="s/b")
            with heard(store) as seen:
                work.drop_steps("c", ["s/b"], NOW)
                work.replan("c", "s", spots(campaign(A, B, C), campaign(A, C)), NOW)
            counts.append(len(seen))
    assert counts[0] == counts[1] < 8
