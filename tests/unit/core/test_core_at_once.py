"""Classes of people who fare alike: whoever has the same key gets the same from the next run."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.core.at_once import Classes, Outcome, Stand, is_plain, micro, next_run, tally
from drip.core.limits import closed_hours, parse_closing
from drip.core.model import Campaign, Closing, Hours, Sequence, Step, Verb
from drip.core.records import Did, Enrollment, EnrollmentId, EnrollmentState, Facts, StepDone, Subscriber, SubscriberId
from drip.core.segments import parse_condition
from drip.core.triggers import parse_trigger
from drip.core.when import parse_duration, parse_hours, parse_when

NOW = datetime(2026, 11, 3, 15, 0, tzinfo=UTC)  # two days after the clocks went back in New York
JOINS = parse_trigger("joins letter", role="start")
ZONES = ("America/New_York", "Europe/Berlin", "Asia/Kathmandu")
WHENS = ("at once", "1 day later", "2 days later at 9:30", "36 hours later", "20 hours later", "1 week later at 17:45")
HOURS = st.sampled_from([None, parse_hours("weekdays 8:00-18:00"), parse_hours("daily 9:00-12:00")])
CLOSED = st.sampled_from([(), (parse_closing("2026-11-02"),), (parse_closing("2026-10-30..2026-11-03"),)])
LATE = st.sampled_from([None, parse_duration("12 hours")])
STEPS = st.lists(
    st.tuples(st.sampled_from(WHENS), LATE, st.sampled_from(["", "tag vip"]), st.sampled_from([Verb.SEND, Verb.TAG])),
    min_size=1,
    max_size=4,
)


def plot(
    lines: list[tuple[str, timedelta | None, str, Verb]], hours: Hours | None, closed: tuple[Closing, ...]
) -> Sequence:
    steps = tuple(
        Step("s", verb, f"p{number}", parse_when(when), parse_condition(asks) if asks else None, late)
        for number, (when, late, asks, verb) in enumerate(lines)
    )
    return Sequence("s", JOINS, steps, hours=closed_hours(hours, closed))


def facts(one: Sequence, stand: Stand) -> Facts:
    """The person that a row of the database stands for."""
    anchor = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=stand.anchor)
    done = tuple(StepDone(each.identity, Did.SENT, anchor) for each in one.steps[: stand.position])
    edited = NOW if stand.is_new else stand.replanned_at
    replanned = edited if isinstance(edited, datetime) else _moment(edited)
    who = Subscriber(SubscriberId(1), "a@example.org", "m", anchor, tags=frozenset({"vip"} if stand.flags[0] else ()))
    run = Enrollment(
        EnrollmentId(1), "c", "s", who.id, "first", EnrollmentState.RUNNING, anchor, NOW, None, done,
        replanned_at=replanned,
    )  # fmt: skip
    return Facts(who, run, stand.zone, lists=frozenset({"letter"}), last_drip_at=_moment(stand.last_drip))


def _moment(number: int | None) -> datetime | None:
    return None if number is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=number)


def _ago(dice: random.Random) -> timedelta:
    """Near the moments that matter, to the microsecond, or anywhere in two weeks."""
    if dice.random() < 0.6:
        hours = dice.choice((0, 12, 20, 24, 36, 48, 60, 72, 84, 96, 108, 168))
        return max(timedelta(), timedelta(hours=hours, microseconds=dice.randint(-1, 1)))
    return timedelta(seconds=dice.randrange(14 * 86_400))


def crowd(one: Sequence, dice: random.Random) -> list[Stand]:
    zones = dice.sample(ZONES, 2)
    edits = [None, micro(NOW - _ago(dice))]
    return [
        Stand(
            number,
            dice.randint(0, len(one.steps)),
            micro(NOW - _ago(dice)),
            dice.choice(zones),
            dice.random() < 0.5,
            dice.choice(edits),
            dice.choice((None, micro(NOW - _ago(dice)))),
            (dice.randint(0, 1),),
        )
        for number in range(60)
    ]


@settings(max_examples=100)
@given(STEPS, HOURS, CLOSED, st.integers(0, 2**32))
def test_whoever_has_the_same_key_fares_the_same(
    lines: list[tuple[str, timedelta | None, str, Verb]], hours: Hours | None, closed: tuple[Closing, ...], seed: int
) -> None:
    one = plot(lines, hours, closed)
    campaign = Campaign("c", "C", "UTC", sequences=(one,))
    classes = Classes(one, campaign, NOW)
    found: dict[object, set[Outcome]] = defaultdict(set)
    for stand in crowd(one, random.Random(seed)):
        found[classes.key(stand)].add(next_run(one, facts(one, stand), NOW, campaign))
    assert all(len(outcomes) == 1 for outcomes in found.values())


def test_a_million_who_stand_alike_are_one_class() -> None:
    one = plot([("at once", None, "", Verb.SEND), ("5 days later at 9:30", None, "", Verb.SEND)], None, ())
    classes = Classes(one, Campaign("c", "C", "UTC", sequences=(one,)), NOW)
    start = micro(NOW - timedelta(days=3))
    keys = {classes.key(Stand(each, 1, start + each, "UTC", True, None, start + each, ())) for each in range(1000)}
    assert len(keys) == 1


def test_outcomes_are_counted_with_their_people() -> None:
    does, waits = tally([(Outcome(("s/a", "s/b"), "s/c"), 3), (Outcome(("s/a",)), 2), (Outcome(waits="s/c"), 4)])
    assert (does, waits) == ({"s/a": 5, "s/b": 3}, {"s/c": 7})


@pytest.mark.parametrize(
    ("when", "start", "plain"),
    [
        ("1 day later", "joins letter", True),
        ("1 hour before session", "registers", False),
        ("at once", "registers", False),
    ],
)
def test_what_hangs_on_a_session_is_asked_of_each_person(when: str, start: str, *, plain: bool) -> None:
    steps = (Step("s", Verb.SEND, "a", parse_when(when)),)
    assert is_plain(Sequence("s", parse_trigger(start, role="start"), steps)) is plain
