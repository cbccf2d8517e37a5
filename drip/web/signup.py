"""Signing up to a list: the form, the one answer that everybody gets, and the page that confirms.

The answer to the form is the same bytes for a new, a known, a pending and a suppressed address: who is on a list is
nobody's business. Only the mail tells the truth. A GET changes nothing: mail scanners open every link.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import Response

from drip.authoring.read_values import Fault, read_next
from drip.core.events import AskedToJoin, ConfirmedSubscription
from drip.core.links import Purpose
from drip.core.model import MailingList
from drip.core.records import Subscription, SubscriptionState
from drip.engine.addresses import BadAddress, mailable_address
from drip.web import clicks
from drip.web.pages import FORM_SELF, headers
from drip.web.sessions import coming_webinars
from drip.web.visit import first_name, zone_or_none

if TYPE_CHECKING:
    from drip.store.work import Work
    from drip.web.site import House, Site
    from drip.web.visit import Visit

ADDRESS_LENGTH_MAX = 254
SECONDS_A_DAY = 86_400


def address_fault(text: str) -> str:
    """What is wrong with a typed address, as a word for the page: `missing`, `wrong` or nothing."""
    if not text.strip():
        return "missing"
    try:
        mailable_address(text)
    except BadAddress:
        return "wrong"
    return ""


def typed(visit: Visit) -> dict[str, str]:
    """What somebody typed into a form, to show it to them again. The name is only cleaned when it is kept."""
    return {
        "email": visit.form.get("email", "")[:ADDRESS_LENGTH_MAX].strip(),
        "first_name": visit.form.get("first_name", "")[:ADDRESS_LENGTH_MAX],
        "tz": zone_or_none(visit.form.get("tz", "")) or "",
    }


def asked_fields(house: House, visit: Visit) -> Mapping[str, str]:
    """The fields that a form may set: the first name, where the project has such a field."""
    name = first_name(visit.form.get("first_name", ""))
    return {"first_name": name} if name and "first_name" in house.definition.fields else {}


def next_page(house: House, visit: Visit) -> str:
    """Where the author's own form wants to lead on to; "" where that is none of their sites, and our page is shown."""
    wanted = visit.form.get("next", "")
    try:
        return read_next(wanted, house.definition.own_sites) if wanted else ""
    except Fault:
        return ""


def _led_on(site: Site, address: str) -> Response:
    """The same for every address that was typed, as our own page is."""
    given = {**headers(token=False), "Cache-Control": "no-store", "Location": quote(address, safe=clicks.URL_MARKS)}
    return Response(b"", 303, given, background=site.soon())


def _form_page(
    house: House, mailing_list: MailingList, values: Mapping[str, str], faults: Mapping[str, str], status: int = 200
) -> Response:
    consent = house.words("consent-list", {"list": mailing_list})
    given = {
        "list": mailing_list,
        "values": values,
        "faults": faults,
        "consent": consent,
        "asks_name": "first_name" in house.definition.fields,
    }
    # Browsers hold the redirect after a form to form-action, too.
    on = "/".join(values["next"].split("/")[:3])
    action = f"{FORM_SELF} {on}" if on else FORM_SELF
    # It gives nothing away and does nothing by itself, so an author may show it in a frame of their blog.
    return house.page("sign-up", given, status, token=False, framed=True, form_action=action)


def form(site: Site, visit: Visit) -> Response:
    """GET /s/LIST: the sign-up form."""
    with site.store.read() as work:
        house = site.house(work)
    mailing_list = house.definition.list_named(visit.parts["list"])
    if mailing_list is None:
        return house.problem(404, "missing")
    empty = {"email": "", "first_name": "", "tz": zone_or_none(visit.query.get("tz", "")) or "", "next": ""}
    return _form_page(house, mailing_list, empty, {})


