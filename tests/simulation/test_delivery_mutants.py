"""Runs that die at any moment, on the real engine and store: nobody twice, nobody lost. And the wrong ways of
marking a message, planted one by one, are all found out: the test has teeth.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from drip.core.delivery import DeliveryState, Outcome, OutcomeKind
from drip.core.events import Unsubscribed
from drip.core.message import Wire
from drip.core.records import Delivery, SubscriberId
from drip.engine.ledger import Ledger
from drip.engine.sending import Sending
from drip.errors import CannotRecord
from drip.mail.transport import Grant, NotGranted
from drip.store.store import Store, open_store
from drip.store.work import Work
from tests.stages import ACCEPTED, EVIDENCE, Ground, open_ground

READERS = 24
RUNS = 14


class Killed(BaseException):
    """kill -9: nothing is tidied up, nothing is recorded any more."""


class DeadlyTransport:
    """Takes messages, and at random moments the whole run dies: before the dot, or after it without a verdict."""

    name = "deadly"
    lanes = 3

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.accepted: list[Wire] = []
        self.deadly = True
        self.before_accepting: Callable[[Wire], None] = lambda _: None

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def ready(self, wanted: int, *, urgent: bool = False) -> int:
        """Always ready."""
        return wanted

    async def send(self, wire: Wire, grant: Grant | None = None) -> Outcome:
        """Accepted, refused for now, or the end of the run before or after the relay has it."""
        if grant is not None and not await grant():
            raise NotGranted
        fate = self._dice.random() if self.deadly else 0.5
        if fate < 0.08:
            raise Killed
        if fate > 0.97:
            return Outcome(OutcomeKind.TEMPORARY, 451, "4.3.0", "later")
        self.before_accepting(wire)
        self.accepted.append(wire)
        if fate < 0.18:
            raise Killed
        if fate < 0.24:
            return Outcome(OutcomeKind.UNCERTAIN, 0, "", "the connection was lost after the dot")
        return ACCEPTED


class FailingStore:
    """Wraps the writing of a store: now and then a commit fails, as on a full disk."""

    def __init__(self, store: Store, dice: random.Random) -> None:
        self._transact = store.transact
        self._dice = dice
        self.fails = True
        store.transact = self.transact  # type: ignore[method-assign, assignment]

    def transact(self, do: Callable[[Work], object]) -> object:
        """Do it, and perhaps take it back."""

        def and_fail(work: Work) -> object:
            done = do(work)
            if self.fails and self._dice.random() < 0.03:
                raise CannotRecord("the disk is full")
            return done

        return self._transact(and_fail)


def live_and_die(ground: Ground, seed: int) -> tuple[list[str], list[str]]:
    """Many runs that may die, then quiet ones. Who got it twice; who is called sent, or nothing, and has it not."""
    transport = DeadlyTransport(random.Random(seed))
    failing = FailingStore(ground.store, random.Random(-seed))
    ground.engine._transport = lambda: transport
    failing.fails = False
    for number in range(READERS):
        ground.join(f"r{number}@example.org")
    start = ground.clock.now()
    failing.fails = True
    for minutes in range(RUNS):
        ground.clock.set(start + timedelta(minutes=minutes))
        try:
            ground.tick()
        except (Killed, CannotRecord):
            continue
    transport.deadly = failing.fails = False
    for hours in range(1, 8):
        ground.clock.set(start + timedelta(hours=hours))
        ground.tick()
    got = Counter(wire.recipient for wire in transport.accepted)
    twice = [who for who, number in got.items() if number > 1]
    with ground.store.read() as work:
        counts = work.delivery_counts()
        people = work.subscribers(limit=READERS)
        states = {each.email: work.deliveries(each.id)[0].state for each in people}
    assert counts["planned"] == sum(number for name, number in counts.items() if name != "planned")
    lost = [who for who, state in states.items() if who not in got and state is not DeliveryState.UNCERTAIN]
    return twice, lost


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Ground]:
    """A fresh ground for each seed. A killed run gives nothing back by itself."""
    monkeypatch.setattr(Sending, "_give_back", lambda self: None)

    def fresh(seed: int) -> Ground:
        store = open_store("sqlite:///:memory:", root=tmp_path)
        store.create_or_check()
        return open_ground(tmp_path / f"seed-{seed}", store)

    return fresh


SEEDS = range(4)


def test_dying_runs_send_nothing_twice_and_lose_nobody(make: Callable[[int], Ground]) -> None:
    for seed in SEEDS:
        ground = make(seed)
        assert live_and_die(ground, seed) == ([], []), f"seed {seed}"
        ground.store.close()


# --- the wrong ways, planted ------------------------------------------------------------------------------------------


def requeue_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    """What most job queues do: whatever a dead worker had in hand is due again."""
    right = Work.recover

    def recover(self: Work, owner: str, now: object) -> tuple[int, list[Delivery]]:
        released, uncertain = right(self, owner, now)  # type: ignore[arg-type]
        for each in uncertain:
            self.resolve(each.id, DeliveryState.DUE, "", now)  # type: ignore[arg-type]
        return released + len(uncertain), []

    monkeypatch.setattr(Work, "recover", recover)


def mark_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send first, write down afterwards: a run that dies in between leaves its messages claimed, then due."""

    async def mark(self: Ledger, delivery: Delivery, told: object = None) -> bool:
        return True

    right = Ledger.record

    def record(self: Ledger, delivery: Delivery, result: object) -> None:
        with self._store.write() as work:
            work.mark([delivery.id], self._owner, self.now)
        right(self, delivery, result)  # type: ignore[arg-type]

    monkeypatch.setattr(Ledger, "mark", mark)
    monkeypatch.setattr(Ledger, "record", record)


