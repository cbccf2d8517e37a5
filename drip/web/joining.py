"""A seat: confirming it, the way into the meeting, its calendar file, and giving it back.

The meeting's address is never on a page: it is the Location of the answer to the join button, inside the window, and
of nothing else. A GET of any of these changes nothing, so a mail scanner neither books, nor attends, nor cancels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from starlette.responses import RedirectResponse, Response

from drip.core.events import (
    CancelledRegistration,
    ConfirmedRegistration,
    JoinedSession,
    JoinedWaitingList,
    MovedRegistration,
)
from drip.core.links import Purpose
from drip.core.model import Campaign, Session, Webinar
from drip.core.offers import held_by
from drip.core.parts import is_series, parts_ahead
from drip.core.records import Registration, RegistrationId, RegistrationState, Subscriber
from drip.core.seats import WaitingState, may_offer
from drip.engine.invites import entry_words, invite_uid
from drip.engine.letters import session_of
from drip.engine.values import SessionView, clock_words, day_words, view_session
from drip.web.pages import FORM_MEETING, FORM_SELF, headers
from drip.web.sessions import length_words, stamp_of
from drip.web.standing import zone_for

if TYPE_CHECKING:
    from drip.store.work import Work
    from drip.web.site import House, Site
    from drip.web.visit import Visit

DOOR_OPENS = timedelta(minutes=15)
"""How long before the start the join button appears."""

NEAR = timedelta(minutes=60)
"""Who books later than this before the start gets the way in on the page: the mail may be too slow."""

Door = Literal["before", "open", "over"]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a series as its pages show it; `url` is the reader's own way into it, "" before they hold it."""

    view: SessionView
    stamp: str
    url: str


@dataclass(frozen=True, slots=True)
class Seat:
    """A registration with everything a page says about it. `session` is None where the author took it away.

    In a series `theirs` are all registrations of the same person, `session` is the part that is next, and
    `is_incomplete` says that a part is ahead which they do not hold yet.
    """

    house: House
    registration: Registration
    subscriber: Subscriber
    campaign: Campaign
    webinar: Webinar
    session: Session | None
    zone: str
    now: datetime
    theirs: tuple[Registration, ...] = ()
    is_incomplete: bool = False

    @property
    def state(self) -> RegistrationState:
        """Pending, booked or cancelled."""
        return self.registration.state

    @property
    def door(self) -> Door:
        """Where the moment is, seen from the session."""
        if self.session is None or self.session.ends <= self.now:
            return "over"
        return "before" if self.now < self.session.starts - DOOR_OPENS else "open"

    @property
    def view(self) -> SessionView | None:
        """The session in words."""
        return view_session(self.session, self.zone, self.now, "") if self.session else None

    @property
    def webinar_url(self) -> str:
        """The webinar's page: where another session can be chosen."""
        return self.house.path("w", self.campaign.name)

    def values(self, site: Site) -> dict[str, object]:
        """What the pages about a seat print."""
        session = self.session
        join = self.house.path("j", site.sign(Purpose.JOIN, self.registration.id))
        opens = (session.starts - DOOR_OPENS).astimezone(ZoneInfo(self.zone)) if session else None
        at = self.now.isoformat(timespec="seconds")
        return {
            "webinar": {"title": self.webinar.title, "length": length_words(self.webinar.length)},
            "session": self.view,
            "stamp": stamp_of(session.starts, self.zone) if session else "",
            "state": self.state.value,
            "door": self.door,
            "opens": clock_words(opens) if opens else "",
            "countdown": {"now": at, "starts": session.starts.isoformat(), "opens": opens.isoformat()}
            if session and opens
            else None,
            "is_near": session is not None and session.starts - self.now < NEAR,
            "webinar_url": self.webinar_url,
            "join_url": join,
            "calendar_url": f"{join}/calendar.ics",
            "calendars": self._calendars(site),
            "others": self._others(),
            **self._replay_words(),
            "is_series": self.webinar.is_series,
            "series_parts": self._parts(site),
            "manage_url": self.house.path("m", site.sign(Purpose.MANAGE, self.registration.id)),
        }

    def _calendars(self, site: Site) -> tuple[tuple[str, str], ...]:
        """Web calendars by name, with the address that opens one with the entry filled in."""
        if self.session is None:
            return ()
        from drip.mail.calendar import add_links

        token = site.sign(Purpose.JOIN, self.registration.id)
        links = add_links(
            title=self.webinar.title,
            description=entry_words("", recorded=self.session.recorded),
            join_url=f"{self.house.definition.url.rstrip('/')}/j/{token}",
            starts=self.session.starts,
            ends=self.session.ends,
        )
        return (
            ("Google", links.google),
            ("Outlook", links.outlook),
            ("Microsoft 365", links.office365),
            ("Yahoo", links.yahoo),
        )

    @property
    def replay(self) -> str:
        """The address of the recording, while it may be watched; it is on no page either."""
        session, webinar = self.session, self.webinar
        if session is None or session.cancelled or self.door != "over" or not webinar.replay:
            return ""
        ends = webinar.replay_ends(session)
        is_gone = ends is not None and ends <= self.now
        return "" if is_gone else webinar.replay.replace("{session}", quote(session.name, safe=""))

    def _replay_words(self) -> dict[str, object]:
        """Whether there is a recording, until when, and whether there was one."""
        ends = self.webinar.replay_ends(self.session) if self.session is not None else None
        return {
            "has_replay": bool(self.replay),
            "replay_until": day_words(ends, self.zone) if self.replay and ends is not None else "",
            "replay_is_over": bool(self.webinar.replay) and ends is not None and ends <= self.now,
        }

    def _others(self) -> list[SessionView]:
        """The other sessions still to come, each with the page where it is chosen. A series has none."""
        if self.webinar.is_series:
            return []
        held = held_by(self.webinar, self.zone, self.now)
        coming = [each for each in held if each.starts > self.now and each != self.session]
        return [
            view_session(each, self.zone, self.now, f"{self.webinar_url}?s={quote(each.name)}&tz={quote(self.zone)}")
            for each in sorted(coming, key=lambda each: each.starts)
        ]

    def _parts(self, site: Site) -> list[Part]:
        """The parts of a series that are ahead, each with the reader's own page for it."""
        if not self.webinar.is_series:
            return []
        held = {each.session: each.id for each in self.theirs if each.state is RegistrationState.BOOKED}
        return [
            Part(
                view_session(each, self.zone, self.now, ""),
                stamp_of(each.starts, self.zone),
                self.house.path("j", site.sign(Purpose.JOIN, held[each.name])) if each.name in held else "",
            )
            for each in parts_ahead(self.webinar, self.now)
        ]


