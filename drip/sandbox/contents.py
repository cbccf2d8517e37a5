"""What a project has to show: its campaigns with their sequences, steps and broadcasts, and drip's own posts.

Made from what could be read, so that a list is there even when half of it is broken. Pure. Called by
`drip.sandbox.live_pages`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from drip.authoring.read_campaign import CampaignDraft
from drip.authoring.read_post import PostDraft
from drip.core.model import Broadcast, Sequence, Step, Verb
from drip.core.problems import Problem, Rank

OWN_POSTS = "templates/mails/"


@dataclass(frozen=True, slots=True)
class Line:
    """A post in the list, or a step that sends nothing (then `path` is empty). `detail` says when, and if."""

    label: str
    path: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A sequence, the broadcasts, or the posts that nothing sends."""

    title: str
    lines: tuple[Line, ...]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A campaign, or drip's own posts. `path` is the file of its plot."""

    title: str
    groups: tuple[Group, ...]
    path: str = ""


def list_chapters(campaigns: Iterable[CampaignDraft], own_posts: Iterable[PostDraft]) -> tuple[Chapter, ...]:
    """Everything there is to look at, in the order of the files."""
    chapters = [_campaign(each) for each in campaigns]
    own = tuple(Line(each.post.name, each.post.path) for each in own_posts)
    if own:
        chapters.append(Chapter("drip's own posts", (Group("", own),)))
    return tuple(chapters)


def post_paths(chapters: Iterable[Chapter]) -> list[str]:
    """The paths of all posts in the list, each once, in order."""
    lines = (line for chapter in chapters for group in chapter.groups for line in group.lines)
    return list(dict.fromkeys(line.path for line in lines if line.path))


def _campaign(draft: CampaignDraft) -> Chapter:
    campaign = draft.campaign
    groups = [_sequence(each, draft.posts) for each in campaign.sequences]
    if campaign.broadcasts:
        lines = tuple(_broadcast(each, draft.posts) for each in campaign.broadcasts)
        groups.append(Group("broadcasts", lines))
    shown = {line.path for group in groups for line in group.lines}
    rest = tuple(
        Line(name, post.post.path, "draft" if post.is_draft else "")
        for name, post in draft.posts.items()
        if post.post.path not in shown
    )
    if rest:
        groups.append(Group("nothing sends these" if draft.was_read else "posts", rest))
    return Chapter(campaign.name, tuple(groups), draft.path)


def _sequence(sequence: Sequence, posts: Mapping[str, PostDraft]) -> Group:
    lines = tuple(line for each in sequence.steps for line in _step(each, posts))
    return Group(f"sequence {sequence.name}", lines, f"start: {sequence.start.phrase}")


def _step(step: Step, posts: Mapping[str, PostDraft]) -> Iterator[Line]:
    """The line of a step; a test has one for each of its posts."""
    detail = step.when.phrase + (f", if {step.condition.phrase}" if step.condition else "")
    if not step.is_mail:
        yield Line(f"{step.verb.value}: {step.target}", "", detail)
    for post in step.posts:
        test = f", test {step.target}" if step.verb is Verb.TEST else ""
        yield Line(post, _path(post, posts), detail + test)


def _broadcast(broadcast: Broadcast, posts: Mapping[str, PostDraft]) -> Line:
    return Line(broadcast.post, _path(broadcast.post, posts), f"{broadcast.when.phrase}, to {broadcast.list}")


def _path(post: str, posts: Mapping[str, PostDraft]) -> str:
    return posts[post].post.path if post in posts else ""


# --- problems ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tally:
    """How many problems of each rank a file has."""

    errors: int = 0
    warnings: int = 0
    notes: int = 0

    def words(self) -> str:
        """`2 errors, 1 note`, or nothing."""
        counted = ((self.errors, "error"), (self.warnings, "warning"), (self.notes, "note"))
        return ", ".join(f"{number} {name}{'s' if number != 1 else ''}" for number, name in counted if number)

    @property
    def worst(self) -> str:
        """The highest rank there is, or nothing."""
        return "error" if self.errors else "warning" if self.warnings else "note" if self.notes else ""


def tally(problems: Iterable[Problem]) -> Mapping[str, Tally]:
    """The problems counted, by the path of their file."""
    ranks: dict[str, list[Rank]] = {}
    for each in problems:
        ranks.setdefault(each.place.path, []).append(each.rank)
    return {
        path: Tally(found.count(Rank.ERROR), found.count(Rank.WARNING), found.count(Rank.NOTE))
        for path, found in ranks.items()
    }


def around(path: str, problems: Iterable[Problem]) -> Iterator[Problem]:
    """The problems beside a post that bear on it: of its campaign's plot, of drip.yaml, and of the layouts."""
    folder = path.rpartition("/")[0]
    for each in problems:
        place = each.place.path
        is_shared = place == "drip.yaml" or (place.startswith("templates/") and not place.startswith(OWN_POSTS))
        if place != path and (is_shared or place == f"{folder}/campaign.yaml"):
            yield each


def kilobytes(size: int) -> str:
    """`19.9 kB`."""
    return f"{size / 1000:.1f} kB"
