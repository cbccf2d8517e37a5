"""Why somebody is not in a sequence, or has not got a broadcast: the reasons for what did not happen (promise 4).

Pure: what is known of the person and of the sequence or broadcast in, a reason out. Called by `drip why`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from drip.core.model import Condition, Sequence, TriggerKind
from drip.core.reasons import Reason, ReasonName
from drip.core.records import Facts, Subscription, SubscriptionState, Suppression
from drip.core.segments import judge
from drip.core.when import moment_text


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of somebody, outside of any sequence. `subscriptions` are all they ever had."""

    facts: Facts
    subscriptions: tuple[Subscription, ...]
    suppression: Suppression | None = None

    def subscription(self, name: str | None) -> Subscription | None:
        """Theirs to a list, whatever its state."""
        return next((each for each in self.subscriptions if each.list == name), None)


def why_not_in(sequence: Sequence, standing: Standing, live_since: datetime) -> Reason:
    """Why no passage through this sequence ever began. `live_since`: when it was first applied."""
    refused = _refused(standing)
    if refused is not None:
        return refused
    start, facts = sequence.start, standing.facts
    if start.kind is TriggerKind.JOINS:
        reason = _not_on(start.argument or "", standing)
        if reason is not None:
            return reason
        joined = standing.subscription(start.argument)
        assert joined is not None, "they are on the list"
        return _before(f"joined {start.argument}", joined.confirmed_at or joined.requested_at, live_since, facts.zone)
    if start.kind is TriggerKind.GETS_TAG and start.argument in facts.subscriber.tags:
        return _before(f"has the tag {start.argument}", None, live_since, facts.zone)
    return Reason(ReasonName.NOT_STARTED, f"it begins when: {start.phrase}; that has not happened for them")


def why_not_sent(
    list_name: str, where: Condition | None, standing: Standing, *, frozen_at: datetime | None, now: datetime
) -> Reason | None:
    """Why a broadcast did not go to somebody, or will not as things are now; None: there is nothing against it."""
    zone = standing.facts.zone
    suppression = standing.suppression
    if suppression is not None and (frozen_at is None or suppression.at <= frozen_at):
        return _refused(standing)
    found = standing.subscription(list_name)
    joined = found.confirmed_at if found is not None else None
    if frozen_at is not None and joined is not None and joined >= frozen_at:
        text = f"joined {moment_text(joined, zone)}; its readers were chosen {moment_text(frozen_at, zone)}"
        return Reason(ReasonName.JOINED_AFTER, text)
    reason = _not_on(list_name, standing)
    if reason is not None:
        return reason
    if where is not None and (frozen_at is not None or not judge(where.term, standing.facts, now)):
        tense = "was not so when its readers were chosen" if frozen_at is not None else "is not so now"
        return Reason(ReasonName.NOT_IN_SEGMENT, f"{tense}: {where.phrase}")
    return None


def _refused(standing: Standing) -> Reason | None:
    zone, suppression, left_at = standing.facts.zone, standing.suppression, standing.facts.subscriber.left_at
    if suppression is not None:
        text = f"the address is suppressed since {moment_text(suppression.at, zone)} ({suppression.reason})"
        return Reason(ReasonName.SUPPRESSED, text)
    if left_at is not None:
        return Reason(ReasonName.LEFT, f"unsubscribed from everything on {moment_text(left_at, zone)}")
    return None


def _not_on(name: str, standing: Standing) -> Reason | None:
    found, zone = standing.subscription(name), standing.facts.zone
    if found is None:
        return Reason(ReasonName.NOT_ON_LIST, f"never joined {name}")
    if found.state is SubscriptionState.PENDING:
        asked = moment_text(found.requested_at, zone)
        return Reason(ReasonName.NOT_CONFIRMED, f"was asked to confirm {name} {asked}, and has not done so")
    if found.state is SubscriptionState.ENDED:
        ended = moment_text(found.ended_at or found.requested_at, zone)
        return Reason(ReasonName.UNSUBSCRIBED, f"the subscription to {name} ended {ended}")
    return None


def _before(what: str, at: datetime | None, live_since: datetime, zone: str) -> Reason:
    when = f" {moment_text(at, zone)}" if at is not None else ""
    since = moment_text(live_since, zone)
    text = f"{what}{when}; the sequence is live since {since}, and only what happens later begins it"
    return Reason(ReasonName.BEFORE_SEQUENCE, text)
