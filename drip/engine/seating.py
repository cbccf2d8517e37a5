"""Changes of seats: moving, cancelling, the line for a full session, and what a host's change does to everybody.

Each is one transaction with all that follows: the seat, the reminders planned anew, the mail that tells of it, and
the next in line. Called by `drip.engine.happen`, `registering` and `apply`.
"""

from __future__ import annotations

from drip.core.events import JoinedWaitingList, MovedRegistration, OfferLapsed
from drip.core.model import Campaign, Sequence, Session, TriggerKind, WhenKind
from drip.core.offers import is_offered
from drip.core.parts import is_series, last_part
from drip.core.records import (
    ConsentKind,
    Did,
    Enrollment,
    EnrollmentState,
    Kind,
    NewDelivery,
    Registration,
    RegistrationState,
    RevisionId,
    StepDone,
)
from drip.core.seats import SeatAct, SeatState, WaitingState, after, may_offer, offer_expiry, seat_state
from drip.core.when import due
from drip.engine.live import Edition
from drip.engine.scene import Happened, Scene, end, signal
from drip.engine.subscribing import note_consent

MOVED = "moved"
REFUSED = frozenset({"unsubscribed", "left", "suppressed"})
"""How an enrollment ends whose reader wants no more mails about this registration."""


def state_of(scene: Scene, registration: Registration) -> SeatState:
    """Where somebody stands, the line included."""
    return seat_state(registration, scene.work.waiting_state(registration.id))


def _edition(scene: Scene, registration: Registration) -> tuple[Edition, Campaign] | None:
    edition = scene.live.campaign(scene.work, registration.campaign)
    if edition is None or edition.campaign is None or edition.campaign.webinar is None:
        return None
    return edition, edition.campaign


# --- the mails that tell of a change -----------------------------------------------------------------------------


def notice_occasion(post: str, registration: Registration) -> str:
    """What makes a notice the same one: the post, the registration, and the state of its calendar entry."""
    return f"house/{post}/{registration.id}/{registration.calendar_sequence}"


def notify(scene: Scene, registration: Registration, post: str, revision_id: RevisionId, session: Session) -> bool:
    """Plan the mail that tells of a change, in the place of older news that have not left yet. At most one for each
    state of the calendar entry; none to somebody who stopped the mails about this registration."""
    work = scene.work
    work.cancel_notices(registration, MOVED, scene.now)
    theirs = [each for each in work.enrollments(registration.subscriber_id) if each.registration_id == registration.id]
    if any(each.end_reason in REFUSED for each in theirs):
        scene.log("notice-withheld", registration.subscriber_id, campaign=registration.campaign, subject=post)
        return False
    person = work.subscriber(registration.subscriber_id)
    assert person is not None, "whoever is registered is known"
    occasion = notice_occasion(post, registration)
    if post == "seat-offered":
        # Whoever stands in line again after an offer lapsed is offered a seat again.
        occasion += f"/{scene.now:%Y%m%d%H%M%S}"
    planned = work.plan_delivery(
        NewDelivery(
            occasion=occasion,
            mailbox=person.mailbox,
            subscriber_id=person.id,
            campaign=registration.campaign,
            post=post,
            kind=Kind.REMINDER,
            due_at=scene.now,
            revision_id=revision_id,
            registration_id=registration.id,
            # Stale when it is over.
            expires_at=session.ends,
        ),
        scene.now,
    )
    return planned is not None


# --- reminders, planned anew -------------------------------------------------------------------------------------


def replan(scene: Scene, registration: Registration, campaign: Campaign, session: Session, *, greet: bool) -> bool:
    """Begin the registration's sequences anew for its new session. Returns whether a notice is needed.

    What was done stays done, but for reminders whose moment lies ahead again: a day's reminder for the old time is
    sent once more only if the new start is more than a day away. With `greet` nothing stays done: the seat is new.
    """
    notice = True
    for sequence in campaign.sequences:
        if sequence.start.kind is not TriggerKind.REGISTERS:
            continue
        earlier = [
            each
            for each in scene.work.enrollments(registration.subscriber_id)
            if each.registration_id == registration.id and each.sequence == sequence.name
        ]
        if not earlier or earlier[-1].end_reason in REFUSED:
            continue
        kept = {} if greet else _kept(scene, earlier[-1], sequence, registration, campaign, session)
        if earlier[-1].state is EnrollmentState.RUNNING:
            end(scene, earlier[-1], EnrollmentState.STOPPED, MOVED, session.name)
        occasion = f"registration-{registration.id}-{registration.calendar_sequence}"
        began = scene.work.enroll(
            campaign.name, sequence.name, registration.subscriber_id, occasion, scene.now, registration.id
        )
        if began is None:
            continue
        for done in kept.values():
            scene.work.step_done(began.id, done)
        at_once = {each.identity for each in sequence.steps if each.when.kind is WhenKind.AT_ONCE}
        if at_once and not at_once & set(kept):
            notice = False  # the greeting has not gone yet; it will name the new time
    return notice and not greet


