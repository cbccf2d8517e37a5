"""What a calendar's answer to an invitation does: it is noted, and a decline offers to free the seat.

A mail proves nobody: its sender can be anybody who saw the invitation. So an answer never gives a seat back by itself;
the reader gets one mail with one button, at most once for each state of the entry. Called by `drip.engine.happen`.
"""

from __future__ import annotations

import re

from drip.core.events import AnsweredInvite
from drip.core.parts import is_series
from drip.core.records import Registration, RegistrationId, RegistrationState
from drip.engine.addresses import BadAddress, judge_address
from drip.engine.invites import invite_uid
from drip.engine.letters import session_of
from drip.engine.live import Edition
from drip.engine.scene import Happened, Scene
from drip.engine.seating import notice_occasion, notify

DECLINED = "declined"
OFFER = "seat-declined"
UID = re.compile(r"registration-([0-9]{1,15})@[^@\s]{1,255}")


def answered_invite(scene: Scene, event: AnsweredInvite) -> Happened:
    """`noted`, `asked` (a mail offers to free the seat), `known` (it did already), `stale`, `over`; `unknown` for an
    entry that is not ours and `stranger` for somebody who does not hold the seat."""
    found = _registration(scene, event.uid)
    if found is None:
        return Happened("unknown")
    registration, edition = found
    who = registration.subscriber_id
    scene.work.hold_subscriber(who)
    if not _is_theirs(scene, registration, event.attendee):
        return Happened("stranger")
    session = session_of(edition.campaign, registration)
    is_held = registration.state is RegistrationState.BOOKED and session is not None and session.ends > scene.now
    what = "noted"
    if session is None or not is_held:
        what = "over"
    elif event.sequence < registration.calendar_sequence:
        # It answers an entry that has moved since: the newer one is on its way to them.
        what = "stale"
    elif event.answer == DECLINED and not is_series(edition.campaign):
        what = "known"
        if not _was_asked(scene, registration):
            asked = notify(scene, registration, OFFER, edition.revision.id, session)
            what = "asked" if asked else "noted"
    scene.log(
        "invite-answered",
        who,
        campaign=registration.campaign,
        subject=registration.session,
        detail=event.answer if what in ("noted", "asked") else f"{event.answer}, {what}",
    )
    return Happened(what, who, registration.id)


def _registration(scene: Scene, uid: str) -> tuple[Registration, Edition] | None:
    """The registration whose entry has that UID, to the last letter."""
    match = UID.fullmatch(uid)
    registration = scene.work.registration(RegistrationId(int(match[1]))) if match else None
    edition = scene.live.campaign(scene.work, registration.campaign) if registration is not None else None
    if registration is None or edition is None or edition.campaign is None:
        return None
    sender = edition.campaign.sender or edition.definition.sender
    if uid != invite_uid(registration, sender.address.rpartition("@")[2]):
        return None
    return registration, edition


def _was_asked(scene: Scene, registration: Registration) -> bool:
    """Whether this state of the entry has its mail, so that it is neither sent twice nor taken back."""
    occasion = notice_occasion(OFFER, registration)
    return any(each.occasion == occasion for each in scene.work.deliveries(registration.subscriber_id))


def _is_theirs(scene: Scene, registration: Registration, attendee: str) -> bool:
    person = scene.work.subscriber(registration.subscriber_id)
    try:
        return person is not None and scene.keys.mailbox_of(judge_address(attendee)) == person.mailbox
    except BadAddress:
        return False
