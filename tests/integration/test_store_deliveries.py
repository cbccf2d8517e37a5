"""Deliveries on every engine: planned once, claimed once, marked by a compare-and-set, recorded, recovered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from drip.core.delivery import Blame, DeliveryState, Outcome, OutcomeKind, Verdict
from drip.core.records import (
    Delivery,
    DeliveryId,
    EnrollmentState,
    Kind,
    NewDelivery,
    RevisionId,
    SubscriberId,
    SubscriptionState,
)
from drip.store.results import Recorded
from drip.store.store import Store
from drip.store.work import Work
from tests.statements import heard

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ACCEPTED = Outcome(OutcomeKind.ACCEPTED, 250, "2.0.0", "ok")
SENT = Verdict(DeliveryState.SENT, None, "accepted")


@dataclass(frozen=True)
class World:
    """A list with people, and short ways to do things to them."""

    work: Work
    people: dict[str, SubscriberId]
    revision: RevisionId

    def plan(self, mailbox: str = "ann", occasion: str = "letter", **changes: object) -> Delivery | None:
        new = NewDelivery(
            occasion, mailbox, self.people[mailbox], "c", "post", Kind.BROADCAST, NOW, self.revision, list="letter"
        )
        return self.work.plan_delivery(replace(new, **changes), NOW)  # type: ignore[arg-type]

    def planned(self, mailbox: str = "ann", occasion: str = "letter", **changes: object) -> DeliveryId:
        found = self.plan(mailbox, occasion, **changes)
        assert found is not None
        return found.id

    def sending(self, owner: str = "me", **changes: object) -> DeliveryId:
        number = self.planned(**changes)  # type: ignore[arg-type]
        self.work.claim(owner, NOW, 100)
        assert self.work.mark([number], owner, NOW) == {number}
        return number

    def state(self, number: DeliveryId) -> DeliveryState:
        return self.now(number).state

    def now(self, number: DeliveryId) -> Delivery:
        found = self.work.delivery(number)
        assert found is not None
        return found


@pytest.fixture
def world(store: Store) -> Iterator[World]:
    with store.write() as work:
        people = {}
        for name in ("ann", "bob", "eve"):
            people[name] = work.add_subscriber(f"{name}@example.com", name, NOW)[0].id
            work.subscribe(people[name], "letter", SubscriptionState.ACTIVE, NOW)
        yield World(work, people, work.add_revision("c", "d", {}, NOW).id)


def result(number: DeliveryId, attempt: int = 1, verdict: Verdict = SENT, outcome: Outcome = ACCEPTED) -> Recorded:
    return Recorded(number, attempt, verdict, outcome, "relay", NOW, NOW + MINUTE)


# --- plan -----------------------------------------------------------------------------------------------------------


def test_a_delivery_is_planned_once_per_occasion_and_mailbox(world: World) -> None:
    first = world.plan()
    assert first is not None
    assert (first.state, first.attempt, first.due_at, first.planned_at) == (DeliveryState.DUE, 0, NOW, NOW)
    assert world.plan() is None
    assert world.plan(post="another", list=None) is None
    assert world.plan("bob") is not None
    assert world.plan(occasion="other") is not None
    assert world.work.delivery(first.id) == first == world.work.delivery_on("letter", "ann")
    assert [each.occasion for each in world.work.deliveries(world.people["ann"])] == ["letter", "other"]
    assert world.work.delivery_on("letter", "nobody") is None


def test_a_delivery_keeps_all_it_was_planned_with(world: World) -> None:
    work, ann = world.work, world.people["ann"]
    enrollment = work.enroll("c", "s", ann, "first", NOW)
    assert enrollment is not None
    new = NewDelivery(
        occasion="s/x@first",
        mailbox="ann",
        subscriber_id=ann,
        campaign="c",
        post="x",
        kind=Kind.SEQUENCE,
        due_at=NOW + MINUTE,
        revision_id=world.revision,
        list="letter",
        step="s/x",
        enrollment_id=enrollment.id,
        subscription_id=work.subscriptions(ann)[0].id,
        expires_at=NOW + 5 * MINUTE,
    )
    planned = work.plan_delivery(new, NOW)
    assert planned is not None
    for name in NewDelivery.__dataclass_fields__:
        assert getattr(planned, name) == getattr(new, name), name


# --- claim ----------------------------------------------------------------------------------------------------------


def test_a_claim_takes_urgent_kinds_first_then_the_longest_due(world: World) -> None:
    letter = world.planned(occasion="1", kind=Kind.BROADCAST, due_at=NOW - 9 * MINUTE)
    late = world.planned(occasion="2", kind=Kind.REMINDER, due_at=NOW)
    early = world.planned(occasion="3", kind=Kind.REMINDER, due_at=NOW - MINUTE)
    confirm = world.planned(occasion="4", kind=Kind.CONFIRMATION, list=None)
    world.planned(occasion="5", due_at=NOW + timedelta(microseconds=1))

    first = world.work.claim("me", NOW, 3)
    assert [each.id for each in first.deliveries] == [confirm, early, late]
    assert {each.state for each in first.deliveries} == {DeliveryState.CLAIMED}
    assert {each.owner for each in first.deliveries} == {"me"}
    assert [each.id for each in world.work.claim("you", NOW, 3).deliveries] == [letter]
    assert not world.work.claim("me", NOW, 3)


def test_a_claim_can_be_for_some_kinds_only(world: World) -> None:
    world.planned(occasion="1", kind=Kind.BROADCAST)
    reminder = world.planned(occasion="2", kind=Kind.REMINDER)
    claimed = world.work.claim("me", NOW, 9, kinds=(Kind.REMINDER, Kind.CONFIRMATION))
    assert [each.id for each in claimed.deliveries] == [reminder]


def test_too_late_ones_are_skipped_and_returned(world: World) -> None:
    gone = [world.planned(occasion=f"gone{n}", due_at=NOW - 9 * MINUTE, expires_at=NOW - MINUTE) for n in range(3)]
    just = world.planned(occasion="just", expires_at=NOW)
    fresh = world.planned(occasion="fresh")
    claimed = world.work.claim("me", NOW, 4)
    assert [each.id for each in claimed.expired] == gone
    assert [each.id for each in claimed.deliveries] == [just, fresh]
    for number in gone:
        found = world.now(number)
        assert (found.state, found.reason, found.finished_at, found.owner) == (
            DeliveryState.SKIPPED,
            "too-late",
            NOW,
            None,
        )


def test_expiring_is_limited_as_well(world: World) -> None:
    for n in range(7):
        world.planned(occasion=f"{n}", expires_at=NOW - MINUTE)
    sizes = []
    while claimed := world.work.claim("me", NOW, 3):
        assert not claimed.deliveries
        sizes.append(len(claimed.expired))
    assert sizes == [3, 3, 1]


def test_unclaim_gives_back_what_was_not_marked(world: World) -> None:
    one, two = world.planned(occasion="1"), world.planned(occasion="2")
    world.work.claim("me", NOW, 9)
    world.work.mark([one], "me", NOW)
    assert world.work.unclaim("you") == 0
    assert world.work.unclaim("me") == 1
    assert (world.state(one), world.state(two)) == (DeliveryState.SENDING, DeliveryState.DUE)
    assert world.now(two).owner is None


# --- mark -----------------------------------------------------------------------------------------------------------


def test_a_mark_is_granted_once(world: World) -> None:
    number = world.planned()
    assert world.work.mark([number], "me", NOW) == set(), "nobody has claimed it"
    world.work.claim("me", NOW, 9)
    assert world.work.mark([number], "you", NOW) == set(), "it is not yours"
    assert world.work.mark([number, DeliveryId(999)], "me", NOW) == {number}
    assert world.work.mark([number], "me", NOW) == set(), "it was granted already"
    assert world.work.mark([], "me", NOW) == set()
    found = world.now(number)
    assert (found.state, found.attempt, found.first_marked_at) == (DeliveryState.SENDING, 1, NOW)


def test_the_first_mark_is_remembered(world: World) -> None:
    number = world.sending()
    again = Verdict(DeliveryState.DUE, NOW + MINUTE, "deferred")
    world.work.record([result(number, verdict=again, outcome=Outcome(OutcomeKind.TEMPORARY, 451))], "me")
    world.work.claim("me", NOW + MINUTE, 9)
    assert world.work.mark([number], "me", NOW + MINUTE) == {number}
    found = world.now(number)
    assert (found.attempt, found.first_marked_at) == (2, NOW)


LEFT, ENDED, SUPPRESSED, PENDING = "left", "ended", "suppressed", "pending"


@pytest.mark.parametrize(
    ("changes", "said", "reason"),
    [
        ({}, ENDED, "unsubscribed"),
        ({}, SUPPRESSED, "suppressed"),
        ({}, PENDING, "unsubscribed"),
        ({"kind": Kind.SEQUENCE}, ENDED, "unsubscribed"),
        ({"list": "other"}, "", "unsubscribed"),
        ({}, LEFT, None),  # leaving ends the subscriptions as well; alone it stops service mails only
        ({"list": None, "kind": Kind.REMINDER}, LEFT, "unsubscribed"),
        ({"list": None, "kind": Kind.REMINDER}, ENDED, None),
        ({"list": None, "kind": Kind.REMINDER}, SUPPRESSED, "suppressed"),
        ({"list": None, "kind": Kind.CONFIRMATION}, LEFT, None),
        ({"list": None, "kind": Kind.CONFIRMATION}, ENDED, None),
        ({"list": None, "kind": Kind.CONFIRMATION}, SUPPRESSED, "suppressed"),
    ],
)
def test_no_wins(world: World, changes: dict[str, object], said: str, reason: str | None) -> None:
    work, ann = world.work, world.people["ann"]
    number, bystander = world.planned(**changes), world.planned("bob")  # type: ignore[arg-type]
    work.claim("me", NOW, 9)
    if said in (ENDED, PENDING):
        work.end_subscription(ann, "letter", NOW)
    if said == PENDING:
        work.subscribe(ann, "letter", SubscriptionState.PENDING, NOW)
    if said == SUPPRESSED:
        work.suppress("ann", "complaint", NOW)
    if said == LEFT:
        work.mark_left(ann, NOW)
    granted = work.mark([number, bystander], "me", NOW)
    assert granted == ({bystander} if reason else {number, bystander})
    refused = work.settle_refused([number, bystander], "me", NOW)
    assert [(each.id, each.reason, each.state) for each in refused] == (
        [(number, reason, DeliveryState.SKIPPED)] if reason else []
    )
    assert world.now(number).finished_at == (NOW if reason else None)


def test_settling_leaves_alone_what_it_should(world: World) -> None:
    work, ann = world.work, world.people["ann"]
    enrollment = work.enroll("c", "s", ann, "first", NOW)
    assert enrollment is not None
    cancelled = world.planned(occasion="1", enrollment_id=enrollment.id)
    fine, theirs = world.planned("bob"), world.planned("eve")
    work.claim("me", NOW, 2)
    work.claim("you", NOW, 9)
    work.end_enrollment(enrollment.id, EnrollmentState.GOAL, "goal", NOW)
    work.suppress("eve", "complaint", NOW)
    assert work.settle_refused([cancelled, fine, theirs], "me", NOW) == []
    assert (world.state(cancelled), world.now(cancelled).reason) == (DeliveryState.CANCELLED, "goal")
    assert (world.state(fine), world.now(fine).owner) == (DeliveryState.DUE, None)
    assert (world.state(theirs), world.now(theirs).owner) == (DeliveryState.CLAIMED, "you")


def test_ending_an_enrollment_takes_back_what_is_not_yet_on_its_way(world: World) -> None:
    work, ann = world.work, world.people["ann"]
    enrollment, other = work.enroll("c", "s", ann, "first", NOW), work.enroll("c", "t", ann, "first", NOW)
    assert enrollment is not None
    assert other is not None
    sending = world.sending(occasion="1", enrollment_id=enrollment.id)
    claimed = world.planned(occasion="2", enrollment_id=enrollment.id)
    work.claim("me", NOW, 9)
    due = world.planned(occasion="3", enrollment_id=enrollment.id)
    kept = world.planned(occasion="4", enrollment_id=other.id)
    assert sorted(work.end_enrollment(enrollment.id, EnrollmentState.STOPPED, "left", NOW)) == [claimed, due]
    assert work.mark([claimed], "me", NOW) == set()
    assert [world.state(each) for each in (sending, claimed, due, kept)] == [
        DeliveryState.SENDING,
        DeliveryState.CANCELLED,
        DeliveryState.CANCELLED,
        DeliveryState.DUE,
    ]


# --- record ---------------------------------------------------------------------------------------------------------


def test_results_are_recorded_in_batches(world: World) -> None:
    names = ("ann", "bob", "eve")
    numbers = [world.planned(name) for name in names]
    world.work.claim("me", NOW, 9)
    world.work.mark(numbers, "me", NOW)
    refused = Outcome(OutcomeKind.PERMANENT, 550, "5.1.1", "no such \0 mailbox \udce4", Blame.ADDRESS)
    changed = world.work.record(
        [
            result(numbers[0]),
            result(numbers[1], verdict=Verdict(DeliveryState.FAILED, None, "no-mailbox"), outcome=refused),
            result(
                numbers[2],
                verdict=Verdict(DeliveryState.DUE, NOW + 5 * MINUTE, "deferred"),
                outcome=Outcome(OutcomeKind.TEMPORARY, 451, "4.7.1", "later"),
            ),
        ],
        "me",
    )
    assert changed == set(numbers)
    sent, failed, again = (world.now(each) for each in numbers)
    assert (sent.state, sent.reason, sent.finished_at, sent.owner) == (
        DeliveryState.SENT,
        "accepted",
        NOW + MINUTE,
        "me",
    )
    assert (failed.state, failed.reason, failed.finished_at) == (DeliveryState.FAILED, "no-mailbox", NOW + MINUTE)
    assert (again.state, again.due_at, again.owner, again.finished_at) == (
        DeliveryState.DUE,
        NOW + 5 * MINUTE,
        None,
        None,
    )
    assert world.work.next_delivery_due() == NOW + 5 * MINUTE

    tried = world.work.attempts(numbers[1])
    assert len(tried) == 1
    assert tried[0].outcome == replace(refused, text="no such \ufffd mailbox \ufffd")
    assert (tried[0].number, tried[0].relay, tried[0].started_at, tried[0].ended_at) == (1, "relay", NOW, NOW + MINUTE)
    assert world.work.record([], "me") == set()


def test_what_came_to_the_same_end_is_settled_by_one_statement(world: World, store: Store) -> None:
    """Also when its ends are moments apart, as they are in a long run."""
    numbers = [world.planned(name) for name in ("ann", "bob", "eve")]
    world.work.claim("me", NOW, 9)
    world.work.mark(numbers, "me", NOW)
    ends = [NOW + MINUTE + timedelta(milliseconds=each) for each in (3, 1, 2)]
    with heard(store) as asked:
        results = [replace(result(number), ended_at=at) for number, at in zip(numbers, ends, strict=True)]
        assert world.work.record(results, "me") == set(numbers)
    assert len(asked) == 2, "the deliveries, and their attempts"
    assert {world.now(each).finished_at for each in numbers} == {ends[0]}
    assert [world.work.attempts(each)[0].ended_at for each in numbers] == ends


def test_a_result_counts_for_its_own_attempt_only(world: World) -> None:
    number = world.sending()
    assert world.work.record([result(number, attempt=2)], "me") == set()
    assert world.work.record([result(number)], "you") == set()
    assert world.state(number) is DeliveryState.SENDING
    assert world.work.record([result(number)], "me") == {number}
    assert world.work.record([result(number)], "me") == set()
    failed = result(
        number, verdict=Verdict(DeliveryState.FAILED, None, "x"), outcome=Outcome(OutcomeKind.PERMANENT, 550)
    )
    assert world.work.record([failed], "me") == set()
    assert world.state(number) is DeliveryState.SENT
    assert world.work.record([result(DeliveryId(999))], "me") == set()


def test_a_late_250_makes_uncertain_sent(world: World) -> None:
    number = world.sending()
    assert world.work.recover("me", NOW)[1] == [world.now(number)]
    late = Outcome(OutcomeKind.TEMPORARY, 451)
    again = result(number, verdict=Verdict(DeliveryState.DUE, NOW, "deferred"), outcome=late)
    assert world.work.record([again], "me") == set(), "only a 250 is certain enough"
    assert world.state(number) is DeliveryState.UNCERTAIN
    assert world.work.record([result(number)], "me") == {number}
    assert (world.state(number), world.now(number).reason) == (DeliveryState.SENT, "accepted")


def test_a_late_250_does_not_undo_a_decision(world: World) -> None:
    number = world.sending()
    world.work.recover("me", NOW)
    assert world.work.resolve(number, DeliveryState.DUE, "resend", NOW)
    world.work.claim("you", NOW, 9)
    world.work.mark([number], "you", NOW)
    assert world.work.record([result(number)], "me") == set()
    assert (world.state(number), world.now(number).attempt) == (DeliveryState.SENDING, 2)
    assert [each.number for each in world.work.attempts(number)] == [1], "but it is known"


# --- recover, resolve, count ----------------------------------------------------------------------------------------


def test_a_dead_owners_rows_are_recovered_once(world: World) -> None:
    sending = world.sending(occasion="1")
    claimed, theirs = world.planned(occasion="2"), world.planned("bob")
    world.work.claim("me", NOW, 1)
    world.work.claim("you", NOW, 9)
    assert world.work.owners() == ["me", "you"]
    count, uncertain = world.work.recover("me", NOW + MINUTE)
    assert (count, [each.id for each in uncertain]) == (1, [sending])
    found = world.now(sending)
    assert (found.state, found.reason, found.finished_at) == (DeliveryState.UNCERTAIN, "owner-died", NOW + MINUTE)
    assert (world.state(claimed), world.state(theirs)) == (DeliveryState.DUE, DeliveryState.CLAIMED)
    assert world.work.recover("me", NOW) == (0, [])
    assert world.work.owners() == ["you"]


def test_what_is_uncertain_can_be_resolved(world: World) -> None:
    number = world.sending()
    assert not world.work.resolve(number, DeliveryState.SENT, "evidence", NOW)
    world.work.recover("me", NOW)
    assert [each.id for each in world.work.deliveries_in(DeliveryState.UNCERTAIN)] == [number]
    assert world.work.deliveries_in(DeliveryState.UNCERTAIN, after_id=number) == []
    assert world.work.resolve(number, DeliveryState.SENT, "evidence", NOW)
    assert not world.work.resolve(number, DeliveryState.DUE, "resend", NOW)
    assert world.now(number).reason == "evidence"


def test_planned_is_the_sum_of_all_states(world: World) -> None:
    assert set(world.work.delivery_counts()) == {"planned", *(each.value for each in DeliveryState)}
    assert set(world.work.delivery_counts().values()) == {0}
    assert world.work.next_delivery_due() is None
    world.sending()
    world.planned("bob", expires_at=NOW - MINUTE)
    world.planned("eve", campaign="d")
    world.work.claim("me", NOW, 9)
    counts = dict(world.work.delivery_counts())
    assert Counter(counts) == Counter({"planned": 3, "sending": 1, "skipped": 1, "claimed": 1})
    assert world.work.delivery_counts("d")["planned"] == 1
    assert world.work.delivery_counts("d")["claimed"] == 1
    assert counts.pop("planned") == sum(counts.values())
