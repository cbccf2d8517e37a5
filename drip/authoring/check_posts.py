"""Checks of posts but for their links: lengths, Jinja, fields, layouts.

Each check is one function from the desk to Problems; `drip.authoring.check` runs them all. Jinja is read, never run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from drip.authoring.desk import Desk, broadcasts_sending, sequences_sending
from drip.authoring.keys import GIVEN_NAMES
from drip.authoring.problems_catalogue import problem
from drip.authoring.read_campaign import CampaignDraft
from drip.authoring.read_post import POST_NAMES, PostDraft
from drip.authoring.section import clip, is_misspelt, similar
from drip.authoring.source import Lines
from drip.core.model import TriggerKind
from drip.core.problems import Place, Problem

if TYPE_CHECKING:
    from jinja2 import Environment

MAX_SUBJECT = 70
MAX_PREVIEW = 200
MAX_POST_BYTES = 60_000
_FIELD_CHARACTERS = 10

# What the values that every post is given can be asked for.
GIVEN_PARTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "links": frozenset(
            {"webinar", "join", "calendar", "cancel", "unsubscribe", "preferences", "browser", "confirm"}
        )
        | {"session", "post"},
        "webinar": frozenset({"title", "length", "parts"}),
        "session": frozenset({"name", "day", "time", "zone", "date", "starts_in", "city"}),
        "project": frozenset({"name", "address", "url"}),
        "list": frozenset({"name", "title", "promise"}),
        "post": frozenset({"subject", "preview"}),
    }
)
# What belongs to one registration, whether as a value or as a named link, and what to the webinar.
PERSONAL_VALUES = frozenset({"session"})
PERSONAL_LINKS = frozenset({"join", "calendar", "cancel"})
WEBINAR_VALUES = frozenset({"webinar", "sessions", *PERSONAL_VALUES})
WEBINAR_LINKS = frozenset({"webinar", "session", *PERSONAL_LINKS})

_TAG_BEGIN = re.compile(r"\{[{%#]")
_TAG_END = MappingProxyType({"{{": "}}", "{%": "%}", "{#": "#}"})


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a name in Jinja: the name, perhaps a part of it, and its line (from 1)."""

    name: str
    part: str
    line: int


@dataclass(frozen=True, slots=True)
class Markup:
    """What one piece of Jinja uses: names, unknown filters, templates. `guarded` are names that an `if` asks for."""

    uses: tuple[Use, ...] = ()
    filters: tuple[Use, ...] = ()
    templates: tuple[Use, ...] = ()
    guarded: frozenset[str] = frozenset()
    fault: str = ""
    fault_line: int = 1


@cache
def _environment() -> Environment:
    """Only to read: nothing is ever rendered with it."""
    from jinja2 import Environment

    environment = Environment(autoescape=True)
    del environment.globals["lipsum"]  # as in the environment that posts are made with
    return environment


def read_markup(source: str) -> Markup:
    """What a post's text, subject or preview uses of Jinja."""
    from jinja2 import TemplateSyntaxError, meta, nodes

    if "{" not in source:
        return Markup()
    try:
        tree = _environment().parse(source)
        free = meta.find_undeclared_variables(tree) - set(_environment().globals)
        uses = [
            Use(each.node.name, each.attr, each.lineno)
            for each in tree.find_all(nodes.Getattr)
            if isinstance(each.node, nodes.Name) and each.node.name in free
        ]
        uses += [Use(each.name, "", each.lineno) for each in tree.find_all(nodes.Name) if each.name in free]
        filters = [Use(each.name, "", each.lineno) for each in tree.find_all(nodes.Filter)]
        named = (nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport)
        templates = [
            Use(each.template.value, "", each.lineno)
            for each in tree.find_all(named)
            if isinstance(each, named)
            and isinstance(each.template, nodes.Const)
            and isinstance(each.template.value, str)
        ]
        branches = (nodes.If, nodes.CondExpr)
        tests = [each.test for each in tree.find_all(branches) if isinstance(each, branches)]
        guarded = {name.name for test in tests for name in test.find_all(nodes.Name)}
        guarded |= {test.name for test in tests if isinstance(test, nodes.Name)}
    except TemplateSyntaxError as error:
        return Markup(fault=str(error.message or "this is not valid"), fault_line=error.lineno)
    except RecursionError:
        return Markup(fault="it is nested too deeply")
    except (ValueError, OverflowError):
        # Python refuses to read whole numbers of thousands of digits.
        return Markup(fault="a number in it is too long")
    unknown = [each for each in filters if each.name not in _environment().filters]
    return Markup(tuple(dict.fromkeys(uses)), tuple(unknown), tuple(templates), frozenset(guarded))


