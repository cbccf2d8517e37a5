"""The send journal: every mark and outcome once more, in files outside the database, which a restore does not touch.

A database restored from a backup has forgotten what was sent since; this has not. Whoever starts to send compares the
two (`drip.engine.restoring`). A line is written after its commit and before its grant, so the journal never knows a
mark that the database did not have, and no message leaves that the journal does not know. Lines are forced to the
disk at most once a second: a power cut alone cannot harm, because the database has everything; only a power cut that
takes the database with it can cost the journal's last second.

Holds no address: occasions, keyed hashes of mailboxes, numbers and moments. Used by the ledger and by repairs.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from drip.core.delivery import DeliveryState
from drip.core.records import Delivery
from drip.errors import CannotRecord
from drip.store.results import Recorded

KEPT = timedelta(days=100)
"""Older days are removed: nobody restores a backup that old and sends from it unseen."""

SYNC_SECONDS = 1.0
TAIL_BYTES = 256_000
"""What a start looks at: many times more than all runs of one machine can write between a commit and its line."""

NAME = re.compile(r"sends-(\d{4}-\d{2}-\d{2})\.log")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LETTER_OF_STATE = {
    DeliveryState.SENT: "s",
    DeliveryState.FAILED: "f",
    DeliveryState.UNCERTAIN: "u",
    DeliveryState.EXPIRED: "e",
    DeliveryState.DUE: "d",
}
STATE_OF_LETTER = {letter: state for state, letter in LETTER_OF_STATE.items()}


@dataclass(frozen=True, slots=True)
class Mark:
    """One grant: which mailbox on which occasion, as delivery `id` of that time, with which attempt."""

    id: int
    occasion: str
    mailbox: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Group:
    """What one commit of a run granted, and the outcomes it recorded: (delivery id, attempt, state)."""

    owner: str
    at: datetime
    marks: tuple[Mark, ...]
    outcomes: tuple[tuple[int, int, DeliveryState], ...]


class SendJournal:
    """The journal in one folder, one file a day. Any number of processes of one machine may append."""

    def __init__(self, folder: Path, place: str = "") -> None:
        self.folder = folder
        self.place = place
        """Its name among several machines, or "" where there can be only this one."""
        self._file: int | None = None
        self._day = ""
        self._torn = False
        self._synced_at: float | None = None
        self._unsynced = False

    # --- writing ---

    def append(
        self, owner: str, now: datetime, marks: Sequence[Delivery], results: Iterable[Recorded], seconds: float
    ) -> None:
        """Add what one commit brought. `seconds` is any clock that only goes forward. Raises CannotRecord."""
        line = written(owner, now, marks, results)
        try:
            self._open(f"{now.astimezone(UTC):%Y-%m-%d}", now)
            assert self._file is not None
            data = b"\n" + line if self._torn else line
            if os.write(self._file, data) != len(data):
                self._torn = True
                raise CannotRecord("could not write the send journal: the disk is full")
            self._torn, self._unsynced = False, True
            if self._synced_at is None or seconds - self._synced_at >= SYNC_SECONDS:
                os.fdatasync(self._file)
                self._synced_at, self._unsynced = seconds, False
        except OSError as error:
            raise CannotRecord(f"could not write the send journal in `{self.folder}`: {error.strerror}") from error

    def _open(self, day: str, now: datetime) -> None:
        """Today's file, its last line whole."""
        if self._file is not None and self._day == day:
            return
        self.close()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"sends-{day}.log"
        is_new = not path.exists()
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._day = day
        size = os.fstat(self._file).st_size
        self._torn = size > 0 and os.pread(self._file, 1, size - 1) != b"\n"
        if is_new:
            self._prune(now)
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(folder)  # a new name is safe only when its folder is
            finally:
                os.close(folder)

    def _prune(self, now: datetime) -> None:
        oldest = f"{now.astimezone(UTC) - KEPT:%Y-%m-%d}"
        for day, path in self._days():
            if day < oldest:
                with suppress(FileNotFoundError):
                    path.unlink()

    def close(self) -> None:
        """Force what was written to the disk and close the file; the next line opens it again."""
        number, self._file = self._file, None
        if number is None:
            return
        try:
            if self._unsynced:
                os.fdatasync(number)
        except OSError as error:
            raise CannotRecord(f"could not write the send journal in `{self.folder}`: {error.strerror}") from error
        finally:
            self._synced_at, self._unsynced = None, False
            os.close(number)

    # --- reading ---

    def _days(self) -> list[tuple[str, Path]]:
        """The files, oldest first."""
        try:
            found = [(match[1], path) for path in self.folder.iterdir() if (match := NAME.fullmatch(path.name))]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise CannotRecord(f"cannot read the send journal in `{self.folder}`: {error.strerror}") from error
        return sorted(found)

    def latest(self) -> list[Group]:
        """The last group with marks of every run that wrote lately.

        A backup is one moment of the database: if it holds what a run marked last, it holds all that run marked.
        """
        last: dict[str, Group] = {}
        left = TAIL_BYTES
        for _, path in reversed(self._days()):
            groups = [each for each in read_groups(tail(path, left)) if each is not None]
            for each in groups:
                if each.marks and (each.owner not in last or last[each.owner].at <= each.at):
                    last[each.owner] = each
            left -= path.stat().st_size
            if left <= 0:
                break
        return list(last.values())

    def days(self) -> Iterator[Iterator[Group | None]]:
        """Everything, a day at a time, oldest first. None stands for a line that cannot be read."""
        for _, path in self._days():
            with path.open("rb") as lines:
                yield read_groups(lines)

    def __bool__(self) -> bool:
        """Whether anything was ever written here."""
        return bool(self._days())


def tail(path: Path, most: int) -> list[bytes]:
    """The last whole lines of a file."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - most))
        if size > most:
            file.readline()  # it may have begun before
        return file.readlines()


# --- lines -------------------------------------------------------------------------------------------------------


def written(owner: str, now: datetime, marks: Sequence[Delivery], results: Iterable[Recorded]) -> bytes:
    """One group as one line: its checksum, a blank, JSON. Marks stand under their occasion, which many share."""
    granted: dict[str, list[tuple[int, str, int]]] = {}
    for each in marks:
        granted.setdefault(each.occasion, []).append((each.id, each.mailbox, each.attempt + 1))
    ended = [(each.delivery_id, each.attempt, LETTER_OF_STATE[each.verdict.state]) for each in results]
    said = {"r": owner, "t": (now - EPOCH) // MICROSECOND, "m": granted, "o": ended}
    text = json.dumps(said, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def read_groups(lines: Iterable[bytes]) -> Iterator[Group | None]:
    """The groups of these lines; None for each that is torn or damaged."""
    for line in lines:
        if line.strip():
            yield read_group(line)


def read_group(line: bytes) -> Group | None:
    """One line, or None: a run that was killed in the midst of it had not been granted anything by it."""
    number, _, text = line.rstrip(b"\n").partition(b" ")
    try:
        if len(number) != 8 or int(number, 16) != zlib.crc32(text):
            return None
        said: dict[str, Any] = json.loads(text)
        marks = [
            Mark(id, occasion, mailbox, attempt)
            for occasion, granted in said["m"].items()
            for id, mailbox, attempt in granted  # noqa: A001 - the word of the records
        ]
        outcomes = [(id, attempt, STATE_OF_LETTER[letter]) for id, attempt, letter in said["o"]]  # noqa: A001 - as above
        return Group(said["r"], EPOCH + said["t"] * MICROSECOND, tuple(marks), tuple(outcomes))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
