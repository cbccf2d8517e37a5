"""Everybody who registered for a webinar, in one query each time: who they are, where they stand, and whether they may
be written to about it. Part of `Work`. Reads only; called by the commands about webinars and by `drip.engine.telling`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select

from drip.core.records import Attendance, Registration, RegistrationState
from drip.core.seats import SeatState, WaitingState, seat_state
from drip.store.schema import attendance, enrollment, presence, registration, subscriber, suppression, waiting
from drip.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Seated:
    """One registration with its person and its past. `refused`: they stopped the mails about it; `suppressed`: the
    address is never mailed again."""

    registration: Registration
    email: str
    fields: Mapping[str, str]
    state: SeatState
    attendance: Attendance
    source: str
    minutes: int | None
    first_join: datetime | None
    last_leave: datetime | None
    refused: bool
    suppressed: bool


class Roster(Transaction):
    """Methods that list registrations with all that is known of them."""

    def roster(
        self,
        campaign: str,
        *,
        session: str | None = None,
        state: RegistrationState | None = None,
        refusals: Collection[str] = (),
    ) -> Sequence[Seated]:
        """The registrations of a campaign, of one session or in one state, oldest first. `refusals` are the reasons
        by which an enrollment ends whose reader wants no more mails about the registration."""
        refused = exists().where(
            enrollment.c.subscriber_id == registration.c.subscriber_id,
            enrollment.c.registration_id == registration.c.id,
            enrollment.c.end_reason.in_(sorted(refusals)),
        )
        suppressed = exists().where(suppression.c.mailbox == subscriber.c.mailbox)
        tables = (
            registration.join(subscriber, subscriber.c.id == registration.c.subscriber_id)
            .outerjoin(waiting, waiting.c.registration_id == registration.c.id)
            .outerjoin(attendance, attendance.c.registration_id == registration.c.id)
            .outerjoin(presence, presence.c.registration_id == registration.c.id)
        )
        statement = (
            select(
                *registration.c,
                subscriber.c.email,
                subscriber.c.fields,
                waiting.c.state,
                attendance.c.attendance,
                attendance.c.source,
                presence.c.minutes,
                presence.c.first_join,
                presence.c.last_leave,
                refused,
                suppressed,
            )
            .select_from(tables)
            .where(registration.c.campaign == campaign)
            .order_by(registration.c.id)
        )
        if session is not None:
            statement = statement.where(registration.c.session == session)
        if state is not None:
            statement = statement.where(registration.c.state == state)
        width = len(registration.c)
        return [_seated(Registration(*row[:width]), row[width:]) for row in self._all(statement)]


def _seated(held: Registration, rest: Sequence[object]) -> Seated:
    email, fields, place, came, source, minutes, first, last, refused, suppressed = rest
    assert isinstance(email, str)
    assert isinstance(fields, Mapping)
    assert place is None or isinstance(place, WaitingState)
    return Seated(
        registration=held,
        email=email or "(erased)",
        fields=fields,
        state=seat_state(held, place),
        attendance=Attendance.UNKNOWN if came is None else Attendance(str(came)),
        source=str(source or ""),
        minutes=minutes if isinstance(minutes, int) else None,
        first_join=first if isinstance(first, datetime) else None,
        last_leave=last if isinstance(last, datetime) else None,
        refused=bool(refused),
        suppressed=bool(suppressed),
    )
