"""Folders and zip files as one thing: names, and the bytes behind a name, within limits. Nothing is ever unpacked.

Names that lead out of the archive, archives that unfold beyond all measure and links that leave the folder are
refused. Called by `drip.cli.sources`.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from drip.errors import Unreadable

TOTAL_BYTES_MAX = 500_000_000
FILE_BYTES_MAX = 20_000_000
"""A post or an image; exports that are read as a stream may be larger."""
FILES_MAX = 100_000
RATIO_MAX = 200
"""Text packs 5 to 20 times, a table of blanks perhaps 100 times; a bomb packs 1000 times."""
RATIO_BYTES = 1_000_000
"""Below this size no ratio does harm."""


class Tree(Protocol):
    """Files by their names, with `/` between folders."""

    @property
    def names(self) -> tuple[str, ...]:
        """All files, sorted."""

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises Unreadable."""

    def open(self, name: str) -> IO[bytes]:
        """One file as a stream. Raises Unreadable."""


class FolderTree:
    """The files below a folder; what is hidden is left alone."""

    def __init__(self, root: Path, *, files_max: int = FILES_MAX) -> None:
        self._root = root.resolve()
        names: list[str] = []
        total = 0
        for path in self._root.rglob("*"):
            inside = path.relative_to(self._root)
            if any(part.startswith(".") or part == "node_modules" for part in inside.parts) or not path.is_file():
                continue
            if not path.resolve().is_relative_to(self._root):
                continue
            total += path.stat().st_size
            names.append(inside.as_posix())
            if len(names) > files_max or total > TOTAL_BYTES_MAX:
                raise Unreadable(
                    f"`{root}` holds more than {files_max:,} files or {TOTAL_BYTES_MAX // 1_000_000} MB",
                    hint="name the folder of the posts",
                )
        self.names = tuple(sorted(names))
        self._known = frozenset(names)

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return name in self._known

    def read(self, name: str) -> bytes:
        """The bytes of one file."""
        with self.open(name) as file:
            return _whole(file, name)

    def open(self, name: str) -> IO[bytes]:
        """One file as a stream."""
        if name not in self._known:
            raise Unreadable(f"there is no file `{name}` in the export")
        try:
            return (self._root / name).open("rb")
        except OSError as error:
            raise Unreadable(f"`{name}` cannot be read: {(error.strerror or str(error)).lower()}") from None


class ZipTree:
    """The files in a zip file, read where they are."""

    def __init__(self, path: Path | IO[bytes], name: str = "") -> None:
        shown = path.name if isinstance(path, Path) else name
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise Unreadable(f"`{shown}` is a damaged zip file: {str(error).lower()}") from None
        members = [each for each in self._zip.infolist() if not each.is_dir()]
        total = sum(each.file_size for each in members)
        if len(members) > FILES_MAX or total > TOTAL_BYTES_MAX:
            raise Unreadable(f"`{shown}` unfolds to more than {TOTAL_BYTES_MAX // 1_000_000} MB or {FILES_MAX:,} files")
        for each in members:
            _refuse(each)
        self._members = {
            each.filename: each for each in members if not each.filename.startswith("__MACOSX/") and not _hidden(each)
        }
        self.names = tuple(sorted(self._members))

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return name in self._members

    def read(self, name: str) -> bytes:
        """The bytes of one file."""
        try:
            with self.open(name) as file:
                return _whole(file, name)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise Unreadable(f"`{name}` is damaged in the zip file: {str(error).lower()}") from None

    def open(self, name: str) -> IO[bytes]:
        """One file as a stream; it yields no more than the archive says the file has."""
        member = self._members.get(name)
        if member is None:
            raise Unreadable(f"there is no file `{name}` in the zip file")
        try:
            return self._zip.open(member)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError) as error:
            raise Unreadable(f"`{name}` cannot be read from the zip file: {str(error).lower()}") from None


def _refuse(member: zipfile.ZipInfo) -> None:
    """Raise Unreadable for a name that leads elsewhere, and for a file that was packed to harm."""
    path = PurePosixPath(member.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename or member.filename[1:2] == ":":
        raise Unreadable(f"the zip file holds `{member.filename[:80]}`, which leads out of it", hint="do not trust it")
    if member.file_size > RATIO_BYTES and member.file_size > RATIO_MAX * max(1, member.compress_size):
        raise Unreadable(
            f"`{member.filename[:80]}` in the zip file unfolds more than {RATIO_MAX} times", hint="do not trust it"
        )


def _hidden(member: zipfile.ZipInfo) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(member.filename).parts)


def _whole(file: IO[bytes], name: str) -> bytes:
    data = file.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise Unreadable(f"`{name}` is larger than {FILE_BYTES_MAX // 1_000_000} MB")
    return data
