"""The numbers of `drip status`, computed once: as a document for machines and as lines for people.

Reads the store, the live revisions and the author's files; changes nothing. Called by `drip.cli.look`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from drip.core.delivery import DeliveryState
from drip.core.problems import Rank
from drip.core.records import EnrollmentState, Pause, RunRecord
from drip.core.when import wall_clock
from drip.engine.telling import sessions_of
from drip.reports.clicks import CLICK_HEADINGS, ClickNumbers, click_document, click_numbers, click_row
from drip.reports.delivering import (
    RELAY_HEADINGS,
    STOPPED,
    Need,
    RelayNumbers,
    broadcast_needs,
    journal_needs,
    relay_document,
    relay_numbers,
    relay_row,
    reminder_needs,
)
from drip.reports.limits import ASKS_FOR_HELD, CapNumbers, cap_numbers, held_for
from drip.reports.variants import VARIANT_HEADINGS, VariantNumbers, variant_document, variant_numbers, variant_row
from drip.simulate import next_moment

if TYPE_CHECKING:
    from drip.project import Project
    from drip.store.work import Work

PLANNED = "planned"
SEQUENCE_HEADINGS = ("sequence", "waiting", "due", "done", "goal", "stopped", "oldest due", "last send")
OVERDUE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SequenceNumbers:
    """How many people are where in one live sequence; `due` of the waiting are due, the oldest `overdue_since`."""

    campaign: str
    sequence: str
    waiting: int
    done: int
    goal: int
    stopped: int
    due: int = 0
    overdue_since: datetime | None = None
    last_send: datetime | None = None
    paused_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SessionNumbers:
    """One session and its seats; `seats` None means no limit."""

    campaign: str
    session: str
    starts: datetime
    zone: str
    booked: int
    seats: int | None


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that `drip status` knows. `deliveries` maps `planned` and every state to its count."""

    project: str
    timezone: str
    now: datetime
    deliveries: Mapping[str, int]
    lists: Mapping[str, int]
    sequences: Sequence[SequenceNumbers]
    sessions: Sequence[SessionNumbers]
    revisions: Mapping[str, int]
    next_at: datetime | None
    last_run: RunRecord | None
    needs: Sequence[Need]
    test_mode: str = ""
    relays: Sequence[RelayNumbers] = ()
    variants: Sequence[VariantNumbers] = ()
    clicks: Sequence[ClickNumbers] = ()
    capped: CapNumbers | None = None
    pauses: Sequence[Pause] = ()


def gather(project: Project, now: datetime) -> Status:
    """Compute the numbers, in one reading transaction, so that they fit one another."""
    files = project.wanted()
    next_at = next_moment(project.engine)
    with project.store.read() as work:
        editions = project.engine.live.campaigns(work)
        campaigns = [each.campaign for each in editions if each.campaign is not None]
        counts = work.delivery_counts()
        last_run = work.last_run()
        deliveries = {PLANNED: counts.get(PLANNED, 0)} | {
            state.value: counts.get(state.value, 0) for state in DeliveryState
        }
        return Status(
            project=project.definition.name,
            timezone=project.definition.timezone,
            now=now,
            deliveries=deliveries,
            lists={each.name: work.count_active(each.name) for each in project.definition.lists},
            sequences=_sequences(work, project, now),
            sessions=_sessions(work, project),
            revisions={each.revision.campaign: each.revision.number for each in editions},
            next_at=next_at,
            last_run=last_run,
            needs=[
                *_delivery_needs(deliveries, work.held_by_reason()),
                *broadcast_needs(work),
                *_file_needs(project, work, files, now),
                *_run_needs(last_run, next_at, now),
                *journal_needs(project, work),
                *reminder_needs(project, work, now),
            ],
            test_mode=project.definition.test_mode,
            relays=relay_numbers(work, project, now),
            variants=variant_numbers(work, campaigns),
            clicks=click_numbers(work, campaigns),
            capped=cap_numbers(work, project, now),
            pauses=work.open_pauses(),
        )


def _sequences(work: Work, project: Project, now: datetime) -> list[SequenceNumbers]:
    counts, overdue = work.enrollment_counts(), work.overdue(now)
    paused = {(each.campaign, each.sequence): each.paused_at for each in work.open_pauses()}
    last: dict[tuple[str, str], datetime] = {}
    for (campaign, step), moment in work.last_sends().items():
        key = (campaign, step.partition("/")[0])
        last[key] = max(moment, last.get(key, moment))
    rows = []
    for edition in project.engine.live.campaigns(work):
        for sequence in edition.campaign.sequences if edition.campaign else ():
            key = (edition.revision.campaign, sequence.name)
            mine = counts.get(key, {})
            waiting, done, goal, stopped = (mine.get(state.value, 0) for state in EnrollmentState)
            due, since = overdue.get(key, (0, None))
            rows.append(SequenceNumbers(*key, waiting, done, goal, stopped, due, since, last.get(key), paused.get(key)))
    return [*rows, *_taken_out(counts, overdue, last, paused, {(each.campaign, each.sequence) for each in rows})]


