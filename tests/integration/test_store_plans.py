"""What is asked often is answered by an index, and as fast with a hundred thousand people as with ten."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drip.core.delivery import DeliveryState
from drip.core.records import (
    DeliveryId,
    EnrollmentState,
    Kind,
    NewDelivery,
    Registration,
    RegistrationId,
    RegistrationState,
    RevisionId,
    SubscriberId,
)
from drip.store.caps import PutOff
from drip.store.enrollments import due_statement
from drip.store.store import Store, open_store
from drip.store.work import Work
from tests.statements import heard

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
MANY = 100_000


def crowd(work: Work, engine: str) -> None:
    """People, each waiting in a sequence for tomorrow, each with a sent and a not yet due delivery."""
    tomorrow = int((NOW + timedelta(days=1)).timestamp() * 1_000_000)
    work.add_revision("c", "d", {}, NOW)
    if engine == "postgresql":
        numbers = f"FROM generate_series(1, {MANY}) AS n(i)"
    else:
        numbers = (
            f"FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) SELECT i FROM n)"
        )
    run = work._connection.exec_driver_sql
    if engine == "postgresql":
        run("SET session_replication_role = replica")  # what follows belongs together; checking it takes half a minute
    run(f"INSERT INTO subscriber (email, mailbox, created_at) SELECT 'p' || i || '@example.com', 'p' || i, 0 {numbers}")
    run(
        "INSERT INTO enrollment (campaign, sequence, subscriber_id, occasion, state, started_at, next_due)"
        f" SELECT 'c', 's', i, 'first', 'running', 0, {tomorrow} + i {numbers}"
    )
    for occasion, state, kind in (("old", "sent", 2), ("new", "due", 3)):
        run(
            "INSERT INTO delivery (occasion, mailbox, subscriber_id, campaign, post, kind, state, due_at, planned_at,"
            f" revision_id, enrollment_id, finished_at) SELECT '{occasion}', 'p' || i, i, 'c', 'p', {kind}, '{state}',"
            f" {tomorrow} + i, 0, 1, i, 5 {numbers}"
        )


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def crowded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('crowd') / 'drip.db'}"
    else:
        server = request.getfixturevalue("postgres_server")
        url = server.url(server.new_database())
    with contextlib.closing(open_store(url, root=Path("/"))) as store:
        store.create_or_check()
        with store.write() as work:
            crowd(work, request.param)
        if request.param == "postgresql":
            with store.write() as work:
                work._connection.exec_driver_sql("ANALYZE")
        yield store


ASKED: dict[str, Callable[[Work], Any]] = {
    "due_enrollments": lambda work: work.due_enrollments(NOW, 500),
    "upcoming": lambda work: work.upcoming(3),
    "next_wake": lambda work: work.next_wake(),
    "next_delivery_due": lambda work: work.next_delivery_due(),
    "due_broadcasts": lambda work: work.due_broadcasts(NOW),
    "claim": lambda work: work.claim("me", NOW, 500),
    "uncertain": lambda work: work.deliveries_in(DeliveryState.UNCERTAIN),
    "uncertain_confirmations": lambda work: work.uncertain_confirmations(NOW, 3),
    "readers_for": lambda work: work.readers_for(work.deliveries(SubscriberId(77))),
    "owners": lambda work: work.owners(),
    "mark": lambda work: work.mark([DeliveryId(5), DeliveryId(7)], "me", NOW),
    "settle_refused": lambda work: work.settle_refused([DeliveryId(5)], "me", NOW),
    "recover": lambda work: work.recover("nobody", NOW),
    "end_enrollment": lambda work: work.end_enrollment(_none(), EnrollmentState.GOAL, "", NOW),
    "deliveries": lambda work: work.deliveries(SubscriberId(77)),
    "count_recent_asks": lambda work: work.count_recent_asks("p9", NOW),
    "plan_delivery": lambda work: work.plan_delivery(
        NewDelivery("old", "p9", SubscriberId(9), "c", "p", Kind.SEQUENCE, NOW, RevisionId(1)), NOW
    ),
    "running": lambda work: work.running(SubscriberId(9)),
    "hold_deliveries": lambda work: work.hold_deliveries(_seat()),
    "steps_under_way": lambda work: work.steps_under_way(_seat()),
    "cancel_notices": lambda work: work.cancel_notices(_seat(), "moved", NOW),
    "counted": lambda work: work.counted([SubscriberId(9), SubscriberId(77)], NOW - timedelta(days=8)),
    "contending": lambda work: work.contending([SubscriberId(9), SubscriberId(77)], NOW + timedelta(days=3)),
    "put_off": lambda work: work.put_off([PutOff(DeliveryId(5), NOW, None)], "me"),
    "skip_capped": lambda work: work.skip_capped([DeliveryId(5)], "me", NOW),
    "count_drips_due": lambda work: work.count_drips_due(NOW + timedelta(days=3), 201),
    "hold_drips": lambda work: work.hold_drips(NOW),
    "release_drips": lambda work: work.release_drips(),
    "held_by_reason": lambda work: work.held_by_reason(),
    "next_offer_end": lambda work: work.next_offer_end(),
    "facts_for": lambda work: work.facts_for(work.enrollments(SubscriberId(9)), "UTC"),
}


def _seat() -> Registration:
    return Registration(RegistrationId(1), SubscriberId(77), "c", "s", RegistrationState.BOOKED, NOW)


def _none() -> Any:
    return 10**9


@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked_often_never_walks_a_whole_table(crowded: Store, name: str) -> None:
    with crowded.write() as work:
        with heard(crowded) as seen:
            ASKED[name](work)
        assert seen
        for statement, parameters in seen:
            if statement.startswith("SAVEPOINT"):
                continue
            how = "EXPLAIN QUERY PLAN" if crowded._engine.dialect.name == "sqlite" else "EXPLAIN"
            rows = work._driver.execute(f"{how} {statement}", parameters).fetchall()
            plan = [str(row[-1]) for row in rows]
            for line in plan:
                for table in ("delivery", "enrollment", "subscriber"):
                    for walk in (f"SCAN {table}", f"Seq Scan on {table}"):
                        # A partial index of only the live rows may be walked whole: that is what it is for.
                        assert walk not in line or f"INDEX {table}_" in line, f"{statement}\n" + "\n".join(plan)


def test_the_due_are_found_by_the_partial_index(crowded: Store) -> None:
    compiled = due_statement().statement.compile(dialect=crowded._engine.dialect)
    if crowded._engine.dialect.name == "postgresql":
        with crowded.read() as work:
            found = work._connection.exec_driver_sql(f"EXPLAIN {compiled}", {"now": 1, "most": 1})
            plan = found.scalars().all()
        assert any("Index Scan using enrollment_due" in line for line in plan), plan
    else:
        with crowded.read() as work:
            rows = work._connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", (1, 1, 0)).all()
        # No "USE TEMP B-TREE": the index gives the order too, so the limit stops the walk.
        assert [row[-1] for row in rows] == ["SEARCH enrollment USING INDEX enrollment_due (next_due>? AND next_due<?)"]


@pytest.mark.parametrize(
    "name",
    [
        "upcoming",
        "due_enrollments",
        "next_wake",
        "next_delivery_due",
        "claim",
        "owners",
        "uncertain",
        "uncertain_confirmations",
    ],
)
def test_nothing_due_is_known_at_once_in_a_crowd(crowded: Store, name: str) -> None:
    times = []
    for _ in range(40):
        with crowded.write() as work:
            begun = time.perf_counter()
            ASKED[name](work)
            times.append(time.perf_counter() - begun)
    # Generous: on a busy machine each takes well under a millisecond, and walking the table tens of them.
    assert min(times) < 0.01


def test_what_else_is_due_for_a_person_is_not_looked_for_among_everybody(crowded: Store) -> None:
    postgres = crowded._engine.dialect.name == "postgresql"
    with crowded.write() as work:
        with heard(crowded) as seen:
            work.contending([SubscriberId(9), SubscriberId(77)], NOW + timedelta(days=3))
        how = "EXPLAIN" if postgres else "EXPLAIN QUERY PLAN"
        rows = work._driver.execute(f"{how} {seen[0][0]}", seen[0][1]).fetchall()
    assert any("delivery_contending" in str(row[-1]) for row in rows), rows
