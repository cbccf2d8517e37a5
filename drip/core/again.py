"""Whether somebody enters a sequence that they went through before (DESIGN §7 rule 10).

Pure. A passage has a key, (sequence, subscriber, occasion), that the store holds unique: what comes to an occasion
that is known already enters nobody. So whoever may not enter is given the occasion that they had. Called by
`drip.engine.scene`, and by `drip.core.course` for people without a database.
"""

from __future__ import annotations

from collections.abc import Sequence as Rows
from datetime import datetime, timedelta
from typing import Protocol

from drip.core.model import Again, AgainKind
from drip.core.records import EnrollmentState, RegistrationId

FIRST = "first"


class Passed(Protocol):
    """A passage through the sequence, under way or over; an `Enrollment` is one."""

    @property
    def state(self) -> EnrollmentState:
        """Whether it is under way, or how it ended."""

    @property
    def occasion(self) -> str:
        """Its key."""

    @property
    def ended_at(self) -> datetime | None:
        """When it ended; None while it is under way."""


def occasion_of_seat(registration: RegistrationId) -> str:
    """A sequence about a registration is gone through once for each, whatever `again` says."""
    return f"registration-{registration}"


def occasion_of(again: Again, earlier: Rows[Passed], now: datetime) -> str:
    """The occasion of an event now; `earlier` are the passages through the same sequence, oldest first.

    A new word: they enter. The word of an earlier passage: they do not.
    """
    if again.kind is AgainKind.NEVER or not earlier:
        return FIRST
    # Somebody still inside does not enter a second time.
    if any(each.state is EnrollmentState.RUNNING for each in earlier):
        return earlier[-1].occasion
    last_end = max((each.ended_at for each in earlier if each.ended_at is not None), default=None)
    if last_end is not None and now < last_end + timedelta(days=again.days):
        return earlier[-1].occasion
    return f"again-{len(earlier) + 1}"
