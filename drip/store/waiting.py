"""The line for full sessions, moves of seats, and the mails that tell of changes. Part of `Work`.

Never decides who is next or how long an offer lasts: the engine does, by `drip.core.seats`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, bindparam, func, select, update

from drip.core.delivery import DeliveryState
from drip.core.records import DeliveryId, Kind, Registration, RegistrationId, RegistrationState
from drip.core.seats import WaitingState
from drip.store.columns import Moment, ranked, said
from drip.store.enrollments import NOT_YET_SENT
from drip.store.prepared import prepared
from drip.store.schema import delivery, registration, session, waiting
from drip.store.transaction import Transaction, insert_into

WAITING, OFFERED = said(WaitingState.WAITING), said(WaitingState.OFFERED)
CANCELLED = said(RegistrationState.CANCELLED)


def _about(registered: Registration) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Deliveries about a registration, by the index of their person."""
    return delivery.c.subscriber_id == registered.subscriber_id, delivery.c.registration_id == registered.id


@prepared
def next_offer_statement() -> Select[Any]:
    """The first of the partial index on what is on offer."""
    ends = waiting.c.offer_expires
    return select(ends).where(waiting.c.state == OFFERED).order_by(ends).limit(1)


@prepared
def lapsed_statement() -> Select[Any]:
    """Offers that ran out."""
    ran_out = waiting.c.offer_expires <= bindparam("now", type_=Moment())
    statement = select(waiting.c.registration_id).where(waiting.c.state == OFFERED, ran_out)
    return statement.order_by(waiting.c.offer_expires, waiting.c.place)