def _in_series(seat: Seat, theirs: tuple[Registration, ...], purpose: Purpose) -> Seat:
    """The same seat, as one in a whole series: what its pages say is about the part that is next. The way in alone is
    into one part."""
    ahead = {each.name: each for each in parts_ahead(seat.webinar, seat.now)}
    booked = {each.session: each for each in theirs if each.state is RegistrationState.BOOKED and each.session in ahead}
    seat = replace(seat, theirs=theirs, is_incomplete=len(booked) < len(ahead))
    if purpose is Purpose.JOIN or not ahead:
        return seat
    for name, session in ahead.items():
        if name in booked:
            return replace(seat, registration=booked[name], session=session)
    given_back = [each for each in theirs if each.state is RegistrationState.CANCELLED and each.session in ahead]
    if given_back and purpose is Purpose.MANAGE:
        # Also by the link of a part that they came to: that one stays, and there is nothing to change about it.
        return replace(seat, registration=given_back[-1], session=ahead[given_back[-1].session])
    is_asked = seat.state is RegistrationState.PENDING
    return replace(seat, session=next(iter(ahead.values()))) if is_asked else seat


def _seat(site: Site, work: Work, purpose: Purpose, visit: Visit) -> Seat | None:
    number = site.number(purpose, visit.token)
    registration = work.registration(RegistrationId(number)) if number is not None else None
    if registration is None:
        return None
    edition = site.engine.live.campaign(work, registration.campaign)
    campaign = edition.campaign if edition else None
    if purpose is Purpose.BOOK:
        # Who had a seat already has moved it here; the button leads to that one.
        registration = work.held_in_place_of(registration)
    elif purpose is Purpose.MANAGE and registration.state is RegistrationState.CANCELLED and not is_series(campaign):
        # They may hold another seat by now: one seat a person, so the page is about that one.
        standing = work.open_registration(registration.subscriber_id, registration.campaign)
        if standing is not None and standing.state is RegistrationState.BOOKED:
            registration = standing
    house = site.house(work)
    subscriber = work.subscriber(registration.subscriber_id)
    if subscriber is None or campaign is None or campaign.webinar is None:
        return None
    session = session_of(campaign, registration)
    zone = zone_for(house, subscriber, registration)
    seat = Seat(house, registration, subscriber, campaign, campaign.webinar, session, zone, visit.now)
    if not campaign.webinar.is_series:
        return seat
    theirs = work.registrations_of(registration.subscriber_id)
    return _in_series(seat, tuple(each for each in theirs if each.campaign == campaign.name), purpose)


