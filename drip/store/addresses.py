"""Addresses that move: what was asked for, what was confirmed, and what goes along. Part of `Work`.

Never decides that somebody may move: the engine does. Deliveries keep the mailbox that they were tried at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import exists, insert, literal, select, update

from drip.core.delivery import DeliveryState
from drip.core.records import AddressChange, SubscriberId
from drip.store.columns import among, said
from drip.store.deliveries import CLAIMED, DUE
from drip.store.schema import address_change, delivery, subscriber
from drip.store.transaction import Transaction

CHANGE = tuple(address_change.c)
OPEN = address_change.c.confirmed_at.is_(None)


class Addresses(Transaction):
    """Methods about changes of address."""

    def ask_for_address(
        self, who: SubscriberId, email: str, mailbox: str, was_email: str, was_mailbox: str, now: datetime
    ) -> AddressChange:
        """The open change to that address, asked for now. Asked for twice, it is the same one."""
        key = (
            address_change.c.subscriber_id == who,
            address_change.c.mailbox == mailbox,
            address_change.c.was_mailbox == was_mailbox,
            OPEN,
        )
        again = update(address_change).where(*key).values(email=email, asked_at=now)
        row = self._run(again.returning(*CHANGE)).first()
        if row is None:
            values = {
                "subscriber_id": who,
                "email": email,
                "mailbox": mailbox,
                "was_email": was_email,
                "was_mailbox": was_mailbox,
                "asked_at": now,
            }
            row = self._run(insert(address_change).values(**values).returning(*CHANGE)).one()
        return AddressChange(*row)

    def address_changes(self, people: Collection[SubscriberId]) -> Mapping[SubscriberId, tuple[AddressChange, ...]]:
        """All changes of these people, the oldest first."""
        statement = select(*CHANGE).where(among(address_change.c.subscriber_id, "ids", self._postgres))
        found: dict[SubscriberId, tuple[AddressChange, ...]] = {}
        for row in self._all(statement.order_by(address_change.c.id), ids=sorted(people)):
            each = AddressChange(*row)
            found[each.subscriber_id] = (*found.get(each.subscriber_id, ()), each)
        return found

    def is_anybodys(self, mailbox: str, but: SubscriberId) -> bool:
        """Whether a row of somebody else has this mailbox, perhaps of one who was erased."""
        statement = select(literal(1)).where(subscriber.c.mailbox == mailbox, subscriber.c.id != but)
        return self._first(statement) is not None

    def move_subscriber(self, change: AddressChange, now: datetime) -> int:
        """The person is known by the new address; what was never tried goes there. How many mails go along."""
        self._run(update(address_change).where(address_change.c.id == change.id).values(confirmed_at=now))
        person = update(subscriber).where(subscriber.c.id == change.subscriber_id)
        self._run(person.values(email=change.email, mailbox=change.mailbox))
        other = delivery.alias("other")
        theirs = (
            delivery.c.subscriber_id == change.subscriber_id,
            delivery.c.mailbox == change.was_mailbox,
            delivery.c.state.in_([DUE, CLAIMED, said(DeliveryState.HELD)]),
            delivery.c.attempt == 0,
            ~exists().where(other.c.occasion == delivery.c.occasion, other.c.mailbox == change.mailbox),
        )
        # What a run has claimed and perhaps composed for the old address is taken from it.
        self._run(update(delivery).where(*theirs, delivery.c.state == CLAIMED).values(state=DUE, owner=None))
        return self._changed(update(delivery).where(*theirs).values(mailbox=change.mailbox))
