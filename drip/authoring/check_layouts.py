"""Checks of layouts and of HTML in posts: what every mail must have, and what mail programs do not show.

Each check is one function from the desk to Problems; `drip.authoring.check` runs them all. The HTML is searched as it
is written, with Jinja blotted out; whether it can be filled is found out by `drip.authoring.check_mails`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from drip.authoring.check_links import BLOT, blotted, parse
from drip.authoring.clients import Support, support
from drip.authoring.desk import Desk
from drip.authoring.problems_catalogue import problem
from drip.authoring.prose import shifted
from drip.authoring.section import clip
from drip.authoring.source import MAX_CHARACTERS, Lines
from drip.authoring.stylesheet import blot_comments
from drip.core.problems import Place, Problem

MAX_IMAGE_WIDTH = 600
MOST_NAMED = 4
"""Mail programs that are named in one message; more are counted."""

_BODY = re.compile(r"\{\{-?\s*body\s*-?\}\}")
_TAG = re.compile(r"<([A-Za-z][\w:-]*)([^<>]*)>")
_ATTRIBUTE = re.compile(r"([A-Za-z][\w:-]*)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]+)")
_REVEALED = re.compile(r"<!\[(?:if|endif)[^<>\[\]]*\]>", re.IGNORECASE)
_NAMED_FILE = re.compile(r"""\{%-?\s*(?:include|extends|import|from)\s[^%]*?["']([^"'\n]+)["']""")
_DOCTYPE = re.compile(r"<!doctype html\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout: its name, the path of its HTML, and both texts with the parts that they include."""

    name: str
    path: str
    html: str
    whole_html: str
    whole_text: str | None


@dataclass(frozen=True, slots=True)
class Element:
    """An HTML tag with its attributes (names in small letters, values without quotes), and where it stands."""

    name: str
    attributes: dict[str, str]
    place: Place


def layouts_of(desk: Desk) -> list[Layout]:
    """The layouts that a post uses, and those that one could use: HTML files of templates/ with a `{{ body }}`."""
    asked = {desk.project.definition.layout, *(draft.post.layout or "" for _, draft in desk.posts())}
    layouts = []
    for path, text in desk.files.items():
        match = re.fullmatch(r"templates/([^/]+)\.html", path)
        if match is None or len(text) > MAX_CHARACTERS or not (match[1] in asked or _BODY.search(text)):
            continue
        words = f"templates/{match[1]}.txt"
        layouts.append(
            Layout(match[1], path, text, _whole(desk, path), _whole(desk, words) if words in desk.files else None)
        )
    return layouts


def _whole(desk: Desk, path: str) -> str:
    """A template with everything that it names and includes."""
    return "\n".join(desk.files[each][:MAX_CHARACTERS] for each in included(desk.files, path))


def included(files: Mapping[str, str], path: str, body: str = "") -> list[str]:
    """The templates that one (or the text of a post) includes, innermost first, and it itself at the end."""
    seen = [path]
    texts = [body, files.get(path, "")]
    for text in texts:  # grows while it is walked
        for name in dict.fromkeys(f"templates/{name}" for name in _NAMED_FILE.findall(text[:MAX_CHARACTERS])):
            if name in files and name not in seen:
                seen.append(name)
                texts.append(files[name])
    return [each for each in reversed(seen) if each in files]


def check_what_every_mail_needs(desk: Desk) -> Iterator[Problem]:
    """A text part, a link to unsubscribe and the postal address, in each layout."""
    for layout in layouts_of(desk):
        words = layout.path.removesuffix(".html") + ".txt"
        if layout.whole_text is None:
            message = f"this layout has no plain text part: {words} does not exist"
            yield problem("layout-without-text", message, Place(layout.path), f"write {words}")
        for path, whole in ((layout.path, layout.whole_html), (words, layout.whole_text)):
            if whole is None or "body" not in whole:
                continue  # it cannot be a layout, and that is said where it is filled
            if "links.unsubscribe" not in whole:
                advice = "add `{{ links.unsubscribe }}` where readers look for it, at the end"
                message = "a mail in this layout has no link to unsubscribe"
                yield problem("layout-without-unsubscribe", message, Place(path), advice)
            if "project.address" not in whole:
                message = "a mail in this layout does not have your postal address"
                yield problem("layout-without-address", message, Place(path), "add `{{ project.address }}` at the end")


def check_frames(desk: Desk) -> Iterator[Problem]:
    """The doctype, and conditional comments that survive."""
    for layout in layouts_of(desk):
        start = blot_comments(blotted(layout.html), "<!--", "-->").replace(BLOT, " ").lstrip()
        if start and not _DOCTYPE.match(start) and "extends" not in layout.html:
            message = "this layout does not begin with `<!DOCTYPE html>`"
            yield problem("missing-doctype", message, Place(layout.path), "make it the first line")
    for path, text, first_line in _pages(desk):
        if match := _REVEALED.search(blotted(text)):
            place = shifted(Lines(text).place(path, match.start(), match.end()), first_line)
            advice = "write `<!--[if !mso]><!-->` and `<!--<![endif]-->`"
            message = f"`{clip(match.group())}` is lost when the styles are inlined"
            yield problem("revealed-comment", message, place, advice)


def _pages(desk: Desk) -> Iterator[tuple[str, str, int]]:
    """The HTML of mails: layouts, parts and posts, each with its path and first line."""
    for path, text in desk.files.items():
        if re.fullmatch(r"templates/(?!pages/).+\.html", path) and len(text) <= MAX_CHARACTERS:
            yield path, text, 1
    for _, draft in desk.posts():
        yield draft.post.path, draft.post.body, draft.post.body_line


def elements_of(desk: Desk) -> Iterator[Element]:
    """Every HTML tag of layouts, parts and posts; what is in comments is for Outlook alone and not judged."""
    for path, text, first_line in _pages(desk):
        source = blot_comments(blotted(text), "<!--", "-->")
        lines = Lines(source)
        is_post = path.endswith(".md")
        spans = _html_spans(source, lines) if is_post else [(0, len(source))]
        for start, end in spans:
            for match in _TAG.finditer(source, start, end):
                found = _ATTRIBUTE.finditer(match[2])
                attributes = {each[1].lower(): each[2].strip("\"'") for each in found}
                place = shifted(lines.place(path, match.start(), match.end()), first_line)
                yield Element(match[1].lower(), attributes, place)


def _html_spans(source: str, lines: Lines) -> Iterator[tuple[int, int]]:
    """The parts of a post's text that Markdown leaves as HTML."""
    for token in parse(source):
        has_html = token.type == "html_block" or any(each.type == "html_inline" for each in token.children or ())
        if not has_html or not token.map:
            continue
        start = lines.start(token.map[0] + 1)
        end = lines.start(token.map[1] + 1) if token.map[1] < len(lines) else len(source)
        pieces = [token.content] if token.type == "html_block" else []
        pieces += [each.content for each in token.children or () if each.type == "html_inline"]
        for piece in pieces:
            at = source.find(piece.strip(), start, end)
            if at >= 0:
                yield at, at + len(piece.strip())
                start = at


def check_pictures_in_html(desk: Desk) -> Iterator[Problem]:
    """Pictures that are written as HTML: their text and their width. Markdown's own are bounded by the layout."""
    for element in elements_of(desk):
        if element.name != "img":
            continue
        if "alt" not in element.attributes:
            advice = 'write what it shows: `alt="…"`, or `alt=""` if it shows nothing that matters'
            message = "this picture has no text for those who do not see it"
            yield problem("missing-alt", message, element.place, advice)
        width = element.attributes.get("width", "")
        if width.isdecimal() and len(width) < 9 and int(width) > MAX_IMAGE_WIDTH:
            message = f"this picture is {int(width)} pixels wide, and mails have {MAX_IMAGE_WIDTH}"
            advice = f'write `width="{MAX_IMAGE_WIDTH}"` or less; the file may be larger'
            yield problem("wide-image", message, element.place, advice)
        elif not width:
            yield problem("unsized-image", "this picture has no `width`", element.place, 'write `width="560"`')
        address = element.attributes.get("src", "")
        # Those of posts are judged with their links.
        if address.lower().startswith("data:") and not element.place.path.endswith(".md"):
            message = "mail programs do not show pictures whose address holds the file itself"
            yield problem("data-uri", message, element.place, "put the file on the web and write its https:// address")


def check_elements(desk: Desk) -> Iterator[Problem]:
    """Elements that mail programs drop; each once."""
    seen: set[str] = set()
    for element in elements_of(desk):
        known = support("html", element.name)
        if known is not None and element.name not in seen:
            seen.add(element.name)
            yield from unsupported(desk, known, f"`<{element.name}>`", "unsupported-html", element.place)


def unsupported(desk: Desk, known: Support, shown: str, name: str, place: Place) -> Iterator[Problem]:
    """That some mail programs do not know a feature; with `is_strict` also that they know it in part."""
    if known.without:
        message = f"{shown} does nothing in {_listed(known.without)}"
        yield problem(name, message, place, "see that the mail is whole without it")
    elif known.partly and desk.is_strict:
        message = f"{shown} works only in part in {_listed(known.partly)}"
        yield problem(name, message, place, "see that the mail is whole without it")


def _listed(clients: tuple[str, ...]) -> str:
    shown = list(clients[:MOST_NAMED])
    if len(clients) > MOST_NAMED:
        shown.append(f"{len(clients) - MOST_NAMED} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