def _read(site: Site, purpose: Purpose, visit: Visit) -> Seat | None:
    with site.store.read() as work:
        return _seat(site, work, purpose, visit)


def _unknown(site: Site) -> Response:
    return site.any_house().problem(404, "seat-unknown")


# --- /b/TOKEN: the button in the mail that answers a registration -------------------------------------------------


def _book_page(site: Site, seat: Seat, *, full: bool = False) -> Response:
    if seat.state is RegistrationState.CANCELLED:
        return seat.house.problem(410, "seat-cancelled", again=seat.webinar_url, title=seat.webinar.title)
    if seat.door == "over":
        return seat.house.problem(410, "session-over", again=seat.webinar_url, title=seat.webinar.title)
    if full:
        return _full_page(site, seat)
    is_held = seat.state is RegistrationState.BOOKED and not (seat.webinar.is_series and seat.is_incomplete)
    name = "booked" if is_held else "book"
    return seat.house.page(name, {**seat.values(site), "consent": _consent(seat)})


def _full_page(site: Site, seat: Seat, status: int = 409) -> Response:
    """No seat is left: the line for one, or that the reader stands in it."""
    with site.store.read() as work:
        is_waiting = work.waiting_state(seat.registration.id) in (WaitingState.WAITING, WaitingState.OFFERED)
    session = seat.webinar.session_named(seat.registration.session)
    may_wait = session is not None and may_offer(seat.now, session.starts)
    values = {**seat.values(site), "is_waiting": is_waiting, "may_wait": may_wait}
    return seat.house.page("full", values, 200 if is_waiting else status)


def _consent(seat: Seat) -> str:
    return seat.house.words("consent-webinar", {"webinar": {"title": seat.webinar.title}})


def book_page(site: Site, visit: Visit) -> Response:
    """GET /b/TOKEN: one button, which books the seat or puts into the line; after it was pressed, what came of it."""
    with site.store.read() as work:
        seat = _seat(site, work, Purpose.BOOK, visit)
        is_full = seat is not None and _is_full(work, seat)
    if seat is None:
        return _unknown(site)
    if is_full and seat.door != "over":
        return _full_page(site, seat, 200)
    return _book_page(site, seat)


def _is_full(work: Work, seat: Seat) -> bool:
    """Whether all seats are taken but for the one that is on offer to this very reader."""
    held, seats = seat.registration, seat.webinar.seats
    if seat.state is not RegistrationState.PENDING or seats is None:
        return False
    return work.taken_count(held.campaign, held.session, but_for=held.id) >= seats


def _may_add(seat: Seat) -> bool:
    """Whether somebody in a series registered again, and there are parts that they do not hold yet."""
    return seat.webinar.is_series and seat.is_incomplete and seat.state is RegistrationState.BOOKED


def book(site: Site, visit: Visit) -> Response:
    """POST /b/TOKEN: the seat is booked, if there is one left. Twice is the same as once."""
    seat = _read(site, Purpose.BOOK, visit)
    if seat is None:
        return _unknown(site)
    what = ""
    if visit.form.get("wait") == "yes" and seat.state is RegistrationState.PENDING and seat.door != "over":
        what = site.happen(JoinedWaitingList(seat.registration.id, visit.evidence("Put me in line")), visit).what
        what = "full" if what in ("waitlisted", "already") else what
    elif (seat.state is RegistrationState.PENDING or _may_add(seat)) and seat.door != "over":
        what = site.happen(ConfirmedRegistration(seat.registration.id, visit.evidence(_consent(seat))), visit).what
    answer = _book_page(site, _read(site, Purpose.BOOK, visit) or seat, full=what == "full")
    answer.background = site.soon()
    return answer


# --- /j/TOKEN: the way in -----------------------------------------------------------------------------------------


def _join_page(site: Site, seat: Seat, status: int = 200) -> Response:
    if seat.state is RegistrationState.CANCELLED:
        return seat.house.problem(410, "seat-cancelled", again=seat.webinar_url, title=seat.webinar.title)
    is_open = seat.state is RegistrationState.BOOKED and (seat.door == "open" or bool(seat.replay))
    return seat.house.page("join", seat.values(site), status, form_action=FORM_MEETING if is_open else FORM_SELF)


def join_page(site: Site, visit: Visit) -> Response:
    """GET /j/TOKEN: before the session when it is, in its window the button, after it the recording or the next one."""
    seat = _read(site, Purpose.JOIN, visit)
    return _unknown(site) if seat is None else _join_page(site, seat)


