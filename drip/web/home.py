"""The front page: the lists one can join and the webinars one can come to. And the style and script of all pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from drip.engine.archive import archived
from drip.web.pages import ALWAYS, mark_of, script
from drip.web.sessions import coming_webinars

if TYPE_CHECKING:
    from drip.web.site import Site
    from drip.web.visit import Visit


def front(site: Site, visit: Visit) -> Response:
    """GET /: where to go from here."""
    with site.store.read() as work:
        house = site.house(work)
        webinars = coming_webinars(site, house, work, visit.now)
        has_archive = bool(archived(site.engine.live, work))
    values = {"lists": house.definition.lists, "webinars": webinars, "has_archive": has_archive}
    return house.page("front", values, token=False)


def style(site: Site, visit: Visit) -> Response:
    """GET /style.css: with its hash in the address it never changes, without it it may."""
    return _kept(site.any_house().pages.style, visit, "text/css")


def behavior(site: Site, visit: Visit) -> Response:
    """GET /pages.js: the one script there is. Pages work without it."""
    return _kept(script(), visit, "text/javascript")


def _kept(text: str, visit: Visit, kind: str) -> Response:
    fresh = "public, max-age=31536000, immutable" if visit.query.get("v") == mark_of(text) else "public, max-age=300"
    return Response(text, 200, {**ALWAYS, "Cache-Control": fresh}, media_type=kind)
