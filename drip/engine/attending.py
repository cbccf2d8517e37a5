"""Who came, by a report: matching its rows with registrations, and correcting a follow-up that has not left yet.

A report beats what the join page saw. It never turns a branch around that has been sent: who got "we missed you" does
not get the recording of those who came. Called by `drip.engine.happen` and by `drip attendance import`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drip.core.attended import Presence, Sheet
from drip.core.events import AttendanceReported, SeenInMeeting
from drip.core.model import Attended, Campaign, Missed, Sequence, TriggerKind
from drip.core.records import Attendance, Did, Enrollment, EnrollmentState, Registration, RegistrationState
from drip.core.segments import leaves
from drip.engine.addresses import BadAddress, judge_address
from drip.engine.keys import Keys
from drip.engine.scene import Happened, Scene, end
from drip.engine.seating import REFUSED

if TYPE_CHECKING:
    from drip.store.work import Work

GONE = frozenset({Did.SENT, Did.UNCERTAIN})


@dataclass(frozen=True, slots=True)
class Matched:
    """A sheet laid beside the registrations of a session: whom it is about, whom nobody knows, who is not in it."""

    found: tuple[tuple[Registration, Presence], ...]
    unknown: tuple[str, ...]
    absent: tuple[Registration, ...]


def match(work: Work, keys: Keys, sheet: Sheet, campaign: str, session: str) -> Matched:
    """Find each address of a report among those who hold a seat of the session, however it is spelled there."""
    seats: Mapping[int, Registration] = {
        each.subscriber_id: each for each in work.registrations(campaign, session, RegistrationState.BOOKED)
    }
    found: dict[int, tuple[Registration, Presence]] = {}
    unknown = []
    for presence in sheet.people:
        try:
            person = work.subscriber_by_mailbox(keys.mailbox_of(judge_address(presence.email)))
        except BadAddress:
            person = None
        seat = seats.get(person.id) if person is not None else None
        if seat is None:
            unknown.append(presence.email)
        elif seat.id not in found or presence.came:
            found[seat.id] = (seat, presence)
    absent = tuple(each for each in seats.values() if each.id not in found)
    return Matched(tuple(found.values()), tuple(unknown), absent)


def attendance_reported(scene: Scene, event: AttendanceReported) -> Happened:
    """A report says who came: `recorded`, `same`, or `too-late` where the other branch has gone."""
    work = scene.work
    registration = work.registration(event.registration_id)
    if registration is None:
        return Happened("unknown")
    who = registration.subscriber_id
    work.hold_subscriber(who)
    work.hold_deliveries(registration)
    if event.minutes is not None or event.first_join is not None or event.last_leave is not None:
        work.record_presence(registration.id, event.minutes, (event.first_join, event.last_leave))
    known = work.attendance(registration.id)
    if known is event.attendance:
        # What a report says stands under its name, so that no later press of a button says otherwise.
        work.record_attendance(registration.id, known, event.source, scene.now)
        return Happened("same", who, registration.id)
    edition = scene.live.campaign(work, registration.campaign)
    campaign = edition.campaign if edition is not None else None
    what = "recorded"
    if known is not Attendance.UNKNOWN and campaign is not None and _has_gone(scene, registration, campaign):
        what = "too-late"
    else:
        work.record_attendance(registration.id, event.attendance, event.source, scene.now)
        if campaign is not None:
            _reopen(scene, registration, campaign)
    scene.log(
        "attendance" if what == "recorded" else "attendance-too-late",
        who,
        campaign=registration.campaign,
        subject=registration.session,
        reason=event.attendance.value,
        detail=event.source,
    )
    return Happened(what, who, registration.id)


def seen_in_meeting(scene: Scene, event: SeenInMeeting) -> Happened:
    """The platform saw somebody come or go: attended, from the first coming to the last going. The same message twice
    changes nothing, and what an imported report or the author said stands (`known`)."""
    work = scene.work
    registration = work.registration(event.registration_id)
    if registration is None or registration.state is not RegistrationState.BOOKED:
        return Happened("unknown")
    work.hold_subscriber(registration.subscriber_id)
    source, first, last = work.seen(registration.id)
    if source not in ("", "join-page", event.source):
        return Happened("known", registration.subscriber_id, registration.id)
    if event.left:
        last = event.at if last is None else max(last, event.at)
    else:
        first = event.at if first is None else min(first, event.at)
    minutes = None
    if first is not None and last is not None:
        minutes = max(0, round((last - first).total_seconds() / 60))
    return attendance_reported(
        scene, AttendanceReported(registration.id, Attendance.ATTENDED, event.source, minutes, first, last)
    )


def _follow_ups(scene: Scene, registration: Registration, campaign: Campaign) -> list[tuple[Sequence, Enrollment]]:
    """The latest enrollments of a registration whose sequences ask who came."""
    latest = {
        each.sequence: each
        for each in scene.work.enrollments(registration.subscriber_id)
        if each.registration_id == registration.id
    }
    return [
        (sequence, latest[sequence.name])
        for sequence in campaign.sequences
        if sequence.name in latest and _branches(sequence)
    ]


def _branches(sequence: Sequence) -> frozenset[str]:
    """The steps that depend on who came."""
    return frozenset(
        each.identity
        for each in sequence.steps
        if each.condition is not None
        and any(isinstance(leaf, Attended | Missed) for leaf in leaves(each.condition.term))
    )


def _has_gone(scene: Scene, registration: Registration, campaign: Campaign) -> bool:
    under_way = scene.work.steps_under_way(registration)
    for sequence, enrollment in _follow_ups(scene, registration, campaign):
        posts = {each.identity for each in sequence.steps if each.is_mail} & _branches(sequence)
        gone = {each.step for each in enrollment.done if each.did in GONE}
        if posts & (gone | under_way):
            return True
    return False


def _reopen(scene: Scene, registration: Registration, campaign: Campaign) -> None:
    """Decide the branches anew. Who only waits is looked at again; what was skipped or planned by the old word is
    taken back in a new enrollment that began when the old one did."""
    for sequence, enrollment in _follow_ups(scene, registration, campaign):
        if enrollment.end_reason in REFUSED or sequence.start.kind is not TriggerKind.SESSION_ENDS:
            continue
        running = enrollment.state is EnrollmentState.RUNNING
        branches = _branches(sequence)
        if running and enrollment.next_due is not None and not branches & {each.step for each in enrollment.done}:
            scene.work.wait_until(enrollment.id, scene.now)
            continue
        if running:
            end(scene, enrollment, EnrollmentState.STOPPED, "attendance-corrected", sequence.name)
        elif enrollment.state is not EnrollmentState.DONE:
            continue
        earlier = scene.work.enrollments(registration.subscriber_id)
        number = sum(each.sequence == sequence.name and each.registration_id == registration.id for each in earlier)
        began = scene.work.enroll(
            campaign.name,
            sequence.name,
            registration.subscriber_id,
            f"registration-{registration.id}-report-{number}",
            enrollment.started_at,
            registration.id,
        )
        assert began is not None, "the number is a new one"
        for done in enrollment.done:
            if done.step not in branches:
                scene.work.step_done(began.id, done)