def join(site: Site, visit: Visit) -> Response:
    """POST /j/TOKEN: inside the window, attended and off to the meeting; after it off to the recording, which is no
    attendance; else the same page as before."""
    seat = _read(site, Purpose.JOIN, visit)
    if seat is None:
        return _unknown(site)
    if seat.state is RegistrationState.BOOKED and seat.replay:
        return RedirectResponse(seat.replay, 303, headers(token=True))
    if seat.session is None or seat.state is not RegistrationState.BOOKED or seat.door != "open":
        return _join_page(site, seat, 409)
    meeting = seat.webinar.join.replace("{session}", quote(seat.session.name, safe=""))
    if not meeting.startswith(("https://", "http://")):
        return seat.house.problem(503, "no-meeting")
    site.happen(JoinedSession(seat.registration.id), visit)
    # 303: the browser asks for the meeting with a GET, and a reload does not press the button again.
    return RedirectResponse(meeting, 303, headers(token=True))


def calendar(site: Site, visit: Visit) -> Response:
    """GET /j/TOKEN/calendar.ics: the session as a file for any calendar."""
    seat = _read(site, Purpose.JOIN, visit)
    if seat is None:
        return _unknown(site)
    if seat.session is None or seat.state is not RegistrationState.BOOKED:
        return _join_page(site, seat, 410 if seat.session is None else 409)
    from drip.mail.calendar import registration_invite

    definition = seat.house.definition
    organizer = seat.campaign.sender or definition.sender
    token = site.sign(Purpose.JOIN, seat.registration.id)
    url = f"{definition.url.rstrip('/')}/j/{token}"
    invite = registration_invite(
        method="PUBLISH",
        uid=invite_uid(seat.registration, organizer.address.rpartition("@")[2]),
        sequence=seat.registration.calendar_sequence,
        # The moment of booking, not of the download: the same seat is the same file.
        stamp=seat.registration.confirmed_at or seat.registration.requested_at,
        starts=seat.session.starts,
        ends=seat.session.ends,
        title=seat.webinar.title,
        description=entry_words(url, recorded=seat.session.recorded),
        join_url=url,
        organizer=organizer,
        attendee=organizer,
    )
    given = {
        **headers(token=True),
        "Content-Disposition": 'attachment; filename="webinar.ics"',
    }
    return Response(invite.ics, 200, given, media_type="text/calendar; method=PUBLISH; charset=utf-8")


# --- /m/TOKEN: moving it, giving it back ------------------------------------------------------------------------------


def _manage_page(site: Site, seat: Seat, moved: str = "") -> Response:
    if seat.state is RegistrationState.CANCELLED:
        by_host = seat.session is not None and seat.session.cancelled
        # Whoever never pressed the button in the mail has not shown that the address is theirs.
        values = {"by_host": by_host, "may_take": seat.registration.confirmed_at is not None, "moved": moved}
        return seat.house.page("cancelled", {**seat.values(site), **values}, 409 if moved else 200)
    # A press in another window may have moved it meanwhile: `moved` says what came of the last one.
    status = 409 if moved in ("full", "over", "unknown") else 200
    return seat.house.page("manage", {**seat.values(site), "moved": moved}, status)


def manage_page(site: Site, visit: Visit) -> Response:
    """GET /m/TOKEN: the seat, with buttons that move it and one that gives it back."""
    seat = _read(site, Purpose.MANAGE, visit)
    return _unknown(site) if seat is None else _manage_page(site, seat)


def manage(site: Site, visit: Visit) -> Response:
    """POST /m/TOKEN: the seat moves to another session, or is free again and its reminders stop."""
    seat = _read(site, Purpose.MANAGE, visit)
    if seat is None:
        return _unknown(site)
    if "session" in visit.form:
        moved, is_off = "", seat.state is RegistrationState.CANCELLED
        is_held = seat.state is RegistrationState.BOOKED and seat.door != "over"
        if is_held or (is_off and seat.registration.confirmed_at is not None):
            evidence = visit.evidence("Take this seat" if is_off else "Move my seat")
            event = MovedRegistration(seat.registration.id, visit.form["session"], evidence)
            moved = site.happen(event, visit).what
            moved = "taken" if is_off and moved == "moved" else moved
        answer = _manage_page(site, _read(site, Purpose.MANAGE, visit) or seat, moved)
        answer.background = site.soon()
        return answer
    if seat.state is not RegistrationState.CANCELLED and seat.door != "over":
        site.happen(CancelledRegistration(seat.registration.id, visit.evidence("Give my seat back")), visit)
    return _manage_page(site, _read(site, Purpose.MANAGE, visit) or seat)
