"""Opens what `drip import` was given, a file, a folder, a zip file or an address, and finds the right reader.

What something is, its content says. The readers live in `drip.authoring.importing` and are given strings and streams;
the disk and the network are touched here. Called by `drip.cli.import_run`.
"""

from __future__ import annotations

import io
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import urlsplit

from drip.authoring.importing.foreign import ForeignPost, LeftOut, Posts, decode
from drip.authoring.importing.recognize import HEAD_BYTES, Kind, recognize
from drip.cli.fetch import PAGE_BYTES_MAX, Fetched
from drip.cli.trees import FolderTree, Tree, ZipTree
from drip.errors import NotFound, Unreadable, WrongUsage

STREAMED = (Kind.WORDPRESS, Kind.BLOGGER)
"""These are read piece by piece and may be of any size."""
SITE_FILES = ("hugo.toml", "hugo.yaml", "config.toml", "config.yaml", "config.yml", "_config.yml", "_config.yaml")
PAGE_ENDINGS = (".html", ".htm", ".xhtml")
MARKDOWN_ENDINGS = (".md", ".markdown", ".mdown")


@dataclass(slots=True)
class Source:
    """What was recognized, its posts as they come, and what there is to tell; `tree` holds the images beside them."""

    kind: Kind
    posts: Posts
    notes: list[str] = field(default_factory=list)
    tree: Tree | None = None
    text: bytes = b""
    name: str = ""
    fetched: Fetched | None = None


def open_source(path: Path | None, given: str, *, site: str, with_images: bool) -> Source:
    """The source at a path, or on stdin for None. Raises NotFound, WrongUsage, Unreadable."""
    if path is None:
        data = sys.stdin.buffer.read(PAGE_BYTES_MAX + 1)
        if len(data) > PAGE_BYTES_MAX:
            raise WrongUsage(f"`-` gave more than {PAGE_BYTES_MAX // 1_000_000} MB", hint="save it as a file first")
        return from_bytes(data, "post", url="", site=site)
    if not path.exists():
        raise NotFound(f"there is no file `{given}`")
    if path.is_dir():
        return from_tree(*_site_tree(path), site=site, name=path.name)
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise WrongUsage(f"`{given}` cannot be read: {(error.strerror or str(error)).lower()}") from None
    kind = recognize(head, path.name)
    if kind is Kind.ZIP:
        return from_tree(ZipTree(path), "", site=site, name=path.stem)
    if kind in STREAMED:
        notes: list[str] = []
        return Source(
            kind,
            _streamed(kind, lambda: path.open("rb"), notes),
            notes,
            name=path.stem,
            tree=_beside(path, with_images),
        )
    if kind is Kind.TEXT:
        return Source(kind, iter(()), name=path.stem)
    if path.stat().st_size > (PAGE_BYTES_MAX * 5):
        raise WrongUsage(f"`{given}` is larger than {PAGE_BYTES_MAX * 5 // 1_000_000} MB")
    source = from_bytes(path.read_bytes(), path.name, url="", site=site)
    source.tree = _beside(path, with_images)
    return source


def from_bytes(data: bytes, name: str, *, url: str, site: str, charset: str = "") -> Source:
    """The source that these bytes are; `url` is where they came from."""
    kind = recognize(data[:HEAD_BYTES], name)
    notes: list[str] = []
    if kind is Kind.ZIP:
        return from_tree(ZipTree(io.BytesIO(data), name), "", site=site, name=PurePosixPath(name).stem)
    if kind in STREAMED:
        return Source(kind, _streamed(kind, lambda: io.BytesIO(data), notes), notes, name=name)
    if kind is Kind.UNKNOWN:
        raise Unreadable(f"`{name}` is {kind.value}", hint="`drip import --help` lists what it reads")
    source = Source(kind, iter(()), notes, text=data, name=PurePosixPath(name).stem)
    if kind is not Kind.TEXT:
        source.posts = _whole(kind, data, source.name, url or site, site, notes, charset)
    return source


def name_in(url: str) -> str:
    """A file name for an address."""
    return PurePosixPath(urlsplit(url).path).name or "post"


def _streamed(kind: Kind, opened: Callable[[], IO[bytes]], notes: list[str]) -> Posts:
    from drip.authoring.importing.blogger import blogger_posts
    from drip.authoring.importing.wordpress import wordpress_posts

    try:
        with opened() as stream:
            yield from (wordpress_posts if kind is Kind.WORDPRESS else blogger_posts)(stream, notes)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise Unreadable(f"the export cannot be read to its end: {str(error).lower()}") from None


def _whole(kind: Kind, data: bytes, name: str, url: str, site: str, notes: list[str], charset: str = "") -> Posts:
    """The posts of a source that is read as one."""
    if kind is Kind.FEED:
        from drip.authoring.importing.feed import feed_posts

        yield from feed_posts(data, url, notes)
    elif kind is Kind.GHOST:
        from drip.authoring.importing.ghost import ghost_posts

        yield from ghost_posts(data, site, notes)
    elif kind is Kind.PAGE:
        from drip.authoring.importing.page import read_page

        text, note = decode(data, charset)
        notes += [f"{name}: {note}"] if note else []
        yield read_page(text, url=url, name=name)


# --- folders and zip files ---------------------------------------------------------------------------------


def _site_tree(path: Path) -> tuple[Tree, str]:
    """The folder that was named, or the site's own above it if it is a part of one: images lie beside, in `static/`.

    The second value says which part was named.
    """
    whole = path.resolve()
    for above in whole.parents:
        part = whole.relative_to(above).as_posix()
        if part.split("/")[0] in ("content", "_posts", "_drafts") and any(
            (above / each).is_file() for each in SITE_FILES
        ):
            return FolderTree(above), f"{part}/"
    return FolderTree(path), ""


