"""A run that is asked to stop finishes the messages under way: nothing is left uncertain, nothing claimed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drip.core.delivery import Outcome
from drip.core.events import AddedByAuthor
from drip.core.message import Wire
from drip.engine.apply import apply
from drip.engine.happen import perform
from drip.project import open_project
from drip.store.store import Store
from tests.stages import ACCEPTED, EVIDENCE, HERE, copy_example, open_ground

READERS = 200
PATIENCE_SECONDS = 120


def test_a_tick_that_is_stopped_finishes_what_is_under_way(tmp_path: Path, memory_store: Store) -> None:
    ground = open_ground(tmp_path, memory_store)
    for number in range(20):
        ground.join(f"r{number}@example.org")

    def answer(wire: Wire) -> Outcome:
        if len(ground.transport.sent) == 4:
            assert ground.engine.stop()
        return ACCEPTED

    ground.transport.answer = answer
    ticked = ground.tick()
    with ground.store.read() as work:
        counts = work.delivery_counts()
    assert 5 <= ticked.sent < 20
    assert ticked.more
    assert ticked.sent == len(ground.transport.sent) == counts["sent"]
    assert counts["due"] == 20 - ticked.sent
    assert not ground.engine.stop(), "nothing is under way any more"
    assert ground.tick().sent == 20 - ticked.sent, "and the next run goes on"


def test_a_wait_for_the_pace_is_cut_short_by_a_stop(tmp_path: Path, memory_store: Store) -> None:
    import asyncio

    ground = open_ground(tmp_path, memory_store)
    ground.join("ann@example.org")

    async def ready(wanted: int, *, urgent: bool = False) -> int:
        ground.engine.stop()
        await asyncio.Event().wait()  # a pace that would let nobody pass, ever
        return wanted

    ground.transport.ready = ready  # type: ignore[method-assign]
    assert ground.tick().sent == 0
    with ground.store.read() as work:
        assert work.delivery_counts()["due"] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_leaves_nothing_uncertain(tmp_path: Path, number: signal.Signals) -> None:
    log = tmp_path / "sink.log"
    log.touch()
    sink_command = [sys.executable, "tests/sinks.py", "--port", "0", "--log", str(log), "--latency", "0.05"]
    with subprocess.Popen(sink_command, cwd=HERE, stdout=subprocess.PIPE, text=True) as sink:
        try:
            assert sink.stdout is not None
            port = int(sink.stdout.readline().split()[-1])
            folder = copy_example(tmp_path / "project", relay=f"server: 127.0.0.1:{port}\n    lanes: 4")
            now = datetime.now(UTC)
            with open_project(folder) as project:
                apply(project.engine, project.wanted(), now)
                with project.store.write() as work:
                    scene = project.engine.scene(work, now)
                    for each in range(READERS):
                        perform(scene, AddedByAuthor(f"r{each}@example.org", "job-seekers", EVIDENCE, attested=True))
            command = [sys.executable, "-m", "drip", "run", "-C", str(folder), "--quiet"]
            with subprocess.Popen(command, cwd=HERE, env=os.environ, stderr=subprocess.DEVNULL) as run:
                deadline = time.monotonic() + PATIENCE_SECONDS
                while not log.stat().st_size and run.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.01)
                run.send_signal(number)
                code = run.wait(PATIENCE_SECONDS)
        finally:
            sink.terminate()
    reached = Counter(line.split()[1] for line in log.read_text().splitlines())
    with open_project(folder) as project, project.store.read() as work:
        counts = work.delivery_counts()
    assert code == 130
    assert 0 < counts["sent"] < READERS, "the signal must fall into the sending"
    assert counts["sent"] == len(reached) == sum(reached.values())
    assert counts["due"] == READERS - counts["sent"]
    assert counts["uncertain"] == counts["claimed"] == counts["sending"] == 0
