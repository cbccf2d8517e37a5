"""Rule 13: a pause freezes, and a resume says what becomes of the time. Examples, laws, and planted faults."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.core import decide as deciding
from drip.core.decide import SPACING, UNTIL_RESUMED, Do, End, Skip, Wait, apply_decision, decide, timeline
from drip.core.model import Campaign, Hours, Sequence, Session, Step, Trigger, TriggerKind, Verb
from drip.core.pauses import counted, skipped_in, with_breaks
from drip.core.reasons import ReasonName
from drip.core.records import (
    Break,
    Enrollment,
    EnrollmentId,
    EnrollmentState,
    Facts,
    Pause,
    ResumeMode,
    Subscriber,
    SubscriberId,
)
from drip.core.when import local_wall, parse_hours, parse_when
from tests.unit.core.test_core_mutants import is_found

CAMPAIGN = Campaign("six", "Six", "America/New_York")
START = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)  # Monday 10:00 in New York, after the change of clocks
ZONE = "America/New_York"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LAWS = settings(max_examples=50, deadline=None)
SHIFT, KEEP, SKIP = ResumeMode.SHIFT, ResumeMode.KEEP, ResumeMode.SKIP_OVERDUE


def sequence(*whens: str, hours: Hours | None = None, verb: Verb = Verb.SEND) -> Sequence:
    steps = (Step("s", verb, f"p{number}", parse_when(each)) for number, each in enumerate(whens))
    return Sequence("s", Trigger("joins news", TriggerKind.JOINS, "news"), tuple(steps), hours=hours)


def reader(**more: Any) -> Facts:
    who = Subscriber(SubscriberId(1), "ana@example.com", "m1", START)
    inside = Enrollment(EnrollmentId(1), "six", "s", who.id, "first", EnrollmentState.RUNNING, START)
    return Facts(who, inside, ZONE, lists=frozenset({"news"}), **more)


def stretch(begin: datetime, end: datetime, mode: ResumeMode = SHIFT) -> Pause:
    return Pause(1, "six", "s", begin, resumed_at=end, mode=mode)


def live(plot: Sequence, facts: Facts, pauses: Iterable[Pause] = ()) -> list[tuple[datetime, Do | Skip]]:
    """What is done and when, if cron calls at every moment that matters, and the pauses come as they come."""
    bounds = [(moment, each) for each in pauses for moment in (each.paused_at, each.resumed_at) if moment]
    bounds.sort(key=lambda each: each[0])
    now, did = START, []
    for _ in range(500):
        while bounds and bounds[0][0] <= now:
            moment, each = bounds.pop(0)
            begins = moment == each.paused_at
            over = facts.pauses if begins else (*facts.pauses, each)
            facts = replace(facts, paused_at=moment if begins else None, pauses=over)
        decision = decide(plot, facts, now, campaign=CAMPAIGN)
        if isinstance(decision, End):
            return did
        if isinstance(decision, Do | Skip):
            did.append((now, decision))
        facts = apply_decision(facts, decision, now)
        if isinstance(decision, Wait):
            now = min(decision.until, bounds[0][0]) if bounds else decision.until
    raise AssertionError("it does not come to rest")


def sends(plot: Sequence, pauses: Iterable[Pause] = ()) -> list[datetime]:
    return [now for now, each in live(plot, reader(), pauses) if isinstance(each, Do)]


# --- examples ------------------------------------------------------------------------------------------------


def test_rule_13_nothing_is_done_while_it_is_paused_and_the_reason_says_so() -> None:
    facts = reader(paused_at=START + DAY)
    decision = decide(sequence("at once"), facts, START + 30 * DAY, campaign=CAMPAIGN)
    assert isinstance(decision, Wait)
    assert (decision.until, decision.reason.name) == (UNTIL_RESUMED, ReasonName.PAUSED)
    assert decision.reason.text == "since Tue 3 Nov 10:00 in New York"
    assert timeline(sequence("at once"), facts, START + DAY, campaign=CAMPAIGN) == [(START + DAY, decision)]


def test_rule_13_a_no_and_a_goal_still_count_while_it_is_paused() -> None:
    gone = reader(paused_at=START, suppressed="complaint")
    assert isinstance(decide(sequence("at once"), gone, START, campaign=CAMPAIGN), End)
    plot = replace(sequence("at once"), goal=Trigger("registers", TriggerKind.REGISTERS))
    reached = decide(plot, reader(paused_at=START, booked=True), START, campaign=CAMPAIGN)
    assert isinstance(reached, End)
    assert reached.state is EnrollmentState.GOAL


def test_rule_13_shift_counts_only_active_time() -> None:
    plot = sequence("at once", "48 hours later")
    # A day of the two had passed; five days later the other one is still to come.
    assert sends(plot, [stretch(START + DAY, START + 6 * DAY)]) == [START, START + 7 * DAY]


def test_rule_13_shift_keeps_the_clock_on_the_wall() -> None:
    plot = sequence("at once", "2 days later at 9:30")
    at = sends(plot, [stretch(START + DAY, START + DAY + timedelta(days=3, hours=5))])[1]
    # Anchored on Monday 10:00, five hours and three days later: Thursday 15:00, and two days on at 9:30.
    assert local_wall(at, ZONE) == datetime(2026, 11, 7, 9, 30)


def test_rule_13_a_clock_that_has_just_passed_at_the_resume_comes_the_next_day() -> None:
    plot = sequence("at once", "1 day later at 9:30")
    paused, resumed = START + timedelta(minutes=572), datetime(2026, 11, 3, 14, 31, tzinfo=UTC)
    # The day that counts is over at Monday 23:59, and 9:30 on Tuesday was a minute before the resume.
    assert sends(plot, [stretch(paused, resumed)])[1] == datetime(2026, 11, 4, 14, 30, tzinfo=UTC)


def test_rule_13_who_came_in_meanwhile_begins_with_the_resume() -> None:
    assert sends(sequence("at once", "1 day later"), [stretch(START, START + 9 * DAY)]) == [
        START + 9 * DAY,
        START + 10 * DAY,
    ]


def test_rule_13_a_session_does_not_move() -> None:
    starts = START + 10 * DAY
    session = Session("noon", starts, starts + HOUR, "", "UTC")
    plot = replace(sequence("1 day before session"), start=Trigger("registers", TriggerKind.REGISTERS))
    facts = reader(session=session, pauses=(stretch(START + DAY, START + 3 * DAY),))
    decision = decide(plot, facts, START + 4 * DAY, campaign=CAMPAIGN)
    assert isinstance(decision, Wait)
    assert decision.until == starts - DAY


def test_rule_13_keep_keeps_every_moment_and_lets_overdue_mails_go_one_by_one() -> None:
    plot = sequence("at once", "1 day later", "1 hour later", "30 days later")
    found = live(plot, reader(), [stretch(START + HOUR, START + 2 * DAY, KEEP)])
    done = [now for now, each in found if isinstance(each, Do)]
    # Overdue on the resume; the next one is an hour after it, and keeps the twelve hours of rule 6.
    assert done == [START, START + 2 * DAY, START + 2 * DAY + SPACING, START + 32 * DAY + SPACING]


def test_rule_13_keep_lets_go_what_is_too_late() -> None:
    found = live(sequence("at once", "1 day later"), reader(), [stretch(START + HOUR, START + 20 * DAY, KEEP)])
    assert [each.reason.name for _, each in found] == [ReasonName.DUE, ReasonName.TOO_LATE]


def test_rule_13_skip_overdue_skips_what_became_due_and_the_rest_keeps_its_dates() -> None:
    plot = sequence("at once", "2 days later", "2 days later", "20 days later")
    found = live(plot, reader(), [stretch(START + DAY, START + 10 * DAY, SKIP)])
    told = [(now, type(each), each.reason.name) for now, each in found]
    assert told == [
        (START, Do, ReasonName.DUE),
        (START + 10 * DAY, Skip, ReasonName.PAUSED),
        (START + 10 * DAY, Skip, ReasonName.PAUSED),
        (START + 24 * DAY, Do, ReasonName.DUE),
    ]
    skipped = found[1][1]
    assert isinstance(skipped, Skip)
    assert skipped.at == START + 2 * DAY, "it counts as if it had been done at its moment"


def test_rule_13_a_tag_is_set_late_rather_than_never() -> None:
    plot = sequence("1 day later", verb=Verb.TAG)
    assert sends(plot, [stretch(START, START + 9 * DAY, SKIP)]) == [START + 9 * DAY]


def test_rule_13_an_edit_during_the_pause_counts_from_the_resume() -> None:
    inside = replace(reader().enrollment, replanned_at=START + 5 * DAY)
    facts = replace(reader(), enrollment=inside, pauses=(stretch(START + DAY, START + 9 * DAY),))
    decision = decide(sequence("1 hour later"), facts, START + 9 * DAY, campaign=CAMPAIGN)
    assert isinstance(decision, Do)
    assert decision.due == START + 9 * DAY


def test_rule_13_who_came_in_after_the_resume_has_nothing_of_it() -> None:
    pause = stretch(START - 9 * DAY, START - DAY, SKIP)
    assert skipped_in(START - 5 * DAY, START, [pause]) is None
    assert skipped_in(START - 5 * DAY, START - 7 * DAY, [pause]) is pause
    assert counted(START, [replace(pause, mode=SHIFT)]) == START


# --- laws ----------------------------------------------------------------------------------------------------


def stretches(modes: Iterable[ResumeMode]) -> st.SearchStrategy[list[Pause]]:
    """Up to three pauses, one after the other, each as long as it likes."""
    spans = st.tuples(st.integers(0, 20_000), st.integers(1, 60_000))

    def laid(found: list[tuple[int, int]], mode: ResumeMode) -> list[Pause]:
        moment, laid = START, []
        for active, idle in found:
            begin = moment + timedelta(minutes=active)
            moment = begin + timedelta(minutes=idle)
            laid.append(stretch(begin, moment, mode))
        return laid

    return st.builds(laid, st.lists(spans, min_size=1, max_size=3), st.sampled_from(list(modes)))


def active_between(one: datetime, other: datetime, pauses: Iterable[Pause]) -> timedelta:
    """How much time passed between the two while nothing stood still."""
    idle = timedelta()
    for each in pauses:
        assert each.resumed_at is not None
        idle += max(timedelta(), min(other, each.resumed_at) - max(one, each.paused_at))
    return other - one - idle


@LAWS
@given(st.lists(st.integers(13, 200), min_size=1, max_size=5), stretches([SHIFT]))
def test_rule_13_shift_keeps_the_active_time_between_two_mails(hours: list[int], pauses: list[Pause]) -> None:
    went = sends(sequence("at once", *(f"{each} hours later" for each in hours)), pauses)
    assert len(went) == len(hours) + 1
    between = [active_between(one, other, pauses) for one, other in pairwise(went)]
    assert between == [each * HOUR for each in hours]


@LAWS
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), stretches([SHIFT]))
def test_rule_13_shift_keeps_the_clock_and_about_the_days(days: list[int], pauses: list[Pause]) -> None:
    plot = sequence("at once", *(f"{each} days later at 9:30" for each in days), hours=parse_hours("daily 8:00-18:00"))
    went = sends(plot, pauses)
    assert [local_wall(each, ZONE).time().isoformat("minutes") for each in went[1:]] == ["09:30"] * len(days)
    for one, other, wait in zip(went, went[1:], days, strict=False):
        # A day on the calendar begins at midnight, summer time may end, and each resume may just miss the clock.
        over = active_between(one, other, pauses) - wait * DAY
        assert -DAY - HOUR <= over <= (1 + len(pauses)) * DAY + HOUR


@LAWS
@given(st.lists(st.integers(1, 100), min_size=1, max_size=5), stretches([*ResumeMode]))
def test_rule_13_nothing_goes_while_paused_and_never_two_at_once(hours: list[int], pauses: list[Pause]) -> None:
    went = sends(sequence("at once", *(f"{each} hours later" for each in hours)), pauses)
    for each in pauses:
        assert each.resumed_at is not None
        assert not [moment for moment in went if each.paused_at <= moment < each.resumed_at]
    assert all(other - one >= SPACING for one, other in pairwise(went))


@LAWS
@given(st.lists(st.integers(13, 200), min_size=1, max_size=5), stretches([SKIP]))
def test_rule_13_skip_overdue_leaves_a_part_of_the_life_without_a_pause(hours: list[int], pauses: list[Pause]) -> None:
    plot = sequence("at once", *(f"{each} hours later" for each in hours))
    missed = [
        moment
        for moment in sends(plot)
        if any(each.paused_at <= moment <= (each.resumed_at or moment) for each in pauses)
    ]
    assert sends(plot, pauses) == [each for each in sends(plot) if each not in missed]


# --- planted faults ------------------------------------------------------------------------------------------


def test_a_pause_that_does_not_freeze_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = deciding.decide
    monkeypatch.setattr(
        "tests.unit.core.test_core_pauses.decide",
        lambda plot, facts, now, *, campaign: real(plot, replace(facts, paused_at=None), now, campaign=campaign),
    )
    assert is_found(test_rule_13_nothing_is_done_while_it_is_paused_and_the_reason_says_so)
    assert is_found(test_rule_13_nothing_goes_while_paused_and_never_two_at_once)


def test_a_shift_that_counts_the_pause_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "counted", lambda moment, pauses: moment)
    assert is_found(test_rule_13_shift_counts_only_active_time)
    assert is_found(test_rule_13_shift_keeps_the_active_time_between_two_mails)


def test_a_shift_by_the_whole_pause_whoever_came_in_when_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(moment: datetime, pauses: Iterable[Pause]) -> datetime:
        spans = (each.resumed_at - each.paused_at for each in pauses if each.resumed_at and each.resumed_at > moment)
        return moment + sum(spans, timedelta())

    monkeypatch.setattr(deciding, "counted", whole)
    assert is_found(test_rule_13_an_edit_during_the_pause_counts_from_the_resume)


def test_a_skip_that_moves_no_anchor_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "PAUSED", "nothing")
    assert is_found(test_rule_13_skip_overdue_skips_what_became_due_and_the_rest_keeps_its_dates)
    assert is_found(test_rule_13_skip_overdue_leaves_a_part_of_the_life_without_a_pause)


# --- a reader's own breaks -------------------------------------------------------------------------------------------


@LAWS
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=4),
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=4),
)
def test_time_that_a_pause_took_out_is_not_taken_out_again_by_a_break(
    pauses: list[tuple[int, int]], breaks: list[tuple[int, int]]
) -> None:
    """Counted hour by hour: an hour that lies in any of them is idle once."""
    at = START + 100 * DAY
    taken = [
        Pause(0, "six", "s", START + first * HOUR, resumed_at=START + (first + length) * HOUR, mode=SHIFT)
        for first, length in apart(pauses)
    ]
    rests = [Break(START + first * HOUR, START + (first + length) * HOUR) for first, length in apart(breaks)]
    idle = {hour for first, length in (*apart(pauses), *apart(breaks)) for hour in range(first, first + length)}
    assert counted(START, with_breaks(taken, rests)) == START + len(idle) * HOUR
    assert counted(at, with_breaks(taken, rests)) == at


def apart(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those that do not overlap one before: nobody pauses what is paused."""
    kept: list[tuple[int, int]] = []
    for first, length in sorted(spans):
        if not kept or first >= sum(kept[-1]):
            kept.append((first, length))
    return kept


def test_a_break_waits_until_its_end_and_keeps_the_gap() -> None:
    plot = sequence("2 days later")
    who = replace(reader().subscriber, breaks=(Break(START + DAY, START + 15 * DAY),))
    facts = replace(reader(), subscriber=who)
    waits = decide(plot, facts, START + 2 * DAY, campaign=CAMPAIGN)
    assert isinstance(waits, Wait)
    assert (waits.until, waits.reason.name) == (START + 15 * DAY, ReasonName.ON_BREAK)
    after = decide(plot, facts, START + 15 * DAY, campaign=CAMPAIGN)
    assert isinstance(after, Wait)
    assert after.until == START + 16 * DAY


def test_a_sequence_about_a_seat_knows_no_break() -> None:
    plot = replace(sequence("at once"), start=Trigger("registers", TriggerKind.REGISTERS))
    who = replace(reader().subscriber, breaks=(Break(START - DAY, START + 15 * DAY),))
    assert isinstance(decide(plot, replace(reader(), subscriber=who), START, campaign=CAMPAIGN), Do)
