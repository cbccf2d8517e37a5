"""Reads exports that are a table of posts and a folder of their texts: Substack's and Buttondown's.

Files are asked for by name; what reads them is the caller's. Called by `drip.cli.sources`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator

from drip.authoring.importing.foreign import ForeignPost, LeftOut, Markup, Posts, as_line, day_of
from drip.errors import Unreadable

ReadText = Callable[[str], str | None]
"""The text of a file of the export, or None if there is none."""

_EDITOR = re.compile(r"\s*<!--\s*buttondown-editor-mode:\s*(\w+)\s*-->\s*")
_NO_POST = {"thread": "thread", "page": "page", "comment": "comment"}


def _rows(table: str, needs: Iterable[str]) -> Iterator[dict[str, str]]:
    try:
        reader = csv.DictReader(io.StringIO(table, newline=""))
        missing = [name for name in needs if name not in (reader.fieldnames or ())]
        if missing:
            raise Unreadable(f"the table of posts has no column `{missing[0]}`")
        for row in reader:
            # A row that is too short has None for what it lacks, and one that is too long a list without a name.
            yield {name: str(value or "") for name, value in row.items() if isinstance(name, str)}
    except csv.Error as error:
        raise Unreadable(f"the table of posts is damaged: {error}") from None


def substack_posts(table: str, files: Iterable[str], read: ReadText, site: str) -> Posts:
    """The posts of `posts.csv`; `files` are the names in `posts/`."""
    by_number = {name.split(".", 1)[0]: name for name in sorted(files, reverse=True) if name.endswith(".html")}
    for row in _rows(table, ("post_id", "title")):
        number, _, slug = row["post_id"].partition(".")
        kind = row.get("type", "newsletter")
        if kind in _NO_POST:
            yield LeftOut(_NO_POST[kind])
            continue
        body = read(by_number[number]) if number in by_number else None
        if body is None:
            yield LeftOut("post without its file")
            continue
        yield ForeignPost(
            source=f"substack:{number}",
            body=body,
            markup=Markup.HTML,
            title=as_line(row["title"]),
            date=day_of(row.get("post_date", "")),
            preview=as_line(row.get("subtitle", "")),
            slug=slug,
            is_draft=row.get("is_published", "true").lower() != "true",
            url=f"{site.rstrip('/')}/p/{slug}" if site and slug else site,
            folder="posts",
            notes=("its podcast was left behind",) if row.get("podcast_url") else (),
        )


def buttondown_posts(table: str, read: ReadText, site: str) -> Posts:
    """The posts of `emails.csv`."""
    for row in _rows(table, ("subject", "slug")):
        slug = row["slug"]
        body = read(f"{slug}.md") if slug else None
        if body is None:
            yield LeftOut("post without its file")
            continue
        mode = _EDITOR.match(body)
        # Buttondown's other editor keeps HTML in a file that ends in `.md`.
        is_html = mode is not None and mode[1] == "fancy" and body[mode.end() :].lstrip().startswith("<")
        day = day_of(row.get("publish_date", ""))
        yield ForeignPost(
            source=f"buttondown:{row.get('id') or slug}",
            body=body[mode.end() :] if mode else body,
            markup=Markup.HTML if is_html else Markup.MARKDOWN,
            title=as_line(row["subject"]),
            date=day,
            slug=slug,
            is_draft=not day,
            url=f"{site.rstrip('/')}/archive/{slug}/" if site else "",
            folder="emails",
        )
