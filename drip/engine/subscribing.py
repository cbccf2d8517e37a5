"""Events about people and lists: asking, confirming, adding, leaving, tags. One function per event.

Called by `drip.engine.happen` and, for what steps do without sending, by `drip.engine.advance`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from drip.core.events import (
    AddedByAuthor,
    AskedToJoin,
    ChoseZone,
    ConfirmedSubscription,
    Scope,
    SwitchedOn,
    TagChanged,
    Unsubscribed,
)
from drip.core.model import MailingList, OptIn, Sequence, TriggerKind
from drip.core.parts import is_series
from drip.core.records import (
    Consent,
    ConsentKind,
    Delivery,
    Enrollment,
    EnrollmentState,
    Evidence,
    Kind,
    NewDelivery,
    Registration,
    RegistrationId,
    RevisionId,
    Subscriber,
    SubscriberId,
    SubscriptionId,
    SubscriptionState,
)
from drip.engine.addresses import mailable_address
from drip.engine.live import Edition
from drip.engine.resting import end_break
from drip.engine.scene import Happened, Scene, end, signal
from drip.errors import NotFound

if TYPE_CHECKING:
    pass


# A form can be filled in with anybody's address. These ceilings protect the person mailed, who gave us no
# address of their own to count by: at most one confirmation in a quarter of an hour, three in a day.
ASK_EVERY = timedelta(minutes=15)
ASKS_A_DAY = 3


def meet(scene: Scene, email: str, zone: str | None, fields: Mapping[str, str]) -> tuple[Subscriber, bool]:
    """The subscriber of that address, new or known. A form never changes what is known about somebody."""
    address = mailable_address(email)
    mailbox = scene.keys.mailbox_of(address)
    met = scene.work.add_subscriber(address, mailbox, scene.now, zone=zone, fields=dict(fields))
    scene.work.hold_subscriber(met[0].id)
    return met


def list_named(scene: Scene, name: str) -> tuple[Edition, MailingList]:
    project = scene.live.project(scene.work)
    found = project.definition.list_named(name)
    if found is None:
        raise NotFound(f"there is no list `{name}`")
    return project, found


def _may_ask(scene: Scene, mailbox: str) -> bool:
    asked, planned = scene.work.count_recent_asks(mailbox, scene.now - timedelta(days=1))
    # The ask that this is about is recorded already; its mail is not planned yet.
    return asked <= ASKS_A_DAY and planned < ASKS_A_DAY


def plan_house_post(
    scene: Scene,
    subscriber: Subscriber,
    post: str,
    about: str,
    *,
    revision_id: RevisionId,
    subscription_id: SubscriptionId | None = None,
    registration: Registration | None = None,
    mailbox: str | None = None,
) -> None:
    """Plan one of drip's own posts. The quarter of an hour is part of the occasion, so the unique key itself
    refuses the second one, also when four hundred requests arrive at once. `mailbox` is where it goes, if not to the
    subscriber's own.
    """
    mailbox = mailbox or subscriber.mailbox
    if not _may_ask(scene, mailbox):
        scene.log("ask-ceiling", subscriber.id, subject=about, detail="too many confirmations in one day")
        return
    quarter = int(scene.now.timestamp() // ASK_EVERY.total_seconds())
    scene.work.plan_delivery(
        NewDelivery(
            occasion=f"house/{post}/{about}/{quarter}",
            mailbox=mailbox,
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


def note_consent(scene: Scene, subscriber_id: SubscriberId, about: str, kind: ConsentKind, evidence: Evidence) -> None:
    scene.work.record_consent(Consent(subscriber_id, about, kind, scene.now, evidence))


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
        plan_house_post(
            scene,
            subscriber,
            "already-subscribed",
            mailing_list.name,
            revision_id=project.revision.id,
            subscription_id=current.id,
        )
        return asked
    subscription = scene.work.subscribe(subscriber.id, mailing_list.name, SubscriptionState.PENDING, scene.now)
    note_consent(scene, subscriber.id, mailing_list.name, ConsentKind.ASKED, evidence)
    scene.log("asked", subscriber.id, subject=mailing_list.name)
    if mailing_list.opt_in is OptIn.SINGLE:
        _activate(scene, subscription.id, subscriber.id, mailing_list.name)
        return asked
    plan_house_post(
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
    project, mailing_list = list_named(scene, event.list)
    subscriber, _ = meet(scene, event.email, event.zone, event.fields)
    return _ask(scene, subscriber, mailing_list, project, event.evidence)


def added_by_author(scene: Scene, event: AddedByAuthor) -> Happened:
    """The author adds somebody. Suppression beats the author, too."""
    subscriber, created = meet(scene, event.email, event.zone, event.fields)
    if not subscriber.email:
        return Happened("suppressed", subscriber.id)  # erased: nothing is kept of what was given
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
    project, mailing_list = list_named(scene, event.list)
    current = {each.list: each for each in scene.work.subscriptions(subscriber.id)}.get(event.list)
    if current is not None and current.state is SubscriptionState.ACTIVE:
        return Happened("already", subscriber.id, subscription_id=current.id)
    if not event.attested:
        return _ask(scene, subscriber, mailing_list, project, event.evidence)
    subscription = scene.work.subscribe(subscriber.id, event.list, SubscriptionState.PENDING, scene.now)
    note_consent(scene, subscriber.id, event.list, ConsentKind.ATTESTED, event.evidence)
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
        person = scene.work.subscriber(subscription.subscriber_id)
        if person is not None:
            # Whoever signs up for something while on a break wants mails again.
            end_break(scene, person, event.evidence)
        note_consent(scene, subscription.subscriber_id, subscription.list, ConsentKind.CONFIRMED, event.evidence)
        if event.clicks is not None:
            choose_clicks(scene, subscription.subscriber_id, noted=True, evidence=event.clicks)
    return Happened("confirmed" if changed else "already", subscription.subscriber_id, subscription_id=subscription.id)


def switched_on(scene: Scene, event: SwitchedOn) -> Happened:
    """`on` at once for whoever pressed a button in a mail to this address before; others are `asked` by mail first."""
    who, work = event.subscriber_id, scene.work
    project, mailing_list = list_named(scene, event.list)
    work.hold_subscriber(who)
    person = work.subscriber(who)
    if person is None:
        return Happened("unknown")
    if work.suppression(person.mailbox) is not None:
        return Happened("suppressed", who)
    known = {each.list: each.state for each in work.subscriptions(who)}
    if known.get(event.list) is SubscriptionState.ACTIVE:
        return Happened("already", who)
    if not any(each.kind is ConsentKind.CONFIRMED for each in work.consents(who)):
        return _ask(scene, person, mailing_list, project, event.evidence)
    subscription = work.subscribe(who, event.list, SubscriptionState.PENDING, scene.now)
    note_consent(scene, who, event.list, ConsentKind.CONFIRMED, event.evidence)
    _activate(scene, subscription.id, who, event.list)
    return Happened("on", who, subscription_id=subscription.id)


def ask_to_join(scene: Scene, who: SubscriberId, list_name: str, evidence: Evidence) -> Happened:
    """Mail a known subscriber the question whether they want this list."""
    project, mailing_list = list_named(scene, list_name)
    subscriber = scene.work.subscriber(who)
    assert subscriber is not None, "whoever is enrolled is known"
    return _ask(scene, subscriber, mailing_list, project, evidence)


def leave_list(scene: Scene, who: SubscriberId, list_name: str | None, evidence: Evidence) -> None:
    """End the subscription to one list, or to all, with its evidence and what follows from it."""
    for name in scene.work.end_subscription(who, list_name, scene.now):
        note_consent(scene, who, name, ConsentKind.WITHDRAWN, evidence)
        scene.log("unsubscribed", who, subject=name, detail=evidence.where)
        signal(scene, who, TriggerKind.LEAVES, name)


def unsubscribed(scene: Scene, event: Unsubscribed) -> Happened:
    """A "no". Never understood more narrowly than it was said: on a webinar mail it stops that webinar's mails too."""
    who = event.subscriber_id
    scene.work.hold_subscriber(who)
    leave_list(scene, who, event.list, event.evidence)
    everything = event.scope is Scope.EVERYTHING
    delivery = scene.work.delivery(event.delivery_id) if event.delivery_id is not None else None
    answered = _answered(scene, delivery)
    for enrollment in scene.work.running(who):
        sequence_list = _list_of(scene, enrollment)
        marketing = sequence_list is not None or not _is_service(scene, enrollment)
        left_this = event.list is None or sequence_list == event.list
        if (marketing and left_this) or everything or enrollment.registration_id in answered:
            end(scene, enrollment, EnrollmentState.STOPPED, "unsubscribed", event.evidence.where)
    if everything:
        choose_clicks(scene, who, noted=False, evidence=event.evidence)
        scene.work.mark_left(who, scene.now)
        scene.log("left", who, detail=event.evidence.where)
    return Happened("unsubscribed", who)


