"""A condition means the same to the database as to the core: the SQL of both engines held against `judge`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import exists, not_, select

from drip.core.clicks import Click
from drip.core.model import (
    And,
    Attended,
    Clicked,
    FieldIs,
    HasTag,
    JoinedWithin,
    Missed,
    Not,
    OnList,
    Or,
    Registered,
    Session,
    Term,
)
from drip.core.records import Kind, NewDelivery, SubscriberId, SubscriptionState
from drip.core.segments import judge, parse_condition
from drip.store.conditions import field_value
from drip.store.schema import click, subscriber
from drip.store.store import Store
from drip.store.work import Work

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
TAGS, LISTS, FIELDS = ("vip", "graduate"), ("letter", "other"), ("city", "first_name")
# Spellings that are one value, or two, to the core, and that databases fold each in a way of its own.
VALUES = ("Straße", "STRASSE", "Zoë", "zoe\u0308", "İstanbul", "istanbul", " Berlin ", "berlin", "", "o'Hara", '"x" \\')
POSTS = ("june", "july")
CROWD = 24

leaf = st.one_of(
    st.sampled_from(TAGS).map(HasTag),
    st.sampled_from(LISTS).map(OnList),
    st.builds(FieldIs, st.sampled_from((*FIELDS, 'no"such')), st.sampled_from(VALUES)),
    st.sampled_from((1, 2, 3, 30)).map(JoinedWithin),
    st.sampled_from((Registered(), Attended(), Missed(), *map(Clicked, POSTS))),
)
terms: st.SearchStrategy[Term] = st.recursive(
    leaf,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(tuple).map(And),
        st.lists(inner, min_size=2, max_size=3).map(tuple).map(Or),
    ),
    max_leaves=6,
)


def follow_link(work: Work, who: SubscriberId, post: str, how: int) -> None:
    """A click that is theirs, one that still waits, one that was a machine's, one in another campaign, or none."""
    if how == 4:
        return
    campaign = "other" if how == 3 else "c"
    revision = work.add_revision(campaign, "d", {}, NOW).id
    planned = NewDelivery(f"{campaign}/{post}", f"p{who}", who, campaign, post, Kind.BROADCAST, NOW, revision)
    work.plan_delivery(planned, NOW)
    mail = next(each.id for each in work.deliveries(who) if (each.campaign, each.post) == (campaign, post))
    one = Click(mail, "https://example.com/", who, campaign, post, NOW, machines=how)
    theirs = {"seen_at": NOW, "clicked_at": NOW} if how in (0, 3) else {}
    waiting = {"seen_at": NOW, "settles_at": NOW + DAY} if how == 1 else {}
    work.keep_click(replace(one, **theirs, **waiting))


def crowd(work: Work) -> list[SubscriberId]:
    """People of every kind, the same each time: what they have follows from their number."""
    session = Session("noon", NOW + DAY, NOW + DAY + timedelta(hours=1), "2026-12-02 09:30", "UTC")
    work.put_sessions("c", [session], NOW)
    people = []
    for n in range(CROWD):
        fields = {FIELDS[n % 2]: VALUES[n % len(VALUES)]} if n % 5 else {}
        who = work.add_subscriber(f"p{n}@example.com", f"p{n}", NOW - 40 * DAY, None, fields)[0].id
        people.append(who)
        for number, name in enumerate(TAGS):
            if n >> number & 1:
                work.set_tag(who, name, NOW)
        for number, name in enumerate(LISTS):
            state = (SubscriptionState.ACTIVE, SubscriptionState.PENDING, SubscriptionState.ACTIVE)[(n + number) % 3]
            work.subscribe(who, name, state, NOW - timedelta(days=n % 4, hours=12 * (n % 2)))
        if n % 3 == 0:
            seat = work.add_registration(who, "c", "noon", None, NOW)
            if n % 2 == 0:
                work.book(seat.id, NOW, None)
        for number, post in enumerate(POSTS):
            follow_link(work, who, post, (n + number) % 5)
    return people


@pytest.fixture
def work(store: Store) -> Iterator[Work]:
    with store.write() as work:
        yield work


def asked(work: Work, term: Term) -> set[int]:
    return set(work._run(select(subscriber.c.id).where(work.condition_of(term, "c", NOW))).scalars())


def test_the_database_and_the_core_judge_alike(work: Work) -> None:
    people = crowd(work)
    facts = work.facts_of(people, "c", "UTC")
    assert any(each.booked for each in facts)
    assert not all(each.booked for each in facts)
    assert {frozenset(), frozenset({"june"}), frozenset({"july"})} <= {each.clicked for each in facts}

    @given(terms)
    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(term: Term) -> None:
        expected = {each.subscriber.id for each in facts if judge(term, each, NOW) is True}
        assert asked(work, term) == expected

    holds()


@pytest.mark.parametrize(
    "phrase",
    [
        "field city is straße",
        "not field city is straße",
        "not (tag vip or on letter)",
        "joined within 1 days and not registered",
        "not attended",
        "clicked june and not clicked july",
        'field first_name is "" or field city is BERLIN',
    ],
)
def test_conditions_as_authors_write_them(work: Work, phrase: str) -> None:
    term = parse_condition(phrase).term
    facts = work.facts_of(crowd(work), "c", "UTC")
    assert asked(work, term) == {each.subscriber.id for each in facts if judge(term, each, NOW) is True}


def test_a_mutant_that_takes_absent_for_unknown_is_found(work: Work) -> None:
    """`NOT (NULL IN (…))` is neither true nor false; the people without the field would silently get nothing."""
    people = crowd(work)
    without = [each.subscriber.id for each in work.facts_of(people, "c", "UTC") if "city" not in each.subscriber.fields]
    assert set(without) <= asked(work, Not(FieldIs("city", "Berlin")))
    careless = not_(field_value("city", work._postgres).in_(["berlin"]))
    assert set(without).isdisjoint(work._run(select(subscriber.c.id).where(careless)).scalars())


def test_a_mutant_that_counts_what_waits_or_was_a_machine_is_found(work: Work) -> None:
    people = crowd(work)
    theirs = {each.subscriber.id for each in work.facts_of(people, "c", "UTC") if "june" in each.clicked}
    careless = exists().where(click.c.subscriber_id == subscriber.c.id, click.c.campaign == "c", click.c.post == "june")
    assert asked(work, Clicked("june")) == theirs
    assert theirs < set(work._run(select(subscriber.c.id).where(careless)).scalars())
