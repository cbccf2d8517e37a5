"""Reads Ghost's JSON export: its posts with their tags; pages are counted. Called by `drip.cli.sources`."""

from __future__ import annotations

import json
from typing import Any

from drip.authoring.importing.foreign import ForeignPost, Found, LeftOut, Markup, Posts, as_line, day_of, decode
from drip.errors import Unreadable

SITE_MARK = "__GHOST_URL__"
"""Stands in an export wherever the address of the site stood."""


def ghost_posts(data: bytes, site: str, notes: list[str]) -> Posts:
    """The posts of an export; `site` is put where Ghost left the site's address out."""
    try:
        document = json.loads(decode(data)[0])
    except (ValueError, RecursionError):
        raise Unreadable("this JSON is damaged") from None
    tables = _tables(document)
    names = {str(each.get("id")): as_line(str(each.get("name") or "")) for each in _rows(tables, "tags")}
    tags: dict[str, list[str]] = {}
    for row in sorted(_rows(tables, "posts_tags"), key=lambda each: str(each.get("sort_order", "")).zfill(6)):
        name = names.get(str(row.get("tag_id")), "")
        # A name with a hash is Ghost's own bookkeeping and is never shown.
        if name and not name.startswith("#"):
            tags.setdefault(str(row.get("post_id")), []).append(name)
    if not site and SITE_MARK in decode(data)[0]:
        notes.append("the export leaves the address of the site out: say it with `--base-url`")
    for row in _rows(tables, "posts"):
        yield _read_post(row, tuple(tags.get(str(row.get("id")), ())), site)


def _tables(document: Any) -> dict[str, Any]:
    for root in (document, *(document.get("db") or [] if isinstance(document, dict) else [])):
        data = root.get("data") if isinstance(root, dict) else None
        if isinstance(data, dict) and isinstance(data.get("posts"), list):
            return data
    raise Unreadable("this JSON is no Ghost export: it has no posts")


def _rows(tables: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = tables.get(name)
    return [each for each in rows if isinstance(each, dict)] if isinstance(rows, list) else []


def _read_post(row: dict[str, Any], tags: tuple[str, ...], site: str) -> Found:
    def text(name: str) -> str:
        value = row.get(name)
        return value.replace(SITE_MARK, site.rstrip("/")) if isinstance(value, str) else ""

    if text("type") == "page" or row.get("page") in (True, 1):
        return LeftOut("page")
    body, markup = text("html"), Markup.HTML
    if not body:
        body, markup = text("plaintext"), Markup.TEXT
    slug = text("slug")
    is_live = text("status") in ("published", "sent")
    return ForeignPost(
        source=f"ghost:{row.get('uuid') or row.get('id') or slug}",
        body=body,
        markup=markup,
        title=as_line(text("title")),
        date=day_of(text("published_at")) or day_of(text("created_at")),
        preview=as_line(text("custom_excerpt")),
        tags=tags,
        slug=slug,
        is_draft=not is_live,
        url=f"{site.rstrip('/')}/{slug}/" if site else "",
        notes=("the export has this post as text alone",) if markup is Markup.TEXT and body else (),
    )