def _answered(scene: Scene, delivery: Delivery | None) -> Collection[RegistrationId]:
    """The registrations that a "no" to this mail is about: the one that the mail was about, of a series every part."""
    if delivery is None or delivery.registration_id is None:
        return ()
    edition = scene.live.campaign(scene.work, delivery.campaign)
    if edition is None or not is_series(edition.campaign):
        return (delivery.registration_id,)
    theirs = scene.work.registrations_of(delivery.subscriber_id)
    return {each.id for each in theirs if each.campaign == delivery.campaign}


def _sequence_of(scene: Scene, enrollment: Enrollment) -> Sequence | None:
    return scene.live.sequence_of(scene.work, enrollment)


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


CLICKS_CONSENT = "clicks:"
"""What a consent to have clicks noted is about. The name of no list ends in a colon."""


def choose_clicks(scene: Scene, who: SubscriberId, *, noted: bool, evidence: Evidence) -> bool:
    """Note from now on which links somebody follows, or never again and forget those that were; whether it changed."""
    subscriber = scene.work.subscriber(who)
    if subscriber is None or noted == (subscriber.clicks_since is not None):
        return False
    scene.work.set_clicks_since(who, scene.now if noted else None)
    if not noted:
        scene.work.forget_clicks(who)
    note_consent(scene, who, CLICKS_CONSENT, ConsentKind.CONFIRMED if noted else ConsentKind.WITHDRAWN, evidence)
    scene.log("clicks-allowed" if noted else "clicks-refused", who, detail=evidence.where)
    return True


def chose_zone(scene: Scene, event: ChoseZone) -> Happened:
    """Times are told in this zone from now on, also those of seats, and "at 9:30" is on this clock."""
    who = event.subscriber_id
    scene.work.hold_subscriber(who)
    subscriber = scene.work.subscriber(who)
    if subscriber is None:
        return Happened("unknown")
    seats = scene.work.set_zone_of_seats(who, event.zone)
    if subscriber.zone == event.zone and not seats:
        return Happened("same", who)
    scene.work.set_zone(who, event.zone)
    scene.log("chose-zone", who, subject=event.zone, detail=event.evidence.where)
    for enrollment in scene.work.running(who):
        # The moment that it waits for may be another one on the new clock: look again at once.
        if enrollment.next_due is not None:
            scene.work.wait_until(enrollment.id, scene.now)
    return Happened("changed", who)
