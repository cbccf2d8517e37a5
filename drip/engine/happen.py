"""What each event does to the rows: one function per event, all inside one transaction.

This is where "no" wins: ending a subscription or an enrollment cancels its deliveries in the same transaction,
and the mark of a sending run is refused from then on. Called by `Engine.happen` only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from drip.core.events import (
    AddedByAuthor,
    AskedToJoin,
    AskedToRegister,
    AttendanceReported,
    CancelledRegistration,
    ConfirmedRegistration,
    ConfirmedSubscription,
    Event,
    JoinedSession,
    Scope,
    SessionEnded,
    TagChanged,
    Unsubscribed,
)
from drip.core.model import Again, Campaign, MailingList, OptIn, Sequence, TriggerKind
from drip.core.records import (
    Attendance,
    Consent,
    ConsentKind,
    Enrollment,
    EnrollmentState,
    Evidence,
    Kind,
    LogEntry,
    NewDelivery,
    Registration,
    RegistrationId,
    RegistrationState,
    RevisionId,
    Subscriber,
    SubscriberId,
    SubscriptionId,
    SubscriptionState,
)
from drip.core.triggers import matches
from drip.engine.addresses import judge_address
from drip.engine.keys import Keys
from drip.engine.live import Edition, Live
from drip.errors import DripError, NotFound

if TYPE_CHECKING:
    from drip.store.work import Work

# A form can be filled in with anybody's address. These ceilings protect the person mailed, who gave us no
# address of their own to count by: at most one confirmation in a quarter of an hour, three in a day.
ASK_EVERY = timedelta(minutes=15)
ASKS_A_DAY = 3


class SessionClosed(DripError):
    """This session takes no registrations any more."""

    name = "session-closed"
    exit_code = 2


@dataclass(frozen=True, slots=True)
class Happened:
    """What an event came to, for the page or command that brought it."""

    what: str
    subscriber_id: SubscriberId | None = None
    registration_id: RegistrationId | None = None
    subscription_id: SubscriptionId | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """What every event function gets: the open transaction, what is live, the keys, and the moment."""

    work: Work
    live: Live
    keys: Keys
    now: datetime
    entries: list[LogEntry] = field(default_factory=list)

    def write_log(self) -> None:
        """Write the noted facts; whoever opened the transaction calls it once, before the end."""
        self.work.log(self.entries)
        self.entries.clear()

    def log(
        self,
        kind: str,
        subscriber: SubscriberId | None,
        *,
        campaign: str = "",
        subject: str = "",
        reason: str = "",
        detail: str = "",
    ) -> None:
        """Note one fact, to be written with the others of this transaction."""
        self.entries.append(LogEntry(self.now, kind, subscriber, campaign, subject, reason, detail))


# --- people ----------------------------------------------------------------------------------------------------


def _meet(scene: Scene, email: str, zone: str | None, fields: Mapping[str, str]) -> tuple[Subscriber, bool]:
    """The subscriber of that address, new or known. A form never changes what is known about somebody."""
    address = judge_address(email)
    mailbox = scene.keys.mailbox_of(address)
    met = scene.work.add_subscriber(address, mailbox, scene.now, zone=zone, fields=dict(fields))
    scene.work.hold_subscriber(met[0].id)
    return met


def _list_named(scene: Scene, name: str) -> tuple[Edition, MailingList]:
    project = scene.live.project(scene.work)
    found = project.definition.list_named(name)
    if found is None:
        raise NotFound(f"there is no list `{name}`")
    return project, found


def _may_ask(scene: Scene, mailbox: str) -> bool:
    return scene.work.count_recent_asks(mailbox, scene.now - timedelta(days=1)) < ASKS_A_DAY


def _plan_house_post(
    scene: Scene,
    subscriber: Subscriber,
    post: str,
    about: str,
    *,
    revision_id: RevisionId,
    subscription_id: SubscriptionId | None = None,
    registration: Registration | None = None,
) -> None:
    """Plan one of drip's own posts. The quarter of an hour is part of the occasion, so the unique key itself
    refuses the second one, also when four hundred requests arrive at once.
    """
    if not _may_ask(scene, subscriber.mailbox):
        scene.log("ask-ceiling", subscriber.id, subject=about, detail="too many confirmations in one day")
        return
    quarter = int(scene.now.timestamp() // ASK_EVERY.total_seconds())
    scene.work.plan_delivery(
        NewDelivery(
            occasion=f"house/{post}/{about}/{quarter}",
            mailbox=subscriber.mailbox,
            subscriber_id=subscriber.id,
            campaign=registration.campaign if registration else "",
            post=post,
            kind=Kind.CONFIRMATION,
            due_at=scene.now,
            revision_id=revision_id,
            subscription_id=subscription_id,
            registration_id=registration.id if registration else None,
        ),
        scene.now,
    )


def _consent(scene: Scene, subscriber_id: SubscriberId, about: str, kind: ConsentKind, evidence: Evidence) -> None:
    scene.work.record_consent(Consent(subscriber_id, about, kind, scene.now, evidence))


# --- signals: what starts, completes and stops sequences ---------------------------------------------------------


def _occasion(scene: Scene, campaign: Campaign, sequence: Sequence, who: SubscriberId, reg: Registration | None) -> str:
    if reg is not None and sequence.start.knows_session:
        return f"registration-{reg.id}"
    if sequence.again is Again.NEVER:
        return "first"
    earlier = [
        each
        for each in scene.work.enrollments(who)
        if each.campaign == campaign.name and each.sequence == sequence.name
    ]
    # Somebody still inside does not enter a second time.
    if any(each.state is EnrollmentState.RUNNING for each in earlier):
        return earlier[-1].occasion
    return "first" if not earlier else f"again-{len(earlier) + 1}"


def _start(
    scene: Scene, campaign: Campaign, sequence: Sequence, who: SubscriberId, reg: Registration | None, at: datetime
) -> None:
    occasion = _occasion(scene, campaign, sequence, who, reg)
    bound = reg.id if reg is not None and sequence.start.knows_session else None
    enrollment = scene.work.enroll(campaign.name, sequence.name, who, occasion, at, registration_id=bound)
    if enrollment is not None:
        scene.log(
            "enrolled",
            who,
            campaign=campaign.name,
            subject=sequence.name,
            reason="started",
            detail=sequence.start.phrase,
        )


def _end(scene: Scene, enrollment: Enrollment, state: EnrollmentState, reason: str, detail: str) -> None:
    scene.work.end_enrollment(enrollment.id, state, reason, scene.now)
    scene.log(
        f"enrollment-{state.value}",
        enrollment.subscriber_id,
        campaign=enrollment.campaign,
        subject=enrollment.sequence,
        reason=reason,
        detail=detail,
    )


def signal(
    scene: Scene,
    who: SubscriberId,
    kind: TriggerKind,
    argument: str | None = None,
    *,
    campaign: str | None = None,
    registration: Registration | None = None,
    at: datetime | None = None,
) -> None:
    """Let one trigger act on every live sequence: goals and stops first, then starts (DESIGN §7 rule 11).

    `campaign` limits it to one (a registration is for one campaign's webinar). `at` is when it really happened,
    where that was noticed later (rule 8).
    """
    editions = {each.revision.campaign: each for each in scene.live.campaigns(scene.work)}
    for enrollment in scene.work.running(who, campaign):
        edition = editions.get(enrollment.campaign)
        sequence = edition.campaign.sequence_named(enrollment.sequence) if edition and edition.campaign else None
        if sequence is None:
            continue
        theirs = enrollment.registration_id is None or (
            registration is not None and enrollment.registration_id == registration.id
        )
        if sequence.goal and theirs and matches(sequence.goal, kind, argument):
            _end(scene, enrollment, EnrollmentState.GOAL, "goal-reached", sequence.goal.phrase)
        elif sequence.stop and theirs and matches(sequence.stop, kind, argument):
            _end(scene, enrollment, EnrollmentState.STOPPED, "stop-reached", sequence.stop.phrase)
    for name, edition in editions.items():
        if edition.campaign is None or (campaign is not None and name != campaign):
            continue
        for sequence in edition.campaign.sequences:
            if matches(sequence.start, kind, argument):
                _start(scene, edition.campaign, sequence, who, registration, at or scene.now)


# --- lists -------------------------------------------------------------------------------------------------------


def _activate(scene: Scene, subscription_id: SubscriptionId, who: SubscriberId, list_name: str) -> bool:
    if not scene.work.confirm_subscription(subscription_id, scene.now):
        return False
    scene.work.mark_back(who)
    scene.log("joined", who, subject=list_name)
    signal(scene, who, TriggerKind.JOINS, list_name)
    return True


def _ask(
    scene: Scene, subscriber: Subscriber, mailing_list: MailingList, project: Edition, evidence: Evidence
) -> Happened:
    """Ask for a subscription: mail the question, or the truth that it already is so."""
    asked = Happened("asked", subscriber.id)
    if scene.work.suppression(subscriber.mailbox) is not None:
        scene.log("ask-suppressed", subscriber.id, subject=mailing_list.name)
        return asked
    current = {each.list: each for each in scene.work.subscriptions(subscriber.id)}.get(mailing_list.name)
    if current is not None and current.state is SubscriptionState.ACTIVE:
        _plan_house_post(
            scene,
            subscriber,
            "already-subscribed",
            mailing_list.name,
            revision_id=project.revision.id,
            subscription_id=current.id,
        )
        return asked
    subscription = scene.work.subscribe(subscriber.id, mailing_list.name, SubscriptionState.PENDING, scene.now)
    _consent(scene, subscriber.id, mailing_list.name, ConsentKind.ASKED, evidence)
    scene.log("asked", subscriber.id, subject=mailing_list.name)
    if mailing_list.opt_in is OptIn.SINGLE:
        _activate(scene, subscription.id, subscriber.id, mailing_list.name)
        return asked
    _plan_house_post(
        scene,
        subscriber,
        "confirm-subscription",
        mailing_list.name,
        revision_id=project.revision.id,
        subscription_id=subscription.id,
    )
    return Happened("asked", subscriber.id, subscription_id=subscription.id)


def asked_to_join(scene: Scene, event: AskedToJoin) -> Happened:
    """A sign-up form was sent in."""
    project, mailing_list = _list_named(scene, event.list)
    subscriber, _ = _meet(scene, event.email, event.zone, event.fields)
    return _ask(scene, subscriber, mailing_list, project, event.evidence)


def added_by_author(scene: Scene, event: AddedByAuthor) -> Happened:
    """The author adds somebody. Suppression beats the author, too."""
    subscriber, created = _meet(scene, event.email, event.zone, event.fields)
    if not created and (event.fields or event.zone):
        if event.fields:
            scene.work.set_fields(subscriber.id, {**subscriber.fields, **event.fields})
        if event.zone:
            scene.work.set_zone(subscriber.id, event.zone)
    for tag in sorted(event.tags - subscriber.tags):
        change_tag(scene, subscriber.id, tag, present=True)
    if scene.work.suppression(subscriber.mailbox) is not None:
        return Happened("suppressed", subscriber.id)
    if event.list is None:
        return Happened("added" if created else "already", subscriber.id)
    project, mailing_list = _list_named(scene, event.list)
    current = {each.list: each for each in scene.work.subscriptions(subscriber.id)}.get(event.list)
    if current is not None and current.state is SubscriptionState.ACTIVE:
        return Happened("already", subscriber.id, subscription_id=current.id)
    if not event.attested:
        return _ask(scene, subscriber, mailing_list, project, event.evidence)
    subscription = scene.work.subscribe(subscriber.id, event.list, SubscriptionState.PENDING, scene.now)
    _consent(scene, subscriber.id, event.list, ConsentKind.ATTESTED, event.evidence)
    _activate(scene, subscription.id, subscriber.id, event.list)
    return Happened("added", subscriber.id, subscription_id=subscription.id)


def confirmed_subscription(scene: Scene, event: ConfirmedSubscription) -> Happened:
    """The confirmation button was pressed. Pressing it twice is the same as once."""
    subscription = scene.work.subscription(event.subscription_id)
    if subscription is None:
        return Happened("unknown")
    scene.work.hold_subscriber(subscription.subscriber_id)
    if subscription.state is SubscriptionState.ENDED:
        # An old link after an unsubscribe: the later "no" wins over the earlier "yes".
        return Happened("ended", subscription.subscriber_id, subscription_id=subscription.id)
    changed = _activate(scene, subscription.id, subscription.subscriber_id, subscription.list)
    if changed:
        _consent(scene, subscription.subscriber_id, subscription.list, ConsentKind.CONFIRMED, event.evidence)
    return Happened("confirmed" if changed else "already", subscription.subscriber_id, subscription_id=subscription.id)


def ask_to_join(scene: Scene, who: SubscriberId, list_name: str, evidence: Evidence) -> Happened:
    """Mail a known subscriber the question whether they want this list."""
    project, mailing_list = _list_named(scene, list_name)
    subscriber = scene.work.subscriber(who)
    assert subscriber is not None, "whoever is enrolled is known"
    return _ask(scene, subscriber, mailing_list, project, evidence)


def leave_list(scene: Scene, who: SubscriberId, list_name: str | None, evidence: Evidence) -> None:
    """End the subscription to one list, or to all, with its evidence and what follows from it."""
    for name in scene.work.end_subscription(who, list_name, scene.now):
        _consent(scene, who, name, ConsentKind.WITHDRAWN, evidence)
        scene.log("unsubscribed", who, subject=name, detail=evidence.where)
        signal(scene, who, TriggerKind.LEAVES, name)


def unsubscribed(scene: Scene, event: Unsubscribed) -> Happened:
    """A "no". Never understood more narrowly than it was said: on a webinar mail it stops that webinar's mails too."""
    who = event.subscriber_id
    scene.work.hold_subscriber(who)
    leave_list(scene, who, event.list, event.evidence)
    everything = event.scope is Scope.EVERYTHING
    delivery = scene.work.delivery(event.delivery_id) if event.delivery_id is not None else None
    answered = delivery.registration_id if delivery is not None else None
    for enrollment in scene.work.running(who):
        sequence_list = _list_of(scene, enrollment)
        marketing = sequence_list is not None or not _is_service(scene, enrollment)
        left_this = event.list is None or sequence_list == event.list
        if (marketing and left_this) or everything or (answered and enrollment.registration_id == answered):
            _end(scene, enrollment, EnrollmentState.STOPPED, "unsubscribed", event.evidence.where)
    if everything:
        scene.work.mark_left(who, scene.now)
        scene.log("left", who, detail=event.evidence.where)
    return Happened("unsubscribed", who)


def _sequence_of(scene: Scene, enrollment: Enrollment) -> Sequence | None:
    edition = scene.live.campaign(scene.work, enrollment.campaign)
    return edition.campaign.sequence_named(enrollment.sequence) if edition and edition.campaign else None


def _list_of(scene: Scene, enrollment: Enrollment) -> str | None:
    sequence = _sequence_of(scene, enrollment)
    return sequence.list if sequence else None


def _is_service(scene: Scene, enrollment: Enrollment) -> bool:
    sequence = _sequence_of(scene, enrollment)
    return sequence is not None and sequence.is_service


def change_tag(scene: Scene, who: SubscriberId, tag: str, *, present: bool) -> bool:
    """Put a tag on or take it away; says whether anything changed."""
    if not present:
        return scene.work.remove_tag(who, tag)
    if not scene.work.set_tag(who, tag, scene.now):
        return False
    scene.log("tagged", who, subject=tag)
    signal(scene, who, TriggerKind.GETS_TAG, tag)
    return True


def tag_changed(scene: Scene, event: TagChanged) -> Happened:
    """A tag was put on or taken away."""
    changed = change_tag(scene, event.subscriber_id, event.tag, present=event.present)
    return Happened("changed" if changed else "same", event.subscriber_id)


# --- the webinar -------------------------------------------------------------------------------------------------


def _webinar_edition(scene: Scene, campaign: str) -> tuple[Edition, Campaign]:
    edition = scene.live.campaign(scene.work, campaign)
    if edition is None or edition.campaign is None or edition.campaign.webinar is None:
        raise NotFound(f"there is no webinar `{campaign}`")
    return edition, edition.campaign


def asked_to_register(scene: Scene, event: AskedToRegister) -> Happened:
    """A session was chosen on the webinar page. One mail with one button follows; nothing is booked yet."""
    edition, campaign = _webinar_edition(scene, event.campaign)
    session = campaign.webinar.session_named(event.session) if campaign.webinar else None
    if session is None:
        raise NotFound(f"there is no session `{event.session}`")
    if session.ends <= scene.now:
        raise SessionClosed("this session is over")
    subscriber, _ = _meet(scene, event.email, event.zone, event.fields)
    asked = Happened("asked", subscriber.id)
    if scene.work.suppression(subscriber.mailbox) is not None:
        scene.log("ask-suppressed", subscriber.id, campaign=campaign.name, subject=session.name)
        return asked
    registration = scene.work.add_registration(subscriber.id, campaign.name, session.name, event.zone, scene.now)
    _consent(scene, subscriber.id, f"webinar:{campaign.name}", ConsentKind.ASKED, event.evidence)
    scene.log("asked-to-register", subscriber.id, campaign=campaign.name, subject=session.name)
    _plan_house_post(
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
    session = webinar.session_named(registration.session) if webinar else None
    if webinar is None or session is None or session.ends <= scene.now:
        return Happened("over", who, registration.id)
    what = scene.work.book(registration.id, scene.now, webinar.seats)
    if what == "booked":
        # One seat a person: choosing another session gives the first one back.
        for other in scene.work.registrations_of(who):
            booked = other.campaign == campaign.name and other.state is RegistrationState.BOOKED
            if booked and other.id != registration.id:
                _cancel(scene, other, "moved")
        scene.work.mark_back(who)
        _consent(scene, who, f"webinar:{campaign.name}", ConsentKind.CONFIRMED, event.evidence)
        scene.log("registered", who, campaign=campaign.name, subject=session.name)
        signal(scene, who, TriggerKind.REGISTERS, campaign=campaign.name, registration=registration)
    return Happened(what, who, registration.id)


def _cancel(scene: Scene, registration: Registration, reason: str) -> bool:
    if not scene.work.cancel_registration(registration.id, scene.now):
        return False
    who = registration.subscriber_id
    scene.log(
        "registration-cancelled", who, campaign=registration.campaign, subject=registration.session, reason=reason
    )
    signal(scene, who, TriggerKind.CANCELS, campaign=registration.campaign, registration=registration)
    # Whatever the author wrote as `stop`: nobody is reminded of a seat that they gave back.
    for enrollment in scene.work.running(who, registration.campaign):
        if enrollment.registration_id == registration.id:
            _end(scene, enrollment, EnrollmentState.STOPPED, "registration-cancelled", registration.session)
    return True


def cancelled_registration(scene: Scene, event: CancelledRegistration) -> Happened:
    """The reader gave the seat back."""
    registration = scene.work.registration(event.registration_id)
    if registration is None:
        return Happened("unknown")
    done = _cancel(scene, registration, "by-reader")
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


def attendance_reported(scene: Scene, event: AttendanceReported) -> Happened:
    """A report says who came; branches that wait for it are looked at again at once."""
    registration = scene.work.registration(event.registration_id)
    if registration is None:
        return Happened("unknown")
    scene.work.record_attendance(registration.id, event.attendance, event.source, scene.now)
    scene.log(
        "attendance",
        registration.subscriber_id,
        campaign=registration.campaign,
        subject=registration.session,
        reason=event.attendance.value,
        detail=event.source,
    )
    for enrollment in scene.work.running(registration.subscriber_id, registration.campaign):
        if enrollment.registration_id == registration.id and enrollment.next_due is not None:
            scene.work.wait_until(enrollment.id, scene.now)
    return Happened("recorded", registration.subscriber_id, registration.id)


def session_ended(scene: Scene, event: SessionEnded) -> Happened:
    """Time passed the end of a session: the follow-up starts for everybody who had a seat.

    If our join page saw at least one person come in, it was in use, and who did not come through it missed the
    session. If it saw nobody, nothing is known about anybody (rule 4), and the follow-up waits for a report.
    """
    seated = scene.work.registrations(event.campaign, session=event.session, state=RegistrationState.BOOKED)
    seen = {each.id: scene.work.attendance(each.id) for each in seated}
    tracked = Attendance.ATTENDED in seen.values()
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


PERFORMERS: Mapping[type[Any], Callable[[Scene, Any], Happened]] = {
    AskedToJoin: asked_to_join,
    AddedByAuthor: added_by_author,
    ConfirmedSubscription: confirmed_subscription,
    Unsubscribed: unsubscribed,
    AskedToRegister: asked_to_register,
    ConfirmedRegistration: confirmed_registration,
    CancelledRegistration: cancelled_registration,
    JoinedSession: joined_session,
    AttendanceReported: attendance_reported,
    SessionEnded: session_ended,
    TagChanged: tag_changed,
}


def perform(scene: Scene, event: Event) -> Happened:
    """Do what the event asks, in the transaction of the scene."""
    happened = PERFORMERS[type(event)](scene, event)
    scene.write_log()
    return happened
