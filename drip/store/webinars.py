"""Sessions, registrations with their seats, and attendance. Part of `Work`.

Never ends an enrollment: what a registration or its cancelling means for sequences, the engine says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, bindparam, case, func, select, update

from drip.core.model import Session
from drip.core.records import Attendance, Registration, RegistrationId, RegistrationState, SubscriberId
from drip.store.prepared import prepared
from drip.store.schema import attendance, presence, registration, session
from drip.store.transaction import insert_into
from drip.store.waiting import Waiting

SESSION = (session.c.name, session.c.starts, session.c.ends, session.c.wall, session.c.zone)
Span = tuple[datetime | None, datetime | None]
Booked = Literal["booked", "already", "full", "cancelled", "over"]


@prepared
def ended_statement() -> Select[Any]:
    """Open sessions that are over."""
    over = session.c.ends <= bindparam("now", type_=session.c.ends.type)
    statement = select(session.c.campaign, *SESSION).where(
        over, session.c.closed_at.is_(None), session.c.withdrawn_at.is_(None)
    )
    return statement.order_by(session.c.ends, session.c.campaign, session.c.name)


@prepared
def registration_statement() -> Select[Any]:
    """A registration by id."""
    return select(registration).where(registration.c.id == bindparam("number"))


@prepared
def of_person_statement() -> Select[Any]:
    """One person's registrations, oldest first."""
    mine = registration.c.subscriber_id == bindparam("who")
    return select(registration).where(mine).order_by(registration.c.id)


