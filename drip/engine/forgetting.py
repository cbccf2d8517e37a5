"""Erasing somebody who asked for it: all that goes on for them ends, their seats are free, and only a hash is kept.

The hash is suppressed, so that no import and no form brings them back by accident. Called by `drip.engine.happen`.
"""

from __future__ import annotations

from drip.core.events import Erased
from drip.core.records import EnrollmentState, RegistrationState
from drip.core.seats import WaitingState
from drip.engine.letters import session_of
from drip.engine.scene import Happened, Scene, end
from drip.engine.seating import pass_on

ERASED = "erased"


def erased(scene: Scene, event: Erased) -> Happened:
    """`erased`, or `unknown` for somebody who is not there (any more). No mail tells of it: nobody is left to tell."""
    work, who = scene.work, event.subscriber_id
    work.hold_subscriber(who)
    person = work.subscriber(who)
    if person is None:
        return Happened("unknown")
    work.end_subscription(who, None, scene.now)
    for enrollment in work.running(who):
        end(scene, enrollment, EnrollmentState.STOPPED, ERASED, "")
    freed = []
    for registration in work.registrations_of(who):
        if registration.state is RegistrationState.CANCELLED:
            continue
        edition = scene.live.campaign(work, registration.campaign)
        session = session_of(edition.campaign, registration) if edition is not None else None
        # A seat of the past stays counted; one that is still to come goes to the next in line.
        if session is None or session.ends > scene.now:
            work.cancel_registration(registration.id, scene.now)
            work.leave_line(registration.id, WaitingState.LEFT)
            if edition is not None and session is not None:
                freed.append((edition, session))
    work.suppress(person.mailbox, ERASED, scene.now)
    work.forget(who, scene.now)
    # What this very event has noted about them is not written either.
    scene.entries[:] = [each for each in scene.entries if each.subscriber_id != who]
    scene.log(ERASED, None, detail=event.where)
    for edition, session in freed:
        pass_on(scene, edition, session)
    return Happened(ERASED, who)
