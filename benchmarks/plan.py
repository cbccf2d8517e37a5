"""`drip plan` with a million people inside, as it is typed: what an edit does, and the thirty days ahead.

Run it with `python benchmarks/plan.py [PEOPLE]`. It fills a SQLite file of its own by SQL: people who had the first
post of the worked example within the last ten days, at a moment of their own each, in eight zones.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

START = datetime.now(UTC).replace(microsecond=0)
CAMPAIGN, SEQUENCE, LIST = "six-deadly-mistakes", "invite", "job-seekers"
ZONES = ("America/New_York", "America/Los_Angeles", "Europe/Berlin", "Europe/London", "Asia/Kolkata",
         "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo")  # fmt: skip


def fill(connection: Any, people: int) -> None:
    """Everybody waits for the second step."""
    from sqlalchemy import text

    from drip.store.columns import EPOCH, MICROSECOND

    now = (START - EPOCH) // MICROSECOND
    day = timedelta(days=1) // MICROSECOND
    each = 10 * day // people
    zone = "CASE n % 8 " + " ".join(f"WHEN {number} THEN '{name}'" for number, name in enumerate(ZONES)) + " END"
    numbers = f"(WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < {people}) SELECT n FROM up)"
    for statement in (
        "INSERT INTO subscriber (id, email, mailbox, created_at, zone, fields) "
        f"SELECT n, 'p' || n || '@example.com', 'm' || n, {now - 20 * day}, {zone}, '{{}}' FROM {numbers} AS numbers",
        "INSERT INTO subscription (subscriber_id, list, state, requested_at, confirmed_at) "
        f"SELECT n, '{LIST}', 'active', {now - 20 * day}, {now - 20 * day} FROM {numbers} AS numbers",
        "INSERT INTO enrollment"
        " (id, campaign, sequence, subscriber_id, occasion, state, started_at, next_due, next_step) "
        f"SELECT n, '{CAMPAIGN}', '{SEQUENCE}', n, 'first', 'running', {now - 10 * day} + {each} * n,"
        f" {now} + {each} * n / 5, '{SEQUENCE}/two-second-resume-fix' FROM {numbers} AS numbers",
        "INSERT INTO step_done (enrollment_id, step, did, at, reason) "
        f"SELECT n, '{SEQUENCE}/own-the-mistake', 'sent', {now - 10 * day} + {each} * n, 'due'"
        f" FROM {numbers} AS numbers",
    ):
        connection.execute(text(statement))


def drip(folder: Path, *words: str) -> None:
    """One command, and what it took."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "drip", "-C", str(folder), *words], capture_output=True, text=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"\n$ drip {' '.join(words)}\n{done.stdout}{wall:.2f} s, {processor:.2f} s of processor", flush=True)


def main() -> None:
    """Fill, look ahead, edit, plan."""
    from drip.engine.apply import apply
    from drip.project import open_project
    from tests.stages import copy_example

    people = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    busy = f", {os.getloadavg()[0]:.1f} at work" if hasattr(os, "getloadavg") else ""
    print(f"{platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores{busy}, {people:,} people")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "project"
        copy_example(folder)
        with open_project(folder) as project:
            apply(project.engine, project.wanted(), START)
            with project.store.write() as work:
                fill(work._connection, people)
        drip(folder, "plan", "--days", "30")
        plot = folder / "campaigns" / CAMPAIGN / "campaign.yaml"
        plot.write_text(plot.read_text().replace("when: 2 days later at 9:30", "when: 1 day later at 9:30"))
        drip(folder, "plan")
        drip(folder, "plan", "--days", "30")


if __name__ == "__main__":
    main()
