"""Deliveries on their way: plan, claim, mark, record, recover. Part of `Work`.

Here the promises are kept (DESIGN §8). One row per (occasion, mailbox) ever; the right to send is the mark, a
compare-and-set that the caller commits before the first byte of the body; a "no" that was committed before the mark
wins, because the mark asks for it in the same statement. No clock and no lease decides anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Select,
    Text,
    Update,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
    update,
)

from drip.core.delivery import DeliveryState
from drip.core.records import Delivery, DeliveryId, Kind, NewDelivery, SubscriberId, SubscriptionState
from drip.store.columns import Moment, among, ranked, said
from drip.store.prepared import prepared
from drip.store.results import Claimed
from drip.store.schema import delivery, sent_before, subscriber, subscription, suppression
from drip.store.standstill import IS_PAUSED
from drip.store.transaction import Row_, Transaction, insert_into

DELIVERY = tuple(delivery.c[each.name] for each in fields(Delivery))
PLANNED = tuple(each.name for each in fields(NewDelivery))
DUE, CLAIMED, SENDING = said(DeliveryState.DUE), said(DeliveryState.CLAIMED), said(DeliveryState.SENDING)
# Word for word as in the partial index `delivery_owner`: SQLite does not infer it from one of the states.
AT_WORK = delivery.c.state.in_([CLAIMED, SENDING])
# And as in `delivery_unsettled`.
UNSETTLED = delivery.c.state.in_([said(DeliveryState.UNCERTAIN), said(DeliveryState.HELD)])

TOO_LATE: Final = "too-late"
SUPPRESSED: Final = "suppressed"
UNSUBSCRIBED: Final = "unsubscribed"
OWNER_DIED: Final = "owner-died"
ALREADY_SENT: Final = "already-sent"
ON_BREAK: Final = "on-break"

# What a "no" looks like, seen from a delivery.
IS_SUPPRESSED = exists().where(suppression.c.mailbox == delivery.c.mailbox)
# What a send journal knew of it before the database was restored. The table is empty but after a repair.
WAS_SENT = exists().where(
    sent_before.c.occasion == delivery.c.occasion,
    sent_before.c.mailbox == delivery.c.mailbox,
    sent_before.c.state != said(DeliveryState.DUE),
)
IS_ACTIVE = exists().where(
    subscription.c.subscriber_id == delivery.c.subscriber_id,
    subscription.c.list == delivery.c.list,
    subscription.c.state == said(SubscriptionState.ACTIVE),
)
# A letter to many that comes while its reader is on a break is not for them (decision 0270). What belongs to sequences
# waits for the end of the break in its enrollment.
IS_ON_BREAK = and_(
    delivery.c.kind == ranked(Kind.BROADCAST),
    exists().where(
        subscriber.c.id == delivery.c.subscriber_id, subscriber.c.break_until > bindparam("now", type_=Moment())
    ),
)
MAY_GO_NOW = and_(~IS_PAUSED, ~IS_ON_BREAK)
HAS_NOT_LEFT = exists().where(subscriber.c.id == delivery.c.subscriber_id, subscriber.c.left_at.is_(None))
# With a list: an active subscription to it. Without one it is a service mail: for who has not left altogether; and a
# confirmation, which only answers what the person asked for, goes to everybody else too.
MAY_BE_MAILED = case(
    (delivery.c.list.is_not(None), IS_ACTIVE),
    (delivery.c.kind == ranked(Kind.CONFIRMATION), literal(True)),
    else_=HAS_NOT_LEFT,
)


def moment(name: str) -> Any:
    """A parameter that is a moment."""
    return bindparam(name, type_=Moment())


@prepared
def plan_statement(postgres: bool) -> Any:
    """The unique key decides who was first; nobody looks beforehand."""
    statement = insert_into(delivery, postgres).on_conflict_do_nothing(index_elements=["occasion", "mailbox"])
    return statement.returning(*DELIVERY)


@prepared
def claim_statement() -> Update:
    """Takes the next rows of one kind: what is too late is skipped, the rest becomes ours. SKIP LOCKED lets several
    machines take different rows at once (PostgreSQL); the CTE makes the limit hold whatever plan is chosen."""
    next_rows = (
        select(delivery.c.id)
        .where(
            delivery.c.state == DUE,
            delivery.c.paused_at.is_(None),
            delivery.c.kind == bindparam("of_kind", type_=delivery.c.kind.type),
            delivery.c.due_at <= moment("now"),
        )
        .order_by(delivery.c.due_at, delivery.c.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True, key_share=True)
        .cte("next_rows")
    )
    late = delivery.c.expires_at < moment("now")
    return (
        update(delivery)
        .where(delivery.c.id.in_(select(next_rows.c.id)), delivery.c.state == DUE)
        .values(
            state=case((late, said(DeliveryState.SKIPPED)), else_=CLAIMED),
            owner=case((late, null()), else_=bindparam("by", type_=Text())),
            reason=case((late, literal(TOO_LATE)), else_=delivery.c.reason),
            finished_at=case((late, moment("now")), else_=null()),
        )
        .returning(*DELIVERY)
    )


@prepared
def mark_statement(postgres: bool) -> Update:
    """The compare-and-set of DESIGN §8 b.

    It never waits for a locked row, it leaves it unmarked: so what it reads is what was committed when it began,
    also under READ COMMITTED, and a transaction that is just taking the delivery back cannot be overtaken.
    """
    ours = (delivery.c.state == CLAIMED, delivery.c.owner == bindparam("by"))
    free = (
        select(delivery.c.id)
        .where(among(delivery.c.id, "ids", postgres), *ours)
        .with_for_update(skip_locked=True, key_share=True)
        .cte("free")
    )
    return (
        update(delivery)
        .where(delivery.c.id.in_(select(free.c.id)), *ours, ~IS_SUPPRESSED, ~WAS_SENT, MAY_BE_MAILED, MAY_GO_NOW)
        .values(
            state=SENDING,
            attempt=delivery.c.attempt + 1,
            first_marked_at=func.coalesce(delivery.c.first_marked_at, moment("told")),
            marked_at=moment("now"),
        )
        .returning(delivery.c.id)
    )


@prepared
def refuse_statement(postgres: bool) -> Update:
    """What the mark refused, with the reason. Without one (the row was locked for a moment) it is due again; what is
    paused as well, but in no queue."""
    ours = (delivery.c.state == CLAIMED, delivery.c.owner == bindparam("by"))
    free = (
        select(delivery.c.id)
        .where(among(delivery.c.id, "ids", postgres), *ours)
        .with_for_update(skip_locked=True, key_share=True)
        .cte("free")
    )
    refused = or_(IS_SUPPRESSED, WAS_SENT, ~MAY_BE_MAILED, IS_ON_BREAK)
    return (
        update(delivery)
        .where(delivery.c.id.in_(select(free.c.id)), *ours)
        .values(
            state=case((refused, said(DeliveryState.SKIPPED)), else_=DUE),
            reason=case(
                (IS_SUPPRESSED, literal(SUPPRESSED)),
                (WAS_SENT, literal(ALREADY_SENT)),
                (~MAY_BE_MAILED, literal(UNSUBSCRIBED)),
                (IS_ON_BREAK, literal(ON_BREAK)),
                else_=delivery.c.reason,
            ),
            finished_at=case((refused, moment("now")), else_=null()),
            paused_at=case((refused, null()), (IS_PAUSED, moment("now")), else_=null()),
            owner=None,
        )
        .returning(*DELIVERY)
    )


def recover_statement(state: DeliveryState) -> Any:
    """The rows of a dead owner in one state. Two may recover at once: each row is changed by one of them."""
    ours = (delivery.c.state == said(state), delivery.c.owner == bindparam("dead"))
    free = select(delivery.c.id).where(AT_WORK, *ours).with_for_update(skip_locked=True, key_share=True).cte("free")
    return update(delivery).where(delivery.c.id.in_(select(free.c.id)), *ours)


@prepared
def unclaim_statement() -> Any:
    """What an owner has claimed and not marked is due again."""
    given_back = recover_statement(DeliveryState.CLAIMED).values(state=DUE, owner=None)
    return given_back.returning(delivery.c.id)


@prepared
def owners_statement() -> Select[Any]:
    """By the partial index `delivery_owner`."""
    return select(delivery.c.owner).where(AT_WORK).distinct()


class Deliveries(Transaction):
    """Methods about deliveries on their way."""

    def plan_delivery(self, new: NewDelivery, now: datetime) -> Delivery | None:
        """The delivery, due at its moment. None if this mailbox has it on this occasion already."""
        values = {name: getattr(new, name) for name in PLANNED}  # asdict would copy deeply, and slowly
        values |= {"state": DeliveryState.DUE, "planned_at": now}
        row = self._first(plan_statement(self._postgres), **values)
        return None if row is None else Delivery(*row)

    def claim(
        self,
        owner: str,
        now: datetime,
        limit: int,
        kinds: Iterable[Kind] | None = None,
        others_by: datetime | None = None,
    ) -> Claimed:
        """Up to `limit` due deliveries become this owner's, the urgent kinds first, then the longest due.

        Too late ones that stood before them (up to `limit` as well) are skipped. An empty result: nothing is due.
        Of the kinds that are not urgent, those that were due at `others_by` already, where it is given.
        """
        taken: list[Delivery] = []
        late: list[Delivery] = []
        # One look says which kinds have anything due: mostly one, and a claim of nothing costs as much as one of ten.
        firsts = dict(zip(Kind, self._all(next_due_statement())[0], strict=True))
        for kind in sorted(kinds if kinds is not None else Kind):
            first, by = firsts[kind], now if kind.is_urgent or others_by is None else others_by
            if first is None or first > by:
                continue
            while (most := min(limit - len(taken), limit - len(late))) > 0:
                found = self._claim(owner, by, most, kind)
                taken += (each for each in found if each.state is DeliveryState.CLAIMED)
                late += (each for each in found if each.state is DeliveryState.SKIPPED)
                if len(found) < most:
                    break
        return Claimed(tuple(taken), tuple(late))

    def _claim(self, owner: str, now: datetime, most: int, kind: Kind) -> Sequence[Delivery]:
        rows = self._all(claim_statement(), by=owner, now=now, most=most, of_kind=kind)
        # RETURNING keeps no order.
        return sorted((Delivery(*row) for row in rows), key=lambda each: (each.due_at, each.id))

    def mark(
        self, ids: Collection[DeliveryId], owner: str, now: datetime, told: datetime | None = None
    ) -> set[DeliveryId]:
        """The right to send these, now, once: those of them that were granted. Commit before the first byte.

        `told` is the moment that they speak of, if it is an earlier one; a first mark keeps it for all retries.

        Refused are the ones that are no longer ours, and those whose person said no; see `settle_refused`.
        """
        return set(self._column(mark_statement(self._postgres), ids=ids, by=owner, now=now, told=told or now))

    def settle_refused(self, ids: Collection[DeliveryId], owner: str, now: datetime) -> Sequence[Delivery]:
        """The claimed ones that the mark refused become skipped, with the reason; those are returned.

        Cancelled ones stay as they are. Where there is no reason any more, the delivery is due again.
        """
        rows = self._all(refuse_statement(self._postgres), ids=ids, by=owner, now=now)
        found = (Delivery(*row) for row in rows)
        return sorted((each for each in found if each.state is DeliveryState.SKIPPED), key=lambda each: each.id)

    def unclaim(self, owner: str) -> int:
        """A graceful stop: what was claimed and not marked is due again. How many."""
        # Counted by RETURNING: sqlite3 reports no row count for a statement that begins with WITH.
        return len(self._all(unclaim_statement(), dead=owner))

    def postpone(self, id: DeliveryId, owner: str, moment: datetime) -> bool:
        """Whether this claimed delivery, which must not go now, was given back: it is due again at that moment."""
        ours = (delivery.c.id == id, delivery.c.state == CLAIMED, delivery.c.owner == owner)
        return self._changed(update(delivery).where(*ours).values(state=DUE, owner=None, due_at=moment)) > 0

    def recover(self, owner: str, now: datetime) -> tuple[int, Sequence[Delivery]]:
        """A dead owner's claims are due again; what it was sending is uncertain, and never resent by itself."""
        claimed = self.unclaim(owner)
        uncertain = recover_statement(DeliveryState.SENDING).values(
            state=said(DeliveryState.UNCERTAIN), reason=OWNER_DIED, finished_at=now
        )
        rows = self._all(uncertain.returning(*DELIVERY), dead=owner)
        return claimed, sorted((Delivery(*row) for row in rows), key=lambda each: each.id)

    def owners(self) -> Sequence[str]:
        """Who has claimed or is sending something, alive or dead."""
        return sorted(self._column(owners_statement()))

    def resolve(self, id: DeliveryId, state: DeliveryState, reason: str, now: datetime) -> bool:
        """Whether this settled an uncertain or held delivery: sent, bounced, cancelled, skipped, or due again."""
        again = state is DeliveryState.DUE
        values: dict[str, Any] = {"state": state, "reason": reason, "finished_at": None if again else now}
        if again:
            values |= {"due_at": now, "owner": None}
        return self._changed(update(delivery).where(delivery.c.id == id, UNSETTLED).values(values)) > 0

    def cancel_delivery(self, id: DeliveryId, reason: str, now: datetime) -> bool:
        """Whether this took back one that was due or held. What a run has claimed already it may just be sending."""
        waits = delivery.c.state.in_([DUE, said(DeliveryState.HELD)])
        values = {"state": DeliveryState.CANCELLED, "reason": reason, "finished_at": now, "owner": None}
        return self._changed(update(delivery).where(delivery.c.id == id, waits).values(values)) > 0

    # --- questions ---

    def delivery(self, id: DeliveryId) -> Delivery | None:
        """The delivery of that id."""
        return as_delivery(self._first(select(*DELIVERY).where(delivery.c.id == id)))

    def delivery_on(self, occasion: str, mailbox: str) -> Delivery | None:
        """The one delivery of an occasion to a mailbox."""
        key = (delivery.c.occasion == occasion, delivery.c.mailbox == mailbox)
        return as_delivery(self._first(select(*DELIVERY).where(*key)))

    def deliveries(self, subscriber_id: SubscriberId) -> Sequence[Delivery]:
        """All deliveries to one person, oldest first."""
        statement = select(*DELIVERY).where(delivery.c.subscriber_id == subscriber_id).order_by(delivery.c.id)
        return [Delivery(*row) for row in self._all(statement)]

    def deliveries_in(self, state: DeliveryState, after_id: int = 0, limit: int = 1000) -> Sequence[Delivery]:
        """Deliveries in one state, by id: what is uncertain or held needs the author."""
        statement = select(*DELIVERY).where(delivery.c.state == said(state), delivery.c.id > after_id)
        if state in (DeliveryState.UNCERTAIN, DeliveryState.HELD):
            statement = statement.where(UNSETTLED)
        return [Delivery(*row) for row in self._all(statement.order_by(delivery.c.id).limit(limit))]

    def delivery_counts(self, campaign: str | None = None) -> Mapping[str, int]:
        """How many deliveries are in each state, and `planned`: all there are, counted for itself.

        One statement, hence one snapshot: `planned` is the sum of the states at every moment.
        """
        counts = dict.fromkeys(DeliveryState, 0)
        rows = self._all(counts_statement(campaign is not None), **({} if campaign is None else {"campaign": campaign}))
        found = {row[0]: row[1] for row in rows}
        return {"planned": found.pop("planned"), **{state.value: found.get(state.value, 0) for state in counts}}

    def next_delivery_due(self) -> datetime | None:
        """When the next delivery is due, or None if none is planned."""
        rows = self._all(next_due_statement())
        return min((each for each in rows[0] if each is not None), default=None)


@prepared
def counts_statement(of_campaign: bool) -> Any:
    """Both counts in one statement."""
    states = select(func.cast(delivery.c.state, Text).label("state"), func.count().label("number"))
    planned = select(literal("planned").label("state"), func.count().label("number")).select_from(delivery)
    if of_campaign:
        states = states.where(delivery.c.campaign == bindparam("campaign"))
        planned = planned.where(delivery.c.campaign == bindparam("campaign"))
    return union_all(planned, states.group_by(delivery.c.state))


@prepared
def next_due_statement() -> Select[Any]:
    """The first of each kind, as the partial index `delivery_due` has them."""
    firsts = (
        select(delivery.c.due_at)
        .where(delivery.c.state == DUE, delivery.c.paused_at.is_(None), delivery.c.kind == ranked(kind))
        .order_by(delivery.c.due_at)
        .limit(1)
        .scalar_subquery()
        for kind in Kind
    )
    return select(*firsts)


def as_delivery(row: Row_ | None) -> Delivery | None:
    """A row of DELIVERY as a record."""
    return None if row is None else Delivery(*row)
