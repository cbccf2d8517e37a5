"""Leaving: one-click from the mail program (RFC 8058), and the page behind the same address.

Only a POST acts, it acts once and for all (a second one is told the same), and the page after it says exactly what
stopped and what goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drip.core.clicks import OUR_PAGES
from drip.core.events import Scope, Unsubscribed
from drip.core.links import Purpose
from drip.core.records import Delivery, DeliveryId, Subscriber
from drip.web import clicks
from drip.web.standing import Standing, standing_of

if TYPE_CHECKING:
    from starlette.responses import Response

    from drip.store.work import Work
    from drip.web.site import House, Site
    from drip.web.visit import Visit


def masked(email: str) -> str:
    """`l…@example.com`: enough for its owner to know it, too little for whom the mail was forwarded to."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}…@{domain}"


def _reader_of_mail(site: Site, work: Work, token: str) -> tuple[Subscriber, Delivery] | None:
    number = site.number(Purpose.UNSUBSCRIBE, token)
    delivery = work.delivery(DeliveryId(number)) if number is not None else None
    subscriber = work.subscriber(delivery.subscriber_id) if delivery else None
    return (subscriber, delivery) if subscriber and delivery else None


def _choose(
    house: House, subscriber: Subscriber, delivery: Delivery, standing: Standing, status: int = 200
) -> Response:
    """The buttons, and before they are pressed what they stop: on a mail about a seat, the mails about it as well."""
    answered = [each for each in standing.reminded if each.id == delivery.registration_id]
    values = {
        "email": masked(subscriber.email),
        "standing": standing,
        "answered": answered,
        "others": [each for each in standing.reminded if each not in answered],
        "asked_again": status != 200,
    }
    return house.page("unsubscribe", values, status)


def done(house: House, subscriber: Subscriber, before: Standing, after: Standing, *, one_list: str = "") -> Response:
    """What stopped, and what goes on."""
    still = {each.id for each in after.reminded}
    values = {
        "email": masked(subscriber.email),
        "stopped_lists": [title for name, title in before.lists.items() if name not in after.lists],
        "stopped_seats": [each for each in before.reminded if each.id not in still],
        "standing": after,
        "one_list": one_list,
    }
    return house.page("unsubscribed", values)


# --- /u/TOKEN: the address in the header and the footer of a mail -----------------------------------------------


def page(site: Site, visit: Visit) -> Response:
    """GET /u/TOKEN: buttons. Opening it changes nothing, but that a gateway gives itself away by it."""
    with site.store.read() as work:
        house = site.house(work)
        found = _reader_of_mail(site, work, visit.token)
        if found is None:
            return house.problem(404, "unsubscribe-unknown")
        answer = _choose(house, *found, standing_of(site, house, work, found[0], visit.now))
    answer.background = clicks.noted(site, visit, found[1].id, OUR_PAGES)
    return answer


def act(site: Site, visit: Visit) -> Response:
    """POST /u/TOKEN: the one-click of a mail program, or a button of the page. 200, and no redirect (RFC 8058 §3.1)."""
    with site.store.read() as work:
        house = site.house(work)
        found = _reader_of_mail(site, work, visit.token)
        if found is None:
            return house.problem(404, "unsubscribe-unknown")
        subscriber, delivery = found
        before = standing_of(site, house, work, subscriber, visit.now)
    scope = _scope(visit)
    if scope is None:
        return _choose(house, subscriber, delivery, before, 400)
    note, text = ("", "Stop everything" if scope is Scope.EVERYTHING else "Unsubscribe")
    if visit.is_one_click:
        note, text = " one-click", "List-Unsubscribe=One-Click"
    evidence = visit.evidence(text, note=note)
    site.happen(Unsubscribed(subscriber.id, evidence, scope, delivery_id=delivery.id), visit)
    with site.store.read() as work:
        after = standing_of(site, house, work, work.subscriber(subscriber.id) or subscriber, visit.now)
    return done(house, subscriber, before, after)


def _scope(visit: Visit) -> Scope | None:
    if visit.is_one_click:
        return Scope.MARKETING
    asked = visit.form.get("scope", "")
    return Scope(asked) if asked in (Scope.MARKETING, Scope.EVERYTHING) else None
