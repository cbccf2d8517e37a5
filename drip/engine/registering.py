"""Events about webinars: asking for a seat, confirming, giving it back, coming, and the end of a session.

Called by `drip.engine.happen` only.
"""

from __future__ import annotations

from drip.core.events import (
    AskedToRegister,
    CancelledRegistration,
    ConfirmedRegistration,
    JoinedSession,
    SessionEnded,
)
from drip.core.model import Campaign, TriggerKind
from drip.core.parts import is_series
from drip.core.records import (
    Attendance,
    ConsentKind,
    RegistrationState,
)
from drip.core.seats import WaitingState
from drip.engine.letters import session_of
from drip.engine.live import Edition
from drip.engine.scene import Happened, Scene, signal
from drip.engine.seating import cancel, move, pass_on, pick, seat_of
from drip.engine.series import cancelled_series, confirmed_series
from drip.engine.subscribing import meet, note_consent, plan_house_post
from drip.errors import DripError, NotFound


class SessionClosed(DripError):
    """This session takes no registrations any more."""

    name = "session-closed"
    exit_code = 2


def _webinar_edition(scene: Scene, campaign: str) -> tuple[Edition, Campaign]:
    edition = scene.live.campaign(scene.work, campaign)
    if edition is None or edition.campaign is None or edition.campaign.webinar is None:
        raise NotFound(f"there is no webinar `{campaign}`")
    return edition, edition.campaign


def asked_to_register(scene: Scene, event: AskedToRegister) -> Happened:
    """A session was chosen on the webinar page. One mail with one button follows; nothing is booked yet."""
    edition, campaign = _webinar_edition(scene, event.campaign)
    assert campaign.webinar is not None, "it is the edition of a webinar"
    session = pick(scene, campaign, event.session, event.zone)
    if session is None and campaign.webinar.session_named(event.session) is not None:
        raise SessionClosed("this session is not offered any more")
    if session is None:
        raise NotFound(f"there is no session `{event.session}`")
    if session.ends <= scene.now:
        raise SessionClosed("this session is over")
    if session.cancelled:
        raise SessionClosed("this session does not take place")
    subscriber, _ = meet(scene, event.email, event.zone, event.fields)
    asked = Happened("asked", subscriber.id)
    if scene.work.suppression(subscriber.mailbox) is not None:
        scene.log("ask-suppressed", subscriber.id, campaign=campaign.name, subject=session.name)
        return asked
    registration = scene.work.add_registration(subscriber.id, campaign.name, session.name, event.zone, scene.now)
    asked_as = ConsentKind.ATTESTED if event.attested else ConsentKind.ASKED
    note_consent(scene, subscriber.id, f"webinar:{campaign.name}", asked_as, event.evidence)
    scene.log("asked-to-register", subscriber.id, campaign=campaign.name, subject=session.name)
    if event.attested:
        return confirmed_registration(scene, ConfirmedRegistration(registration.id, event.evidence))
    plan_house_post(
        scene,
        subscriber,
        "confirm-registration",
        f"{campaign.name}/{session.name}",
        revision_id=edition.revision.id,
        registration=registration,
    )
    return Happened("asked", subscriber.id, registration.id)


def confirmed_registration(scene: Scene, event: ConfirmedRegistration) -> Happened:
    """The seat is taken, and in the same transaction the invite sequence ends and the reminders start."""
    registration = scene.work.registration(event.registration_id)
    if registration is None:
        return Happened("unknown")
    who = registration.subscriber_id
    scene.work.hold_subscriber(who)
    _, campaign = _webinar_edition(scene, registration.campaign)
    webinar = campaign.webinar
    if is_series(campaign):
        return confirmed_series(scene, event, registration, campaign)
    session = webinar.session_named(registration.session) if webinar else None
    if webinar is None or session is None or session.cancelled or session.ends <= scene.now:
        return Happened("over", who, registration.id)
    held = seat_of(scene, registration, but_for=registration)
    if held is not None and registration.state is RegistrationState.PENDING:
        # One seat a person: choosing another session moves the one they have, and its calendar entry.
        moved = move(scene, held, session.name)
        return Happened("booked" if moved == "moved" else moved, who, held.id)
    what = scene.work.book(registration.id, scene.now, webinar.seats)
    if what == "booked":
        scene.work.leave_line(registration.id, WaitingState.TAKEN)
        scene.work.mark_back(who)
        note_consent(scene, who, f"webinar:{campaign.name}", ConsentKind.CONFIRMED, event.evidence)
        scene.log("registered", who, campaign=campaign.name, subject=session.name)
        signal(scene, who, TriggerKind.REGISTERS, campaign=campaign.name, registration=registration)
    return Happened(what, who, registration.id)


def cancelled_registration(scene: Scene, event: CancelledRegistration) -> Happened:
    """The reader gave the seat back, or the place in the line; a seat goes to the next in line."""
    registration = scene.work.registration(event.registration_id)
    if registration is None:
        return Happened("unknown")
    scene.work.hold_subscriber(registration.subscriber_id)
    edition = scene.live.campaign(scene.work, registration.campaign)
    if edition is not None and edition.campaign is not None and is_series(edition.campaign):
        return cancelled_series(scene, registration, edition, edition.campaign)
    done = cancel(scene, registration)
    session = session_of(edition.campaign, registration) if edition is not None else None
    if done and edition is not None and session is not None:
        pass_on(scene, edition, session)
    return Happened("cancelled" if done else "already", registration.subscriber_id, registration.id)


def joined_session(scene: Scene, event: JoinedSession) -> Happened:
    """The join button was pressed: attended, as far as our own page can see."""
    registration = scene.work.registration(event.registration_id)
    if registration is None or registration.state is not RegistrationState.BOOKED:
        return Happened("unknown")
    if scene.work.attendance(registration.id) is not Attendance.ATTENDED:
        scene.work.record_attendance(registration.id, Attendance.ATTENDED, "join-page", scene.now)
        scene.log(
            "joined-session", registration.subscriber_id, campaign=registration.campaign, subject=registration.session
        )
    return Happened("joined", registration.subscriber_id, registration.id)


def session_ended(scene: Scene, event: SessionEnded) -> Happened:
    """Time passed the end of a session: the follow-up starts for everybody who had a seat.

    If our join page saw at least one person come in, it was in use, and who did not come through it missed the
    session. If it saw nobody, nothing is known about anybody (rule 4), and the follow-up waits for a report. To a
    recording our page is the only door, and no report of it ever comes: who did not come through it missed it.
    """
    seated = scene.work.registrations(event.campaign, session=event.session, state=RegistrationState.BOOKED)
    seen = {each.id: scene.work.attendance(each.id) for each in seated}
    edition = scene.live.campaign(scene.work, event.campaign)
    webinar = edition.campaign.webinar if edition is not None and edition.campaign is not None else None
    is_recording = webinar is not None and webinar.rule is not None
    tracked = is_recording or Attendance.ATTENDED in seen.values()
    for registration in seated:
        if tracked and seen[registration.id] is Attendance.UNKNOWN:
            scene.work.record_attendance(registration.id, Attendance.MISSED, "join-page", scene.now)
        signal(
            scene,
            registration.subscriber_id,
            TriggerKind.SESSION_ENDS,
            campaign=event.campaign,
            registration=registration,
            at=event.at,
        )
    scene.work.close_session(event.campaign, event.session, scene.now)
    scene.log(
        "session-ended",
        None,
        campaign=event.campaign,
        subject=event.session,
        detail=f"{len(seated)} seats" + ("" if tracked else ", attendance unknown"),
    )
    return Happened("ended")
