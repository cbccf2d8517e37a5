"""Files that commands read and write for the author: one input, one output, the worked example.

Never looks into a project's meaning. Called by the commands that write for the author.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from drip.cli.grammar import Call
from drip.errors import CannotRecord, NotFound, WrongUsage
from drip.project import PROJECT_FILE, starter_root

INPUT_BYTES_MAX = 5_000_000
STARTER_FOLDERS = ("campaigns", "templates")


def read_input(call: Call, source: str) -> tuple[str, str]:
    """The text of a file, or of stdin for `-`, and a note about its encoding if there is one to make."""
    if source == "-":
        data = sys.stdin.buffer.read(INPUT_BYTES_MAX + 1)
    else:
        path = call.path(source)
        try:
            with path.open("rb") as file:
                data = file.read(INPUT_BYTES_MAX + 1)
        except FileNotFoundError:
            raise NotFound(f"there is no file `{source}`") from None
        except OSError as error:
            raise WrongUsage(f"`{source}` cannot be read: {(error.strerror or str(error)).lower()}") from None
    return as_text(data, source)


def as_text(data: bytes, source: str) -> tuple[str, str]:
    """The text that these bytes are, and a note about its encoding if there is one to make."""
    if len(data) > INPUT_BYTES_MAX:
        raise WrongUsage(f"`{source}` is larger than {INPUT_BYTES_MAX // 1_000_000} MB; that is no post")
    if b"\0" in data:
        raise WrongUsage(f"`{source}` is no text", hint="save the post as plain text or Markdown first")
    if not data.strip():
        raise WrongUsage(f"`{source}` is empty")
    try:
        return data.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace"), f"{source} is not UTF-8; read as Windows-1252"


def write_file(path: Path, data: bytes) -> None:
    """Write a whole file or none of it: beside its place first, then moved there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            half.write_bytes(data)
            half.replace(path)
        finally:
            half.unlink(missing_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CannotRecord(f"`{path}` cannot be written: {reason}", hint="nothing of it was written") from None


def starter_files() -> dict[str, bytes]:
    """The worked example, by path."""
    root = starter_root()
    files = {PROJECT_FILE: (root / PROJECT_FILE).read_bytes()}
    for folder in STARTER_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts):
                files[path.relative_to(root).as_posix()] = path.read_bytes()
    return files