class Webinars(Waiting):
    """Methods about webinars."""

    # --- sessions ---

    def put_sessions(
        self, campaign: str, sessions: Iterable[Session], now: datetime, *, closed_stay: bool = False
    ) -> None:
        """Makes these the campaign's sessions. One that is not among them is withdrawn but kept, for those who
        registered; with `closed_stay` only those that are not closed yet.

        A session moved into the future is open again.
        """
        wanted = {each.name: each for each in sessions}
        gone = update(session).where(session.c.campaign == campaign, session.c.withdrawn_at.is_(None))
        if closed_stay:
            gone = gone.where(session.c.closed_at.is_(None))
        self._run(gone.where(session.c.name.not_in(wanted)).values(withdrawn_at=now))
        statement = insert_into(session, self._postgres)
        for each in wanted.values():
            values: dict[str, Any] = {
                "starts": each.starts,
                "ends": each.ends,
                "wall": each.wall,
                "zone": each.zone,
                "withdrawn_at": None,
            }
            changed = values if each.ends <= now else {**values, "closed_at": None}
            self._run(
                statement.values(campaign=campaign, name=each.name, **values).on_conflict_do_update(
                    index_elements=["campaign", "name"], set_=changed
                )
            )

    def add_session(self, campaign: str, picked: Session) -> None:
        """Lets a session of an evergreen webinar be there. One that is there already stays as it is, but it is
        withdrawn no more: the author took the rule away and brought it back."""
        values = {"name": picked.name, "starts": picked.starts, "ends": picked.ends}
        statement = insert_into(session, self._postgres).values(
            campaign=campaign, **values, wall=picked.wall, zone=picked.zone, withdrawn_at=None
        )
        self._run(
            statement.on_conflict_do_update(
                index_elements=["campaign", "name"],
                set_={"withdrawn_at": None},
                where=session.c.withdrawn_at.is_not(None),
            )
        )

    def sessions(self, campaign: str, *, is_open: bool = False) -> Sequence[Session]:
        """The campaign's sessions by start, without withdrawn ones; with `is_open` those whose end was not acted on."""
        statement = select(*SESSION).where(session.c.campaign == campaign, session.c.withdrawn_at.is_(None))
        if is_open:
            statement = statement.where(session.c.closed_at.is_(None))
        return [Session(*row) for row in self._all(statement.order_by(session.c.starts, session.c.name))]

    def ended_sessions(self, now: datetime) -> Sequence[tuple[str, Session]]:
        """Sessions that are over and not yet closed, with their campaigns."""
        return [(row[0], Session(*row[1:])) for row in self._all(ended_statement(), now=now)]

    def close_session(self, campaign: str, name: str, now: datetime) -> bool:
        """Whether this closed it: of two runs at once, one."""
        statement = update(session).where(
            session.c.campaign == campaign, session.c.name == name, session.c.closed_at.is_(None)
        )
        return self._changed(statement.values(closed_at=now)) > 0

    # --- registrations ---

    def add_registration(
        self, subscriber_id: SubscriberId, campaign: str, session: str, zone: str | None, now: datetime
    ) -> Registration:
        """A pending registration; the one that is open already for this session, if there is one."""
        values = {
            "subscriber_id": subscriber_id,
            "campaign": campaign,
            "session": session,
            "state": RegistrationState.PENDING,
            "requested_at": now,
            "zone": zone,
        }
        statement = insert_into(registration, self._postgres).on_conflict_do_nothing().returning(registration)
        row = self._run(statement, values).first()
        if row is None:
            key = (registration.c.subscriber_id == subscriber_id, registration.c.campaign == campaign)
            still_open = registration.c.state != RegistrationState.CANCELLED
            row = self._run(select(registration).where(*key, registration.c.session == session, still_open)).one()
        return Registration(*row)

    def registration(self, id: RegistrationId) -> Registration | None:
        """The registration of that id."""
        row = self._first(registration_statement(), number=id)
        return None if row is None else Registration(*row)

    def registrations(
        self, campaign: str, session: str | None = None, state: RegistrationState | None = None
    ) -> Sequence[Registration]:
        """The registrations of a campaign, of one session or in one state, oldest first."""
        statement = select(registration).where(registration.c.campaign == campaign).order_by(registration.c.id)
        if session is not None:
            statement = statement.where(registration.c.session == session)
        if state is not None:
            statement = statement.where(registration.c.state == state)
        return [Registration(*row) for row in self._all(statement)]

    def registrations_of(self, subscriber_id: SubscriberId) -> Sequence[Registration]:
        """All registrations of one person, oldest first."""
        return [Registration(*row) for row in self._all(of_person_statement(), who=subscriber_id)]

    def open_registration(self, subscriber_id: SubscriberId, campaign: str) -> Registration | None:
        """The person's registration for this webinar that still stands: a booked one, else the latest pending one."""
        statement = (
            select(registration)
            .where(
                registration.c.subscriber_id == subscriber_id,
                registration.c.campaign == campaign,
                registration.c.state != RegistrationState.CANCELLED,
            )
            .order_by(registration.c.state == RegistrationState.PENDING, registration.c.id.desc())
            .limit(1)
        )
        row = self._first(statement)
        return None if row is None else Registration(*row)

    def held_in_place_of(self, asked: Registration) -> Registration:
        """The seat that somebody has in the session, where the registration that asked for it is done with."""
        if asked.state is not RegistrationState.CANCELLED:
            return asked
        statement = select(registration).where(
            registration.c.subscriber_id == asked.subscriber_id,
            registration.c.campaign == asked.campaign,
            registration.c.session == asked.session,
            registration.c.state == RegistrationState.BOOKED,
        )
        row = self._first(statement)
        return asked if row is None else Registration(*row)

    def book(self, id: RegistrationId, now: datetime, seats: int | None) -> Booked:
        """Confirms a registration, if the session has a seat left: never more than `seats` are booked."""
        found = self.registration(id)
        if found is None:
            return "cancelled"
        takes_place = self.hold_session(found.campaign, found.session)
        state = self._value(select(registration.c.state).where(registration.c.id == id).with_for_update())
        if state is not RegistrationState.PENDING:
            return "already" if state is RegistrationState.BOOKED else "cancelled"
        if not takes_place:
            return "over"
        if seats is not None and self.taken_count(found.campaign, found.session, but_for=id) >= seats:
            return "full"
        booked = update(registration).where(registration.c.id == id)
        self._run(booked.values(state=RegistrationState.BOOKED, confirmed_at=now))
        return "booked"

    def cancel_registration(self, id: RegistrationId, now: datetime) -> bool:
        """Whether this cancelled it. A booked one's calendar entry gets its next SEQUENCE."""
        standing = (registration.c.id == id, registration.c.state != RegistrationState.CANCELLED)
        was_booked = registration.c.state == RegistrationState.BOOKED
        statement = update(registration).where(*standing)
        return (
            self._changed(
                statement.values(
                    state=RegistrationState.CANCELLED,
                    cancelled_at=now,
                    calendar_sequence=registration.c.calendar_sequence + case((was_booked, 1), else_=0),
                )
            )
            > 0
        )

    def booked_count(self, campaign: str, session: str) -> int:
        """How many seats of the session are taken."""
        statement = select(func.count()).where(
            registration.c.campaign == campaign,
            registration.c.session == session,
            registration.c.state == RegistrationState.BOOKED,
        )
        return int(self._value(statement))

    # --- attendance ---

    def record_attendance(self, registration_id: RegistrationId, came: Attendance, source: str, at: datetime) -> None:
        """What is known of a registration's past; what is said last stands."""
        values = {"attendance": came, "source": source, "at": at}
        statement = insert_into(attendance, self._postgres).values(registration_id=registration_id, **values)
        self._run(statement.on_conflict_do_update(index_elements=["registration_id"], set_=values))

    def attendance(self, registration_id: RegistrationId) -> Attendance:
        """What is known: `unknown` if nothing was recorded."""
        statement = select(attendance.c.attendance).where(attendance.c.registration_id == registration_id)
        found: Attendance | None = self._value(statement)
        return Attendance.UNKNOWN if found is None else found

    def sessions_with(self, came: Attendance) -> Sequence[tuple[str, str]]:
        """The sessions (campaign, name) of which somebody with a seat is known to have been there, or not."""
        statement = (
            select(registration.c.campaign, registration.c.session)
            .join(attendance, attendance.c.registration_id == registration.c.id)
            .where(attendance.c.attendance == came, registration.c.state == RegistrationState.BOOKED)
        )
        return [(row[0], row[1]) for row in self._all(statement.distinct())]

    def record_presence(self, registration_id: RegistrationId, minutes: int | None, span: Span) -> None:
        """How long somebody was there, by a report; what the last report says stands."""
        values = {"minutes": minutes, "first_join": span[0], "last_leave": span[1]}
        statement = insert_into(presence, self._postgres).values(registration_id=registration_id, **values)
        self._run(statement.on_conflict_do_update(index_elements=["registration_id"], set_=values))

    def seen(self, registration_id: RegistrationId) -> tuple[str, datetime | None, datetime | None]:
        """Whose word the attendance is ("" for nobody's), and from when to when the platform saw them."""
        source = self._value(select(attendance.c.source).where(attendance.c.registration_id == registration_id))
        key = presence.c.registration_id == registration_id
        span = self._first(select(presence.c.first_join, presence.c.last_leave).where(key))
        return source or "", *(span or (None, None))

    def minutes_there(self, registration_id: RegistrationId) -> int | None:
        """For how many minutes somebody was there, where a report says so."""
        found: int | None = self._value(select(presence.c.minutes).where(presence.c.registration_id == registration_id))
        return found