class Waiting(Transaction):
    """Methods about the line and about changes of seats."""

    def hold_session(self, campaign: str, name: str) -> bool:
        """One at a time per session (PostgreSQL; on SQLite there is one writer): what follows sees every booking.
        Whether it takes place: a host may have cancelled it a moment ago."""
        key = (session.c.campaign == campaign, session.c.name == name)
        row = self._first(select(session.c.withdrawn_at).where(*key).with_for_update(key_share=True))
        return row is not None and row[0] is None

    def taken_count(self, campaign: str, name: str, but_for: RegistrationId | None = None) -> int:
        """How many seats are booked or on offer; the one on offer to `but_for` is not counted."""
        booked = select(func.count()).where(
            registration.c.campaign == campaign,
            registration.c.session == name,
            registration.c.state == said(RegistrationState.BOOKED),
        )
        offered = select(func.count()).where(
            waiting.c.campaign == campaign, waiting.c.session == name, waiting.c.state == OFFERED
        )
        if but_for is not None:
            offered = offered.where(waiting.c.registration_id != but_for)
        return int(self._value(booked)) + int(self._value(offered))

    def move_registration(
        self, moved: Registration, name: str, now: datetime, seats: int | None
    ) -> Literal["moved", "full", "over"]:
        """Takes a seat in the other session and frees the one held, in one statement; the calendar entry's SEQUENCE
        grows. A pending registration of the same person for that session is done with."""
        if not self.hold_session(moved.campaign, name):
            return "over"
        if seats is not None and self.taken_count(moved.campaign, name) >= seats:
            return "full"
        doubled = update(registration).where(
            registration.c.subscriber_id == moved.subscriber_id,
            registration.c.campaign == moved.campaign,
            registration.c.session == name,
            registration.c.id != moved.id,
            registration.c.state != CANCELLED,
        )
        self._run(doubled.values(state=RegistrationState.CANCELLED, cancelled_at=now))
        statement = update(registration).where(registration.c.id == moved.id)
        self._run(
            statement.values(
                session=name,
                state=RegistrationState.BOOKED,
                confirmed_at=moved.confirmed_at or now,
                cancelled_at=None,
                calendar_sequence=registration.c.calendar_sequence + 1,
            )
        )
        return "moved"

    def raise_sequence(self, campaign: str, name: str) -> None:
        """The session has another time: the calendar entries of all who hold a seat get their next SEQUENCE."""
        statement = update(registration).where(
            registration.c.campaign == campaign,
            registration.c.session == name,
            registration.c.state == said(RegistrationState.BOOKED),
        )
        self._run(statement.values(calendar_sequence=registration.c.calendar_sequence + 1))

    # --- the line ---

    def stand_in_line(self, waiter: Registration, now: datetime) -> None:
        """Puts somebody at the end of the line for their session; whoever stands in it keeps the place."""
        self.hold_session(waiter.campaign, waiter.session)
        last = select(func.coalesce(func.max(waiting.c.place), 0)).where(
            waiting.c.campaign == waiter.campaign, waiting.c.session == waiter.session
        )
        values = {
            "campaign": waiter.campaign,
            "session": waiter.session,
            "place": int(self._value(last)) + 1,
            "state": WaitingState.WAITING,
            "since": now,
            "offered_at": None,
            "offer_expires": None,
        }
        statement = insert_into(waiting, self._postgres).values(registration_id=waiter.id, **values)
        self._run(
            statement.on_conflict_do_update(
                index_elements=["registration_id"],
                set_=values,
                where=waiting.c.state.not_in([WAITING, OFFERED]),
            )
        )

    def waiting_state(self, id: RegistrationId) -> WaitingState | None:
        """Where a registration stands in its line, or None if it never stood in one."""
        found: WaitingState | None = self._value(select(waiting.c.state).where(waiting.c.registration_id == id))
        return found

    def offer_expires(self, id: RegistrationId) -> datetime | None:
        """Until when a seat is on offer to that registration, if one is."""
        statement = select(waiting.c.offer_expires).where(waiting.c.registration_id == id, waiting.c.state == OFFERED)
        moment: datetime | None = self._value(statement)
        return moment

    def line(self, campaign: str, name: str) -> Sequence[RegistrationId]:
        """Who waits for a seat of that session, the first to be offered one first."""
        statement = select(waiting.c.registration_id).where(
            waiting.c.campaign == campaign, waiting.c.session == name, waiting.c.state == WAITING
        )
        return [RegistrationId(row[0]) for row in self._all(statement.order_by(waiting.c.place))]

    def offer_seat(self, id: RegistrationId, now: datetime, expires: datetime) -> None:
        """A seat is kept for them until then."""
        statement = update(waiting).where(waiting.c.registration_id == id, waiting.c.state == WAITING)
        self._run(statement.values(state=WaitingState.OFFERED, offered_at=now, offer_expires=expires))

    def leave_line(self, id: RegistrationId, state: WaitingState) -> bool:
        """Whether this ended somebody's standing in line, as `taken`, `lapsed` or `left`."""
        statement = update(waiting).where(waiting.c.registration_id == id, waiting.c.state.in_([WAITING, OFFERED]))
        return self._changed(statement.values(state=state, offer_expires=None)) > 0

    def lapsed_offers(self, now: datetime) -> Sequence[RegistrationId]:
        """Whose offers ran out by now, in that order."""
        return [RegistrationId(each) for each in self._column(lapsed_statement(), now=now)]

    def next_offer_end(self) -> datetime | None:
        """When the next offer runs out."""
        moment: datetime | None = self._value(next_offer_statement())
        return moment

    # --- mails that tell of a change ---

    def cancel_notices(self, about: Registration, reason: str, now: datetime) -> Sequence[DeliveryId]:
        """Takes back what was to be told about a registration and has not begun to leave: newer news replace it."""
        statement = (
            update(delivery)
            .where(
                *_about(about),
                delivery.c.enrollment_id.is_(None),
                delivery.c.kind == ranked(Kind.REMINDER),
                NOT_YET_SENT,
            )
            .values(state=DeliveryState.CANCELLED, reason=reason, finished_at=now, owner=None)
            .returning(delivery.c.id)
        )
        return list(self._run(statement).scalars())

    def hold_deliveries(self, about: Registration) -> None:
        """No delivery about this registration can be marked while this transaction lasts: the mark skips held rows."""
        self._run(select(delivery.c.id).where(*_about(about), NOT_YET_SENT).order_by(delivery.c.id).with_for_update())

    def steps_under_way(self, about: Registration) -> frozenset[str]:
        """The steps of a registration that are being sent at this moment and may have left."""
        statement = select(delivery.c.step).where(*_about(about), delivery.c.state == said(DeliveryState.SENDING))
        return frozenset(row[0] for row in self._all(statement) if row[0] is not None)
