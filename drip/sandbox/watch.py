"""Notices that the author saved a file: looks at the stamps of the project's files, a few times a second.

Looking costs some milliseconds and works everywhere: on network folders, in containers and in virtual machines, where
notices from the kernel do not arrive. It needs no dependency. Reads no text. Called by `drip.sandbox.live`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from drip.project import PROJECT_FILE

FOLDERS = ("campaigns", "templates")
FILES_MAX = 20_000
"""More than this is no project but somebody's whole disk; the rest is not watched."""

Stamp = tuple[str, int, int, int]


def stamps(root: Path) -> frozenset[Stamp]:
    """Path, time, size and inode of every file that a preview depends on. Files that vanish meanwhile are left out."""
    found: set[Stamp] = set()
    for path in _paths(root):
        try:
            state = path.stat()
        except OSError:
            continue
        # The inode, because editors save by renaming, and a copy may keep the old time and size.
        found.add((str(path), state.st_mtime_ns, state.st_size, state.st_ino))
        if len(found) >= FILES_MAX:
            break
    return frozenset(found)


def _paths(root: Path) -> Iterator[Path]:
    yield root / PROJECT_FILE
    for name in FOLDERS:
        for folder, folders, files in os.walk(root / name):
            folders[:] = [each for each in folders if not each.startswith(".")]
            yield from (Path(folder) / each for each in files if not each.startswith("."))
