"""Compares the send journal with the database, and repairs a database that was restored from a backup (DESIGN §8).

A journal that is ahead means that messages left of which this database knows nothing: sending from it would send them
again. So nothing is sent until a repair has noted them. Never sends, and never writes a journal. Called by
`Engine.tick`, `drip db` and `drip status`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from drip.core.delivery import DeliveryState
from drip.core.records import Delivery, LogEntry
from drip.engine.ledger import Ends
from drip.errors import JournalAhead, JournalAwaited

if TYPE_CHECKING:
    from drip.store.send_journal import Group, Mark, SendJournal
    from drip.store.store import Store
    from drip.store.work import Work

BATCH = 1_000
SEEN_EVERY = timedelta(days=1)
SETTLED = frozenset({DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.EXPIRED})


@dataclass(frozen=True, slots=True)
class Known:
    """What the journal knows last of one mailbox on one occasion."""

    attempt: int
    state: DeliveryState
    at: datetime


@dataclass(slots=True)
class Repaired:
    """What a repair noted, by what became of it; and how many lines of the journal could not be read."""

    sent: int = 0
    uncertain: int = 0
    failed: int = 0
    due: int = 0
    damaged: int = 0
    awaited: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many deliveries the database had forgotten."""
        return self.sent + self.uncertain + self.failed + self.due


# --- comparing ---------------------------------------------------------------------------------------------------


def ahead(work: Work, journal: SendJournal) -> int:
    """How many of the latest marks the database does not know. Read the journal first: it follows the database."""
    return sum(len(each) for each in _unknown(work, (mark for group in journal.latest() for mark in group.marks)))


def _unknown(work: Work, marks: Iterable[Mark]) -> Iterator[list[Mark]]:
    by_occasion: dict[str, list[Mark]] = {}
    for mark in marks:
        by_occasion.setdefault(mark.occasion, []).append(mark)
    for occasion, those in by_occasion.items():
        known = work.attempts_on(occasion, [each.mailbox for each in those])
        yield [each for each in those if known.get(each.mailbox, 0) < each.attempt]


def refuse_if_ahead(store: Store, journal: SendJournal, now: datetime) -> None:
    """Raises JournalAhead or JournalAwaited where sending could send something twice."""
    latest = journal.latest()
    with store.read() as work:
        forgotten = sum(map(len, _unknown(work, (mark for group in latest for mark in group.marks))))
        places = work.journals() if journal.place else {}
    if forgotten:
        raise JournalAhead(
            f"the send journal in `{journal.folder}` knows of sent messages that the database has forgotten:"
            " was it restored from a backup?"
        )
    if not journal.place:
        return
    seen_at, awaited = places.get(journal.place, (None, False))
    if seen_at is None or awaited or now - seen_at > SEEN_EVERY:
        with store.write() as work:
            work.see_journal(journal.place, now)
    others = [place for place, (_, is_awaited) in places.items() if is_awaited and place != journal.place]
    if others:
        raise JournalAwaited(
            f"the database was restored, and the send journal {others[0]} has not been compared yet",
            hint="run `drip db repair` on that machine, or here with `--without PLACE` if it is gone for good",
        )


# --- repairing ---------------------------------------------------------------------------------------------------


def repair(store: Store, journal: SendJournal, now: datetime, *, dry_run: bool = False) -> Repaired:
    """Note in the database what the journal knows and it does not. Harmless when repeated."""
    repaired = Repaired()
    granted: dict[tuple[str, int, int], tuple[str, str]] = {}
    for day in journal.days():
        known = _last_of(day, granted, repaired)
        for occasion, mailboxes in known.items():
            for some in _batches(mailboxes):
                if dry_run:
                    with store.read() as work:
                        _compare(work, occasion, some, repaired, write=False)
                else:
                    with store.write() as work:
                        _compare(work, occasion, some, repaired, write=True)
    with store.read() as work:
        places = work.journals() if journal.place else {}
    repaired.awaited = [
        place for place, (_, awaited) in places.items() if place != journal.place and (awaited or repaired.total)
    ]
    if not dry_run:
        _conclude(store, journal, now, repaired)
    return repaired


def settle_known(store: Store) -> int:
    """Deliveries that are planned again, of people or steps that the backup did not know yet: they end as they had.

    The mark would refuse them, too; this way their sequences go on from what really happened. How many.
    """
    settled = 0
    while True:
        with store.read() as work:
            found = work.planned_again(BATCH)
        if not found:
            return settled
        with store.write() as work:
            for delivery, state, attempt, at in found:
                settled += _restore(work, delivery, state, attempt, at)


def _restore(work: Work, delivery: Delivery, state: DeliveryState, attempt: int, at: datetime) -> bool:
    if not work.restore(delivery.id, state, attempt, at):
        return False
    ends = Ends(at)
    ends.add(delivery, state, "restored", "the send journal knew of it")
    ends.write(work)
    return True


def _batches(mailboxes: dict[str, Known]) -> Iterator[dict[str, Known]]:
    items = iter(mailboxes.items())
    while some := dict(islice(items, BATCH)):
        yield some


def _conclude(store: Store, journal: SendJournal, now: datetime, repaired: Repaired) -> None:
    with store.write() as work:
        if journal.place:
            work.see_journal(journal.place, now)
        if repaired.total:
            if journal.place:
                work.await_other_journals(journal.place)
            detail = f"{repaired.total} deliveries from the send journal"
            work.log([LogEntry(now, "database-repaired", reason="restored", detail=detail)])


def _last_of(
    day: Iterable[Group | None], granted: dict[tuple[str, int, int], tuple[str, str]], repaired: Repaired
) -> dict[str, dict[str, Known]]:
    """What one day's lines know last of each mailbox, by occasion. An outcome may follow its mark a day later."""
    known: dict[str, dict[str, Known]] = {}
    for group in day:
        if group is None:
            repaired.damaged += 1
            continue
        for number, attempt, state in group.outcomes:
            place = granted.pop((group.owner, number, attempt), None)
            if place is not None:
                known.setdefault(place[0], {})[place[1]] = Known(attempt, state, group.at)
        for mark in group.marks:
            granted[group.owner, mark.id, mark.attempt] = (mark.occasion, mark.mailbox)
            known.setdefault(mark.occasion, {})[mark.mailbox] = Known(mark.attempt, DeliveryState.UNCERTAIN, group.at)
    return known


def _compare(work: Work, occasion: str, known: dict[str, Known], repaired: Repaired, *, write: bool) -> None:
    rows = {each.mailbox: each for each in work.deliveries_on(occasion, known)}
    noted = work.attempts_before(occasion, known)
    strange = []
    for mailbox, each in known.items():
        row = rows.get(mailbox)
        if noted.get(mailbox, 0) >= each.attempt or not (row is None or _is_behind(row, each)):
            continue
        _count(repaired, each.state)
        if row is None or (write and not _restore(work, row, each.state, each.attempt, each.at)):
            strange.append((occasion, mailbox, each.state, each.attempt, each.at))
    if write:
        work.note_sent_before(strange)


def _is_behind(row: Delivery, known: Known) -> bool:
    if row.attempt < known.attempt:
        return True
    undecided = row.state in (DeliveryState.SENDING, DeliveryState.UNCERTAIN)
    return row.attempt == known.attempt and undecided and known.state in SETTLED


def _count(repaired: Repaired, state: DeliveryState) -> None:
    match state:
        case DeliveryState.SENT:
            repaired.sent += 1
        case DeliveryState.UNCERTAIN:
            repaired.uncertain += 1
        case DeliveryState.DUE:
            repaired.due += 1
        case _:
            repaired.failed += 1
