"""What the mail of a step is: its occasion, its kind, when a late try may go, and what its end means for the step.

Pure, and said once for both who plan such mails: the engine, which writes them down, and `drip.core.course`, which
walks people on without a database.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from drip.core.delivery import DeliveryState
from drip.core.model import Campaign, Sequence, Step, WhenKind
from drip.core.records import Did, Kind
from drip.core.when import in_hours, next_opening

DID_OF_STATE: Mapping[DeliveryState, Did] = {
    DeliveryState.SENT: Did.SENT,
    DeliveryState.FAILED: Did.FAILED,
    DeliveryState.UNCERTAIN: Did.UNCERTAIN,
    DeliveryState.EXPIRED: Did.SKIPPED,
    DeliveryState.SKIPPED: Did.SKIPPED,
}
"""What the end of a delivery means for the step that planned it. The others are not ends of its step."""


def occasion_of_step(campaign: str, step: Step, passage: str) -> str:
    """What makes it the same delivery for one person: the step, and the occasion (`passage`) of their way through."""
    return f"{campaign}/{step.identity}@{passage}"


def kind_of_step(sequence: Sequence, step: Step) -> Kind:
    """A reminder where the reader waits for it: before a session, or in answer to a registration."""
    anchored = step.when.kind is WhenKind.BEFORE_SESSION
    at_registration = sequence.is_service and step.when.kind is WhenKind.AT_ONCE
    return Kind.REMINDER if anchored or at_registration else Kind.SEQUENCE


def opening_of(campaign: Campaign | None, step: str | None, zone: str, now: datetime) -> datetime | None:
    """When the mail of a step (by its identity) may go, if not now.

    Late tries keep the hours, too: a mail whose moment has passed (the relay was away, a run died, a try was refused)
    waits for the next opening of its sequence, by the plot that it was planned by, instead of waking somebody at three
    in the morning. As in `decide`, only what is timed keeps hours (rule 2).
    """
    if campaign is None or step is None:
        return None
    sequence = campaign.sequence_named(step.partition("/")[0])
    if sequence is None or sequence.hours is None:
        return None
    timed = next((each for each in sequence.steps if each.identity == step), None)
    if timed is None or timed.when.kind not in (WhenKind.LATER, WhenKind.AFTER_SESSION):
        return None
    return None if in_hours(now, sequence.hours, zone) else next_opening(now, sequence.hours, zone)
