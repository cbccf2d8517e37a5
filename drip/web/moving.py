"""The page behind the button in the mail to a new address. Opening it changes nothing; pressing it moves the reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drip.core.events import ConfirmedMove
from drip.core.links import Purpose
from drip.core.records import Delivery, DeliveryId
from drip.engine.moving import change_of, state_of

if TYPE_CHECKING:
    from starlette.responses import Response

    from drip.web.site import Site
    from drip.web.visit import Visit


def page(site: Site, visit: Visit) -> Response:
    """GET /e/TOKEN: one button; after it was pressed, that it is done."""
    return _page(site, visit)


def act(site: Site, visit: Visit) -> Response:
    """POST /e/TOKEN: the reader is known by the new address. Twice is the same as once."""
    number = site.number(Purpose.MOVE, visit.token)
    if number is not None:
        site.happen(ConfirmedMove(DeliveryId(number), visit.evidence("Yes, write to me here")), visit)
    answer = _page(site, visit)
    answer.background = site.soon()
    return answer


def _page(site: Site, visit: Visit) -> Response:
    number = site.number(Purpose.MOVE, visit.token)
    with site.store.read() as work:
        house = site.house(work)
        delivery: Delivery | None = work.delivery(DeliveryId(number)) if number is not None else None
        person = work.subscriber(delivery.subscriber_id) if delivery is not None else None
        change = change_of(work, delivery) if delivery is not None else None
        if person is None or change is None:
            return house.problem(404, "move-unknown")
        state = state_of(work, person, change, visit.now)
    values = {
        "email": change.email,
        "preferences_url": house.path("p", site.sign(Purpose.PREFERENCES, person.id)),
    }
    if state == "open":
        return house.page("move", values)
    if state == "already":
        return house.page("moved", values)
    return house.problem(410, f"move-{'expired' if state == 'expired' else 'ended'}")
