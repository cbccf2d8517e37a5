"""Reads campaign.yaml and the posts beside it into a `Campaign`, collecting every problem on the way.

A draft keeps what could be read, with places, so that `drip.authoring.check` can judge it even if other parts are
broken. Never raises on what an author writes; never reads files. Called through `drip.authoring.definition`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from drip.authoring.keys import CAMPAIGN_KEYS, NAME_PATTERN
from drip.authoring.read_post import PostDraft, draft_post
from drip.authoring.read_project import ProjectDraft, judged
from drip.authoring.read_rule import SERIES, read_rule
from drip.authoring.read_sequence import Placed, References, read_broadcast, read_sequence
from drip.authoring.read_values import read_mailbox, read_meeting_url, read_zone
from drip.authoring.section import Named, Notebook, Section, clip, name_rule, read_section
from drip.core.limits import parse_closing
from drip.core.model import Broadcast, Campaign, InviteMode, Mailbox, Post, Sequence, Session, Step, Webinar
from drip.core.problems import Place, Problem
from drip.core.when import local_to_utc, parse_duration, parse_session, wall_faults

CAMPAIGN_FILE = "campaign.yaml"

_CAMPAIGN_PATH = re.compile(r"campaigns/([^/]+)/(?:campaign\.yaml|[^/]+\.md)")
# Notes beside the posts are not posts.
_NOT_A_POST = "README.md"


@dataclass(frozen=True, slots=True)
class CampaignDraft:
    """What could be read of a campaign, with places.

    `sent` are the posts that any step or broadcast sends, also those that could not be read. `session_names` has
    those of sessions that could not be read, too; None where a webinar is there and its sessions are not to be read.
    """

    campaign: Campaign
    path: str
    posts: Mapping[str, PostDraft]
    sent: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()
    is_whole: bool = False
    was_read: bool = False
    has_webinar: bool = False
    sessions: tuple[Placed[Session], ...] = ()
    session_names: tuple[str, ...] | None = ()
    sequences: tuple[Placed[Sequence], ...] = ()
    steps: Mapping[str, tuple[Placed[Step], ...]] = field(default_factory=dict)
    broadcasts: tuple[Placed[Broadcast], ...] = ()

    @property
    def is_evergreen(self) -> bool:
        """Whether its webinar has a rule in place of sessions."""
        return self.campaign.webinar is not None and self.campaign.webinar.rule is not None


def campaign_names(files: Mapping[str, str]) -> list[str]:
    """The campaigns: the folders under campaigns/ that hold a campaign.yaml or a post."""
    matches = (_CAMPAIGN_PATH.fullmatch(path) for path in files if not path.endswith(f"/{_NOT_A_POST}"))
    return sorted({match.group(1) for match in matches if match})


def draft_campaign(files: Mapping[str, str], name: str, project: ProjectDraft) -> CampaignDraft:
    """Read a campaign as far as possible."""
    book = Notebook(files)
    folder = f"campaigns/{name}"
    path = f"{folder}/{CAMPAIGN_FILE}"
    posts = _posts(book, folder)
    blank = Campaign(name, "", project.definition.timezone, posts=_values(posts))
    if not re.fullmatch(NAME_PATTERN, name):
        book.note("bad-name", f"`{clip(name)}` cannot be the name of a campaign", Place(path), name_rule(NAME_PATTERN))
    if path not in files:
        message = f"the folder {clip(folder, 80)} has posts and no campaign.yaml"
        book.note("missing-file", message, Place(path), "write its plot, or move the posts to a campaign")
        return CampaignDraft(blank, path, posts, problems=tuple(book.problems))
    table = book.compose(path)
    if table is None:
        return CampaignDraft(blank, path, posts, problems=tuple(book.problems))
    section = read_section(book, table, CAMPAIGN_KEYS, CAMPAIGN_FILE, Place(path))
    closed = project.definition.closed + book.phrases(section.texts.get("closed", ()), parse_closing)
    renamed = {name: draft.post.was for name, draft in posts.items() if draft.post.was}
    has_webinar = "webinar" in section.present
    known = References(frozenset(posts), project.lists, project.fields, has_webinar, folder, closed, renamed)
    draft = CampaignDraft(blank, path, posts, was_read=True, has_webinar=known.has_webinar)
    draft = _with_plot(book, draft, section, known)
    draft = _with_webinar(book, draft, section, project)
    return replace(draft, sent=frozenset(known.sent), problems=tuple(book.problems), is_whole=not book.has_errors)


def _posts(book: Notebook, folder: str) -> Mapping[str, PostDraft]:
    """All posts of the folder, by name."""
    posts: dict[str, PostDraft] = {}
    for path in sorted(book.files):
        parent, _, file = path.rpartition("/")
        if parent != folder or not file.endswith(".md") or file == _NOT_A_POST:
            continue
        draft = draft_post(book.files, path)
        book.problems += draft.problems
        name = draft.post.name
        if not re.fullmatch(NAME_PATTERN, name):
            message = f"`{clip(name)}` cannot be the name of a post"
            book.note("bad-name", message, Place(path), f"rename the file: {name_rule(NAME_PATTERN)}")
        posts[name] = draft
    return MappingProxyType(posts)


def _values(posts: Mapping[str, PostDraft]) -> Mapping[str, Post]:
    return MappingProxyType({name: draft.post for name, draft in posts.items()})


def _with_plot(book: Notebook, draft: CampaignDraft, section: Section, known: References) -> CampaignDraft:
    """The draft with its title, sender, zone, sequences and broadcasts."""
    sequences: list[Placed[Sequence]] = []
    steps: dict[str, tuple[Placed[Step], ...]] = {}
    for named in section.named.get("sequences", []):
        sequence, own_steps = read_sequence(book, named, known)
        if sequence is not None:
            sequences.append(sequence)
            steps[named.name] = own_steps
    rows = section.rows.get("broadcasts", [])
    broadcasts = tuple(each for row in rows if (each := read_broadcast(book, row, known)) is not None)
    sender: Mailbox | None = judged(book, section, "from", "bad-address", read_mailbox, Mailbox("", ""))
    campaign = replace(
        draft.campaign,
        title=section.text("title"),
        timezone=judged(book, section, "timezone", "bad-zone", read_zone, draft.campaign.timezone),
        sender=sender if "from" in section.scalars else None,
        sequences=tuple(each.value for each in sequences),
        broadcasts=tuple(each.value for each in broadcasts),
        clicks=section.text("clicks") == "yes",
    )
    return replace(draft, campaign=campaign, sequences=tuple(sequences), steps=steps, broadcasts=broadcasts)


def _with_webinar(book: Notebook, draft: CampaignDraft, section: Section, project: ProjectDraft) -> CampaignDraft:
    """The draft with its webinar, if it has one."""
    webinar = section.tables.get("webinar")
    if webinar is None:
        return replace(draft, session_names=None if draft.has_webinar else ())
    length = book.phrase(webinar.scalars.get("length"), parse_duration)
    join = judged(book, webinar, "join", "bad-url", read_meeting_url, "")
    replay = judged(book, webinar, "replay", "bad-url", read_meeting_url, "")
    kept = book.phrase(webinar.scalars.get("replay-for"), parse_duration)
    zone = draft.campaign.timezone
    kind = SERIES if SERIES in webinar.present and "sessions" not in webinar.present else "sessions"
    sessions = tuple(
        session
        for named in webinar.named.get(kind, [])
        if (session := _session(book, named, zone, length or timedelta(hours=1))) is not None
    )
    made = Webinar(
        title=webinar.text("title"),
        length=length or timedelta(hours=1),
        join=join,
        sessions=tuple(each.value for each in sessions),
        seats=int(webinar.text("seats")) if "seats" in webinar.scalars else None,
        invite=InviteMode(webinar.text("invite") or InviteMode.REQUEST),
        rule=read_rule(book, webinar, zone),
        replay=replay,
        replay_for=kept,
        is_series=kind == SERIES,
    )
    campaign = replace(draft.campaign, webinar=made)
    names = () if made.rule is not None else webinar.names.get(kind)
    return replace(draft, campaign=campaign, sessions=sessions, session_names=names)


def _session(book: Notebook, named: Named, zone: str, length: timedelta) -> Placed[Session] | None:
    """One session, on the campaign's wall clock."""
    scalar = named.scalar
    said = book.phrase(scalar, parse_session)
    if said is None or scalar is None:
        return None
    wall, cancelled = said
    shown = f"{wall:%Y-%m-%d %H:%M}"
    fault = wall_faults(wall, zone)
    readings = [wall.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)]
    if fault == "overlap":
        times = " or ".join(f"{moment:%H:%M} UTC" for moment in readings)
        message = f"{shown} comes twice in {zone}, where the clocks go back: it could be {times}"
        book.note("session-in-overlap", message, scalar.place, "choose a time before or after that hour")
        return None
    if fault == "gap":
        clocks = [f"{moment.astimezone(ZoneInfo(zone)):%H:%M}" for moment in sorted(readings)]
        message = (
            f"{shown} does not exist in {zone}, where the clocks go forward: people would read {' or '.join(clocks)}"
        )
        book.note("session-in-gap", message, scalar.place, f"choose a time that exists, such as {clocks[1]}")
        return None
    starts = local_to_utc(wall, zone)
    session = Session(named.name, starts, starts + length, shown, zone, cancelled)
    return Placed(session, scalar.place, {"name": named.place})
