"""Runs that are stopped in the midst of sending (SIGSTOP) and wake up again after others did the rest (SIGCONT).

A stopped process still holds its kernel lock, so nobody takes it for dead, however long it sleeps; what it had marked
is sent by it alone, when it wakes.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.faults.bench import add_crowd, finish, make_project, open_sink
from tests.faults.history import judge
from tests.faults.nursery import Child, Nursery

ZOMBIES = int(os.environ.get("DRIP_ZOMBIES", "12"))
READERS_EACH = 30
LANES = 4
LATENCY_SECONDS = 0.02  # long enough that a run is stopped in its midst, also where we are slow to notice
OTHERS_SECONDS = 3.0
"""How long the others may work while the stopped one sleeps: it may have gone to sleep inside a transaction."""


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_runs_that_wake_up_again_send_nothing_twice(tmp_path: Path, store_url: str) -> None:
    readers = ZOMBIES * READERS_EACH
    dice = random.Random(60)
    with open_sink(tmp_path, latency=LATENCY_SECONDS) as sink:
        folder = make_project(tmp_path / "project", sink, lanes=LANES)
        add_crowd(folder, store_url, readers)
        stopped = 0
        with Nursery(folder, store_url) as nursery:
            for number in range(ZOMBIES):
                wanted = sink.count() + dice.randint(1, READERS_EACH // 2)
                zombie = nursery.run("--quiet")
                _until(lambda wanted=wanted: sink.count() >= wanted, zombie)  # type: ignore[misc]
                stopped += zombie.signal(signal.SIGSTOP)
                other = nursery.run("--quiet", "--limit", str(READERS_EACH // 3))
                _until(lambda: False, other, OTHERS_SECONDS)
                zombie.signal(signal.SIGCONT)
                other.wait()
                # One in two goes on to the end of its work, the others die while they wake.
                if number % 2:
                    zombie.signal(signal.SIGKILL)
                elif number < ZOMBIES - 2:
                    zombie.signal(signal.SIGTERM)
                zombie.wait()
        finish(folder, store_url, sink.port)
        judged = judge(folder, store_url, sink.log)
    assert stopped >= ZOMBIES // 2
    assert not judged.faults
    assert judged.states["planned"] == readers
    assert judged.states["sent"] + judged.uncertain == readers
    assert judged.uncertain <= stopped * LANES


def _until(reached: object, run: Child, seconds: float = 60.0) -> None:
    """Wait for a condition, the end of the run, or so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and run.poll() is None:
        if callable(reached) and reached():
            return
        time.sleep(0.005)
