"""Forgetting one person: everything that says who they are goes, and a keyed hash stays. Part of `Work`.

What stays is tied to the hash alone: which posts were sent and when (so that nobody gets one twice), which seats were
taken and by how many somebody came. Never decides that somebody is to be forgotten: the engine does.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from drip.core.delivery import DeliveryState
from drip.core.records import SubscriberId
from drip.store.enrollments import NOT_YET_SENT
from drip.store.people import ERASED
from drip.store.schema import (
    address_change,
    attempt,
    click,
    consent,
    delivery,
    log,
    presence,
    registration,
    subscriber,
    tag,
    variant,
)
from drip.store.transaction import Transaction


class Forgetting(Transaction):
    """The one method that erases."""

    def forget(self, who: SubscriberId, now: datetime) -> None:
        """Takes back what is not sent, and removes addresses, fields, tags, zones, evidence, what relays answered, how
        long they were somewhere, which links they followed, and every line of the log about them."""
        theirs = delivery.c.subscriber_id == who
        back = {"state": DeliveryState.CANCELLED, "reason": ERASED, "finished_at": now, "owner": None}
        self._run(update(delivery).where(theirs, NOT_YET_SENT).values(**back))
        sent = select(delivery.c.id).where(theirs)
        # A relay often says the address again.
        self._run(update(attempt).where(attempt.c.delivery_id.in_(sent)).values(text="", enhanced=""))
        seats = select(registration.c.id).where(registration.c.subscriber_id == who)
        self._run(delete(presence).where(presence.c.registration_id.in_(seats)))
        self._run(update(registration).where(registration.c.subscriber_id == who).values(zone=None))
        for table in (click, consent, tag, variant, log, address_change):
            self._run(delete(table).where(table.c.subscriber_id == who))
        nobody: dict[str, Any] = {"email": "", "fields": {}, "zone": None, "left_at": now, "clicks_since": None}
        nobody |= {"breaks": None, "break_until": None}
        self._run(update(subscriber).where(subscriber.c.id == who).values(**nobody))