def sign_up(site: Site, visit: Visit) -> Response:
    """POST /s/LIST: ask for the subscription. The answer says nothing about the address."""
    with site.store.read() as work:
        house = site.house(work)
        webinars = coming_webinars(site, house, work, visit.now)
    mailing_list = house.definition.list_named(visit.parts["list"])
    if mailing_list is None:
        return house.problem(404, "missing")
    on = next_page(house, visit)
    if not visit.is_trapped:
        email = visit.form.get("email", "")
        fault = address_fault(email)
        if fault:
            again = {**typed(visit), "next": on}
            return _form_page(house, mailing_list, again, {"email": fault}, 422)
        evidence = visit.evidence(house.words("consent-list", {"list": mailing_list}))
        zone = zone_or_none(visit.form.get("tz", ""))
        site.happen(AskedToJoin(email, mailing_list.name, evidence, zone, asked_fields(house, visit)), visit)
    if on:
        return _led_on(site, on)
    values = {"about": "list", "list": mailing_list, "webinars": webinars}
    return house.page("check-inbox", values, framed=True, background=site.soon())


# --- confirming ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a confirmation token leads to: `state` is `open`, `done`, `expired` or `ended`."""

    state: str
    subscription: Subscription
    mailing_list: MailingList


def _asked(site: Site, house: House, work: Work, visit: Visit) -> _Asked | None:
    numbers = site.keys.read(Purpose.CONFIRM, visit.token)
    if numbers is None or len(numbers) != 2:
        return None
    subscription = work.subscription(numbers[0])  # type: ignore[arg-type]
    mailing_list = house.definition.list_named(subscription.list) if subscription else None
    if subscription is None or mailing_list is None:
        return None
    # A second visit is told that all is well, whenever it comes; never that the link is too old.
    if subscription.state is SubscriptionState.ACTIVE:
        state = "done"
    elif subscription.state is SubscriptionState.ENDED:
        state = "ended"
    else:
        state = "expired" if int(visit.now.timestamp() // SECONDS_A_DAY) > numbers[1] else "open"
    return _Asked(state, subscription, mailing_list)


def _confirm_page(site: Site, house: House, work: Work, visit: Visit, *, pressed: bool = False) -> Response:
    asked = _asked(site, house, work, visit)
    if asked is None:
        return house.problem(404, "confirm-unknown")
    if asked.state == "done":
        webinars = coming_webinars(site, house, work, visit.now)
        return house.page("confirmed", {"list": asked.mailing_list, "webinars": webinars, "pressed": pressed})
    if asked.state != "open":
        again = house.path("s", asked.mailing_list.name)
        return house.problem(410, f"confirm-{asked.state}", again=again, title=asked.mailing_list.title)
    consent = house.words("consent-list", {"list": asked.mailing_list})
    ours = clicks.consent(house) if clicks.are_counted(site, work) else ""
    return house.page("confirm", {"list": asked.mailing_list, "consent": consent, "clicks": ours})


def confirm_page(site: Site, visit: Visit) -> Response:
    """GET /confirm/TOKEN: one button."""
    with site.store.read() as work:
        return _confirm_page(site, site.house(work), work, visit)


def confirm(site: Site, visit: Visit) -> Response:
    """POST /confirm/TOKEN: the subscription is active, with its evidence. Twice is the same as once."""
    with site.store.read() as work:
        house = site.house(work)
        asked = _asked(site, house, work, visit)
    if asked is not None and asked.state == "open":
        evidence = visit.evidence(house.words("consent-list", {"list": asked.mailing_list}))
        # A box that is ticked by whoever holds the mailbox, and never by us.
        ticked = visit.evidence(clicks.consent(house)) if visit.form.get("clicks") == "yes" else None
        site.happen(ConfirmedSubscription(asked.subscription.id, evidence, ticked), visit)
    with site.store.read() as work:
        answer = _confirm_page(site, house, work, visit, pressed=True)
    answer.background = site.soon()
    return answer
