"""Sessions as a visitor may choose them, and the time zones to read them in.

The time is always words: a city's zone and the offset at that very date, never an abbreviation (`CST` means several).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from drip.core.model import Campaign, Session, Webinar
from drip.core.offers import is_offered, offers, regular_offers
from drip.core.parts import last_part
from drip.core.seats import may_offer
from drip.engine.values import SessionView, clock_words, view_session
from drip.web.visit import known_zones

if TYPE_CHECKING:
    from drip.store.work import Work
    from drip.web.site import House, Site

SEATS_FEW = 10
"""From here on the page says how many seats are left. The number is counted, never invented."""

REGIONS = (
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
)  # fmt: skip

State = Literal["open", "begun", "full", "over", "cancelled"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One session on the webinar page: how it reads, whether it can be had, and if not, why."""

    view: SessionView
    state: State
    day: str
    stamp: str
    until: str
    ends: str
    seats_left: int | None = None
    can_wait: bool = False

    @property
    def is_open(self) -> bool:
        """Whether a seat can be had. In one that has begun, too: who comes late still sees the rest."""
        return self.state in ("open", "begun")

    @property
    def may_choose(self) -> bool:
        """Whether it can be chosen: for a seat, or where it is full for a place in the line."""
        return self.is_open or self.can_wait


@dataclass(frozen=True, slots=True)
class ComingWebinar:
    """A webinar that still has open sessions, for the pages that lead to it."""

    campaign: str
    title: str
    url: str
    first: SessionView


def state_of(session: Session, taken: int, seats: int | None, now: datetime) -> State:
    """Whether a session can be chosen."""
    if session.ends <= now:
        return "over"
    if session.cancelled:
        return "cancelled"
    if seats is not None and taken >= seats:
        return "full"
    return "begun" if session.starts <= now else "open"


def choices(work: Work, campaign: str, webinar: Webinar, zone: str, now: datetime, named: str = "") -> list[Choice]:
    """All sessions of a webinar in one zone, soonest first. Of an evergreen one what it offers now, and the `named` one
    if that is offered still: it may come from a mail, or from a page that stood open for a while."""
    found = []
    whole = last_part(webinar) if webinar.is_series else None
    for session in sorted(_listed(webinar, zone, now, named), key=lambda each: each.starts):
        counted = whole or session
        taken = 0 if webinar.seats is None else work.booked_count(campaign, counted.name)
        left = None if webinar.seats is None else webinar.seats - taken
        state = state_of(session, taken, webinar.seats, now)
        view = view_session(session, zone, now, "")
        found.append(
            Choice(
                view=view,
                state=state,
                day=f"{view.day.partition(',')[0]}, {view.date}",
                stamp=stamp_of(session.starts, zone),
                until=clock_words(session.ends.astimezone(ZoneInfo(zone))),
                ends=stamp_of(session.ends, zone),
                seats_left=left if left is not None and left <= SEATS_FEW and state in ("open", "begun") else None,
                can_wait=state == "full" and may_offer(now, counted.starts),
            )
        )
    return found


def _listed(webinar: Webinar, zone: str, now: datetime, named: str) -> tuple[Session, ...]:
    if webinar.rule is None:
        return webinar.sessions
    listed = offers(webinar, zone, now)
    if named and is_offered(webinar, named, zone, now):
        session = webinar.session_named(named)
        if session is not None and session not in listed:
            return (*listed, session)
    return listed


def stamp_of(moment: datetime, zone: str) -> str:
    """What stands in `<time datetime>`."""
    return moment.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")


def coming_webinars(site: Site, house: House, work: Work, now: datetime) -> list[ComingWebinar]:
    """The live webinars with open sessions, the one that starts first at the front."""
    found: list[tuple[datetime, ComingWebinar]] = []
    for edition in site.engine.live.campaigns(work):
        campaign = edition.campaign
        if campaign is None or campaign.webinar is None:
            continue
        first = _first_open(work, campaign, campaign.webinar, now)
        if first is not None:
            view = view_session(first, campaign.timezone, now, "")
            url = house.path("w", campaign.name)
            found.append((first.starts, ComingWebinar(campaign.name, campaign.webinar.title, url, view)))
    return [each for _, each in sorted(found, key=lambda pair: (pair[0], pair[1].campaign))]


def _first_open(work: Work, campaign: Campaign, webinar: Webinar, now: datetime) -> Session | None:
    # On the page of another thing the next regular start is named: the nearest one would be over when it is read.
    listed = webinar.sessions if webinar.rule is None else regular_offers(webinar, campaign.timezone, now)
    for session in sorted(listed, key=lambda each: each.starts):
        counted = (last_part(webinar) if webinar.is_series else None) or session
        taken = 0 if webinar.seats is None else work.booked_count(campaign.name, counted.name)
        if state_of(session, taken, webinar.seats, now) == "open":
            return session
    return None


def length_words(length: timedelta) -> str:
    """`60 minutes`."""
    minutes = int(length.total_seconds() // 60)
    return f"{minutes} minute{'s' if minutes != 1 else ''}"


@functools.cache
def _grouped() -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    groups: list[tuple[str, tuple[tuple[str, str], ...]]] = [("World", (("UTC", "UTC"),))]
    for region in REGIONS:
        inside = sorted(each for each in known_zones() if each.startswith(f"{region}/"))
        pairs = tuple((each, each.partition("/")[2].replace("/", ", ").replace("_", " ")) for each in inside)
        if pairs:
            groups.append((region, pairs))
    return tuple(groups)


def zone_groups(chosen: str) -> Sequence[tuple[str, tuple[tuple[str, str], ...]]]:
    """Time zones by region, as (name, city), for a `<select>`; with the chosen one, whatever it is."""
    groups = _grouped()
    if any(name == chosen for _, pairs in groups for name, _ in pairs):
        return groups
    return (("", ((chosen, chosen),)), *groups)