def _kept(
    scene: Scene,
    enrollment: Enrollment,
    sequence: Sequence,
    registration: Registration,
    campaign: Campaign,
    session: Session,
) -> dict[str, StepDone]:
    done = {each.step: each for each in enrollment.done}
    scene.work.hold_deliveries(registration)
    for identity in scene.work.steps_under_way(registration):
        # It may have left already; that it did is recorded with the enrollment that sent it.
        done.setdefault(identity, StepDone(identity, Did.UNCERTAIN, scene.now, "moved"))
    person = scene.work.subscriber(registration.subscriber_id)
    zone = registration.zone or (person.zone if person else None) or campaign.timezone
    for step in sequence.steps:
        if step.when.kind is WhenKind.BEFORE_SESSION and step.identity in done:
            moment = due(
                step.when,
                anchor=enrollment.started_at,
                zone=zone,
                hours=sequence.hours,
                session=session,
                campaign_zone=campaign.timezone,
            )
            if moment > scene.now:
                del done[step.identity]
    return done


# --- by the reader -----------------------------------------------------------------------------------------------


def pick(scene: Scene, campaign: Campaign, name: str, zone: str | None) -> Session | None:
    """The session of that name, as somebody in that zone may choose it; None if it is not one of theirs.

    Of an evergreen webinar it must be offered at this moment, and comes into being by being picked.
    """
    webinar = campaign.webinar
    if webinar is None:
        return None
    session = webinar.session_named(name)
    if session is not None and webinar.is_series:
        # Whichever part was named, all that are ahead are meant, and the last one stands for them.
        return last_part(webinar)
    if session is not None and webinar.rule is not None:
        if not is_offered(webinar, name, zone or webinar.rule.zone, scene.now):
            return None
        scene.work.add_session(campaign.name, session)
    return session


def moved_registration(scene: Scene, event: MovedRegistration) -> Happened:
    """The reader chose another session: `moved`, `same`, `full`, `over`, or `unknown`."""
    registration = scene.work.registration(event.registration_id)
    if registration is None:
        return Happened("unknown")
    scene.work.hold_subscriber(registration.subscriber_id)
    registration = scene.work.registration(event.registration_id)
    assert registration is not None
    if registration.state is RegistrationState.CANCELLED:
        # They may have taken a seat anew meanwhile: one seat a person, so that one moves.
        registration = seat_of(scene, registration, but_for=registration) or registration
    found = _edition(scene, registration)
    zone = registration.zone or _zone_of(scene, registration)
    # There is nothing to choose in a series: its parts belong together.
    is_theirs = event.session == registration.session or (
        found is not None and not is_series(found[1]) and pick(scene, found[1], event.session, zone) is not None
    )
    what = move(scene, registration, event.session) if is_theirs else "unknown"
    if what == MOVED:
        where = f"webinar:{registration.campaign}"
        note_consent(scene, registration.subscriber_id, where, ConsentKind.CONFIRMED, event.evidence)
    return Happened(what, registration.subscriber_id, registration.id)


def _zone_of(scene: Scene, registration: Registration) -> str | None:
    person = scene.work.subscriber(registration.subscriber_id)
    return person.zone if person is not None else None


def seat_of(scene: Scene, about: Registration, *, but_for: Registration) -> Registration | None:
    """The seat of a person in another session of the same webinar: one that is not over, else one that was lost with
    its session and so keeps its calendar entry for the next."""
    found = _edition(scene, about)
    webinar = found[1].webinar if found is not None else None
    lost = None
    for each in scene.work.registrations_of(about.subscriber_id):
        if webinar is None or each.campaign != about.campaign or each.id == but_for.id:
            continue
        session = webinar.session_named(each.session)
        if session is None:
            continue
        if each.state is RegistrationState.BOOKED and session.ends > scene.now:
            return each
        if each.state is RegistrationState.CANCELLED and each.confirmed_at is not None and session.cancelled:
            lost = each
    return lost


