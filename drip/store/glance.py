"""A glance at a SQLite database through the standard library: is anything due, and if not, when is the next thing?

cron calls `drip run` every minute, and most minutes have nothing due. Loading SQLAlchemy to find that out takes
longer than everything else together, so this asks the handful of questions by hand. It never changes more than
the record of the run, and answers "look properly" (None) whenever anything is unusual: another schema, a run at
work or dead, a busy or missing file. A test holds its answer against `Engine.is_idle` and `next_moment`.
Called by `drip.project.Project.glance` only.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drip.core.clock import doubt
from drip.core.records import Kind
from drip.store.age import HEAD

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FILE_URL = "sqlite:///"
BUSY_SECONDS = 1.0

# Each is the first row of a partial index (drip/store/schema.py); the conditions are theirs, word for word.
NEXT: tuple[tuple[str, tuple[int, ...]], ...] = (
    (
        "SELECT next_due FROM enrollment WHERE state = 'running' AND next_due IS NOT NULL AND paused_at IS NULL"
        " ORDER BY next_due LIMIT 1",
        (),
    ),
    *(
        (
            "SELECT due_at FROM delivery WHERE state = 'due' AND paused_at IS NULL AND kind = ?"
            " ORDER BY due_at LIMIT 1",
            (kind.value,),
        )
        for kind in Kind
    ),
    ("SELECT ends FROM session WHERE closed_at IS NULL AND withdrawn_at IS NULL ORDER BY ends LIMIT 1", ()),
    ("SELECT offer_expires FROM waiting WHERE state = 'offered' ORDER BY offer_expires LIMIT 1", ()),
    ("SELECT settles_at FROM click WHERE settles_at IS NOT NULL ORDER BY settles_at LIMIT 1", ()),
    (
        "SELECT due_at FROM broadcast WHERE state = 'planned' AND campaign NOT IN"
        " (SELECT campaign FROM pause WHERE resumed_at IS NULL AND sequence = '') ORDER BY due_at LIMIT 1",
        (),
    ),
)
UNUSUAL: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("SELECT 1 FROM delivery WHERE state IN ('claimed', 'sending') LIMIT 1", ()),
    ("SELECT 1 FROM delivery WHERE state = 'uncertain' AND kind = ? LIMIT 1", (Kind.CONFIRMATION.value,)),
)

IDLE_RUNS_KEPT = timedelta(days=40)
PRUNED_EVERY = 1_000
"""Each idle minute leaves a row, for whoever watches that runs keep coming; old ones go, once in so many."""


@dataclass(frozen=True, slots=True)
class Glance:
    """Nothing is due; the next thing is at `next_at`, or nothing is planned at all."""

    next_at: datetime | None


def glance(url: str, root: Path, owner: str, now: datetime) -> Glance | None:
    """What a look shows, after recording this run; None where a proper look is needed."""
    if not url.startswith(FILE_URL) or "?" in url or ":memory:" in url:
        return None
    path = root / url.removeprefix(FILE_URL)
    if not path.is_file():
        return None
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            return _look(connection, owner, now)
    except sqlite3.Error:
        return None


def _look(connection: sqlite3.Connection, owner: str, now: datetime) -> Glance | None:
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        return None
    if connection.execute("SELECT version_num FROM schema_version").fetchall() != [(HEAD,)]:
        return None
    if connection.execute("SELECT 1 FROM revision WHERE campaign = '' LIMIT 1").fetchone() is None:
        return None
    if any(connection.execute(*question).fetchone() for question in UNUSUAL):
        return None
    last = connection.execute("SELECT started_at FROM run ORDER BY id DESC LIMIT 1").fetchone()
    if last is not None and doubt(now, EPOCH + timedelta(microseconds=last[0])):
        return None
    found = [row[0] for question in NEXT if (row := connection.execute(*question).fetchone()) is not None]
    moment = (now - EPOCH) // MICROSECOND
    if any(each <= moment for each in found):
        return None
    connection.execute("PRAGMA synchronous=FULL")
    written = connection.execute(
        "INSERT INTO run (started_at, finished_at, owner, sent, note) VALUES (?, ?, ?, 0, '')", (moment, moment, owner)
    )
    if (written.lastrowid or 0) % PRUNED_EVERY == 0:
        old = moment - IDLE_RUNS_KEPT // MICROSECOND
        connection.execute("DELETE FROM run WHERE sent = 0 AND note = '' AND started_at < ?", (old,))
    return Glance(EPOCH + timedelta(microseconds=min(found)) if found else None)
