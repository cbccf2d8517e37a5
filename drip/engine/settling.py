"""What the author decides about one delivery by hand: taken as sent, sent again, retried, cancelled.

Never decides anything itself, and never touches a delivery that a run is just sending. Called by `drip delivery`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from drip.core.delivery import DeliveryState
from drip.core.reasons import ReasonName
from drip.core.records import Delivery, Did, LogEntry, StepDone

if TYPE_CHECKING:
    from drip.store.work import Work

BY_AUTHOR = ReasonName.BY_AUTHOR.value


def settle(work: Work, delivery: Delivery, to: DeliveryState, now: datetime) -> bool:
    """Whether the delivery is in its new state; False if it changed meanwhile. A cancelled one's step is behind."""
    if to is DeliveryState.CANCELLED:
        changed = work.cancel_delivery(delivery.id, BY_AUTHOR, now)
    else:
        changed = work.resolve(delivery.id, to, BY_AUTHOR, now)
    if not changed:
        return False
    subject = delivery.step or delivery.post
    detail = f"was {delivery.state.value}, is {to.value}"
    who = delivery.subscriber_id
    work.log([LogEntry(now, "delivery-settled", who, delivery.campaign, subject, BY_AUTHOR, detail)])
    if to is DeliveryState.CANCELLED and delivery.enrollment_id is not None and delivery.step is not None:
        work.steps_done([(delivery.enrollment_id, StepDone(delivery.step, Did.SKIPPED, now, BY_AUTHOR))], now)
    return True
