"""Subscribers, subscriptions, consents, suppressions, revisions, the journal: what is put in comes out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import IntegrityError

from drip.core.records import (
    Consent,
    ConsentKind,
    Evidence,
    Kind,
    LogEntry,
    NewDelivery,
    Subscriber,
    SubscriberId,
    SubscriptionState,
)
from drip.store.store import Store
from drip.store.work import Work

NOW = datetime(2026, 12, 1, 9, 30, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
PENDING, ACTIVE, ENDED = SubscriptionState.PENDING, SubscriptionState.ACTIVE, SubscriptionState.ENDED


@pytest.fixture
def work(store: Store) -> Iterator[Work]:
    with store.write() as work:
        yield work


@pytest.fixture
def ann(work: Work) -> Subscriber:
    return work.add_subscriber("ann@example.com", "ann", NOW)[0]


def test_a_subscriber_comes_back_as_it_was_added(store: Store) -> None:
    fields = {"first_name": "Änn \ud83c 😀 \0", "city": ""}
    with store.write() as work:
        added, created = work.add_subscriber("Ann@Example.com", "ann", NOW, "Europe/Paris", fields)
    assert created
    with store.read() as work:
        assert work.subscriber(added.id) == added == work.subscriber_by_mailbox("ann")
        assert work.subscriber_by_mailbox("bob") is None
        assert work.subscriber(SubscriberId(99)) is None
    assert added.created_at == NOW
    assert added.created_at.tzinfo is UTC
    # PostgreSQL reads no JSON with NUL or half a surrogate pair in it, so the store keeps neither, on any engine.
    assert added.fields == {"first_name": "Änn \ufffd 😀 \ufffd", "city": ""}
    with pytest.raises(TypeError):
        added.fields["first_name"] = "x"  # type: ignore[index]


def test_the_same_mailbox_is_the_same_subscriber(work: Work) -> None:
    first, _ = work.add_subscriber("ann@example.com", "ann", NOW)
    again, created = work.add_subscriber("ANN@example.com", "ann", LATER, "UTC", {"first_name": "x"})
    assert not created
    assert again == first


def test_moments_keep_their_instant_and_need_a_zone(work: Work) -> None:
    far = datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=-5)))
    assert work.add_subscriber("a@example.com", "a", far)[0].created_at == far
    with pytest.raises(ValueError, match="needs a zone"):
        work.add_subscriber("b@example.com", "b", datetime(2026, 1, 1))


def test_ids_are_never_given_again(store: Store) -> None:
    with store.write() as work:
        first = work.add_subscriber("a@example.com", "a", NOW)[0]
        work._connection.exec_driver_sql("DELETE FROM subscriber")
        assert work.add_subscriber("b@example.com", "b", NOW)[0].id > first.id


def test_what_is_known_of_a_person_can_change(work: Work, ann: Subscriber) -> None:
    work.set_fields(ann.id, {"first_name": "Ann"})
    work.set_zone(ann.id, "Asia/Tokyo")
    assert work.set_tag(ann.id, "graduate", NOW)
    assert not work.set_tag(ann.id, "graduate", LATER)
    assert work.set_tag(ann.id, "vip", NOW)
    assert work.remove_tag(ann.id, "vip")
    assert not work.remove_tag(ann.id, "vip")
    work.mark_left(ann.id, NOW)
    work.mark_left(ann.id, LATER)
    work.hold_subscriber(ann.id)
    found = work.subscriber(ann.id)
    assert found is not None
    assert (found.fields, found.zone, found.tags, found.left_at) == (
        {"first_name": "Ann"},
        "Asia/Tokyo",
        {"graduate"},
        NOW,
    )
    work.mark_back(ann.id)
    assert work.subscriber(ann.id).left_at is None  # type: ignore[union-attr]


def test_subscribers_are_listed_by_list_state_and_page(work: Work) -> None:
    people = [work.add_subscriber(f"{name}@example.com", name, NOW)[0] for name in "abcde"]
    for each, state in zip(people, (ACTIVE, PENDING, ACTIVE, ACTIVE), strict=False):
        work.subscribe(each.id, "letter", state, NOW)
    work.subscribe(people[4].id, "other", ACTIVE, NOW)
    work.set_tag(people[2].id, "t", NOW)

    def names(**asked: object) -> str:
        return "".join(each.mailbox for each in work.subscribers(**asked))  # type: ignore[arg-type]

    assert names() == "abcde"
    assert names(list="letter") == "abcd"
    assert names(list="letter", state=ACTIVE) == "acd"
    assert names(state=PENDING) == "b"
    assert names(list="none") == ""
    assert names(limit=2) == "ab"
    assert names(limit=2, after_id=people[1].id) == "cd"
    assert work.subscribers()[2].tags == {"t"}


# --- subscriptions ------------------------------------------------------------------------------------------------


def test_a_subscription_goes_from_pending_to_active_to_ended_and_back(work: Work, ann: Subscriber) -> None:
    asked = work.subscribe(ann.id, "letter", PENDING, NOW)
    assert (asked.state, asked.confirmed_at) == (PENDING, None)
    assert work.confirm_subscription(asked.id, LATER)
    assert not work.confirm_subscription(asked.id, LATER)
    found = work.subscription(asked.id)
    assert found is not None
    assert (found.state, found.requested_at, found.confirmed_at) == (ACTIVE, NOW, LATER)

    assert work.end_subscription(ann.id, "letter", LATER) == ["letter"]
    assert work.end_subscription(ann.id, "letter", LATER) == []
    assert not work.confirm_subscription(asked.id, LATER), "an old link cannot undo a no"

    again = work.subscribe(ann.id, "letter", PENDING, LATER)
    assert (again.id, again.state, again.requested_at, again.ended_at) == (asked.id, PENDING, LATER, None)
    assert work.subscriptions(ann.id) == [again]


def test_asking_again_does_not_weaken_a_subscription(work: Work, ann: Subscriber) -> None:
    active = work.subscribe(ann.id, "letter", ACTIVE, NOW)
    assert active.confirmed_at == NOW
    assert work.subscribe(ann.id, "letter", PENDING, LATER) == active
    assert work.subscribe(ann.id, "letter", ACTIVE, LATER) == active
    waiting = work.subscribe(ann.id, "other", PENDING, NOW)
    assert work.subscribe(ann.id, "other", PENDING, LATER).requested_at == LATER
    attested = work.subscribe(ann.id, "other", ACTIVE, LATER)
    assert (attested.id, attested.state, attested.confirmed_at) == (waiting.id, ACTIVE, LATER)


def test_everything_ends_at_once(work: Work, ann: Subscriber) -> None:
    bob = work.add_subscriber("bob@example.com", "bob", NOW)[0]
    for name, state in (("b", ACTIVE), ("a", PENDING), ("c", ACTIVE)):
        work.subscribe(ann.id, name, state, NOW)
        work.subscribe(bob.id, name, state, NOW)
    work.end_subscription(ann.id, "c", NOW)
    assert work.end_subscription(ann.id, None, LATER) == ["a", "b"]
    assert {each.state for each in work.subscriptions(ann.id)} == {ENDED}
    assert {each.state for each in work.subscriptions(bob.id)} == {ACTIVE, PENDING}


def test_the_consent_log_keeps_everything(work: Work, ann: Subscriber) -> None:
    given = [
        Consent(
            ann.id,
            "letter",
            ConsentKind.ASKED,
            NOW,
            Evidence("https://x/join", "One letter.", "192.0.2.1", "Moz\0illa"),
        ),
        Consent(ann.id, "letter", ConsentKind.CONFIRMED, LATER, Evidence("confirm")),
    ]
    for each in given:
        work.record_consent(each)
    found = work.consents(ann.id)
    assert found[1] == given[1]
    assert found[0].evidence == Evidence("https://x/join", "One letter.", "192.0.2.1", "Moz\ufffdilla")


def test_recent_asks_count_sign_ups_and_confirmation_mails(work: Work, ann: Subscriber) -> None:
    revision = work.add_revision("", "d", {}, NOW)
    assert work.count_recent_asks("ann", NOW) == (0, 0)
    for at, kind in ((NOW, ConsentKind.ASKED), (LATER, ConsentKind.ASKED), (LATER, ConsentKind.CONFIRMED)):
        work.record_consent(Consent(ann.id, "letter", kind, at, Evidence("form")))
    assert work.count_recent_asks("ann", NOW) == (2, 0)
    assert work.count_recent_asks("ann", LATER) == (1, 0)
    assert work.count_recent_asks("bob", NOW) == (0, 0)
    for number in range(3):
        work.plan_delivery(
            NewDelivery(f"ask-{number}", "ann", ann.id, "", "confirm", Kind.CONFIRMATION, NOW, revision.id), LATER
        )
    assert work.count_recent_asks("ann", LATER) == (1, 3)


def test_suppressions(work: Work) -> None:
    assert work.suppression("ann") is None
    assert work.suppress("ann", "complaint", NOW, "said so\0")
    assert not work.suppress("ann", "bounce", LATER)
    found = work.suppression("ann")
    assert found is not None
    assert (found.mailbox, found.reason, found.at, found.note) == ("ann", "complaint", NOW, "said so\ufffd")
    work.suppress("bob", "author", NOW)
    assert [each.mailbox for each in work.suppressions()] == ["ann", "bob"]
    assert [each.mailbox for each in work.suppressions(after="ann")] == ["bob"]
    assert work.lift_suppression("ann")
    assert not work.lift_suppression("ann")


def test_nothing_belongs_to_nobody(work: Work) -> None:
    with pytest.raises(IntegrityError):
        work.subscribe(SubscriberId(99), "letter", ACTIVE, NOW)


# --- revisions and the journal --------------------------------------------------------------------------------------


def test_a_revision_is_new_only_where_the_files_are(work: Work) -> None:
    assert work.live_revision("deadly") is None
    first = work.add_revision("deadly", "one", {"campaign.yaml": "title: ü"}, NOW)
    assert work.add_revision("deadly", "one", {"campaign.yaml": "title: ü"}, LATER) == first
    second = work.add_revision("deadly", "two", {}, LATER)
    back = work.add_revision("deadly", "one", first.files, LATER)
    assert [each.number for each in (first, second, back)] == [1, 2, 3]
    assert work.live_revision("deadly") == back
    assert work.revision(first.id) == first
    assert first.files == {"campaign.yaml": "title: ü"}
    other = work.add_revision("another", "x", {}, NOW)
    work.add_revision("", "project", {}, NOW)
    assert work.live_campaigns() == [other, back]


def test_the_secret_is_remembered(work: Work) -> None:
    assert work.secret_matches("one")
    assert work.secret_matches("one")
    assert not work.secret_matches("two")


def test_the_log_gives_the_latest_facts_in_order(work: Work, ann: Subscriber) -> None:
    entries = [
        LogEntry(NOW + timedelta(minutes=n), "said", ann.id if n % 2 else None, "c", f"s{n}", "r", "d")
        for n in range(5)
    ]
    work.log(entries)
    work.log([])

    def subjects(**asked: object) -> list[str]:
        return [each.subject for each in work.entries(**asked)]  # type: ignore[arg-type]

    assert subjects() == ["s0", "s1", "s2", "s3", "s4"]
    assert subjects(limit=2) == ["s3", "s4"]
    assert subjects(since=NOW + timedelta(minutes=3)) == ["s3", "s4"]
    assert subjects(subscriber_id=ann.id) == ["s1", "s3"]
    found = work.entries(limit=1)[0]
    assert (found.at, found.kind, found.campaign, found.reason, found.detail) == (entries[4].at, "said", "c", "r", "d")


def test_runs(work: Work) -> None:
    assert work.last_run() is None
    number = work.start_run("me", NOW)
    run = work.last_run()
    assert run is not None
    assert (run.id, run.owner, run.started_at, run.finished_at, run.sent) == (number, "me", NOW, None, 0)
    work.finish_run(number, LATER, 7, "done")
    run = work.last_run()
    assert run is not None
    assert (run.finished_at, run.sent, run.note) == (LATER, 7, "done")