def move(scene: Scene, registration: Registration, name: str) -> str:
    """Move a seat to another session. The registration, its links and its calendar entry stay the same ones."""
    found = _edition(scene, registration)
    if found is None or found[1].webinar is None:
        return "unknown"
    edition, campaign = found
    webinar = found[1].webinar
    session, held = webinar.session_named(name), webinar.session_named(registration.session)
    if session is None:
        return "unknown"
    was = state_of(scene, registration)
    if after(was, SeatAct.MOVE) is None:
        return "unknown"
    if session.cancelled:
        return "over"
    # What was attended or missed stays as it was: another date then is another registration.
    is_over = was is SeatState.BOOKED and (held is None or held.ends <= scene.now)
    if session.ends <= scene.now or is_over:
        return "over"
    if was is SeatState.BOOKED and session.name == registration.session:
        return "same"
    taken = scene.work.move_registration(registration, session.name, scene.now, webinar.seats)
    if taken != MOVED:
        return taken
    now_held = scene.work.registration(registration.id)
    assert now_held is not None
    scene.log(
        "registration-moved",
        registration.subscriber_id,
        campaign=campaign.name,
        subject=session.name,
        detail=f"from {registration.session}",
    )
    greet = was is SeatState.CANCELLED
    if greet:
        # Whoever takes a seat again before the news of the cancelling left must not lose the entry by them.
        scene.work.cancel_notices(registration, MOVED, scene.now)
        signal(scene, registration.subscriber_id, TriggerKind.REGISTERS, campaign=campaign.name, registration=now_held)
    if replan(scene, now_held, campaign, session, greet=greet):
        notify(scene, now_held, "registration-moved", edition.revision.id, session)
    if was is SeatState.BOOKED and held is not None:
        pass_on(scene, edition, held)
    return MOVED


def cancel(scene: Scene, registration: Registration, *, by_host: bool = False, is_first: bool = True) -> bool:
    """Give up a seat, or a place in the line, with all that hangs on it. The caller offers the seat to the next.

    Of several that are given up at once only the first is told of, and starts what begins when somebody `cancels`.

    The mail that tells of it takes the entry out of the reader's calendar. What an author starts when somebody
    `cancels` is for readers who did, and not for those whose session the host cancelled.
    """
    reason = "session-cancelled" if by_host else "by-reader"
    ended = "session-cancelled" if by_host else "registration-cancelled"
    was = state_of(scene, registration)
    if after(was, SeatAct.CANCEL) is None or not scene.work.cancel_registration(registration.id, scene.now):
        return False
    scene.work.leave_line(registration.id, WaitingState.LEFT)
    scene.work.cancel_notices(registration, ended, scene.now)
    who = registration.subscriber_id
    scene.log(
        "registration-cancelled", who, campaign=registration.campaign, subject=registration.session, reason=reason
    )
    found = _edition(scene, registration)
    edition = found[0] if found is not None else None
    session = _session_of(edition, registration)
    if is_first and was is not SeatState.PENDING and edition is not None and session is not None:
        cancelled = scene.work.registration(registration.id)
        assert cancelled is not None
        notify(scene, cancelled, ended, edition.revision.id, session)
    if is_first and was is SeatState.BOOKED and not by_host:
        signal(scene, who, TriggerKind.CANCELS, campaign=registration.campaign, registration=registration)
    # Whatever the author wrote as `stop`: nobody is reminded of a seat that they gave back.
    for enrollment in scene.work.running(who, registration.campaign):
        if enrollment.registration_id == registration.id:
            end(scene, enrollment, EnrollmentState.STOPPED, ended, registration.session)
    return True


def _session_of(edition: Edition | None, registration: Registration) -> Session | None:
    campaign = edition.campaign if edition is not None else None
    webinar = campaign.webinar if campaign is not None else None
    return webinar.session_named(registration.session) if webinar is not None else None


# --- the line for a full session ---------------------------------------------------------------------------------


