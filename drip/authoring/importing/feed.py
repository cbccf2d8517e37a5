"""Reads RSS and Atom feeds with feedparser, which stands behind this module. It is given bytes and fetches nothing.

A feed is a window on the newest posts, often with summaries in place of them: that is told. Called by
`drip.cli.sources`.
"""

from __future__ import annotations

import io
import re
from typing import Any

from drip.authoring.importing.extras import load
from drip.authoring.importing.foreign import ForeignPost, Markup, Posts, as_line, day_of
from drip.errors import Unreadable

_ENTITY = re.compile(rb"<!ENTITY|<\0!\0E\0N\0T\0I\0T\0Y|\0<\0!\0E\0N\0T\0I\0T\0Y")


def feed_posts(data: bytes, url: str, notes: list[str]) -> Posts:
    """The posts of a feed. Raises MissingLibrary, Unreadable."""
    if _ENTITY.search(data):
        raise Unreadable("this feed declares entities of its own, which no blog's feed does", hint="do not trust it")
    feedparser = load("feedparser")
    # The type of XML that says its encoding itself (RFC 7303 §3.2).
    headers = {"content-location": url, "content-type": "application/atom+xml"}
    # Without its cleaning: it would drop embeds without a word, and ours counts what it takes out.
    parsed = feedparser.parse(io.BytesIO(data), sanitize_html=False, response_headers=headers)
    if not parsed.get("entries") and not parsed.get("version"):
        raise Unreadable("this is no feed", hint="an address of a page can be imported, too")
    if parsed.get("bozo") and not isinstance(parsed.get("bozo_exception"), feedparser.CharacterEncodingOverride):
        notes.append(f"the feed is damaged: {_reason(parsed.get('bozo_exception'))}; what could be read was read")
    home = str(parsed.feed.get("link") or url)
    for entry in parsed.entries:
        yield _read_entry(entry, home)


def _reason(error: object) -> str:
    return " ".join(str(error).split())[:120] or "no reason given"


def _read_entry(entry: Any, home: str) -> ForeignPost:
    contents = [each for each in entry.get("content", []) if each.get("value")]
    html = [each for each in contents if "html" in each.get("type", "")] or contents
    summary = str(entry.get("summary") or "")
    body = str(html[0]["value"]) if html else summary
    is_summary = not html and bool(summary)
    link = str(entry.get("link") or "")
    tags = tuple(dict.fromkeys(as_line(str(each.get("term") or "")) for each in entry.get("tags", [])))
    is_text = bool(html) and html[0].get("type") == "text/plain"
    return ForeignPost(
        source=str(entry.get("id") or link),
        body=body,
        markup=Markup.TEXT if is_text else Markup.HTML,
        title=as_line(str(entry.get("title") or "")),
        date=day_of(str(entry.get("published") or entry.get("updated") or "")),
        preview=as_line(summary) if html and summary != body else "",
        tags=tuple(each for each in tags if each),
        url=link if link.startswith(("http://", "https://")) else home,
        notes=("the feed has only a summary of this post",)
        if is_summary and body.rstrip().endswith(("…", "...", "[…]", "[&#8230;]"))
        else (),
    )
