"""Which variant of a test each person was given (DESIGN §7 rule 14). Part of `Work`.

Never chooses one: `drip.core.variants` does, and the engine writes it down with the mail that it plans.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, literal, select

from drip.core.delivery import DeliveryState
from drip.core.records import EnrollmentState, SubscriberId
from drip.store.columns import among, said
from drip.store.prepared import prepared
from drip.store.results import VariantCount
from drip.store.schema import delivery, enrollment, variant
from drip.store.transaction import Transaction, insert_into

WENT = (said(DeliveryState.SENT), said(DeliveryState.BOUNCED))


@prepared
def variants_statement(postgres: bool) -> Select[Any]:
    """What tests gave to many people."""
    columns = (variant.c.subscriber_id, variant.c.campaign, variant.c.step, variant.c.post)
    return select(*columns).where(among(variant.c.subscriber_id, "ids", postgres))


@prepared
def keep_statement(postgres: bool) -> Any:
    """One row for a person and a test: the last variant that was given."""
    statement = insert_into(variant, postgres)
    changed = {name: statement.excluded[name] for name in ("post", "bucket", "given_at")}
    return statement.on_conflict_do_update(index_elements=["subscriber_id", "campaign", "step"], set_=changed).inline()


class Variants(Transaction):
    """Methods about variants."""

    def keep_variant(
        self, subscriber_id: SubscriberId, campaign: str, step: str, post: str, bucket: int, now: datetime
    ) -> None:
        """Remembers what a person was given, in place of a variant that the test no longer has."""
        values = {"subscriber_id": subscriber_id, "campaign": campaign, "step": step, "post": post, "bucket": bucket}
        self._changed(keep_statement(self._postgres), **values, given_at=now)

    def variants_of(self, subscriber_id: SubscriberId) -> Mapping[tuple[str, str], tuple[str, int]]:
        """What one person was given, and their bucket, by campaign and step."""
        rows = self._all(select(variant).where(variant.c.subscriber_id == subscriber_id))
        return {(row.campaign, row.step): (row.post, row.bucket) for row in rows}

    def carry_variants(self, campaign: str, old: str, new: str) -> None:
        """A test has another name: what was given under the old one counts under the new one, too."""
        columns = ["subscriber_id", "campaign", "step", "post", "bucket", "given_at"]
        chosen = (variant.c.subscriber_id, variant.c.campaign, literal(new), variant.c.post, variant.c.bucket)
        theirs = select(*chosen, variant.c.given_at).where(variant.c.campaign == campaign, variant.c.step == old)
        self._run(insert_into(variant, self._postgres).from_select(columns, theirs).on_conflict_do_nothing())

    def variant_counts(self, steps: Sequence[tuple[str, str]]) -> Sequence[VariantCount]:
        """What each post of these tests, by campaign and step, has come to."""
        if not steps:
            return []
        reached = case((enrollment.c.state == said(EnrollmentState.GOAL), 1), else_=0)
        went = case((delivery.c.state.in_(WENT), 1), else_=0)
        key = (delivery.c.campaign, delivery.c.step, delivery.c.post)
        statement = (
            select(*key, func.sum(went), func.sum(went * reached))
            .select_from(delivery.join(enrollment, enrollment.c.id == delivery.c.enrollment_id))
            .where(delivery.c.step.in_(sorted({step for _, step in steps})))
            .group_by(*key)
        )
        rows = self._all(statement)
        return [VariantCount(*row) for row in rows if (row[0], row[1]) in set(steps)]
