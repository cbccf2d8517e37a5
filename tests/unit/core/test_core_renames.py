"""Renames: told by `was:` they change nothing for anybody, and not told they are asked for, never guessed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drip.core.model import Campaign, Post, Sequence, Step, Verb
from drip.core.plan import compare
from drip.core.renames import carried_over, step_hints
from drip.core.triggers import parse_trigger
from drip.core.when import parse_when

JOINS = parse_trigger("joins news", role="start")


def step(name: str, *was: str, sequence: str = "invite", verb: Verb = Verb.SEND) -> Step:
    return Step(sequence, verb, name, parse_when("1 day later"), was=was)


def plot(*steps: Step | str, name: str = "invite", was: tuple[str, ...] = ()) -> Sequence:
    made = [step(each, sequence=name) if isinstance(each, str) else each for each in steps]
    return Sequence(name, JOINS, tuple(made), was=was)


def post(name: str, body: str = "", was: str = "") -> Post:
    return Post(name, f"campaigns/c/{name}.md", f"About {name}", "", body or f"Text of {name}.", head={"was": was})


def campaign(*sequences: Sequence, posts: tuple[Post, ...] = ()) -> Campaign:
    return Campaign("c", "C", "UTC", sequences=sequences, posts={each.name: each for each in posts})


def hints(before: Campaign, wanted: Campaign) -> dict[str, str]:
    return {line.subject: line.hint for line in compare(before, wanted, waiting={}).lines if line.hint}


@pytest.mark.parametrize(
    ("before", "wanted", "asked"),
    [
        ("abc", "abx", {"invite/x": "c"}),
        ("abc", "xbc", {"invite/x": "a"}),
        ("abc", "axc", {"invite/x": "b"}),
        ("abc", "axy", {}),  # which of the two would it be?
        ("abc", "abcx", {}),
        ("abc", "xac", {}),  # b is gone and x is new, elsewhere
        ("abc", "ab", {}),
        ("abcd", "xbyd", {"invite/x": "a", "invite/y": "c"}),
        ("a", "x", {"invite/x": "a"}),
    ],
)
def test_a_step_in_the_place_of_one_that_is_gone_is_asked_for(before: str, wanted: str, asked: dict[str, str]) -> None:
    found = step_hints(plot(*before), plot(*wanted))
    assert found == {
        new: f"`{old}` is gone and `{new.partition('/')[2]}` is new at the same place:"
        f" if it is the same, say `was: {old}`"
        for new, old in asked.items()
    }


def test_a_rename_that_is_told_is_not_asked_for() -> None:
    assert step_hints(plot("a", "b"), plot("a", step("x", "b"))) == {}


def test_another_verb_is_another_step() -> None:
    assert step_hints(plot("a"), plot(step("x", verb=Verb.TAG))) == {}


def test_a_sequence_with_the_same_steps_is_asked_for() -> None:
    before, wanted = campaign(plot("a", "b", "c")), campaign(plot("a", "b", "d", name="welcome"))
    assert hints(before, wanted) == {
        "sequence welcome": "`invite` is gone and has the same steps: if it is the same, say `was: invite`"
    }
    told = compare(before, campaign(plot("a", "b", "d", name="welcome", was=("invite",))), waiting={"invite": 3})
    assert [(line.sign, line.subject, line.what, line.effect) for line in told.lines if "sequence" in line.subject] == [
        ("~", "sequence welcome", "was invite", "3 people in it stay in it")
    ]
    assert hints(before, campaign(plot("x", "y", name="welcome"))) == {}


def test_a_post_with_the_same_words_is_asked_for() -> None:
    text = "Own the mistake, say what you learned, and go on."
    before = campaign(posts=(post("own", text), post("other")))
    wanted = campaign(posts=(post("own-it", text + " Really."), post("other")))
    assert list(hints(before, wanted)) == ["post own-it"]
    told = compare(before, campaign(posts=(post("own-it", text, was="own"), post("other"))), waiting={})
    assert [(line.sign, line.subject, line.what) for line in told.lines] == [
        ("~", "post own-it", "was own"),
        ("~", "post own-it", "subject: About own → About own-it"),
    ]


def test_names_are_carried_over_and_nothing_else() -> None:
    before = campaign(plot("a", "b"), posts=(post("a"), post("b")))
    wanted = campaign(plot("a", "b", name="welcome", was=("invite",)), posts=(post("a"), post("x", was="b")))
    carried = carried_over(before, wanted)
    assert [each.name for each in carried.sequences] == ["welcome"]
    assert [each.identity for each in carried.sequences[0].steps] == ["welcome/a", "welcome/b"]
    assert sorted(carried.posts) == ["a", "x"]
    assert carried_over(carried, wanted) == carried


def test_a_name_that_is_still_there_was_not_renamed() -> None:
    before = campaign(plot("a"), plot("b", name="other"))
    assert carried_over(before, campaign(plot("a"), plot("b", name="other", was=("invite",)))) == before


NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=6)


@given(NAMES, NAMES)
def test_every_hint_names_what_is_gone_and_each_at_most_once(before: list[str], wanted: list[str]) -> None:
    found = step_hints(plot(*before), plot(*wanted))
    asked = [text.split("`")[1] for text in found.values()]
    assert len(set(asked)) == len(asked)
    assert set(asked) <= set(before) - set(wanted)
    assert {each.partition("/")[2] for each in found} <= set(wanted) - set(before)


@given(NAMES, NAMES)
def test_what_is_told_is_the_same_as_no_rename_at_all(before: list[str], wanted: list[str]) -> None:
    """Under its old name, and under a new one that is told, an edited sequence has the same lines."""
    live = campaign(plot(*before))
    plain = compare(live, campaign(plot(*wanted)), waiting={"invite": 3})
    renamed = replace(plot(*wanted, name="later"), was=("invite",))
    told = compare(live, campaign(renamed), waiting={"invite": 3})
    lines = [replace(line, subject=line.subject.replace("later", "invite")) for line in told.lines]
    assert lines[0].what == "was invite"
    assert lines[1:] == list(plain.lines)
