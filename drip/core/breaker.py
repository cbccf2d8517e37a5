"""When a broadcast is stopped: too many of its first messages were refused for good. Pure.

Such a list is old or bought, or the relay has begun to distrust us; to go on would cost the sender's reputation, which
confirmations and reminders need as well. Those are never stopped by this, and neither are sequences.
"""

from __future__ import annotations

FIRST = 500
"""Only the beginning is judged: later, what could be lost is lost."""

SHARE_MAX = 0.10
REFUSED_MIN = 10
"""So many refusals at least: two bad addresses in a list of twelve are no pattern."""


def trips(accepted: int, refused: int, before: int) -> bool:
    """Whether this many outcomes stop the broadcast; `before` is how many there were before the last ones."""
    return before < FIRST and refused >= REFUSED_MIN and refused > SHARE_MAX * (accepted + refused)
