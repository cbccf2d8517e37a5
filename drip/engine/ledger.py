"""Marks and outcomes, committed in groups: one durable commit serves all lanes that are ready at that moment.

The mark is the grant of the right to send (DESIGN §8 b): it returns only after the commit. When a commit fails
the ledger stops for good and every lane with it: what cannot be recorded must not be sent.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from drip.core.delivery import Blame, DeliveryState
from drip.core.records import Delivery, DeliveryId, EnrollmentId, LogEntry, StepDone
from drip.core.step_mail import DID_OF_STATE
from drip.engine.breaking import Breakers

if TYPE_CHECKING:
    from drip.store.results import Recorded
    from drip.store.send_journal import SendJournal
    from drip.store.store import Store
    from drip.store.work import Work

QUIET_TURNS = 2
"""Turns of the loop that bring nothing, before a group is complete."""

WAIT_SECONDS_MAX = 0.003
"""How long at most a group waits for those who are at the relay."""

TURN_SECONDS = 0.001
"""The shortest wait that the loop's selector knows."""


class Ledger:
    """The one writer of a run. Use `mark` and `record` from lanes, `serve` as a task, `close` at the end.

    `now` is what it writes down as the moment; who knows a later one sets it.
    """

    def __init__(self, store: Store, owner: str, now: datetime, journal: SendJournal | None = None) -> None:
        self._store = store
        self._owner = owner
        self.now = now
        self._journal = journal
        self._breakers = Breakers(now)
        self._marks: list[tuple[Delivery, datetime | None, asyncio.Future[bool]]] = []
        self._results: list[tuple[Delivery, Recorded]] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._at_relay = 0  # granted and without an outcome
        # Only a disk or a network makes a commit slow enough for anybody to be waited for.
        self._is_slow = store.file is not None or store.is_shared
        self._commit_seconds = 0.0
        self._failure: BaseException | None = None
        self.counts: Counter[str] = Counter()

    def mark(self, delivery: Delivery, told: datetime | None = None) -> asyncio.Future[bool]:
        """Ask for the right to send. True only after a durable commit; False when a "no" came first.

        `told` is the moment that the message speaks of ("in 10 minutes"): its retries have to speak of the same.
        """
        granted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self._failure is not None:
            granted.set_exception(self._failure)
            return granted
        self._marks.append((delivery, told, granted))
        self._wake.set()
        return granted

    def record(self, delivery: Delivery, result: Recorded) -> None:
        """Hand in the outcome of an attempt; it is committed with the next group."""
        self._results.append((delivery, result))
        self._at_relay -= 1
        self._wake.set()

    async def serve(self) -> None:
        """Commit groups until closed. Raises what the store raises (CannotRecord), after telling every lane."""
        try:
            while not (self._closing and not self._marks and not self._results):
                await self._wake.wait()
                await self._gather()
                self._wake.clear()
                self._commit()
        except BaseException as error:
            self._failure = error
            for _, _, granted in self._marks:
                if not granted.done():
                    granted.set_exception(error)
            raise

    async def _gather(self) -> None:
        """Let those join whose turn is near: a commit costs the same for one as for all.

        A reply needs some turns of the loop from its socket to here. Whoever is at the relay is waited for as long as
        a commit of their own would take, and as long as some of them come.
        """
        await self._settle_down()
        clock = asyncio.get_running_loop().time
        until = clock() + min(self._commit_seconds, WAIT_SECONDS_MAX)
        before = 0
        while self._at_relay > 0 and not self._closing and clock() < until:
            number = len(self._marks) + len(self._results)
            if number == before:
                return
            before = number
            await asyncio.sleep(TURN_SECONDS)
            await self._settle_down()

    async def _settle_down(self) -> None:
        """Wait until nothing came for some turns of the loop."""
        quiet, before = 0, 0
        while quiet < QUIET_TURNS:
            number = len(self._marks) + len(self._results)
            quiet, before = (quiet + 1 if number == before else 0), number
            await asyncio.sleep(0)

    def close(self) -> None:
        """Let `serve` end after the last group."""
        self._closing = True
        self._wake.set()

    def _commit(self) -> None:
        marks, results = self._marks, self._results
        if not marks and not results:
            return
        told = [(each.id, moment) for each, moment, _ in marks]
        # `self._marks` still holds the futures if the commit fails, so that `serve` can tell their lanes.
        clock = asyncio.get_running_loop().time
        began = clock()
        marked, counts = self._store.transact(lambda work: self._write(work, told, results))
        self._commit_seconds = clock() - began if self._is_slow else 0.0
        if self._journal is not None:
            granted_now = [each for each, *_ in marks if each.id in marked]
            self._journal.append(self._owner, self.now, granted_now, (each for _, each in results), clock())
        self.counts.update(counts)
        self._marks, self._results = self._marks[len(marks) :], self._results[len(results) :]
        self._at_relay += len(marked)
        for each, _, granted in marks:
            if not granted.done():
                granted.set_result(each.id in marked)

    def _write(
        self,
        work: Work,
        told: Sequence[tuple[DeliveryId, datetime | None]],
        results: Sequence[tuple[Delivery, Recorded]],
    ) -> tuple[set[DeliveryId], Counter[str]]:
        """One group in its transaction: which were granted, and what to count once it is committed."""
        counts = self._record(work, results) if results else Counter[str]()
        marked = self._grant(work, told)
        refused = [each for each, _ in told if each not in marked]
        if refused:
            settled = work.settle_refused(refused, self._owner, self.now)
            settle_steps(work, settled, self.now)
            counts["skipped"] += len(settled)
            # Due again perhaps: the row was locked for a moment. The tick then looks once more.
            counts["returned"] += len(refused) - len(settled)
        return marked, counts

    def _grant(self, work: Work, told: Sequence[tuple[DeliveryId, datetime | None]]) -> set[DeliveryId]:
        """Those that were marked: one statement, but for messages that speak of another second than this one."""
        this = self.now.replace(microsecond=0)
        by_moment: dict[datetime, list[DeliveryId]] = {}
        for number, moment in told:
            is_now = moment is None or moment.replace(microsecond=0) == this
            by_moment.setdefault(self.now if is_now or moment is None else moment, []).append(number)
        marked: set[DeliveryId] = set()
        for moment, ids in by_moment.items():
            marked |= work.mark(ids, self._owner, self.now, moment)
        return marked

    def _record(self, work: Work, results: Sequence[tuple[Delivery, Recorded]]) -> Counter[str]:
        counts: Counter[str] = Counter()
        changed = work.record([result for _, result in results], self._owner)
        ends = Ends(self.now)
        for delivery, result in results:
            if delivery.id not in changed:
                continue
            verdict, outcome = result.verdict, result.outcome
            counts["deferred" if verdict.state is DeliveryState.DUE else verdict.state.value] += 1
            if verdict.state is DeliveryState.FAILED and outcome.blame is Blame.ADDRESS:
                # The receiving side says that this mailbox does not exist; asking again hurts every later mail.
                work.suppress(delivery.mailbox, "address-refused", self.now, note=f"{outcome.code} {outcome.enhanced}")
            ends.add(delivery, verdict.state, verdict.reason, outcome.text)
        ends.write(work)
        held = self._breakers.note(work, ((each, it.verdict.state) for each, it in results if each.id in changed))
        if held:
            counts["held"] += held
        return counts