def tags_in(text: str) -> Iterator[tuple[int, int]]:
    """The spans of Jinja's tags and comments; in linear time, also for braces that are never closed."""
    at = 0
    unclosed: set[str] = set()
    while match := _TAG_BEGIN.search(text, at):
        begin = match.group()
        end = -1 if begin in unclosed else text.find(_TAG_END[begin], match.end())
        if end < 0:
            unclosed.add(begin)
            at = match.end()
        else:
            yield match.start(), end + 2
            at = end + 2


def check_lengths(desk: Desk) -> Iterator[Problem]:
    """Subjects, previews and posts that are longer than inboxes show."""
    for _, draft in desk.posts():
        post = draft.post
        subject = len(post.subject) - sum(end - start - _FIELD_CHARACTERS for start, end in tags_in(post.subject))
        if subject > MAX_SUBJECT:
            message = f"the subject has {subject} characters; inboxes show about 60"
            yield problem("long-subject", message, draft.place_of("subject"), "say the first thing first, and less")
        unknown = [name for name in draft.head.names if name not in POST_NAMES]
        if post.subject and not post.preview and not is_misspelt("preview", unknown):
            place = draft.head.names.get("preview") or draft.place_of("subject")
            yield problem("missing-preview", "this post has no preview", place, "add `preview: …` below the subject")
        elif len(post.preview) > MAX_PREVIEW:
            message = f"the preview has {len(post.preview)} characters; inboxes show at most 140"
            yield problem("long-preview", message, draft.place_of("preview"), "one sentence is enough")
        size = len(post.body.encode("utf-8", "replace"))
        if size > MAX_POST_BYTES:
            message = f"this post has {size // 1000} kB of text; Gmail cuts messages off after about 102 kB in all"
            yield problem(
                "long-post", message, Place(post.path, post.body_line), "put the rest on the blog and link to it"
            )


def check_layouts(desk: Desk) -> Iterator[Problem]:
    """The layouts of the project and of posts exist."""
    names = (re.fullmatch(r"templates/([^/]+)\.html", path) for path in desk.files)
    known = sorted(match.group(1) for match in names if match)
    asked = [(draft.post.layout, draft.place_of("layout")) for _, draft in desk.posts()]
    if "drip.yaml" in desk.files:
        asked.append((desk.project.definition.layout, desk.project.places.get("layout", Place("drip.yaml"))))
    for name, place in asked:
        if name and name not in known:
            message = f"there is no layout `{clip(name)}`: templates/{clip(name)}.html does not exist"
            yield problem("unknown-layout", message, place, similar(name, known, "a layout"))


def check_markup(desk: Desk) -> Iterator[Problem]:
    """Jinja can be read, its names are known, and what they stand for is there when the post is sent."""
    for campaign, draft in desk.posts():
        post = draft.post
        lines = Lines(post.body)
        guarded: set[str] = set()
        found: list[tuple[Use, Place]] = []
        for key, source in (("subject", post.subject), ("preview", post.preview), ("", post.body)):
            markup = read_markup(source)
            guarded |= markup.guarded
            where = _in_head(draft, key, source) if key else _in_body(draft, lines)
            if markup.fault:
                message = f"this is not valid: {clip(markup.fault, 150)}"
                place = where(markup.fault_line, "{")
                advice = "text that shows braces goes between {% raw %} and {% endraw %}"
                yield problem("bad-markup", message, place, advice)
            for use in markup.filters:
                advice = similar(use.name, _environment().filters, "a filter")
                message = f"Jinja has no filter `{clip(use.name)}`"
                yield problem("bad-markup", message, where(use.line, use.name), advice)
            for use in markup.templates:
                if f"templates/{use.name}" not in desk.files and "drip.yaml" in desk.files:
                    message = f"there is no file templates/{clip(use.name)}"
                    yield problem("bad-markup", message, where(use.line, use.name), "write its name below templates/")
            found += [(use, where(use.line, use.part or use.name)) for use in markup.uses]
        seen: set[tuple[str, str]] = set()
        for use, place in found:
            if (use.name, use.part) not in seen:
                seen.add((use.name, use.part))
                yield from _judge_use(desk, campaign, draft, use, place, guarded)


def _in_head(draft: PostDraft, key: str, source: str) -> Callable[[int, str], Place]:
    """Places in a value of the front matter."""
    place = draft.place_of(key)

    def where(_: int, word: str) -> Place:
        column = _find_word(source, word)
        if column < 0 or column + len(word) > place.width:
            return place
        return Place(place.path, place.line, place.column + column, len(word))

    return where


