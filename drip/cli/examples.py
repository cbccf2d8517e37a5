"""What `drip init` and `drip new` write: the examples that come with drip, and skeletons of campaigns and posts.

Texts only: reads what the package has and writes nothing. Called by `drip.cli.start`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

from drip.cli.files import starter_files
from drip.project import PROJECT_FILE

EXAMPLES = ("job-search", "newsletter", "course", "empty")
WORKED = "job-search"
EMPTY = "empty"

SCHEMA_FOLDER = ".drip/schema"
# The secret beside the schemas stays out of git; the schemas go in, so that a clone's editor finds them.
IGNORED = b"# what drip itself writes\n/drip.db*\n/.drip/*\n!/.drip/schema/\n/outbox/\n"

DAYS_AHEAD = 7
"""The first calendar moment of an example is at least so far ahead: time to look around before anything is sent."""

_DAY = re.compile(r"\b(\d{4}-\d\d-\d\d)\b")
_CAMPAIGN_FILE = re.compile(r"campaigns/[^/]+/campaign\.yaml")
_STORY_FILE = re.compile(r"(campaigns/[^/]+)/tests/.+\.ya?ml")


def example_files(name: str, now: datetime) -> dict[str, bytes]:
    """All files of a new project, by path: the example, the layouts, the schemas for editors."""
    files = starter_files()
    if name != WORKED:
        files = {path: data for path, data in files.items() if path.startswith("templates/")}
        root = Path(__file__).parent.parent / "examples" / name
        for each in sorted(root.rglob("*")):
            if each.is_file() and each.suffix in (".yaml", ".md"):
                files[each.relative_to(root).as_posix()] = each.read_bytes()
    if name == EMPTY:
        files["campaigns/.gitkeep"] = b""  # neither git nor a wheel keeps an empty folder
    texts = {path: files[path].decode() for path in files if _CAMPAIGN_FILE.fullmatch(path)}
    for path in files:
        if path == PROJECT_FILE:
            files[path] = modeline(path).encode() + files[path]
        elif path in texts:
            files[path] = (modeline(path) + _moved(texts[path], _ahead(texts[path], now.date()))).encode()
        elif story := _STORY_FILE.fullmatch(path):
            # A test speaks of the days of its campaign, and so moves with it.
            ahead = _ahead(texts[f"{story[1]}/campaign.yaml"], now.date())
            files[path] = (modeline(path) + _moved(files[path].decode(), ahead)).encode()
    return {**files, **schema_files(), ".gitignore": IGNORED}


def _ahead(text: str, today: date) -> timedelta:
    """By how many whole weeks days are moved, so that Tuesdays stay Tuesdays and nothing of `text` is over already."""
    days = [date.fromisoformat(each) for each in _DAY.findall(text)]
    if not days:
        return timedelta()
    short = (today + timedelta(days=DAYS_AHEAD) - min(days)).days
    return timedelta(weeks=max(0, -(-short // 7)))


def _moved(text: str, ahead: timedelta) -> str:
    return _DAY.sub(lambda match: (date.fromisoformat(match[1]) + ahead).isoformat(), text)


def schema_files() -> dict[str, bytes]:
    """The schemas of drip.yaml, campaign.yaml and drip tests, for editors."""
    from drip.authoring.schema import campaign_schema, project_schema, story_schema

    made = {"drip": project_schema(), "campaign": campaign_schema(), "test": story_schema()}
    return {
        f"{SCHEMA_FOLDER}/{name}.schema.json": (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode()
        for name, schema in made.items()
    }


def modeline(path: str) -> str:
    """The first line that tells an editor which schema a YAML file follows; the path is relative to the file."""
    up = "../" * path.count("/")
    name = "drip" if path == PROJECT_FILE else "test" if _STORY_FILE.fullmatch(path) else "campaign"
    return f"# yaml-language-server: $schema={up}{SCHEMA_FOLDER}/{name}.schema.json\n"


# --- skeletons ---------------------------------------------------------------------------------------------
# TK ("to come") is what stands where the author has to write; `drip check` names each one.

_POST = """\
---
subject: {subject}
preview: TK the line that inboxes show behind the subject
---

{greeting}

