"""What happens next, and why: the rules of DESIGN §7, one person at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from drip.core.decide import Do, End, Skip, Wait, apply_decision, decide, next_step, timeline, walk
from drip.core.model import Sequence
from drip.core.records import (
    Attendance,
    Did,
    EnrollmentState,
    Facts,
    RegistrationState,
)
from tests.unit.core.scenes import (
    CAMPAIGN,
    NOON,
    THURSDAY,
    at,
    person,
    registrant,
    said,
    sent,
    sequence,
    story,
)

# --- rules 1 and 2: clocks and hours -----------------------------------------------------------------------------


INVITE = sequence(
    "joins news",
    "first | at once",
    "second | 2 days later at 9:30",
    "third | 3 days later at 9:30",
    goal="registers",
    stop="last session starts",
    hours="weekdays 8:00-18:00",
)


def test_rule_01_the_invite_keeps_its_clock_over_the_weekend() -> None:
    assert story(INVITE, person(), THURSDAY) == [
        ("Thu 10:00", "first", "due"),
        ("Mon 09:30", "second", "due"),
        ("Thu 09:30", "third", "due"),
    ]


def test_rule_02_saturday_night_gets_the_first_mail_on_saturday_night() -> None:
    saturday_night = at(2026, 6, 27, 22, 30)
    assert story(INVITE, person(saturday_night), saturday_night)[:2] == [
        ("Sat 22:30", "first", "due"),
        ("Mon 09:30", "second", "due"),
    ]


def test_rule_01_a_machine_asleep_wakes_nobody_at_night_and_keeps_the_clock() -> None:
    facts = person(THURSDAY, sent("first", THURSDAY))
    # Due on Monday at 9:30; cron comes back on Monday at 20:00, when the hours are closed.
    late = decide(INVITE, facts, at(2026, 6, 22, 20), campaign=CAMPAIGN)
    assert said(late) == ("Wait", "outside-hours")
    assert isinstance(late, Wait)
    assert late.until == at(2026, 6, 23, 9, 30)
    # At 14:00 they are open, and late is better than a day later.
    assert said(decide(INVITE, facts, at(2026, 6, 22, 14), campaign=CAMPAIGN)) == ("Do", "due")


def test_rule_06_hours_that_open_too_late_are_not_waited_for() -> None:
    # Due on Thursday at 9:00, good until Sunday; the next opening is on Monday. Waiting for it would end in "too late".
    seq = sequence("joins news", "one | 7 days later at 9:00", hours="mon,thu 9:00-9:30", late="3 days")
    asleep = at(2026, 6, 25, 10)
    assert said(decide(seq, person(), asleep, campaign=CAMPAIGN)) == ("Skip", "too-late")
    patient = sequence("joins news", "one | 7 days later at 9:00", hours="mon,thu 9:00-9:30", late="5 days")
    assert said(decide(patient, person(), asleep, campaign=CAMPAIGN)) == ("Wait", "outside-hours")


def test_reasons_speak_with_values_and_the_readers_time() -> None:
    facts = person(THURSDAY, sent("first", THURSDAY))
    wait = decide(INVITE, facts, THURSDAY + timedelta(minutes=5), campaign=CAMPAIGN)
    assert wait.reason.text == "2 days later at 9:30 (Mon 22 Jun 09:30 in New York)"
    kathmandu = replace(facts, zone="Asia/Kathmandu")
    wait = decide(INVITE, kathmandu, THURSDAY + timedelta(minutes=5), campaign=CAMPAIGN)
    assert wait.reason.text == "2 days later at 9:30 (Mon 22 Jun 09:30 in Kathmandu)"


# --- rule 3: a skipped step does not move the anchor -------------------------------------------------------------

FOLLOW_UP = sequence(
    "session ends",
    "recording | 2 hours later | attended",
    "missed-you | 2 hours later | missed",
    "tag graduate | at once | attended",
)


@pytest.mark.parametrize(
    ("attendance", "expected"),
    [
        (
            Attendance.ATTENDED,
            [
                ("Tue 15:00", "recording", "due"),
                ("Tue 15:00", "missed-you", "condition-false"),
                ("Tue 15:00", "graduate", "due"),
            ],
        ),
        (
            Attendance.MISSED,
            [
                ("Tue 13:00", "recording", "condition-false"),
                ("Tue 15:00", "missed-you", "due"),
                ("Tue 15:00", "graduate", "condition-false"),
            ],
        ),
    ],
)
def test_rule_03_the_second_of_two_alternatives_is_on_time(
    attendance: Attendance, expected: list[tuple[str, str, str]]
) -> None:
    facts = registrant(NOON.ends, attendance=attendance)
    assert story(FOLLOW_UP, facts, NOON.ends) == expected


def test_rule_03_a_skip_when_due_does_not_delay_the_next_step_either() -> None:
    seq = sequence("joins news", "one | 2 days later | tag vip", "two | 2 days later | not tag vip")
    assert story(seq, person(), THURSDAY) == [("Sat 10:00", "one", "condition-false"), ("Sat 10:00", "two", "due")]


# --- rule 4: attendance unknown ----------------------------------------------------------------------------------


def test_rule_04_unknown_attendance_waits_a_day_then_skips_both_and_the_tag() -> None:
    facts = registrant(NOON.ends)
    due = NOON.ends + timedelta(hours=2)
    wait = decide(FOLLOW_UP, facts, due, campaign=CAMPAIGN)
    assert said(wait) == ("Wait", "attendance-unknown")
    assert isinstance(wait, Wait)
    assert wait.until == due + timedelta(days=1)
    now = wait.until
    for expected in ("recording", "missed-you", "graduate"):
        skip = decide(FOLLOW_UP, facts, now, campaign=CAMPAIGN)
        assert said(skip) == ("Skip", "attendance-unknown")
        assert isinstance(skip, Skip)
        assert skip.step.target == expected
        facts = apply_decision(facts, skip, now)
    assert said(decide(FOLLOW_UP, facts, now, campaign=CAMPAIGN)) == ("End", "all-steps-done")


def test_rule_04_attendance_told_within_the_day_is_used() -> None:
    facts = registrant(NOON.ends, attendance=Attendance.MISSED)
    told = NOON.ends + timedelta(hours=20)
    assert story(FOLLOW_UP, facts, told)[1] == ("Wed 09:00", "missed-you", "due")


def test_rule_04_a_stop_within_the_day_is_not_slept_through() -> None:
    seq = sequence("session ends", "recording | 2 hours later | attended", stop="last session starts")
    closing = NOON.ends + timedelta(hours=5)
    wait = decide(
        seq, registrant(NOON.ends, last_session_starts=closing), NOON.ends + timedelta(hours=3), campaign=CAMPAIGN
    )
    assert said(wait) == ("Wait", "stops-first")
    assert isinstance(wait, Wait)
    assert wait.until == closing


def test_rule_04_a_walk_stops_where_only_people_know() -> None:
    decisions = walk(FOLLOW_UP, registrant(NOON.ends), NOON.ends, campaign=CAMPAIGN)
    assert [said(each) for each in decisions] == [("Wait", "not-due"), ("Wait", "attendance-unknown")]


# --- rules 5 and 6, reminders and lateness: see test_core_lateness.py ----------------------------------------------

REMIND = sequence(
    "registers",
    "you-are-in | at once",
    "tomorrow | 1 day before session",
    "in-an-hour | 1 hour before session",
    "live | 10 minutes before session",
    stop="cancels",
)


# --- rules 7 and 8 -----------------------------------------------------------------------------------------------


def test_rule_07_a_day_later_is_the_same_wall_clock_across_a_change() -> None:
    friday = at(2026, 3, 7, 18)
    seq = sequence("joins news", "one | 1 day later", "two | 24 hours later")
    assert story(seq, person(friday), friday) == [("Sun 18:00", "one", "due"), ("Mon 18:00", "two", "due")]
    seq = sequence("joins news", "one | 24 hours later")
    assert story(seq, person(friday), friday) == [("Sun 19:00", "one", "due")]


def test_rule_08_later_counts_from_what_really_happened() -> None:
    seq = sequence("joins news", "one | 1 day later", "two | 1 day later")
    really = THURSDAY + timedelta(days=2, hours=3)
    wait = decide(seq, person(THURSDAY, sent("one", really)), really, campaign=CAMPAIGN)
    assert isinstance(wait, Wait)
    assert wait.until == really + timedelta(days=1)


@pytest.mark.parametrize(
    ("did", "moves"),
    [(Did.SENT, True), (Did.ACTED, True), (Did.UNCERTAIN, True), (Did.SKIPPED, False), (Did.FAILED, False)],
)
def test_rule_08_only_what_happened_moves_the_anchor(did: Did, moves: bool) -> None:
    seq = sequence("joins news", "one | 1 day later", "two | 5 days later")
    really = THURSDAY + timedelta(days=2)
    wait = decide(seq, person(THURSDAY, sent("one", really, did)), really, campaign=CAMPAIGN)
    assert isinstance(wait, Wait)
    assert wait.until == (really if moves else THURSDAY) + timedelta(days=5)


# --- rule 9: live edits ------------------------------------------------------------------------------------------


def steps_left(lines: str, done: str) -> str:
    """The step that comes next in a file with these steps, for somebody who has done those."""
    seq = sequence("joins news", *(f"{each} | 1 day later" for each in lines))
    step = next_step(seq, person(THURSDAY, *(sent(each, THURSDAY) for each in done)))
    return step.target if step else ""


@pytest.mark.parametrize(
    ("file", "done", "next_one"),
    [
        ("abc", "", "a"),
        ("abc", "a", "b"),
        ("abc", "abc", ""),
        ("abxc", "ab", "x"),  # added ahead: runs
        ("axbc", "ab", "c"),  # added behind: never
        ("xabc", "a", "b"),
        ("ac", "ab", "c"),  # removed: those who waited there go on
        ("ac", "a", "c"),
        ("cab", "ab", ""),  # reordered: what is behind now is not sent again, nor for the first time
        ("bac", "a", "c"),
        ("abcd", "abc", "d"),  # added at the end, for who is still inside
        ("xy", "ab", "x"),
    ],
)
def test_rule_09_position_is_the_set_of_steps_done(file: str, done: str, next_one: str) -> None:
    assert steps_left(file, done) == next_one


def test_rule_09_a_changed_delay_applies_to_those_who_wait_both_ways() -> None:
    for phrase, days in (("1 day later", 1), ("9 days later", 9)):
        seq = sequence("joins news", "one | at once", f"two | {phrase}")
        wait = decide(seq, person(THURSDAY, sent("one", THURSDAY)), THURSDAY, campaign=CAMPAIGN)
        assert isinstance(wait, Wait)
        assert wait.until == THURSDAY + timedelta(days=days)


# --- rule 10: the occasion ---------------------------------------------------------------------------------------


def test_rule_10_each_registration_has_its_own_session_and_clock() -> None:
    other = replace(NOON, name="wednesday", starts=NOON.starts + timedelta(days=1), ends=NOON.ends + timedelta(days=1))
    registered = at(2026, 12, 1, 9)
    for session in (NOON, other):
        made = timeline(REMIND, registrant(registered, session), registered, campaign=CAMPAIGN)
        live = [moment for moment, each in made if isinstance(each, Do) and each.step.target == "live"]
        assert live == [session.starts - timedelta(minutes=10)]


# --- rule 11: goal, stop, and a "no" -----------------------------------------------------------------------------


def ended(seq: Sequence, facts: Facts, now: datetime = THURSDAY) -> tuple[str, str]:
    decision = decide(seq, facts, now, campaign=CAMPAIGN)
    assert isinstance(decision, End)
    return decision.state.value, decision.reason.name.value


def test_rule_11_goal_and_stop_are_told_apart() -> None:
    closing = THURSDAY + timedelta(hours=1)
    assert ended(INVITE, person(booked=True)) == ("goal", "goal-reached")
    assert ended(INVITE, person(last_session_starts=closing), closing) == ("stopped", "stop-reached")
    assert ended(INVITE, person(booked=True, last_session_starts=closing), closing) == ("goal", "goal-reached")


@pytest.mark.parametrize(
    ("goal", "stop", "changes", "expected"),
    [
        ("gets tag customer", "", {"tags": {"customer"}}, ("goal", "goal-reached")),
        ("joins customers", "", {"lists": {"news", "customers"}}, ("goal", "goal-reached")),
        ("clicks first", "", {"clicked": {"first"}}, ("goal", "goal-reached")),
        ("", "gets tag customer", {"tags": {"customer"}}, ("stopped", "stop-reached")),
        ("", "registers", {"booked": True}, ("stopped", "stop-reached")),
        ("", "leaves other", {}, ("stopped", "stop-reached")),
        ("", "clicks first", {"clicked": {"first"}}, ("stopped", "stop-reached")),
    ],
)
def test_rule_11_every_goal_and_stop(
    goal: str, stop: str, changes: dict[str, object], expected: tuple[str, str]
) -> None:
    seq = sequence("joins news", "first | at once", goal=goal, stop=stop)
    assert isinstance(decide(seq, person(), THURSDAY, campaign=CAMPAIGN), Do) or stop == "leaves other"
    facts = person()
    tags = changes.pop("tags", set())
    facts = replace(facts, subscriber=replace(facts.subscriber, tags=frozenset(tags)))  # type: ignore[call-overload]
    frozen = {name: frozenset(value) if isinstance(value, set) else value for name, value in changes.items()}
    assert ended(seq, replace(facts, **frozen)) == expected  # type: ignore[arg-type]


def test_rule_11_what_began_a_sequence_does_not_end_it() -> None:
    seq = sequence("joins news", "first | at once", goal="joins news")
    assert isinstance(decide(seq, person(), THURSDAY, campaign=CAMPAIGN), Do)
    registered = at(2026, 12, 1, 9)
    seq = sequence("registers", "first | at once", goal="registers")
    assert isinstance(decide(seq, registrant(registered), registered, campaign=CAMPAIGN), Do)


def test_rule_11_a_cancelled_seat_ends_its_sequences_even_without_a_stop() -> None:
    registered = at(2026, 12, 1, 9)
    facts = registrant(registered)
    assert facts.registration is not None
    cancelled = replace(facts.registration, state=RegistrationState.CANCELLED)
    facts = replace(facts, registration=cancelled, booked=False)
    assert ended(REMIND, facts, registered) == ("stopped", "stop-reached")
    assert ended(FOLLOW_UP, facts, registered) == ("stopped", "registration-cancelled")
    sorry = sequence("cancels", "come-again | 1 day later", goal="registers")
    assert isinstance(decide(sorry, facts, registered, campaign=CAMPAIGN), Wait)


def test_a_no_comes_before_everything() -> None:
    facts = person(booked=True)
    assert ended(INVITE, replace(facts, lists=frozenset())) == ("stopped", "unsubscribed")
    gone = replace(facts, subscriber=replace(facts.subscriber, left_at=THURSDAY))
    assert ended(INVITE, gone) == ("stopped", "left")
    assert ended(INVITE, replace(gone, suppressed="complaint")) == ("stopped", "suppressed")
    by_tag = sequence("gets tag vip", "first | at once")
    assert isinstance(decide(by_tag, person(), THURSDAY, campaign=CAMPAIGN), Do)
    assert ended(by_tag, person(lists=frozenset())) == ("stopped", "unsubscribed")


def test_service_mails_need_no_list_but_no_suppressed_address_gets_them() -> None:
    registered = at(2026, 12, 1, 9)
    assert isinstance(decide(REMIND, registrant(registered), registered, campaign=CAMPAIGN), Do)
    assert ended(REMIND, registrant(registered, suppressed="bounce"), registered) == ("stopped", "suppressed")


def test_a_step_after_the_stop_is_not_waited_for() -> None:
    closing = THURSDAY + timedelta(days=1)
    facts = person(THURSDAY, sent("first", THURSDAY), last_session_starts=closing)
    made = walk(INVITE, facts, THURSDAY, campaign=CAMPAIGN)
    assert [said(each) for each in made] == [("Wait", "stops-first"), ("End", "stop-reached")]
    assert isinstance(made[0], Wait)
    assert made[0].until == closing


def test_nothing_left_is_done_and_an_ended_enrollment_stays_ended() -> None:
    facts = person(THURSDAY, *(sent(each, THURSDAY) for each in ("first", "second", "third")))
    assert ended(INVITE, facts) == ("done", "all-steps-done")
    stopped = replace(facts, enrollment=replace(facts.enrollment, state=EnrollmentState.STOPPED))
    assert ended(INVITE, stopped) == ("stopped", "ended")


def test_a_session_step_without_a_session_is_skipped_with_its_reason() -> None:
    assert said(decide(REMIND, person(THURSDAY, sent("you-are-in", THURSDAY)), THURSDAY, campaign=CAMPAIGN)) == (
        "Skip",
        "no-session",
    )


# --- what follows from a decision --------------------------------------------------------------------------------


def test_applying_a_decision_changes_the_facts_and_not_the_old_ones() -> None:
    seq = sequence(
        "joins news", "tag vip | at once", "untag vip | at once", "leave news | at once", "join other | at once"
    )
    facts = person()
    seen = []
    for _ in seq.steps:
        made = decide(seq, facts, THURSDAY, campaign=CAMPAIGN)
        if not isinstance(made, Do):
            break
        facts = apply_decision(facts, made, THURSDAY)
        seen.append((sorted(facts.subscriber.tags), sorted(facts.lists)))
    assert seen == [(["vip"], ["news"]), ([], ["news"]), ([], [])]
    assert person().enrollment.done == ()
    assert [each.did for each in facts.enrollment.done] == [Did.ACTED] * 3
    assert ended(seq, facts) == ("stopped", "unsubscribed")


def test_a_walk_goes_to_the_end_and_tells_when() -> None:
    made = timeline(INVITE, person(), THURSDAY, campaign=CAMPAIGN)
    assert [said(each) for _, each in made] == [
        ("Do", "due"),
        ("Wait", "not-due"),
        ("Do", "due"),
        ("Wait", "not-due"),
        ("Do", "due"),
        ("End", "all-steps-done"),
    ]
    assert made[-1][0] == at(2026, 6, 25, 9, 30)
