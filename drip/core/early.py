"""How much earlier a reminder begins, so that everybody has it in time at the pace of the relays. Pure.

Ten thousand mails at twenty a second take eight minutes; begun ten minutes before the start, the last ones would come
too late, and those that a relay puts off for a minute or two all the more. So what does not fit into the time that a
reminder is good for is added before it. Only reminders of less than a day: the others have hours. Called by
`drip.core.decide`, and by forecasts.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from drip.core.lateness import until_session
from drip.core.model import Step, WhenKind

MINUTE = timedelta(minutes=1)
LAST_USE = 3 * MINUTE
"""Who is reminded later than this before the start has no time left to come."""

RETRIES = 7 * MINUTE
"""What the relay put off is tried again after 1, 2 and 4 minutes: three refusals in a row may be chance."""

LEAST = MINUTE
"""So long a queue is none: nobody notices, and cron calls once a minute."""

EARLIEST_SHARE = 1.5
"""How much earlier at most, as a part of the distance: ten minutes before becomes 25 at the very most."""

SOON = 10 * MINUTE
"""Until a beginning that is no further away it is waited for at once; else it is looked at again half way there."""


def lead_of(readers: int, per_minute: int) -> timedelta:
    """How long the relays need for a mail to so many."""
    return readers * MINUTE / per_minute


def can_begin_earlier(step: Step, due: datetime, starts: datetime) -> bool:
    """Whether it is a reminder that may come earlier than written."""
    distance = starts - due
    return step.is_mail and step.when.kind is WhenKind.BEFORE_SESSION and timedelta(0) < distance < timedelta(days=1)


def earliest(due: datetime, starts: datetime) -> datetime:
    """The first moment at which a reminder may begin that is written for `due`."""
    return due - (starts - due) * EARLIEST_SHARE


def is_short(step: Step, due: datetime, starts: datetime, lead: timedelta) -> bool:
    """Whether everybody has it in time when it begins as written."""
    return lead <= max(_room(step, due, starts), LEAST)


def beginning(step: Step, due: datetime, starts: datetime, lead: timedelta) -> datetime:
    """When it begins, if it takes so long until everybody has it: in whole minutes before it is due."""
    if not can_begin_earlier(step, due, starts) or is_short(step, due, starts, lead):
        return due
    missing = lead - max(_room(step, due, starts), timedelta(0))
    return max(due - -(-missing // MINUTE) * MINUTE, earliest(due, starts))


def _room(step: Step, due: datetime, starts: datetime) -> timedelta:
    """The time for the first tries, when it begins as written and the last ones are put off thrice."""
    return min(until_session(step, due, starts), starts - LAST_USE) - due - RETRIES
