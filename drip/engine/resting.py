"""Breaks that readers take and end: a pause of one's own, whose time does not count (decision 0270).

Sequences about a seat go on, and so do confirmations: the reader asked for them. Whoever is inside another sequence is
looked at again at once, and `decide` says until when they wait. Called by `drip.engine.happen`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from drip.core.delivery import DeliveryState
from drip.core.events import CameBack, TookBreak
from drip.core.lateness import last_moment
from drip.core.model import Sequence
from drip.core.records import Break, Enrollment, Evidence, Subscriber, SubscriberId
from drip.core.when import local_to_utc, local_wall, moment_text
from drip.engine.scene import Happened, Scene

if TYPE_CHECKING:
    from drip.core.records import Delivery


def break_end(now: datetime, weeks: int, zone: str) -> datetime:
    """The same time on the wall, so many weeks later."""
    return local_to_utc(local_wall(now, zone) + timedelta(weeks=weeks), zone)


def took_break(scene: Scene, event: TookBreak) -> Happened:
    """`resting`, from now on or for another length, or `unknown`."""
    person = _held(scene, event.subscriber_id)
    if person is None:
        return Happened("unknown")
    zone = person.zone or scene.live.project(scene.work).definition.timezone
    now = person.break_at(scene.now)
    began, before = (now.began_at, now.ends_at) if now is not None else (scene.now, scene.now)
    until = break_end(scene.now, event.weeks, zone)
    _settle(scene, person, Break(began, until), before)
    _log(scene, "took-break", person, f"until {moment_text(until, zone)}", event.evidence)
    return Happened("resting", person.id)


def came_back(scene: Scene, event: CameBack) -> Happened:
    """`back`, or `same` for who is on no break."""
    person = _held(scene, event.subscriber_id)
    if person is None:
        return Happened("unknown")
    return Happened("back" if end_break(scene, person, event.evidence) else "same", person.id)


def end_break(scene: Scene, person: Subscriber, evidence: Evidence) -> bool:
    """Whether somebody was on a break, which is over now."""
    now = person.break_at(scene.now)
    if now is None:
        return False
    _settle(scene, person, Break(now.began_at, scene.now), now.ends_at)
    _log(scene, "came-back", person, "", evidence)
    return True


def _held(scene: Scene, who: SubscriberId) -> Subscriber | None:
    scene.work.hold_subscriber(who)
    return scene.work.subscriber(who)


def _log(scene: Scene, kind: str, person: Subscriber, text: str, evidence: Evidence) -> None:
    scene.log(kind, person.id, detail=", ".join(filter(None, (text, evidence.where))))


def _settle(scene: Scene, person: Subscriber, wanted: Break, before: datetime) -> None:
    """Put the break in the books, and those who wait where it has them. It was to end at `before`."""
    others = [each for each in person.breaks if each.began_at != wanted.began_at]
    # One that was ended in the moment of its beginning never was.
    scene.work.set_breaks(person.id, [*others, *([wanted] if wanted.began_at < wanted.ends_at else [])])
    scene.work.hold_enrollments(person.id)
    for enrollment in scene.work.running(person.id):
        sequence = scene.live.sequence_of(scene.work, enrollment)
        if sequence is None or sequence.is_service:
            continue
        if enrollment.next_due is not None:
            scene.work.wait_until(enrollment.id, scene.now, enrollment.next_step)
        else:
            _put_off(scene, enrollment, sequence, before, wanted.ends_at)


def _put_off(scene: Scene, enrollment: Enrollment, sequence: Sequence, before: datetime, until: datetime) -> None:
    """The mail that is planned already waits as well, and is good for as much longer; not beyond the stop."""
    planned = [each for each in scene.work.deliveries(enrollment.subscriber_id) if _is_planned(each, enrollment)]
    step = next((each for each in sequence.steps if planned and each.identity == planned[0].step), None)
    if step is None:
        return
    zone = scene.live.project(scene.work).definition.timezone
    last = last_moment(sequence, step, scene.work.facts_for([enrollment], zone)[enrollment.id])
    for each in planned:
        expires = each.expires_at + (until - before) if each.expires_at is not None else None
        if expires is not None and last is not None:
            expires = min(expires, last)
        due_at = until if each.due_at < until or each.due_at == before else each.due_at
        scene.work.let_wait(each.id, due_at, expires)


def _is_planned(each: Delivery, enrollment: Enrollment) -> bool:
    return each.enrollment_id == enrollment.id and each.state in (DeliveryState.DUE, DeliveryState.CLAIMED)
