"""Links of mails that lead away: our site answers at once with the way there, and then counts, of readers who agreed.

Counting comes behind the answer, and whatever goes wrong with it is nobody's trouble. The way leads only to what we
signed ourselves: this is no door that others could send people through.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.responses import Response

from drip.core.clicks import why_machine
from drip.core.events import LinkFetched
from drip.core.links import Purpose
from drip.core.records import DeliveryId
from drip.engine.clicking import is_worth_noting
from drip.engine.values import WEBINAR_LINK, session_link
from drip.errors import CannotRecord, Locked
from drip.web.pages import headers

if TYPE_CHECKING:
    from drip.store.work import Work
    from drip.web.site import House, Site
    from drip.web.visit import Visit

URL_MARKS = ":/%#?=@[]!$&'()*+,;~"
"""What an address is made of besides letters and digits; whatever else was signed is written out for the header."""


def follow(site: Site, visit: Visit) -> Response:
    """GET /c/TOKEN?to=ADDRESS: the way to the address, if this project signed it for a link of that very mail."""
    address = visit.query.get("to", "")
    numbers = site.keys.read(Purpose.CLICK, visit.token, about=address) if address else None
    if numbers is None or len(numbers) != 1 or not address.lower().startswith(("https://", "http://")):
        return site.any_house().problem(404, "missing")
    given = {**headers(token=True), "Location": quote(address, safe=URL_MARKS)}
    answer = Response(b"", 303, given)
    answer.background = noted(site, visit, DeliveryId(numbers[0]), address)
    return answer


def from_mail(site: Site, visit: Visit) -> BackgroundTask | None:
    """What to note of a visit to the webinar's page: by the link of a mail, if it says so."""
    session = visit.query.get("s", "")
    link = session_link(session) if session else WEBINAR_LINK
    numbers = site.keys.read(Purpose.CLICK, visit.query.get("c", ""), about=link)
    return noted(site, visit, DeliveryId(numbers[0]), link) if numbers is not None and len(numbers) == 1 else None


def are_counted(site: Site, work: Work) -> bool:
    """Whether any live campaign counts links at all: only then is anybody asked whether they agree."""
    return any(each.counted for each in site.engine.live.campaigns(work))


def consent(house: House) -> str:
    """What somebody agrees to."""
    return house.words("consent-clicks", {})


def noted(site: Site, visit: Visit, delivery_id: DeliveryId, link: str) -> BackgroundTask:
    """Note the visit when the answer has left, if its reader agreed to that."""
    return BackgroundTask(_note, site, visit, delivery_id, link)


def _note(site: Site, visit: Visit, delivery_id: DeliveryId, link: str) -> None:
    # A click that cannot be kept is a click less: weak evidence is not worth an error.
    with contextlib.suppress(CannotRecord, Locked):
        with site.store.read() as work:
            if not is_worth_noting(work, site.engine.live, delivery_id, link):
                return
        site.happen(LinkFetched(delivery_id, link, why_machine(visit.method, visit.said)), visit)
