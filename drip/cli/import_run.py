"""One run of `drip import` over a source with posts: which are wanted, which are there already, and what is written.

A draft remembers the post that it came from in its front matter (`source:`), so an import can be run again and again,
whatever the author did to the drafts meanwhile. Nothing that is there is ever written over. Called by `drip.cli.write`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from drip.authoring.front_matter import split_front_matter
from drip.authoring.importing.convert import Converted, convert, source_name, where_they_are
from drip.authoring.importing.foreign import ForeignPost, LeftOut
from drip.authoring.importing.recognize import Kind
from drip.cli.fetch import PAGE_BYTES_MAX, Fetcher
from drip.cli.files import write_file
from drip.cli.grammar import Call
from drip.cli.output import count, one_line
from drip.cli.pictures import Pictures
from drip.cli.sources import Source, from_bytes, name_in
from drip.errors import WrongUsage

HEAD_CHARACTERS = 64_000
CHANGES_FILE = ".drip-import.json"
"""Beside the drafts: what a server said about the age of a feed, so that it need not send the same again."""
CHANGES_BYTES_MAX = 1_000_000
TOLD_EVERY = 25
NAMES_MAX = 10_000

_NO_COUNT = frozenset({"Jinja tag"})
_MANY = {
    "post in the bin": "posts in the bin",
    "post without its file": "posts without their files",
    "other entry": "other entries",
    "image without an address": "images without an address",
    "image that has no whole address": "images that have no whole address",
    "link within the page": "links within the page",
    "link that no mail may have": "links that no mail may have",
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the author asked for."""

    target: Path
    images: Path | None = None
    name: str | None = None
    since: date | None = None
    only: str | None = None
    drafts: bool = False
    dry_run: bool = False
    overwrite: bool = False
    to_stdout: bool = False
    is_folder: bool = False
    """Whether the target was written as a folder, with a slash at its end."""

    @property
    def filters(self) -> bool:
        """Whether posts may be left out that another call would take."""
        return self.since is not None or self.only is not None


@dataclass(slots=True)
class Written:
    """One draft."""

    path: Path
    source: str
    title: str
    report: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """What became of a source."""

    found: int = 0
    written: list[Written] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)


def is_wanted(post: ForeignPost, wishes: Wishes) -> str:
    """Why a post is left out, or nothing."""
    if post.is_draft and not wishes.drafts:
        return "draft"
    if wishes.only is not None and not fnmatchcase(post.title.casefold(), wishes.only.casefold()):
        return "title that `--only` does not match"
    if wishes.since is not None and not post.date:
        return "post without a date"
    if wishes.since is not None and date.fromisoformat(post.date) < wishes.since:
        return "post from before `--since`"
    return ""


_SKIPPED_MANY = {
    "title that `--only` does not match": "titles that `--only` does not match",
    "post without a date": "posts without a date",
    "post from before `--since`": "posts from before `--since`",
}


