"""How many followed a link of each post: part of the numbers of `drip status`.

Reads the store, judges nothing. Who did not agree is in none of these numbers, so they are no rates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drip.core.clicks import counted_posts
from drip.core.model import Campaign

if TYPE_CHECKING:
    from drip.store.work import Work

CLICK_HEADINGS = ("links followed", "people", "links", "machines")


@dataclass(frozen=True, slots=True)
class ClickNumbers:
    """One post: how many people followed a link of it, how many links, and how often machines fetched one."""

    campaign: str
    post: str
    people: int
    links: int
    machines: int


def click_numbers(work: Work, campaigns: Iterable[Campaign]) -> list[ClickNumbers]:
    """All posts whose links are counted, in the order of their names, and those that were."""
    counted = {(campaign.name, post) for campaign in campaigns for post in counted_posts(campaign)}
    known = {(each.campaign, each.post): each for each in work.click_counts()}
    rows = []
    for campaign, post in sorted(counted | known.keys()):
        found = known.get((campaign, post))
        numbers = (found.people, found.links, found.machines) if found is not None else (0, 0, 0)
        rows.append(ClickNumbers(campaign, post, *numbers))
    return rows


def click_document(each: ClickNumbers) -> dict[str, object]:
    """One row for machines."""
    return {
        "campaign": each.campaign,
        "post": each.post,
        "people": each.people,
        "links": each.links,
        "machines": each.machines,
    }


def click_row(each: ClickNumbers) -> tuple[str, str, str, str]:
    """One row for people: `six-deadly-mistakes/last-seats`."""
    return (f"{each.campaign}/{each.post}", f"{each.people:,}", f"{each.links:,}", f"{each.machines:,}")
