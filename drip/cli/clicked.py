"""What is known of links that readers followed, as lines and documents: for `drip why` and `drip delivery show`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from drip.cli.output import count, one_line
from drip.core.clicks import OUR_PAGES, Click
from drip.core.records import Subscriber
from drip.core.when import wall_clock


def click_documents(clicks: Iterable[Click]) -> list[dict[str, object]]:
    """Links of mails for machines; `waits_until` is when it is known whether it was the reader."""
    return [
        {
            "campaign": each.campaign,
            "post": each.post,
            "link": each.link,
            "clicked_at": each.clicked_at,
            "waits_until": each.settles_at,
            "machines": each.machines,
        }
        for each in clicks
        if each.link != OUR_PAGES
    ]


def click_lines(clicks: Iterable[Click], zone: str, *, with_post: bool) -> list[str]:
    """A line for each link that anybody or anything fetched."""
    lines = []
    for each in clicks:
        if each.link == OUR_PAGES:
            continue
        if each.clicked_at is not None:
            said = f"followed {wall_clock(each.clicked_at, zone)}"
        elif each.settles_at is not None:
            said = "perhaps just followed; known within a minute"
        else:
            said = "not followed"
        machines = f"; machines fetched it {count(each.machines, 'time')}" if each.machines else ""
        where = f"{each.campaign}/{each.post}  " if with_post else ""
        lines.append(f"  {where}{one_line(each.link)}  {said}{machines}")
    return lines


def choice_lines(person: Subscriber, clicks: Sequence[Click], zone: str) -> list[str]:
    """Whether somebody's clicks may be noted, and which were; nothing where neither was ever the case."""
    if person.clicks_since is None:
        return []
    since = f"links followed (noted since {wall_clock(person.clicks_since, zone)}, as they agreed)"
    return ["", since, *(click_lines(clicks, zone, with_post=True) or ["  none so far"])]
