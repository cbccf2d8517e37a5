"""Leaving: one-click from the mail program (RFC 8058), the page behind the same address, and what a reader may choose.

Only a POST acts, it acts once and for all (a second one is told the same), and the page after it says exactly what
stopped and what goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drip.core.events import ChoseZone, Erased, Scope, Unsubscribed
from drip.core.links import Purpose
from drip.core.records import Delivery, DeliveryId, Subscriber
from drip.engine.values import city_of
from drip.web.sessions import zone_groups
from drip.web.standing import Standing, standing_of
from drip.web.visit import zone_or_none

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


def _reader(site: Site, work: Work, token: str) -> Subscriber | None:
    number = site.number(Purpose.PREFERENCES, token)
    return None if number is None else work.subscriber(number)  # type: ignore[arg-type]


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


def _done(house: House, subscriber: Subscriber, before: Standing, after: Standing, *, one_list: str = "") -> Response:
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
    """GET /u/TOKEN: buttons. Opening it changes nothing."""
    with site.store.read() as work:
        house = site.house(work)
        found = _reader_of_mail(site, work, visit.token)
        if found is None:
            return house.problem(404, "unsubscribe-unknown")
        return _choose(house, *found, standing_of(site, house, work, found[0], visit.now))


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
    return _done(house, subscriber, before, after)


def _scope(visit: Visit) -> Scope | None:
    if visit.is_one_click:
        return Scope.MARKETING
    asked = visit.form.get("scope", "")
    return Scope(asked) if asked in (Scope.MARKETING, Scope.EVERYTHING) else None


# --- /p/TOKEN: what may we send you -------------------------------------------------------------------------------


def _choices(
    site: Site, house: House, subscriber: Subscriber, standing: Standing, status: int = 200, *, saved: bool = False
) -> Response:
    zone = subscriber.zone or house.definition.timezone
    token = site.sign(Purpose.PREFERENCES, subscriber.id)
    values = {
        "zone": zone,
        "city": city_of(zone),
        "zone_groups": zone_groups(zone),
        "data_url": f"{house.path('p', token)}/data.json",
        "saved": saved,
        "email": masked(subscriber.email),
        "standing": standing,
        "lists": [each for each in house.definition.lists if each.name in standing.lists],
        "others": [each for each in house.definition.lists if each.name not in standing.lists],
        "asked_again": status != 200,
    }
    return house.page("preferences", values, status)


def preferences_page(site: Site, visit: Visit) -> Response:
    """GET /p/TOKEN: everything that we may send, and how to stop it."""
    with site.store.read() as work:
        house = site.house(work)
        subscriber = _reader(site, work, visit.token)
        if subscriber is None:
            return house.problem(404, "unsubscribe-unknown")
        return _choices(site, house, subscriber, standing_of(site, house, work, subscriber, visit.now))


def prefer(site: Site, visit: Visit) -> Response:
    """POST /p/TOKEN: stop everything, or one list, say which time zone one lives in, or have everything erased."""
    with site.store.read() as work:
        house = site.house(work)
        subscriber = _reader(site, work, visit.token)
        if subscriber is None:
            return house.problem(404, "unsubscribe-unknown")
        before = standing_of(site, house, work, subscriber, visit.now)
        known = {each.list for each in work.subscriptions(subscriber.id)}
    if "erase" in visit.form:
        return _erase(site, house, subscriber, visit)
    name = visit.form.get("list", "")
    if visit.form.get("scope") == Scope.EVERYTHING:
        event = Unsubscribed(subscriber.id, visit.evidence("Stop everything"), Scope.EVERYTHING)
    elif name in known:
        event = Unsubscribed(subscriber.id, visit.evidence("Stop this list"), Scope.MARKETING, list=name)
    elif zone_or_none(visit.form.get("tz", "")):
        return _choose_zone(site, house, subscriber, visit)
    else:
        return _choices(site, house, subscriber, before, 400)
    site.happen(event, visit)
    with site.store.read() as work:
        after = standing_of(site, house, work, work.subscriber(subscriber.id) or subscriber, visit.now)
    return _done(house, subscriber, before, after, one_list=name if event.list else "")


def _erase(site: Site, house: House, subscriber: Subscriber, visit: Visit) -> Response:
    """It cannot be undone, so the first press asks, and only the button of that page does it."""
    values = {"email": masked(subscriber.email)}
    if visit.form["erase"] != "everything":
        return house.page("erase", values)
    site.happen(Erased(subscriber.id, visit.place), visit)
    return house.page("erased", values)


def _choose_zone(site: Site, house: House, subscriber: Subscriber, visit: Visit) -> Response:
    site.happen(ChoseZone(subscriber.id, visit.form["tz"], visit.evidence("Save my time zone")), visit)
    with site.store.read() as work:
        known = work.subscriber(subscriber.id) or subscriber
        return _choices(site, house, known, standing_of(site, house, work, known, visit.now), saved=True)
