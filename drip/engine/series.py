"""Seats in a series: one press takes every part that is ahead, and one press gives all of them back.

Somebody holds a registration for each part (`drip.core.parts`); these are made and ended together, each time in the
transaction of the event. Called by `drip.engine.registering` only.
"""

from __future__ import annotations

from drip.core.events import ConfirmedRegistration
from drip.core.model import Campaign, TriggerKind
from drip.core.parts import last_part, once_steps, parts_ahead
from drip.core.reasons import ReasonName
from drip.core.records import ConsentKind, Did, Registration, RegistrationState, StepDone
from drip.core.seats import WaitingState
from drip.engine.live import Edition
from drip.engine.scene import Happened, Scene, signal
from drip.engine.seating import cancel, pass_on
from drip.engine.subscribing import note_consent


def confirmed_series(scene: Scene, event: ConfirmedRegistration, asked: Registration, campaign: Campaign) -> Happened:
    """Every part that is ahead is theirs, if the series has a seat left: `booked`, `already`, `full` or `over`.

    Whoever comes late gets what is left of it, and whoever registers again the parts that were added since.
    """
    webinar, who = campaign.webinar, asked.subscriber_id
    last = last_part(webinar) if webinar is not None else None
    parts = parts_ahead(webinar, scene.now) if webinar is not None else ()
    if webinar is None or last is None or not parts or asked.state is RegistrationState.CANCELLED:
        return Happened("over", who, asked.id)
    work = scene.work
    whole = asked
    if asked.session != last.name:
        # The author added a part, or cancelled the last one, since they asked.
        whole = work.add_registration(who, campaign.name, last.name, asked.zone, scene.now)
    what = work.book(whole.id, scene.now, webinar.seats)
    if what not in ("booked", "already"):
        return Happened(what, who, asked.id)
    taken = [whole] if what == "booked" else []
    for part in parts:
        if part.name != last.name:
            held = work.add_registration(who, campaign.name, part.name, asked.zone, scene.now)
            # The seat is that of the whole series, which was counted above.
            if work.book(held.id, scene.now, None) == "booked":
                taken.append(held)
    if not taken:
        return Happened("already", who, whole.id)
    work.leave_line(whole.id, WaitingState.TAKEN)
    work.mark_back(who)
    note_consent(scene, who, f"webinar:{campaign.name}", ConsentKind.CONFIRMED, event.evidence)
    order = {part.name: place for place, part in enumerate(parts)}
    _welcome(scene, campaign, sorted(taken, key=lambda each: order[each.session]))
    return Happened("booked", who, whole.id)


def _welcome(scene: Scene, campaign: Campaign, taken: list[Registration]) -> None:
    """The sales mails end; what counts from a session begins for each part, and everything else with the first."""
    for place, held in enumerate(taken):
        who = held.subscriber_id
        scene.log("registered", who, campaign=campaign.name, subject=held.session)
        signal(scene, who, TriggerKind.REGISTERS, campaign=campaign.name, registration=held)
        if place == 0:
            continue
        for enrollment in scene.work.enrollments(who):
            sequence = campaign.sequence_named(enrollment.sequence)
            if enrollment.registration_id != held.id or sequence is None:
                continue
            for step in once_steps(sequence):
                done = StepDone(step.identity, Did.SKIPPED, scene.now, ReasonName.ONCE_FOR_SERIES)
                scene.work.step_done(enrollment.id, done)


def held_parts(scene: Scene, registration: Registration, campaign: Campaign) -> list[Registration]:
    """Everything that the person of this registration still holds of the series, the next part first."""
    assert campaign.webinar is not None, "a series is a webinar"
    order = {part.name: place for place, part in enumerate(parts_ahead(campaign.webinar, scene.now))}
    found = [
        each
        for each in scene.work.registrations_of(registration.subscriber_id)
        if each.campaign == campaign.name and each.state is not RegistrationState.CANCELLED and each.session in order
    ]
    return sorted(found, key=lambda each: order[each.session])


def cancelled_series(scene: Scene, registration: Registration, edition: Edition, campaign: Campaign) -> Happened:
    """Every part that is ahead is given back, and one mail tells of it; what was attended stays."""
    done = False
    for held in held_parts(scene, registration, campaign):
        done = cancel(scene, held, is_first=not done) or done
    last = last_part(campaign.webinar) if campaign.webinar is not None else None
    if done and last is not None:
        pass_on(scene, edition, last)
    return Happened("cancelled" if done else "already", registration.subscriber_id, registration.id)
