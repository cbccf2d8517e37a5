"""The state behind the live preview: the files as last read, posts made into mails from them, and the last good ones.

Reads the author's files through `drip.project`, writes nothing, sends nothing, makes no database. What cannot be
rendered is told as Problems, beside the mail as it was when it last could. Called by `drip.sandbox.live_pages` (from
threads) and by the loop in `drip.sandbox.live_run`.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from drip.authoring.check import check
from drip.authoring.read_campaign import CampaignDraft, campaign_names, draft_campaign
from drip.authoring.read_post import PostDraft, draft_post
from drip.authoring.read_project import ProjectDraft, draft_project
from drip.core.model import Post
from drip.core.offers import has_sessions
from drip.core.problems import Place, Problem, Rank
from drip.core.records import Registration, Revision, RevisionId
from drip.engine.live import Edition
from drip.engine.preview import SEAT_POSTS, Previewed, render
from drip.errors import DripError, NotFound, TemplateFault
from drip.project import PROJECT_FILE, Clock, has_secret, open_project, read_tree
from drip.sandbox.contents import OWN_POSTS, Chapter, list_chapters, post_paths
from drip.sandbox.personas import DEFAULT, Persona, Reader, describe, invent, seat
from drip.sandbox.watch import Stamp, stamps

SHOWN_MAX = 64
"""How many rendered mails are kept: every view of a few posts, not a whole afternoon."""

CHECKS_MAX = 8
"""For how many saves and dates problems are kept."""


class Unreadable(DripError):
    """A file that the post depends on cannot be read."""

    name = "unreadable"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems[0].message if problems else None)
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files at one moment, read as far as possible. `number` counts the saves that were noticed."""

    number: int
    seen_at: datetime
    files: Mapping[str, str]
    project: ProjectDraft
    campaigns: Mapping[str, CampaignDraft]
    own_posts: Mapping[str, PostDraft]

    @property
    def chapters(self) -> tuple[Chapter, ...]:
        """The list of what there is."""
        return list_chapters(self.campaigns.values(), self.own_posts.values())

    def draft(self, path: str) -> PostDraft | None:
        """The post in a file."""
        parts = path.split("/")
        if path in self.own_posts:
            return self.own_posts[path]
        campaign = self.campaigns.get(parts[1]) if len(parts) == 3 and parts[0] == "campaigns" else None
        posts = campaign.posts.values() if campaign is not None else ()
        return next((each for each in posts if each.post.path == path), None)


@dataclass(frozen=True, slots=True)
class Source:
    """All that a mail is made from, but for its reader."""

    edition: Edition
    project: Edition
    post: Post
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to see: a post, as an invented reader or (with `email`) a real one, at a moment."""

    path: str
    persona: Persona
    now: datetime
    email: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A mail to look at. With `faults` it is that of the files as they were at `old_since`, or None."""

    mail: Previewed | None
    reader: Reader | None
    faults: tuple[Problem, ...] = ()
    old_since: datetime | None = None


