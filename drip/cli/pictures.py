"""Copies the images of imported posts into a folder: those that lie beside an export, and those of the web.

What cannot be had stays linked where it was and is told. Called by `drip.cli.import_run`.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections import Counter
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from drip.authoring.importing.foreign import ForeignPost
from drip.cli.fetch import IMAGE_BYTES_MAX, Fetcher
from drip.cli.files import write_file
from drip.cli.trees import Tree
from drip.errors import NotFetched, Unreadable

_SIGNS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), ".png"),
    (re.compile(rb"\xff\xd8\xff"), ".jpg"),
    (re.compile(rb"GIF8[79]a"), ".gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), ".webp"),
)
"""What mail programs show begins so; SVG and AVIF they do not show."""
_SAFE = re.compile(r"[^A-Za-z0-9._-]+")
_BESIDE = ("", "static/", "assets/", "content/", "images/", "public/")
MAX_NAME = 80


class Pictures:
    """The images of one import. `counts` says what became of them, `failures` why some were left where they were."""

    def __init__(self, folder: Path, tree: Tree | None, fetcher: Fetcher, *, dry_run: bool) -> None:
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self._folder = folder
        self._tree = tree
        self._fetcher = fetcher
        self._dry_run = dry_run
        self._done: dict[str, Path | None] = {}
        self._names: dict[str, bytes] = {}
        self._by_name: dict[str, list[str]] = {}
        for name in tree.names if tree else ():
            self._by_name.setdefault(PurePosixPath(name).name.lower(), []).append(name)

    def place(self, post: ForeignPost, written: str, whole: str, draft_folder: Path) -> str:
        """The address to write for an image: of the copy, counted from the draft's folder, or the one that it had."""
        key = whole if urlsplit_scheme(whole) else f"{post.folder}|{written}"
        if key not in self._done:
            self._done[key] = self._copy(post, written, whole)
        copy = self._done[key]
        if copy is None:
            return whole
        return quote(Path(os.path.relpath(copy, draft_folder)).as_posix(), safe="/._-")

    def _copy(self, post: ForeignPost, written: str, whole: str) -> Path | None:
        try:
            data, how = self._get(post, written, whole)
            ending = next((ending for sign, ending in _SIGNS if sign.match(data)), "")
            if not ending:
                raise Unreadable(f"`{whole[:200]}` is no image that a mail can show")
        except (NotFetched, Unreadable) as error:
            self.counts["failed"] += 1
            self.failures.append(error.message)
            return None
        self.counts[how] += 1
        path = self._folder / self._name(whole, data, ending)
        if not self._dry_run and not path.exists():
            write_file(path, data)
        return path

    def _get(self, post: ForeignPost, written: str, whole: str) -> tuple[bytes, str]:
        found = self._beside(post, written, whole)
        if found is not None and self._tree is not None:
            data = self._tree.read(found)
            if len(data) > IMAGE_BYTES_MAX:
                raise Unreadable(f"`{found}` is larger than {IMAGE_BYTES_MAX // 1_000_000} MB")
            return data, "copied"
        if urlsplit_scheme(whole) in ("http", "https"):
            if self._dry_run:
                # A rehearsal asks nobody; the sign of a file stands in for what would come.
                return b"\x89PNG\r\n\x1a\n", "to fetch"
            return self._fetcher.fetch(whole, most=IMAGE_BYTES_MAX).data, "fetched"
        raise Unreadable(f"`{written[:200]}` is not beside the post, and there is no address to fetch it from")

    def _beside(self, post: ForeignPost, written: str, whole: str) -> str | None:
        """The file of the export that an address means."""
        if self._tree is None:
            return None
        try:
            path = unquote(urlsplit(written).path)
        except ValueError:
            return None
        if not urlsplit_scheme(written):
            near = posixpath.normpath(posixpath.join(post.folder, path.lstrip("/") if path.startswith("/") else path))
            for candidate in (near, *(f"{folder}{path.lstrip('/')}" for folder in _BESIDE)):
                if self._tree.has(posixpath.normpath(candidate)):
                    return posixpath.normpath(candidate)
        # A Takeout links its images on the web and has them in folders of albums, by the same names.
        same = self._by_name.get(PurePosixPath(path).name.lower(), []) if PurePosixPath(path).suffix else []
        return same[0] if len(same) == 1 else None

    def _name(self, address: str, data: bytes, ending: str) -> str:
        """A name of its own in the folder; the same image keeps the same."""
        try:
            stem = PurePosixPath(unquote(urlsplit(address).path)).stem
        except ValueError:
            stem = ""
        stem = _SAFE.sub("-", stem).strip("-.")[:MAX_NAME].lower() or "image"
        for number in range(1, 10_000):
            name = f"{stem}{f'-{number}' if number > 1 else ''}{ending}"
            there = self._names.get(name)
            path = self._folder / name
            if there is None and path.is_file() and path.stat().st_size <= IMAGE_BYTES_MAX:
                there = path.read_bytes()
            if there is None or there == data or self._dry_run:
                self._names[name] = data
                return name
        raise Unreadable(f"there are too many images called `{stem}`")


def urlsplit_scheme(address: str) -> str:
    """The scheme of an address, or nothing."""
    try:
        return urlsplit(address).scheme.lower()
    except ValueError:
        return ""