{body}
"""

_PLAIN = """\
# The plot of this campaign. The posts are the .md files beside it.
title: {title}

sequences:

  welcome:                             # once for each reader, on the reader's own clock
    start: joins {list}
    steps:
      - send: welcome
        when: at once
"""

_WEBINAR = """\
# The plot of this campaign. The posts are the .md files beside it.
title: {title}

webinar:
  title: {title}
  length: 60 minutes
  join: https://meet.example.com/{{session}}   # the address of your meeting; `{{session}}` is the session's name
  sessions:
    noon:     {first} 12:00
    evening:  {second} 19:00

sequences:

  invite:                              # leads to the webinar, and ends when the reader registers
    start: joins {list}
    goal: registers
    stop: last session starts
    hours: weekdays 8:00-18:00
    steps:
      - send: invitation
        when: at once
      - send: last-seats
        when: 3 days later at 9:30

  remind:                              # once for each registration
    start: registers
    stop: cancels
    steps:
      - send: you-are-in
        when: at once
      - send: see-you-tomorrow
        when: 1 day before session
      - send: we-are-live
        when: 10 minutes before session

  follow-up:                           # once for each session that ends
    start: session ends
    steps:
      - send: thank-you
        when: 2 hours later
        if: attended
      - send: we-missed-you
        when: 2 hours later
        if: missed
"""

_SESSION = "{{ session.day }} at {{ session.time }}"
_WEBINAR_POSTS = {
    "invitation": (
        "TK what the webinar is about",
        "TK why the reader should come.\n\nThese sessions are open:\n\n{{ sessions }}\n\n"
        "**[Choose a session](webinar:)**",
    ),
    "last-seats": (
        "Last seats for “{{ webinar.title }}”",
        "TK what the reader would miss.\n\n{{ sessions }}\n\n**[Choose a session](webinar:)**",
    ),
    "you-are-in": (
        f"You’re in: {_SESSION}",
        f"Your seat is booked: **{_SESSION}**, {{{{ session.zone }}}}.\n\n[Add it to my calendar](calendar:)\n\n"
        "Come in through [your own link](join:), which opens 15 minutes before the start. TK how to prepare.\n\n"
        "If it does not suit you any more, [give your seat back](cancel:).",
    ),
    "see-you-tomorrow": (
        f"See you {_SESSION}",
        "TK one thing to look forward to.\n\nYour way in: [the meeting](join:).",
    ),
    "we-are-live": (
        "We start in {{ session.starts_in }}",
        "The door is open.\n\n**[Come on in](join:)**\n\nTK a last word.",
    ),
    "thank-you": ("Thank you for coming", "TK the recording, and one next step."),
    "we-missed-you": ("We missed you at the webinar", "TK the recording, or another session."),
}


def title_of(name: str) -> str:
    """A first title from a name: `spring-letters` is `Spring letters`."""
    words = re.sub(r"[-_]+", " ", name).strip()
    return words[:1].upper() + words[1:]


def post_text(fields: Iterable[str], subject: str = "TK what this mail is about", body: str = "TK") -> str:
    """A post to fill in. It greets by name where the project knows names."""
    greeting = "Hi {{ first_name }}," if "first_name" in fields else "Hello,"
    return _POST.format(subject=subject, greeting=greeting, body=body)


def campaign_files(name: str, list_name: str, fields: Iterable[str], now: datetime, *, webinar: bool) -> dict[str, str]:
    """The files of a new campaign, by their path in the project."""
    folder = f"campaigns/{name}"
    fields = tuple(fields)
    # Two sessions on a Tuesday and the day after, two weeks away: time to write and to invite.
    first = now.date() + timedelta(days=14 + (1 - now.date().weekday()) % 7)
    plot = (_WEBINAR if webinar else _PLAIN).format(
        title=title_of(name), list=list_name, first=first, second=first + timedelta(days=1)
    )
    plot_path = f"{folder}/campaign.yaml"
    files = {plot_path: modeline(plot_path) + plot}
    posts = _WEBINAR_POSTS if webinar else {"welcome": ("TK what this mail is about", "TK")}
    return files | {f"{folder}/{post}.md": post_text(fields, *parts) for post, parts in posts.items()}
