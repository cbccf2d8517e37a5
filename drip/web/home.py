"""The front page: the lists one can join and the webinars one can come to. And the style sheet of all pages."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from starlette.responses import Response

from drip.web.pages import ALWAYS
from drip.web.sessions import coming_webinars

if TYPE_CHECKING:
    from drip.web.site import Site
    from drip.web.visit import Visit


def front(site: Site, visit: Visit) -> Response:
    """GET /: where to go from here."""
    with site.store.read() as work:
        house = site.house(work)
        webinars = coming_webinars(site, house, work, visit.now)
    return house.page("front", {"lists": house.definition.lists, "webinars": webinars}, token=False)


def style(site: Site, visit: Visit) -> Response:
    """GET /style.css: with its hash in the address it never changes, without it it may."""
    text = site.any_house().pages.style
    mark = hashlib.sha256(text.encode()).hexdigest()[:12]
    fresh = "public, max-age=31536000, immutable" if visit.query.get("v") == mark else "public, max-age=300"
    return Response(text, 200, {**ALWAYS, "Cache-Control": fresh}, media_type="text/css")
