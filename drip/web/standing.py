"""What a reader gets at one moment: the lists they are on, and the seats they hold. Reads only.

Asked before and after an unsubscribe, so that the page can say exactly what stopped and what goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from drip.core.links import Purpose
from drip.core.records import Registration, RegistrationId, RegistrationState, Subscriber, SubscriptionState
from drip.engine.letters import session_of
from drip.engine.values import SessionView, view_session
from drip.web import clicks

if TYPE_CHECKING:
    from drip.store.work import Work
    from drip.web.site import House, Site


@dataclass(frozen=True, slots=True)
class HeldSeat:
    """A booked seat in a session that is not over; `is_reminded`: mails about it are still to come."""

    id: RegistrationId
    title: str
    session: SessionView
    is_reminded: bool
    manage: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Lists by name with their titles, seats, and whether the reader has left altogether.

    `counts_clicks`: some campaign counts links, so there is something to agree to.
    """

    lists: dict[str, str]
    seats: tuple[HeldSeat, ...]
    has_left: bool
    counts_clicks: bool = False

    @property
    def reminded(self) -> tuple[HeldSeat, ...]:
        """The seats that mails are still to come for."""
        return tuple(each for each in self.seats if each.is_reminded)


def zone_for(house: House, subscriber: Subscriber, registration: Registration | None) -> str:
    """The zone in which a reader is told times: the one they registered in, their own, the project's."""
    return (registration.zone if registration else None) or subscriber.zone or house.definition.timezone


def standing_of(site: Site, house: House, work: Work, subscriber: Subscriber, now: datetime) -> Standing:
    """How things stand for a reader."""
    lists = {}
    for each in work.subscriptions(subscriber.id):
        if each.state is not SubscriptionState.ENDED:
            known = house.definition.list_named(each.list)
            lists[each.list] = known.title if known else each.list
    running = {each.registration_id for each in work.running(subscriber.id)}
    seats = []
    for registration in work.registrations_of(subscriber.id):
        seat = _seat(site, house, work, subscriber, registration, registration.id in running, now)
        if seat is not None:
            seats.append(seat)
    return Standing(lists, tuple(seats), subscriber.left_at is not None, clicks.are_counted(site, work))


def _seat(
    site: Site,
    house: House,
    work: Work,
    subscriber: Subscriber,
    registration: Registration,
    reminded: bool,
    now: datetime,
) -> HeldSeat | None:
    if registration.state is not RegistrationState.BOOKED:
        return None
    edition = site.engine.live.campaign(work, registration.campaign)
    campaign = edition.campaign if edition else None
    session = session_of(campaign, registration)
    if campaign is None or campaign.webinar is None or session is None or session.ends <= now:
        return None
    view = view_session(session, zone_for(house, subscriber, registration), now, "")
    manage = house.path("m", site.sign(Purpose.MANAGE, registration.id))
    return HeldSeat(registration.id, campaign.webinar.title, view, reminded, manage)
