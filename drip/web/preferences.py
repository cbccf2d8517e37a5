"""What a reader may choose: to stop everything, a break, lists, another address, a time zone,
whether clicks may be noted, and to be forgotten.

The address of the page is the reader's own key, from a mail. Only a POST acts, each button does one thing, and the
page that follows says what came of it. Whose another address is, no answer tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from drip.core.events import (
    AskedToMove,
    CameBack,
    ChoseClicks,
    ChoseZone,
    Erased,
    Event,
    Scope,
    SwitchedOn,
    TookBreak,
    Unsubscribed,
)
from drip.core.links import Purpose
from drip.core.records import Subscriber
from drip.engine.values import city_of, day_words
from drip.web import clicks
from drip.web.sessions import zone_groups
from drip.web.signup import ADDRESS_LENGTH_MAX, address_fault
from drip.web.standing import Standing, standing_of
from drip.web.unsubscribe import done, masked
from drip.web.visit import zone_or_none

if TYPE_CHECKING:
    from starlette.responses import Response

    from drip.web.site import House, Site
    from drip.web.visit import Visit

WEEKS = (2, 4, 8)
"""How long a break may be. Longer ones are better called leaving."""


@dataclass(frozen=True, slots=True)
class _Desk:
    """A reader at the page, and how things stood when they pressed."""

    site: Site
    house: House
    visit: Visit
    reader: Subscriber
    standing: Standing
    lists: frozenset[str]

    def happen(self, event: Event) -> str:
        """Let it take effect; what came of it."""
        return self.site.happen(event, self.visit).what

    def page(self, status: int = 200, **said: object) -> Response:
        """The page as things stand now."""
        with self.site.store.read() as work:
            reader = work.subscriber(self.reader.id) or self.reader
            standing = standing_of(self.site, self.house, work, reader, self.visit.now)
        answer = self.house.page("preferences", self._values(reader, standing, said), status)
        answer.background = self.site.soon() if self.visit.posted else None
        return answer

    def _values(self, reader: Subscriber, standing: Standing, said: Mapping[str, object]) -> dict[str, object]:
        zone = reader.zone or self.house.definition.timezone
        token = self.site.sign(Purpose.PREFERENCES, reader.id)
        rest = reader.break_at(self.visit.now)
        given = self.house.definition.lists
        return {
            "zone": zone,
            "city": city_of(zone),
            "zone_groups": zone_groups(zone),
            "data_url": f"{self.house.path('p', token)}/data.json",
            "email": masked(reader.email),
            "standing": standing,
            "lists": [each for each in given if each.name in standing.lists],
            "others": [each for each in given if each.name not in standing.lists],
            "consents": {each.name: self.words(each.name) for each in given},
            "weeks": WEEKS,
            "break_until": day_words(rest.ends_at, zone) if rest is not None else "",
            "clicks": {
                # Whoever agreed can take it back, also when nothing is counted any more.
                "asks": standing.counts_clicks or reader.clicks_since is not None,
                "noted": reader.clicks_since is not None,
                "words": clicks.consent(self.house),
            },
            "saved": "",
            "list_title": "",
            "faults": {},
            "typed": "",
            "moving_to": "",
            "asked_again": False,
            **said,
        }

    def words(self, name: str) -> str:
        """The sentence beside the button that switches a list on."""
        return self.house.words("consent-list", {"list": self.house.definition.list_named(name)})


def page(site: Site, visit: Visit) -> Response:
    """GET /p/TOKEN: everything that we may send, and how to stop it."""
    desk = _desk(site, visit)
    return site.any_house().problem(404, "unsubscribe-unknown") if desk is None else desk.page()


def act(site: Site, visit: Visit) -> Response:
    """POST /p/TOKEN: one button."""
    desk = _desk(site, visit)
    if desk is None:
        return site.any_house().problem(404, "unsubscribe-unknown")
    for name, press in BUTTONS.items():
        if name in visit.form:
            answer = press(desk, visit.form[name])
            if answer is not None:
                return answer
    return desk.page(400, asked_again=True)


def _desk(site: Site, visit: Visit) -> _Desk | None:
    number = site.number(Purpose.PREFERENCES, visit.token)
    with site.store.read() as work:
        house = site.house(work)
        reader = None if number is None else work.subscriber(number)  # type: ignore[arg-type]
        if reader is None:
            return None
        return _Desk(
            site,
            house,
            visit,
            reader,
            standing_of(site, house, work, reader, visit.now),
            frozenset(each.list for each in work.subscriptions(reader.id)),
        )


# --- one button each -------------------------------------------------------------------------------------------------


def _erase(desk: _Desk, said: str) -> Response:
    """It cannot be undone, so the first press asks, and only the button of that page does it."""
    values = {"email": masked(desk.reader.email)}
    if said != "everything":
        return desk.house.page("erase", values)
    desk.happen(Erased(desk.reader.id, desk.visit.place))
    return desk.house.page("erased", values)


def _stop_everything(desk: _Desk, said: str) -> Response | None:
    if said != Scope.EVERYTHING:
        return None
    desk.happen(Unsubscribed(desk.reader.id, desk.visit.evidence("Stop everything"), Scope.EVERYTHING))
    return _stopped(desk)


def _stop_list(desk: _Desk, name: str) -> Response | None:
    if name not in desk.lists:
        return None
    desk.happen(Unsubscribed(desk.reader.id, desk.visit.evidence("Stop this list"), Scope.MARKETING, list=name))
    return _stopped(desk, name)


def _stopped(desk: _Desk, one_list: str = "") -> Response:
    with desk.site.store.read() as work:
        known = work.subscriber(desk.reader.id) or desk.reader
        after = standing_of(desk.site, desk.house, work, known, desk.visit.now)
    return done(desk.house, known, desk.standing, after, one_list=one_list)


def _switch_on(desk: _Desk, name: str) -> Response | None:
    mailing_list = desk.house.definition.list_named(name)
    if mailing_list is None:
        return None
    what = desk.happen(SwitchedOn(desk.reader.id, name, desk.visit.evidence(desk.words(name))))
    saved = {"on": "on", "already": "on"}.get(what, "asked")
    return desk.page(saved=saved, list_title=mailing_list.title)


def _rest(desk: _Desk, said: str) -> Response | None:
    if said == "over":
        desk.happen(CameBack(desk.reader.id, desk.visit.evidence("Write to me again")))
        return desk.page(saved="back")
    weeks = next((each for each in WEEKS if str(each) == said), None)
    if weeks is None:
        return None
    desk.happen(TookBreak(desk.reader.id, weeks, desk.visit.evidence(f"Take a break for {weeks} weeks")))
    return desk.page(saved="resting")


def _move(desk: _Desk, typed: str) -> Response:
    """The same answer, whoever has that address."""
    typed = typed[:ADDRESS_LENGTH_MAX].strip()
    fault = address_fault(typed)
    if fault:
        return desk.page(422, faults={"email": fault}, typed=typed)
    desk.happen(AskedToMove(desk.reader.id, typed, desk.visit.evidence("Use this address")))
    return desk.page(saved="moving", moving_to=typed)


def _choose_zone(desk: _Desk, name: str) -> Response | None:
    if zone_or_none(name) is None:
        return None
    desk.happen(ChoseZone(desk.reader.id, name, desk.visit.evidence("Save my time zone")))
    return desk.page(saved="zone")


def _choose_clicks(desk: _Desk, said: str) -> Response | None:
    if said not in ("yes", "no"):
        return None
    words = clicks.consent(desk.house) if said == "yes" else "Stop, and forget them"
    desk.happen(ChoseClicks(desk.reader.id, said == "yes", desk.visit.evidence(words)))
    return desk.page(saved="clicks")


BUTTONS: Mapping[str, Callable[[_Desk, str], Response | None]] = MappingProxyType(
    {
        "erase": _erase,
        "scope": _stop_everything,
        "list": _stop_list,
        "on": _switch_on,
        "rest": _rest,
        "email": _move,
        "tz": _choose_zone,
        "clicks": _choose_clicks,
    }
)
"""What each button does, by its name; what stops something comes before what starts it."""
