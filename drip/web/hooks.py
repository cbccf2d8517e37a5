"""Where providers tell what happened: Zoom, who came into a webinar. Only a signed message of this moment acts.

No page: the answers are for machines. Without a secret (`DRIP_ZOOM_SECRET`) there is nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from drip.core.events import SeenInMeeting
from drip.core.records import RegistrationState
from drip.engine.addresses import BadAddress, judge_address
from drip.mail.zoom import Seen, challenge_answer, is_genuine, meeting_number, read_message, read_seen
from drip.web.pages import ALWAYS, PRIVATE, bare

if TYPE_CHECKING:
    from drip.core.records import Registration
    from drip.store.work import Work
    from drip.web.site import Site

EARLY = timedelta(hours=2)
LATE = timedelta(hours=6)
"""How long before and after a session somebody may still be in its meeting: hosts open early and overrun."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A message of a provider: the body to the byte, the two headers that prove it, and the moment."""

    body: bytes
    signature: str
    timestamp: str
    now: datetime


def zoom(site: Site, hook: Hook) -> Response:
    """POST /hooks/zoom: the challenge is answered, and who came is recorded for the seat that they hold."""
    secret = site.project.zoom_secret
    if not secret:
        return bare("there is nothing here", 404)
    if not is_genuine(secret, hook.signature, hook.timestamp, hook.body, hook.now):
        return bare("this is not signed, or was signed long ago", 401)
    message = read_message(hook.body)
    if message is None:
        return bare("this cannot be read", 400)
    answer = challenge_answer(secret, message)
    if answer is not None:
        return JSONResponse(answer, 200, {**ALWAYS, **PRIVATE})
    seen = read_seen(message)
    if seen is not None:
        with site.store.read() as work:
            seat = _seat(site, work, seen)
        if seat is not None:
            site.engine.happen(SeenInMeeting(seat.id, seen.at, seen.left, "zoom"), hook.now)
    # The same word whether anybody knew the address: Zoom sends again what is not answered with 200.
    return bare("thank you", 200)


def _seat(site: Site, work: Work, seen: Seen) -> Registration | None:
    """The seat that this person holds in the session that is on in this meeting at that moment."""
    try:
        person = work.subscriber_by_mailbox(site.keys.mailbox_of(judge_address(seen.email)))
    except BadAddress:
        return None
    if person is None:
        return None
    found = []
    editions = {each.revision.campaign: each.campaign for each in site.engine.live.campaigns(work)}
    for held in work.registrations_of(person.id):
        campaign = editions.get(held.campaign)
        if held.state is not RegistrationState.BOOKED or campaign is None or campaign.webinar is None:
            continue
        session = campaign.webinar.session_named(held.session)
        if session is None or meeting_number(campaign.webinar.join) != seen.meeting:
            continue
        if session.starts - EARLY <= seen.at <= session.ends + LATE:
            found.append((abs(session.starts - seen.at), held.id, held))
    return min(found)[2] if found else None
