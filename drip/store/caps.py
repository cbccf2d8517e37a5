"""What one person got and is about to get, asked where `at-most:` limits it. Part of `Work`.

Never decides: `drip.engine.capping` does, in the transaction of the claim. What counts is read from the deliveries
themselves, so no counter can be wrong after a crash, and without `at-most:` nothing is asked at all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, Text, Update, bindparam, func, or_, select, text, union_all, update

from drip.core.delivery import DeliveryState
from drip.core.records import Delivery, DeliveryId, Kind, SubscriberId
from drip.store.columns import Moment, among, ranked, said
from drip.store.deliveries import AT_WORK, CLAIMED, DELIVERY, DUE, IS_SUPPRESSED, MAY_BE_MAILED, moment
from drip.store.prepared import prepared
from drip.store.schema import delivery
from drip.store.transaction import Transaction

CAPPED: Final = "capped"
COUNTED_KINDS = (Kind.SEQUENCE, Kind.BROADCAST)
# The kinds that leave last; word for word as in the partial index `delivery_contending`. What is about a registration
# is a service mail, whatever its kind.
IS_COUNTED = (delivery.c.kind >= ranked(Kind.SEQUENCE), delivery.c.registration_id.is_(None))
IS_OUT = delivery.c.state.in_([said(DeliveryState.SENT), said(DeliveryState.UNCERTAIN)])

LOCK_SPACE: Final = 0x64726970
"""The first half of the keys of our advisory locks; the second is the person. PostgreSQL has 2**31 of each."""
LOCK_MODULUS = 2**31
LOCK = text("SELECT pg_advisory_xact_lock(CAST(:space AS int), n) FROM unnest(CAST(:ids AS int[])) AS n")


class Counted(NamedTuple):
    """A mail that one person has, or is just about to get; `at` None: it is claimed or being sent now."""

    id: DeliveryId
    subscriber_id: SubscriberId
    at: datetime | None


class PutOff(NamedTuple):
    """A claimed delivery that the cap lets go at a later moment only."""

    id: DeliveryId
    due_at: datetime
    expires_at: datetime | None


@prepared
def counted_statement(postgres: bool) -> Any:
    """Three looks, each at its partial index: what left in sequences, in broadcasts, and what is under way."""
    these = among(delivery.c.subscriber_id, "ids", postgres)
    at = func.coalesce(delivery.c.marked_at, delivery.c.finished_at, type_=Moment())
    lately = (IS_OUT, delivery.c.finished_at >= moment("since"), IS_COUNTED[1])
    out = (
        select(delivery.c.id, delivery.c.subscriber_id, at).where(these, delivery.c.kind == ranked(kind), *lately)
        for kind in COUNTED_KINDS
    )
    # Few are under way at any moment, and a person's history may be long: `+ 0` keeps to the first of the two indexes.
    few = among((delivery.c.subscriber_id + 0).cast(delivery.c.subscriber_id.type), "ids", postgres)
    under_way = select(delivery.c.id, delivery.c.subscriber_id, bindparam("nothing", None, type_=Moment()))
    return union_all(*out, under_way.where(AT_WORK, *IS_COUNTED, few))


@prepared
def contending_statement(postgres: bool) -> Select[Any]:
    """What else is due for these people and would be sent, by the partial index `delivery_contending`."""
    # Not by `delivery_due`, which holds everybody's: a broadcast to a million is due at once.
    due_at = func.coalesce(delivery.c.due_at, moment("now"), type_=Moment())
    return select(*DELIVERY).where(
        among(delivery.c.subscriber_id, "ids", postgres),
        delivery.c.state == DUE,
        delivery.c.paused_at.is_(None),
        *IS_COUNTED,
        due_at <= moment("now"),
        or_(delivery.c.expires_at.is_(None), delivery.c.expires_at >= moment("now")),
        ~IS_SUPPRESSED,
        MAY_BE_MAILED,
    )


@prepared
def put_off_statement() -> Update:
    """One claimed delivery is due again, at another moment."""
    return (
        update(delivery)
        .where(delivery.c.id == bindparam("number"), delivery.c.state == CLAIMED, delivery.c.owner == bindparam("by"))
        .values(
            state=DeliveryState.DUE,
            owner=None,
            reason=CAPPED,
            due_at=bindparam("at", type_=Moment()),
            expires_at=bindparam("until", type_=Moment()),
        )
    )


class Caps(Transaction):
    """Methods about how much one person gets."""

    def lock_mailing(self, people: Collection[SubscriberId]) -> None:
        """Nobody else decides what these people get, until the end of this transaction.

        SQLite has one writer anyway. PostgreSQL: whoever claims another mail to one of them waits here, and then reads
        what we have committed. Always in the same order, so that two never wait for each other.
        """
        if self._postgres:
            numbers = sorted({each % LOCK_MODULUS for each in people})
            self._run(LOCK, {"space": LOCK_SPACE, "ids": numbers})

    def counted(self, people: Collection[SubscriberId], since: datetime) -> Sequence[Counted]:
        """The drip mails and newsletters that left for these people since then, or may be leaving now."""
        rows = self._all(counted_statement(self._postgres), ids=people, since=since)
        return [Counted(*row) for row in rows]

    def contending(self, people: Collection[SubscriberId], now: datetime) -> Sequence[Delivery]:
        """The drip mails and newsletters that are due for these people, and that nobody has claimed."""
        return [Delivery(*row) for row in self._all(contending_statement(self._postgres), ids=people, now=now)]

    def put_off(self, rows: Collection[PutOff], owner: str) -> None:
        """These claimed deliveries are due again, at their moments."""
        if rows:
            values = [{"number": row.id, "at": row.due_at, "until": row.expires_at, "by": owner} for row in rows]
            self._many(put_off_statement(), values)

    def skip_capped(self, ids: Collection[DeliveryId], owner: str, now: datetime) -> Sequence[Delivery]:
        """These claimed deliveries are skipped, because there is no room for them in time."""
        if not ids:
            return []
        ours = (among(delivery.c.id, "ids", self._postgres), delivery.c.state == CLAIMED)
        skipped = (
            update(delivery)
            .where(*ours, delivery.c.owner == bindparam("by", type_=Text()))
            .values(state=DeliveryState.SKIPPED, owner=None, reason=CAPPED, finished_at=now)
            .returning(*DELIVERY)
        )
        return sorted((Delivery(*row) for row in self._all(skipped, ids=ids, by=owner)), key=lambda each: each.id)

    def count_capped(self, since: datetime) -> tuple[int, int]:
        """How many wait for the cap now, and how many were skipped for it since then."""
        waiting = select(func.count()).where(delivery.c.state == DUE, IS_COUNTED[0], delivery.c.reason == CAPPED)
        skipped = select(func.count()).where(
            delivery.c.state == said(DeliveryState.SKIPPED),
            delivery.c.reason == CAPPED,
            delivery.c.finished_at >= since,
        )
        return self._value(waiting), self._value(skipped)
