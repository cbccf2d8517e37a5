"""Reads drip tests, `campaigns/NAME/tests/*.yaml`, into stories, collecting every problem on the way.

Moments are resolved here, each from the line above it, so a story holds plain moments. Never raises on what an author
writes, never reads files. Called by `drip.authoring.check`, and by `drip test` through `read_stories`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from drip.authoring.keys import NAME_PATTERN, STORY_KEYS
from drip.authoring.read_campaign import CampaignDraft
from drip.authoring.read_project import ProjectDraft, judged
from drip.authoring.read_values import Fault, read_zone
from drip.authoring.section import Named, Notebook, Section, clip, name_rule, read_section, similar
from drip.authoring.source import Scalar
from drip.core.evergreen import start_of
from drip.core.model import NOTHING
from drip.core.problems import Place, Problem
from drip.core.reasons import ReasonName
from drip.core.story import (
    ARGUMENTS,
    LIST,
    NEXT,
    NOTHING_COMES,
    POST,
    SESSION,
    TAG,
    WEBINAR_DEEDS,
    ZONE,
    Awaited,
    Deed,
    DeedPhrase,
    Story,
    StoryPerson,
    StoryTime,
    parse_awaited,
    parse_begin,
    parse_deed,
    parse_end,
)
from drip.core.when import local_to_utc

T = TypeVar("T")

_STORY_PATH = re.compile(r"campaigns/([^/]+)/tests/(.+)\.ya?ml")
_OWN_POST = re.compile(r"templates/mails/([^/]+)\.md")
_REASONS = frozenset(reason.value for reason in ReasonName)


def story_paths(files: Mapping[str, str], campaign: str) -> list[str]:
    """The drip tests of a campaign."""
    matches = ((path, _STORY_PATH.fullmatch(path)) for path in files)
    return sorted(path for path, match in matches if match is not None and match[1] == campaign)


@dataclass(frozen=True, slots=True)
class Cast:
    """What a story can speak of."""

    campaign: CampaignDraft
    project: ProjectDraft
    own_posts: frozenset[str]

    @property
    def sequences(self) -> tuple[str, ...]:
        """The names of the campaign's sequences."""
        return tuple(each.value.name for each in self.campaign.sequences)


def read_story(
    files: Mapping[str, str], path: str, campaign: CampaignDraft, project: ProjectDraft
) -> tuple[Story | None, list[Problem]]:
    """One drip test, and its problems; None if an error is among them."""
    book = Notebook(files)
    match = _STORY_PATH.fullmatch(path)
    assert match is not None, "it is the path of a story"
    table = book.compose(path)
    if table is None:
        return None, book.problems
    section = read_section(book, table, STORY_KEYS, "this test", Place(path))
    own = frozenset(found[1] for each in files if (found := _OWN_POST.fullmatch(each)))
    cast = Cast(campaign, project, own)
    wall = book.phrase(section.scalars.get("begins"), parse_begin)
    begins = local_to_utc(wall, project.definition.timezone) if wall is not None else None
    people = tuple(
        _person(book, named, begins, cast) for named in section.named.get("people", []) if named.section is not None
    )
    _note_same_addresses(book, section.named.get("people", []))
    if begins is None or book.has_errors:
        return None, book.problems
    return Story(match[2], path, match[1], section.text("title"), begins, people), book.problems


def _note_same_addresses(book: Notebook, people: list[Named]) -> None:
    """Ann and ann would be one person."""
    seen: dict[str, str] = {}
    for named in people:
        first = seen.setdefault(named.name.lower(), named.name)
        if first != named.name:
            message = f"`{clip(named.name)}` and `{clip(first)}` would have the same address"
            book.note("bad-name", message, named.place, "give one of them another name")


def _person(book: Notebook, named: Named, begins: datetime | None, cast: Cast) -> StoryPerson:
    section = named.section
    assert section is not None, "it is a table"
    zone = judged(book, section, "zone", "bad-zone", read_zone, cast.project.definition.timezone)
    # Where the begin cannot be read, lines are read all the same, from any day.
    start = begins or datetime(2000, 1, 3, tzinfo=UTC)
    fields = {each.name: each.scalar.text for each in section.named.get("fields", []) if each.scalar is not None}
    for each in section.named.get("fields", []):
        if cast.project.fields is not None and each.name not in cast.project.fields:
            advice = similar(each.name, cast.project.fields, "a field") or "add it under `fields` in drip.yaml"
            book.note("unknown-field", f"drip.yaml has no field `{clip(each.name)}`", each.place, advice)
    deeds = tuple(_deeds(book, section, start, zone, cast))
    # Nobody gets anything before they first do something, so `Fri 9:00` is a Friday after that.
    first = deeds[0].at if deeds else start
    return StoryPerson(
        name=named.name,
        line=named.place.line,
        zone=zone,
        has_own_zone="zone" in section.scalars,
        fields=fields or NOTHING,
        deeds=deeds,
        gets=_awaited(book, section, first, zone, cast),
        never=tuple(_never(book, section, cast)),
        ends=dict(_ends(book, section, cast)) or NOTHING,
    )


