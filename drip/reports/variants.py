"""What each variant of each test has come to: part of the numbers of `drip status`.

Reads the store, judges nothing: which variant won is for the author to say, with enough readers in each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drip.core.model import Campaign

if TYPE_CHECKING:
    from drip.store.work import Work

VARIANT_HEADINGS = ("variant", "weight", "sent", "goal")


@dataclass(frozen=True, slots=True)
class VariantNumbers:
    """One post of a test: its weight, how often it was sent, how many of those passages reached the goal.

    `weight` None: the test no longer has it. `goal` None: the sequence has no goal.
    """

    campaign: str
    test: str
    post: str
    weight: int | None
    sent: int
    goal: int | None


def variant_numbers(work: Work, campaigns: Iterable[Campaign]) -> list[VariantNumbers]:
    """All tests that are live, in the order of the files; variants that were taken out come last."""
    tests = [
        (campaign.name, step, sequence.goal is not None)
        for campaign in campaigns
        for sequence in campaign.sequences
        for step in sequence.steps
        if step.variants
    ]
    counts = work.variant_counts([(name, step.identity) for name, step, _ in tests])
    rows = []
    for name, step, has_goal in tests:
        mine = {each.post: each for each in counts if (each.campaign, each.step) == (name, step.identity)}
        weights = {each.post: each.weight for each in step.variants}
        for post in (*weights, *sorted(set(mine) - set(weights))):
            found = mine.get(post)
            sent, goal = (found.sent, found.goal) if found is not None else (0, 0)
            if post in weights or sent:
                numbers = (weights.get(post), sent, goal if has_goal else None)
                rows.append(VariantNumbers(name, step.identity, post, *numbers))
    return rows


def variant_document(each: VariantNumbers) -> dict[str, object]:
    """One row for machines."""
    return {
        "campaign": each.campaign,
        "test": each.test,
        "post": each.post,
        "weight": each.weight,
        "sent": each.sent,
        "goal": each.goal,
    }


def variant_row(each: VariantNumbers) -> tuple[str, str, str, str]:
    """One row for people: `six/invite/subject-line: own-the-mistake`."""
    return (
        f"{each.campaign}/{each.test}: {each.post}",
        "-" if each.weight is None else f"{each.weight}",
        f"{each.sent:,}",
        "-" if each.goal is None else f"{each.goal:,} ({each.goal / each.sent:.0%})" if each.sent else "0",
    )
