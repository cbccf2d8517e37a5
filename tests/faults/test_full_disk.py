"""A disk that fills up in the midst of sending: what cannot be recorded is not sent, and nothing is lost (exit 75).

The disk is a small one in memory (tmpfs), which only root may mount: elsewhere the test is skipped.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drip.errors import CannotRecord
from tests.faults.bench import add_crowd, finish, make_project, open_sink
from tests.faults.history import judge
from tests.faults.nursery import Nursery

CYCLES = int(os.environ.get("DRIP_FULL_DISKS", "8"))
READERS_EACH = 40
LANES = 4
DISK_BYTES = 48 * 2**20
LATENCY_SECONDS = 0.005


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that is a file system of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", place], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(place: Path) -> Path:
    """Write until there is no room."""
    filler = place / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 65_536)
    with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(b"\0")
    return filler


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_full_disk_stops_the_run_and_loses_nothing(tmp_path: Path, small_disk: Path) -> None:
    readers = CYCLES * READERS_EACH
    store_url = f"sqlite:///{small_disk / 'drip.db'}"
    dice = random.Random(40)
    codes = []
    with open_sink(tmp_path, latency=LATENCY_SECONDS) as sink:
        folder = make_project(tmp_path / "project", sink, lanes=LANES)
        add_crowd(folder, store_url, readers)
        with Nursery(folder, store_url) as nursery:
            for _ in range(CYCLES):
                wanted = sink.count() + dice.randint(1, READERS_EACH // 2)
                run = nursery.run("--quiet")
                while sink.count() < wanted and run.poll() is None:
                    time.sleep(0.002)
                filler = fill(small_disk)
                codes.append(run.wait())
                at_the_end = sink.count()
                filler.unlink()
                assert sink.count() == at_the_end, "nothing is sent after it"
        finish(folder, store_url, sink.port)
        judged = judge(folder, store_url, sink.log)
    assert codes.count(CannotRecord.exit_code) >= CYCLES // 2, codes
    assert set(codes) <= {0, CannotRecord.exit_code}
    assert not judged.faults
    assert judged.states["planned"] == readers
    assert judged.states["sent"] + judged.uncertain == readers
    assert judged.uncertain <= codes.count(CannotRecord.exit_code) * LANES
