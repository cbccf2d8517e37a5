"""Whose work it is: who holds a lock lives, and whoever died holds none; between processes and in memory."""

from __future__ import annotations

import contextlib
import fcntl
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from drip.errors import Locked, StoreRefused
from drip.store.ownership import FileLocks
from drip.store.store import Store, open_store
from tests.together import NOW, at_once, fill

ROOT = Path("/")


CHILD = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from drip.store.store import open_store
store = open_store(sys.argv[1], root=Path("/"))
held = store.take_ownership("child")
now = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
with store.write() as work:
    ids = [each.id for each in work.claim("child", now, 4).deliveries]
with store.write() as work:
    work.mark(ids[:2], "child", now)
print("at work", flush=True)
time.sleep(600)
"""


def test_a_killed_process_is_known_to_be_dead_and_a_living_one_is_not(store_url: str, disk_store: Store) -> None:
    with disk_store.write() as work:
        fill(work, 6)
        work.claim("never-lived", NOW, 1)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, store_url], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "at work\n"
        parent = disk_store.take_ownership("parent")
        with disk_store.write() as work:
            work.claim("parent", NOW, 1)
            assert disk_store.dead_owners(work) == ["never-lived"]
        parent.release()
        with pytest.raises(Locked, match="child"):
            disk_store.take_ownership("child")
        with disk_store.read() as work:
            assert disk_store.dead_owners(work) == ["never-lived", "parent"]
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()

    deadline = time.monotonic() + 20
    while True:  # PostgreSQL's server needs a moment to see that the connection is gone
        with disk_store.write() as work:
            dead = disk_store.dead_owners(work)
            if "child" in dead or time.monotonic() > deadline:
                break
        time.sleep(0.05)
    assert dead == ["child", "never-lived", "parent"]
    with disk_store.write() as work:
        recovered = [work.recover(owner, NOW) for owner in dead]
        assert [(due, len(lost)) for due, lost in recovered] == [(2, 2), (1, 0), (1, 0)]
        assert disk_store.dead_owners(work) == []


def test_ownership_in_memory(memory_store: Store) -> None:
    held = memory_store.take_ownership("me")
    with memory_store.write() as work:
        fill(work, 2)
        work.claim("me", NOW, 1)
        work.claim("you", NOW, 1)
        assert memory_store.dead_owners(work) == ["you"]
    held.release()
    held.release()
    with memory_store.read() as work:
        assert memory_store.dead_owners(work) == ["me", "you"]


def test_an_owner_can_come_back_after_its_release(disk_store: Store) -> None:
    for _ in range(3):
        held = disk_store.take_ownership("me")
        held.release()
        held.release()


@pytest.mark.parametrize("owner", ["", "../x", "a/b", ".hidden", "x" * 101, "a\0b", "ä"])
def test_an_owner_has_a_plain_name(disk_store: Store, owner: str) -> None:
    with pytest.raises(ValueError, match="plain name"):
        disk_store.take_ownership(owner)


def test_lock_files_do_not_gather(sqlite_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "drip.db.locks"
    with contextlib.closing(open_store(sqlite_url, root=ROOT)) as store:
        held = store.take_ownership("me")
        (folder / "killed.lock").touch()
        (folder / "not ours.lock").touch()
        (folder / "readme").touch()
        other = store.take_ownership("you")
        assert sorted(each.name for each in folder.iterdir()) == ["me.lock", "not ours.lock", "readme", "you.lock"]
        assert folder.stat().st_mode & 0o777 == 0o700
        held.release()
        other.release()
        assert sorted(each.name for each in folder.iterdir()) == ["not ours.lock", "readme"]


def test_a_lock_whose_file_was_removed_does_not_remove_anothers(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path / "drip.db")
    first = locks.take("me")
    assert first is not None
    (tmp_path / "drip.db.locks" / "me.lock").unlink()
    second = locks.take("me")
    assert second is not None
    first.release()
    assert locks.take("me") is None
    second.release()


def test_a_file_removed_between_open_and_lock_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locks, path = FileLocks(tmp_path / "drip.db"), tmp_path / "drip.db.locks" / "me.lock"
    real, removed = fcntl.flock, []

    def flock(number: int, how: int) -> None:
        if not removed:  # as by the release of the owner before
            path.unlink()
            removed.append(number)
        real(number, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    held = locks.take("me")
    assert held is not None
    assert removed
    assert path.exists()
    assert locks.take("me") is None
    held.release()
    assert not path.exists()


def test_a_lock_is_never_held_twice(tmp_path: Path) -> None:
    """Taking and removing the file race each other: what was unlinked between open and flock is no lock."""
    holders, worst, taken = [0], [0], [0]
    guard = threading.Lock()

    def hammer() -> None:
        locks = FileLocks(tmp_path / "drip.db")
        for _ in range(1500):
            held = locks.take("me")
            if held is None:
                continue
            with guard:
                holders[0] += 1
                taken[0] += 1
                worst[0] = max(worst[0], holders[0])
            with guard:
                holders[0] -= 1
            held.release()

    at_once(*[hammer] * 4)
    assert worst[0] == 1
    assert taken[0] > 100


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "drip.db.locks").write_text("in the way")
    with pytest.raises(StoreRefused, match="locks"):
        FileLocks(tmp_path / "drip.db").take("me")
    with pytest.raises(StoreRefused, match="locks"):
        FileLocks(tmp_path / "gone" / "drip.db").take("me")