class Live:
    """One project in preview. `look` reads it again after a save; the rest may be called from any thread."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self.root = root
        self.clock = clock
        self.is_closing = False
        self.measured = 0
        self._lock = threading.RLock()
        self._stamps: frozenset[Stamp] = frozenset()
        self._editions: dict[str, tuple[Mapping[str, str], Edition]] = {}
        self._good: dict[tuple[str, str], Source] = {}
        self._sizes: dict[str, tuple[int, int]] = {}
        self._shown: OrderedDict[tuple[object, ...], Shown] = OrderedDict()
        self._check_lock = threading.Lock()
        self._problems: OrderedDict[tuple[int, datetime], list[Problem]] = OrderedDict()
        self._check_at: datetime | None = clock.now()
        self._stamps = stamps(root)
        self.snapshot = read_snapshot(root, 1, clock.now())

    def look(self) -> bool:
        """Read the files again if one was saved; whether there is something new."""
        found = stamps(self.root)
        if found == self._stamps:
            return False
        try:
            read = read_snapshot(self.root, self.snapshot.number + 1, self.clock.now())
        except OSError:
            return False  # a file is being replaced at this very moment: the next look finds it
        self._stamps = found
        self.snapshot = read
        return True

    # --- problems and sizes ---

    def problems(self, now: datetime) -> list[Problem]:
        """Every problem in the files, judged as at a moment (give or take ten minutes)."""
        with self._check_lock:
            snapshot = self.snapshot
            key = _check_key(snapshot, now)
            if key not in self._problems:
                self._problems[key] = check(snapshot.files, now=now)
                while len(self._problems) > CHECKS_MAX:
                    self._problems.popitem(last=False)
            self._problems.move_to_end(key)
            return self._problems[key]

    def known_problems(self, now: datetime) -> tuple[list[Problem], bool]:
        """The problems, if they are known already; else those known last, and False. `check_wanted` finds the news."""
        found = self._problems.get(_check_key(self.snapshot, now))
        if found is not None:
            return found, True
        self._check_at = now
        known = list(self._problems.values())
        return (known[-1] if known else []), False

    def check_wanted(self) -> bool:
        """Check the files if somebody waits for it; whether somebody did."""
        now, self._check_at = self._check_at, None
        if now is None:
            return False
        self.problems(now)
        self.measured += 1
        return True

    def sizes(self) -> Mapping[str, int]:
        """The bytes of each post's page, where its files are as when it was measured; 0 if it cannot be shown."""
        snapshot = self.snapshot
        known = list(self._sizes.items())
        return {path: size for path, (mark, size) in known if mark == _mark(snapshot, path)}

    def measure_one(self) -> bool:
        """Find out the size of one post that has changed; whether there was one. Also keeps it as a good render."""
        snapshot = self.snapshot
        for path in post_paths(snapshot.chapters):
            mark = _mark(snapshot, path)
            if self._sizes.get(path, (None, 0))[0] != mark:
                shown = self.show(Wish(path, DEFAULT, self.clock.now()))
                size = len(shown.mail.html.encode()) if shown.mail is not None and not shown.faults else 0
                self._sizes[path] = (mark, size)
                self.measured += 1
                return True
        return False

    # --- mails ---

    def find(self, address: str) -> str:
        """The path of a post: `campaign/post`, `post`, a path, or one of drip's own. Raises NotFound."""
        wanted = address.removeprefix("./").removeprefix("campaigns/").removesuffix(".md")
        paths = post_paths(self.snapshot.chapters)
        for found in ([path for path in paths if _short(path) == wanted], [p for p in paths if Path(p).stem == wanted]):
            if len(found) > 1:
                raise NotFound(f"`{address}` could be {', '.join(f'`{_short(each)}`' for each in found)}")
            if found:
                return found[0]
        raise NotFound(
            f"there is no post `{address}`", hint="name it as `campaign/post`; `drip preview` lists them all"
        )

    def show(self, wish: Wish) -> Shown:
        """The mail, or what is wrong and the mail as it last was. Raises NotFound for a post or reader not there."""
        with self._lock:
            snapshot = self.snapshot
            minute = wish.now.replace(second=0, microsecond=0)
            key = (snapshot.number, wish.path, wish.persona.name, wish.email, minute)
            if key not in self._shown:
                self._shown[key] = self._show(snapshot, wish)
                while len(self._shown) > SHOWN_MAX:
                    self._shown.popitem(last=False)
            self._shown.move_to_end(key)
            return self._shown[key]

    def _show(self, snapshot: Snapshot, wish: Wish) -> Shown:
        draft = snapshot.draft(wish.path)
        if draft is None:
            raise NotFound(f"there is no post `{wish.path}`")
        who = wish.email or wish.persona.name
        try:
            source = self._source(snapshot, draft)
            reader = self._reader(source, wish)
            mail = _print(source, reader, wish.now)
        except Unreadable as unreadable:
            faults = unreadable.problems
        except TemplateFault as fault:
            faults = (problem_of(fault, draft, snapshot.files),)
        except NotFound:
            raise
        except DripError as error:
            faults = (Problem(error.name, error.message, Place(wish.path), error.hint),)
        else:
            self._good[wish.path, who] = self._good[wish.path, ""] = source
            return Shown(mail, reader)
        return self._old(wish, who, faults)

    def _old(self, wish: Wish, who: str, faults: tuple[Problem, ...]) -> Shown:
        """The mail from the files as they were when it could last be made."""
        for key in ((wish.path, who), (wish.path, "")):
            source = self._good.get(key)
            if source is None:
                continue
            try:
                reader = self._reader(source, wish)
                return Shown(_print(source, reader, wish.now), reader, faults, source.seen_at)
            except DripError:
                continue
        return Shown(None, None, faults)

    def _source(self, snapshot: Snapshot, draft: PostDraft) -> Source:
        """What the post is made from, or Unreadable."""
        _must_be_whole(snapshot.project.problems, whole=snapshot.project.is_whole)
        _must_be_whole(draft.problems, whole=draft.is_whole)
        project = self._edition(snapshot, "")
        path = draft.post.path
        if path.startswith(OWN_POSTS):
            edition = self._speaking_of_a_session(snapshot) if draft.post.name in SEAT_POSTS else None
            return Source(edition or project, project, draft.post, snapshot.seen_at)
        campaign = snapshot.campaigns[path.split("/")[1]]
        if not campaign.was_read:
            _must_be_whole(tuple(each for each in campaign.problems if each.place.path == campaign.path), whole=False)
        return Source(self._edition(snapshot, campaign.campaign.name), project, draft.post, snapshot.seen_at)

    def _speaking_of_a_session(self, snapshot: Snapshot) -> Edition | None:
        for name, draft in snapshot.campaigns.items():
            if draft.was_read and draft.campaign.webinar is not None and has_sessions(draft.campaign.webinar):
                return self._edition(snapshot, name)
        return None

    def _edition(self, snapshot: Snapshot, name: str) -> Edition:
        """The files as if applied. Kept while they are the same, because it holds what was compiled."""
        folder = f"campaigns/{name}/" if name else "templates/"
        files = {
            path: text
            for path, text in snapshot.files.items()
            if path == PROJECT_FILE or path.startswith(("templates/", folder))
        }
        kept = self._editions.get(name)
        if kept is not None and kept[0] == files:
            return kept[1]
        campaign = snapshot.campaigns[name].campaign if name else None
        revision = Revision(RevisionId(0), name, 0, "", snapshot.seen_at, files)
        edition = Edition(revision, snapshot.project.definition, campaign)
        self._editions[name] = (files, edition)
        return edition

    def _reader(self, source: Source, wish: Wish) -> Reader:
        definition, campaign = source.project.definition, source.edition.campaign
        needs_seat = source.post.path.startswith(OWN_POSTS) or any(
            sequence.is_service and any(source.post.name in step.posts for step in sequence.steps)
            for sequence in (campaign.sequences if campaign else ())
        )
        if not wish.email:
            return invent(wish.persona, definition, campaign, needs_seat=needs_seat, now=wish.now)
        known = real_reader(self.root, self.clock, wish.email, source.edition.revision.campaign)
        if known.registration is None and needs_seat and (lent := seat(campaign, wish.now)) is not None:
            note = "This post is about a registration; this subscriber has none here, so the next session is shown."
            return Reader(known.subscriber, lent, known.said, note)
        return known