class Ends:
    """What came to an end in one transaction: its log lines and its steps, written together."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._entries: list[LogEntry] = []
        self._steps: list[tuple[EnrollmentId, StepDone]] = []

    def add(self, delivery: Delivery, state: DeliveryState, reason: str, detail: str = "") -> None:
        """Note what became of a delivery, and of the step that waits for it."""
        name = "deferred" if state is DeliveryState.DUE else state.value
        subject = delivery.step or delivery.post
        who, campaign = delivery.subscriber_id, delivery.campaign
        self._entries.append(LogEntry(self._now, f"delivery-{name}", who, campaign, subject, reason, detail))
        did = DID_OF_STATE.get(state)
        if did is not None and delivery.enrollment_id is not None and delivery.step is not None:
            self._steps.append((delivery.enrollment_id, StepDone(delivery.step, did, self._now, reason)))

    def write(self, work: Work) -> None:
        """Write it down, and let the enrollments go on."""
        work.log(self._entries)
        work.steps_done(self._steps, self._now)


def settle_steps(work: Work, ended: Iterable[Delivery], now: datetime) -> None:
    """Record the ends of deliveries that came to one without an attempt (skipped, uncertain after a death)."""
    ends = Ends(now)
    for delivery in ended:
        ends.add(delivery, delivery.state, delivery.reason)
    ends.write(work)