def _in_order(
    book: Notebook,
    scalars: tuple[Scalar, ...],
    start: datetime,
    zone: str,
    parse: Callable[[str], T],
    time_of: Callable[[T], StoryTime | None],
) -> Iterator[tuple[Scalar, T, datetime | None]]:
    """The lines that can be read, with their moments, each counted from the one above."""
    above = start
    for scalar in scalars:
        meant = book.phrase(scalar, parse)
        if meant is None:
            continue
        story_time = time_of(meant)
        if story_time is None:
            yield scalar, meant, None
            continue
        moment = story_time.after(above, zone)
        if moment < above:
            message = "this is before the line above it" if above > start else "this is before the test begins"
            book.note("story-goes-back", message, scalar.place, "put the lines in the order of their moments")
            continue
        above = moment
        yield scalar, meant, moment


def _deeds(book: Notebook, section: Section, start: datetime, zone: str, cast: Cast) -> Iterator[Deed]:
    texts = section.texts.get("does", ())
    read: Callable[[DeedPhrase], StoryTime] = lambda meant: meant.time  # noqa: E731 - a name for its type
    for scalar, meant, moment in _in_order(book, texts, start, zone, parse_deed, read):
        assert moment is not None, "every deed has its moment"
        _check_deed(book, scalar, meant, cast)
        yield Deed(moment, meant.kind, meant.argument, scalar.place.line)


def _check_deed(book: Notebook, scalar: Scalar, deed: DeedPhrase, cast: Cast) -> None:
    """What a deed names must be there."""
    name, place = deed.argument, scalar.place_of(deed.argument)
    campaign, project = cast.campaign, cast.project
    what = ARGUMENTS.get(deed.kind)
    if deed.kind in WEBINAR_DEEDS and campaign.was_read and not campaign.has_webinar:
        message = f"`{deed.kind.value}` speaks of a webinar, and this campaign has none"
        book.note("no-webinar", message, scalar.place_of(deed.kind.value), "add a `webinar:` with its sessions")
    elif what == LIST and project.lists is not None and name not in project.lists:
        advice = similar(name, project.lists, "a list") or "add it under `lists` in drip.yaml"
        book.note("unknown-list", f"drip.yaml has no list `{clip(name)}`", place, advice)
    elif what == SESSION and campaign.is_evergreen:
        if name != NEXT and start_of(name) is None:
            advice = f"write `{NEXT}`, or its start in UTC such as `2026-12-08-1700z`"
            book.note("unknown-session", f"an evergreen webinar has no session `{clip(name)}`", place, advice)
    elif what == SESSION and campaign.was_read and name not in (campaign.session_names or (name,)):
        advice = similar(name, campaign.session_names or (), "a session")
        book.note("unknown-session", f"the webinar has no session `{clip(name)}`", place, advice)
    elif what == POST:
        _check_post(book, name, place, cast)
    elif what == TAG and not re.fullmatch(NAME_PATTERN, name):
        book.note("bad-name", f"`{clip(name)}` cannot be the name of a tag", place, name_rule(NAME_PATTERN))
    elif what == ZONE:
        try:
            read_zone(name)
        except Fault as fault:
            book.note("bad-zone", fault.message, place, fault.advice)


def _awaited(book: Notebook, section: Section, start: datetime, zone: str, cast: Cast) -> tuple[Awaited, ...] | None:
    texts = section.texts.get("gets")
    if texts is None:
        return None
    if len(texts) == 1 and texts[0].text.strip() == NOTHING_COMES:
        return ()
    awaited = []
    for scalar, meant, moment in _in_order(book, texts, start, zone, parse_awaited, lambda meant: meant.time):
        if moment is not None:
            _check_post(book, meant.post, scalar.place_of(meant.post), cast)
        awaited.append(Awaited(moment, meant.post, scalar.place.line))
    return tuple(awaited)


def _check_post(book: Notebook, name: str, place: Place, cast: Cast) -> None:
    """A post of the campaign, or one of drip's own."""
    if name not in cast.campaign.posts and name not in cast.own_posts:
        advice = similar(name, [*cast.campaign.posts, *cast.own_posts], "a post")
        book.note("unknown-post", f"there is no post `{clip(name)}` in this campaign", place, advice)


def _never(book: Notebook, section: Section, cast: Cast) -> Iterator[str]:
    for scalar in section.texts.get("not", ()):
        name = scalar.text.strip()
        _check_post(book, name, scalar.place, cast)
        yield name


def _ends(book: Notebook, section: Section, cast: Cast) -> Iterator[tuple[str, str]]:
    for named in section.named.get("ends", []):
        if cast.campaign.was_read and named.name not in cast.sequences:
            advice = similar(named.name, cast.sequences, "a sequence")
            message = f"the campaign has no sequence `{clip(named.name)}`"
            book.note("unknown-sequence", message, named.place, advice)
        end = book.phrase(named.scalar, partial(parse_end, reasons=_REASONS))
        if end is not None:
            yield named.name, end
