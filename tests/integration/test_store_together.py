"""Several at work at once, on both engines: threads with stores of their own, and processes that are killed."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from drip.core.delivery import DeliveryState, Outcome, OutcomeKind, Verdict
from drip.core.model import Session
from drip.core.records import DeliveryId, EnrollmentState, Kind, NewDelivery, SubscriberId
from drip.errors import CannotRecord, StoreRefused
from drip.store import connect
from drip.store.results import Recorded
from drip.store.store import Store, open_store
from drip.store.work import Work
from tests.together import NOW, at_once, fill

ROOT = Path("/")
TRIALS = 250


def unsubscribe(work: Work, person: SubscriberId) -> None:
    work.end_subscription(person, "letter", NOW)


def suppress(work: Work, person: SubscriberId) -> None:
    found = work.subscriber(person)
    assert found is not None
    work.suppress(found.mailbox, "complaint", NOW)


def end(work: Work, person: SubscriberId) -> None:
    for each in work.running(person):
        work.end_enrollment(each.id, EnrollmentState.GOAL, "registered", NOW)


@pytest.mark.parametrize("say_no", [unsubscribe, suppress, end])
def test_a_no_that_was_committed_before_the_mark_always_wins(
    disk_store: Store, another: Store, say_no: Callable[[Work, SubscriberId], None]
) -> None:
    with disk_store.write() as work:
        made = fill(work, TRIALS)
        work.claim("me", NOW, TRIALS)
    start = threading.Barrier(2)
    said: list[float] = []
    marked: list[tuple[float, bool]] = []

    def reader() -> None:
        for n, (person, _) in enumerate(made):
            start.wait()
            time.sleep((n * 7 % 10) * 0.0005)
            with another.write() as work:
                say_no(work, person)
            said.append(time.perf_counter())

    def sender() -> None:
        for n, (_, number) in enumerate(made):
            start.wait()
            time.sleep((n % 10) * 0.0005)
            with disk_store.write() as work:
                begun = time.perf_counter()
                granted = number in work.mark([number], "me", NOW)
            marked.append((begun, granted))

    at_once(reader, sender)
    ways: Counter[str] = Counter()
    with disk_store.read() as work:
        for no_at, (begun, granted), (_, number) in zip(said, marked, made, strict=True):
            delivery = work.delivery(number)
            assert delivery is not None
            assert (delivery.state is DeliveryState.SENDING) == granted
            assert not (granted and no_at < begun), "the mark overtook a no"
            ways["granted" if granted else "refused"] += 1
    assert sum(ways.values()) == TRIALS
    assert min(ways["granted"], ways["refused"]) > 0, "they never met"
    with disk_store.write() as work:
        work.settle_refused([number for _, number in made], "me", NOW)
        counts = work.delivery_counts()
    assert counts["sending"] == ways["granted"]
    assert counts["skipped"] + counts["cancelled"] == ways["refused"]
    assert counts["claimed"] == counts["due"] == 0


def test_a_row_that_is_being_taken_back_is_not_marked(filled_postgres_url: str) -> None:
    """The mark does not wait for the other transaction: it would go on with what it read before."""
    with contextlib.closing(open_store(filled_postgres_url, root=ROOT)) as store:
        with store.write() as work:
            made = fill(work, 2)
            work.claim("me", NOW, 9)
        with store.write() as taking_back:
            end(taking_back, made[0][0])
            with store.write() as work:
                begun = time.perf_counter()
                assert work.mark([number for _, number in made], "me", NOW) == {made[1][1]}
                assert work.settle_refused([made[0][1]], "me", NOW) == []
                assert time.perf_counter() - begun < 5
        with store.read() as work:
            assert work.delivery_counts()["cancelled"] == 1


def test_two_at_work_send_everything_once(disk_store: Store, another: Store) -> None:
    with disk_store.write() as work:
        fill(work, 300)
    granted: list[DeliveryId] = []
    verdict = Verdict(DeliveryState.SENT, None, "")

    def send(store: Store, owner: str) -> Callable[[], None]:
        def run() -> None:
            while True:
                with store.write() as work:
                    ids = [each.id for each in work.claim(owner, NOW, 7).deliveries]
                    # A row that the other one was just looking at stays unmarked for a moment; it is given back.
                    if not ids and not work.unclaim(owner):
                        return
                with store.write() as work:
                    mine = work.mark(ids, owner, NOW)
                    work.settle_refused([each for each in ids if each not in mine], owner, NOW)
                granted.extend(mine)
                outcome = Outcome(OutcomeKind.ACCEPTED, 250)
                with store.write() as work:
                    assert (
                        work.record([Recorded(each, 1, verdict, outcome, "r", NOW, NOW) for each in mine], owner)
                        == mine
                    )

        return run

    at_once(*(send(store, f"{owner}{n}") for n in range(2) for owner, store in (("a", disk_store), ("b", another))))
    assert len(granted) == len(set(granted)) == 300
    with disk_store.read() as work:
        assert work.delivery_counts()["sent"] == work.delivery_counts()["planned"] == 300


def test_the_same_delivery_is_planned_once_by_many(disk_store: Store, another: Store) -> None:
    with disk_store.write() as work:
        person, _ = fill(work, 1)[0]
        revision = work.add_revision("c", "d", {}, NOW).id
    new: list[int] = []

    def plan(store: Store) -> Callable[[], None]:
        def run() -> None:
            for n in range(40):
                with store.write() as work:
                    planned = work.plan_delivery(
                        NewDelivery(f"x{n}", "p0", person, "c", "p", Kind.BROADCAST, NOW, revision), NOW
                    )
                    new.append(planned is not None)

        return run

    at_once(plan(disk_store), plan(another), plan(disk_store))
    assert sum(new) == 40


def test_two_recover_the_same_owner_at_once(disk_store: Store, another: Store) -> None:
    with disk_store.write() as work:
        made = fill(work, 60)
        work.claim("dead", NOW, 60)
        work.mark([number for _, number in made[:30]], "dead", NOW)
    found: list[int] = []
    uncertain: list[DeliveryId] = []
    start = threading.Barrier(2)

    def recover(store: Store) -> Callable[[], None]:
        def run() -> None:
            start.wait()
            with store.write() as work:
                due, lost = work.recover("dead", NOW)
                found.append(due)
                uncertain.extend(each.id for each in lost)

        return run

    at_once(recover(disk_store), recover(another))
    assert sum(found) == 30
    assert sorted(uncertain) == [number for _, number in made[:30]]
    with disk_store.read() as work:
        counts = work.delivery_counts()
        assert (counts["due"], counts["uncertain"]) == (30, 30)


def test_seats_are_not_sold_twice(disk_store: Store, another: Store) -> None:
    with disk_store.write() as work:
        made = fill(work, 40)
        work.put_sessions("c", [Session("tuesday", NOW, NOW + timedelta(hours=1), "", "UTC")], NOW)
        seats = [work.add_registration(person, "c", "tuesday", None, NOW).id for person, _ in made]
    answers: list[str] = []

    def book(store: Store, first: int) -> Callable[[], None]:
        def run() -> None:
            for seat in seats[first::4]:
                with store.write() as work:
                    answers.append(work.book(seat, NOW, 13))

        return run

    at_once(book(disk_store, 0), book(another, 1), book(disk_store, 2), book(another, 3))
    assert Counter(answers) == {"booked": 13, "full": 27}


def test_planned_is_the_sum_also_while_others_write(disk_store: Store, another: Store) -> None:
    with disk_store.write() as work:
        people = [person for person, _ in fill(work, 50)]
        revision = work.add_revision("c", "d", {}, NOW).id
    done = threading.Event()

    def write() -> None:
        try:
            for n, person in enumerate(people):
                with another.write() as work:
                    for k in range(5):
                        work.plan_delivery(
                            NewDelivery(f"y{k}", f"p{n}", person, "c", "p", Kind.BROADCAST, NOW, revision), NOW
                        )
                    work.claim("me", NOW, 3)
        finally:
            done.set()

    def read() -> None:
        while not done.is_set():
            for ask in (disk_store.read, disk_store.write):
                with ask() as work:
                    counts = dict(work.delivery_counts())
                assert counts.pop("planned") == sum(counts.values())

    at_once(write, read)


# --- trouble --------------------------------------------------------------------------------------------------------


def test_a_full_disk_stops_at_once_and_spoils_nothing(sqlite_url: str) -> None:
    with contextlib.closing(open_store(sqlite_url, root=ROOT)) as store:
        store.create_or_check()
        with store.write() as work:
            fill(work, 3)
            pages = work._connection.exec_driver_sql("PRAGMA page_count").scalar()
            work._connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        with pytest.raises(CannotRecord, match="full") as caught, store.write() as work:
            work.add_revision("big", "d", {"a": "x" * 100_000}, NOW)
        assert caught.value.exit_code == 75
        with store.write() as work:
            assert work.live_revision("big") is None
            assert work.delivery_counts()["due"] == 3
            assert work._connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_a_database_that_stays_locked_stops_at_once(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "WAIT_SECONDS", 0.2)
    with (
        contextlib.closing(open_store(sqlite_url, root=ROOT)) as store,
        contextlib.closing(open_store(sqlite_url, root=ROOT)) as other,
    ):
        store.create_or_check()
        with other.write() as work:
            work.suppress("ann", "x", NOW)
            with pytest.raises(CannotRecord, match="locked"), store.write():
                pytest.fail("it got in")
            with store.read() as reading:
                assert reading.suppression("ann") is None, "readers do not wait, and see what was committed"
        with store.write() as work:
            assert work.suppression("ann") is not None


def test_a_lost_connection_stops_at_once_and_the_next_works(filled_postgres_url: str) -> None:
    with contextlib.closing(open_store(filled_postgres_url, root=ROOT)) as store:

        def cut_off(work: Work) -> None:
            work.suppress("ann", "x", NOW)
            number = work._connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            with store.write() as other:
                other._connection.exec_driver_sql(f"SELECT pg_terminate_backend({number}, 5000)")
            work.suppress("bob", "x", NOW)

        with pytest.raises(CannotRecord), store.write() as work:
            cut_off(work)
        with store.write() as work:
            assert work.suppression("ann") is None
            assert work.suppress("ann", "x", NOW)


def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(CannotRecord), store.read() as work:
        work.suppress("ann", "x", NOW)
    with store.write() as work:
        assert work.suppress("ann", "x", NOW)


def test_in_memory_nothing_is_said_between_transactions(memory_store: Store) -> None:
    """Each change of a setting would make SQLite compile all statements anew: a third of a rehearsal."""
    said: list[str] = []
    with memory_store.write() as work:
        work._driver.set_trace_callback(said.append)
    for _ in range(2):
        with memory_store.read() as work:
            assert work.suppression("ann") is None
        with memory_store.write() as work:
            work.suppress("bob", "x", NOW)
    assert [each for each in said if not each.startswith(("SELECT", "INSERT", "UPDATE"))] == [
        "COMMIT", *(["BEGIN", "COMMIT", "BEGIN IMMEDIATE", "COMMIT"] * 2),
    ]  # fmt: skip


def test_a_reader_sees_one_moment(disk_store: Store, another: Store) -> None:
    with disk_store.read() as reading:
        before = reading.delivery_counts()
        with another.write() as work:
            fill(work, 1)
        assert reading.delivery_counts() == before
    with disk_store.read() as reading:
        assert reading.delivery_counts()["planned"] == 1


def broken(work: Work, error: BaseException) -> None:
    work.suppress("ann", "x", NOW)
    raise error


@pytest.mark.parametrize("error", [StoreRefused("no"), KeyboardInterrupt(), ZeroDivisionError()])
def test_what_is_raised_inside_rolls_back_and_passes_through(store: Store, error: BaseException) -> None:
    with pytest.raises(type(error)), store.write() as work:
        broken(work, error)
    with store.read() as work:
        assert work.suppression("ann") is None


def test_transactions_do_not_nest(memory_store: Store) -> None:
    with memory_store.read(), pytest.raises(RuntimeError, match="nest"), memory_store.write():
        pytest.fail("it got in")
    with memory_store.write():
        pass
