"""A post as another program kept it, before it becomes a draft; what all readers of exports have in common.

Every reader yields `ForeignPost`s and, for whatever is no post, `LeftOut`s, so that nothing vanishes without being
counted. Pure: strings and bytes in, data out. Called by the readers of this room and by `drip.cli`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from email.utils import parsedate
from enum import StrEnum
from html import unescape

from drip.authoring.importing.head import read_date

MAX_PREVIEW_SOURCE = 2_000
"""More of an excerpt than this is not looked at: an inbox shows a hundred characters."""

_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_ISO_DAY = re.compile(r"\s*(\d{4})-(\d{2})-(\d{2})(?:[T\s].*)?", re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")


class Markup(StrEnum):
    """What a post's body is written in."""

    HTML = "html"
    MARKDOWN = "markdown"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class ForeignPost:
    """One post. `source` is its lasting name; `url` is what relative links count from; `folder` holds its images."""

    source: str
    body: str
    markup: Markup
    title: str = ""
    date: str = ""
    preview: str = ""
    tags: tuple[str, ...] = ()
    slug: str = ""
    is_draft: bool = False
    url: str = ""
    folder: str = ""
    notes: tuple[str, ...] = ()
    losses: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something in an export that is no post: a page, a comment, an attachment."""

    what: str
    number: int = 1


Found = ForeignPost | LeftOut
Posts = Iterator[Found]


def day_of(text: str) -> str:
    """`2020-06-17` for a moment as programs write it (ISO 8601, RFC 2822), or nothing. Its own zone is kept."""
    if match := _ISO_DAY.fullmatch(text):
        try:
            return date(int(match[1]), int(match[2]), int(match[3])).isoformat()
        except ValueError:
            return ""
    try:
        parts = parsedate(text)
        return date(*parts[:3]).isoformat() if parts else read_date(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def as_line(text: str) -> str:
    """A title or an excerpt that may hold tags and entities, as one line of text."""
    stripped = _TAG.sub(" ", text[:MAX_PREVIEW_SOURCE])
    return " ".join(unescape(stripped).split())


def decode(data: bytes, charset: str = "") -> tuple[str, str]:
    """The text of bytes, and a note if its encoding had to be guessed. A mark at the start wins, then what is said."""
    for mark, name in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if data.startswith(mark):
            return data.decode(name, errors="replace").lstrip("\ufeff"), ""
    match = _CHARSET.search(data[:4096])
    for said in (charset, match[1].decode("ascii") if match else "", "utf-8"):
        try:
            # A page that says UTF-16 in plain ASCII is none (HTML standard, "prescan a byte stream").
            if said and not said.lower().startswith(("utf-16", "utf-32")):
                return data.decode(said), ""
        except (LookupError, UnicodeDecodeError, ValueError):
            continue
    return data.decode("cp1252", errors="replace"), "not UTF-8; read as Windows-1252"
