"""Breaks that readers take: their dates, and what was planned for them just before. Part of `Work`.

Nothing here wakes anybody up at the end of a break: enrollments wait for a moment as always, and `decide` names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update

from drip.core.records import Break, DeliveryId, SubscriberId
from drip.store.deliveries import CLAIMED, DUE
from drip.store.enrollments import RUNNING
from drip.store.schema import delivery, enrollment, subscriber
from drip.store.transaction import Transaction

HAS_TAKEN_ONE = subscriber.c.break_until.is_not(None)
"""Of a subscriber: a break is, or was. The condition of a partial index, word for word."""


class Resting(Transaction):
    """Methods about breaks."""

    def set_breaks(self, who: SubscriberId, breaks: Sequence[Break]) -> None:
        """All breaks of one person, the oldest first."""
        said = {each.began_at.isoformat(): each.ends_at.isoformat() for each in breaks}
        until = breaks[-1].ends_at if breaks else None
        self._run(update(subscriber).where(subscriber.c.id == who).values(breaks=said or None, break_until=until))

    def hold_enrollments(self, who: SubscriberId) -> None:
        """Lets whoever walks this person on finish first, so that what they planned can be seen (PostgreSQL)."""
        theirs = (enrollment.c.subscriber_id == who, enrollment.c.state == RUNNING)
        self._all(select(enrollment.c.id).where(*theirs).with_for_update(key_share=True))

    def let_wait(self, id: DeliveryId, due_at: datetime, expires_at: datetime | None) -> bool:
        """Whether this planned delivery, which must not go before that moment, was not marked. A run that has claimed
        it loses it."""
        planned = (delivery.c.id == id, delivery.c.state.in_([DUE, CLAIMED]))
        values = {"state": DUE, "owner": None, "due_at": due_at, "expires_at": expires_at}
        return self._changed(update(delivery).where(*planned).values(values)) > 0
