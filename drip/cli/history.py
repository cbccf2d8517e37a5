"""The author's files as they were at a revision of git. The only module that runs git, and never through a shell.

Reads only: nothing is checked out, and no hook, filter or pager runs. Called by `drip plan --against`.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path, PurePosixPath

from drip.cli.output import one_line
from drip.errors import DripError, WrongUsage
from drip.project import PROJECT_FILE, read_tree

PATHS = (PROJECT_FILE, "campaigns", "templates")
GIT_SECONDS_MAX = 120
FILE_BYTES_MAX = 30_000_000
"""Larger than any post or attachment may be; such a file is not read."""


class NoHistory(DripError):
    """The files of that revision cannot be read from git."""

    name = "no-history"
    exit_code = 2


def files_at(root: Path, revision: str) -> dict[str, str]:
    """The project's files at a revision, as `drip.project.read_tree` reads them. Raises NoHistory, WrongUsage."""
    commit = _commit(root, revision)
    blobs = _blobs(root, commit)
    if PROJECT_FILE not in blobs:
        raise NoHistory(f"there was no {PROJECT_FILE} here at `{one_line(revision)}`", hint="name a later revision")
    with tempfile.TemporaryDirectory(prefix="drip-") as folder:
        target = Path(folder).resolve()
        for name, data in zip(blobs, _contents(root, list(blobs.values())), strict=True):
            path = target / name
            # git refuses such names itself; a broken repository could hold them all the same.
            if ".." in PurePosixPath(name).parts or not path.is_relative_to(target):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return read_tree(target)


def _commit(root: Path, revision: str) -> str:
    """The full name of the commit."""
    if not revision or revision.startswith("-"):
        raise WrongUsage(f"`{one_line(revision)}` is no revision", hint="name a branch, a tag or a commit: `HEAD~1`")
    try:
        # `^{commit}` and `--end-of-options`: whatever was typed, git reads a name and nothing else.
        found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except subprocess.CalledProcessError:
        _refuse_outside(root)
        raise NoHistory(
            f"git knows no revision `{one_line(revision)}`", hint="see `git log --oneline`; a shallow clone has few"
        ) from None
    return found.decode("ascii", errors="replace").strip()


def _refuse_outside(root: Path) -> None:
    try:
        _git(root, "rev-parse", "--git-dir")
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()
        if "dubious ownership" in error.stderr.decode(errors="replace"):
            raise NoHistory("git does not trust this repository: it belongs to another account", hint="") from None
        message = "this project is in no git repository"
        raise NoHistory(message, hint=one_line(said[0]) if said and "not a git" not in said[0] else "") from None


def _blobs(root: Path, commit: str) -> dict[str, str]:
    """The files of the project at a commit: path below the root, and the blob's name; no links, no submodules."""
    listed = _git(root, "ls-tree", "-r", "-z", commit, "--", *PATHS)
    blobs = {}
    for line in listed.split(b"\0"):
        if not line:
            continue
        facts, _, name = line.partition(b"\t")
        mode, kind, blob = facts.split()
        if kind == b"blob" and mode != b"120000":
            blobs[name.decode("utf-8", errors="replace")] = blob.decode("ascii")
    return blobs


def _contents(root: Path, blobs: list[str]) -> list[bytes]:
    """The bytes of blobs, in order; what is far too large for any file of ours is empty."""
    given = "".join(f"{blob}\n" for blob in blobs).encode("ascii")
    out = _git(root, "cat-file", "--batch", given=given)
    contents, at = [], 0
    for _ in blobs:
        end = out.index(b"\n", at)
        size = int(out[at:end].split()[2])
        data = out[end + 1 : end + 1 + size]
        contents.append(data if size <= FILE_BYTES_MAX else b"")
        at = end + 1 + size + 1
    return contents


def _git(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    """What git answers. Raises NoHistory where there is no git, CalledProcessError where it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program, and no argument can be taken for an option
            ["git", "-C", str(root), *arguments],  # noqa: S607 - wherever the author's git is
            input=given,
            capture_output=True,
            check=True,
            timeout=GIT_SECONDS_MAX,
        )
    except FileNotFoundError:
        raise NoHistory("git is not installed here", hint="install git, or leave out `--against`") from None
    except subprocess.TimeoutExpired:
        raise NoHistory(f"git did not answer in {GIT_SECONDS_MAX} seconds") from None
    return done.stdout
