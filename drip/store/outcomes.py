"""What came of attempts, recorded in batches. Part of `Work`.

A result counts only for the very attempt that was granted: whoever was declared dead meanwhile and comes back late
can add what it knows (a 250 makes `uncertain` `sent`) but never undo what was decided since.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, Text, Update, bindparam, func, select, update

from drip.core.delivery import DeliveryState, Outcome, OutcomeKind, Verdict
from drip.core.records import DeliveryId
from drip.store.columns import Moment, Word, among, said
from drip.store.prepared import prepared
from drip.store.results import Attempt, Recorded
from drip.store.schema import attempt, delivery
from drip.store.transaction import Row_, Transaction, insert_rows


@prepared
def held_statement(postgres: bool) -> Select[Any]:
    """The rows as they are, held until the end of the transaction; in the order of ids, so that two never deadlock."""
    return (
        select(delivery.c.id, delivery.c.state, delivery.c.attempt, delivery.c.owner)
        .where(among(delivery.c.id, "ids", postgres))
        .order_by(delivery.c.id)
        .with_for_update(key_share=True)
    )


@prepared
def settle_alike_statement(postgres: bool) -> Update:
    """What came to the same end: those rows of them that this owner, which stays, is sending with that attempt."""
    ours = (
        delivery.c.state == said(DeliveryState.SENDING),
        delivery.c.owner == bindparam("by"),
        delivery.c.attempt == bindparam("number"),
    )
    held = select(delivery.c.id).where(among(delivery.c.id, "ids", postgres), *ours)
    if postgres:
        held = held.order_by(delivery.c.id).with_for_update(key_share=True)
    rows = held.cte("held")
    return (
        update(delivery)
        .where(delivery.c.id.in_(select(rows.c.id)), *ours)
        .values(
            state=bindparam("to", type_=Word(DeliveryState)),
            reason=bindparam("why"),
            finished_at=bindparam("finished", type_=Moment()),
        )
        .returning(delivery.c.id)
    )


@prepared
def settle_statement() -> Update:
    """One row's new state. A delivery that is due again has no owner; a finished one keeps it, as evidence."""
    return (
        update(delivery)
        .where(delivery.c.id == bindparam("number"))
        .values(
            state=bindparam("to", type_=Word(DeliveryState)),
            due_at=func.coalesce(bindparam("again", type_=Moment()), delivery.c.due_at),
            owner=bindparam("by", type_=Text()),
            reason=bindparam("why"),
            finished_at=bindparam("finished", type_=Moment()),
        )
    )


@prepared
def attempt_statement(postgres: bool) -> Any:
    """An attempt is granted once, so its number says which it is; a later word about it replaces the earlier."""
    statement = insert_rows(attempt, postgres)
    changed = [each.name for each in attempt.c if not each.primary_key]
    return statement.on_conflict_do_update(
        index_elements=["delivery_id", "number"], set_={name: statement.excluded[name] for name in changed}
    )


class Outcomes(Transaction):
    """Methods about attempts."""

    def record(self, results: Sequence[Recorded], owner: str) -> set[DeliveryId]:
        """Records what came of attempts; the deliveries whose state this changed.

        Those are the ones that this owner is sending with that attempt number, and the uncertain ones of that
        number that turn out accepted. Every attempt is kept, also of the others.
        """
        if not results:
            return set()
        changed = self._settle_alike(results, owner)
        known = changed
        rest = [each for each in results if each.delivery_id not in changed]
        if rest:
            rows = self._all(held_statement(self._postgres), ids=sorted({each.delivery_id for each in rest}))
            held = {row[0]: row for row in rows}
            rest = [each for each in rest if each.delivery_id in held and counts(each, held[each.delivery_id], owner)]
            self._many(settle_statement(), [settled(each, owner) for each in rest])
            known = changed.union(held)
            changed = changed.union(each.delivery_id for each in rest)
        self._insert(attempt_statement, [attempted(each) for each in results if each.delivery_id in known])
        return changed

    def _settle_alike(self, results: Sequence[Recorded], owner: str) -> set[DeliveryId]:
        """One statement for all that came to the same end, as nearly all do; the deliveries whose state it changed."""
        alike: dict[tuple[Verdict, int], list[Recorded]] = {}
        for each in results:
            if each.verdict.state is not DeliveryState.DUE:
                alike.setdefault((each.verdict, each.attempt), []).append(each)
        changed: set[DeliveryId] = set()
        for (verdict, number), those in alike.items():
            changed.update(
                self._column(
                    settle_alike_statement(self._postgres),
                    ids=[each.delivery_id for each in those],
                    by=owner,
                    number=number,
                    to=verdict.state,
                    why=verdict.reason,
                    # Some moments later than the first of them; their attempts know it exactly.
                    finished=max(each.ended_at for each in those),
                )
            )
        return changed

    def attempts(self, delivery_id: DeliveryId) -> Sequence[Attempt]:
        """The attempts of one delivery, in order."""
        statement = select(attempt).where(attempt.c.delivery_id == delivery_id).order_by(attempt.c.number)
        return [
            Attempt(
                row.delivery_id,
                row.number,
                row.relay,
                row.started_at,
                row.ended_at,
                Outcome(row.outcome, row.code, row.enhanced, row.text, row.blame),
            )
            for row in self._all(statement)
        ]


def counts(result: Recorded, row: Row_, owner: str) -> bool:
    """Whether the result may change the delivery."""
    _, state, number, by = row
    if number != result.attempt:
        return False
    if state is DeliveryState.SENDING:
        return bool(by == owner)
    return state is DeliveryState.UNCERTAIN and result.outcome.kind is OutcomeKind.ACCEPTED


def settled(result: Recorded, owner: str) -> dict[str, Any]:
    """The parameters of `settle_statement`."""
    again = result.verdict.state is DeliveryState.DUE
    return {
        "number": result.delivery_id,
        "to": result.verdict.state,
        "again": result.verdict.due_at if again else None,
        "by": None if again else owner,
        "why": result.verdict.reason,
        "finished": None if again else result.ended_at,
    }


def attempted(result: Recorded) -> dict[str, Any]:
    """The row of `attempt`."""
    outcome = result.outcome
    return {
        "delivery_id": result.delivery_id,
        "number": result.attempt,
        "relay": result.relay,
        "started_at": result.started_at,
        "ended_at": result.ended_at,
        "outcome": outcome.kind,
        "code": outcome.code,
        "enhanced": outcome.enhanced,
        "text": outcome.text,
        "blame": outcome.blame,
    }
