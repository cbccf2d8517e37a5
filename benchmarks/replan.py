"""An edit with a million people inside: moving them all, counting them for `plan`, and a run with nothing due.

Run it with `python benchmarks/replan.py [PEOPLE] [DATABASE URL]`; without a URL it makes a SQLite file of its own.
"""

from __future__ import annotations

import platform
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from drip.core.at_once import tally
from drip.core.model import Campaign, Sequence, Step, Trigger, TriggerKind, Verb
from drip.core.places import places
from drip.core.when import parse_when
from drip.engine.planning import Look
from drip.store.columns import EPOCH, MICROSECOND
from drip.store.store import open_store
from drip.store.work import Work

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
LOOKS = 100


def plot(second: str) -> Campaign:
    """Three steps; the delay of the second is what the edit changes."""
    lines = (("a", "at once"), ("b", second), ("c", "3 days later at 9:30"))
    steps = tuple(Step("s", Verb.SEND, post, parse_when(when)) for post, when in lines)
    start = Trigger("joins letter", TriggerKind.JOINS, "letter")
    return Campaign("c", "C", "UTC", sequences=(Sequence("s", start, steps),))


def fill(connection: Any, people: int) -> None:
    """People who had the first step within the last ten days and wait for the second, made by SQL alone."""
    now = (NOW - EPOCH) // MICROSECOND
    day = timedelta(days=1) // MICROSECOND
    if connection.dialect.name == "postgresql":
        numbers = f"(SELECT n FROM generate_series(1, {people}) AS n)"
    else:
        numbers = (
            f"(WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < {people}) SELECT n FROM up)"
        )
    for statement in (
        f"INSERT INTO subscriber (id, email, mailbox, created_at, fields) "
        f"SELECT n, 'p' || n || '@example.com', 'm' || n, {now - 20 * day}, '{{}}' FROM {numbers} AS numbers",
        "INSERT INTO enrollment"
        " (id, campaign, sequence, subscriber_id, occasion, state, started_at, next_due, next_step) "
        f"SELECT n, 'c', 's', n, 'first', 'running', {now - 11 * day}, {now + day} + n, 's/b' "
        f"FROM {numbers} AS numbers",
        "INSERT INTO subscription (subscriber_id, list, state, requested_at, confirmed_at) "
        f"SELECT n, 'letter', 'active', {now - 20 * day}, {now - 20 * day} FROM {numbers} AS numbers",
        f"INSERT INTO step_done (enrollment_id, step, did, at, reason) "
        f"SELECT n, 's/a', 'sent', {now - 10 * day} + 800000 * CAST(n AS BIGINT), 'due' FROM {numbers} AS numbers",
    ):
        connection.execute(text(statement))


def numbers_of(work: Work, delay: str) -> str:
    """What `drip plan` says of the edit of the second step to that delay."""
    wanted = plot(delay)
    does, waits = tally(Look(plot("20 days later"), wanted, wanted.sequences[0], "UTC", False).outcomes(work, NOW))
    return f"{does['s/b']:,} at once, {waits['s/b']:,} later"


def timed(name: str, act: Callable[[], object]) -> None:
    """Print how long it took, and what it answered."""
    started = time.perf_counter()
    answer = act()
    print(f"{name:<44} {time.perf_counter() - started:9.3f} s   {answer}")


def main() -> None:
    """Fill, edit, count, look."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{Path(folder) / 'drip.db'}"
        store = open_store(url, root=Path("/"))
        store.create_or_check()
        print(
            f"{platform.machine()}, Python {platform.python_version()}, {url.partition(':')[0]}, {people:,} enrollments"
        )
        with store.write() as work:
            timed("fill", lambda: fill(work._connection, people))
        if url.startswith("postgresql"):
            with store.write() as work:
                work._connection.execute(text("ANALYZE"))
        with store.read() as work:
            timed("count who waits (`drip plan`)", lambda: dict(work.count_waiting("c")))

        for delay in ("1 day later", "10 days later at 9:30"):
            with store.read() as work:
                timed(f"who is due at once, at `{delay}` (`drip plan`)", lambda: numbers_of(work, delay))  # noqa: B023

        def nothing_due() -> None:
            with store.write() as work:
                for _ in range(LOOKS):
                    assert not work.due_enrollments(NOW, 200)
                    work.next_wake()

        timed(f"{LOOKS} looks with nothing due", nothing_due)
        spots = places(plot("20 days later"), plot("1 day later"), "s")

        def edit() -> int:
            with store.write() as work:
                return work.replan("c", "s", spots, NOW)

        timed("move everybody after an edit", edit)
        store.close()


if __name__ == "__main__":
    main()
