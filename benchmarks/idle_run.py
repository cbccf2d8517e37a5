"""`drip run` with nothing due: how long cron's every minute takes, with nobody and with 100,000 people waiting.

Interleaved in one run, whole processes with their start-up. Prints medians in milliseconds and the ratio.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from drip.core.events import AddedByAuthor
from drip.core.records import Did, StepDone
from drip.engine.apply import apply
from drip.engine.happen import perform
from drip.project import open_project
from tests.stages import EVIDENCE, copy_example

WAITING = 100_000
ROUNDS = 15


def a_project(folder: Path, waiting: int) -> Path:
    """The example with so many people between their first and their second post: one is made, the others copied."""
    copy_example(folder)
    now = datetime.now(UTC)
    with open_project(folder) as project:
        apply(project.engine, project.wanted(), now)
        if waiting:
            with project.store.write() as work:
                event = AddedByAuthor("r0@example.org", "job-seekers", EVIDENCE, attested=True)
                who = perform(project.engine.scene(work, now), event).subscriber_id
                assert who is not None
                enrollment = work.running(who)[0]
                work.step_done(enrollment.id, StepDone("invite/own-the-mistake", Did.SENT, now, "accepted"))
                work.wait_until(enrollment.id, now + timedelta(days=2))
    multiply(folder / "drip.db", waiting - 1)
    return folder


def multiply(database: Path, copies: int) -> None:
    """Copy the one reader and everything that hangs on it, in SQL, since a hundred thousand events take minutes."""
    connection = sqlite3.connect(database)
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    for table, changed in (
        ("subscriber", {"id": "t.id + i", "email": "'r' || i || '@example.org'", "mailbox": "t.mailbox || i"}),
        ("subscription", {"id": "t.id + i", "subscriber_id": "t.subscriber_id + i"}),
        ("enrollment", {"id": "t.id + i", "subscriber_id": "t.subscriber_id + i", "next_due": "t.next_due + i"}),
        ("step_done", {"id": "t.id + i", "enrollment_id": "t.enrollment_id + i"}),
    ):
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        picked = ", ".join(changed.get(each, f"t.{each}") for each in columns)
        if copies > 0:
            connection.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) {numbers} SELECT {picked} FROM n, {table} t "
                f"WHERE t.id = (SELECT min(id) FROM {table})",
                (copies,),
            )
    connection.commit()
    connection.close()


def run_once(folder: Path) -> float:
    """One idle `drip run`, in seconds."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "drip", "run", "-C", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout.startswith("nothing is due"), done.stdout
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as scratch:
        empty = a_project(Path(scratch) / "empty", 0)
        full = a_project(Path(scratch) / "full", WAITING)
        pairs = [(run_once(empty), run_once(full)) for _ in range(ROUNDS)]
    nobody, many = (statistics.median(each) * 1000 for each in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"idle `drip run` on {platform.processor() or platform.machine()}, Python {platform.python_version()},")
    print(f"{os.cpu_count()} cores, {ROUNDS} rounds, interleaved, whole process")
    print(f"  nobody waiting            {nobody:6.0f} ms")
    print(f"  {WAITING:,} people waiting    {many:6.0f} ms   ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
