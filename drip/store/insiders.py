"""Everybody inside a sequence as an edit would find them, one narrow row each: what `drip plan` counts. Part of `Work`.

Reads only, and judges nothing: `drip.core.at_once` sorts the rows into classes. One statement for a million people, and
the whole facts of some hundreds, one for each class.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, case, func, literal, select, type_coerce

from drip.core.delivery import DeliveryState
from drip.core.model import Term
from drip.core.records import Enrollment, Kind
from drip.store.columns import among, ranked, said
from drip.store.conditions import Asking, active
from drip.store.enrollments import ENROLLMENT, Enrollments
from drip.store.replanning import standing
from drip.store.resting import HAS_TAKEN_ONE
from drip.store.schema import delivery, enrollment, subscriber, suppression
from drip.store.transaction import Row_

ROWS_AT_ONCE = 10_000
WENT = (said(DeliveryState.SENT), said(DeliveryState.UNCERTAIN))


class Insiders(Asking, Enrollments):
    """Methods that look at the people of one sequence."""

    def insiders(
        self,
        campaign: str,
        sequence: str,
        positions: Mapping[str, int],
        *,
        zone: str,
        waking: Collection[str],
        questions: Sequence[Term],
        lately: datetime,
        now: datetime,
    ) -> Iterator[Row_]:
        """Everybody who would be looked at: id, position, anchor, zone, the step and moment that they wait for, when an
        edit last moved them, their last drip mail since `lately`, whether they ever took a break, and the answers: may
        they be mailed at all, are they on a list, and `questions`.

        `positions` says where each step that may be behind them stands in the wanted sequence; `waking` are the steps
        that are taken out, whose planned mails would be taken back.
        """
        stand = standing(campaign, sequence, (), positions=positions, waking=waking).subquery("stand")
        last = (
            select(delivery.c.subscriber_id, func.max(type_coerce(delivery.c.finished_at, BigInteger)).label("at"))
            .where(delivery.c.kind == ranked(Kind.SEQUENCE), delivery.c.state.in_(WENT))
            .where(delivery.c.finished_at > lately)
            .group_by(delivery.c.subscriber_id)
            .subquery("last")
        )
        listed = select(literal(1)).where(*active()).correlate(subscriber).exists()
        answers: list[ColumnElement[bool]] = [
            suppression.c.mailbox.is_not(None),
            subscriber.c.left_at.is_not(None),
            listed,
        ]
        answers += [self.condition_of(each, campaign, now) for each in questions]
        tables = (
            stand.join(enrollment, enrollment.c.id == stand.c.id)
            .join(subscriber, subscriber.c.id == enrollment.c.subscriber_id)
            .outerjoin(suppression, suppression.c.mailbox == subscriber.c.mailbox)
            .outerjoin(last, last.c.subscriber_id == subscriber.c.id)
        )
        statement = (
            select(
                stand.c.id,
                stand.c.position,
                stand.c.anchor,
                func.coalesce(subscriber.c.zone, zone),
                enrollment.c.next_step,
                type_coerce(enrollment.c.next_due, BigInteger),
                type_coerce(enrollment.c.replanned_at, BigInteger),
                last.c.at,
                case((HAS_TAKEN_ONE, 1), else_=0),
                *(case((each, 1), else_=0) for each in answers),
            )
            .select_from(tables)
            .where(enrollment.c.paused_at.is_(None))
        )
        yield from self._run(statement.execution_options(yield_per=ROWS_AT_ONCE))

    def enrollments_by(self, ids: Sequence[int]) -> Sequence[Enrollment]:
        """The enrollments of these ids, with what is behind each of them."""
        statement = select(*ENROLLMENT).where(among(enrollment.c.id, "ids", self._postgres))
        return self._enrollments(self._all(statement.order_by(enrollment.c.id), ids=list(ids)))

    def addresses_of(self, ids: Sequence[int]) -> Sequence[str]:
        """The addresses of the people with these enrollments, in the order of the ids."""
        statement = (
            select(subscriber.c.email)
            .select_from(enrollment.join(subscriber, subscriber.c.id == enrollment.c.subscriber_id))
            .where(among(enrollment.c.id, "ids", self._postgres))
        )
        return [row[0] for row in self._all(statement.order_by(enrollment.c.id), ids=list(ids))]
