"""Makes a draft of a post from another program, whatever it was written in: the end of every reader's way.

    HTML, Markdown or text → Markdown in which nothing runs → front matter that remembers where it came from

Strings in, strings out; images are placed by the caller. Every guess and loss is in the report. Called by
`drip.cli.import_run`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from drip.authoring.importing.blocks import plural, shorten, split_blocks
from drip.authoring.importing.dom import Losses, PlaceImage
from drip.authoring.importing.draft import MAX_PREVIEW, Draft, complete, front_matter, guess_preview
from drip.authoring.importing.foreign import ForeignPost, Markup
from drip.authoring.importing.head import name_of
from drip.authoring.importing.html_post import html_to_markdown
from drip.authoring.importing.literal import as_address, as_markdown, count_jinja, unwrap_jinja
from drip.authoring.importing.markdown_post import disarm
from drip.authoring.importing.repair import repair_text
from drip.authoring.importing.shortcodes import outside_code, settle_addresses, settle_markup

MAX_TITLE = 300
MAX_TAGS = 20
MAX_SOURCE = 500
"""Longer names than these are somebody's mistake, and front matter is read whole at every send."""

_MANY = {
    "image without an address": "images without an address",
    "image that has no whole address": "images that have no whole address",
    "link within the page": "links within the page",
    "link that no mail may have": "links that no mail may have",
}
_TELL = {
    "shortcode": "dropped {}",
    "script": "removed {}",
    "form": "removed {}",
    "widget": "removed {}",
    "hidden part": "removed {}",
    "tracking pixel": "removed {}",
    "embed": "lost {}; where it said an address there is a link",
    "image without an address": "lost {}",
    "link within the page": "unlinked {}",
    "link that no mail may have": "unlinked {}",
    "Jinja tag": "made {} print as text",
}


@dataclass(frozen=True, slots=True)
class Converted:
    """A draft, and how many of what were met: images, shortcodes, embeds, scripts."""

    draft: Draft
    counts: Counter[str]


def where_they_are(_written: str, whole: str) -> str:
    """Links images where they are."""
    return whole


def convert(post: ForeignPost, place_image: PlaceImage = where_they_are) -> Converted:
    """A draft of the post. Raises MissingLibrary where a post in HTML needs the extra `import`."""
    losses = Losses(Counter(dict(post.losses)), list(post.notes))
    repaired = repair_text(post.body)
    body, first = _body(post, repaired.text, place_image, losses)
    title = repair_text(post.title).text[:MAX_TITLE].strip()
    body = _without_title(body, title, losses)
    head = _head(post, title, first, losses)
    complete_head, about_head = complete(head, post.slug or "untitled")
    losses.counts["Jinja tag"] += count_jinja(unwrap_jinja(body))
    losses.notes += about_head
    if not body.strip():
        losses.note("the post has no text")
    markdown = f"{front_matter(complete_head)}\n{body}\n" if body.strip() else front_matter(complete_head)
    slug = name_of(post.slug) or name_of(title) or "post"
    return Converted(Draft(markdown, slug, (*repaired.report, *_report(losses))), losses.counts)


def _body(post: ForeignPost, text: str, place_image: PlaceImage, losses: Losses) -> tuple[str, str]:
    if post.markup is Markup.HTML:
        # A post of a site may hold tags of its templates between those of HTML.
        source = settle_markup(text, losses) if post.source.startswith("site:") else text
        return html_to_markdown(source, base=post.url, place_image=place_image, losses=losses)
    if post.markup is Markup.TEXT:
        blocks = split_blocks(text)
        body = "\n\n".join(as_markdown("\n".join(lines)) for lines in blocks)
        return body, " ".join(blocks[0]) if blocks else ""
    settled = settle_markup(text, losses)
    settled = outside_code(settled, lambda part: re.sub(r"\n{3,}", "\n\n", part))
    settled = settle_addresses(settled, post.url, place_image, losses).strip("\n")
    return disarm(settled), _first_paragraph(settled)


def _first_paragraph(markdown: str) -> str:
    """The first paragraph of plain words."""
    for chunk in re.split(r"\n\s*\n", markdown):
        if re.match(r"[\w“‘\"'(*_\[]", chunk):
            words = re.sub(r"!?\[([^\[\]]*)\]\([^()]*\)", r"\1", chunk)
            return " ".join(re.sub(r"[*_`\\]", "", words).split())
    return ""


def _without_title(body: str, title: str, losses: Losses) -> str:
    """The layout prints the title; a heading at the top that says it once more goes."""
    match = re.match(r"#{1,2} ([^\n]*)(?:\n+|\Z)", body)
    if match is None or not title:
        return body
    words = re.sub(r"[\\*_]", "", unwrap_jinja(match[1])).strip()
    if " ".join(words.lower().split()) != " ".join(re.sub(r"[\\*_]", "", title).lower().split()):
        return body
    losses.note("removed the repetition of the title")
    return body[match.end() :]


def _head(post: ForeignPost, title: str, first: str, losses: Losses) -> dict[str, str]:
    head = {"title": title} if title else {}
    preview = repair_text(post.preview).text
    if preview:
        head["preview"] = shorten(preview, MAX_PREVIEW - 1)
    elif first and (guessed := guess_preview([[first]])):
        head["preview"] = guessed
        losses.note(f"guessed the preview from the first sentences: “{shorten(guessed)}”")
    if post.date:
        head["date"] = post.date
    if post.tags:
        head["tags"] = ", ".join(" ".join(each.replace(",", " ").split())[:60] for each in post.tags[:MAX_TAGS])
    if post.is_draft:
        head["draft"] = "true"
    if post.source:
        head["source"] = source_name(post.source)
    return {name: value for name, value in head.items() if value}


def source_name(source: str) -> str:
    """The name that a draft remembers its post by: one line, with nothing in it that could run or be read as YAML."""
    return as_address(" ".join(source.split()))[:MAX_SOURCE]


def _report(losses: Losses) -> list[str]:
    lines = [
        _TELL[what].format(plural(number, what, _MANY.get(what)))
        for what, number in sorted(losses.counts.items())
        if number and what in _TELL
    ]
    return [*lines, *losses.notes]
