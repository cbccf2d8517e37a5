"""What was found too late by a claim, and is to be asked about instead of skipped (rule 6). Part of `Work`.

Never decides: `drip.engine.asking` does, in the transaction of the claim.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import bindparam, select, update

from drip.core.delivery import DeliveryState
from drip.core.records import DeliveryId, Enrollment, EnrollmentId
from drip.store.columns import Moment, among, said
from drip.store.deliveries import TOO_LATE
from drip.store.enrollments import ENROLLMENT, Enrollments
from drip.store.schema import delivery, enrollment

LATE_ASK: Final = "late-ask"


class Asked(NamedTuple):
    """A delivery that is too late to go unasked, and the last moment at which it may go at all."""

    id: DeliveryId
    until: datetime | None


class Late(Enrollments):
    """Methods about what is too late."""

    def ask_about(self, late: Collection[Asked]) -> None:
        """What this transaction has just skipped as too late is held for the author."""
        if late:
            ours = (delivery.c.id == bindparam("number"), delivery.c.state == said(DeliveryState.SKIPPED))
            held = (
                update(delivery)
                .where(*ours, delivery.c.reason == TOO_LATE)
                .values(
                    state=DeliveryState.HELD,
                    reason=LATE_ASK,
                    finished_at=None,
                    expires_at=bindparam("until", type_=Moment()),
                )
            )
            self._run(held, [{"number": each.id, "until": each.until} for each in late])

    def enrollments_with(self, ids: Collection[EnrollmentId]) -> Sequence[Enrollment]:
        """The enrollments of these ids."""
        statement = select(*ENROLLMENT).where(among(enrollment.c.id, "ids", self._postgres))
        return self._enrollments(self._all(statement, ids=ids))
