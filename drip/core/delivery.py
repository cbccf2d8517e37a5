"""The states of a delivery, what may follow what, and what an SMTP verdict means. Pure.

DESIGN §8 has the picture. The one rule everything else serves: the right to send is a compare-and-set from
`claimed` to `sending`, committed before the first byte of the body; whatever happens after the final dot
without a verdict is `uncertain` and is never resent by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DeliveryState(StrEnum):
    """The states of DESIGN §8; `status` counts every one of them."""

    DUE = "due"
    CLAIMED = "claimed"
    SENDING = "sending"
    SENT = "sent"
    BOUNCED = "bounced"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    SKIPPED = "skipped"
    HELD = "held"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class OutcomeKind(StrEnum):
    """What one attempt ended in."""

    ACCEPTED = "accepted"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    UNCERTAIN = "uncertain"


class Blame(StrEnum):
    """What a permanent refusal is about; only `address` counts against the reader's address."""

    ADDRESS = "address"
    POLICY = "policy"
    CONTENT = "content"
    RELAY = "relay"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict of one attempt: `code` and `enhanced` as the server gave them (0 and "" if it gave none).

    `relay_down` says that the relay, not the message, is the trouble: nothing counts against the delivery.
    """

    kind: OutcomeKind
    code: int = 0
    enhanced: str = ""
    text: str = ""
    blame: Blame = Blame.NONE
    relay_down: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an outcome makes of a delivery: its next state, when it is due again, and the stable reason."""

    state: DeliveryState
    due_at: datetime | None
    reason: str
