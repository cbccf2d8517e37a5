"""What applying a campaign would change, and for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drip.core.figures import Figures
from drip.core.model import Broadcast, Campaign, Mailbox, Post, Sequence, Session, Step, Verb, Webinar
from drip.core.plan import compare, people
from drip.core.triggers import parse_trigger
from drip.core.when import parse_hours, parse_when

NOON = datetime(2026, 12, 8, 17, tzinfo=UTC)


def step(name: str, when: str = "1 day later") -> Step:
    return Step("invite", Verb.SEND, name, parse_when(when))


def post(name: str, subject: str = "A subject", body: str = "Text.") -> Post:
    return Post(name, f"campaigns/six/{name}.md", subject, "", body)


def session(name: str, starts: datetime = NOON) -> Session:
    return Session(name, starts, starts + timedelta(hours=1), "2026-12-08 12:00", "America/New_York")


def campaign(steps: str = "abc", **changes: object) -> Campaign:
    invite = Sequence("invite", parse_trigger("joins news", role="start"), tuple(step(each) for each in steps))
    webinar = Webinar("Six mistakes", timedelta(hours=1), "https://meet.example.com/{session}", (session("noon"),), 100)
    posts = {each: post(each) for each in "abcdxyz"}
    base = Campaign("six", "Six", "America/New_York", None, webinar, (invite,), (), posts)
    return replace(base, **changes)  # type: ignore[arg-type]


def with_sequence(before: Campaign, **changes: object) -> Campaign:
    return replace(before, sequences=(replace(before.sequences[0], **changes),))  # type: ignore[arg-type]


def lines(live: Campaign | None, wanted: Campaign, waiting: Mapping[str, int] | None = None) -> list[str]:
    found = compare(live, wanted, waiting=waiting or {})
    assert found.is_empty == (not found.lines)
    return [
        f"{each.sign} {each.subject}: {each.what}" + (f" [{each.effect}]" if each.effect else "")
        for each in found.lines
    ]


WAITING = {"invite": 12, "invite/a": 3, "invite/b": 4, "invite/c": 5}


def test_nothing_changed_is_nothing_to_say() -> None:
    assert compare(campaign(), campaign(), waiting=WAITING).is_empty


def test_a_new_campaign_is_told_in_the_order_of_its_file() -> None:
    wanted = campaign("a", posts={"a": post("a", "Own the mistake")})
    assert lines(None, wanted) == [
        "+ campaign six: Six",
        "+ webinar: Six mistakes",
        "+ session noon: Tue 8 Dec 12:00 in New York",
        "+ sequence invite: start: joins news [for whoever joins news from now on]",
        "+ step invite/a: send 1 day later",
        "+ post a: Own the mistake",
    ]


@pytest.mark.parametrize(
    ("steps", "line"),
    [
        # Waiting for a: 3 people; for b: 4, who have done a; for c: 5, who have done a and b.
        ("xabc", "+ step invite/x: send 1 day later [3 people will come to it, not for 9 people who are past it]"),
        ("axbc", "+ step invite/x: send 1 day later [7 people will come to it, not for 5 people who are past it]"),
        ("abxc", "+ step invite/x: send 1 day later [12 people will come to it]"),
        ("abcx", "+ step invite/x: send 1 day later [12 people will come to it]"),
        ("ac", "- step invite/b: send 1 day later [4 people waiting for it go on to the next step]"),
        ("ab", "- step invite/c: send 1 day later [5 people waiting for it go on to the next step]"),
        ("bca", "> step invite/a: now number 3 [nobody who is past it, or past its new place, gets it]"),
        ("cab", "> step invite/c: now number 1 [nobody who is past it, or past its new place, gets it]"),
    ],
)
def test_rule_09_a_plan_tells_for_whom_a_step_comes_or_goes(steps: str, line: str) -> None:
    assert lines(campaign(), campaign(steps), WAITING) == [line]


def test_rule_09_a_rename_is_one_step_less_and_one_more_never_a_guess() -> None:
    found = lines(campaign("ab"), campaign("ax"), {"invite": 1, "invite/b": 1})
    assert found == [
        "+ step invite/x: send 1 day later [1 person will come to it]",
        "- step invite/b: send 1 day later [1 person waiting for it goes on to the next step]",
    ]


def test_rule_09_a_changed_line_applies_to_those_who_wait() -> None:
    wanted = with_sequence(campaign(), steps=(step("a"), step("b", "9 days later at 9:30"), step("c")))
    assert lines(campaign(), wanted, WAITING) == [
        "~ step invite/b: send 1 day later → send 9 days later at 9:30 [4 people waiting for it go by the new line]"
    ]


def test_changes_of_a_sequence() -> None:
    wanted = with_sequence(
        campaign(),
        goal=parse_trigger("registers", role="goal"),
        stop=parse_trigger("last session starts", role="stop"),
        hours=parse_hours("weekdays 8:00-18:00"),
    )
    assert lines(campaign(), wanted, WAITING) == [
        "~ sequence invite: goal: none → registers [also for 12 people in it]",
        "~ sequence invite: stop: none → last session starts [also for 12 people in it]",
        "~ sequence invite: hours: none → weekdays 8:00-18:00 [also for 12 people in it]",
    ]
    wanted = with_sequence(campaign(), start=parse_trigger("joins other", role="start"))
    assert lines(campaign(), wanted, WAITING) == [
        "~ sequence invite: start: joins news → joins other [12 people in it stay in it]"
    ]
    assert lines(campaign(), campaign(sequences=()), WAITING) == [
        "- sequence invite: 3 steps [ends for 12 people in it]"
    ]


def test_changes_of_campaign_webinar_and_sessions() -> None:
    before = campaign()
    assert before.webinar is not None
    later = session("noon", NOON + timedelta(days=1))
    webinar = replace(before.webinar, seats=None, sessions=(later, session("evening")))
    wanted = replace(before, title="Seven", sender=Mailbox("Lisa", "lisa@example.com"), webinar=webinar)
    assert lines(before, wanted) == [
        "~ campaign six: title: Six → Seven",
        "~ campaign six: sender [for every post from now on]",
        "~ webinar: seats: 100 → no limit [who has a seat keeps it]",
        "~ session noon: Tue 8 Dec 12:00 in New York → Wed 9 Dec 12:00 in New York "
        "[reminders that were not sent yet move with it]",
        "+ session evening: Tue 8 Dec 12:00 in New York",
    ]
    assert lines(before, replace(before, webinar=None)) == ["- webinar: Six mistakes [nobody can register any more]"]
    none_left = replace(before, webinar=replace(before.webinar, sessions=()))
    assert lines(before, none_left) == [
        "- session noon: Tue 8 Dec 12:00 in New York [nobody can register for it any more]"
    ]


def test_changes_of_posts_name_what_changed_and_who_waits() -> None:
    wanted = campaign(posts={**campaign().posts, "b": post("b", "Another subject", "Other text."), "new": post("new")})
    assert lines(campaign(), wanted, WAITING) == [
        "~ post b: subject: A subject → Another subject, text [for whoever has not had it yet (4 people now)]",
        "+ post new: A subject",
    ]
    gone = campaign(posts={name: each for name, each in campaign().posts.items() if name != "z"})
    assert lines(campaign(), gone) == ["- post z: A subject"]


def test_changes_of_broadcasts() -> None:
    june = Broadcast("a", "news", parse_when("2026-12-01 9:00"))
    moved = replace(june, when=parse_when("2026-12-02 9:00"))
    before, wanted = campaign(broadcasts=(june,)), campaign(broadcasts=(moved, replace(june, post="b")))
    assert lines(before, wanted) == [
        "~ broadcast a: to news at 2026-12-01 9:00 → to news at 2026-12-02 9:00 [unless it was sent already]",
        "+ broadcast b: to news at 2026-12-01 9:00",
    ]
    assert lines(before, campaign()) == ["- broadcast a: to news at 2026-12-01 9:00 [unless it was sent already]"]
    twice = campaign(broadcasts=(june, moved))
    assert lines(twice, twice) == []


def test_numbers_have_nouns() -> None:
    assert [people(each) for each in (0, 1, 2, 1234)] == ["nobody", "1 person", "2 people", "1,234 people"]


files = st.lists(st.sampled_from("abcdxyz"), unique=True, max_size=7).map("".join)


@given(files, files)
@settings(max_examples=60, deadline=None)
def test_a_plan_is_empty_exactly_when_the_steps_are_the_same(before: str, wanted: str) -> None:
    found = compare(campaign(before), campaign(wanted), waiting={})
    assert found.is_empty == (before == wanted)
    signs = {sign: {each.subject[-1] for each in found.lines if each.sign == sign} for sign in "+-~>"}
    assert signs["+"] == set(wanted) - set(before)
    assert signs["-"] == set(before) - set(wanted)
    # What neither came, went nor moved stands in the same order in both files.
    unmoved = set(before) & set(wanted) - signs[">"]
    assert [each for each in before if each in unmoved] == [each for each in wanted if each in unmoved]


@given(files, files, st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_rule_09_the_plan_counts_as_decide_will_act(before: str, wanted: str, number: int) -> None:
    """For every new step: those it names as coming to it are those whose furthest step done lies before it."""
    waiting = {f"invite/{each}": number + place for place, each in enumerate(before)}
    found = compare(campaign(before), campaign(wanted), waiting=waiting)
    for line in found.lines:
        if line.sign != "+":
            continue
        index = wanted.index(line.subject[-1])
        ahead = 0
        for place, each in enumerate(before):
            furthest = max((wanted.index(done) for done in before[:place] if done in wanted), default=-1)
            ahead += waiting[f"invite/{each}"] if furthest < index else 0
        assert (f"{people(ahead)} will come to it" in line.effect) == (ahead > 0)


# --- numbers of the next run -------------------------------------------------------------------------------------


def effects(live: Campaign, wanted: Campaign, figures: Figures) -> dict[str, str]:
    found = compare(live, wanted, waiting=WAITING, figures=figures)
    assert found.figures is figures
    return {line.subject: line.effect for line in found.lines}


@pytest.mark.parametrize(
    ("now", "later", "said"),
    [
        (3, 1, "4 people waiting for it: 3 become due at once, 1 later"),
        (1, 3, "4 people waiting for it: 1 becomes due at once, 3 later"),
        (0, 4, "4 people waiting for it: none becomes due at once, 4 later"),
    ],
)
def test_a_changed_delay_says_who_is_due_at_once(now: int, later: int, said: str) -> None:
    live = campaign()
    steps = tuple(step(each, "5 minutes later" if each == "b" else "1 day later") for each in "abc")
    figures = Figures(at_once={"invite/b": now}, later={"invite/b": later}, known=frozenset({"invite"}))
    assert effects(live, with_sequence(live, steps=steps), figures)["step invite/b"] == said


def test_a_new_step_says_who_is_due_at_once() -> None:
    figures = Figures(at_once={"invite/x": 2}, known=frozenset({"invite"}))
    said = effects(campaign(), campaign("axbc"), figures)["step invite/x"]
    assert said == "7 people will come to it, not for 5 people who are past it, 2 become due at once"


def test_a_step_that_reopens_is_for_those_behind_it_too() -> None:
    steps = tuple(replace(step(each), reopen=each == "x") for each in "xabc")
    found = lines(campaign(), with_sequence(campaign(), steps=steps), WAITING)
    assert found == [
        "+ step invite/x: send 1 day later, reopen [3 people will come to it, also for 9 people who are past it]"
    ]


def test_a_broadcast_says_to_how_many_it_would_go() -> None:
    letter = Broadcast("a", "news", parse_when("2026-12-01 9:00"))
    figures = Figures(readers={("a", "news", letter.when.phrase): 812})
    assert effects(campaign(), campaign(broadcasts=(letter,)), figures) == {"broadcast a": "812 people as of now"}
