"""Composes the first messages of each post for real, and for the others the envelope alone.

A rehearsal asks who gets what and when; thirty thousand bodies would say the same thing thirty thousand times. That
each post can be filled at all is found out by its first readers. Stands in the place of `drip.engine.letters.Letters`.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from drip.core.message import Wire
from drip.core.records import Delivery, RevisionId
from drip.engine.addressed import Addressed
from drip.engine.keys import Keys
from drip.engine.letters import Letters, message_id
from drip.engine.live import Edition

COMPOSED_FIRST = 2


class Envelopes(Letters):
    """Keeps, by Message-ID, which delivery each message was for."""

    def __init__(self, keys: Keys, *, composed_first: int = COMPOSED_FIRST) -> None:
        super().__init__(keys)
        self._composed_first = composed_first
        self._composed: Counter[tuple[RevisionId, str]] = Counter()
        self.deliveries: dict[str, Delivery] = {}

    def wire(self, edition: Edition, project: Edition, addressed: Addressed, now: datetime) -> Wire:
        """The whole message for a post's first readers, an empty one for the others. Raises as Letters does."""
        delivery = addressed.delivery
        post = (delivery.revision_id, delivery.post)
        if self._composed[post] < self._composed_first:
            self._composed[post] += 1
            wire = super().wire(edition, project, addressed, now)
        else:
            domain = project.definition.bounces.rpartition("@")[2]
            name = message_id(self._keys, delivery, domain)
            wire = Wire(project.definition.bounces, addressed.subscriber.email, b"", name)
        self.deliveries[wire.message_id] = delivery
        return wire
