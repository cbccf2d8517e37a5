"""Reads a WordPress export (WXR): posts with their WordPress marks settled; pages, comments, attachments are counted.

Blocks (`<!-- wp:… -->`) are comments and vanish; text without them gets its paragraphs from its blank lines, as
WordPress itself does on every page view. Called by `drip.cli.sources`.
"""

from __future__ import annotations

import re
from collections import Counter
from html import escape
from typing import IO, TYPE_CHECKING

from drip.authoring.importing.big_xml import each_element, text_at
from drip.authoring.importing.foreign import ForeignPost, Found, LeftOut, Markup, Posts, as_line, day_of

if TYPE_CHECKING:
    from lxml.etree import _Element

_CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
_NAMESPACE = re.compile(r"\{http://wordpress\.org/export/([^/}]*)/(excerpt/)?\}")
_LIVE = "publish"
_UNFINISHED = frozenset({"draft", "pending", "future", "private"})
_NAMES = {"page": "page", "attachment": "attachment", "nav_menu_item": "menu item", "revision": "revision"}


def wordpress_posts(stream: IO[bytes], notes: list[str]) -> Posts:
    """The posts of an export, as they come."""
    for item in each_element(stream, frozenset({"item"}), notes):
        yield from _read_item(item)


def _read_item(item: _Element) -> list[Found]:
    values = {_short(child): (child.text or "").strip() for child in item if isinstance(child.tag, str)}
    comments = sum(1 for child in item if _short(child) == "wp:comment")
    kind, status = values.get("wp:post_type", "post"), values.get("wp:status", _LIVE)
    if kind != "post":
        return [LeftOut(_NAMES.get(kind, "other entry"))]
    if status not in _UNFINISHED and status != _LIVE:
        return [LeftOut("post in the bin")]
    found: list[Found] = [LeftOut("comment", comments)] if comments else []
    body, losses = settle(values.get(_CONTENT, ""))
    guid, link = values.get("guid", ""), values.get("link", "")
    return [
        *found,
        ForeignPost(
            source=guid or link or f"wordpress:{values.get('wp:post_id', '')}",
            body=body,
            markup=Markup.HTML,
            title=as_line(values.get("title", "")),
            # A draft has a link such as /?p=12, and the day it was begun on.
            date=day_of(values.get("wp:post_date", "")) or day_of(text_at(item, "pubDate")),
            preview=as_line(values.get("wp:excerpt", "")),
            tags=_tags(item),
            slug=values.get("wp:post_name", ""),
            is_draft=status != _LIVE or bool(values.get("wp:post_password")),
            url=link or guid,
            losses=tuple(losses.items()),
        ),
    ]


def _short(element: _Element) -> str:
    """`wp:status` for a name of any version of the format; other names as they are."""
    tag = str(element.tag)
    match = _NAMESPACE.match(tag)
    if match is None:
        return tag
    return "wp:excerpt" if match[2] else f"wp:{tag[match.end() :]}"


def _tags(item: _Element) -> tuple[str, ...]:
    found = [
        as_line(each.text or "") for each in item.findall("category") if each.get("domain") in ("post_tag", "category")
    ]
    return tuple(dict.fromkeys(each for each in found if each and each.lower() != "uncategorized"))


# --- the marks of WordPress ----------------------------------------------------------------------------------

_BLOCK_MARK = re.compile(r"<!--\s*/?wp:.*?-->", re.DOTALL)
_CODE = re.compile(r"(<(pre|code)\b.*?</\2\s*>)", re.DOTALL | re.IGNORECASE)
_PRE = re.compile(r"(<pre\b.*?</pre\s*>)", re.DOTALL | re.IGNORECASE)
_SHORTCODE = re.compile(r"(?<!\[)\[(/?)([A-Za-z][\w-]*)((?:\s[^\[\]]*)?)(/?)\](?!\])")
_CAPTION = re.compile(r"\[caption\b[^\]]{0,2000}\](.{0,20000}?)\[/caption\]", re.DOTALL)
_EMBED = re.compile(
    r"\[(?:embed|youtube|vimeo)\b[^\]=]*(?:=|\s|\])\s*[\"']?(https?://[^\s\]\"'\[]+)[\"']?\s*(?:\]|\[/embed\])"
)
_CAPTION_INSIDE = re.compile(r"(.*?<img\b[^>]*>(?:\s*</a>)?)(.*)", re.DOTALL | re.IGNORECASE)
_KNOWN = frozenset(
    {"gallery", "audio", "video", "playlist", "more", "wpforms", "contact-form", "contact-form-7", "toc"}
)
_IS_BLOCK = re.compile(
    r"</?(?:address|article|aside|blockquote|center|details|div|dl|dt|dd|fieldset|figure|figcaption|footer|form|h[1-6]"
    r"|header|hr|iframe|li|main|nav|ol|p|pre|script|section|style|table|tbody|td|tfoot|th|thead|tr|ul|video|audio)\b",
    re.IGNORECASE,
)


def settle(text: str) -> tuple[str, Counter[str]]:
    """Content as WordPress keeps it, as the HTML that it would show, and what was lost on the way."""
    losses: Counter[str] = Counter()
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    has_blocks = bool(_BLOCK_MARK.search(text))
    parts = _CODE.split(_BLOCK_MARK.sub("", text))
    # Of three parts the first is text, the second code, the third the name of its element.
    pieces = [_settle_shortcodes(part, losses) if at % 3 == 0 else part for at, part in enumerate(parts) if at % 3 != 2]
    settled = "".join(pieces)
    return (settled if has_blocks else _paragraphs(settled)), losses


def _settle_shortcodes(text: str, losses: Counter[str]) -> str:
    text = _CAPTION.sub(_as_figure, text)
    text, embeds = _EMBED.subn(lambda match: f'<a href="{escape(match[1])}">{escape(match[1])}</a>', text)
    if embeds:
        losses["embed"] += embeds
    closed = {match[2] for match in _SHORTCODE.finditer(text) if match[1]}

    def drop(match: re.Match[str]) -> str:
        # `[sic]` is the author's; a shortcode gives itself away by values, by its closing half, or by being known.
        if match[2] in closed or match[2].lower() in _KNOWN or "=" in match[3] or match[4]:
            losses["shortcode"] += 1 if not match[1] else 0
            return ""
        return match[0]

    return re.sub(r"\[(\[[\w-]+[^\[\]]*\])\]", r"\1", _SHORTCODE.sub(drop, text))


def _as_figure(match: re.Match[str]) -> str:
    inside = _CAPTION_INSIDE.fullmatch(match[1])
    if inside is None:
        return match[1]
    return f"<figure>{inside[1]}<figcaption>{inside[2].strip()}</figcaption></figure>"


def _paragraphs(text: str) -> str:
    """Blank lines make paragraphs and line ends make breaks, as WordPress shows text that has no blocks."""
    out: list[str] = []
    for at, part in enumerate(_PRE.split(text)):
        if at % 2:
            out.append(part)
            continue
        chunks = filter(None, (each.strip() for each in re.split(r"\n\s*\n", part)))
        out += [each if _IS_BLOCK.match(each) else "<p>" + each.replace("\n", "<br>\n") + "</p>" for each in chunks]
    return "\n\n".join(out)