def _beside(path: Path, with_images: bool) -> Tree | None:
    """The folder of a single file, for its images; a folder with too much in it is no export."""
    if not with_images:
        return None
    try:
        return FolderTree(path.resolve().parent, files_max=5_000)
    except Unreadable:
        return None


def from_tree(tree: Tree, part: str, *, site: str, name: str) -> Source:
    """The source that a folder or a zip file is."""
    names = [each for each in tree.names if each.startswith(part)]
    notes: list[str] = []
    for table, table_kind, reader in (
        ("posts.csv", Kind.SUBSTACK, _substack),
        ("emails.csv", Kind.BUTTONDOWN, _buttondown),
    ):
        found = next((each for each in names if PurePosixPath(each).name == table), None)
        if found is not None:
            return Source(table_kind, reader(tree, found, site, notes), notes, tree, name=name)
    exports = [(each, kind) for each in names if (kind := _export_kind(tree, each)) is not None]
    if exports:
        posts = chain.from_iterable(_export(tree, each, kind, site, notes) for each, kind in exports)
        return Source(exports[0][1], posts, notes, tree, name=name)
    if part or _is_site(tree, names):
        return Source(Kind.SITE, _site(tree, names, part, site, notes), notes, tree, name=name)
    pages = [each for each in names if each.lower().endswith(PAGE_ENDINGS)]
    if not pages:
        raise Unreadable(f"`{name}` holds nothing that drip reads", hint="`drip import --help` lists what it reads")
    posts = chain.from_iterable(_page(tree, each, site, notes) for each in pages)
    return Source(Kind.FILES, posts, notes, tree, name=name)


def _export_kind(tree: Tree, name: str) -> Kind | None:
    if not name.lower().endswith((".xml", ".atom", ".rss", ".json")):
        return None
    try:
        with tree.open(name) as file:
            kind = recognize(file.read(HEAD_BYTES), name)
    except (Unreadable, OSError):
        return None
    return kind if kind in (Kind.WORDPRESS, Kind.BLOGGER, Kind.GHOST, Kind.FEED) else None


def _export(tree: Tree, name: str, kind: Kind, site: str, notes: list[str]) -> Posts:
    if kind in STREAMED:
        return _streamed(kind, lambda: tree.open(name), notes)
    return _whole(kind, tree.read(name), name, site, site, notes)


def _page(tree: Tree, name: str, site: str, notes: list[str]) -> Posts:
    data = _read(tree, name, notes)
    return iter(()) if data is None else _whole(Kind.PAGE, data, PurePosixPath(name).stem, "", site, notes)


def _read(tree: Tree, name: str, notes: list[str]) -> bytes | None:
    """The bytes of a file; one that cannot be read is told and does not stop the others."""
    try:
        return tree.read(name)
    except Unreadable as error:
        notes.append(error.message)
        return None


def _text(tree: Tree, name: str, notes: list[str]) -> str | None:
    data = _read(tree, name, notes) if tree.has(name) else None
    if data is None:
        return None
    text, note = decode(data)
    if note:
        notes.append(f"{name}: {note}")
    return text


def _substack(tree: Tree, table: str, site: str, notes: list[str]) -> Posts:
    from drip.authoring.importing.tables import substack_posts

    folder = PurePosixPath(table).parent / "posts"
    files = [PurePosixPath(each).name for each in tree.names if PurePosixPath(each).parent == folder]
    return substack_posts(
        _text(tree, table, notes) or "", files, lambda name: _text(tree, (folder / name).as_posix(), notes), site
    )


def _buttondown(tree: Tree, table: str, site: str, notes: list[str]) -> Posts:
    from drip.authoring.importing.tables import buttondown_posts

    folder = PurePosixPath(table).parent / "emails"
    return buttondown_posts(
        _text(tree, table, notes) or "", lambda name: _text(tree, (folder / name).as_posix(), notes), site
    )


def _is_site(tree: Tree, names: Iterable[str]) -> bool:
    for each in names:
        parts = PurePosixPath(each).parts
        if "_posts" in parts or (parts[0] == "content" and each.endswith(MARKDOWN_ENDINGS)):
            return True
    return any(each.endswith(MARKDOWN_ENDINGS) for each in names)


def _site(tree: Tree, names: list[str], part: str, site: str, notes: list[str]) -> Posts:
    from drip.authoring.importing.sites import ENDINGS, site_address, site_post

    root = _root_of(names) if not part else ""
    for each in SITE_FILES:
        if not site and tree.has(f"{root}{each}"):
            site = site_address(each, _text(tree, f"{root}{each}", notes) or "")
    homes = [
        each
        for each in names
        if "_posts" in each.split("/") or "_drafts" in each.split("/") or each.removeprefix(root).startswith("content/")
    ]
    for each in homes or names:
        ending = PurePosixPath(each).suffix.lower()
        if ending not in ENDINGS or (ending == ".html" and "_posts" not in each):
            continue
        text = _text(tree, each, notes)
        if text is None:
            continue
        found = site_post(each.removeprefix(root), text, site=site)
        yield found if isinstance(found, LeftOut) or not root else _moved(found, root)


def _root_of(names: Iterable[str]) -> str:
    """The folder within a zip file that the site is in, as when a repository is downloaded."""
    for each in names:
        parts = each.split("/")
        for at, part in enumerate(parts[:-1]):
            if part in ("content", "_posts"):
                return "".join(f"{above}/" for above in parts[:at])
    return ""


def _moved(post: ForeignPost, root: str) -> ForeignPost:
    return replace(post, folder=f"{root}{post.folder}")
