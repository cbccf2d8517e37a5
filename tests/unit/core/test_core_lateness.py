"""Reminders, spacing, and until when a step makes sense (DESIGN §7 rules 5 and 6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from drip.core.decide import Do, Skip, Wait, apply_decision, decide
from drip.core.reasons import ReasonName
from drip.core.records import (
    Attendance,
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

FOLLOW_UP = sequence(
    "session ends",
    "recording | 2 hours later | attended",
    "missed-you | 2 hours later | missed",
    "tag graduate | at once | attended",
)


REMIND = sequence(
    "registers",
    "you-are-in | at once",
    "tomorrow | 1 day before session",
    "in-an-hour | 1 hour before session",
    "live | 10 minutes before session",
    stop="cancels",
)


# --- rules 5 and 6: reminders ------------------------------------------------------------------------------------


def test_a_registrant_in_time_gets_every_reminder() -> None:
    registered = at(2026, 12, 1, 9, 42)
    assert story(REMIND, registrant(registered), registered) == [
        ("Tue 09:42", "you-are-in", "due"),
        ("Mon 12:00", "tomorrow", "due"),
        ("Tue 11:00", "in-an-hour", "due"),
        ("Tue 11:50", "live", "due"),
    ]


def test_rule_05_a_reminder_that_was_past_at_registration_is_skipped() -> None:
    registered = at(2026, 12, 8, 11, 30)
    assert story(REMIND, registrant(registered), registered) == [
        ("Tue 11:30", "you-are-in", "due"),
        ("Tue 11:30", "tomorrow", "registered-late"),
        ("Tue 11:30", "in-an-hour", "registered-late"),
        ("Tue 11:50", "live", "due"),
    ]


@pytest.mark.parametrize(("minutes", "name"), [(25, "due"), (24, "registered-late"), (10, "registered-late")])
def test_rule_05_no_reminder_within_a_quarter_of_an_hour_after_registering(minutes: int, name: str) -> None:
    registered = NOON.starts - timedelta(minutes=minutes)
    assert story(REMIND, registrant(registered), registered)[-1][2] == name


def test_rule_05_nothing_before_session_goes_at_or_after_the_start() -> None:
    facts = registrant(at(2026, 12, 1, 9), NOON)
    steps = ("you-are-in", "tomorrow", "in-an-hour")
    done = tuple(sent(each, at(2026, 12, 1, 9)) for each in steps)
    facts = replace(facts, enrollment=replace(facts.enrollment, done=done))
    just_before = decide(REMIND, facts, NOON.starts - timedelta(seconds=1), campaign=CAMPAIGN)
    assert isinstance(just_before, Do)
    assert just_before.expires is not None
    assert just_before.expires < NOON.starts
    assert said(decide(REMIND, facts, NOON.starts, campaign=CAMPAIGN)) == ("Skip", "session-started")


@pytest.mark.parametrize(
    ("when", "good_until"),
    [
        ("1 day before session", timedelta(hours=6)),
        ("3 days before session", timedelta(hours=6)),
        ("24 hours before session", timedelta(hours=6)),
        ("6 hours before session", timedelta(minutes=20)),
        ("1 hour before session", timedelta(minutes=20)),
        ("30 minutes before session", timedelta(minutes=20)),
        ("29 minutes before session", timedelta(seconds=1)),
        ("10 minutes before session", timedelta(seconds=1)),
    ],
)
def test_rule_06_a_late_reminder_lies_and_is_skipped(when: str, good_until: timedelta) -> None:
    seq = sequence("registers", f"post | {when}")
    facts = registrant(at(2026, 12, 1, 9))
    last = NOON.starts - good_until
    in_time = decide(seq, facts, last, campaign=CAMPAIGN)
    assert isinstance(in_time, Do)
    assert in_time.expires == last
    too_late = decide(seq, facts, last + timedelta(seconds=1), campaign=CAMPAIGN)
    assert too_late.reason.name in (ReasonName.TOO_LATE, ReasonName.SESSION_STARTED)
    assert isinstance(too_late, Skip)


def test_rule_06_late_of_a_step_takes_the_place_of_its_window_but_not_of_the_start() -> None:
    facts = registrant(at(2026, 12, 1, 9))
    for late, limit in (
        ("30 minutes", NOON.starts - timedelta(minutes=30)),
        ("3 days", NOON.starts - timedelta(seconds=1)),
    ):
        seq = sequence("registers", "post | 1 hour before session", late=late)
        do = decide(seq, facts, NOON.starts - timedelta(hours=1), campaign=CAMPAIGN)
        assert isinstance(do, Do)
        assert do.expires == limit


def test_rule_06_drip_posts_are_good_for_three_days() -> None:
    seq = sequence("joins news", "one | 1 day later", "two | 1 day later")
    friday = THURSDAY + timedelta(days=1)
    assert said(decide(seq, person(), friday + timedelta(days=3), campaign=CAMPAIGN)) == ("Do", "due")
    late = decide(seq, person(), friday + timedelta(days=3, seconds=1), campaign=CAMPAIGN)
    assert said(late) == ("Skip", "too-late")
    assert late.reason.text == "was due Fri 19 Jun 10:00 in New York, good until Mon 22 Jun 10:00 in New York"
    shorter = sequence("joins news", "one | 1 day later", late="6 hours")
    assert said(decide(shorter, person(), friday + timedelta(hours=7), campaign=CAMPAIGN)) == ("Skip", "too-late")


def test_rule_06_steps_that_mail_nothing_are_never_too_late() -> None:
    seq = sequence("joins news", "tag old-hand | 1 day later")
    do = decide(seq, person(), THURSDAY + timedelta(days=400), campaign=CAMPAIGN)
    assert isinstance(do, Do)
    assert do.expires is None


def test_rule_06_no_post_passes_the_stop_of_its_sequence() -> None:
    closing = THURSDAY + timedelta(days=1, hours=2)
    seq = sequence("joins news", "one | 1 day later", stop="last session starts")
    do = decide(seq, person(last_session_starts=closing), THURSDAY + timedelta(days=1), campaign=CAMPAIGN)
    assert isinstance(do, Do)
    assert do.expires is not None
    assert closing - timedelta(seconds=2) < do.expires < closing


def test_rule_06_the_confirmation_of_a_seat_is_good_until_the_session_is_over() -> None:
    registered = NOON.starts - timedelta(hours=1)
    do = decide(REMIND, registrant(registered), registered, campaign=CAMPAIGN)
    assert isinstance(do, Do)
    assert do.expires == NOON.ends


def test_rule_06_two_drip_mails_keep_twelve_hours() -> None:
    seq = sequence("joins news", "one | 2 hours later")
    other_mail = THURSDAY + timedelta(hours=1)
    facts = person(last_drip_at=other_mail)
    wait = decide(seq, facts, THURSDAY + timedelta(hours=2), campaign=CAMPAIGN)
    assert said(wait) == ("Wait", "spacing")
    assert isinstance(wait, Wait)
    assert wait.until == other_mail + timedelta(hours=12)
    assert isinstance(decide(seq, facts, wait.until, campaign=CAMPAIGN), Do)


def test_rule_06_spacing_keeps_clock_and_hours() -> None:
    other_mail = at(2026, 6, 19, 2)
    clocked = sequence("joins news", "one | 1 day later at 9:30")
    wait = decide(clocked, person(last_drip_at=other_mail), THURSDAY, campaign=CAMPAIGN)
    # Free again at 14:00 on Friday, but 9:30 is 9:30: Saturday.
    assert isinstance(wait, Wait)
    assert wait.until == at(2026, 6, 20, 9, 30)
    weekdays = sequence("joins news", "one | 1 day later at 9:30", hours="weekdays 8:00-18:00")
    wait = decide(weekdays, person(last_drip_at=other_mail), THURSDAY, campaign=CAMPAIGN)
    assert isinstance(wait, Wait)
    assert wait.until == at(2026, 6, 22, 9, 30)
    unclocked = sequence("joins news", "one | 1 day later", hours="weekdays 8:00-18:00")
    wait = decide(unclocked, person(last_drip_at=at(2026, 6, 19, 7)), THURSDAY, campaign=CAMPAIGN)
    assert isinstance(wait, Wait)
    assert wait.until == at(2026, 6, 22, 8)


def test_rule_06_spacing_makes_nothing_too_late() -> None:
    seq = sequence("joins news", "one | 1 hour later", hours="mon 10:00-11:00")
    monday = at(2026, 6, 22, 10, 30)
    facts = person(monday - timedelta(hours=1), last_drip_at=monday - timedelta(minutes=5))
    next_monday = at(2026, 6, 29, 10)
    assert isinstance(decide(seq, facts, next_monday, campaign=CAMPAIGN), Do)


def test_rule_06_at_once_and_service_mails_are_exempt_from_spacing() -> None:
    just_now = THURSDAY - timedelta(minutes=1)
    assert isinstance(
        decide(sequence("joins news", "first | at once"), person(last_drip_at=just_now), THURSDAY, campaign=CAMPAIGN),
        Do,
    )
    facts = registrant(NOON.ends, attendance=Attendance.ATTENDED, last_drip_at=NOON.ends)
    assert isinstance(decide(FOLLOW_UP, facts, NOON.ends + timedelta(hours=2), campaign=CAMPAIGN), Do)


def test_rule_06_a_week_asleep_sends_one_overdue_mail_not_four() -> None:
    seq = sequence("joins news", *(f"p{each} | 1 day later" for each in range(4)), late="4 weeks")
    woke = THURSDAY + timedelta(days=7)
    first = decide(seq, person(), woke, campaign=CAMPAIGN)
    assert isinstance(first, Do)
    second = decide(seq, apply_decision(person(), first, woke), woke, campaign=CAMPAIGN)
    assert said(second) == ("Wait", "not-due")
