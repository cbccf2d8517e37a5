"""Asks the author about mails that are too late to go by themselves: `late: 3 days, then ask` (DESIGN §7 rule 6).

They are held with the reason `late-ask`, and `drip delivery retry` or `cancel` answers. Whatever the answer, a mail
that its sequence or session has no more use for is skipped. Called by `drip.engine.sending`, with the claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from drip.core.delivery import DeliveryState
from drip.core.lateness import last_moment
from drip.core.model import LatePolicy
from drip.core.reasons import ReasonName
from drip.core.records import Delivery, DeliveryId, RevisionId
from drip.engine.capping import Origin, origin_of
from drip.engine.live import Edition

if TYPE_CHECKING:
    from drip.store.work import Work

LATE_ASK = ReasonName.LATE_ASK.value


def ask_about(
    work: Work, late: Sequence[Delivery], editions: Mapping[RevisionId | None, Edition], zone: str, now: datetime
) -> tuple[Delivery, ...]:
    """The same deliveries, which were just skipped as too late; those to be asked about are held now."""
    from drip.store.late import Asked

    origins = {each.id: _origin(each, editions) for each in late}
    asked = [each for each in late if origins[each.id].late_then is LatePolicy.ASK]
    if not asked:
        return tuple(late)
    until = _last_moments(work, asked, origins, zone)
    held = {each.id for each in asked if (last := until[each.id]) is None or last >= now}
    work.ask_about([Asked(number, until[number]) for number in held])
    return tuple(
        replace(each, state=DeliveryState.HELD, reason=LATE_ASK, finished_at=None) if each.id in held else each
        for each in late
    )


def _origin(delivery: Delivery, editions: Mapping[RevisionId | None, Edition]) -> Origin:
    edition = editions.get(delivery.revision_id)
    return origin_of(edition.campaign if edition else None, delivery)


def _last_moments(
    work: Work, asked: Sequence[Delivery], origins: Mapping[DeliveryId, Origin], zone: str
) -> Mapping[DeliveryId, datetime | None]:
    """The last moment at which each may go at all: before its sequence stops, or the session is over."""
    ids = {each.enrollment_id for each in asked if each.enrollment_id is not None}
    enrollments = work.enrollments_with(ids) if ids else ()
    facts = work.facts_for(enrollments, zone)
    found: dict[DeliveryId, datetime | None] = {}
    for each in asked:
        origin, known = origins[each.id], facts.get(each.enrollment_id) if each.enrollment_id is not None else None
        found[each.id] = None
        if known is not None and origin.sequence is not None and origin.step is not None:
            found[each.id] = last_moment(origin.sequence, origin.step, known)
    return found
