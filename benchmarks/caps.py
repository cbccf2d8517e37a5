"""What `at-most:` costs a broadcast in the store, and what its two indexes cost a project that has none.

Run it with `python benchmarks/caps.py [READERS] [PAST MAILS OF EACH] [ROUNDS]`. Three ways take turns on SQLite
files of their own: the indexes dropped and no cap, the indexes and no cap, the indexes and a cap. Each plans, claims,
marks and records one mail to every reader; printed are the CPU seconds of this process and the ratios of their medians.
"""

from __future__ import annotations

import platform
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from drip.core.caps import AtMost
from drip.core.delivery import DeliveryState, Outcome, OutcomeKind, Verdict
from drip.core.records import Kind, RevisionId
from drip.engine.capping import Capping
from drip.store.columns import EPOCH, MICROSECOND
from drip.store.results import Audience, Recorded
from drip.store.store import Store, open_store
from drip.store.work import Work

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
BATCH = 50
WAYS = ("no indexes, no cap", "no cap", "at-most: 1 a day, 3 a week")
ACCEPTED = Outcome(OutcomeKind.ACCEPTED, 250, "2.0.0", "ok")


def fill(work: Work, readers: int, past: int) -> None:
    """Readers of one list, each with a past of one mail a week."""
    now, week = (NOW - EPOCH) // MICROSECOND, timedelta(days=7) // MICROSECOND

    def numbers(name: str, most: int) -> str:
        counting = f"WITH RECURSIVE u(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM u WHERE n < {most})"
        return f"({counting} SELECT n FROM u) AS {name}"

    for statement in (
        "INSERT INTO subscriber (id, email, mailbox, created_at, fields)"
        f" SELECT n, 'p' || n || '@example.com', 'm' || n, 0, '{{}}' FROM {numbers('r', readers)}",
        "INSERT INTO subscription (subscriber_id, list, state, requested_at, confirmed_at)"
        f" SELECT n, 'letter', 'active', 0, 0 FROM {numbers('r', readers)}",
        "INSERT INTO delivery (occasion, mailbox, subscriber_id, campaign, post, kind, state, due_at, planned_at,"
        " revision_id, list, marked_at, finished_at)"
        f" SELECT 'past-' || p.n, 'm' || r.n, r.n, 'c', 'p', 2 + p.n % 2, 'sent', {now} - p.n * {week},"
        f" {now} - p.n * {week}, 1, 'letter', {now} - p.n * {week}, {now} - p.n * {week}"
        f" FROM {numbers('r', readers)}, {numbers('p', past)}",
    ):
        work._connection.execute(text(statement))


def send_all(store: Store, cap: AtMost | None, readers: int) -> float:
    """The CPU seconds of one broadcast, without the mails themselves."""
    audience = Audience("now", "c", "p", "letter", NOW, store_revision(store), NOW + timedelta(hours=6))
    capping = None if cap is None else Capping(cap, "UTC", "bench", NOW, {}, lambda *_: None)
    started = time.process_time()
    with store.write() as work:
        assert work.plan_for_list(audience, NOW) == readers
    sent = 0
    while True:
        with store.write() as work:
            claimed = work.claim("bench", NOW, BATCH, [Kind.BROADCAST]).deliveries
            people = work.readers_for(claimed)
            if capping is not None:
                held = capping.hold(work, [(each, people[each.id][0]) for each in claimed])
                assert not held.put_off
        if not claimed:
            break
        with store.write() as work:
            marked = work.mark([each.id for each in claimed], "bench", NOW)
        with store.write() as work:
            verdict = Verdict(DeliveryState.SENT, None, "accepted")
            sent += len(
                work.record([Recorded(each, 1, verdict, ACCEPTED, "relay", NOW, NOW) for each in marked], "bench")
            )
    assert sent == readers
    return time.process_time() - started


def store_revision(store: Store) -> RevisionId:
    """The one revision there is."""
    with store.read() as work:
        return work.live_ids()["c"]


def one(way: str, readers: int, past: int) -> float:
    """One way, on a new database."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/drip.db", root=Path(folder))
        store.create_or_check()
        with store.write() as work:
            work.add_revision("c", "d", {}, NOW)
            fill(work, readers, past)
            if way == WAYS[0]:
                for index in ("delivery_contending", "delivery_last_broadcast"):
                    work._connection.execute(text(f"DROP INDEX {index}"))
        seconds = send_all(store, AtMost("", 1, 3) if way == WAYS[2] else None, readers)
        store.close()
        return seconds


def main() -> None:
    """Take turns, and compare."""
    readers, past, rounds = (int(each) for each in (*sys.argv[1:], *("2000", "60", "5")[len(sys.argv) - 1 :]))
    print(f"{platform.machine()}, Python {platform.python_version()}: {readers:,} readers, {past} past mails each")
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            seconds[way].append(one(way, readers, past))
    base = statistics.median(seconds[WAYS[1]])
    for way, each in seconds.items():
        middle = statistics.median(each)
        print(f"{way:<28} {middle:7.3f} s   {middle / readers * 1e6:6.0f} µs a mail   {middle / base:5.2f} of `no cap`")


if __name__ == "__main__":
    main()