def _taken_out(
    counts: Mapping[tuple[str, str], Mapping[str, int]],
    overdue: Mapping[tuple[str, str], tuple[int, datetime]],
    last: Mapping[tuple[str, str], datetime],
    paused: Mapping[tuple[str, str], datetime],
    live: set[tuple[str, str]],
) -> list[SequenceNumbers]:
    """Sequences that are in the files no more, as long as somebody who keeps an old revision goes through them."""
    rows = []
    for key, mine in sorted(counts.items()):
        waiting, done, goal, stopped = (mine.get(state.value, 0) for state in EnrollmentState)
        if key not in live and waiting:
            due, since = overdue.get(key, (0, None))
            rows.append(SequenceNumbers(*key, waiting, done, goal, stopped, due, since, last.get(key), paused.get(key)))
    return rows


def _sessions(work: Work, project: Project) -> list[SessionNumbers]:
    rows = []
    for edition in project.engine.live.campaigns(work):
        webinar = edition.campaign.webinar if edition.campaign else None
        if edition.campaign is None or webinar is None:
            continue
        picked = [each.name for each in work.sessions(edition.campaign.name, is_open=True)]
        for session in sessions_of(edition.campaign, picked):
            booked = work.booked_count(edition.revision.campaign, session.name)
            rows.append(
                SessionNumbers(
                    edition.revision.campaign, session.name, session.starts, session.zone, booked, webinar.seats
                )
            )
    return rows


# --- what needs the author ---------------------------------------------------------------------------------

ASKS_FOR = (
    (
        DeliveryState.UNCERTAIN,
        "uncertain: handed over, and no answer came",
        "they are never resent by themselves; see `drip delivery list`",
    ),
    (DeliveryState.FAILED, "failed: refused for good", "`drip log` tells why"),
    (DeliveryState.EXPIRED, "expired: the relay put them off for 72 hours", "`drip log` tells what it said"),
)


