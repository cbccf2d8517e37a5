"""Enrollments, facts, broadcasts and webinars on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from drip.core.delivery import DeliveryState, Outcome, OutcomeKind, Verdict
from drip.core.model import Session
from drip.core.records import (
    Attendance,
    Did,
    Enrollment,
    EnrollmentState,
    Kind,
    NewDelivery,
    RegistrationState,
    StepDone,
    SubscriberId,
    SubscriptionState,
)
from drip.core.segments import parse_condition
from drip.store.results import Audience, BroadcastState, NewBroadcast, Recorded
from drip.store.store import Store
from drip.store.work import Work
from tests.statements import heard

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ACTIVE, PENDING, ENDED = SubscriptionState.ACTIVE, SubscriptionState.PENDING, SubscriptionState.ENDED


@pytest.fixture
def work(store: Store) -> Iterator[Work]:
    with store.write() as work:
        yield work


def person(work: Work, name: str, zone: str | None = None, on: str = "letter") -> SubscriberId:
    number = work.add_subscriber(f"{name}@example.com", name, NOW, zone)[0].id
    work.subscribe(number, on, ACTIVE, NOW)
    return number


def enrolled(work: Work, subscriber: SubscriberId, sequence: str = "invite", **more: object) -> Enrollment:
    found = work.enroll("c", sequence, subscriber, "first", NOW, **more)  # type: ignore[arg-type]
    assert found is not None
    return found


def session(name: str, starts: datetime) -> Session:
    return Session(name, starts, starts + HOUR, "2026-12-08 12:00", "America/New_York")


# --- enrollments ----------------------------------------------------------------------------------------------------


def test_a_person_is_enrolled_once_per_occasion(work: Work) -> None:
    ann, bob = person(work, "ann"), person(work, "bob")
    first = enrolled(work, ann)
    assert (first.state, first.next_due, first.started_at, first.done) == (EnrollmentState.RUNNING, NOW, NOW, ())
    assert work.enroll("c", "invite", ann, "first", NOW + DAY) is None
    assert work.enroll("c", "invite", bob, "first", NOW) is not None
    assert work.enroll("c", "invite", ann, "again-2", NOW) is not None
    assert work.enroll("d", "invite", ann, "first", NOW) is not None
    assert work.enrollment(first.id) == first
    assert [(each.campaign, each.occasion) for each in work.enrollments(ann)] == [
        ("c", "first"),
        ("c", "again-2"),
        ("d", "first"),
    ]
    assert [each.campaign for each in work.running(ann, "d")] == ["d"]


def test_due_enrollments_come_in_order_with_what_is_behind_them(work: Work) -> None:
    people = [person(work, f"p{n}") for n in range(5)]
    runs = [enrolled(work, each) for each in people]
    for run, moment in zip(runs, (NOW + HOUR, NOW, NOW - HOUR, None, NOW - DAY), strict=True):
        work.wait_until(run.id, moment)
    steps = [StepDone("invite/b", Did.SENT, NOW), StepDone("invite/a", Did.SKIPPED, NOW, "too-late")]
    for each in steps:
        work.step_done(runs[2].id, each)
    work.end_enrollment(runs[4].id, EnrollmentState.STOPPED, "left", NOW)

    assert [each.id for each in work.due_enrollments(NOW, 9)] == [runs[2].id, runs[1].id]
    assert [each.id for each in work.due_enrollments(NOW, 1)] == [runs[2].id]
    assert work.due_enrollments(NOW, 1)[0].done == tuple(steps)
    assert work.next_wake() == NOW - HOUR
    ended = work.enrollment(runs[4].id)
    assert ended is not None
    assert (ended.state, ended.next_due, ended.ended_at, ended.end_reason) == (
        EnrollmentState.STOPPED,
        None,
        NOW,
        "left",
    )


def test_an_ended_enrollment_stays_ended(work: Work) -> None:
    run = enrolled(work, person(work, "ann"))
    work.end_enrollment(run.id, EnrollmentState.GOAL, "registered", NOW)
    work.end_enrollment(run.id, EnrollmentState.STOPPED, "left", NOW + DAY)
    work.wait_until(run.id, NOW)
    found = work.enrollment(run.id)
    assert found is not None
    assert (found.state, found.end_reason, found.ended_at, found.next_due) == (
        EnrollmentState.GOAL,
        "registered",
        NOW,
        None,
    )
    assert work.next_wake() is None


def test_a_step_said_again_is_corrected_in_its_place(work: Work) -> None:
    run = enrolled(work, person(work, "ann"))
    work.step_done(run.id, StepDone("invite/a", Did.UNCERTAIN, NOW, "owner-died"))
    work.step_done(run.id, StepDone("invite/b", Did.SENT, NOW))
    work.step_done(run.id, StepDone("invite/a", Did.SENT, NOW + HOUR, "late"))
    found = work.enrollment(run.id)
    assert found is not None
    assert found.done == (StepDone("invite/a", Did.SENT, NOW + HOUR, "late"), StepDone("invite/b", Did.SENT, NOW))


def test_who_waits_for_which_step_is_counted(work: Work) -> None:
    runs = [enrolled(work, person(work, f"p{n}")) for n in range(4)]
    other = enrolled(work, person(work, "x"), "remind")
    work.wait_until(runs[0].id, NOW + DAY, "invite/b")
    work.wait_until(runs[1].id, NOW + DAY, "invite/b")
    work.wait_until(runs[2].id, NOW + DAY, "invite/c")
    work.wait_until(other.id, None)
    work.end_enrollment(runs[3].id, EnrollmentState.DONE, "", NOW)
    assert work.count_waiting("c") == {"invite": 3, "invite/b": 2, "invite/c": 1, "remind": 1}
    assert work.count_waiting("none") == {}


# --- facts ----------------------------------------------------------------------------------------------------------


def sent(
    work: Work, subscriber: SubscriberId, name: str, kind: Kind, at: datetime, outcome: Outcome | None = None
) -> None:
    revision = work.add_revision("c", "d", {}, NOW).id
    new = NewDelivery(f"o{at}{kind}", name, subscriber, "c", "p", kind, NOW, revision)
    planned = work.plan_delivery(new, NOW)
    assert planned is not None
    work.claim("me", NOW, 9)
    work.mark([planned.id], "me", NOW)
    if outcome is None:
        work.recover("me", at)
    else:
        verdict = Verdict(
            DeliveryState.SENT if outcome.kind is OutcomeKind.ACCEPTED else DeliveryState.FAILED, None, ""
        )
        work.record([Recorded(planned.id, 1, verdict, outcome, "r", NOW, at)], "me")


def test_facts_are_complete(work: Work) -> None:
    ann = person(work, "ann", "Europe/Paris")
    work.set_tag(ann, "vip", NOW)
    work.subscribe(ann, "second", ACTIVE, NOW + DAY)
    work.subscribe(ann, "third", PENDING, NOW - DAY)
    work.subscribe(ann, "fourth", ACTIVE, NOW - 9 * DAY)
    work.end_subscription(ann, "fourth", NOW)
    work.suppress("ann", "complaint", NOW)
    tuesday, friday = session("tuesday", NOW + 7 * DAY), session("friday", NOW + 10 * DAY)
    work.put_sessions("c", [tuesday, friday], NOW)
    seat = work.add_registration(ann, "c", "tuesday", None, NOW)
    work.book(seat.id, NOW, None)
    work.record_attendance(seat.id, Attendance.MISSED, "report", NOW)
    work.lift_suppression("ann")
    accepted, refused = Outcome(OutcomeKind.ACCEPTED, 250), Outcome(OutcomeKind.PERMANENT, 550)
    sent(work, ann, "ann", Kind.SEQUENCE, NOW + HOUR, accepted)
    sent(work, ann, "ann", Kind.SEQUENCE, NOW + 2 * HOUR)  # uncertain counts: it may have arrived
    sent(work, ann, "ann", Kind.SEQUENCE, NOW + 3 * HOUR, refused)
    sent(work, ann, "ann", Kind.BROADCAST, NOW + 4 * HOUR, accepted)
    work.suppress("ann", "complaint", NOW)

    remind = enrolled(work, ann, "remind", registration_id=seat.id)
    invite = enrolled(work, ann)
    facts = work.facts_for([remind, invite], "America/New_York")
    assert set(facts) == {remind.id, invite.id}
    found = facts[remind.id]
    assert found.subscriber == work.subscriber(ann)
    assert found.subscriber.tags == {"vip"}
    assert found.enrollment == remind
    assert found.zone == "Europe/Paris"
    assert found.lists == {"letter", "second"}
    assert found.suppressed == "complaint"
    assert found.registration == work.registration(seat.id)
    assert found.session == tuesday
    assert found.booked
    assert found.attendance is Attendance.MISSED
    assert found.last_session_starts == friday.starts
    assert found.last_drip_at == NOW + 2 * HOUR
    assert found.joined_at == NOW
    assert facts[invite.id].registration is None
    assert facts[invite.id].session is None
    assert facts[invite.id].attendance is Attendance.UNKNOWN
    assert facts[invite.id].booked


def test_facts_of_a_person_of_whom_nothing_is_known(work: Work) -> None:
    eve = work.add_subscriber("eve@example.com", "eve", NOW)[0]
    run = work.enroll("elsewhere", "s", eve.id, "first", NOW)
    assert run is not None
    found = work.facts_for([run], "America/New_York")[run.id]
    assert found.zone == "America/New_York"
    assert (found.lists, found.suppressed, found.booked, found.last_session_starts) == (frozenset(), None, False, None)
    assert (found.last_drip_at, found.joined_at, found.attendance) == (None, None, Attendance.UNKNOWN)
    assert work.facts_for([], "UTC") == {}


def test_the_number_of_queries_is_the_same_for_one_and_for_many(store: Store) -> None:
    with store.write() as work:
        work.put_sessions("c", [session("tuesday", NOW)], NOW)
        runs = []
        for n in range(300):
            number = person(work, f"p{n}")
            seat = work.add_registration(number, "c", "tuesday", None, NOW)
            runs.append(enrolled(work, number, registration_id=seat.id))
    with store.read() as work:
        with heard(store) as one:
            work.facts_for(runs[:1], "UTC")
        with heard(store) as many:
            assert len(work.facts_for(runs, "UTC")) == 300
    assert len(many) == len(one) <= 9


def test_more_people_than_sqlite_takes_parameters(memory_store: Store) -> None:
    with memory_store.write() as work:
        work._connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
            " INSERT INTO subscriber (email, mailbox, created_at) SELECT 'x', 'm' || i, 0 FROM n"
        )
        ids = list(work._connection.exec_driver_sql("SELECT id FROM subscriber").scalars())
        assert len(work.facts_of(ids, "c", "UTC")) == 40000


# --- broadcasts -----------------------------------------------------------------------------------------------------


@pytest.fixture
def audience(work: Work) -> Audience:
    return Audience("june", "c", "june-letter", "letter", NOW, work.add_revision("c", "d", {}, NOW).id, NOW + HOUR)


def test_a_broadcast_goes_to_the_active_readers_once(work: Work, audience: Audience) -> None:
    ann, bob, eve, joe = (person(work, name) for name in ("ann", "bob", "eve", "joe"))
    person(work, "zoe", on="other")
    work.end_subscription(bob, "letter", NOW)
    work.suppress("eve", "bounce", NOW)
    assert work.plan_for_list(audience, NOW) == 2
    assert work.plan_for_list(audience, NOW) == 0
    assert work.deliveries(bob) == work.deliveries(eve) == []
    found = work.deliveries(ann)
    assert len(found) == 1
    planned = found[0]
    assert (planned.occasion, planned.mailbox, planned.list, planned.kind) == ("june", "ann", "letter", Kind.BROADCAST)
    assert (planned.state, planned.due_at, planned.expires_at) == (DeliveryState.DUE, NOW, NOW + HOUR)
    assert (planned.campaign, planned.post, planned.revision_id) == ("c", "june-letter", audience.revision_id)
    work.subscribe(bob, "letter", ACTIVE, NOW)
    assert work.plan_for_list(audience, NOW) == 1
    assert [each.deliveries[0].subscriber_id for each in [work.claim("me", NOW, 1)]] == [ann]
    assert work.deliveries(joe) != []


def test_a_broadcast_can_ask_each_reader(work: Work, audience: Audience) -> None:
    people = [person(work, f"p{n:04}") for n in range(1, 203)]
    for each in people[::2]:
        work.set_tag(each, "graduate", NOW)
    graduate = parse_condition("tag graduate").term
    assert work.count_audience(audience, NOW, graduate) == 101
    assert work.plan_for_list(audience, NOW, graduate) == 101
    assert work.plan_for_list(audience, NOW, graduate) == 0
    assert work.plan_for_list(audience, NOW) == 101
    assert work.deliveries(people[0])[0].expires_at == NOW + HOUR


def test_a_broadcast_in_the_readers_time_goes_zone_by_zone(work: Work, audience: Audience) -> None:
    from dataclasses import replace

    person(work, "ann", "Asia/Tokyo")
    person(work, "bob")
    person(work, "eve", "America/New_York")
    person(work, "zoe", "Europe/Paris", on="other")
    home = "America/New_York"
    assert work.zones_of("letter", home) == ["America/New_York", "Asia/Tokyo"]
    counts = {
        zone: work.plan_for_list(replace(audience, zone=zone, default_zone=home), NOW)
        for zone in ("Asia/Tokyo", home, "Europe/Paris")
    }
    assert counts == {"Asia/Tokyo": 1, home: 2, "Europe/Paris": 0}


def new_broadcast(work: Work, occasion: str = "june", due_at: datetime = NOW, **more: object) -> NewBroadcast:
    revision = work.add_revision("c", "d", {}, NOW).id
    return NewBroadcast("c", "june-letter", "letter", occasion, due_at, revision, **more)  # type: ignore[arg-type]


def test_a_broadcast_can_be_changed_until_it_is_frozen(work: Work) -> None:
    first = work.put_broadcast(new_broadcast(work), NOW)
    assert (first.state, first.due_at, first.planned_at, first.recipients) == (BroadcastState.PLANNED, NOW, NOW, 0)
    moved = work.put_broadcast(
        new_broadcast(work, due_at=NOW + DAY, where_phrase="tag x", readers_time=True, late_seconds=60), NOW + HOUR
    )
    assert (moved.id, moved.due_at, moved.where_phrase, moved.readers_time) == (first.id, NOW + DAY, "tag x", True)
    assert (moved.late_seconds, moved.planned_at) == (60, NOW)
    assert work.due_broadcasts(NOW) == []
    assert work.next_broadcast_due() == NOW + DAY
    assert work.due_broadcasts(NOW + DAY) == [moved]

    assert work.finish_broadcast(first.id, NOW + DAY, 7)
    assert not work.finish_broadcast(first.id, NOW + DAY, 8)
    frozen = work.put_broadcast(new_broadcast(work), NOW)
    assert (frozen.state, frozen.due_at, frozen.recipients, frozen.frozen_at) == (
        BroadcastState.FROZEN,
        NOW + DAY,
        7,
        NOW + DAY,
    )
    assert work.due_broadcasts(NOW + 9 * DAY) == []
    assert work.next_broadcast_due() is None


def test_what_the_author_took_out_is_cancelled_and_can_come_back(work: Work) -> None:
    for occasion in ("june", "july", "august"):
        work.put_broadcast(new_broadcast(work, occasion), NOW)
    done = work.broadcasts("c")[0]
    work.finish_broadcast(done.id, NOW, 0)
    assert work.cancel_broadcasts("c", {"july"}) == ["august"]
    assert work.cancel_broadcasts("d", set()) == []
    assert [each.occasion for each in work.due_broadcasts(NOW)] == ["july"]
    assert work.put_broadcast(new_broadcast(work, "august"), NOW).state is BroadcastState.PLANNED
    assert work.cancel_broadcasts("c", set()) == ["august", "july"]
    assert {each.state for each in work.broadcasts()} == {BroadcastState.FROZEN, BroadcastState.CANCELLED}


# --- webinars -------------------------------------------------------------------------------------------------------


def test_sessions_come_and_go(work: Work) -> None:
    tuesday, friday = session("tuesday", NOW), session("friday", NOW + 3 * DAY)
    work.put_sessions("c", [friday, tuesday], NOW)
    work.put_sessions("d", [session("only", NOW)], NOW)
    assert work.sessions("c") == [tuesday, friday]
    assert work.ended_sessions(NOW + HOUR - timedelta(microseconds=1)) == []
    assert work.ended_sessions(NOW + HOUR) == [("c", tuesday), ("d", session("only", NOW))]
    assert work.close_session("c", "tuesday", NOW + HOUR)
    assert not work.close_session("c", "tuesday", NOW + HOUR)
    assert [name for name, _ in work.ended_sessions(NOW + HOUR)] == ["d"]

    ann = person(work, "ann")
    seat = work.add_registration(ann, "c", "friday", None, NOW)
    moved = session("tuesday", NOW + 7 * DAY)
    work.put_sessions("c", [moved], NOW + HOUR)
    assert work.sessions("c") == [moved]
    assert work.ended_sessions(NOW + 30 * DAY)[-1] == ("c", moved), "moved into the future, it can end again"
    assert ("c", friday) not in work.ended_sessions(NOW + 30 * DAY)
    run = enrolled(work, ann, registration_id=seat.id)
    assert work.facts_for([run], "UTC")[run.id].session == friday, "who registered still knows when it was"
    work.put_sessions("c", [moved, friday], NOW)
    assert work.sessions("c") == [friday, moved]


def test_a_registration_goes_from_pending_to_booked_to_cancelled(work: Work) -> None:
    ann = person(work, "ann")
    work.put_sessions("c", [session("tuesday", NOW), session("friday", NOW)], NOW)
    assert work.open_registration(ann, "c") is None
    asked = work.add_registration(ann, "c", "tuesday", "Asia/Tokyo", NOW)
    assert (asked.state, asked.zone, asked.calendar_sequence) == (RegistrationState.PENDING, "Asia/Tokyo", 0)
    assert work.add_registration(ann, "c", "tuesday", None, NOW + HOUR) == asked
    assert work.book(asked.id, NOW + HOUR, 10) == "booked"
    assert work.book(asked.id, NOW + DAY, 10) == "already"
    booked = work.registration(asked.id)
    assert booked is not None
    assert (booked.state, booked.confirmed_at) == (RegistrationState.BOOKED, NOW + HOUR)

    later = work.add_registration(ann, "c", "friday", None, NOW)
    assert work.open_registration(ann, "c") == booked, "a booked one before a pending one"
    assert work.registrations("c") == [booked, later]
    assert work.registrations("c", "friday") == [later]
    assert work.registrations("c", state=RegistrationState.BOOKED) == [booked]
    assert work.registrations_of(ann) == [booked, later]

    assert work.cancel_registration(asked.id, NOW + DAY)
    assert not work.cancel_registration(asked.id, NOW + DAY)
    assert work.book(asked.id, NOW + DAY, 10) == "cancelled"
    cancelled = work.registration(asked.id)
    assert cancelled is not None
    assert (cancelled.state, cancelled.cancelled_at, cancelled.calendar_sequence) == (
        RegistrationState.CANCELLED,
        NOW + DAY,
        1,
    )
    assert work.open_registration(ann, "c") == later
    work.cancel_registration(later.id, NOW)
    assert work.registration(later.id).calendar_sequence == 0  # type: ignore[union-attr]
    assert work.add_registration(ann, "c", "tuesday", None, NOW).id not in (asked.id, later.id)


def test_no_more_are_booked_than_there_are_seats(work: Work) -> None:
    work.put_sessions("c", [session("tuesday", NOW), session("friday", NOW)], NOW)
    seats = [work.add_registration(person(work, f"p{n}"), "c", "tuesday", None, NOW) for n in range(4)]
    assert [work.book(each.id, NOW, 2) for each in seats] == ["booked", "booked", "full", "full"]
    assert work.booked_count("c", "tuesday") == 2
    work.cancel_registration(seats[0].id, NOW)
    assert work.book(seats[3].id, NOW, 2) == "booked"
    assert work.book(seats[2].id, NOW, None) == "booked"
    assert work.booked_count("c", "friday") == 0


def test_attendance_has_three_values(work: Work) -> None:
    work.put_sessions("c", [session("tuesday", NOW)], NOW)
    seat = work.add_registration(person(work, "ann"), "c", "tuesday", None, NOW).id
    assert work.attendance(seat) is Attendance.UNKNOWN
    work.record_attendance(seat, Attendance.ATTENDED, "join page", NOW)
    assert work.attendance(seat) is Attendance.ATTENDED
    work.record_attendance(seat, Attendance.MISSED, "report", NOW)
    assert work.attendance(seat) is Attendance.MISSED
