"""People's passages through sequences: which are due, what is behind them, how they end. Part of `Work`.

Never decides what comes next: `drip.core.decide` does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Update, bindparam, delete, exists, func, select, update

from drip.core.delivery import DeliveryState
from drip.core.records import (
    DeliveryId,
    Did,
    Enrollment,
    EnrollmentId,
    EnrollmentState,
    RegistrationId,
    RevisionId,
    StepDone,
    SubscriberId,
)
from drip.store.columns import Moment, among, said
from drip.store.prepared import prepared
from drip.store.schema import delivery, enrollment, step_done, subscriber
from drip.store.standstill import open_pause
from drip.store.transaction import Transaction, insert_into

ENROLLMENT = (
    enrollment.c.id,
    enrollment.c.campaign,
    enrollment.c.sequence,
    enrollment.c.subscriber_id,
    enrollment.c.occasion,
    enrollment.c.state,
    enrollment.c.started_at,
    enrollment.c.next_due,
    enrollment.c.registration_id,
    enrollment.c.ended_at,
    enrollment.c.end_reason,
    enrollment.c.replanned_at,
    enrollment.c.next_step,
    enrollment.c.paused_at,
    enrollment.c.revision_id,
)
RUNNING = said(EnrollmentState.RUNNING)
FOLLOWS = enrollment.c.revision_id.is_(None)
"""Those who follow the live revision, and so every edit."""
# Said word for word as in the partial index `delivery_enrollment`.
NOT_YET_SENT = delivery.c.state.in_([said(DeliveryState.DUE), said(DeliveryState.CLAIMED), said(DeliveryState.HELD)])

NOT_YET_ENDED = delivery.c.state.in_(
    [said(DeliveryState.DUE), said(DeliveryState.CLAIMED), said(DeliveryState.SENDING), said(DeliveryState.HELD)]
)


def as_enrollment(row: Sequence[Any], done: tuple[StepDone, ...]) -> Enrollment:
    """A row of ENROLLMENT, and what is behind the person, as a record."""
    return Enrollment(*(*row[:9], done, *row[9:]))


@prepared
def due_statement() -> Select[Any]:
    """Ordered fetch, never EXISTS or count: the planner walks the partial index and stops at the limit."""
    return (
        select(*ENROLLMENT)
        .where(
            enrollment.c.state == RUNNING,
            enrollment.c.next_due.is_not(None),
            enrollment.c.paused_at.is_(None),
            enrollment.c.next_due <= bindparam("now", type_=Moment()),
        )
        .order_by(enrollment.c.next_due)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True, key_share=True)
    )


@prepared
def done_statement(postgres: bool) -> Select[Any]:
    """The steps behind many enrollments, in the order in which they were done."""
    columns = (step_done.c.enrollment_id, step_done.c.step, step_done.c.did, step_done.c.at, step_done.c.reason)
    return select(*columns).where(among(step_done.c.enrollment_id, "ids", postgres)).order_by(step_done.c.id)


@prepared
def enroll_statement(postgres: bool) -> Any:
    """The unique key decides who was first; nobody looks beforehand. Whoever enters what is paused stands still."""
    paused = open_pause(bindparam("in_campaign"), bindparam("in_sequence")).scalar_subquery()
    statement = insert_into(enrollment, postgres).values(paused_at=paused)
    return statement.on_conflict_do_nothing().returning(*ENROLLMENT)


@prepared
def put_step_statement(postgres: bool) -> Any:
    """A step is behind a person once; said again, the later word stands in the earlier one's place."""
    statement = insert_into(step_done, postgres)
    changed = {name: statement.excluded[name] for name in ("did", "at", "reason")}
    return statement.on_conflict_do_update(index_elements=["enrollment_id", "step"], set_=changed).inline()


@prepared
def wait_statement() -> Update:
    """An ended enrollment waits for nothing."""
    return (
        update(enrollment)
        .where(enrollment.c.id == bindparam("number"), enrollment.c.state == RUNNING)
        .values(next_due=bindparam("moment", type_=Moment()), next_step=bindparam("step"))
    )


@prepared
def cancel_statement() -> Update:
    """Takes back what an enrollment has planned and not begun to send."""
    return (
        update(delivery)
        .where(delivery.c.enrollment_id == bindparam("number"), NOT_YET_SENT)
        .values(
            state=said(DeliveryState.CANCELLED),
            reason=bindparam("why"),
            finished_at=bindparam("now", type_=Moment()),
            owner=None,
        )
        .returning(delivery.c.id)
    )