def read_snapshot(root: Path, number: int, now: datetime) -> Snapshot:
    """Read all files once. Raises OSError when drip.yaml is not there."""
    files = read_tree(root)
    project = draft_project(files)
    return Snapshot(
        number,
        now,
        files,
        project,
        {name: draft_campaign(files, name, project) for name in campaign_names(files)},
        {path: draft_post(files, path) for path in sorted(files) if re.fullmatch(rf"{OWN_POSTS}[^/]+\.md", path)},
    )


def real_reader(root: Path, clock: Clock, address: str, campaign: str) -> Reader:
    """A subscriber of the project's database, which is only read. Raises NotFound."""
    with open_project(root, clock=clock) as project:
        from drip.store.store import open_store

        # `project.store` would make a database, and `project.keys` a secret, where there is none yet.
        store = open_store(project.store_url, root=root)
        try:
            if not has_secret(root) or not store.is_there():
                raise NotFound("this project has no database yet, so there are no subscribers", hint="choose a persona")
            with store.read() as work:
                subscriber = work.subscriber_by_mailbox(project.keys.mailbox_of(address))
                if subscriber is None:
                    raise NotFound(f"there is no subscriber {address}")
                registration: Registration | None = work.open_registration(subscriber.id, campaign)
        finally:
            store.close()
        note = "This subscriber unsubscribed from everything and is sent nothing." if subscriber.left_at else ""
        return Reader(subscriber, registration, describe(subscriber, registration, project.definition), note)


