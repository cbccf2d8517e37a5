"""Rule 6: how late is too late, and what happens then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.core.decide import Do, Skip, decide
from drip.core.limits import late_text, parse_late
from drip.core.model import Campaign, LatePolicy, Sequence, Step, Trigger, TriggerKind, Verb
from drip.core.problems import PhraseError
from drip.core.reasons import ReasonName
from drip.core.records import Enrollment, EnrollmentId, EnrollmentState, Facts, Subscriber, SubscriberId
from drip.core.triggers import parse_trigger
from drip.core.when import parse_when

START = datetime(2026, 11, 23, 14, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("phrase", "after", "then"),
    [
        ("3 days", 3 * DAY, LatePolicy.SKIP),
        ("3 days, then skip", 3 * DAY, LatePolicy.SKIP),
        ("90 minutes,  Then  SEND", timedelta(minutes=90), LatePolicy.SEND),
        ("2 weeks then ask", 14 * DAY, LatePolicy.ASK),
    ],
)
def test_late_is_read(phrase: str, after: timedelta, then: LatePolicy) -> None:
    assert parse_late(phrase) == (after, then)
    assert parse_late(late_text(after, then)) == (after, then)


@pytest.mark.parametrize(
    ("phrase", "column", "width", "said", "help_"),
    [
        ("3 days, then aks", 8, 8, "this does not say what happens then", "write `3 days, then ask`"),
        ("3 days, sent", 8, 4, "this does not say what happens then", "write `3 days, then send`"),
        ("3 days,", 7, 1, "this does not say what happens then", "write `3 days`"),
        ("3 dais, then ask", 2, 4, None, "write `3 days`"),
    ],
)
def test_late_complains_with_its_place(phrase: str, column: int, width: int, said: str | None, help_: str) -> None:
    with pytest.raises(PhraseError) as raised:
        parse_late(phrase)
    assert (raised.value.column, raised.value.width) == (column, width)
    assert said is None or raised.value.message == said
    assert raised.value.help.startswith(help_)


@given(st.text(alphabet="0123456789 dayshourtenk,mip\n", max_size=40))
@settings(max_examples=200)
def test_no_phrase_crashes(phrase: str) -> None:
    error = None
    try:
        after, then = parse_late(phrase)
    except PhraseError as raised:
        error = raised
    assert (0 <= error.column <= len(phrase) and error.help) if error else parse_late(late_text(after, then))


def decided(step: Step, now: datetime, *, stop: Trigger | None = None, stops: datetime | None = None) -> Do | Skip:
    sequence = Sequence("tips", Trigger("gets tag t", TriggerKind.GETS_TAG, "t"), (step,), stop=stop)
    who = Subscriber(SubscriberId(1), "a@example.org", "m", START)
    enrollment = Enrollment(EnrollmentId(1), "c", "tips", who.id, "first", EnrollmentState.RUNNING, START)
    facts = Facts(who, enrollment, "UTC", lists=frozenset({"l"}), last_session_starts=stops)
    decision = decide(sequence, facts, now, campaign=Campaign("c", "C", "UTC"))
    assert isinstance(decision, Do | Skip)
    return decision


POST = Step("tips", Verb.SEND, "post", parse_when("1 day later"), late=2 * DAY)


@pytest.mark.parametrize(
    ("then", "name"),
    [(LatePolicy.SKIP, "too-late"), (LatePolicy.SEND, "late-send"), (LatePolicy.ASK, "late-ask")],
)
def test_rule_6_after_its_time_a_post_is_skipped_sent_or_asked_about(then: LatePolicy, name: str) -> None:
    step = replace(POST, late_then=then)
    assert decided(step, START + 3 * DAY).reason.name is ReasonName.DUE
    late = decided(step, START + 3 * DAY + timedelta(seconds=1))
    assert late.reason.name == name
    assert isinstance(late, Skip) == (then is LatePolicy.SKIP)


def test_rule_6_a_tag_is_given_however_late() -> None:
    tag = Step("tips", Verb.TAG, "t2", parse_when("1 day later"), late=2 * DAY, late_then=LatePolicy.ASK)
    decision = decided(tag, START + 90 * DAY)
    assert isinstance(decision, Do)
    assert (decision.reason.name, decision.expires) == (ReasonName.LATE_SEND, None)


@given(st.sampled_from(LatePolicy), st.integers(0, 200), st.integers(30, 200))
@settings(max_examples=200)
def test_rule_6_nothing_goes_after_the_sequence_has_stopped(then: LatePolicy, hours: int, stops: int) -> None:
    step = replace(POST, late_then=then)
    stop, end = parse_trigger("last session starts", role="stop"), START + timedelta(hours=stops)
    now = START + timedelta(hours=24 + hours)
    if now >= end:
        return
    decision = decided(step, now, stop=stop, stops=end)
    if isinstance(decision, Do):
        assert decision.expires is None or decision.expires < end
        assert then is not LatePolicy.SEND or decision.expires == end - timedelta(seconds=1)
        assert now <= START + 3 * DAY or decision.reason.name in (ReasonName.LATE_SEND, ReasonName.LATE_ASK)
    else:
        assert then is LatePolicy.SKIP
        assert decision.reason.name is ReasonName.TOO_LATE