@prepared
def end_statement() -> Update:
    """Ends an enrollment that runs."""
    return (
        update(enrollment)
        .where(enrollment.c.id == bindparam("number"), enrollment.c.state == RUNNING)
        .values(
            state=bindparam("to", type_=enrollment.c.state.type),
            end_reason=bindparam("why"),
            ended_at=bindparam("now", type_=Moment()),
            next_due=None,
            next_step=None,
        )
    )


@prepared
def enrollment_statement() -> Select[Any]:
    """One enrollment."""
    return select(*ENROLLMENT).where(enrollment.c.id == bindparam("number"))


@prepared
def of_person_statement(only_running: bool, of_campaign: bool) -> Select[Any]:
    """One person's enrollments, oldest first."""
    statement = select(*ENROLLMENT).where(enrollment.c.subscriber_id == bindparam("who"))
    if only_running:
        statement = statement.where(enrollment.c.state == RUNNING)
    if of_campaign:
        statement = statement.where(enrollment.c.campaign == bindparam("campaign"))
    return statement.order_by(enrollment.c.id)


@prepared
def next_wake_statement() -> Select[Any]:
    """The first of the partial index on who waits for a moment."""
    waits = (enrollment.c.state == RUNNING, enrollment.c.next_due.is_not(None), enrollment.c.paused_at.is_(None))
    return select(enrollment.c.next_due).where(*waits).order_by(enrollment.c.next_due).limit(1)