def call_it_sent_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mark as sent before sending: a run that dies in between has lost its messages, and nobody knows."""
    right = Work.recover

    def recover(self: Work, owner: str, now: object) -> tuple[int, list[Delivery]]:
        released, uncertain = right(self, owner, now)  # type: ignore[arg-type]
        for each in uncertain:
            self.resolve(each.id, DeliveryState.SENT, "", now)  # type: ignore[arg-type]
        return released, []

    monkeypatch.setattr(Work, "recover", recover)


def forget_the_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint at fetch: what a dead run had claimed is never looked at again."""
    monkeypatch.setattr(Store, "dead_owners", lambda self, work: [])


def lose_the_unique_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan again what is planned: an occasion that differs each time."""
    right = Work.plan_delivery
    numbers = iter(range(1_000_000))

    def plan(self: Work, new: object, now: object) -> object:
        right(self, replace(new, occasion=f"{new.occasion}#{next(numbers)}"), now)  # type: ignore
        return right(self, new, now)  # type: ignore[arg-type]

    monkeypatch.setattr(Work, "plan_delivery", plan)


def mark_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Go ahead while the mark is still to be committed."""
    right = Ledger.mark
    under_way = set()

    async def mark(self: Ledger, delivery: Delivery, told: object = None) -> bool:
        task = asyncio.ensure_future(right(self, delivery))
        under_way.add(task)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return True

    monkeypatch.setattr(Ledger, "mark", mark)


def go_on_after_a_failed_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be recorded is sent all the same."""
    right = Ledger.mark

    async def mark(self: Ledger, delivery: Delivery, told: object = None) -> bool:
        try:
            return await right(self, delivery)
        except CannotRecord:
            return True

    monkeypatch.setattr(Ledger, "mark", mark)


def _judge_otherwise(monkeypatch: pytest.MonkeyPatch, kind: OutcomeKind, state: DeliveryState) -> None:
    from drip.engine import sending

    right = sending.verdict

    def verdict(outcome: Outcome, **more: Any) -> Any:
        judged = right(outcome, **more)
        return replace(judged, state=state, due_at=more["now"]) if outcome.kind is kind else judged

    monkeypatch.setattr(sending, "verdict", verdict)


def try_again_what_is_uncertain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost after the dot, as if it had been lost before."""
    _judge_otherwise(monkeypatch, OutcomeKind.UNCERTAIN, DeliveryState.DUE)


def call_a_deferral_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay said "later", and nobody comes back."""
    _judge_otherwise(monkeypatch, OutcomeKind.TEMPORARY, DeliveryState.SENT)


MUTANTS = (
    requeue_sending,
    mark_nothing,
    call_it_sent_beforehand,
    forget_the_claimed,
    lose_the_unique_key,
    mark_without_waiting,
    go_on_after_a_failed_commit,
    try_again_what_is_uncertain,
    call_a_deferral_sent,
)


@pytest.mark.parametrize("plant", MUTANTS, ids=lambda each: each.__name__)
def test_a_wrong_way_of_marking_is_found_out(
    plant: Callable[[pytest.MonkeyPatch], None], make: Callable[[int], Ground], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    for seed in SEEDS:
        ground = make(seed)
        try:
            broken = live_and_die(ground, seed) != ([], [])
        except AssertionError:
            broken = True
        ground.store.close()
        if broken:
            return
    pytest.fail("no seed noticed the mutant")


def test_a_mark_without_its_conditions_is_found_out(
    make: Callable[[int], Ground], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Remove the compare-and-set: a "no" that was committed before the mark is overrun."""

    def overrun(ground: Ground) -> int:
        who = ground.join("ann@example.org")
        return _no_between_claim_and_mark(ground, who)

    assert overrun(make(1)) == 0

    def mark(self: Work, ids: object, owner: str, now: object, told: object = None) -> set[object]:
        return set(ids)  # type: ignore[call-overload]

    monkeypatch.setattr(Work, "mark", mark)
    assert overrun(make(2)) == 1


def _no_between_claim_and_mark(ground: Ground, who: SubscriberId) -> int:
    compose = ground.engine.letters.wire

    def compose_then_no(*args: object, **more: object) -> object:
        made = compose(*args, **more)  # type: ignore[arg-type]
        ground.engine.happen(Unsubscribed(who, EVIDENCE), ground.clock.now())
        return made

    ground.engine.letters.wire = compose_then_no  # type: ignore[method-assign, assignment]
    ground.tick()
    return len(ground.transport.sent)
