"""The states of a delivery, what may follow what, and what an SMTP verdict means. Pure.

DESIGN §8 has the picture. The one rule everything else serves: the right to send is a compare-and-set from
`claimed` to `sending`, committed before the first byte of the body; whatever happens after the final dot
without a verdict is `uncertain` and is never resent by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from drip.core.reasons import ReasonName


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


# --- what may follow what ----------------------------------------------------------------------------------------

_S = DeliveryState

TRANSITIONS: Mapping[DeliveryState, frozenset[DeliveryState]] = MappingProxyType(
    {
        _S.DUE: frozenset({_S.CLAIMED, _S.SKIPPED, _S.HELD, _S.CANCELLED}),
        # Back to due: the owner gave it back, or died before the mark.
        _S.CLAIMED: frozenset({_S.SENDING, _S.DUE, _S.SKIPPED, _S.HELD, _S.CANCELLED}),
        # No way to skipped or cancelled: what is marked may already be on the wire.
        _S.SENDING: frozenset({_S.SENT, _S.DUE, _S.FAILED, _S.UNCERTAIN, _S.EXPIRED}),
        _S.SENT: frozenset({_S.BOUNCED}),
        # To sent by a late 250 or other evidence; to bounced, because only what was taken can come back; to due
        # only when somebody says so, or for an opt-in confirmation (DESIGN §8).
        _S.UNCERTAIN: frozenset({_S.SENT, _S.BOUNCED, _S.DUE}),
        _S.HELD: frozenset({_S.DUE, _S.SKIPPED, _S.CANCELLED}),
        _S.BOUNCED: frozenset(),
        _S.FAILED: frozenset(),
        _S.SKIPPED: frozenset(),
        _S.CANCELLED: frozenset(),
        _S.EXPIRED: frozenset(),
    }
)
"""The lettered arrows of DESIGN §8. What is not here never happens."""

LIVE = frozenset({_S.DUE, _S.CLAIMED, _S.SENDING})
"""drip still has work with it."""
UNDECIDED = frozenset({_S.HELD, _S.UNCERTAIN})
"""It waits for evidence or for a person."""
FINAL = frozenset({_S.SENT, _S.BOUNCED, _S.FAILED, _S.SKIPPED, _S.CANCELLED, _S.EXPIRED})
"""drip has done with it; a sent one may still bounce."""


def can_become(before: DeliveryState, after: DeliveryState) -> bool:
    """Whether a delivery may go from one state to the other."""
    return after in TRANSITIONS[before]


# --- trying again ------------------------------------------------------------------------------------------------

BACKOFF_MINUTES_MAX = 64
BACKOFF_SPREAD = 0.2
GIVE_UP_AFTER = timedelta(hours=72)
TEXT_LENGTH_MAX = 500


def backoff(attempt: int, key: int) -> timedelta:
    """How long to wait after that attempt (from 1): 1, 2, 4 … 64 minutes, each up to 20 % more or less.

    The spread comes from the delivery, not from dice: the same run replayed waits the same (DESIGN §4).
    """
    minutes = min(2 ** min(max(attempt, 1) - 1, 16), BACKOFF_MINUTES_MAX)
    digest = hashlib.sha256(f"{key}:{attempt}".encode()).digest()
    place = int.from_bytes(digest[:8]) / (2**64 - 1)
    return timedelta(minutes=minutes * (1 - BACKOFF_SPREAD + 2 * BACKOFF_SPREAD * place))


REASON_OF_BLAME: Mapping[Blame, ReasonName] = MappingProxyType(
    {
        Blame.ADDRESS: ReasonName.ADDRESS_REFUSED,
        Blame.POLICY: ReasonName.POLICY_REFUSED,
        Blame.CONTENT: ReasonName.CONTENT_REFUSED,
        Blame.RELAY: ReasonName.RELAY_REFUSED,
        Blame.NONE: ReasonName.REFUSED,
    }
)


_TAKEN = Verdict(DeliveryState.SENT, None, ReasonName.ACCEPTED.value)  # what nearly every message comes to


def verdict(outcome: Outcome, *, attempt: int, delivery_key: int, first_due: datetime, now: datetime) -> Verdict:
    """What the outcome of that attempt (from 1) makes of the delivery.

    When the relay itself is the trouble, nothing counts against the delivery: it does not run out of time by
    that, and it does not back off further each time.
    """
    match outcome.kind:
        case OutcomeKind.ACCEPTED:
            return _TAKEN
        case OutcomeKind.UNCERTAIN:
            return Verdict(DeliveryState.UNCERTAIN, None, ReasonName.NO_VERDICT.value)
        case OutcomeKind.PERMANENT:
            return Verdict(DeliveryState.FAILED, None, REASON_OF_BLAME[outcome.blame].value)
    if outcome.relay_down:
        return Verdict(DeliveryState.DUE, now + backoff(1, delivery_key), ReasonName.RELAY_DOWN.value)
    if now - first_due >= GIVE_UP_AFTER:
        return Verdict(DeliveryState.EXPIRED, None, ReasonName.GAVE_UP.value)
    return Verdict(DeliveryState.DUE, now + backoff(attempt, delivery_key), ReasonName.DEFERRED.value)


# --- what an SMTP reply means ------------------------------------------------------------------------------------

# RFC 5321 §4.2.1: 421 ends the session whatever was asked. Amazon says 454 for "too fast", others for "no TLS now";
# 521 (RFC 7504) and the 53x of RFC 4954 refuse the client, not the message: every other message would get the same.
RELAY_DOWN_CODES = frozenset({421, 454, 521, 530, 534, 535, 538})

# RFC 3463 §3, of codes of class 5. The longest matching beginning counts. Only what says clearly that the mailbox
# does not exist (any more) blames the address: such an address is suppressed at once.
BLAME_BY_ENHANCED: Mapping[str, Blame] = MappingProxyType(
    {
        "5.1": Blame.ADDRESS,
        "5.1.7": Blame.POLICY,  # the sender's address
        "5.1.8": Blame.POLICY,  # the sender's domain
        "5.2": Blame.NONE,
        "5.2.1": Blame.ADDRESS,  # disabled
        "5.2.3": Blame.CONTENT,  # larger than this mailbox takes
        "5.3": Blame.RELAY,
        "5.3.4": Blame.CONTENT,  # larger than this server takes
        "5.4": Blame.NONE,
        "5.5": Blame.RELAY,
        "5.6": Blame.CONTENT,
        "5.7": Blame.POLICY,
    }
)

# RFC 5321 §4.2.3 and RFC 7504, for servers without enhanced codes. 550 is three things at once: see its words.
BLAME_BY_CODE: Mapping[int, Blame] = MappingProxyType(
    {
        500: Blame.RELAY,
        501: Blame.NONE,
        502: Blame.RELAY,
        503: Blame.RELAY,
        504: Blame.RELAY,
        551: Blame.ADDRESS,
        552: Blame.CONTENT,
        553: Blame.ADDRESS,
        554: Blame.POLICY,
        555: Blame.RELAY,
        556: Blame.ADDRESS,
    }
)

POLICY_WORDS = ("spam", "policy", "block", "blacklist", "reputation", "denied", "spf", "dkim", "dmarc", "rbl", "relay")
ADDRESS_WORDS = (
    "user unknown",
    "unknown user",
    "unknown recipient",
    "recipient unknown",
    "no such user",
    "no such recipient",
    "no such mailbox",
    "no mailbox",
    "does not exist",
    "doesn't exist",
    "invalid recipient",
    "invalid mailbox",
    "mailbox not found",
    "user not found",
    "recipient not found",
)


def judge_reply(code: int, enhanced: str, text: str) -> Outcome:
    """What a reply to MAIL, RCPT, DATA or the dot means: code, enhanced code (RFC 3463) or "", and its words.

    In doubt nobody is blamed. What is no reply of RFC 5321 at all is no verdict either: `uncertain`.
    """
    words = " ".join(text.split())[:TEXT_LENGTH_MAX]
    if 200 <= code <= 299:
        return Outcome(OutcomeKind.ACCEPTED, code, enhanced, words)
    if code in RELAY_DOWN_CODES:
        return Outcome(OutcomeKind.TEMPORARY, code, enhanced, words, Blame.RELAY, relay_down=True)
    if 400 <= code <= 499:
        return Outcome(OutcomeKind.TEMPORARY, code, enhanced, words, _blame_for_now(enhanced))
    if 500 <= code <= 599:
        return Outcome(OutcomeKind.PERMANENT, code, enhanced, words, _blame_for_good(code, enhanced, words.lower()))
    return Outcome(OutcomeKind.UNCERTAIN, code, enhanced, words)


def _blame_for_now(enhanced: str) -> Blame:
    """A 4xx never blames the address: tomorrow it may take mail."""
    if enhanced.startswith("4.7."):
        return Blame.POLICY
    return Blame.RELAY if enhanced.startswith(("4.3.", "4.4.", "4.5.")) else Blame.NONE


def _blame_for_good(code: int, enhanced: str, words: str) -> Blame:
    subject = enhanced.rpartition(".")[0]
    by_enhanced = BLAME_BY_ENHANCED.get(enhanced, BLAME_BY_ENHANCED.get(subject))
    # x.5.0 and x.0.0 say no more than the code does.
    if by_enhanced is not None and enhanced != "5.5.0":
        return by_enhanced
    if code in BLAME_BY_CODE:
        return BLAME_BY_CODE[code]
    if any(each in words for each in POLICY_WORDS):
        return Blame.POLICY
    return Blame.ADDRESS if any(each in words for each in ADDRESS_WORDS) else Blame.NONE
