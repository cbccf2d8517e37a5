"""The send journal: a database that was restored from a backup never sends again what it has forgotten."""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from drip.core.delivery import DeliveryState, Outcome, OutcomeKind
from drip.core.message import Wire
from drip.engine.advance import advance_due
from drip.engine.engine import Engine
from drip.engine.restoring import repair
from drip.errors import CannotRecord, JournalAhead, JournalAwaited
from drip.store.send_journal import KEPT, SendJournal
from drip.store.store import Store, open_store
from tests.stages import ACCEPTED, Ground, open_ground

ROOT = Path("/")


class Vault:
    """Databases of one engine, and their backups by the engine's own means."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path, stack: contextlib.ExitStack) -> None:
        self._server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
        self._files = (folder / f"drip{number}.db" for number in itertools.count())
        self._stack = stack
        self._names: dict[Store, str] = {}

    def __call__(self) -> Store:
        """A new, empty database."""
        return self._open(self._server.new_database("filled") if self._server else str(next(self._files)))

    def copy(self, store: Store) -> Store:
        """A backup, or what is restored from one."""
        if self._server:
            store.close()  # PostgreSQL copies only what nobody has open
            return self._open(self._server.new_database(self._names[store]))
        path = str(next(self._files))
        with (
            contextlib.closing(sqlite3.connect(self._names[store])) as before,
            contextlib.closing(sqlite3.connect(path)) as after,
        ):
            before.backup(after)
        return self._open(path)

    def _open(self, name: str) -> Store:
        url = self._server.url(name) if self._server else f"sqlite:///{name}"
        store = self._stack.enter_context(contextlib.closing(open_store(url, root=ROOT)))
        store.create_or_check()
        self._names[store] = name
        return store


@pytest.fixture(params=["sqlite", "postgresql"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vault]:
    with contextlib.ExitStack() as stack:
        yield Vault(request, tmp_path, stack)


def copied(store: Store, vault: Vault) -> Store:
    """A backup of a database, or one restored from it."""
    return vault.copy(store)


def journal_of(ground: Ground, place: str = "") -> SendJournal:
    return SendJournal(ground.folder / "sends", place)


def guarded(ground: Ground, store: Store, journal: SendJournal | None = None) -> Ground:
    """The same ground over another database, with its journal."""
    ground.store = store
    ground.engine = Engine(
        store, ground.project.definition, ground.engine.keys, lambda: ground.transport, ground._owner, journal=journal
    )
    ground.project._store, ground.project._engine = store, ground.engine
    return ground


@pytest.fixture
def ground(tmp_path: Path, new_store: Vault) -> Ground:
    ground = open_ground(tmp_path / "project", new_store())
    return guarded(ground, ground.store, journal_of(ground))


def copies(ground: Ground) -> Counter[str]:
    """How often each reader got the first post."""
    return Counter(each.recipient for each in ground.transport.sent if b"own-the-mistake" in each.data)


def fate_of(wire: Wire) -> Outcome:
    number = int(wire.recipient.removeprefix("r").partition("@")[0])
    if number % 7 == 3:
        return Outcome(OutcomeKind.UNCERTAIN, 0, "", "lost after the dot")
    if number % 7 == 4:
        return Outcome(OutcomeKind.PERMANENT, 554, "5.7.1", "no")
    if number % 7 == 5:
        return Outcome(OutcomeKind.TEMPORARY, 451, "4.3.0", "later")
    return ACCEPTED


def test_a_restored_database_refuses_to_send_and_after_the_repair_nobody_gets_a_copy(
    ground: Ground, new_store: Vault
) -> None:
    for number in range(30):
        ground.join(f"r{number}@example.org")
    ground.tick()  # some are planned and sent before the backup
    people = [ground.join(f"r{number}@example.org") for number in range(30, 60)]
    advance_due(ground.store, ground.engine.scene, ground.clock.now())  # these are planned, and not sent yet
    backup = copied(ground.store, new_store)
    for number in range(60, 70):  # the backup does not know them
        ground.join(f"r{number}@example.org")
    ground.transport.answer = fate_of
    ground.tick()
    ground.transport.answer = lambda _: ACCEPTED
    with ground.store.read() as work:
        before = work.delivery_counts()
    assert min(before[each] for each in ("uncertain", "failed", "due")) > 3
    everybody = before["planned"]

    restored = guarded(ground, copied(backup, new_store), journal_of(ground))
    with pytest.raises(JournalAhead) as caught:
        restored.tick()
    assert caught.value.exit_code == 12
    assert "drip db repair" in caught.value.hint

    looked = repair(restored.store, journal_of(ground), ground.clock.now(), dry_run=True)
    with pytest.raises(JournalAhead):
        restored.tick()
    done = repair(restored.store, journal_of(ground), ground.clock.now())
    assert (looked.sent, looked.uncertain, looked.failed, looked.due) == (
        done.sent,
        done.uncertain,
        done.failed,
        done.due,
    )
    assert done.total == 40
    assert repair(restored.store, journal_of(ground), ground.clock.now()).total == 0, "a second one finds nothing"

    for number in range(60, 70):  # they sign up again
        ground.join(f"r{number}@example.org")
    ground.clock.set(ground.clock.now() + timedelta(hours=3))
    restored.tick()
    assert set(copies(ground).values()) == {1}, "nobody twice"
    refused = {f"r{number}@example.org" for number in range(30, 70) if number % 7 == 4}
    assert {f"r{number}@example.org" for number in range(70)} - copies(ground).keys() == refused
    with restored.store.read() as work:
        after = work.delivery_counts()
        reasons = {each.reason for who in people for each in work.deliveries(who)}
    assert after["sent"] == before["sent"] + before["due"]
    assert (after["uncertain"], after["failed"]) == (before["uncertain"], before["failed"])
    assert after["planned"] == everybody
    assert reasons == {"restored", "accepted"}
    restored.counts_hold()


def test_sequences_go_on_from_the_moment_the_journal_knows(ground: Ground, new_store: Vault) -> None:
    who = ground.join("r1@example.org")
    backup = copied(ground.store, new_store)
    ground.tick()
    restored = guarded(ground, copied(backup, new_store), journal_of(ground))
    repair(restored.store, journal_of(ground), ground.clock.now())
    sent_at = ground.clock.now()
    ground.clock.set(sent_at + timedelta(hours=30))
    restored.tick()
    assert copies(ground) == {"r1@example.org": 1}
    assert ground.states(who) == {"own-the-mistake": DeliveryState.SENT}, "two days have not passed"
    ground.clock.set(sent_at + timedelta(days=4))
    restored.tick()
    assert "two-second-resume-fix" in ground.states(who)


def test_a_journal_that_is_whole_or_missing_lets_every_run_go_on(ground: Ground) -> None:
    ground.join("r1@example.org")
    ground.tick()
    ground.join("r2@example.org")
    ground.tick()
    for path in journal_of(ground).folder.iterdir():  # another machine, or somebody tidied up
        path.unlink()
    ground.join("r3@example.org")
    ground.tick()
    assert set(copies(ground).values()) == {1}
    assert len(copies(ground)) == 3
    assert journal_of(ground), "it begins anew"


def test_a_torn_last_line_is_no_mark_and_the_next_line_stands_alone(ground: Ground, new_store: Vault) -> None:
    ground.join("r1@example.org")
    ground.tick()
    (path,) = journal_of(ground).folder.iterdir()
    whole = path.read_bytes()
    torn = whole.splitlines(keepends=True)[0]
    for cut in (1, 9, len(torn) // 2, len(torn) - 2):  # a kill in the midst of a write
        path.write_bytes(whole + torn[:cut])
        guarded(ground, ground.store, journal_of(ground))
        ground.join(f"after{cut}@example.org")
        ground.tick()
        marked = [mark.mailbox for day in journal_of(ground).days() for each in day if each for mark in each.marks]
        assert len(marked) == 2, "the new mark can be read although half a line stands before it"
    done = repair(ground.store, journal_of(ground), ground.clock.now())
    assert (done.total, done.damaged) == (0, 1)


def test_a_flipped_byte_costs_its_own_line_only(ground: Ground, new_store: Vault) -> None:
    backup = copied(ground.store, new_store)
    for number in range(3):
        ground.join(f"r{number}@example.org")
        ground.tick()
    (path,) = journal_of(ground).folder.iterdir()
    lines = path.read_bytes().splitlines(keepends=True)
    spot = next(index for index, line in enumerate(lines) if b'"m":{}' not in line)
    lines[spot] = lines[spot].replace(b'"r"', b'"R"')
    path.write_bytes(b"".join(lines))
    restored = guarded(ground, copied(backup, new_store), journal_of(ground))
    done = repair(restored.store, journal_of(ground), ground.clock.now())
    assert done.damaged == 1
    assert done.total == 2


def test_what_cannot_be_journaled_is_not_sent(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(number: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    ground.join("r1@example.org")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(CannotRecord, match="send journal"):
        ground.tick()
    monkeypatch.undo()
    assert not ground.transport.sent
    ground.tick()
    with ground.store.read() as work:
        assert work.delivery_counts()["uncertain"] == 1, "it was marked, and nobody knows more"


def test_old_days_are_removed_and_every_first_line_of_a_run_is_forced_to_the_disk(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda number: (forced.append(number), real(number)))
    folder = journal_of(ground).folder
    folder.mkdir()
    today = ground.clock.now()
    old, young = (f"sends-{today - KEPT - timedelta(days=each):%Y-%m-%d}.log" for each in (1, -1))
    (folder / old).touch()
    (folder / young).touch()
    ground.join("r1@example.org")
    ground.tick()
    assert sorted(each.name for each in folder.iterdir()) == [young, f"sends-{today:%Y-%m-%d}.log"]
    assert len(forced) == 2, "the mark, and the outcome at the end"


def test_lines_are_forced_once_a_second_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.stages import START

    forced = []
    monkeypatch.setattr(os, "fdatasync", forced.append)
    journal = SendJournal(tmp_path)
    for hundredths in range(500):  # five seconds of commits
        journal.append("owner", START, [], [], hundredths / 100)
    journal.close()
    assert len(forced) == 6
    assert sum(1 for day in journal.days() for _ in day) == 500


def test_a_mark_that_is_journaled_before_its_commit_would_refuse_falsely(ground: Ground) -> None:
    """Why the line follows the commit: the kill between the two must leave the journal behind, not ahead."""
    journal = journal_of(ground)
    seen: list[int] = []
    real = journal.append

    def look(owner: str, now: object, marks: object, results: object, seconds: float) -> None:
        with ground.store.read() as work:
            for each in marks:  # type: ignore[attr-defined]
                found = work.delivery(each.id)
                assert found is not None
                assert found.state is DeliveryState.SENDING
                seen.append(each.id)
        assert len(ground.transport.sent) < len(seen) + 1, "nothing leaves before its line"
        real(owner, now, marks, results, seconds)  # type: ignore[arg-type]

    journal.append = look  # type: ignore[method-assign,assignment]
    guarded(ground, ground.store, journal)
    for number in range(5):
        ground.join(f"r{number}@example.org")
    ground.tick()
    assert len(seen) == 5


def test_the_mark_itself_refuses_what_a_journal_knew(ground: Ground) -> None:
    who = ground.join("r1@example.org")
    advance_due(ground.store, ground.engine.scene, ground.clock.now())
    now = ground.clock.now()
    with ground.store.write() as work:
        (planned,) = work.deliveries(who)
        work.claim("owner", now, 1)
        work.note_sent_before([(planned.occasion, planned.mailbox, DeliveryState.SENT, 1, now)])
        assert work.mark([planned.id], "owner", now) == set()
        (refused,) = work.settle_refused([planned.id], "owner", now)
    assert (refused.state, refused.reason) == (DeliveryState.SKIPPED, "already-sent")


# --- several machines --------------------------------------------------------------------------------------------


def test_after_a_repair_on_one_machine_nobody_sends_until_the_other_was_compared(
    ground: Ground, new_store: Vault
) -> None:
    here, there = (SendJournal(ground.folder / name, f"{name}:/sends") for name in ("here", "there"))
    guarded(ground, ground.store, here).join("r1@example.org")
    ground.tick()
    guarded(ground, ground.store, there).join("r2@example.org")
    ground.tick()  # both are known to the database by now
    backup = copied(ground.store, new_store)
    for number, journal in ((3, here), (4, there)):
        guarded(ground, ground.store, journal).join(f"r{number}@example.org")
        ground.tick()
    store = copied(backup, new_store)
    done = repair(store, here, ground.clock.now())
    assert done.awaited == ["there:/sends"]
    for number in (3, 4):
        guarded(ground, store, here).join(f"r{number}@example.org")
    with pytest.raises(JournalAwaited, match="there:/sends"):
        ground.tick()
    guarded(ground, store, there)
    with pytest.raises(JournalAhead):
        ground.tick()
    assert repair(store, there, ground.clock.now()).sent == 1
    with pytest.raises(JournalAwaited, match="here:/sends"):
        ground.tick()
    guarded(ground, store, here).tick()
    ground.tick()
    assert set(copies(ground).values()) == {1}


def test_a_machine_that_is_gone_can_be_left_out(ground: Ground, new_store: Vault) -> None:
    here = SendJournal(ground.folder / "here", "here:/sends")
    with ground.store.write() as work:
        work.see_journal("gone:/sends", ground.clock.now())
    backup = copied(ground.store, new_store)
    guarded(ground, ground.store, here).join("r1@example.org")
    ground.tick()
    guarded(ground, copied(backup, new_store), here)
    repair(ground.store, here, ground.clock.now())
    with pytest.raises(JournalAwaited):
        ground.tick()
    with ground.store.write() as work:
        assert work.forget_journal("gone:/sends")
        assert not work.forget_journal("gone:/sends")
    ground.tick()
