"""Reads a Blogger export: `feed.atom` of a Takeout, the XML file of the older backup, and a blog's own full feed.

All three are Atom; they differ in how an entry says that it is a post. A library for feeds would do for small ones,
but a Takeout holds every comment of twenty years. Called by `drip.cli.sources`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING

from drip.authoring.importing.big_xml import each_element, text_at
from drip.authoring.importing.foreign import ForeignPost, Found, LeftOut, Markup, Posts, as_line, day_of

if TYPE_CHECKING:
    from lxml.etree import _Element

_ATOM = "{http://www.w3.org/2005/Atom}"
_BLOGGER = "{http://schemas.google.com/blogger/2018}"
_APP = ("{http://purl.org/atom/app#}", "{http://www.w3.org/2007/app}")
_KIND = "http://schemas.google.com/blogger/2008/kind#"
_KIND_SCHEME = "http://schemas.google.com/g/2005#kind"


def blogger_posts(stream: IO[bytes], notes: list[str]) -> Posts:
    """The posts of an export, as they come; `notes` takes what is to be told about the file."""
    base = ""
    for element in each_element(stream, frozenset({f"{_ATOM}entry", f"{_ATOM}link"}), notes):
        if element.tag == f"{_ATOM}entry":
            yield _read_entry(element, base)
        elif _is_of_the_blog(element) and element.get("rel") == "alternate":
            base = base or element.get("href", "")


def _is_of_the_blog(element: _Element) -> bool:
    parent = element.getparent()
    return parent is not None and parent.tag == f"{_ATOM}feed"


def _read_entry(entry: _Element, base: str) -> Found:
    kind, status = _kind_of(entry), text_at(entry, f"{_BLOGGER}status").upper()
    if kind != "post":
        return LeftOut(kind)
    if status in ("SOFT_TRASHED", "TRASHED") or text_at(entry, f"{_BLOGGER}trashed"):
        return LeftOut("post in the bin")
    body = entry.find(f"{_ATOM}content")
    body = entry.find(f"{_ATOM}summary") if body is None else body
    link = next(_links(entry), "")
    path = text_at(entry, f"{_BLOGGER}filename")
    url = link or (base.rstrip("/") + path if base and path else "")
    return ForeignPost(
        source=text_at(entry, f"{_ATOM}id") or url,
        body=_inside(body),
        markup=Markup.HTML,
        title=as_line(text_at(entry, f"{_ATOM}title")),
        date=day_of(text_at(entry, f"{_ATOM}published")) or day_of(text_at(entry, f"{_BLOGGER}created")),
        preview=as_line(text_at(entry, f"{_BLOGGER}metaDescription")),
        tags=_labels(entry),
        slug=PurePosixPath(path or url).stem if path or url.endswith(".html") else "",
        is_draft=status in ("DRAFT", "SCHEDULED") or any(_is_old_draft(entry, app) for app in _APP),
        url=url,
    )


def _kind_of(entry: _Element) -> str:
    """`post`, or what else: in words. Only the entry's own children count; its author has a type, too."""
    said = text_at(entry, f"{_BLOGGER}type").lower()
    for category in entry.findall(f"{_ATOM}category"):
        if category.get("scheme") == _KIND_SCHEME and category.get("term", "").startswith(_KIND):
            said = said or category.get("term", "").removeprefix(_KIND)
    if said in ("settings", "template"):
        return "setting"
    return said if said in ("post", "page", "comment") else ("other entry" if said else "post")


def _is_old_draft(entry: _Element, app: str) -> bool:
    return text_at(entry, f"{app}control/{app}draft") == "yes"


def _links(entry: _Element) -> Iterator[str]:
    for link in entry.findall(f"{_ATOM}link"):
        if link.get("rel") == "alternate" and link.get("href"):
            yield link.get("href", "")


def _labels(entry: _Element) -> tuple[str, ...]:
    terms = [
        as_line(each.get("term", ""))
        for each in entry.findall(f"{_ATOM}category")
        if each.get("scheme") != _KIND_SCHEME
    ]
    return tuple(dict.fromkeys(each for each in terms if each))


def _inside(body: _Element | None) -> str:
    """Content of type html is text; content of type xhtml is elements."""
    if body is None:
        return ""
    if len(body):
        from lxml import etree

        return "".join(etree.tostring(child, encoding="unicode", method="html") for child in body)
    return body.text or ""
