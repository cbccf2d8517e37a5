"""The calendar entry of one registration, as it goes with a mail; in a series there is one for each part.

Called by `drip.engine.letters`, and for the words and the UID of an entry by the pages.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from drip.core.message import Invite
from drip.core.model import Campaign, Mailbox, Session
from drip.core.parts import is_series
from drip.core.records import Registration

if TYPE_CHECKING:
    from drip.mail.calendar import Method
    from drip.store.work import Work


def invite_uid(registration: Registration, domain: str) -> str:
    """One UID a registration, for ever: a change moves the entry in the reader's calendar instead of adding one."""
    return f"registration-{registration.id}@{domain}"


def entry_words(join_url: str, *, recorded: bool) -> str:
    """What a calendar entry says below its title."""
    return f"{'A recorded session. ' if recorded else ''}Your way in, shortly before the start: {join_url}".strip()


def dated_invite(
    method: Method,
    registration: Registration,
    session: Session,
    title: str,
    join_url: str,
    sender: Mailbox,
    attendee: Mailbox,
    now: datetime,
) -> tuple[datetime, Invite]:
    """The entry of one registration, with the start by which several are in order."""
    from drip.mail.calendar import registration_invite

    invite = registration_invite(
        method=method,
        uid=invite_uid(registration, sender.address.rpartition("@")[2]),
        sequence=registration.calendar_sequence,
        stamp=now,
        starts=session.starts,
        ends=session.ends,
        title=title,
        description=entry_words(join_url, recorded=session.recorded),
        join_url=join_url,
        organizer=sender,
        attendee=attendee,
    )
    return session.starts, invite


def other_parts(work: Work, campaign: Campaign | None, registration: Registration | None) -> tuple[Registration, ...]:
    """What somebody holds or held of the other parts of a series; nothing where the webinar is none."""
    if registration is None or not is_series(campaign):
        return ()
    theirs = work.registrations_of(registration.subscriber_id)
    return tuple(each for each in theirs if each.campaign == registration.campaign and each.id != registration.id)
