"""The ledger alone: claim, mark, record, as a run does it for one broadcast, with no message made and none sent.

    python benchmarks/ledger.py [--readers 4000] [--groups 1 10 20 50] [--rounds 3]

A group is what one durable commit serves: the marks of so many messages and the outcomes of those before. Printed are
the microseconds of processor time a message of each part (of PostgreSQL only our side's), and of the wall clock for all
of it, which waits for the disk as well. SQLite and PostgreSQL, where that is installed, and the groups take turns
within a round; printed is the median of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _crowd import a_project
from _server import durable_server

from drip.core.delivery import Outcome, OutcomeKind
from drip.core.records import Delivery
from drip.engine.ledger import Ledger
from drip.engine.sending import recorded
from drip.project import open_project
from drip.store.send_journal import SendJournal
from drip.store.work import Work
from tests.conftest import postgres_folder

CLAIMED = 400
PARTS = ("claim", "readers", "mark", "record", "log", "commit", "all")


@dataclass
class Clocks:
    """Processor seconds by part."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def timed(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        """`act`, its time added up."""

        def and_look(*args: Any, **more: Any) -> Any:
            began = time.thread_time()
            try:
                return act(*args, **more)
            finally:
                self.seconds[name] += time.thread_time() - began

        return and_look


async def through_the_ledger(ledger: Ledger, deliveries: list[Delivery], group: int, now: datetime) -> None:
    """What the lanes of a run ask of it: each lane a mark, then its outcome with the next mark."""
    waiting = iter(deliveries)

    async def lane() -> None:
        for number, each in enumerate(waiting):
            if await ledger.mark(each):
                said = Outcome(OutcomeKind.ACCEPTED, 250, "2.0.0", f"Ok: queued as {number:x}")
                ledger.record(each, recorded(each, said, "relay.example:587", now))

    server = asyncio.create_task(ledger.serve())
    await asyncio.gather(*(lane() for _ in range(group)))
    ledger.close()
    await server


def one(group: int, readers: int, store_url: str) -> dict[str, float]:
    """Microseconds a message of each part."""
    clocks = Clocks()
    kept = {name: getattr(Work, name) for name in ("claim", "readers_for", "mark", "record", "log")}
    with tempfile.TemporaryDirectory() as folder:
        a_project(Path(folder), readers, "server: 127.0.0.1:1", store_url)
        now = datetime.now(UTC)
        with open_project(Path(folder), store_url=store_url or None) as project:
            ownership = project.store.take_ownership("bench")
            project.engine._prepare(now)
            for name, act in kept.items():
                setattr(Work, name, clocks.timed(name, act))
            journal = SendJournal(Path(folder) / "sends")
            ledger_seconds = 0.0
            began, began_all = time.process_time(), time.perf_counter()
            try:
                while claimed := project.store.transact(lambda work: claim(work, now)):
                    before = time.process_time()
                    asyncio.run(through_the_ledger(Ledger(project.store, "bench", now, journal), claimed, group, now))
                    ledger_seconds += time.process_time() - before
            finally:
                for name, act in kept.items():
                    setattr(Work, name, act)
            whole, wall = time.process_time() - began, time.perf_counter() - began_all
            with project.store.read() as work:
                assert work.delivery_counts()["sent"] == readers
            journal.close()
            ownership.release()
    seconds = {name.removesuffix("_for"): spent for name, spent in clocks.seconds.items()}
    seconds |= {"all": whole, "wall": wall}
    seconds["commit"] = ledger_seconds - seconds["mark"] - seconds["record"] - seconds["log"]
    return {name: spent / readers * 1e6 for name, spent in seconds.items()}


def claim(work: Work, now: datetime) -> list[Delivery]:
    """The next deliveries and what their messages need."""
    claimed = work.claim("bench", now, CLAIMED)
    work.readers_for(claimed.deliveries)
    return list(claimed.deliveries)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=4000)
    parser.add_argument("--groups", type=int, nargs="+", default=[1, 10, 20, 50])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()}")
    rounds: dict[tuple[str, int], list[dict[str, float]]] = defaultdict(list)
    with contextlib.ExitStack() as stack:
        server = None if postgres_folder() is None else stack.enter_context(durable_server())
        for _, group in itertools.product(range(given.rounds), given.groups):
            rounds["SQLite", group].append(one(group, given.readers, ""))
            if server is not None:
                name = server.new_database()
                rounds["PostgreSQL", group].append(one(group, given.readers, server.url(name)))
                server.drop(name)
    for (store, group), found in sorted(rounds.items()):
        middle = {name: statistics.median(each[name] for each in found) for name in (*PARTS, "wall")}
        parts = ", ".join(f"{name} {middle[name]:.1f}" for name in PARTS)
        print(f"{store:10} groups of {group:>3}: {parts} µs of processor, {middle['wall']:.0f} of the wall clock")


if __name__ == "__main__":
    main()
