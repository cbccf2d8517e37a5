"""The archive: posts that everybody may read, the list of them, and the Atom feed.

The pages hold no token, no name and no pixel, and show what was sent. Reads only.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from starlette.responses import HTMLResponse, Response

from drip.engine.archive import ArchivedPost, archived, public_page
from drip.engine.live import Live
from drip.errors import TemplateFault
from drip.web.pages import ALWAYS, MAIL_POLICY

if TYPE_CHECKING:
    from drip.store.work import Work
    from drip.web.site import House, Site
    from drip.web.visit import Visit

FEED_POSTS_MAX = 30
"""How many posts the feed has. Feed readers keep what they saw; the list on the web has all of them."""


class Archive:
    """Renders public posts, one at a time: a press keeps the values of the page that it is filling."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live = Live()

    def _found(self, work: Work) -> list[ArchivedPost]:
        return archived(self._live, work)

    def index(self, site: Site, visit: Visit) -> Response:
        """GET /a: every public post, the latest first."""
        with self._lock, site.store.read() as work:
            house = site.house(work)
            posts = [_entry(house, each) for each in self._found(work)]
        return house.page("archive", {"posts": posts, "lists": house.definition.lists}, token=False)

    def page(self, site: Site, visit: Visit) -> Response:
        """GET /a/CAMPAIGN/POST: the post."""
        wanted = (visit.parts["campaign"], visit.parts["post"])
        with self._lock, site.store.read() as work:
            house = site.house(work)
            found = next((each for each in self._found(work) if (each.campaign, each.post.name) == wanted), None)
            html = self._html(work, found) if found else ""
        if found is None or not html:
            return house.problem(404, "missing")
        given = {
            **ALWAYS,
            "Cache-Control": "no-cache",
            "Content-Security-Policy": MAIL_POLICY,
            "X-Frame-Options": "DENY",
            "Link": f'<{_address(house, found)}>; rel="canonical"',
        }
        return HTMLResponse(html, 200, given)

    def _html(self, work: Work, each: ArchivedPost) -> str:
        try:
            return public_page(each, self._live.project(work))
        except TemplateFault:
            # It speaks of a seat or of something else that only its own readers have: there is nothing to show.
            return ""

    def feed(self, site: Site, visit: Visit) -> Response:
        """GET /feed.xml: the latest public posts as an Atom feed (RFC 4287)."""
        with self._lock, site.store.read() as work:
            house = site.house(work)
            posts = self._found(work)[:FEED_POSTS_MAX]
            applied = self._live.project(work).revision.applied_at
        text = _atom(house, posts, max((each.at for each in posts), default=applied))
        given = {**ALWAYS, "Cache-Control": "no-cache"}
        return Response(text, 200, given, media_type="application/atom+xml; charset=utf-8")


def _address(house: House, each: ArchivedPost) -> str:
    """The post's address with its host: for feeds and search engines."""
    path = house.path("a", each.campaign, each.post.name).removeprefix(house.root)
    return house.definition.url.rstrip("/") + path


def _entry(house: House, each: ArchivedPost) -> dict[str, str]:
    local = each.at.astimezone(ZoneInfo(house.definition.timezone))
    return {
        "title": _title(each),
        "preview": each.post.preview,
        "url": house.path("a", each.campaign, each.post.name),
        "day": f"{local:%B} {local.day}, {local.year}",
        "stamp": f"{local:%Y-%m-%d}",
    }


def _title(each: ArchivedPost) -> str:
    """The post's title; a subject may hold a reader's field, which here is nobody's."""
    subject = each.post.subject
    plain = subject if "{{" not in subject and "{%" not in subject else ""
    return each.post.head.get("title", "").strip() or plain or each.post.name.replace("-", " ").capitalize()


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _atom(house: House, posts: list[ArchivedPost], updated: datetime) -> str:
    definition = house.definition
    base = definition.url.rstrip("/")
    author = definition.sender.name or definition.name
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang={quoteattr(definition.language)}>',
        f"<title>{escape(definition.name)}</title>",
        f"<id>{escape(base)}/feed.xml</id>",
        f'<link rel="self" type="application/atom+xml" href={quoteattr(base + "/feed.xml")}/>',
        f'<link rel="alternate" type="text/html" href={quoteattr(base + "/a")}/>',
        f"<updated>{_stamp(updated)}</updated>",
        f"<author><name>{escape(author)}</name></author>",
    ]
    for each in posts:
        url = _address(house, each)
        lines += [
            "<entry>",
            f"<title>{escape(_title(each))}</title>",
            f"<id>{escape(url)}</id>",
            f'<link rel="alternate" type="text/html" href={quoteattr(url)}/>',
            f"<published>{_stamp(each.at)}</published>",
            f"<updated>{_stamp(each.at)}</updated>",
            f"<summary>{escape(each.post.preview)}</summary>",
            "</entry>",
        ]
    return "\n".join([*lines, "</feed>", ""])
