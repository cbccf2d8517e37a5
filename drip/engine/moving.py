"""A reader moves to another address: asked for on the page, done by the button in a mail to the new one, and told to
the old one (decision 0271).

Whose the new address is, the page never says; the mail tells the truth. Called by `drip.engine.happen`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from drip.core.events import AskedToMove, ConfirmedMove
from drip.core.records import AddressChange, ConsentKind, Subscriber
from drip.engine.addresses import mailable_address
from drip.engine.letters import MOVE_POST
from drip.engine.scene import Happened, Scene
from drip.engine.subscribing import note_consent, plan_house_post

if TYPE_CHECKING:
    from drip.core.records import Delivery, SubscriberId, Suppression
    from drip.store.work import Work

ADDRESS = "address"
"""What the evidence of a move is about, where consents have the name of a list."""

OF_THE_ADDRESS = "address-refused"
"""A suppression that says something about an address. Any other is a "no" of the person, which no move undoes."""

MOVES_WITHIN = timedelta(days=7)
"""How long the button in the mail works, as with every confirmation."""


def asked_to_move(scene: Scene, event: AskedToMove) -> Happened:
    """`asked` whoever has the new address; the author also learns of `same`, `taken` and `suppressed`."""
    who = event.subscriber_id
    address = mailable_address(event.email)
    mailbox = scene.keys.mailbox_of(address)
    scene.work.hold_subscriber(who)
    person = scene.work.subscriber(who)
    if person is None:
        return Happened("unknown")
    if address == person.email:
        return Happened("same", who)
    if _forbids(scene.work.suppression(person.mailbox)) or scene.work.suppression(mailbox) is not None:
        scene.log("move-suppressed", who)
        return Happened("suppressed", who)
    if scene.work.is_anybodys(mailbox, who):
        return _tell_owner(scene, mailbox, who, is_told=not event.attested)
    change = scene.work.ask_for_address(who, address, mailbox, person.email, person.mailbox, scene.now)
    if event.attested:
        note_consent(scene, who, ADDRESS, ConsentKind.ATTESTED, event.evidence)
        _move(scene, person, change)
        return Happened("moved", who)
    scene.log("move-asked", who, detail=event.evidence.where)
    _plan(scene, person, mailbox, MOVE_POST)
    return Happened("asked", who)


def _forbids(found: Suppression | None) -> bool:
    return found is not None and found.reason != OF_THE_ADDRESS


def _tell_owner(scene: Scene, mailbox: str, who: SubscriberId, *, is_told: bool) -> Happened:
    owner = scene.work.subscriber_by_mailbox(mailbox)
    if owner is not None and is_told:
        _plan(scene, owner, mailbox, "address-taken")
    return Happened("taken", owner.id if owner is not None and is_told else None)


def _plan(scene: Scene, person: Subscriber, mailbox: str, post: str) -> None:
    """One of the mails of a move, under the ceiling of whoever gets it."""
    revision = scene.live.project(scene.work).revision.id
    plan_house_post(scene, person, post, str(person.id), revision_id=revision, mailbox=mailbox)


def confirmed_move(scene: Scene, event: ConfirmedMove) -> Happened:
    """`moved`, `already`, or why it cannot be any more: see `state_of`."""
    delivery = scene.work.delivery(event.delivery_id)
    if delivery is None:
        return Happened("unknown")
    scene.work.hold_subscriber(delivery.subscriber_id)
    person, change = scene.work.subscriber(delivery.subscriber_id), change_of(scene.work, delivery)
    if change is None or person is None:
        return Happened("unknown")
    state = state_of(scene.work, person, change, scene.now)
    if state == "open":
        note_consent(scene, person.id, ADDRESS, ConsentKind.CONFIRMED, event.evidence)
        _move(scene, person, change)
        state = "moved"
    return Happened(state, person.id)


def change_of(work: Work, delivery: Delivery) -> AddressChange | None:
    """The change that the question in this mail is about: the last one to the address that it went to."""
    changes = work.address_changes([delivery.subscriber_id]).get(delivery.subscriber_id, ())
    asked = (each for each in reversed(changes) if each.mailbox == delivery.mailbox)
    return next(asked, None) if delivery.post == MOVE_POST else None


def state_of(work: Work, person: Subscriber, change: AddressChange, now: datetime) -> str:
    """`open`, `already` (it is done), `ended` (another one came first), `expired`, `taken` or `suppressed`."""
    if change.confirmed_at is not None:
        return "already" if person.mailbox == change.mailbox and person.email == change.email else "ended"
    if person.mailbox != change.was_mailbox:
        return "ended"
    if now > change.asked_at + MOVES_WITHIN:
        return "expired"
    if work.is_anybodys(change.mailbox, person.id):
        return "taken"
    if work.suppression(change.mailbox) is not None or _forbids(work.suppression(person.mailbox)):
        return "suppressed"
    return "open"


def _move(scene: Scene, person: Subscriber, change: AddressChange) -> None:
    mails = scene.work.move_subscriber(change, scene.now)
    scene.log("moved-address", person.id, detail=f"{mails} planned mails go along" if mails else "")
    if change.mailbox != change.was_mailbox:
        _plan(scene, person, change.was_mailbox, "address-moved")
