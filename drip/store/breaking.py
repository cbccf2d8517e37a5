"""Broadcasts that were stopped because too many of their messages were refused. Part of `Work`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, case, exists, func, literal, select, type_coerce, update

from drip.core.delivery import DeliveryState
from drip.store.columns import EPOCH, MICROSECOND, said
from drip.store.schema import breaker, broadcast, delivery
from drip.store.transaction import Row_, Transaction, insert_into

TOO_MANY_REFUSED: Final = "too-many-refused"
HELD = said(DeliveryState.HELD)
NOT_MARKED = (said(DeliveryState.DUE), said(DeliveryState.CLAIMED))


@dataclass(frozen=True, slots=True)
class BreakerCount:
    """The first outcomes of a broadcast."""

    accepted: int
    refused: int
    tripped_at: datetime | None
    released_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoppedBroadcast:
    """A broadcast that stands still, with what led to it and how many messages wait."""

    occasion: str
    campaign: str
    post: str
    accepted: int
    refused: int
    tripped_at: datetime
    held: int


@cache
def count_statement(postgres: bool) -> Any:
    """Add to the counts, and see them."""
    statement = insert_into(breaker, postgres)
    sums = {name: breaker.c[name] + statement.excluded[name] for name in ("accepted", "refused")}
    statement = statement.on_conflict_do_update(index_elements=["occasion"], set_=sums)
    return statement.returning(breaker.c.accepted, breaker.c.refused, breaker.c.tripped_at, breaker.c.released_at)


class Breaking(Transaction):
    """Methods about the breakers of broadcasts."""

    def count_outcomes(self, occasion: str, accepted: int, refused: int) -> BreakerCount:
        """Adds outcomes of a broadcast; all there are now. Whoever adds next waits for the end of this transaction."""
        values = {"occasion": occasion, "accepted": accepted, "refused": refused}
        return BreakerCount(*self._run(count_statement(self._postgres), values).one())

    def trip(self, occasion: str, now: datetime) -> int:
        """Stops a broadcast: what is not marked yet is held, whoever claimed it. How many."""
        self._run(update(breaker).where(breaker.c.occasion == occasion).values(tripped_at=now))
        return self.hold_stopped(occasion)

    def hold_stopped(self, occasion: str) -> int:
        """Holds what of a broadcast is not marked, if the broadcast stands still. How many."""
        stands = exists().where(
            breaker.c.occasion == occasion, breaker.c.tripped_at.is_not(None), breaker.c.released_at.is_(None)
        )
        waiting = (delivery.c.occasion == occasion, delivery.c.state.in_(NOT_MARKED), stands)
        values = {"state": DeliveryState.HELD, "owner": None, "reason": TOO_MANY_REFUSED}
        return self._changed(update(delivery).where(*waiting).values(values))

    def release_broadcast(self, occasion: str, now: datetime) -> int:
        """Lets a stopped broadcast go on, for good: what is held is due, with as much time as it had. How many."""
        self._run(update(breaker).where(breaker.c.occasion == occasion).values(released_at=now))
        # Moments are whole microseconds in the database, and so are their differences.
        due_at, expires_at = (type_coerce(each, BigInteger) for each in (delivery.c.due_at, delivery.c.expires_at))
        moment = literal((now - EPOCH) // MICROSECOND, BigInteger)
        longer = case((due_at <= moment, expires_at + (moment - due_at)), else_=expires_at)
        values = {"state": DeliveryState.DUE, "reason": "", "expires_at": longer}
        return self._changed(update(delivery).where(*self._held(occasion)).values(values))

    def give_up_broadcast(self, occasion: str, reason: str, now: datetime) -> int:
        """Cancels what a stopped broadcast holds. How many."""
        self._run(update(breaker).where(breaker.c.occasion == occasion).values(released_at=now))
        values = {"state": DeliveryState.CANCELLED, "reason": reason, "finished_at": now}
        return self._changed(update(delivery).where(*self._held(occasion)).values(values))

    def _held(self, occasion: str) -> tuple[Any, ...]:
        return (delivery.c.occasion == occasion, delivery.c.state == HELD, delivery.c.reason == TOO_MANY_REFUSED)

    def stopped_broadcasts(self) -> Sequence[StoppedBroadcast]:
        """Those that stand still now."""
        held = (
            select(func.count())
            .where(delivery.c.occasion == breaker.c.occasion, delivery.c.state == HELD)
            .where(delivery.c.reason == TOO_MANY_REFUSED)
            .scalar_subquery()
        )
        statement = (
            select(
                breaker.c.occasion,
                broadcast.c.campaign,
                broadcast.c.post,
                breaker.c.accepted,
                breaker.c.refused,
                breaker.c.tripped_at,
                held,
            )
            .join(broadcast, broadcast.c.occasion == breaker.c.occasion)
            .where(breaker.c.tripped_at.is_not(None), breaker.c.released_at.is_(None))
            .order_by(breaker.c.tripped_at)
        )
        rows: Sequence[Row_] = self._all(statement)
        return [StoppedBroadcast(*row) for row in rows]
