"""Pauses: what stands still is taken out of the queues by a handful of statements, and put back by a resume.

A paused million costs a run nothing, because it is not in the indexes of what is due. Never decides what a resume
means for one person: `drip.core.pauses` counts active time, and a resume only wakes people early enough to be asked.
Part of `Work`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    case,
    cast,
    func,
    insert,
    literal,
    select,
    type_coerce,
    update,
)

from drip.core.delivery import DeliveryState
from drip.core.places import Place
from drip.core.reasons import ReasonName
from drip.core.records import Did, EnrollmentId, Kind, Pause, ResumeMode
from drip.store.columns import Moment, ranked
from drip.store.deliveries import CLAIMED, DUE
from drip.store.enrollments import NOT_YET_SENT, RUNNING
from drip.store.facts import pauses_statement
from drip.store.replanning import Replanning, standing
from drip.store.results import Standstill
from drip.store.schema import delivery, enrollment, log, pause, step_done
from drip.store.standstill import OPEN
from drip.store.transaction import insert_into

PAUSE = tuple(pause.c)


class Pausing(Replanning):
    """Methods about pauses. Those of an edit come with it: a resume puts people to their places, too."""

    # --- what stands still ---

    def open_pauses(self, campaign: str | None = None) -> Sequence[Pause]:
        """What is paused now, in one campaign or in all."""
        statement = select(*PAUSE).where(OPEN).order_by(pause.c.campaign, pause.c.sequence)
        if campaign is not None:
            statement = statement.where(pause.c.campaign == campaign)
        return [Pause(*row) for row in self._all(statement)]

    def pauses(self, campaigns: Collection[str]) -> Sequence[Pause]:
        """All pauses of these campaigns, also those that are over, the oldest first."""
        return [Pause(*row) for row in self._all(pauses_statement(self._postgres), campaigns=sorted(campaigns))]

    def inside(self, found: Pause) -> Standstill:
        """How many people are inside, and how many mails are planned there and not marked."""
        people = self._value(select(func.count()).where(*self._inside(found)))
        return Standstill(people, self._value(select(func.count()).where(*self._planned(found))))

    def standstill(self, found: Pause, mode: ResumeMode, now: datetime) -> Standstill:
        """How many people and mails stand still, and how many of them a resume now would make due at once."""
        people = self._value(select(func.count()).where(*self._people(found)))
        since = literal(found.paused_at, Moment())
        overdue = enrollment.c.next_due <= now
        if mode is ResumeMode.SHIFT:
            # Who was due when it began, or came in meanwhile and was due at that moment.
            overdue = enrollment.c.next_due <= self._later(since, enrollment.c.started_at)
        due = self._value(select(func.count()).where(*self._people(found), overdue))
        mails = self._value(select(func.count()).where(*self._mails(found)))
        late = self._value(select(func.count()).where(*self._mails(found), delivery.c.due_at <= now))
        return Standstill(people, mails, due, late)

    # --- pause ---

    def begin_pause(self, campaign: str, sequence: str, now: datetime, *, everything: bool) -> Pause | None:
        """The pause; None if it stands still already."""
        statement = insert_into(pause, self._postgres).on_conflict_do_nothing().returning(*PAUSE)
        values = {"campaign": campaign, "sequence": sequence, "paused_at": now, "everything": everything}
        row = self._run(statement, values).first()
        return None if row is None else Pause(*row)

    def freeze(self, begun: Pause) -> Standstill:
        """Takes everybody inside, and what is planned and not marked, out of the queues. How many.

        What a run has claimed is taken from it: its mark will not be granted.
        """
        inside = update(enrollment).where(*self._inside(begun), enrollment.c.paused_at.is_(None))
        people = self._changed(inside.values(paused_at=begun.paused_at))
        planned = update(delivery).where(*self._planned(begun), delivery.c.paused_at.is_(None))
        mails = self._changed(planned.values(state=DeliveryState.DUE, owner=None, paused_at=begun.paused_at))
        return Standstill(people, mails)

    def freeze_enrollment(self, id: EnrollmentId, since: datetime) -> None:
        """Somebody came in in the very moment of the pause: they stand still with the others."""
        self._run(update(enrollment).where(enrollment.c.id == id).values(paused_at=since))

    # --- resume ---

    def end_pause(self, found: Pause, mode: ResumeMode, now: datetime) -> bool:
        """Whether this ended it; False if somebody else did."""
        ended = update(pause).where(pause.c.id == found.id, OPEN)
        return self._changed(ended.values(resumed_at=now, mode=mode)) > 0

    def thaw(
        self,
        found: Pause,
        mode: ResumeMode,
        now: datetime,
        *,
        places: Sequence[Place] = (),
        stops_at: datetime | None = None,
        shifts_mails: bool = True,
    ) -> Standstill:
        """Puts everybody and everything back into the queues, as the mode has it. How many.

        `places` of the live sequence tell how early to look at people after a shift; without them, everybody keeps
        the moment they had, which is never too late. `shifts_mails`: what is planned is good for that much longer,
        but no longer than `stops_at`.
        """
        if mode is ResumeMode.SKIP_OVERDUE:
            self._skip_overdue(found, now)
        if mode is ResumeMode.SHIFT and places:
            self._shift_people(found, now, places)
        people = self._changed(update(enrollment).where(*self._people(found)).values(paused_at=None))
        values: dict[str, Any] = {"paused_at": None}
        if mode is ResumeMode.SHIFT and shifts_mails:
            values["expires_at"] = self._shifted_expiry(found, now, stops_at)
        mails = self._changed(update(delivery).where(*self._mails(found)).values(**values))
        return Standstill(people, mails)

    def skip_broadcast(self, occasion: str, until: datetime, now: datetime) -> int:
        """What a frozen broadcast planned for moments up to `until` is skipped as paused. How many."""
        which = (delivery.c.occasion == occasion, delivery.c.state == DUE, delivery.c.due_at <= until)
        return self._skip(which, now)

    def _skip_overdue(self, found: Pause, now: datetime) -> None:
        """What is planned and overdue is skipped; its step is behind at the moment that it was due."""
        which = (*self._mails(found), delivery.c.due_at <= now)
        steps = select(
            delivery.c.enrollment_id,
            delivery.c.step,
            literal(Did.SKIPPED.value),
            delivery.c.due_at,
            literal(ReasonName.PAUSED.value),
        ).where(*which, delivery.c.enrollment_id.is_not(None), delivery.c.step.is_not(None))
        columns = ["enrollment_id", "step", "did", "at", "reason"]
        statement = insert_into(step_done, self._postgres).from_select(columns, steps).on_conflict_do_nothing()
        theirs = select(delivery.c.enrollment_id).where(*which)
        waiting = update(enrollment).where(*self._people(found), enrollment.c.id.in_(theirs))
        self._run(statement)
        self._run(waiting.values(next_due=now, next_step=None))
        self._skip(which, now)

    def _skip(self, which: Sequence[ColumnElement[bool]], now: datetime) -> int:
        reason = ReasonName.PAUSED.value
        facts = select(
            literal(now, Moment()),
            literal("delivery-skipped"),
            delivery.c.subscriber_id,
            delivery.c.campaign,
            func.coalesce(delivery.c.step, delivery.c.post),
            literal(reason),
            literal("it became due while this was paused"),
        ).where(*which)
        self._run(insert(log).from_select([*LOGGED], facts))
        skipped = update(delivery).where(*which)
        values = {"state": DeliveryState.SKIPPED, "reason": reason, "finished_at": now, "paused_at": None}
        return self._changed(skipped.values(values))

    def _shift_people(self, found: Pause, now: datetime, places: Sequence[Place]) -> None:
        """Sets when to look at people again: at the earliest moment at which their step could be due by active time."""
        stand = standing(found.campaign, found.sequence, places).subquery("stand")
        resumed, paused = (cast(literal(each, Moment()), BigInteger) for each in (now, found.paused_at))
        shifted = select(
            stand.c.id,
            stand.c.position,
            (stand.c.anchor + resumed - self._later(paused, stand.c.anchor)).label("anchor"),
            stand.c.starts,
            stand.c.ends,
        ).subquery("standing")
        bound = case(
            {each.position: self._bound(each, shifted, now) for each in places},
            value=shifted.c.position,
            else_=resumed,
        )
        moved = update(enrollment).where(
            *self._people(found), enrollment.c.id == shifted.c.id, enrollment.c.next_due.is_not(None)
        )
        self._run(moved.values(next_due=self._later(type_coerce(bound, Moment()), enrollment.c.next_due)))

    def _shifted_expiry(self, found: Pause, now: datetime, stops_at: datetime | None) -> ColumnElement[Any]:
        """Reminders are about a moment that does not move, so they expire as before."""
        expires, planned, resumed, paused = (
            cast(each, BigInteger)
            for each in (
                delivery.c.expires_at,
                delivery.c.planned_at,
                literal(now, Moment()),
                literal(found.paused_at, Moment()),
            )
        )
        shifted: ColumnElement[Any] = expires + resumed - self._later(paused, planned)
        if stops_at is not None:
            end = cast(literal(stops_at - timedelta(seconds=1), Moment()), BigInteger)
            shifted = case((shifted < end, shifted), else_=end)
        moves = delivery.c.kind.in_([ranked(Kind.SEQUENCE), ranked(Kind.BROADCAST)])
        return case((and_(moves, delivery.c.expires_at.is_not(None)), shifted), else_=expires)

    # --- how it is said ---

    def _later(self, one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
        return (func.greatest if self._postgres else func.max)(one, other, type_=one.type)

    def _inside(self, found: Pause) -> tuple[ColumnElement[bool], ...]:
        return (
            enrollment.c.campaign == found.campaign,
            enrollment.c.sequence == found.sequence,
            enrollment.c.state == RUNNING,
        )

    def _people(self, found: Pause) -> tuple[ColumnElement[bool], ...]:
        return (*self._inside(found), enrollment.c.paused_at.is_not(None))

    def _planned(self, found: Pause) -> tuple[ColumnElement[bool], ...]:
        """Planned and not marked. The first condition is that of the partial index `delivery_enrollment`."""
        common = (NOT_YET_SENT, delivery.c.state.in_([DUE, CLAIMED]), delivery.c.campaign == found.campaign)
        if found.sequence == "":
            return (*common, delivery.c.kind == ranked(Kind.BROADCAST))
        prefix = f"{found.sequence}/"
        return (*common, func.substr(delivery.c.step, 1, len(prefix)) == prefix)

    def _mails(self, found: Pause) -> tuple[ColumnElement[bool], ...]:
        return (*self._planned(found), delivery.c.state == DUE, delivery.c.paused_at.is_not(None))


LOGGED = ("at", "kind", "subscriber_id", "campaign", "subject", "reason", "detail")
