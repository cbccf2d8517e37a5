"""The states of a seat in a session, what may follow what, and the rules of the waiting list. Pure.

A seat is asked for (`pending`), then `booked` by the button in the mail. Where a session is full it may be
`waitlisted`, and is `offered` when its turn comes: first in, first out, each offer with an end. `cancelled` is left
by choosing another session only. The engine asks `after` before it writes; the store keeps `pending`, `booked` and
`cancelled` with the registration, and the place in the line beside it. Called by the engine and the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from drip.core.records import Registration, RegistrationState


class SeatState(StrEnum):
    """Where somebody stands with a session."""

    PENDING = "pending"
    WAITLISTED = "waitlisted"
    OFFERED = "offered"
    BOOKED = "booked"
    CANCELLED = "cancelled"


class SeatAct(StrEnum):
    """What can be done to a seat, by whoever may."""

    CONFIRM = "confirm"  # the button in the mail, while there is room
    WAIT = "wait"  # the button that puts somebody in line
    OFFER = "offer"  # a seat came free and it is their turn
    LAPSE = "lapse"  # the offer ran out
    MOVE = "move"  # to another session, by the reader
    CANCEL = "cancel"  # by the reader, or with the session


class WaitingState(StrEnum):
    """A place in the line: `waiting`, `offered` until a moment, and then `taken`, `lapsed` or `left`."""

    WAITING = "waiting"
    OFFERED = "offered"
    TAKEN = "taken"
    LAPSED = "lapsed"
    LEFT = "left"


_S, _A = SeatState, SeatAct

SEATS: Mapping[tuple[SeatState, SeatAct], SeatState] = MappingProxyType(
    {
        (_S.PENDING, _A.CONFIRM): _S.BOOKED,
        (_S.PENDING, _A.WAIT): _S.WAITLISTED,
        (_S.PENDING, _A.CANCEL): _S.CANCELLED,
        (_S.WAITLISTED, _A.OFFER): _S.OFFERED,
        (_S.WAITLISTED, _A.CANCEL): _S.CANCELLED,
        (_S.OFFERED, _A.CONFIRM): _S.BOOKED,
        # Back to where it was before the line: whoever still wants the seat may stand at its end.
        (_S.OFFERED, _A.LAPSE): _S.PENDING,
        (_S.OFFERED, _A.CANCEL): _S.CANCELLED,
        (_S.BOOKED, _A.MOVE): _S.BOOKED,
        (_S.BOOKED, _A.CANCEL): _S.CANCELLED,
        # Who gave a seat back, or lost it with its session, may choose another and keeps the calendar entry.
        (_S.CANCELLED, _A.MOVE): _S.BOOKED,
    }
)
"""What is not here never happens."""


def after(state: SeatState, act: SeatAct) -> SeatState | None:
    """The next state, or None where the act means nothing."""
    return SEATS.get((state, act))


def seat_state(registration: Registration, waiting: WaitingState | None) -> SeatState:
    """Where somebody stands, by the registration and the place in the line."""
    if registration.state is RegistrationState.PENDING:
        if waiting is WaitingState.WAITING:
            return SeatState.WAITLISTED
        if waiting is WaitingState.OFFERED:
            return SeatState.OFFERED
    return SeatState(registration.state.value)


# --- the waiting list --------------------------------------------------------------------------------------------

OFFERS_END = timedelta(minutes=15)
"""No seat is offered later than this before the start: nobody would read the mail in time."""
OFFER_MAX = timedelta(hours=12)
"""How long an offer lasts at the most: a night."""
OFFER_MIN = timedelta(minutes=15)
OFFER_SHARE = 4
"""Near the start an offer lasts a quarter of what is left, so that three more people still get their turn."""


def may_offer(now: datetime, starts: datetime) -> bool:
    """Whether a seat of a session that starts then may still be offered."""
    return now <= starts - OFFERS_END


def offer_expiry(now: datetime, starts: datetime) -> datetime:
    """Until when an offer made now stands."""
    return min(now + min(OFFER_MAX, max(OFFER_MIN, (starts - now) / OFFER_SHARE)), starts)
