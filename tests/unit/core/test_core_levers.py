"""What would change what comes, and why something did not happen to somebody: the reasons of `drip why`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from drip.core.absence import Standing, why_not_in, why_not_sent
from drip.core.decide import timeline
from drip.core.levers import WHEN_THEY, levers
from drip.core.model import Campaign, Sequence, Session, Step, TriggerKind, Verb
from drip.core.reasons import EXPLANATIONS, ReasonName
from drip.core.records import (
    Attendance,
    Enrollment,
    EnrollmentId,
    EnrollmentState,
    Facts,
    RegistrationId,
    Subscriber,
    SubscriberId,
    Subscription,
    SubscriptionId,
    SubscriptionState,
    Suppression,
)
from drip.core.rules import RULES, TEXTS, rule_of
from drip.core.segments import parse_condition
from drip.core.triggers import parse_trigger
from drip.core.when import parse_hours, parse_when

CAMPAIGN = Campaign("six", "Six", "UTC")
NOW = datetime(2026, 11, 6, 20, 0, tzinfo=UTC)  # a Friday evening
DAY = timedelta(days=1)
WHO = SubscriberId(1)


def facts(**more: object) -> Facts:
    inside = Enrollment(EnrollmentId(1), "six", "s", WHO, "first", EnrollmentState.RUNNING, NOW)
    person = Subscriber(WHO, "ana@example.com", "m1", NOW)
    return Facts(person, inside, "UTC", lists=frozenset({"news"}), **more)  # type: ignore[arg-type]


def told(plot: Sequence, known: Facts, now: datetime = NOW) -> dict[str, str]:
    ahead = timeline(plot, known, now, campaign=CAMPAIGN)
    return {each.name: each.text for each in levers(CAMPAIGN, plot, known, ahead, now)}


def sequence(*lines: tuple[str, str, str], start: str = "joins news", **more: object) -> Sequence:
    steps = tuple(
        Step("s", Verb.SEND, post, parse_when(when), parse_condition(condition) if condition else None)
        for post, when, condition in lines
    )
    return Sequence("s", parse_trigger(start, role="start"), steps, **more)  # type: ignore[arg-type]


def test_goal_and_stop_are_told_as_what_somebody_does() -> None:
    plot = sequence(
        ("a", "1 day later", ""),
        goal=parse_trigger("registers", role="goal"),
        stop=parse_trigger("leaves news", role="stop"),
    )
    assert told(plot, facts()) == {
        "goal": "registering for a session would complete this sequence (goal)",
        "stop": "leaving news would stop this sequence (stop)",
    }


def test_a_stop_by_the_calendar_has_its_moment() -> None:
    plot = sequence(("a", "9 days later", ""), stop=parse_trigger("last session starts", role="stop"))
    text = told(plot, facts(last_session_starts=NOW + 3 * DAY))["stop"]
    assert text == "the start of the last session stops this sequence (stop), Mon 9 Nov 20:00 UTC"


def test_what_is_paused_says_how_it_goes_on() -> None:
    assert told(sequence(("a", "at once", "")), facts(paused_at=NOW))["resume"] == "`drip resume six/s` lets it go on"


def test_closed_hours_and_false_conditions_say_what_would_open_them() -> None:
    hours = parse_hours("weekdays 8:00-18:00")
    plot = sequence(("a", "1 minute later", ""), ("b", "1 day later", "tag vip"), hours=hours)
    late = NOW + timedelta(hours=2)
    found = told(replace(plot, hours=None), facts())
    assert found["if"] == "s/b would be done if this held: tag vip"
    waiting = replace(facts(), enrollment=replace(facts().enrollment, started_at=NOW - 3 * timedelta(hours=1)))
    assert told(plot, waiting, late)["hours"].startswith("the hours (weekdays 8:00-18:00) open Mon 9 Nov 08:00 UTC")


def test_an_unknown_attendance_tells_both_branches() -> None:
    session = Session("noon", NOW - 2 * DAY, NOW - 2 * DAY + timedelta(hours=1), "", "UTC")
    plot = sequence(("came", "1 hour later", "attended"), ("missed", "1 hour later", "missed"), start="session ends")
    known = facts(session=session, attendance=Attendance.UNKNOWN)
    inside = replace(known.enrollment, started_at=NOW - timedelta(hours=2), registration_id=RegistrationId(7))
    found = told(plot, replace(known, enrollment=inside))
    assert found["attended"] == "`drip attendance import` or `mark`: if they attended, then s/came"
    assert found["missed"] == "`drip attendance import` or `mark`: if they missed, then s/missed"


def test_every_trigger_can_be_said() -> None:
    assert set(WHEN_THEY) == set(TriggerKind)


# --- why not -------------------------------------------------------------------------------------------------


def standing(state: SubscriptionState | None, since: datetime = NOW, **more: object) -> Standing:
    mine: tuple[Subscription, ...] = ()
    if state is not None:
        confirmed = since if state is not SubscriptionState.PENDING else None
        ended = since + DAY if state is SubscriptionState.ENDED else None
        mine = (Subscription(SubscriptionId(1), WHO, "news", state, since, confirmed, ended),)
    return Standing(facts(), mine, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "name"),
    [
        (standing(None), ReasonName.NOT_ON_LIST),
        (standing(SubscriptionState.PENDING), ReasonName.NOT_CONFIRMED),
        (standing(SubscriptionState.ENDED), ReasonName.UNSUBSCRIBED),
        (standing(SubscriptionState.ACTIVE), ReasonName.BEFORE_SEQUENCE),
        (
            standing(SubscriptionState.ACTIVE, suppression=Suppression("m1", "complaint", NOW)),
            ReasonName.SUPPRESSED,
        ),
    ],
)
def test_why_a_sequence_never_began(known: Standing, name: ReasonName) -> None:
    reason = why_not_in(sequence(("a", "at once", "")), known, NOW + DAY)
    assert reason.name is name
    assert reason.text


def test_why_a_sequence_with_another_start_never_began() -> None:
    reason = why_not_in(sequence(("a", "at once", ""), start="registers"), standing(SubscriptionState.ACTIVE), NOW)
    assert (reason.name, reason.text) == (
        ReasonName.NOT_STARTED,
        "it begins when: registers; that has not happened for them",
    )
    tagged = replace(facts(), subscriber=replace(facts().subscriber, tags=frozenset({"vip"})))
    known = Standing(tagged, ())
    plot = sequence(("a", "at once", ""), start="gets tag vip")
    assert why_not_in(plot, known, NOW).name is ReasonName.BEFORE_SEQUENCE
    left = replace(known, facts=replace(tagged, subscriber=replace(tagged.subscriber, left_at=NOW)))
    assert why_not_in(plot, left, NOW).name is ReasonName.LEFT


@pytest.mark.parametrize(
    ("known", "where", "frozen_at", "name"),
    [
        (standing(SubscriptionState.ACTIVE), "", NOW - DAY, ReasonName.JOINED_AFTER),
        (standing(SubscriptionState.ACTIVE), "tag vip", NOW + DAY, ReasonName.NOT_IN_SEGMENT),
        (standing(SubscriptionState.ACTIVE), "tag vip", None, ReasonName.NOT_IN_SEGMENT),
        (standing(SubscriptionState.PENDING), "", None, ReasonName.NOT_CONFIRMED),
        (standing(None), "", NOW, ReasonName.NOT_ON_LIST),
        (standing(SubscriptionState.ACTIVE), "", None, None),
    ],
)
def test_why_a_broadcast_did_not_come(
    known: Standing, where: str, frozen_at: datetime | None, name: ReasonName | None
) -> None:
    condition = parse_condition(where) if where else None
    reason = why_not_sent("news", condition, known, frozen_at=frozen_at, now=NOW)
    assert (reason.name if reason is not None else None) is name


def test_a_suppression_after_the_broadcast_is_not_its_reason() -> None:
    suppression = Suppression("m1", "complaint", NOW + 2 * DAY)
    known = standing(SubscriptionState.ACTIVE, NOW + DAY, suppression=suppression)
    reason = why_not_sent("news", None, known, frozen_at=NOW, now=NOW + 3 * DAY)
    assert reason is not None
    assert reason.name is ReasonName.JOINED_AFTER


def test_reasons_and_rules_fit_together() -> None:
    assert set(RULES) <= set(EXPLANATIONS)
    assert set(RULES.values()) <= set(TEXTS) == set(range(1, 16))
    assert rule_of("paused") == 13
    assert rule_of("accepted") is None
    assert rule_of("an unknown word") is None
