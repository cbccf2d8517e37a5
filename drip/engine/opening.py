"""Late tries keep the hours, too: a delivery whose moment has passed (the relay was away, a run died, a try was
refused) waits for the next opening of its sequence, instead of waking somebody at three in the morning.

Decides with the plot that the delivery was planned by. Called by `drip.engine.sending` between claim and mark.
"""

from __future__ import annotations

from datetime import datetime

from drip.core.model import Campaign, WhenKind
from drip.core.records import Delivery
from drip.core.when import in_hours, next_opening


def opening_of(campaign: Campaign | None, delivery: Delivery, zone: str, now: datetime) -> datetime | None:
    """When this delivery may go, if not now. As in `decide`, only what is timed keeps hours (rule 2)."""
    if campaign is None or delivery.step is None:
        return None
    sequence = campaign.sequence_named(delivery.step.partition("/")[0])
    if sequence is None or sequence.hours is None:
        return None
    step = next((each for each in sequence.steps if each.identity == delivery.step), None)
    if step is None or step.when.kind not in (WhenKind.LATER, WhenKind.AFTER_SESSION):
        return None
    return None if in_hours(now, sequence.hours, zone) else next_opening(now, sequence.hours, zone)