def _count(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _delivery_needs(deliveries: Mapping[str, int], held: Mapping[str, int]) -> list[Need]:
    asked = [(state.value, deliveries[state.value], text, hint) for state, text, hint in ASKS_FOR]
    held = {reason: number for reason, number in held.items() if reason != STOPPED}  # told by broadcast
    asked[2:2] = [(DeliveryState.HELD.value, number, *ASKS_FOR_HELD[reason]) for reason, number in held_for(held)]
    return [
        Need(name, f"{_count(number, 'delivery', 'deliveries')} {text}", hint)
        for name, number, text, hint in asked
        if number
    ]


def _file_needs(project: Project, work: Work, files: Mapping[str, str], now: datetime) -> list[Need]:
    from drip.authoring.check import check
    from drip.authoring.definition import campaign_names
    from drip.engine.apply import digest_of, files_of

    needs = []
    errors = sum(each.rank is Rank.ERROR for each in check(files, now=now))
    if errors:
        needs.append(Need("problems", f"{_count(errors, 'error')} in your files", "see them with `drip check`"))
    changed = []
    for name in campaign_names(files):
        live = work.live_revision(name)
        if live is None or live.digest != digest_of(files_of(files, name)):
            changed.append(name)
    if changed:
        text = f"not applied as the files are now: {', '.join(changed)}"
        needs.append(Need("changes", text, "see what would change with `drip plan`"))
    return needs


def _run_needs(last: RunRecord | None, next_at: datetime | None, now: datetime) -> list[Need]:
    if last is None:
        return [Need("no-run", "`drip run` has not run yet", "put it in cron, every minute or every five")]
    if next_at is not None and now - next_at > OVERDUE:
        return [Need("overdue", "what is due waits for more than an hour", "is `drip run` in cron? is the relay up?")]
    return []


# --- forms -------------------------------------------------------------------------------------------------


def as_document(status: Status) -> dict[str, object]:
    """The status as one JSON document; names are only ever added to it."""
    last = status.last_run
    return {
        "type": "status",
        "project": status.project,
        "now": status.now,
        "deliveries": dict(status.deliveries),
        "lists": dict(status.lists),
        "campaigns": dict(status.revisions),
        "sequences": [
            {
                "campaign": each.campaign,
                "sequence": each.sequence,
                "waiting": each.waiting,
                "done": each.done,
                "goal": each.goal,
                "stopped": each.stopped,
                "due": each.due,
                "overdue_since": each.overdue_since,
                "last_send": each.last_send,
                "paused_at": each.paused_at,
            }
            for each in status.sequences
        ],
        "sessions": [
            {
                "campaign": each.campaign,
                "session": each.session,
                "starts": each.starts,
                "zone": each.zone,
                "booked": each.booked,
                "seats": each.seats,
            }
            for each in status.sessions
        ],
        "variants": [variant_document(each) for each in status.variants],
        "clicks": [click_document(each) for each in status.clicks],
        "relays": [relay_document(each) for each in status.relays],
        "next_at": status.next_at,
        "last_run": None
        if last is None
        else {"started_at": last.started_at, "finished_at": last.finished_at, "sent": last.sent, "note": last.note},
        "needs": [{"name": each.name, "text": each.text, "hint": each.hint} for each in status.needs],
        "test_mode": status.test_mode or None,
        "at_most": status.capped.as_document() if status.capped else None,
        "pauses": [
            {"campaign": each.campaign, "sequence": each.sequence or None, "paused_at": each.paused_at}
            for each in status.pauses
        ],
    }


def columns(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns: the first to the left, the others to the right, as numbers stand."""
    widths = [max(len(row[index]) for row in (headings, *rows)) for index in range(len(headings))]

    def line(row: Sequence[str]) -> str:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        return "   ".join([first.strip().ljust(widths[0]), *rest]).rstrip()

    return [line(headings), *(line(row) for row in rows)]


def _deliveries_words(deliveries: Mapping[str, int]) -> str:
    parts = [f"{deliveries[state.value]:,} {state.value}" for state in DeliveryState if deliveries[state.value]]
    planned = f"{deliveries[PLANNED]:,} planned"
    return f"{planned} = {' + '.join(parts)}" if parts else planned


def _run_words(last: RunRecord | None, zone: str) -> str:
    if last is None:
        return "never"
    if last.finished_at is None:
        return f"{wall_clock(last.started_at, zone)}, at work or killed"
    sent = _count(last.sent, "message") if last.sent else "nothing"
    return f"{wall_clock(last.finished_at, zone)}, sent {sent}" + (f"; {last.note}" if last.note else "")


def _pause_lines(pauses: Sequence[Pause], zone: str) -> list[str]:
    """What stands still, a line for each campaign and moment."""
    named: dict[tuple[str, datetime], list[str]] = {}
    for each in pauses:
        named.setdefault((each.campaign, each.paused_at), []).append(each.sequence or "broadcasts")
    lines = [
        f"paused       {campaign}: {', '.join(sorted(names))}, since {wall_clock(since, zone)};"
        f" it goes on with `drip resume {campaign}`"
        for (campaign, since), names in named.items()
    ]
    return ["", *lines] if lines else []


def as_lines(status: Status) -> list[str]:
    """The status for people, in the project's time."""
    zone = status.timezone
    lines = [status.project, ""]
    if status.test_mode:
        lines += [f"TEST MODE    is on: all mail goes to {status.test_mode}, and none to readers", ""]
    lines.append(f"deliveries   {_deliveries_words(status.deliveries)}")
    lines.append(f"next         {wall_clock(status.next_at, zone) if status.next_at else 'nothing is planned'}")
    lines.append(f"last run     {_run_words(status.last_run, zone)}")
    if status.capped:
        lines.append(f"at most      {status.capped.line}")
    if status.lists:
        lines += ["", *columns(("list", "active"), [(name, f"{number:,}") for name, number in status.lists.items()])]
    if status.sequences:
        rows = [
            (
                f"{each.campaign}/{each.sequence}",
                *(f"{n:,}" for n in (each.waiting, each.due, each.done, each.goal, each.stopped)),
                wall_clock(each.overdue_since, zone) if each.overdue_since else "-",
                wall_clock(each.last_send, zone) if each.last_send else "-",
            )
            for each in status.sequences
        ]
        lines += ["", *columns(SEQUENCE_HEADINGS, rows)]
    if status.variants:
        lines += ["", *columns(VARIANT_HEADINGS, [variant_row(each) for each in status.variants])]
    if status.clicks:
        lines += ["", *columns(CLICK_HEADINGS, [click_row(each) for each in status.clicks])]
    lines += _pause_lines(status.pauses, zone)
    if status.sessions:
        seats = [
            (
                f"{each.campaign}/{each.session}",
                wall_clock(each.starts, each.zone),
                f"{each.booked:,}",
                "no limit" if each.seats is None else f"{each.seats:,}",
            )
            for each in status.sessions
        ]
        lines += ["", *columns(("session", "starts", "booked", "seats"), seats)]
    if status.relays:
        lines += ["", *columns(RELAY_HEADINGS, [relay_row(each) for each in status.relays])]
    lines += ["", "needs you" if status.needs else "nothing needs you"]
    for each in status.needs:
        lines += [f"  {each.text}", f"    hint: {each.hint}"]
    return lines
