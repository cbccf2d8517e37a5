"""Who shares what is ahead of them: only those for whom it is the same. Planted faults leave out what matters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

import pytest

from drip.core import forecast
from drip.core.forecast import Forecast, ahead
from drip.core.model import Campaign, Sequence, Verb
from drip.core.records import Did, EnrollmentId, StepDone, Subscriber, SubscriberId
from drip.core.standing import Passage, Plots, Standing
from drip.core.variants import Variant
from tests.unit.core.scenes import NEW_YORK, at, sequence

MORNING = at(2026, 12, 2, 9, 30)
START = at(2026, 12, 2, 6)
BRANCHES = sequence(
    "joins news", "a | at once", "b | 1 day later at 9:30 | tag vip", "c | 1 day later", "d | 1 hour later"
)


def person(number: int, anchor: datetime, last_drip: datetime | None = None) -> Standing:
    """Somebody who had their last mail at `anchor` and waits for this morning."""
    who = Subscriber(SubscriberId(number), f"p{number}@example.com", f"m{number}", anchor)
    behind = (StepDone("seq/a", Did.SENT, anchor),)
    waits = Passage(EnrollmentId(1), "six", "seq", "first", anchor, next_due=MORNING, next_step="seq/b", done=behind)
    return Standing(who, NEW_YORK, {"news": anchor}, [waits], last_drip_at=last_drip or anchor)


def both(plot: Sequence, *people: Standing) -> list[list[tuple[datetime, str]]]:
    """What is ahead of each of them, foreseen together."""
    plots = Plots(MappingProxyType({"six": Campaign("six", "Six", NEW_YORK, sequences=(plot,))}), NEW_YORK)
    together = Forecast(plots, START, START + timedelta(days=30))
    turns = [together.add(each) for each in people]
    return [[(each.at, each.post) for each in ahead(turn)] for turn in turns]


def by_anchor() -> None:
    """What counts from the last mail goes on counting from it when a step is skipped (rule 3)."""
    ten, eleven = both(BRANCHES, person(1, at(2026, 12, 1, 10)), person(2, at(2026, 12, 1, 11)))
    assert ten[0] == (at(2026, 12, 2, 10), "c")
    assert eleven[0] == (at(2026, 12, 2, 11), "c")


def by_last_drip() -> None:
    """Whoever had a mail of another sequence lately waits for twelve hours (rule 6)."""
    plot = sequence("joins news", "a | at once", "b | at once | tag vip", "c | 2 hours later")
    old = at(2026, 12, 1, 8)
    fresh, rested = both(plot, person(1, old, at(2026, 12, 2, 8)), person(2, old))
    assert fresh[0] == (at(2026, 12, 2, 20), "c")
    assert rested[0] == (MORNING, "c")


def by_variant() -> None:
    """A test gives each person their own post (rule 14)."""
    steps = sequence("joins news", "a | at once", "b | 1 day later at 9:30").steps
    test = replace(steps[1], verb=Verb.TEST, variants=(Variant("b", 1), Variant("b2", 1)))
    plot = replace(BRANCHES, steps=(steps[0], test))
    posts = {mails[0][1] for mails in both(plot, *(person(number, at(2026, 12, 1, 10)) for number in range(1, 30)))}
    assert posts == {"b", "b2"}


@pytest.mark.parametrize("rule", [by_anchor, by_last_drip, by_variant], ids=lambda each: each.__name__)
def test_people_who_differ_share_nothing(rule: Callable[[], None]) -> None:
    rule()


@pytest.mark.parametrize(
    ("rule", "left_out", "answer"),
    [(by_anchor, "_is_plain", True), (by_last_drip, "_last_drip", None), (by_variant, "_variant", "")],
)
def test_what_is_left_out_of_it_is_found(
    rule: Callable[[], None], left_out: str, answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast._Likeness, left_out, lambda *_: answer)
    with pytest.raises(AssertionError):
        rule()


def test_people_in_the_same_position_are_worked_out_once() -> None:
    plot = sequence("joins news", "a | at once", "b | 1 day later at 9:30", "c | 2 days later at 9:30")
    plots = Plots(MappingProxyType({"six": Campaign("six", "Six", NEW_YORK, sequences=(plot,))}), NEW_YORK)
    together = Forecast(plots, START, START + timedelta(days=30))
    for number in range(1, 1001):
        together.add(person(number, at(2026, 12, 1, 8) + timedelta(seconds=number)))
    assert together.people == 1000
    assert together.positions == 2
    assert [(each.post, people) for each, people in together.numbers().items()] == [("b", 1000), ("c", 1000)]
