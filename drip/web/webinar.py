"""The webinar's page: its sessions in the visitor's own time, and the form that asks for a seat.

Nothing is booked here: one mail with one button follows, and the answer is the same for every address. The meeting's
address is on no page at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import Response

from drip.core.events import AskedToRegister
from drip.core.links import Purpose
from drip.core.model import Campaign, Webinar
from drip.core.records import Subscriber
from drip.engine.registering import SessionClosed
from drip.engine.values import city_of
from drip.web import clicks
from drip.web.pages import ALWAYS
from drip.web.sessions import Choice, choices, length_words, zone_groups
from drip.web.signup import address_fault, asked_fields, typed
from drip.web.visit import zone_or_none

if TYPE_CHECKING:
    from drip.engine.live import Edition
    from drip.store.work import Work
    from drip.web.site import House, Site
    from drip.web.visit import Visit


@dataclass(frozen=True, slots=True)
class _Scene:
    """What both GET and POST need: the live webinar, who the link was made for, and the sessions in a zone."""

    house: House
    edition: Edition
    campaign: Campaign
    webinar: Webinar
    zone: str
    reader: Subscriber | None
    choices: Sequence[Choice]

    def choice_named(self, name: str) -> Choice | None:
        """The session of that name."""
        return next((each for each in self.choices if each.view.name == name), None)


def _reader(site: Site, work: Work, token: str) -> Subscriber | None:
    number = site.number(Purpose.REGISTER, token) if token else None
    return None if number is None else work.subscriber(number)  # type: ignore[arg-type]


def _scene(site: Site, work: Work, visit: Visit) -> _Scene | None:
    house = site.house(work)
    edition = site.engine.live.campaign(work, visit.parts["campaign"])
    campaign = edition.campaign if edition else None
    if edition is None or campaign is None or campaign.webinar is None:
        return None
    reader = _reader(site, work, visit.query.get("for", ""))
    asked = visit.form.get("tz", "") if visit.posted else visit.query.get("tz", "")
    zone = zone_or_none(asked) or (zone_or_none(reader.zone or "") if reader else None) or campaign.timezone
    named = visit.form.get("session", "") if visit.posted else visit.query.get("s", "")
    sessions = choices(work, campaign.name, campaign.webinar, zone, visit.now, named)
    return _Scene(house, edition, campaign, campaign.webinar, zone, reader, sessions)


def _page(
    scene: _Scene, visit: Visit, values: Mapping[str, str], faults: Mapping[str, str], status: int = 200
) -> Response:
    house = scene.house
    open_ones = [each.view.name for each in scene.choices if each.is_open]
    to_choose = [each.view.name for each in scene.choices if each.may_choose]
    chosen = values["session"] if values["session"] in to_choose else ""
    if not chosen and to_choose and scene.webinar.is_series:
        chosen = to_choose[0]  # whichever part is named, all are meant
    elif not chosen and len(open_ones) == 1:
        chosen = open_ones[0]
    given = {
        "campaign": scene.campaign,
        "webinar": {"title": scene.webinar.title, "length": length_words(scene.webinar.length)},
        "choices": scene.choices,
        "open_count": len(open_ones),
        "choice_count": len(to_choose),
        "chosen": chosen,
        "zone": scene.zone,
        "city": city_of(scene.zone),
        "zone_groups": zone_groups(scene.zone),
        "query": {name: visit.query[name] for name in ("s", "for") if name in visit.query},
        "values": values,
        "faults": faults,
        "consent": _consent(scene),
        "asks_name": "first_name" in house.definition.fields,
        "lists": house.definition.lists,
        "is_recorded": scene.webinar.rule is not None,
        "is_series": scene.webinar.is_series,
        "feed_url": house.path("w", scene.campaign.name, "calendar.ics"),
    }
    # With `for` the address of the page is a key to somebody's mail address.
    return house.page("webinar", given, status, token="for" in visit.query or visit.posted)


def _consent(scene: _Scene) -> str:
    return scene.house.words("consent-webinar", {"webinar": {"title": scene.webinar.title}})


def webinar_page(site: Site, visit: Visit) -> Response:
    """GET /w/CAMPAIGN: what it is, when, and the form."""
    with site.store.read() as work:
        scene = _scene(site, work, visit)
    if scene is None:
        return site.any_house().problem(404, "missing")
    reader = scene.reader
    values = {
        "email": reader.email if reader else "",
        "first_name": reader.fields.get("first_name", "") if reader else "",
        "session": visit.query.get("s", ""),
    }
    answer = _page(scene, visit, values, {})
    answer.background = clicks.from_mail(site, visit)
    return answer


def feed(site: Site, visit: Visit) -> Response:
    """GET /w/CAMPAIGN/calendar.ics: the sessions that are not over, for any calendar to subscribe to."""
    from drip.mail.public_calendar import PublicSession, public_calendar

    with site.store.read() as work:
        scene = _scene(site, work, visit)
    # What a rule may offer is no calendar: its sessions are there when somebody picks them.
    if scene is None or scene.webinar.rule is not None:
        return site.any_house().problem(404, "missing")
    definition, name = scene.house.definition, scene.campaign.name
    organizer = scene.campaign.sender or definition.sender
    domain = organizer.address.rpartition("@")[2]
    sessions = [
        PublicSession(f"session-{name}-{each.name}@{domain}", each.starts, each.ends)
        for each in sorted(scene.webinar.held, key=lambda each: each.starts)
        if each.ends > visit.now
    ]
    ics = public_calendar(
        title=scene.webinar.title,
        url=f"{definition.url.rstrip('/')}/w/{quote(name)}",
        organizer=organizer,
        sessions=sessions,
        stamp=scene.edition.revision.applied_at,
    )
    given = {**ALWAYS, "Cache-Control": "no-cache", "Content-Disposition": f'inline; filename="{name}.ics"'}
    return Response(ics, 200, given, media_type="text/calendar; method=PUBLISH; charset=utf-8")


def register(site: Site, visit: Visit) -> Response:
    """POST /w/CAMPAIGN: ask for a seat. The answer says nothing about the address."""
    with site.store.read() as work:
        scene = _scene(site, work, visit)
    if scene is None:
        return site.any_house().problem(404, "missing")
    name = visit.form.get("session", "")
    choice = scene.choice_named(name)
    if scene.webinar.is_series:
        choice = next((each for each in scene.choices if each.may_choose), choice)
    if not visit.is_trapped:
        faults = _faults(visit, scene, choice)
        if not faults:
            faults = _ask(site, scene, visit, name)
        if faults:
            return _page(scene, visit, {**typed(visit), "session": name}, faults, 422)
    parts = sum(each.may_choose for each in scene.choices) if scene.webinar.is_series else 0
    values = {"about": "webinar", "webinar": {"title": scene.webinar.title}, "choice": choice, "part_count": parts}
    return scene.house.page("check-inbox", values, background=site.soon())


def _faults(visit: Visit, scene: _Scene, choice: Choice | None) -> dict[str, str]:
    faults = {}
    name = visit.form.get("session", "")
    if choice is None:
        was_offered = scene.webinar.rule is not None and scene.webinar.session_named(name) is not None
        faults["session"] = "missing" if not name else "over" if was_offered else "unknown"
    elif not choice.may_choose:
        faults["session"] = choice.state
    email = address_fault(visit.form.get("email", ""))
    if email:
        faults["email"] = email
    return faults


def _ask(site: Site, scene: _Scene, visit: Visit, session: str) -> dict[str, str]:
    event = AskedToRegister(
        email=visit.form.get("email", ""),
        campaign=scene.campaign.name,
        session=session,
        evidence=visit.evidence(_consent(scene)),
        zone=scene.zone,
        fields=asked_fields(scene.house, visit),
    )
    try:
        site.happen(event, visit)
    except SessionClosed:
        # It ended between our look and the engine's.
        return {"session": "over"}
    return {}
