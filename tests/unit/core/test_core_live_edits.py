"""Rule 9, live edits: renames, steps that reopen, steps that are taken out, and whatever else is done to a file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from drip.core.decide import Do, Skip, next_step, timeline
from drip.core.model import Campaign, Sequence, Step, Verb
from drip.core.plan import compare
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
from drip.core.triggers import parse_trigger
from drip.core.when import parse_when

START = datetime(2026, 6, 18, 14, tzinfo=UTC)
CAMPAIGN = Campaign("six", "Six", "UTC")


def step(name: str, *, was: tuple[str, ...] = (), reopen: bool = False) -> Step:
    return Step("seq", Verb.SEND, name, parse_when("2 days later"), was=was, reopen=reopen)


def sequence(*steps: Step) -> Sequence:
    return Sequence("seq", parse_trigger("joins news", role="start"), steps)


def reader(*done: str, did: Did = Did.SENT) -> Facts:
    ana = Subscriber(SubscriberId(1), "ana@example.com", "m1", START)
    behind = tuple(StepDone(f"seq/{each}", did, START + timedelta(days=n)) for n, each in enumerate(done))
    inside = Enrollment(EnrollmentId(1), "six", "seq", ana.id, "first", EnrollmentState.RUNNING, START, done=behind)
    return Facts(ana, inside, "UTC", lists=frozenset({"news"}))


def ahead(seq: Sequence, facts: Facts) -> list[str]:
    """The posts that are still to come."""
    made = timeline(seq, facts, START + timedelta(days=30), campaign=CAMPAIGN)
    return [each.step.target for _, each in made if isinstance(each, Do | Skip)]


def test_rule_09_a_renamed_step_is_not_sent_again() -> None:
    assert ahead(sequence(step("one", was=("uno",)), step("two")), reader("uno")) == ["two"]


def test_rule_09_a_step_can_be_renamed_twice() -> None:
    assert ahead(sequence(step("one", was=("eins", "uno")), step("two")), reader("uno")) == ["two"]


def test_rule_09_without_was_a_rename_is_another_step() -> None:
    assert ahead(sequence(step("one"), step("two")), reader("uno")) == ["one", "two"]


def test_rule_09_a_step_behind_runs_only_if_it_reopens() -> None:
    assert ahead(sequence(step("new"), step("one"), step("two")), reader("one")) == ["two"]
    assert ahead(sequence(step("new", reopen=True), step("one"), step("two")), reader("one")) == ["new", "two"]


def test_rule_09_plan_tells_a_rename_from_a_loss() -> None:
    before = replace(CAMPAIGN, sequences=(sequence(step("uno"), step("two")),))
    wanted = replace(CAMPAIGN, sequences=(sequence(step("one", was=("uno",)), step("two")),))
    lines = compare(before, wanted, waiting={"seq": 3, "seq/uno": 3}).lines
    assert [(each.sign, each.subject, each.what) for each in lines] == [("~", "step seq/one", "was seq/uno")]


def test_rule_09_plan_shows_that_a_step_reopens() -> None:
    before = replace(CAMPAIGN, sequences=(sequence(step("one")),))
    wanted = replace(CAMPAIGN, sequences=(sequence(step("one", reopen=True)),))
    assert [each.what for each in compare(before, wanted, waiting={}).lines] == [
        "send 2 days later → send 2 days later, reopen"
    ]


names = st.sampled_from("abcdef")


@st.composite
def edits(draw: st.DrawFn) -> tuple[Sequence, Sequence, Facts]:
    """A sequence, somebody in it, and the sequence after the author has moved, removed, added and renamed."""
    old = draw(st.lists(names, min_size=1, unique=True))
    done = old[: draw(st.integers(0, len(old)))]
    kept = draw(st.permutations([each for each in old if draw(st.booleans())]))
    steps = [step(f"{each}2", was=(each,)) if draw(st.booleans()) else step(each) for each in kept]
    for number in range(draw(st.integers(0, 2))):
        steps.insert(draw(st.integers(0, len(steps))), step(f"new{number}", reopen=draw(st.booleans())))
    did = draw(st.sampled_from([Did.SENT, Did.SKIPPED, Did.UNCERTAIN]))
    return sequence(*map(step, old)), sequence(*steps), reader(*done, did=did)


@given(edits())
@settings(max_examples=150, deadline=None)
def test_rule_09_no_edit_sends_anything_twice_or_behind_the_reader(edit: tuple[Sequence, Sequence, Facts]) -> None:
    _, after, facts = edit
    done = {each.step for each in facts.enrollment.done}
    comes = ahead(after, facts)
    assert len(set(comes)) == len(comes)
    # Said without the code's own idea of sameness: `a2` is what became of `a`.
    assert done.isdisjoint(f"seq/{each.removesuffix('2')}" for each in comes)
    by_name = {each.target: each for each in after.steps}
    assert all(done.isdisjoint(by_name[each].identities) for each in comes)
    behind = [n for n, each in enumerate(after.steps) if not done.isdisjoint(each.identities)]
    furthest = max(behind, default=-1)
    assert all(after.steps.index(by_name[each]) > furthest or by_name[each].reopen for each in comes)
    # And nobody is forgotten: whatever stands ahead comes.
    assert {each.target for each in after.steps[furthest + 1 :]} <= set(comes)
    assert (next_step(after, facts) is None) == (not comes)
