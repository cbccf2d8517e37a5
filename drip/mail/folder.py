"""Puts messages into a folder as .eml files: for looking at them, for tests, and for programs that collect them.

A file appears whole or not at all, and a message that is sent again replaces its own file. Never deletes anything
but its own half-written files. Called by the engine.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from pathlib import Path

from drip.core.delivery import Outcome, OutcomeKind
from drip.core.message import Wire
from drip.errors import RelayUnreachable
from drip.mail.transport import Grant, NotGranted, relay_trouble

LONGEST_NAME = 120

_ODD = re.compile(r"[^a-z0-9@._+-]+")


class FolderTransport:
    """A folder as a relay."""

    def __init__(self, path: Path, *, lanes: int = 1) -> None:
        self.name = f"folder:{path}"
        self.lanes = max(1, lanes)
        self._path = path

    async def open(self) -> None:
        """Make the folder if it is not there."""
        try:
            self._path.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise RelayUnreachable(f"cannot write to the folder {self._path}: {fault.strerror}") from fault

    async def ready(self, wanted: int, *, urgent: bool = False) -> int:
        """A folder is always ready."""
        return max(1, wanted)

    async def send(self, wire: Wire, grant: Grant | None = None) -> Outcome:
        """Write one message. A full or missing disk is the relay's trouble, not the message's."""
        if grant is not None and not await grant():
            raise NotGranted
        name = file_name(wire)
        half_written = self._path / f".{name}.part"
        try:
            _write_through(half_written, wire.data)
            half_written.replace(self._path / name)
            _sync_folder(self._path)
        except OSError as fault:
            with contextlib.suppress(OSError):
                half_written.unlink()
            return relay_trouble(f"cannot write to the folder {self._path}: {fault.strerror}")
        return Outcome(OutcomeKind.ACCEPTED, 250, "2.0.0", name)

    async def close(self) -> None:
        """Nothing is kept open."""


def file_name(wire: Wire) -> str:
    """The same message gets the same name, and two messages never share one, not even where case does not count."""
    wanted = wire.message_id.removeprefix("<").removesuffix(">")
    plain = _ODD.sub("-", wanted.lower()).lstrip(".")[:LONGEST_NAME]
    if wanted and plain == wanted:
        return f"{plain}.eml"
    digest = hashlib.sha256(wanted.encode("utf-8", "replace") if wanted else wire.data).hexdigest()
    return f"{plain}-{digest[:16]}.eml" if plain else f"{digest[:32]}.eml"


def _write_through(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    """The new name is on the disk only when the folder is; some systems cannot do this to folders."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
