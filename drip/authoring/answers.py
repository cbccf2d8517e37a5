"""What the web said about the links of posts and layouts, as Problems.

Names the addresses that can be asked and judges the answers; asking is `drip.cli.linking`'s, for this room opens no
connection. Called by `drip check --links`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from drip.authoring.check_layouts import elements_of
from drip.authoring.check_links import BLOT, Link, links_in
from drip.authoring.desk import Desk
from drip.authoring.problems_catalogue import problem
from drip.authoring.section import clip
from drip.core.problems import Problem

GONE = frozenset({404, 410})
"""Answers that mean the same for everybody. All others may be meant for us alone: a login, a limit, a bad moment."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, or why there was none. `is_final`: asking again would not help, such as for a host without a name."""

    status: int = 0
    fault: str = ""
    is_final: bool = False


def web_links(desk: Desk) -> list[Link]:
    """The complete web addresses in posts and layouts, in order; those with Jinja in them are known only per reader."""
    found = [link for _, draft in desk.posts() for link in links_in(draft)]
    for element in elements_of(desk):
        if element.place.path.startswith("templates/") and not element.place.path.endswith(".md"):
            for name in ("href", "src"):
                address = element.attributes.get(name, "")
                found.append(Link(address, "HTML", element.place, is_picture=name == "src"))
    return [each for each in found if _can_be_asked(each.address)]


def _can_be_asked(address: str) -> bool:
    return address.lower().startswith(("http://", "https://")) and BLOT not in address


def judge_answers(links: Iterable[Link], answers: Mapping[str, Answer]) -> Iterator[Problem]:
    """A problem for every link whose answer was not yes."""
    for link in links:
        answer = answers.get(link.address)
        if answer is None or 200 <= answer.status < 400:
            continue
        said = answer.fault or f"the answer is {answer.status}"
        message = f"`{clip(link.address)}`: {said}"
        if answer.status in GONE or answer.is_final:
            yield problem("dead-link", message, link.place, "write an address that is there, or take the link out")
        else:
            yield problem("doubtful-link", message, link.place, "open it yourself once")
