"""Says what a file from elsewhere is, by what it begins with; its name only decides where that says nothing.

Pure: bytes in, a kind out. Called by `drip.cli.sources`.
"""

from __future__ import annotations

import codecs
import re
from enum import StrEnum
from pathlib import PurePosixPath

HEAD_BYTES = 65_536
"""Enough to see the root of an XML file behind a long comment, as WordPress writes one."""


class Kind(StrEnum):
    """What was recognized, in words for the report."""

    TEXT = "text"
    PAGE = "an HTML page"
    FEED = "a feed"
    BLOGGER = "a Blogger export"
    WORDPRESS = "a WordPress export"
    GHOST = "a Ghost export"
    SUBSTACK = "a Substack export"
    BUTTONDOWN = "a Buttondown export"
    SITE = "a folder of Markdown posts"
    FILES = "a folder of files"
    ZIP = "a zip file"
    UNKNOWN = "nothing that drip reads"


_ROOT = re.compile(r"<([A-Za-z][\w.-]*(?::[\w.-]+)?)([^<>]*)", re.DOTALL)
_BEFORE_ROOT = re.compile(
    r"\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>\s*)*", re.DOTALL | re.IGNORECASE
)
_PAGE = re.compile(r"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.DOTALL | re.IGNORECASE)
_FRAGMENT = re.compile(
    r"\s*(?:<!--.*?-->\s*)*<(?:article|main|section|div|p|h[1-6]|table|ul|ol|meta|title)\b[^<>]*>",
    re.DOTALL | re.IGNORECASE,
)
_GHOST = re.compile(r'"db"\s*:\s*\[|"meta"\s*:\s*\{[^{}]*"exported_on"|"data"\s*:\s*\{')
_TEXT_ENDINGS = frozenset({".md", ".markdown", ".mdown", ".txt", ".text"})


def recognize(head: bytes, name: str = "") -> Kind:
    """What a file is that begins with these bytes."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Kind.ZIP
    text = _text(head)
    if b"\0" in head and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Kind.UNKNOWN
    ending = PurePosixPath(name).suffix.lower()
    if _PAGE.match(text):
        return Kind.PAGE
    if (kind := _xml_kind(text)) is not None:
        return kind
    if text.lstrip()[:1] in ("{", "[") and ending not in _TEXT_ENDINGS:
        if _GHOST.search(text) and '"' in text:
            return Kind.GHOST
        return Kind.UNKNOWN if ending == ".json" else Kind.TEXT
    if ending not in _TEXT_ENDINGS and (_FRAGMENT.match(text) or ending in (".html", ".htm", ".xhtml")):
        return Kind.PAGE
    return Kind.TEXT


def _xml_kind(text: str) -> Kind | None:
    """WordPress, Blogger, any other feed, a page; None for what is no XML of a kind that we know."""
    before = _BEFORE_ROOT.match(text)
    root = _ROOT.match(text, before.end() if before else 0)
    if root is None:
        return Kind.UNKNOWN if text.lstrip().startswith("<?xml") else None
    name, attributes = root[1].lower(), root[2]
    if name == "rss" and "wordpress.org/export/" in attributes:
        return Kind.WORDPRESS
    if name == "feed" and ("schemas.google.com/blogger" in attributes or "tag:blogger.com,1999:blog" in text):
        return Kind.BLOGGER
    if name in ("rss", "feed", "rdf:rdf", "channel"):
        return Kind.FEED
    if name == "html":
        return Kind.PAGE
    return Kind.UNKNOWN if text.lstrip().startswith("<?xml") else None


def _text(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head.decode("utf-16", errors="replace").lstrip("\ufeff")
    return head.removeprefix(codecs.BOM_UTF8).decode("latin-1")
