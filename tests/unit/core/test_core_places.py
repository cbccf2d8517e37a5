"""Where people stand after an edit: nobody is looked at too late, bombarded or forgotten (rule 9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from drip.core.decide import SPACING, Do, Wait, anchor_of, apply_decision, decide, timeline
from drip.core.model import Campaign, Sequence, Step, Trigger, TriggerKind, Verb
from drip.core.places import places
from drip.core.records import (
    Did,
    Enrollment,
    EnrollmentId,
    EnrollmentState,
    Facts,
    StepDone,
    Subscriber,
    SubscriberId,
)
from drip.core.segments import parse_condition
from drip.core.when import parse_hours, parse_when

START = datetime(2026, 3, 20, 22, 30, tzinfo=UTC)
DAY = timedelta(days=1)
ZONES = ("UTC", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Kiritimati")
WHENS = (
    "at once",
    "20 minutes later",
    "5 hours later",
    "1 day later",
    "1 day later at 0:01",
    "3 days later at 9:30",
    "2 weeks later at 23:59",
    "2026-03-29 2:30",
    "2026-04-05 9:00 reader's time",
)


def plot(*whens: str, hours: str | None = None, conditions: tuple[str, ...] = ()) -> Campaign:
    steps = tuple(
        Step(
            "s",
            Verb.SEND,
            f"p{number}",
            parse_when(when),
            parse_condition("tag t") if f"p{number}" in conditions else None,
        )
        for number, when in enumerate(whens)
    )
    start = Trigger("joins l", TriggerKind.JOINS, "l")
    return Campaign(
        "c", "C", "Europe/Berlin", sequences=(Sequence("s", start, steps, hours=hours and parse_hours(hours)),)
    )  # type: ignore[arg-type]


def person(zone: str = "UTC", *, done: tuple[StepDone, ...] = (), replanned_at: datetime | None = None) -> Facts:
    run = Enrollment(
        EnrollmentId(1),
        "c",
        "s",
        SubscriberId(1),
        "first",
        EnrollmentState.RUNNING,
        START,
        done=done,
        replanned_at=replanned_at,
    )
    return Facts(Subscriber(SubscriberId(1), "a@example.com", "m", START), run, zone, lists=frozenset({"l"}))


@given(
    st.lists(st.sampled_from(WHENS), min_size=1, max_size=4),
    st.sampled_from(ZONES),
    st.sampled_from([None, "weekdays 8:00-18:00"]),
    st.sets(st.sampled_from(["p0", "p1", "p2"])),
    st.integers(0, 30 * 24 * 60),
)
def test_rule_09_nobody_is_looked_at_too_late(
    whens: list[str], zone: str, hours: str | None, conditions: set[str], minutes: int
) -> None:
    campaign = plot(*whens, hours=hours, conditions=tuple(conditions))
    sequence, facts, now = campaign.sequences[0], person(zone), START + timedelta(minutes=minutes)
    woken = places(None, campaign, "s")[0].bounds.moment(anchor_of(facts), None, now)
    at_once = [
        (at, each.step) for at, each in timeline(sequence, facts, now, campaign=campaign) if isinstance(each, Do)
    ]
    later = [
        (at, each.step) for at, each in timeline(sequence, facts, woken, campaign=campaign) if isinstance(each, Do)
    ]
    assert at_once == later


def test_rule_09_a_step_that_an_edit_made_overdue_is_not_skipped_as_late() -> None:
    campaign = plot("at once", "1 day later at 9:30", "1 day later at 9:30", hours="weekdays 8:00-18:00")
    had = (StepDone("s/p0", Did.SENT, START),)
    edited = START + 20 * DAY  # until then the second one was 30 days later
    facts = person(done=had, replanned_at=edited)
    sends = [
        at for at, each in timeline(campaign.sequences[0], facts, edited, campaign=campaign) if isinstance(each, Do)
    ]
    assert len(sends) == 2
    assert all((at.hour, at.minute) == (9, 30) and at.weekday() < 5 for at in sends)
    assert sends[1] - sends[0] >= SPACING
    forgotten = replace(facts, enrollment=replace(facts.enrollment, replanned_at=None))
    lost = timeline(campaign.sequences[0], forgotten, edited, campaign=campaign)
    assert not any(isinstance(each, Do) for _, each in lost)


def test_rule_09_an_edit_says_nothing_about_what_comes_after_it() -> None:
    campaign = plot("at once", "2 days later")
    sent = StepDone("s/p0", Did.SENT, START + 5 * DAY)
    before, after = person(done=(sent,)), person(done=(sent,), replanned_at=START + 4 * DAY)
    sequence, now = campaign.sequences[0], START + 6 * DAY
    decisions = [decide(sequence, each, now, campaign=campaign) for each in (before, after)]
    assert decisions[0] == decisions[1]
    assert isinstance(decisions[0], Wait)
    assert apply_decision(after, decisions[1], now).enrollment.next_due == START + 7 * DAY


def test_rule_09_only_what_an_edit_touched_is_planned_anew() -> None:
    before = plot("at once", "1 day later", "5 days later")
    after = plot("at once", "2 days later", "5 days later")
    found = places(before, after, "s")
    assert [(each.is_edited, each.is_same) for each in found] == [(False, True), (True, False), (False, True)]
    moved = places(before, replace(after, timezone="Asia/Tokyo"), "s")
    assert not any(each.is_same for each in moved)
