"""One post to many: the plan of a broadcast, and its audience frozen into deliveries. Part of `Work`.

Rows up front (DESIGN §11): the forecast is exact, a "no" in between still wins at the mark, and a run that is killed
in the middle leaves nothing half-planned.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, literal, select, update

from drip.core.delivery import DeliveryState
from drip.core.model import Term
from drip.core.records import Kind, SubscriberId, SubscriptionState
from drip.store.columns import said
from drip.store.conditions import Asking
from drip.store.facts import FactsParts
from drip.store.prepared import prepared
from drip.store.results import Audience, BroadcastState, NewBroadcast, PlannedBroadcast
from drip.store.schema import broadcast, delivery, subscriber, subscription, suppression
from drip.store.standstill import GOES_ON
from drip.store.transaction import insert_into

PLANNED = broadcast.c.state == said(BroadcastState.PLANNED)
EDITABLE = ("post", "due_at", "revision_id", "where_phrase", "readers_time", "late_seconds", "priority")


@prepared
def next_broadcast_statement() -> Select[Any]:
    """The first of the partial index on what is planned."""
    return select(broadcast.c.due_at).where(PLANNED, GOES_ON).order_by(broadcast.c.due_at).limit(1)


class Broadcasts(Asking, FactsParts):
    """Methods about broadcasts."""

    def put_broadcast(self, new: NewBroadcast, now: datetime) -> PlannedBroadcast:
        """Plans it. The same occasion again changes the plan while it is one; what was frozen stays as it was."""
        statement = insert_into(broadcast, self._postgres)
        statement = statement.on_conflict_do_update(
            index_elements=["occasion"],
            set_={**{name: statement.excluded[name] for name in EDITABLE}, "state": BroadcastState.PLANNED},
            where=broadcast.c.state != BroadcastState.FROZEN,
        )
        values = {
            "campaign": new.campaign,
            "post": new.post,
            "list": new.list,
            "occasion": new.occasion,
            "due_at": new.due_at,
            "revision_id": new.revision_id,
            "where_phrase": new.where_phrase,
            "readers_time": new.readers_time,
            "late_seconds": new.late_seconds,
            "priority": new.priority,
            "state": BroadcastState.PLANNED,
            "planned_at": now,
        }
        self._run(statement.inline(), values)
        return PlannedBroadcast(*self._run(select(broadcast).where(broadcast.c.occasion == new.occasion)).one())

    def priorities_of(self, occasions: Collection[str]) -> Mapping[str, int]:
        """The priorities that `drip send` gave to these broadcasts, of those that have one."""
        if not occasions:
            return {}
        asked = select(broadcast.c.occasion, broadcast.c.priority).where(
            broadcast.c.occasion.in_(sorted(occasions)), broadcast.c.priority.is_not(None)
        )
        return {row.occasion: row.priority for row in self._all(asked)}

    def rename_broadcast(self, old: str, new: str, post: str) -> bool:
        """A post with another name (`was:`): its broadcast stays the same, planned or sent. Whether there was one."""
        there = select(broadcast.c.id).where(broadcast.c.occasion == new)
        theirs = update(broadcast).where(broadcast.c.occasion == old, ~there.exists())
        return self._run(theirs.values(occasion=new, post=post)).rowcount > 0

    def cancel_broadcasts(self, campaign: str, keep: Collection[str]) -> Sequence[str]:
        """Cancels what the campaign no longer plans: all but the occasions to keep. The cancelled occasions."""
        gone = update(broadcast).where(broadcast.c.campaign == campaign, PLANNED, broadcast.c.occasion.not_in(keep))
        return sorted(self._run(gone.values(state=BroadcastState.CANCELLED).returning(broadcast.c.occasion)).scalars())

    def broadcasts(self, campaign: str | None = None) -> Sequence[PlannedBroadcast]:
        """All broadcasts, of one campaign or of all, by their moment."""
        statement = select(broadcast).order_by(broadcast.c.due_at, broadcast.c.id)
        if campaign is not None:
            statement = statement.where(broadcast.c.campaign == campaign)
        return [PlannedBroadcast(*row) for row in self._all(statement)]

    def due_broadcasts(self, now: datetime) -> Sequence[PlannedBroadcast]:
        """Those to be frozen by now. Held by this transaction; others skip them."""
        statement = (
            select(broadcast)
            .where(PLANNED, GOES_ON, broadcast.c.due_at <= now)
            .order_by(broadcast.c.due_at, broadcast.c.id)
        )
        return [PlannedBroadcast(*row) for row in self._all(statement.with_for_update(skip_locked=True))]

    def next_broadcast_due(self) -> datetime | None:
        """When the next broadcast is to be frozen."""
        moment: datetime | None = self._value(next_broadcast_statement())
        return moment

    def finish_broadcast(self, id: int, now: datetime, recipients: int) -> bool:
        """Its audience is frozen into deliveries. Whether it still was a plan."""
        frozen = update(broadcast).where(broadcast.c.id == id, PLANNED)
        values = {"state": BroadcastState.FROZEN, "frozen_at": now, "recipients": recipients}
        return self._run(frozen.values(values)).rowcount > 0

    def plan_for_list(self, audience: Audience, now: datetime, where: Term | None = None) -> int:
        """A delivery for every reader of the list who is not suppressed and for whom `where` holds; how many are new.

        One statement, whatever the number.
        """
        chosen = readers_of(audience, now)
        if where is not None:
            chosen = chosen.where(self.condition_of(where, audience.campaign, now))
        statement = insert_into(delivery, self._postgres).from_select(list(common(audience, now)) + PERSONAL, chosen)
        statement = statement.on_conflict_do_nothing().execution_options(preserve_rowcount=True)
        return self._run(statement).rowcount

    def count_audience(self, audience: Audience, now: datetime, where: Term) -> int:
        """To how many readers a broadcast with a `where` would go now."""
        condition = self.condition_of(where, audience.campaign, now)
        number: int = self._value(readers(audience, func.count()).where(condition))
        return number

    def people_where(self, where: Term, campaign: str, now: datetime) -> Sequence[SubscriberId]:
        """Everybody for whom the condition holds, whatever they are subscribed to."""
        statement = select(subscriber.c.id).where(self.condition_of(where, campaign, now)).order_by(subscriber.c.id)
        return list(self._run(statement).scalars())

    def zones_of(self, list: str, default_zone: str) -> Sequence[str]:
        """The zones in which the list has readers, for a broadcast in the reader's time."""
        zone = func.coalesce(subscriber.c.zone, default_zone)
        statement = select(zone).select_from(subscriber.join(subscription)).where(*subscribed(list)).distinct()
        return sorted(self._run(statement).scalars())