def joined_waiting_list(scene: Scene, event: JoinedWaitingList) -> Happened:
    """Stand in line: `waitlisted`, or `already`, `over`, `unknown`; `offered` where a seat came free meanwhile."""
    registration = scene.work.registration(event.registration_id)
    found = _edition(scene, registration) if registration is not None else None
    if registration is None or found is None:
        return Happened("unknown")
    who = registration.subscriber_id
    scene.work.hold_subscriber(who)
    session = _session_of(found[0], registration)
    if session is None or not may_offer(scene.now, session.starts):
        return Happened("over", who, registration.id)
    if after(state_of(scene, registration), SeatAct.WAIT) is None:
        return Happened("already", who, registration.id)
    scene.work.stand_in_line(registration, scene.now)
    note_consent(scene, who, f"webinar:{registration.campaign}", ConsentKind.ASKED, event.evidence)
    scene.log("waitlisted", who, campaign=registration.campaign, subject=registration.session)
    pass_on(scene, found[0], session)
    return Happened(state_of(scene, registration).value, who, registration.id)


def offer_lapsed(scene: Scene, event: OfferLapsed) -> Happened:
    """Nobody took the seat in time: it goes to the next in line."""
    registration = scene.work.registration(event.registration_id)
    found = _edition(scene, registration) if registration is not None else None
    expires = scene.work.offer_expires(event.registration_id)
    if registration is None or expires is None or expires > scene.now:
        return Happened("unknown")
    scene.work.hold_session(registration.campaign, registration.session)
    if not scene.work.leave_line(registration.id, WaitingState.LAPSED):
        return Happened("unknown")
    scene.work.cancel_notices(registration, "offer-lapsed", scene.now)
    scene.log("offer-lapsed", registration.subscriber_id, campaign=registration.campaign, subject=registration.session)
    session = _session_of(found[0], registration) if found else None
    if found is not None and session is not None:
        pass_on(scene, found[0], session)
    return Happened("lapsed", registration.subscriber_id, registration.id)


def pass_on(scene: Scene, edition: Edition, session: Session) -> int:
    """Offer the free seats of a session to the first in line. How many were offered."""
    campaign = edition.campaign
    if campaign is None or campaign.webinar is None or campaign.webinar.rule is not None:
        return 0  # nobody stands in line for a recording
    if not may_offer(scene.now, session.starts):
        return 0
    scene.work.hold_session(campaign.name, session.name)
    line = scene.work.line(campaign.name, session.name)
    seats = campaign.webinar.seats
    free = len(line) if seats is None else max(0, seats - scene.work.taken_count(campaign.name, session.name))
    for registration_id in line[:free]:
        registration = scene.work.registration(registration_id)
        assert registration is not None, "the line holds registrations"
        scene.work.offer_seat(registration_id, scene.now, offer_expiry(scene.now, session.starts))
        scene.log("seat-offered", registration.subscriber_id, campaign=campaign.name, subject=session.name)
        notify(scene, registration, "seat-offered", edition.revision.id, session)
    return min(free, len(line))


# --- by the host -------------------------------------------------------------------------------------------------


def session_moved(scene: Scene, edition: Edition, session: Session) -> int:
    """A session has another time: entries move, reminders are planned anew, everybody is told once. How many are."""
    campaign = edition.campaign
    assert campaign is not None, "a session belongs to a campaign"
    work, told = scene.work, 0
    work.raise_sequence(campaign.name, session.name)
    for registration in work.registrations(campaign.name, session=session.name):
        state = state_of(scene, registration)
        if state is SeatState.BOOKED:
            wanted = replan(scene, registration, campaign, session, greet=False)
        else:
            wanted = state in (SeatState.WAITLISTED, SeatState.OFFERED)
        if wanted and notify(scene, registration, "session-moved", edition.revision.id, session):
            told += 1
    scene.log("session-moved", None, campaign=campaign.name, subject=session.name, detail=f"to {session.wall}")
    return told


def session_cancelled(scene: Scene, edition: Edition, session: Session) -> int:
    """A session does not take place: its seats and its line end, and everybody in them is told once. How many are.

    Doing it again changes nothing: nobody holds anything there any more.
    """
    campaign = edition.campaign
    assert campaign is not None, "a session belongs to a campaign"
    ended = 0
    for registration in scene.work.registrations(campaign.name, session=session.name):
        if registration.state is not RegistrationState.CANCELLED:
            ended += cancel(scene, registration, by_host=True)
    if ended:
        scene.log("session-cancelled", None, campaign=campaign.name, subject=session.name, detail=f"{ended} ended")
    return ended