class Enrollments(Transaction):
    """Methods about enrollments."""

    def enroll(
        self,
        campaign: str,
        sequence: str,
        subscriber_id: SubscriberId,
        occasion: str,
        now: datetime,
        registration_id: RegistrationId | None = None,
        revision_id: RevisionId | None = None,
    ) -> Enrollment | None:
        """A running enrollment, due at once for its first decision. None if the person was in it already.

        With a revision it keeps that one, whatever is applied later.
        """
        values = {
            "campaign": campaign,
            "sequence": sequence,
            "subscriber_id": subscriber_id,
            "occasion": occasion,
            "state": EnrollmentState.RUNNING,
            "started_at": now,
            "next_due": now,
            "registration_id": registration_id,
            "in_campaign": campaign,
            "in_sequence": sequence,
            "revision_id": revision_id,
        }
        row = self._first(enroll_statement(self._postgres), **values)
        return None if row is None else as_enrollment(row, ())

    def enrollment(self, id: EnrollmentId) -> Enrollment | None:
        """The enrollment of that id."""
        found = self._enrollments(self._all(enrollment_statement(), number=id))
        return found[0] if found else None

    def enrollments(self, subscriber_id: SubscriberId) -> Sequence[Enrollment]:
        """All enrollments of one person, also ended ones, oldest first."""
        return self._enrollments(self._all(of_person_statement(False, False), who=subscriber_id))

    def running(self, subscriber_id: SubscriberId, campaign: str | None = None) -> Sequence[Enrollment]:
        """The person's running enrollments, of one campaign or of all."""
        named = {} if campaign is None else {"campaign": campaign}
        return self._enrollments(self._all(of_person_statement(True, bool(named)), who=subscriber_id, **named))

    def due_enrollments(self, now: datetime, limit: int) -> Sequence[Enrollment]:
        """Those to be decided by now, the longest due first. Held by this transaction; others skip them."""
        return self._enrollments(self._all(due_statement(), now=now, most=limit))

    def next_wake(self) -> datetime | None:
        """When the next enrollment is due, or None if none waits for a moment."""
        moment: datetime | None = self._value(next_wake_statement())
        return moment

    def wait_until(self, id: EnrollmentId, moment: datetime | None, step: str | None = None) -> None:
        """When to decide next; None waits for the outcome of its delivery. `step` is what it waits for, for `plan`."""
        self._changed(wait_statement(), number=id, moment=moment, step=step)

    def step_done(self, id: EnrollmentId, done: StepDone) -> None:
        """Puts a step behind the person. Said again (an uncertain one was resolved), the later word stands."""
        values = {"enrollment_id": id, "step": done.step, "did": done.did, "at": done.at, "reason": done.reason}
        self._changed(put_step_statement(self._postgres), **values)

    def end_enrollment(
        self,
        id: EnrollmentId,
        state: EnrollmentState,
        reason: str,
        now: datetime,
    ) -> Sequence[DeliveryId]:
        """Ends it, if it runs, and cancels what it has planned and not begun to send; the cancelled deliveries."""
        self._changed(end_statement(), number=id, to=state, why=reason, now=now)
        return self._column(cancel_statement(), number=id, why=reason, now=now)

    def cancel_planned(self, id: EnrollmentId, reason: str, now: datetime) -> int:
        """Takes back what an enrollment has planned and not begun to send. How many."""
        return len(self._all(cancel_statement(), number=id, why=reason, now=now))

    def reopen_enrollment(self, id: EnrollmentId, now: datetime) -> None:
        """It runs again, and is decided at once; unless its sequence is paused."""
        paused = open_pause(enrollment.c.campaign, enrollment.c.sequence).scalar_subquery()
        values = {"state": EnrollmentState.RUNNING, "end_reason": "", "ended_at": None, "paused_at": paused}
        reopened = update(enrollment).where(enrollment.c.id == id, enrollment.c.state != RUNNING)
        self._run(reopened.values(**values, next_due=now, next_step=None, replanned_at=now))

    def place_enrollment(self, id: EnrollmentId, now: datetime) -> None:
        """Somebody was moved by hand: decided anew at once, and what that makes due is not late (rule 9)."""
        moved = update(enrollment).where(enrollment.c.id == id, enrollment.c.state == RUNNING)
        self._run(moved.values(next_due=now, next_step=None, replanned_at=now))

    def forget_steps(self, id: EnrollmentId, steps: Collection[str]) -> None:
        """Steps that were skipped are ahead again."""
        theirs = (step_done.c.enrollment_id == id, step_done.c.step.in_(list(steps)))
        self._run(delete(step_done).where(*theirs, step_done.c.did == said(Did.SKIPPED)))

    def enrollments_in(
        self,
        campaign: str | None = None,
        sequence: str | None = None,
        *,
        state: EnrollmentState | None = None,
        step: str | None = None,
        after_id: int = 0,
        limit: int = 1000,
    ) -> Sequence[tuple[Enrollment, str]]:
        """Enrollments by id, those after `after_id`, each with the address of its subscriber."""
        wanted = [enrollment.c.id > after_id]
        for column, value in (
            (enrollment.c.campaign, campaign),
            (enrollment.c.sequence, sequence),
            (enrollment.c.state, state),
            (enrollment.c.next_step, step),
        ):
            if value is not None:
                wanted.append(column == value)
        joined = enrollment.join(subscriber, subscriber.c.id == enrollment.c.subscriber_id)
        statement = select(*ENROLLMENT, subscriber.c.email).select_from(joined).where(*wanted)
        rows = self._all(statement.order_by(enrollment.c.id).limit(limit))
        found = self._enrollments([row[:-1] for row in rows])
        return [(each, row[-1]) for each, row in zip(found, rows, strict=True)]

    def stranded(self) -> Sequence[tuple[EnrollmentId, str]]:
        """Enrollments that break invariant 6: running, and waiting for nothing; or ended, and nobody knows why."""
        awaited = exists().where(delivery.c.enrollment_id == enrollment.c.id, NOT_YET_ENDED)
        lost = select(enrollment.c.id).where(enrollment.c.state == RUNNING, enrollment.c.next_due.is_(None), ~awaited)
        unexplained = select(enrollment.c.id).where(enrollment.c.state != RUNNING, enrollment.c.end_reason == "")
        return [
            *((EnrollmentId(row[0]), "waits for nothing") for row in self._all(lost)),
            *((EnrollmentId(row[0]), "ended without a reason") for row in self._all(unexplained)),
        ]

    def step_counts(self) -> Mapping[tuple[str, str, Did, str], int]:
        """How often each step came to which end for which reason, by campaign, step, did and reason."""
        key = (enrollment.c.campaign, step_done.c.step, step_done.c.did, step_done.c.reason)
        joined = step_done.join(enrollment, enrollment.c.id == step_done.c.enrollment_id)
        rows = self._all(select(*key, func.count()).select_from(joined).group_by(*key))
        return {(row[0], row[1], row[2], row[3]): row[4] for row in rows}

    def count_waiting(self, campaign: str) -> Mapping[str, int]:
        """How many people are in each sequence of the campaign, and how many wait for each step, by its identity.

        Those who keep a revision are not among them: no edit concerns them.
        """
        of_campaign = (enrollment.c.campaign == campaign, enrollment.c.state == RUNNING, FOLLOWS)
        statement = (
            select(enrollment.c.sequence, enrollment.c.next_step, func.count())
            .where(*of_campaign)
            .group_by(enrollment.c.sequence, enrollment.c.next_step)
        )
        counts: dict[str, int] = defaultdict(int)
        for sequence, step, number in self._all(statement):
            counts[sequence] += number
            if step is not None:
                counts[step] += number
        return dict(counts)

    def _enrollments(self, rows: Sequence[Sequence[Any]]) -> Sequence[Enrollment]:
        done: dict[int, list[StepDone]] = defaultdict(list)
        if rows:
            for number, *step in self._all(done_statement(self._postgres), ids=[row[0] for row in rows]):
                done[number].append(StepDone(*step))
        return [as_enrollment(row, tuple(done.get(row[0], ()))) for row in rows]