PERSONAL = ["mailbox", "subscriber_id"]


def subscribed(name: str) -> tuple[ColumnElement[bool], ...]:
    """The condition of being mailed for a list."""
    return (
        subscription.c.list == name,
        subscription.c.state == said(SubscriptionState.ACTIVE),
        ~exists().where(suppression.c.mailbox == subscriber.c.mailbox),
    )


def readers(audience: Audience, *columns: Any) -> Select[Any]:
    """The readers of a broadcast."""
    statement = select(*columns).select_from(subscriber.join(subscription)).where(*subscribed(audience.list))
    if audience.zone is not None:
        statement = statement.where(func.coalesce(subscriber.c.zone, audience.default_zone) == audience.zone)
    return statement


def common(audience: Audience, now: datetime) -> dict[str, Any]:
    """The columns that all deliveries of a broadcast share."""
    return {
        "occasion": audience.occasion,
        "campaign": audience.campaign,
        "post": audience.post,
        "kind": Kind.BROADCAST,
        "state": DeliveryState.DUE,
        "due_at": audience.due_at,
        "planned_at": now,
        "revision_id": audience.revision_id,
        "list": audience.list,
        "expires_at": audience.expires_at,
    }


def readers_of(audience: Audience, now: datetime) -> Select[Any]:
    """The SELECT of the one statement: shared columns as constants, then PERSONAL."""
    constants = [literal(value, delivery.c[name].type) for name, value in common(audience, now).items()]
    return readers(audience, *constants, subscriber.c.mailbox, subscriber.c.id)