def _in_body(draft: PostDraft, lines: Lines) -> Callable[[int, str], Place]:
    """Places in the text of a post."""

    def where(number: int, word: str) -> Place:
        text = lines.line(number)
        column = max(0, _find_word(text, word))
        width = len(word) if text[column:].startswith(word) else len(text)
        return Place(draft.post.path, draft.post.body_line + number - 1, column + 1, max(1, width))

    return where


def _find_word(text: str, word: str) -> int:
    """Where a name stands within the first tag of a line that has it, or where the text begins."""
    if word == "{":
        match = _TAG_BEGIN.search(text)
        return match.start() if match else -1
    pattern = re.compile(rf"(?<![\w]){re.escape(word)}(?!\w)")
    for start, end in tags_in(text):
        if match := pattern.search(text, start, end):
            return match.start()
    match = pattern.search(text)
    return match.start() if match else -1


def _judge_use(
    desk: Desk, campaign: CampaignDraft | None, draft: PostDraft, use: Use, place: Place, guarded: set[str]
) -> Iterator[Problem]:
    """One name in Jinja: is it known, and is it there?"""
    parts = GIVEN_PARTS.get(use.name)
    fields = desk.project.fields
    if use.part:
        if parts is not None and use.part not in parts:
            message = f"`{use.name}` has no `{clip(use.part)}`"
            yield problem("unknown-field", message, place, similar(use.part, parts, "a part"))
        elif use.name == "links" and use.part in WEBINAR_LINKS and not guarded & (WEBINAR_VALUES | {"links"}):
            yield from misfits(campaign, draft, f"links.{use.part}", place, is_personal=use.part in PERSONAL_LINKS)
    elif use.name not in GIVEN_NAMES:
        if fields is not None and use.name not in fields:
            advice = similar(use.name, (*fields, *GIVEN_NAMES), "a field") or "add it under `fields` in drip.yaml"
            yield problem("unknown-field", f"there is no field `{clip(use.name)}`", place, advice)
    elif use.name == "list" and "list" not in guarded:
        yield from _without_list(campaign, draft, place)
    elif use.name in WEBINAR_VALUES and use.name not in guarded:
        yield from misfits(campaign, draft, use.name, place, is_personal=use.name in PERSONAL_VALUES)
        if use.name == "sessions":
            yield from _late_offers(campaign, draft, place)


def misfits(
    campaign: CampaignDraft | None, draft: PostDraft, shown: str, place: Place, *, is_personal: bool
) -> Iterator[Problem]:
    """Why something of the webinar, or of one registration, is not there when the post is sent."""
    if campaign is None or not campaign.was_read:
        return
    if not campaign.has_webinar:
        message = f"`{shown}` needs a webinar, and this campaign has none"
        yield problem("link-without-webinar", message, place, f"add a `webinar:` to {campaign.path}")
        return
    if not is_personal:
        return
    name = draft.post.name
    strangers = [each.value for each in sequences_sending(campaign, name) if not each.value.start.knows_session]
    if strangers:
        sender = f"`{strangers[0].name}` sends this post, and knows no registration"
    elif broadcasts_sending(campaign, name):
        sender = "a broadcast sends this post, and knows no registration"
    else:
        return
    message = f"`{shown}` belongs to the registration of one reader, but {sender}"
    advice = "only sequences that start with `registers` or `session ends` know it; link to `webinar:` instead"
    yield problem("personal-link-misplaced", message, place, advice)


def _without_list(campaign: CampaignDraft | None, draft: PostDraft, place: Place) -> Iterator[Problem]:
    """Only what is sent to a list, or to those who joined one, knows a list."""
    senders = sequences_sending(campaign, draft.post.name) if campaign is not None else []
    for placed in senders:
        if placed.value.list is None:
            message = (
                f"`list` is the list that a post is sent to, but `{placed.value.name}` does not start with `joins`"
            )
            yield problem("no-list", message, place, "write the title out, or put it in {% if list %} … {% endif %}")
            return


def _late_offers(campaign: CampaignDraft | None, draft: PostDraft, place: Place) -> Iterator[Problem]:
    """Sequences that may still offer sessions when the last one is over."""
    if campaign is None or not campaign.has_webinar or campaign.is_evergreen:
        return
    for placed in sequences_sending(campaign, draft.post.name):
        sequence = placed.value
        ends_in_time = sequence.stop is not None and sequence.stop.kind is TriggerKind.LAST_SESSION_STARTS
        if not sequence.start.knows_session and not ends_in_time:
            message = f"`sessions` may be over when `{sequence.name}` sends this post"
            advice = f"add `stop: last session starts` to `{sequence.name}`"
            yield problem("sessions-may-be-over", message, place, advice)
            return
