"""What is paused, as conditions of other queries: an enrollment that enters, a delivery that is about to go.

Never changes anything: `drip.store.pausing` does. A pause that was committed before the mark wins like a "no" does,
because the mark asks for it in its own statement.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select

from drip.core.records import Kind
from drip.store.columns import ranked
from drip.store.schema import broadcast, delivery, pause

OPEN = pause.c.resumed_at.is_(None)

OF_SEQUENCE = func.substr(delivery.c.step, 1, func.length(pause.c.sequence) + 1) == pause.c.sequence + "/"
OF_BROADCASTS = and_(delivery.c.kind == ranked(Kind.BROADCAST), pause.c.sequence == "")

IS_PAUSED = exists().where(OPEN, pause.c.campaign == delivery.c.campaign, or_(OF_SEQUENCE, OF_BROADCASTS))
"""Of a delivery: its sequence, or the broadcasts of its campaign, stand still. Confirmations belong to neither."""

GOES_ON = broadcast.c.campaign.not_in(select(pause.c.campaign).where(OPEN, pause.c.sequence == ""))
"""Of a broadcast."""


def open_pause(campaign: ColumnElement[Any], sequence: ColumnElement[Any]) -> Select[Any]:
    """Since when a sequence stands still."""
    return select(pause.c.paused_at).where(OPEN, pause.c.campaign == campaign, pause.c.sequence == sequence)
