"""A mail as a page, for whoever cannot read it where it arrived. Renders it afresh from its own revision.

The page runs nothing: no script, no form, no frame, whatever the post or a reader's name contains.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response

from drip.core.clicks import OUR_PAGES
from drip.core.links import Purpose
from drip.core.records import Delivery, DeliveryId
from drip.engine.addressed import Addressed
from drip.engine.letters import Letters
from drip.engine.live import Live
from drip.errors import NotFound
from drip.web import clicks
from drip.web.pages import ALWAYS, MAIL_POLICY, PRIVATE

if TYPE_CHECKING:
    from drip.store.work import Work
    from drip.web.site import Site
    from drip.web.visit import Visit


class Viewer:
    """Renders mails, one at a time: a press keeps the values of the mail that it is filling.

    It has editions of its own, because those of the engine may be filling a mail in another thread.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = threading.Lock()
        self._live = Live()
        self._letters: Letters | None = None

    def page(self, site: Site, visit: Visit) -> Response:
        """GET /v/TOKEN: the mail."""
        number = site.number(Purpose.BROWSER, visit.token)
        with self._lock, site.store.read() as work:
            delivery = work.delivery(DeliveryId(number)) if number is not None else None
            html = self._html(work, delivery, visit) if delivery else None
        if html is None:
            return site.any_house().problem(404, "missing")
        given = {**ALWAYS, **PRIVATE, "Content-Security-Policy": MAIL_POLICY, "X-Frame-Options": "DENY"}
        answer = HTMLResponse(html, 200, given)
        answer.background = clicks.noted(site, visit, delivery.id, OUR_PAGES) if delivery is not None else None
        return answer

    def _html(self, work: Work, delivery: Delivery, visit: Visit) -> str | None:
        subscriber = work.subscriber(delivery.subscriber_id)
        if subscriber is None:
            return None
        try:
            edition = self._live.edition(work, delivery.revision_id)
        except NotFound:
            return None
        if self._letters is None:
            self._letters = Letters(self._site.keys)
        registration = work.registration(delivery.registration_id) if delivery.registration_id else None
        subscription = work.subscription(delivery.subscription_id) if delivery.subscription_id else None
        addressed = Addressed(delivery, subscriber, registration, subscription)
        # "In two hours" was true when it was sent; the page shows the mail, not the moment.
        moment = delivery.first_marked_at or visit.now
        return self._letters.fill(edition, self._live.project(work), addressed, moment).standalone()
