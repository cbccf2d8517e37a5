"""Holds what the relay took against what drip says: the sink's log is the truth, drip's own word is what is judged.

The checks are of the whole history, not of a count: each message by its Message-ID, each delivery by its row.
Used by every test of this folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drip.core.delivery import DeliveryState
from drip.core.records import Delivery
from drip.engine.letters import message_id
from drip.project import Project, open_project

PAGE = 5_000
ENDED = frozenset(
    {
        DeliveryState.SENT,
        DeliveryState.UNCERTAIN,
        DeliveryState.FAILED,
        DeliveryState.SKIPPED,
        DeliveryState.EXPIRED,
        DeliveryState.CANCELLED,
    }
)


@dataclass(frozen=True)
class Judged:
    """What was found. `faults` is empty when every promise held."""

    faults: tuple[str, ...]
    states: Counter[str]
    accepted: int

    @property
    def uncertain(self) -> int:
        """How many deliveries ended without a verdict."""
        return self.states[DeliveryState.UNCERTAIN.value]


def judge(folder: Path, store_url: str, log: Path, *, since: int = 0, finished: bool = True) -> Judged:
    """Compare the sink's log (from byte `since` on) with the store of a project."""
    lines = log.read_bytes()[since:].decode().splitlines()
    accepted = [line.split("\t") for line in lines]
    with open_project(folder, store_url=store_url) as project:
        rows = {_name(project, each): each for each in _deliveries(project)}
        with project.store.read() as work:
            counts = Counter(dict(work.delivery_counts()))
    faults = [*_twice(accepted), *_held_against(accepted, rows), *_sums(counts, len(rows))]
    if finished:
        open_ones = (each for each in rows.values() if each.state not in ENDED)
        faults += [f"{each.post} to {each.mailbox[:8]} is still {each.state}" for each in open_ones]
    return Judged(tuple(faults), counts, len(accepted))


def _name(project: Project, delivery: Delivery) -> str:
    return message_id(project.engine.keys, delivery, project.definition.bounces.rpartition("@")[2])


def _deliveries(project: Project) -> Iterator[Delivery]:
    for state in DeliveryState:
        last = 0
        while True:
            with project.store.read() as work:
                page = work.deliveries_in(state, last, PAGE)
            if not page:
                break
            yield from page
            last = page[-1].id


def _twice(accepted: list[list[str]]) -> Iterator[str]:
    for name, number in Counter(name for name, *_ in accepted).items():
        if number > 1:
            yield f"{name} was sent {number} times"


def _held_against(accepted: list[list[str]], rows: dict[str, Delivery]) -> Iterator[str]:
    """Whoever is called sent was reached; whoever was reached is called sent, or known to be uncertain."""
    reached = {name for name, *_ in accepted}
    for name in reached - set(rows):
        yield f"{name} was sent, and no delivery has this name"
    for name, row in rows.items():
        if row.state is DeliveryState.SENT and name not in reached:
            yield f"{name} is called sent, and the relay never had it"
        if name in reached and row.state not in (DeliveryState.SENT, DeliveryState.UNCERTAIN, DeliveryState.SENDING):
            yield f"{name} was sent, and is called {row.state}"


def _sums(counts: Counter[str], rows: int) -> Iterator[str]:
    total = sum(number for state, number in counts.items() if state != "planned")
    if counts["planned"] != total or total != rows:
        yield f"planned {counts['planned']}, in states {total}, rows {rows}"