def _check_key(snapshot: Snapshot, now: datetime) -> tuple[int, datetime]:
    return snapshot.number, now.replace(minute=now.minute // 10 * 10, second=0, microsecond=0)


def _print(source: Source, reader: Reader, now: datetime) -> Previewed:
    return render(source.edition, source.project, source.post, reader.subscriber, reader.registration, now)


def _must_be_whole(problems: tuple[Problem, ...], *, whole: bool) -> None:
    if not whole:
        raise Unreadable(tuple(each for each in problems if each.rank is Rank.ERROR) or problems)


def problem_of(fault: TemplateFault, draft: PostDraft, files: Mapping[str, str]) -> Problem:
    """A fault of a template as a Problem, with the whole line marked."""
    path = fault.path or draft.post.path
    prefix = f"{fault.path}:{fault.line}: " if fault.line else f"{fault.path}: "
    message = fault.message.removeprefix(prefix) if fault.path else fault.message.replace(f"{path}:1: ", "")
    if path == draft.post.path and fault.line < draft.post.body_line:
        # Subject and preview are templates of one line; in the file they stand wherever the author wrote them.
        return Problem(fault.name, message, _head_place(message, draft), fault.hint)
    lines = files.get(path, "").splitlines()
    text = lines[fault.line - 1] if 0 < fault.line <= len(lines) else ""
    column = len(text) - len(text.lstrip()) + 1
    return Problem(fault.name, message, Place(path, max(1, fault.line), column, max(1, len(text.strip()))), fault.hint)


def _head_place(message: str, draft: PostDraft) -> Place:
    lines = {name: draft.head.values.get(name, "") for name in ("subject", "preview")}
    named = re.findall(r"['`]([^'`]+)['`]", message)
    guilty = [name for name, text in lines.items() if any(word in text for word in named)]
    with_code = [name for name, text in lines.items() if "{" in text]
    chosen = next(iter(guilty or with_code), None)
    return draft.place_of(chosen) if chosen else Place(draft.post.path)


def _mark(snapshot: Snapshot, path: str) -> int:
    """A number that changes when anything changes that the post's page is made from."""
    folder = path.rpartition("/")[0]
    return hash(
        tuple(
            (name, text)
            for name, text in snapshot.files.items()
            if name in (path, PROJECT_FILE, f"{folder}/campaign.yaml")
            or (name.startswith("templates/") and not name.startswith((OWN_POSTS, "templates/pages/")))
        )
    )


def _short(path: str) -> str:
    """`campaign/post` for the path of a post; the bare name for one of drip's own."""
    return path.removeprefix(OWN_POSTS).removeprefix("campaigns/").removesuffix(".md")
