"""What an edit of a sequence does to the people in it, in a handful of statements for any number. Part of `Work`.

Never reads people into Python: the database counts what is behind each of them, puts them at the step that is now
theirs, and wakes them at the earliest moment at which that step could be due (`drip.core.places` says which).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Subquery,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    null,
    or_,
    select,
    type_coerce,
    update,
)

from drip.core.delivery import DeliveryState
from drip.core.places import Place
from drip.core.reasons import ReasonName
from drip.core.records import Did, EnrollmentState, RevisionId
from drip.store.columns import MICROSECOND, Moment, said
from drip.store.enrollments import FOLLOWS, NOT_YET_SENT, RUNNING
from drip.store.schema import delivery, enrollment, log, registration, revision, session, step_done
from drip.store.transaction import Transaction

MOVES = [each for each in Did if each.moves_anchor]
# Deliveries of those who keep a revision: no edit touches them.
KEPT = exists().where(enrollment.c.id == delivery.c.enrollment_id, enrollment.c.revision_id.is_not(None))


class Replanning(Transaction):
    """Methods of an edit."""

    def replan(self, campaign: str, sequence: str, places: Sequence[Place], now: datetime) -> int:
        """Puts everybody who waits in the sequence at their place in it. How many were moved or woken.

        Who has every step behind them now is done. Who waits for the outcome of a delivery is left alone.
        """
        standing = self._standing(campaign, sequence, places)
        self._finish(campaign, sequence, standing, len(places), now)
        if not places:
            return 0
        step = case({each.position: each.step.identity for each in places}, value=standing.c.position)
        edited = [each.position for each in places if each.is_edited]
        same = [each.position for each in places if each.is_same]
        is_new = or_(standing.c.position.in_(edited), enrollment.c.next_step != step)
        bound = case({each.position: self._bound(each, standing, now) for each in places}, value=standing.c.position)
        statement = (
            update(enrollment)
            .where(enrollment.c.id == standing.c.id, standing.c.position < len(places))
            .where(
                or_(standing.c.position.not_in(same), enrollment.c.next_step.is_(None), enrollment.c.next_step != step)
            )
            .values(
                next_due=type_coerce(bound, Moment()),
                next_step=step,
                replanned_at=case(
                    (enrollment.c.next_step.is_(None), enrollment.c.replanned_at),
                    (is_new, literal(now, Moment())),
                    else_=enrollment.c.replanned_at,
                ),
            )
        )
        return self._changed(statement.execution_options(preserve_rowcount=True))

    def wake_sequence(self, campaign: str, sequence: str, now: datetime, *, replanned: bool) -> int:
        """Everybody who waits for a moment in the sequence is decided anew. How many.

        `replanned`: something is ahead of them that was not, and its lateness counts from now.
        """
        theirs = (
            enrollment.c.campaign == campaign,
            enrollment.c.sequence == sequence,
            enrollment.c.state == RUNNING,
            enrollment.c.next_due.is_not(None),
            FOLLOWS,
        )
        values: dict[str, Any] = {"next_due": now} | ({"replanned_at": now} if replanned else {})
        return self._changed(update(enrollment).where(*theirs).values(**values))

    def drop_steps(self, campaign: str, steps: Collection[str], now: datetime) -> int:
        """Steps that are no longer there: what is planned of them and not begun is cancelled, and who waits for that
        goes on. How many deliveries were cancelled.
        """
        gone = update(delivery).where(
            delivery.c.campaign == campaign,
            NOT_YET_SENT,
            delivery.c.enrollment_id.is_not(None),
            delivery.c.step.in_(steps),
            ~KEPT,
        )
        reason = ReasonName.STEP_REMOVED.value
        values = {"state": DeliveryState.CANCELLED, "reason": reason, "finished_at": now, "owner": None}
        count = self._changed(gone.values(values))
        on_its_way = exists().where(
            delivery.c.enrollment_id == enrollment.c.id,
            delivery.c.step == enrollment.c.next_step,
            delivery.c.state == said(DeliveryState.SENDING),
        )
        waiting = update(enrollment).where(
            enrollment.c.campaign == campaign,
            enrollment.c.state == RUNNING,
            enrollment.c.next_due.is_(None),
            enrollment.c.next_step.in_(steps),
            FOLLOWS,
            ~on_its_way,
        )
        self._run(waiting.values(next_due=now))
        return count

    def release(self, campaign: str, sequence: str, now: datetime) -> int:
        """The sequence is pinned no longer: who kept a revision follows the live one, and is looked at again."""
        kept = (
            enrollment.c.campaign == campaign,
            enrollment.c.sequence == sequence,
            enrollment.c.state == RUNNING,
            enrollment.c.revision_id.is_not(None),
        )
        # Who waits for the outcome of a delivery goes on waiting for it.
        moment = case((enrollment.c.next_due.is_not(None), literal(now, Moment())), else_=null())
        values = {"next_due": type_coerce(moment, Moment()), "replanned_at": now, "revision_id": None}
        return self._changed(update(enrollment).where(*kept).values(**values))

    def kept_revisions(self) -> Sequence[RevisionId]:
        """The revisions that somebody keeps, oldest first."""
        kept = (enrollment.c.state == RUNNING, enrollment.c.revision_id.is_not(None))
        statement = select(enrollment.c.revision_id).where(*kept).distinct().order_by(enrollment.c.revision_id)
        return [RevisionId(row[0]) for row in self._all(statement)]

    def count_pinned(self, campaign: str) -> Mapping[str, Mapping[int, int]]:
        """For each sequence, how many people keep which revision, by its number."""
        statement = (
            select(enrollment.c.sequence, revision.c.number, func.count())
            .select_from(enrollment.join(revision, revision.c.id == enrollment.c.revision_id))
            .where(enrollment.c.campaign == campaign, enrollment.c.state == RUNNING)
            .group_by(enrollment.c.sequence, revision.c.number)
            .order_by(revision.c.number.desc())
        )
        found: dict[str, dict[int, int]] = {}
        for sequence, number, people in self._all(statement):
            found.setdefault(sequence, {})[number] = people
        return found

    def rename_steps(self, campaign: str, sequence: str, names: Mapping[str, str]) -> int:
        """Steps with another name (`was:`): what is behind people stays behind them. How many had one behind them."""
        if not names:
            return 0
        waiting = (enrollment.c.campaign == campaign, enrollment.c.sequence == sequence, FOLLOWS)
        inside = select(enrollment.c.id).where(*waiting)
        count = 0
        for old, new in names.items():
            # Whoever has the new one behind them already keeps it; the old row says nothing more.
            twice = select(step_done.c.enrollment_id).where(step_done.c.step == new)
            theirs = (step_done.c.step == old, step_done.c.enrollment_id.in_(inside))
            self._run(delete(step_done).where(*theirs, step_done.c.enrollment_id.in_(twice)))
            count += self._changed(update(step_done).where(*theirs).values(step=new))
            self._run(update(enrollment).where(*waiting, enrollment.c.next_step == old).values(next_step=new))
            on_the_way = (delivery.c.campaign == campaign, delivery.c.step == old, ~KEPT)
            self._run(update(delivery).where(*on_the_way).values(step=new))
        return count

    def rename_sequence(self, campaign: str, old: str, new: str, *, pinned: bool) -> int:
        """A sequence with another name (`was:`): whoever is inside stays inside, with all that is behind them.

        How many passages there are, ended ones included: who went through it under the old name does not enter anew.
        Where it is `pinned`, those who are under way by an older revision know it by its old name, and are left alone.
        """
        theirs: tuple[ColumnElement[bool], ...] = (enrollment.c.campaign == campaign, enrollment.c.sequence == old)
        if pinned:
            theirs += (or_(FOLLOWS, enrollment.c.state != RUNNING),)
        inside = select(enrollment.c.id).where(*theirs)
        prefix, length = f"{old}/", len(old) + 2

        def renamed(column: ColumnElement[Any]) -> ColumnElement[Any]:
            return literal(f"{new}/") + func.substr(column, length)

        behind = (step_done.c.enrollment_id.in_(inside), step_done.c.step.startswith(prefix, autoescape=True))
        self._run(update(step_done).where(*behind).values(step=renamed(step_done.c.step)))
        planned = (delivery.c.enrollment_id.in_(inside), delivery.c.step.startswith(prefix, autoescape=True))
        self._run(update(delivery).where(*planned).values(step=renamed(delivery.c.step)))
        waiting = (*theirs, enrollment.c.next_step.startswith(prefix, autoescape=True))
        self._run(update(enrollment).where(*waiting).values(next_step=renamed(enrollment.c.next_step)))
        return self._changed(update(enrollment).where(*theirs).values(sequence=new))

    def end_sequences(self, campaign: str, keep: Collection[str], now: datetime) -> int:
        """Ends everybody's passage through sequences that the campaign no longer has. How many.

        Who keeps a revision goes on through it.
        """
        gone = (
            enrollment.c.campaign == campaign,
            enrollment.c.state == RUNNING,
            enrollment.c.sequence.not_in(keep),
            FOLLOWS,
        )
        reason = ReasonName.SEQUENCE_REMOVED.value
        planned = update(delivery).where(
            delivery.c.campaign == campaign,
            NOT_YET_SENT,
            delivery.c.enrollment_id.in_(select(enrollment.c.id).where(*gone)),
        )
        values = {"state": DeliveryState.CANCELLED, "reason": reason, "finished_at": now, "owner": None}
        self._run(planned.values(values))
        self._log_ends(gone, EnrollmentState.STOPPED, reason, "the sequence is no longer in the campaign", now)
        return self._end(gone, EnrollmentState.STOPPED, reason, now)

    # --- how it is said ---

    def _finish(self, campaign: str, sequence: str, standing: Subquery, steps: int, now: datetime) -> None:
        """Ends the passage of whoever has every step behind them, which can only be after an edit."""
        over = select(standing.c.id).where(standing.c.position >= steps)
        theirs = (
            enrollment.c.campaign == campaign,
            enrollment.c.sequence == sequence,
            enrollment.c.state == RUNNING,
            enrollment.c.next_due.is_not(None),
            enrollment.c.id.in_(over),
        )
        reason = ReasonName.ALL_STEPS_DONE.value
        self._log_ends(theirs, EnrollmentState.DONE, reason, "all steps are done", now)
        self._end(theirs, EnrollmentState.DONE, reason, now)

    def _end(self, which: Sequence[ColumnElement[bool]], state: EnrollmentState, reason: str, now: datetime) -> int:
        values = {"state": state, "end_reason": reason, "ended_at": now, "next_due": None, "next_step": None}
        return self._changed(update(enrollment).where(*which).values(values))

    def _log_ends(
        self, which: Sequence[ColumnElement[bool]], state: EnrollmentState, reason: str, detail: str, now: datetime
    ) -> None:
        facts = select(
            literal(now, Moment()),
            literal(f"enrollment-{state.value}"),
            enrollment.c.subscriber_id,
            enrollment.c.campaign,
            enrollment.c.sequence,
            literal(reason),
            literal(detail),
        ).where(*which)
        columns = ["at", "kind", "subscriber_id", "campaign", "subject", "reason", "detail"]
        self._run(insert(log).from_select(columns, facts))

    def _standing(self, campaign: str, sequence: str, places: Sequence[Place]) -> Subquery:
        return standing(campaign, sequence, places).subquery("standing")

    def _bound(self, place: Place, standing: Subquery, now: datetime) -> ColumnElement[Any]:
        """`Bounds.moment` in SQL."""
        bounds = place.bounds
        moment = cast(literal(now, Moment()), BigInteger)
        parts: list[ColumnElement[Any]] = []
        if bounds.at is not None:
            parts.append(cast(literal(bounds.at, Moment()), BigInteger))
        for column, span in (
            (standing.c.anchor, bounds.after_anchor),
            (standing.c.starts, bounds.after_start),
            (standing.c.ends, bounds.after_end),
        ):
            if span is not None:
                parts.append(column + literal_column(str(_microseconds(span))))
        if not parts:
            return moment
        least = parts[0] if len(parts) == 1 else (func.least if self._postgres else func.min)(*parts)
        greatest = (func.greatest if self._postgres else func.max)(least, moment)
        if bounds.after_start is None and bounds.after_end is None:
            return greatest
        return case((standing.c.starts.is_(None), moment), else_=greatest)


def standing(
    campaign: str,
    sequence: str,
    places: Sequence[Place],
    *,
    positions: Mapping[str, int] | None = None,
    waking: Collection[str] = (),
) -> Select[Any]:
    """Where everybody who waits in a sequence stands in it: id, position, anchor, and their session's start and end.

    `positions` says the place of each step that may be behind them, where those are not the names of `places`;
    `waking` are steps that are taken out, so that who waits for the outcome of one of them waits for it no longer.
    """
    waits: ColumnElement[bool] = enrollment.c.next_due.is_not(None)
    if waking:
        on_its_way = exists().where(
            delivery.c.enrollment_id == enrollment.c.id,
            delivery.c.step == enrollment.c.next_step,
            delivery.c.state == said(DeliveryState.SENDING),
        )
        waits = or_(waits, and_(enrollment.c.next_step.in_(waking), ~on_its_way))
    inside = (
        enrollment.c.campaign == campaign,
        enrollment.c.sequence == sequence,
        enrollment.c.state == RUNNING,
        waits,
        FOLLOWS,
    )
    if positions is None:
        positions = {each.step.identity: each.position for each in places}
    number: ColumnElement[Any] = null()
    if positions:
        number = case(dict(positions), value=step_done.c.step)
    behind = (
        select(
            step_done.c.enrollment_id,
            func.max(number).label("furthest"),
            func.max(case((step_done.c.did.in_(MOVES), type_coerce(step_done.c.at, BigInteger)))).label("anchor"),
        )
        .select_from(step_done.join(enrollment, enrollment.c.id == step_done.c.enrollment_id))
        .where(*inside)
        .group_by(step_done.c.enrollment_id)
        .subquery("behind")
    )
    needs_session = any(each.bounds.after_start is not None or each.bounds.after_end is not None for each in places)
    tables = enrollment.outerjoin(behind, behind.c.enrollment_id == enrollment.c.id)
    starts: ColumnElement[Any] = null()
    ends: ColumnElement[Any] = null()
    if needs_session:
        tables = tables.outerjoin(registration, registration.c.id == enrollment.c.registration_id)
        key = (session.c.campaign == registration.c.campaign) & (session.c.name == registration.c.session)
        tables = tables.outerjoin(session, key)
        starts, ends = type_coerce(session.c.starts, BigInteger), type_coerce(session.c.ends, BigInteger)
    return (
        select(
            enrollment.c.id,
            (func.coalesce(behind.c.furthest, -1) + 1).label("position"),
            func.coalesce(behind.c.anchor, type_coerce(enrollment.c.started_at, BigInteger)).label("anchor"),
            cast(starts, BigInteger).label("starts"),
            cast(ends, BigInteger).label("ends"),
        )
        .select_from(tables)
        .where(*inside)
    )


def _microseconds(span: timedelta) -> int:
    return span // MICROSECOND