def sources_in(folder: Path) -> dict[str, Path]:
    """The posts that drafts in this folder came from, whatever the drafts are called by now."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.md")) if folder.is_dir() else ():
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                head, _ = split_front_matter(file.read(HEAD_CHARACTERS), path.name)
        except OSError:
            continue
        if source := head.values.get("source", ""):
            found.setdefault(source, path)
    return found


class Import:
    """Takes the posts of a source one by one."""

    def __init__(self, call: Call, source: Source, wishes: Wishes, fetcher: Fetcher) -> None:
        self.call = call
        self.source = source
        self.wishes = wishes
        self.tally = Tally()
        self.is_file = source.kind is Kind.PAGE and not (wishes.is_folder or wishes.target.is_dir())
        self.folder = wishes.target.parent if self.is_file else wishes.target
        self.known = {} if wishes.to_stdout else sources_in(self.folder)
        self.taken: set[str] = set()
        self.pictures: Pictures | None = None
        if wishes.images is not None:
            self.pictures = Pictures(wishes.images, source.tree, fetcher, dry_run=wishes.dry_run)

    def run(self) -> Iterator[tuple[Written, Converted]]:
        """Each draft, after it was written."""
        for found in self.source.posts:
            if isinstance(found, LeftOut):
                self.tally.left_out[found.what] += found.number
                continue
            self.tally.found += 1
            if self.tally.found % TOLD_EVERY == 0:
                self.call.output.progress(f"{count(self.tally.found, 'post')} read")
            made = self.take(found)
            if made is not None:
                yield made
        self.call.output.progress("")

    def take(self, post: ForeignPost) -> tuple[Written, Converted] | None:
        """Write the draft of one post, unless it is not wanted or there already."""
        why = is_wanted(post, self.wishes)
        source = source_name(post.source)
        if not why and source and source in self.known:
            why = "already imported"
            self.call.output.talk(f"already imported: {one_line(post.title or source)} ({self.known[source].name})")
        if why:
            self.tally.skipped[why] += 1
            return None
        place = where_they_are if self.pictures is None else partial(self._place, post)
        converted = convert(post, place)
        path = self._path(converted.draft.slug)
        if not self.wishes.dry_run and not self.wishes.to_stdout:
            write_file(path, converted.draft.markdown.encode())
        self.known[source] = path
        self.tally.met += converted.counts
        written = Written(path, source, post.title, converted.draft.report)
        self.tally.written.append(written)
        return written, converted

    def _place(self, post: ForeignPost, written: str, whole: str) -> str:
        assert self.pictures is not None
        return self.pictures.place(post, written, whole, self.folder)

    def _path(self, slug: str) -> Path:
        """Where a draft goes: never over something that is there."""
        if self.is_file:
            if self.wishes.target.exists() and not self.wishes.overwrite and not self.wishes.to_stdout:
                raise WrongUsage(
                    f"`{self.wishes.target}` is there already; nothing was written", hint="overwrite it with `--yes`"
                )
            return self.wishes.target
        stem = self.wishes.name or slug
        for number in range(1, NAMES_MAX):
            name = f"{stem}-{number}.md" if number > 1 else f"{stem}.md"
            if name not in self.taken and not (self.folder / name).exists():
                self.taken.add(name)
                return self.folder / name
        raise WrongUsage(f"there are too many drafts called `{stem}`")


def tell(run: Import) -> None:
    """The counts, on stderr."""
    talk = run.call.output.talk
    tally = run.tally
    verb = "would be written" if run.wishes.dry_run else "written"
    skipped = sum(tally.skipped.values())
    for note in run.source.notes:
        talk(note)
    found = count(tally.found, "post")
    talk(f"{run.source.kind.value}: {found} found, {len(tally.written):,} {verb}, {skipped:,} skipped")
    if tally.skipped:
        talk(f"skipped: {_listed(tally.skipped, _SKIPPED_MANY)}")
    if tally.skipped["draft"]:
        talk("take drafts along with `--drafts`")
    if tally.left_out:
        talk(f"left out: {_listed(tally.left_out, _MANY)}")
    if met := Counter({what: number for what, number in tally.met.items() if number and what not in _NO_COUNT}):
        talk(f"in the posts: {_listed(met, _MANY)}")
    if run.pictures is not None:
        for failure in run.pictures.failures:
            talk(f"image left where it was: {failure}")
        if run.pictures.counts:
            talk(f"images: {', '.join(f'{number:,} {what}' for what, number in sorted(run.pictures.counts.items()))}")


def _listed(counts: Counter[str], many: dict[str, str]) -> str:
    parts = [
        f"{number:,} {what}" if what == "already imported" else count(number, what, many.get(what))
        for what, number in sorted(counts.items())
        if number
    ]
    return ", ".join(parts)


def document(run: Import) -> dict[str, object]:
    """The same for machines."""
    tally = run.tally
    return {
        "type": "import",
        "kind": run.source.kind.name.lower(),
        "written": not run.wishes.dry_run,
        "drafts": [
            {"path": str(each.path), "source": each.source, "title": each.title, "report": list(each.report)}
            for each in tally.written
        ],
        "found": tally.found,
        "skipped": dict(sorted(tally.skipped.items())),
        "left_out": dict(sorted(tally.left_out.items())),
        "met": {what: number for what, number in sorted(tally.met.items()) if number},
        "images": dict(sorted(run.pictures.counts.items())) if run.pictures else {},
        "failures": list(run.pictures.failures) if run.pictures else [],
        "notes": list(run.source.notes),
    }


# --- addresses ---------------------------------------------------------------------------------------------


def fetch_source(url: str, fetcher: Fetcher, wishes: Wishes, *, site: str) -> Source | None:
    """The source behind an address, or None when the server says that it is as it was and all of it is here."""
    remembered = {} if wishes.filters or wishes.to_stdout else _remembered(wishes.target).get(url, {})
    known = sources_in(wishes.target)
    sources = remembered.get("sources")
    # A draft that was thrown away is wanted again: then the server must send all of it.
    if not isinstance(sources, list) or not all(each in known for each in sources):
        remembered = {}
    fetched = fetcher.fetch(
        url,
        most=PAGE_BYTES_MAX,
        etag=str(remembered.get("etag", "")),
        modified=str(remembered.get("modified", "")),
    )
    if fetched.is_unchanged:
        return None
    source = from_bytes(fetched.data, name_in(fetched.url), url=fetched.url, site=site, charset=fetched.charset)
    source.fetched = fetched
    return source


def remember(run: Import, url: str) -> None:
    """Keep what the server said about the age of this, if all of it was taken."""
    fetched = run.source.fetched
    if fetched is None or run.wishes.filters or run.wishes.dry_run or run.wishes.to_stdout or run.is_file:
        return
    if not (fetched.etag or fetched.modified) or not run.folder.is_dir():
        return
    kept = _remembered(run.folder)
    sources = [source for source in run.known if source]
    kept[url] = {"etag": fetched.etag, "modified": fetched.modified, "sources": sources}
    write_file(run.folder / CHANGES_FILE, json.dumps(kept, indent=1).encode())


def _remembered(folder: Path) -> dict[str, dict[str, object]]:
    path = folder / CHANGES_FILE
    try:
        if not path.is_file() or path.stat().st_size > CHANGES_BYTES_MAX:
            return {}
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    good = isinstance(kept, dict) and all(
        isinstance(each, dict) and isinstance(each.get("sources", []), list) for each in kept.values()
    )
    return kept if good else {}
