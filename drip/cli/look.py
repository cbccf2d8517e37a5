"""The commands that look: status, why, log. They change nothing. Called by `drip.cli.main` on demand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from drip.cli.grammar import EXITS_PROJECT, SINCE, SPAN_TYPE, Call, command, settle
from drip.cli.names import complete_post
from drip.cli.output import mask, one_line, span_words
from drip.core.records import LogEntry, SubscriberId
from drip.errors import DripError

if TYPE_CHECKING:
    from drip.store.work import Work

EXITS = (4, *EXITS_PROJECT)
LOG_LINES = 50


class RunTooOld(DripError):
    """The last run is longer ago than it may be."""

    name = "run-too-old"
    exit_code = 6
    default_hint = "is `drip run` in cron?"


@command(
    "status",
    examples=(
        ("drip status", "what is live, what is due, what needs you"),
        ("drip status --json", "one document for a script"),
        ("drip status --max-age 2h", "for monitoring: exit 6 when cron stopped calling `drip run`"),
    ),
    exits=(6, *EXITS),
)
@click.option("--max-age", type=SPAN_TYPE, metavar="SPAN", help="Fail when the last run is longer ago, as `2h`.")
def status(call: Call, max_age: timedelta | None) -> None:
    """Say what is live, what is due and what needs you."""
    from drip.reports.status import as_document, as_lines, gather

    with call.project() as project:
        numbers = gather(project, call.now())
    if call.output.json:
        call.output.document(as_document(numbers))
    else:
        call.output.answer("\n".join(as_lines(numbers)))
    if max_age is None:
        return
    last = numbers.last_run
    if last is None:
        raise RunTooOld("`drip run` has not run yet")
    age = numbers.now - (last.finished_at or last.started_at)
    if age > max_age:
        raise RunTooOld(f"the last run is {span_words(age)} ago")


@command(
    "why",
    examples=(
        ("drip why mia@example.com", "all that was, is and will be sent to her, with reasons"),
        ("drip why mia@example.com last-seats", "one post"),
    ),
    exits=EXITS,
)
@click.argument("email")
@click.argument("post", required=False, shell_complete=complete_post)
def why(call: Call, email: str, post: str | None) -> None:
    """Print every decision about one person, with its reason.

    Behind them: what was sent or skipped. Ahead: what comes, and when, if nobody acts, and what would change it. And
    what they have no part in, with the reason. Times are the reader's own. docs/reasons.md has all reasons and rules.
    """
    from drip.cli.absence import unknown
    from drip.cli.person import document_of, gather, lines_of

    with call.project() as project, project.store.read() as work:
        stranger = unknown(project, work, email)
        if stranger is not None:
            if call.output.json:
                call.output.document(stranger.document)
            else:
                call.output.answer("\n".join(stranger.lines))
            return
        story = gather(project, work, email, post, call.now())
    if call.output.json:
        call.output.document(document_of(story))
    else:
        call.output.answer("\n".join(lines_of(story, post)))


# --- log ---------------------------------------------------------------------------------------------------


class Addresses:
    """The addresses of the people in the log, looked up once each; masked unless asked for in full."""

    def __init__(self, work: Work, full: bool) -> None:
        self._work = work
        self._full = full
        self._known: dict[SubscriberId, str] = {}

    def of(self, subscriber_id: SubscriberId | None) -> str:
        """The address, or `-` for a fact about nobody."""
        if subscriber_id is None:
            return "-"
        if subscriber_id not in self._known:
            person = self._work.subscriber(subscriber_id)
            email = person.email if person is not None else "(erased)"
            self._known[subscriber_id] = email if self._full or person is None else mask(email)
        return self._known[subscriber_id]


def log_line(entry: LogEntry, address: str, zone: str) -> str:
    """One fact: id first, then moment, kind, who, what about, why."""
    from zoneinfo import ZoneInfo

    at = entry.at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
    about = "/".join(each for each in (entry.campaign, entry.subject) if each) or "the project"
    parts = [f"#{entry.id}", at, entry.kind, address, about, entry.reason, f"({entry.detail})" if entry.detail else ""]
    return "  ".join(one_line(each) for each in parts if each)


@command(
    "log",
    examples=(
        ("drip log", f"the last {LOG_LINES} facts"),
        ("drip log --since 2h", "the last two hours"),
        ('drip log --since "2026-12-01 9:00" -v', "since a moment, addresses in full"),
    ),
    exits=EXITS,
)
@click.option("--since", type=SINCE, metavar="TIME", help="Since a moment (`2026-12-01 9:00`) or a span ago (`2h`).")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help=f"At most the last N. [default: {LOG_LINES}]")
def log(call: Call, since: datetime | timedelta | None, limit: int | None) -> None:
    """Print what happened, one line a fact, oldest first. Addresses are masked unless `-v`."""
    with call.project() as project, project.store.read() as work:
        zone = project.definition.timezone
        start = call.now() - since if isinstance(since, timedelta) else settle(since, zone) if since else None
        most = limit or (LOG_LINES if start is None else LOG_MAX)
        addresses = Addresses(work, call.output.verbose > 0)
        entries = work.entries(since=start, limit=most)
        for entry in entries:
            address = addresses.of(entry.subscriber_id)
            if call.output.json:
                call.output.record(_entry_json(entry, address))
            else:
                call.output.answer(log_line(entry, address, zone))
    if not entries and not call.output.json:
        call.output.answer("nothing happened" + (" since then" if start else " yet"))


LOG_MAX = 100_000


def _entry_json(entry: LogEntry, address: str) -> dict[str, object]:
    return {
        "type": "log",
        "id": entry.id,
        "at": entry.at,
        "kind": entry.kind,
        "subscriber": None if entry.subscriber_id is None else address,
        "campaign": entry.campaign,
        "subject": entry.subject,
        "reason": entry.reason,
        "detail": entry.detail,
    }
