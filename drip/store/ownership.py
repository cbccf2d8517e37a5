"""Who is at work: a kernel lock per owner, held for the life of its process, free the instant that it dies.

No clock decides that somebody is dead: whoever can take an owner's lock knows it (DESIGN §8). A wrong verdict could
still not send twice, because the right to send is granted by a compare-and-set. Called by `drip.store.store`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, text

from drip.errors import Locked, StoreRefused

OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
TRIES = 50
PAUSE_SECONDS = 0.02


class Ownership(Protocol):
    """The proof that an owner lives."""

    owner: str

    def release(self) -> None:
        """Gives the lock back. Harmless when repeated."""


class Locks(Protocol):
    """One way to lock owners."""

    def take(self, owner: str) -> Ownership | None:
        """The owner's lock, or None while somebody holds it."""

    def close(self) -> None:
        """Gives back what the locks themselves hold."""


def take_ownership(locks: Locks, owner: str) -> Ownership:
    """The lock of a new owner. Waits a moment: a sweep by another process may hold it for an instant."""
    if not OWNER.fullmatch(owner):
        raise ValueError(f"an owner is a short plain name, not {owner!r}")
    for _ in range(TRIES):
        if (ownership := locks.take(owner)) is not None:
            return ownership
        time.sleep(PAUSE_SECONDS)
    raise Locked(f"`{owner}` is already at work")


def is_dead(locks: Locks, owner: str) -> bool:
    """Whether nobody holds the owner's lock."""
    if not OWNER.fullmatch(owner):  # no living process could have taken it
        return True
    ownership = locks.take(owner)
    if ownership is None:
        return False
    ownership.release()
    return True


# --- beside a SQLite file: flock ---------------------------------------------------------------------------------


class FileOwnership:
    """A locked file. It is removed before it is unlocked, so that no dead files gather."""

    def __init__(self, owner: str, path: Path, number: int) -> None:
        self.owner = owner
        self._path = path
        self._number: int | None = number

    def release(self) -> None:
        """Removes and unlocks the file."""
        number, self._number = self._number, None
        if number is None:
            return
        with contextlib.suppress(OSError):
            # Only our own file: somebody may have emptied the folder, and the name be a new owner's.
            if self._path.stat().st_ino == os.fstat(number).st_ino:
                self._path.unlink()
        os.close(number)


class FileLocks:
    """`<database file>.locks/<owner>.lock` under flock(2)."""

    def __init__(self, database: Path) -> None:
        self._folder = database.with_name(database.name + ".locks")

    def take(self, owner: str) -> FileOwnership | None:
        """The lock, or None. A file that was removed between our open and our flock is not a lock: try again."""
        import fcntl

        path = self._folder / f"{owner}.lock"
        for _ in range(TRIES):
            try:
                self._folder.mkdir(mode=0o700, exist_ok=True)
                number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:  # the folder was removed just now
                continue
            except OSError as error:
                raise StoreRefused(f"cannot use the folder `{self._folder}`: {error.strerror}") from error
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(number).st_ino == path.stat().st_ino:
                    return FileOwnership(owner, path, number)
            except BlockingIOError:
                os.close(number)
                return None
            except FileNotFoundError:
                pass
            except BaseException:
                os.close(number)
                raise
            os.close(number)
        raise StoreRefused(f"cannot keep a lock in the folder `{self._folder}`")

    def sweep(self) -> None:
        """Removes the files that killed processes left behind."""
        for path in self._folder.glob("*.lock"):
            if OWNER.fullmatch(path.stem) and (ownership := self.take(path.stem)) is not None:
                ownership.release()

    def close(self) -> None:
        """Nothing is held here."""


# --- in memory: one process is the whole world -------------------------------------------------------------------


class MemoryOwnership:
    """An entry in the set of living owners."""

    def __init__(self, owner: str, living: set[str]) -> None:
        self.owner = owner
        self._living = living

    def release(self) -> None:
        """Takes the owner out of the living."""
        self._living.discard(self.owner)


class MemoryLocks:
    """The owners of a database that nobody else can see. A simulated crash is a `release` without anything else."""

    def __init__(self) -> None:
        self._living: set[str] = set()

    def take(self, owner: str) -> MemoryOwnership | None:
        """The lock, or None."""
        if owner in self._living:
            return None
        self._living.add(owner)
        return MemoryOwnership(owner, self._living)

    def close(self) -> None:
        """Nobody lives after this."""
        self._living.clear()


# --- PostgreSQL: advisory locks ----------------------------------------------------------------------------------


class PostgresOwnership:
    """A session-level advisory lock on a connection of its own: the server frees it when the connection ends."""

    def __init__(self, owner: str, connection: Connection) -> None:
        self.owner = owner
        self._connection: Connection | None = connection

    def release(self) -> None:
        """Ends the connection, and with it the lock."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


class PostgresLocks:
    """`pg_try_advisory_lock` of a hash of the owner's name, each on its own connection."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, owner: str) -> PostgresOwnership | None:
        """The lock, or None."""
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            # A host that vanished must not keep its lock for the two hours that TCP would wait.
            connection.execute(
                text(
                    "SELECT set_config('tcp_keepalives_idle', '30', false), "
                    "set_config('tcp_keepalives_interval', '10', false), set_config('tcp_keepalives_count', '3', false)"
                )
            )
            taken = connection.execute(
                text("SELECT pg_try_advisory_lock(:number)"), {"number": lock_number(owner)}
            ).scalar()
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        if taken:
            return PostgresOwnership(owner, connection)
        connection.close()
        return None

    def close(self) -> None:
        """Connections are closed by their owners."""


def lock_number(owner: str) -> int:
    """The owner as the signed 64-bit number that PostgreSQL locks by."""
    return int.from_bytes(hashlib.blake2b(f"drip owner {owner}".encode(), digest_size=8).digest(), signed=True)
