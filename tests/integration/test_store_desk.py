"""What a run asks beside claiming and marking, on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from drip.core.delivery import DeliveryState, Outcome, OutcomeKind, Verdict
from drip.core.model import Session
from drip.core.records import Delivery, EnrollmentState, Kind, NewDelivery, SubscriberId, SubscriptionState
from drip.store.results import Recorded
from drip.store.store import Store
from drip.store.work import Work

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def work(store: Store) -> Iterator[Work]:
    with store.write() as work:
        yield work


@pytest.fixture
def ann(work: Work) -> SubscriberId:
    return work.add_subscriber("ann@example.com", "ann", NOW)[0].id


def planned(
    work: Work, person: SubscriberId, occasion: str, kind: Kind = Kind.CONFIRMATION, **more: object
) -> Delivery:
    revision = work.add_revision("", "d", {}, NOW).id
    new = NewDelivery(occasion, "ann", person, "", "confirm", kind, NOW, revision, **more)  # type: ignore[arg-type]
    found = work.plan_delivery(new, NOW)
    assert found is not None
    return found


def test_readers_come_with_what_their_message_is_about(work: Work, ann: SubscriberId) -> None:
    work.put_sessions("c", [Session("tuesday", NOW, NOW + HOUR, "", "UTC")], NOW)
    seat = work.add_registration(ann, "c", "tuesday", None, NOW)
    permission = work.subscribe(ann, "letter", SubscriptionState.PENDING, NOW)
    about_seat = planned(work, ann, "1", registration_id=seat.id)
    about_list = planned(work, ann, "2", subscription_id=permission.id)
    person = work.subscriber(ann)
    assert work.readers_for([about_seat, about_list]) == {
        about_seat.id: (person, seat, None),
        about_list.id: (person, None, permission),
    }
    assert work.readers_for([]) == {}


def test_what_cannot_be_made_into_a_message_is_held(work: Work, ann: SubscriberId) -> None:
    mine, theirs, due = (planned(work, ann, each) for each in ("1", "2", "3"))
    work.claim("me", NOW, 1)
    work.claim("you", NOW, 1)
    assert work.hold([mine.id, theirs.id, due.id], "me", "cannot-render") == 1
    found = work.deliveries_in(DeliveryState.HELD)
    assert [(each.id, each.reason, each.owner) for each in found] == [(mine.id, "cannot-render", None)]
    assert work.resolve(mine.id, DeliveryState.DUE, "released", NOW)
    assert [each.id for each in work.claim("me", NOW, 9).deliveries] == [mine.id, due.id]


def test_only_lost_confirmations_are_asked_for_again(work: Work, ann: SubscriberId) -> None:
    confirmation, letter = planned(work, ann, "1"), planned(work, ann, "2", Kind.REMINDER)
    work.claim("me", NOW, 9)
    work.mark([confirmation.id, letter.id], "me", NOW)
    assert work.uncertain_confirmations(NOW, 3) == []
    work.recover("me", NOW)
    assert [each.id for each in work.uncertain_confirmations(NOW, 3)] == [confirmation.id]
    assert work.uncertain_confirmations(NOW - HOUR, 3) == []
    assert work.uncertain_confirmations(NOW, 1) == []


def test_counts_and_moments(work: Work, ann: SubscriberId) -> None:
    assert work.count_active("letter") == 0
    work.subscribe(ann, "letter", SubscriptionState.ACTIVE, NOW)
    assert work.count_active("letter") == 1

    assert work.next_session_end() is None
    work.put_sessions("c", [Session(name, NOW, NOW + n * HOUR, "", "UTC") for n, name in ((1, "a"), (2, "b"))], NOW)
    assert work.next_session_end() == NOW + HOUR
    work.close_session("c", "a", NOW + HOUR)
    assert work.next_session_end() == NOW + 2 * HOUR

    assert work.last_sent_at() is None
    sent = planned(work, ann, "1")
    work.claim("me", NOW, 9)
    work.mark([sent.id], "me", NOW)
    verdict, outcome = Verdict(DeliveryState.SENT, None, ""), Outcome(OutcomeKind.ACCEPTED, 250)
    work.record([Recorded(sent.id, 1, verdict, outcome, "r", NOW, NOW + HOUR)], "me")
    assert work.last_sent_at() == NOW + HOUR


def test_enrollments_are_counted_by_state(work: Work, ann: SubscriberId) -> None:
    for name in ("later", "ended"):
        run = work.enroll("c", name, ann, "first", NOW)
        assert run is not None
    work.end_enrollment(run.id, EnrollmentState.DONE, "", NOW)
    assert work.enroll("d", "later", ann, "first", NOW) is not None
    assert work.enrollment_counts()[("c", "ended")] == {"running": 0, "done": 1, "goal": 0, "stopped": 0}
    assert work.enrollment_counts()[("d", "later")]["running"] == 1


def test_what_is_due_and_what_went_last_is_told_by_sequence(work: Work, ann: SubscriberId) -> None:
    runs = [work.enroll("c", name, ann, "first", NOW) for name in ("due", "later", "mailed")]
    assert all(runs)
    first, second, third = (each.id for each in runs if each is not None)
    work.wait_until(first, NOW - HOUR)
    work.wait_until(second, NOW + HOUR)
    work.wait_until(third, None, "mailed/a")
    assert work.overdue(NOW) == {("c", "due"): (1, NOW - HOUR)}
    waiting = planned(work, ann, "1", step="mailed/a", enrollment_id=third)
    assert work.overdue(NOW)[("c", "mailed")] == (1, NOW)
    assert work.last_sends() == {}
    work.claim("me", NOW, 9)
    work.mark([waiting.id], "me", NOW)
    verdict, outcome = Verdict(DeliveryState.SENT, None, ""), Outcome(OutcomeKind.ACCEPTED, 250)
    work.record([Recorded(waiting.id, 1, verdict, outcome, "r", NOW, NOW + HOUR)], "me")
    assert work.last_sends() == {("", "mailed/a"): NOW + HOUR}
    assert work.overdue(NOW) == {("c", "due"): (1, NOW - HOUR)}
