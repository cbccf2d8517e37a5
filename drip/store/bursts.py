"""How many drip mails are due and how many usually go, and holding them back. Part of `Work`.

Never decides: `drip.core.burst` does. What is about a registration is no drip mail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, ColumnElement, Text, func, or_, select, type_coerce, update

from drip.core.delivery import DeliveryState
from drip.core.records import Kind
from drip.store.columns import MICROSECOND, ranked, said
from drip.store.deliveries import DUE, UNSETTLED
from drip.store.schema import delivery
from drip.store.transaction import Transaction

BURST: Final = "burst"
DAY = timedelta(days=1) // MICROSECOND
IS_DRIP = (delivery.c.kind == ranked(Kind.SEQUENCE), delivery.c.registration_id.is_(None))
WENT = delivery.c.state.in_([said(DeliveryState.SENT), said(DeliveryState.UNCERTAIN)])
HELD = said(DeliveryState.HELD)


class Bursts(Transaction):
    """Methods about many mails at once."""

    def count_drips_due(self, now: datetime, most: int) -> int:
        """How many drip mails are due and not too late; counts no further than `most`."""
        # The order is that of the partial index `delivery_due`, so that the limit ends the walk along it.
        some = select(delivery.c.id).where(*_due(now)).order_by(delivery.c.due_at, delivery.c.id).limit(most).subquery()
        number: int = self._value(select(func.count()).select_from(some))
        return number

    def daily_drips(self, since: datetime) -> Sequence[int]:
        """How many drip mails went on each day since then on which any did."""
        day = type_coerce(delivery.c.finished_at, BigInteger) // DAY
        statement = select(func.count()).where(*IS_DRIP, WENT, delivery.c.finished_at >= since)
        return list(self._run(statement.group_by(day)).scalars())

    def hold_drips(self, now: datetime) -> int:
        """All drip mails that are due wait for the author; how many."""
        held = update(delivery).where(*_due(now)).values(state=DeliveryState.HELD, reason=BURST, owner=None)
        return self._changed(held)

    def release_drips(self) -> int:
        """What was held back is due again, as it was; how many."""
        ours = (UNSETTLED, delivery.c.state == HELD, delivery.c.reason == BURST)
        return self._changed(update(delivery).where(*ours).values(state=DeliveryState.DUE, reason=""))

    def held_by_reason(self) -> Mapping[str, int]:
        """Why deliveries are held, and how many for each reason."""
        statement = select(delivery.c.reason.cast(Text), func.count()).where(UNSETTLED, delivery.c.state == HELD)
        return {row[0]: row[1] for row in self._all(statement.group_by(delivery.c.reason))}


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    good = or_(delivery.c.expires_at.is_(None), delivery.c.expires_at >= now)
    return (*IS_DRIP, delivery.c.state == DUE, delivery.c.paused_at.is_(None), delivery.c.due_at <= now, good)
