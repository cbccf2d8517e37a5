"""What a run asks beside claiming and marking: whom a message is for, what must be looked at again, what comes next."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, select, union_all, update

from drip.core.delivery import DeliveryState
from drip.core.records import (
    Delivery,
    DeliveryId,
    EnrollmentId,
    EnrollmentState,
    Kind,
    Registration,
    RevisionId,
    StepDone,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from drip.store.addresses import Addresses
from drip.store.columns import among, ranked, said
from drip.store.deliveries import DELIVERY, UNSETTLED
from drip.store.enrollments import put_step_statement, wait_statement
from drip.store.people import SUBSCRIBER, as_subscriber
from drip.store.prepared import Prepared, prepared
from drip.store.schema import delivery, enrollment, registration, revision, session, subscriber, subscription

# By the partial index `delivery_unsettled`, whose condition stands first, word for word.
UNCERTAIN_CONFIRMATION = (
    UNSETTLED,
    delivery.c.state == said(DeliveryState.UNCERTAIN),
    delivery.c.kind == ranked(Kind.CONFIRMATION),
)
Reader = tuple[Subscriber, Registration | None, Subscription | None]


@prepared
def readers_statement(postgres: bool) -> Select[Any]:
    """The people of many deliveries."""
    return select(*SUBSCRIBER).where(among(subscriber.c.id, "ids", postgres))


@prepared
def seats_statement(postgres: bool) -> Select[Any]:
    """The registrations of many deliveries."""
    return select(registration).where(among(registration.c.id, "ids", postgres))


@prepared
def permissions_statement(postgres: bool) -> Select[Any]:
    """The subscriptions that many confirmations ask about."""
    return select(subscription).where(among(subscription.c.id, "ids", postgres))


@prepared
def live_statement() -> Select[Any]:
    """The latest revision of each campaign."""
    return select(revision.c.campaign, func.max(revision.c.id)).group_by(revision.c.campaign)


@prepared
def lost_confirmations_statement() -> Select[Any]:
    """Those that may be sent once more."""
    return (
        select(*DELIVERY)
        .where(
            *UNCERTAIN_CONFIRMATION,
            delivery.c.finished_at <= bindparam("before", type_=delivery.c.finished_at.type),
            delivery.c.attempt < bindparam("attempts"),
        )
        .order_by(delivery.c.id)
    )


@prepared
def next_end_statement() -> Select[Any]:
    """The first end of a session that is open."""
    open_ = (session.c.closed_at.is_(None), session.c.withdrawn_at.is_(None))
    return select(session.c.ends).where(*open_).order_by(session.c.ends).limit(1)


class Desk(Addresses):
    """Methods for the runs."""

    def readers_for(self, deliveries: Sequence[Delivery]) -> Mapping[DeliveryId, Reader]:
        """For each delivery its subscriber, registration and subscription: three queries for any number of them.

        Tags are left out; no message prints them.
        """
        if not deliveries:
            return {}
        people = {
            row[0]: as_subscriber(row, frozenset())
            for row in self._by_ids(readers_statement, {each.subscriber_id for each in deliveries})
        }
        seats = {
            row[0]: Registration(*row)
            for row in self._by_ids(seats_statement, {each.registration_id for each in deliveries})
        }
        permissions = {
            row[0]: Subscription(*row)
            for row in self._by_ids(permissions_statement, {each.subscription_id for each in deliveries})
        }
        elsewhere = self._at_other_addresses(deliveries, people)
        return {
            each.id: (
                elsewhere.get(each.id, people[each.subscriber_id]),
                seats.get(each.registration_id),
                permissions.get(each.subscription_id),
            )
            for each in deliveries
        }

    def _at_other_addresses(
        self, deliveries: Sequence[Delivery], people: Mapping[int, Subscriber]
    ) -> Mapping[DeliveryId, Subscriber]:
        """A mail goes to the mailbox that it was planned for: the question to the new address before it is anybody's,
        the news of the move and what was tried before to the old one."""
        astray = [each for each in deliveries if each.mailbox != people[each.subscriber_id].mailbox]
        if not astray:
            return {}
        changes = self.address_changes({each.subscriber_id for each in astray})
        found = {}
        for each in astray:
            known: dict[str, str] = {}
            for change in changes.get(each.subscriber_id, ()):
                known |= {change.was_mailbox: change.was_email, change.mailbox: change.email}
            if each.mailbox in known:
                person = people[each.subscriber_id]
                found[each.id] = replace(person, email=known[each.mailbox], mailbox=each.mailbox)
        return found

    def _by_ids(self, statement: Callable[[bool], Prepared], ids: Collection[int | None]) -> Sequence[Any]:
        wanted = sorted(each for each in ids if each is not None)
        return self._all(statement(self._postgres), ids=wanted) if wanted else ()

    def live_ids(self) -> Mapping[str, RevisionId]:
        """The latest revision of each campaign ("" is the project), by its id alone: the files stay where they are."""
        if self._live is None:
            self._live = {row[0]: RevisionId(row[1]) for row in self._all(live_statement())}
        return self._live

    def steps_done(self, steps: Sequence[tuple[EnrollmentId, StepDone]], moment: datetime) -> None:
        """Puts many steps behind their people, and has each enrollment decided anew at that moment."""
        if not steps:
            return
        rows = [
            {"enrollment_id": number, "step": each.step, "did": each.did, "at": each.at, "reason": each.reason}
            for number, each in steps
        ]
        self._many(put_step_statement(self._postgres), rows)
        self._many(wait_statement(), [{"number": number, "moment": moment, "step": None} for number, _ in steps])

    def hold(self, ids: Collection[DeliveryId], owner: str, reason: str) -> int:
        """Claimed deliveries that cannot be made into a message wait for the author. How many."""
        statement = update(delivery).where(
            delivery.c.id.in_(list(ids)), delivery.c.state == said(DeliveryState.CLAIMED), delivery.c.owner == owner
        )
        return self._changed(statement.values(state=DeliveryState.HELD, owner=None, reason=reason))

    def uncertain_confirmations(self, before: datetime, attempts: int) -> Sequence[Delivery]:
        """Confirmations without a verdict since before that moment, tried less than so often (DESIGN §8)."""
        rows = self._all(lost_confirmations_statement(), before=before, attempts=attempts)
        return [Delivery(*row) for row in rows]

    def count_active(self, list: str) -> int:
        """How many active subscriptions a list has."""
        statement = select(func.count()).where(
            subscription.c.list == list, subscription.c.state == said(SubscriptionState.ACTIVE)
        )
        return int(self._value(statement))

    def next_session_end(self) -> datetime | None:
        """When the next session that nobody closed yet ends."""
        moment: datetime | None = self._value(next_end_statement())
        return moment

    def enrollment_counts(self) -> Mapping[tuple[str, str], Mapping[str, int]]:
        """For each campaign and sequence, how many enrollments are in each state."""
        statement = select(enrollment.c.campaign, enrollment.c.sequence, enrollment.c.state, func.count()).group_by(
            enrollment.c.campaign, enrollment.c.sequence, enrollment.c.state
        )
        found: dict[tuple[str, str], dict[str, int]] = {}
        for campaign, sequence, state, number in self._all(statement):
            counts = found.setdefault((campaign, sequence), {each.value: 0 for each in EnrollmentState})
            counts[state.value] = number
        return found

    def overdue(self, now: datetime) -> Mapping[tuple[str, str], tuple[int, datetime]]:
        """For each campaign and sequence with something due by now: how many people, and since when the oldest.

        Somebody is due whose step is to be decided, or whose planned mail waits for a run.
        """
        decide = select(
            enrollment.c.campaign,
            enrollment.c.sequence,
            enrollment.c.id.label("id"),
            enrollment.c.next_due.label("since"),
        ).where(
            enrollment.c.state == said(EnrollmentState.RUNNING),
            enrollment.c.next_due.is_not(None),
            enrollment.c.paused_at.is_(None),
            enrollment.c.next_due <= now,
        )
        send = (
            select(enrollment.c.campaign, enrollment.c.sequence, enrollment.c.id, delivery.c.due_at)
            .select_from(delivery.join(enrollment, enrollment.c.id == delivery.c.enrollment_id))
            .where(
                delivery.c.state == said(DeliveryState.DUE), delivery.c.paused_at.is_(None), delivery.c.due_at <= now
            )
        )
        due = union_all(decide, send).subquery()
        oldest = func.min(due.c.since, type_=enrollment.c.next_due.type)
        statement = select(due.c.campaign, due.c.sequence, func.count(due.c.id.distinct()), oldest)
        rows = self._all(statement.group_by(due.c.campaign, due.c.sequence))
        return {(row[0], row[1]): (row[2], row[3]) for row in rows}

    def last_sends(self) -> Mapping[tuple[str, str], datetime]:
        """For each campaign and step that was ever sent, when last."""
        last = func.max(delivery.c.finished_at, type_=delivery.c.finished_at.type)
        statement = (
            select(delivery.c.campaign, delivery.c.step, last)
            .where(delivery.c.state == said(DeliveryState.SENT), delivery.c.step.is_not(None))
            .group_by(delivery.c.campaign, delivery.c.step)
        )
        return {(row[0], row[1]): row[2] for row in self._all(statement)}

    def last_sent_at(self) -> datetime | None:
        """When the last message was accepted."""
        statement = select(func.max(delivery.c.finished_at, type_=delivery.c.finished_at.type)).where(
            delivery.c.state == said(DeliveryState.SENT)
        )
        moment: datetime | None = self._value(statement)
        return moment
