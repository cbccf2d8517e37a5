"""The commands about the event: `drip webinar list|show|export` and `drip session list|show|move|cancel`.

A session is moved and cancelled in `campaign.yaml`: the two commands edit its one line, and `drip apply` makes it live
and tells people, because only what was applied is sent. Called by `drip.cli.main` on demand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from drip.cli.grammar import Call, command, dry_run_option, noun
from drip.cli.names import complete_campaign, complete_session, near_hint
from drip.cli.output import count, one_line, rfc3339
from drip.cli.people import EXITS, webinar_campaigns
from drip.cli.sheets import csv_text, is_formula
from drip.cli.telling import news_json, news_lines, pace_lines
from drip.core.offers import rule_text
from drip.core.records import Attendance, RegistrationState
from drip.core.seats import SeatState
from drip.core.when import moment_text, parse_wall, wall_clock
from drip.errors import DripError, NotFound, WrongUsage

if TYPE_CHECKING:
    from datetime import datetime

    from drip.core.model import Session, Webinar
    from drip.engine.telling import News
    from drip.project import Project
    from drip.store.roster import Seated
    from drip.store.work import Work

webinar = noun("webinar", "Webinars and their numbers: list, show, export; a QR code of the page.")
session = noun("session", "The sessions of a webinar: list, show, move, cancel.")

ZOOM_BYTES_MAX = 2_000_000
"""What Zoom takes as one file of registrants."""


class CannotEdit(DripError):
    """The line of this session cannot be edited by a command."""

    name = "cannot-edit"
    exit_code = 2
    default_hint = "edit `campaign.yaml` by hand, then `drip plan` and `drip apply`"


@dataclass(frozen=True, slots=True)
class Numbers:
    """One session with how it stands at a moment."""

    campaign: str
    session: Session
    seats: int | None
    state: str
    booked: int
    line: int
    pending: int
    attended: int
    missed: int

    def json(self) -> dict[str, object]:
        """For machines."""
        return {
            "type": "session",
            "campaign": self.campaign,
            "session": self.session.name,
            "starts": rfc3339(self.session.starts),
            "ends": rfc3339(self.session.ends),
            "zone": self.session.zone,
            "state": self.state,
            "seats": self.seats,
            "booked": self.booked,
            "line": self.line,
            "pending": self.pending,
            "attended": self.attended,
            "missed": self.missed,
        }


def live_webinar(project: Project, work: Work, campaign: str) -> Webinar:
    """The webinar of a live campaign. Raises NotFound."""
    (name,) = webinar_campaigns(project, work, campaign)
    edition = project.engine.live.campaign(work, name)
    assert edition is not None
    assert edition.campaign is not None
    assert edition.campaign.webinar is not None, "a campaign of that list has one"
    return edition.campaign.webinar


def session_named(event: Webinar, campaign: str, name: str) -> Session:
    """One of its sessions. Raises NotFound with what comes near."""
    found = event.session_named(name)
    if found is None and event.rule is not None:
        hint = "those of an evergreen webinar are named by their start in UTC, such as `2026-12-08-1700z`"
        raise NotFound(f"{campaign} has no session `{one_line(name)}`", hint=hint)
    if found is None:
        known = [each.name for each in event.sessions]
        hint = near_hint(name, known) or f"there are: {', '.join(known) or 'none'}"
        raise NotFound(f"{campaign} has no session `{one_line(name)}`", hint=hint)
    return found


def numbers_of(work: Work, campaign: str, event: Webinar, now: datetime) -> list[Numbers]:
    """Every session of a webinar, soonest first, with its numbers; of an evergreen one those that were picked."""
    states: dict[str, Counter[SeatState]] = {}
    came: dict[str, Counter[Attendance]] = {}
    for each in work.roster(campaign):
        states.setdefault(each.registration.session, Counter())[each.state] += 1
        if each.state is SeatState.BOOKED:
            came.setdefault(each.registration.session, Counter())[each.attendance] += 1
    found = []
    sessions: Iterable[Session] = event.sessions
    if event.rule is not None:
        names = {each.name for each in work.sessions(campaign)} | set(states)
        sessions = [one for each in names if (one := event.session_named(each)) is not None]
    for one in sorted(sessions, key=lambda each: (each.starts, each.name)):
        mine, past = states.get(one.name, Counter()), came.get(one.name, Counter())
        booked = mine[SeatState.BOOKED]
        numbers = (booked, mine[SeatState.WAITLISTED] + mine[SeatState.OFFERED], mine[SeatState.PENDING])
        state = _state(one, event.seats, booked + mine[SeatState.OFFERED], now)
        found.append(
            Numbers(campaign, one, event.seats, state, *numbers, past[Attendance.ATTENDED], past[Attendance.MISSED])
        )
    return found


def _state(one: Session, seats: int | None, taken: int, now: datetime) -> str:
    if one.ends <= now:
        return "over"
    if one.cancelled:
        return "cancelled"
    if seats is not None and taken >= seats:
        return "full"
    return "begun" if one.starts <= now else "open"


def _table(call: Call, found: Sequence[Numbers], *, named: bool) -> None:
    headings = ["session", "starts", "zone", "state", "booked", "seats", "in line", "unconfirmed", "attended"]
    rows = []
    for each in found:
        name = f"{each.campaign}/{each.session.name}" if named else each.session.name
        row = [name, wall_clock(each.session.starts, each.session.zone), each.session.zone, each.state]
        row += [str(each.booked), "no limit" if each.seats is None else str(each.seats)]
        rows.append([*row, str(each.line), str(each.pending), str(each.attended)])
    call.output.table(headings, rows, right=(4, 5, 6, 7, 8))


# --- webinar -----------------------------------------------------------------------------------------------


@command(
    "list",
    examples=(("drip webinar list", "every webinar that is live, and its next session"),),
    exits=EXITS,
)
def webinar_list(call: Call) -> None:
    """List the webinars that are live."""
    rows = []
    with call.project() as project, project.store.read() as work:
        for name in webinar_campaigns(project, work, None):
            event = live_webinar(project, work, name)
            found = numbers_of(work, name, event, call.now())
            coming = [each for each in found if each.state in ("open", "full") and each.session.starts > call.now()]
            booked = sum(each.booked for each in found)
            if call.output.json:
                call.output.record(
                    {
                        "type": "webinar",
                        "campaign": name,
                        "title": event.title,
                        "sessions": len(found),
                        "next": rfc3339(coming[0].session.starts) if coming else None,
                        "booked": booked,
                    }
                )
            upcoming = wall_clock(coming[0].session.starts, coming[0].session.zone) if coming else "none"
            rows.append((name, event.title, str(len(found)), upcoming, str(booked)))
    if call.output.json:
        return
    if rows:
        call.output.table(("campaign", "title", "sessions", "next", "booked"), rows, right=(2, 4))
    else:
        call.output.answer("no webinar is live; `webinar:` in a campaign.yaml makes one")


@command(
    "show",
    examples=(("drip webinar show six-deadly-mistakes", "its sessions with their numbers"),),
    exits=EXITS,
)
@click.argument("campaign", shell_complete=complete_campaign)
def webinar_show(call: Call, campaign: str) -> None:
    """Show a webinar and how its sessions stand."""
    with call.project() as project, project.store.read() as work:
        event = live_webinar(project, work, campaign)
        found = numbers_of(work, campaign, event, call.now())
        page = f"{project.definition.url.rstrip('/')}/w/{campaign}"
    minutes = round(event.length.total_seconds() / 60)
    if call.output.json:
        call.output.document(
            {
                "type": "webinar",
                "campaign": campaign,
                "title": event.title,
                "minutes": minutes,
                "invite": event.invite.value,
                "series": event.is_series,
                "evergreen": rule_text(event.rule) if event.rule is not None else None,
                "page": page,
                "sessions": [each.json() for each in found],
            }
        )
        return
    rule = f"evergreen: {rule_text(event.rule)}\n" if event.rule is not None else ""
    rule = "a series: readers register once for all parts\n" if event.is_series else rule
    call.output.answer(f"{event.title}\n{minutes} minutes, invite: {event.invite.value}\n{rule}page: {page}\n")
    if event.rule is not None and not found:
        call.output.answer("nobody has picked a start yet")
        return
    _table(call, found, named=False)


EXPORTED = ("session", "email", "first_name", "state", "asked_at", "confirmed_at", "zone", "attendance", "minutes")


def exported_rows(found: Sequence[Seated]) -> Iterator[tuple[str, ...]]:
    """Registrations as rows of a spreadsheet."""
    for each in found:
        held = each.registration
        yield (
            held.session,
            each.email,
            each.fields.get("first_name", ""),
            each.state.value,
            rfc3339(held.requested_at) or "",
            rfc3339(held.confirmed_at) or "",
            held.zone or "",
            each.attendance.value,
            "" if each.minutes is None else str(each.minutes),
        )


@command(
    "export",
    examples=(
        ("drip webinar export six-deadly-mistakes > seats.csv", "everybody who registered, as CSV"),
        (
            "drip webinar export six-deadly-mistakes --zoom --session tuesday-noon > zoom.csv",
            "booked seats, in the columns that Zoom imports",
        ),
    ),
    exits=EXITS,
)
@click.argument("campaign", shell_complete=complete_campaign)
@click.option("--session", metavar="NAME", shell_complete=complete_session, help="Only this session.")
@click.option("--zoom", is_flag=True, help="The registrants of one session in the columns that Zoom imports.")
def webinar_export(call: Call, campaign: str, session: str | None, zoom: bool) -> None:
    """Export who registered as CSV on standard output. No cell is ever a formula."""
    with call.project() as project, project.store.read() as work:
        event = live_webinar(project, work, campaign)
        if session is not None:
            session_named(event, campaign, session)
        if zoom and session is None:
            if len(event.held) != 1:
                first = f"{event.sessions[0].name}" if event.sessions else "NAME"
                raise WrongUsage("Zoom takes one session at a time", hint=f"add `--session {first}`")
            session = event.held[0].name
        state = RegistrationState.BOOKED if zoom else None
        found = work.roster(campaign, session=session, state=state)
    if call.output.json:
        for row in exported_rows(found):
            call.output.record({"type": "registration", **dict(zip(EXPORTED, row, strict=True))})
    elif zoom:
        _export_zoom(call, found)
    else:
        call.output.raw(csv_text(EXPORTED, exported_rows(found)))


def _export_zoom(call: Call, found: Sequence[Seated]) -> None:
    """Names lose what would make them a formula; an address must stay as it is, so such a one is left out and named."""
    rows, odd = [], []
    for each in found:
        if is_formula(each.email):
            odd.append(each.email)
            continue
        first = " ".join(each.fields.get("first_name", "").split()) or each.email.partition("@")[0]
        last = " ".join(each.fields.get("last_name", "").split())
        # Zoom wants a last name; a dot stands for one that nobody gave.
        rows.append((each.email, *(name.lstrip("=+-@ ") or "." for name in (first, last))))
    text = csv_text(("email", "first name", "last name"), rows)
    if len(text.encode()) > ZOOM_BYTES_MAX:
        raise WrongUsage("Zoom takes files of at most 2 MB, and this one is larger", hint="split it by hand")
    call.output.raw(text)
    call.output.talk(f"{count(len(rows), 'registrant')}; switch Zoom's own mails off, or readers get two of each")
    for address in odd:
        call.output.talk(f"left out, because a spreadsheet would calculate it: {one_line(address)}")


# --- session -----------------------------------------------------------------------------------------------


@command(
    "list",
    examples=(
        ("drip session list", "every session of every webinar that is live"),
        ("drip session list six-deadly-mistakes --json", "one JSON object a line"),
    ),
    exits=EXITS,
)
@click.argument("campaign", required=False, shell_complete=complete_campaign)
def session_list(call: Call, campaign: str | None) -> None:
    """List sessions, soonest first, with their seats."""
    found: list[Numbers] = []
    with call.project() as project, project.store.read() as work:
        for name in webinar_campaigns(project, work, campaign):
            found += numbers_of(work, name, live_webinar(project, work, name), call.now())
    if call.output.json:
        for each in found:
            call.output.record(each.json())
    elif found:
        _table(call, sorted(found, key=lambda each: each.session.starts), named=True)
    else:
        call.output.answer("no sessions")


@command(
    "show",
    examples=(("drip session show six-deadly-mistakes tuesday-noon", "when it is, its seats, and its line"),),
    exits=EXITS,
)
@click.argument("campaign", shell_complete=complete_campaign)
@click.argument("name", metavar="SESSION", shell_complete=complete_session)
def session_show(call: Call, campaign: str, name: str) -> None:
    """Show one session: its time, its seats, and who waits for one."""
    with call.project() as project, project.store.read() as work:
        event = live_webinar(project, work, campaign)
        one = session_named(event, campaign, name)
        mine = [each for each in numbers_of(work, campaign, event, call.now()) if each.session.name == name]
        if not mine:
            raise NotFound(f"nobody has picked `{one_line(name)}`", hint=f"`drip session list {campaign}` shows them")
        (numbers,) = mine
        line = [
            person.email
            for number in work.line(campaign, name)
            if (held := work.registration(number)) and (person := work.subscriber(held.subscriber_id))
        ]
    if call.output.json:
        call.output.document({**numbers.json(), "waiting": line})
        return
    seats = "no limit" if numbers.seats is None else count(numbers.seats, "seat")
    lines = [
        f"{campaign}/{name}: {numbers.state}",
        moment_text(one.starts, one.zone),
        f"{one.starts:%Y-%m-%d %H:%M} UTC",
    ]
    lines.append(f"{seats}, {numbers.booked:,} booked, {numbers.pending:,} not confirmed")
    if numbers.state == "over" or numbers.attended or numbers.missed:
        unknown = numbers.booked - numbers.attended - numbers.missed
        lines.append(f"{numbers.attended:,} attended, {numbers.missed:,} missed, {unknown:,} unknown")
    lines += [f"waits: {one_line(each)}" for each in line]
    call.output.answer("\n".join(lines))


@command(
    "move",
    examples=(
        ('drip session move six-deadly-mistakes tuesday-noon "2026-12-08 15:00" --dry-run', "who would be told"),
        ('drip session move six-deadly-mistakes tuesday-noon "2026-12-08 15:00"', "write it into campaign.yaml"),
    ),
    exits=EXITS,
)
@click.argument("campaign", shell_complete=complete_campaign)
@click.argument("name", metavar="SESSION", shell_complete=complete_session)
@click.argument("moment", metavar="MOMENT")
@dry_run_option
def session_move(call: Call, campaign: str, name: str, moment: str, dry_run: bool) -> None:
    """Write another time for a session into campaign.yaml, and say who will be told when you apply it.

    MOMENT is on the campaign's clock, as in the file: `2026-12-08 15:00`. Nothing is sent before `drip apply`.
    """
    from drip.core.problems import PhraseError

    try:
        wall = parse_wall(moment)
    except PhraseError as error:
        raise WrongUsage(f"`{one_line(moment)}` is no time of a session: {error.message}", hint=error.help) from None
    _edit(call, campaign, name, f"{wall:%Y-%m-%d %H:%M}", dry_run)


@command(
    "cancel",
    examples=(
        ("drip session cancel six-deadly-mistakes tuesday-noon --dry-run", "who would be told"),
        ("drip session cancel six-deadly-mistakes tuesday-noon", "write it into campaign.yaml"),
    ),
    exits=EXITS,
)
@click.argument("campaign", shell_complete=complete_campaign)
@click.argument("name", metavar="SESSION", shell_complete=complete_session)
@dry_run_option
def session_cancel(call: Call, campaign: str, name: str, dry_run: bool) -> None:
    """Write into campaign.yaml that a session does not take place, and say who will be told when you apply it.

    Nothing is sent before `drip apply`. Then everybody in it is told once, and may choose another session.
    """
    _edit(call, campaign, name, None, dry_run)


def _edit(call: Call, campaign: str, name: str, wall: str | None, dry_run: bool) -> None:
    from drip.authoring.sessions_file import is_evergreen, session_line
    from drip.cli.files import write_file
    from drip.engine.apply import wanted_campaigns
    from drip.engine.telling import news_of

    with call.project() as project:
        files = project.wanted()
        edited = session_line(files, campaign, name, wall)
        if edited is None and is_evergreen(files, campaign):
            raise CannotEdit(
                f"{campaign} is evergreen: its sessions come from a rule",
                hint="`closed:` takes days out of the rule; `drip registration move|cancel` changes one seat",
            )
        if edited is None:
            raise CannotEdit(f"campaigns/{campaign}/campaign.yaml has no line for the session `{one_line(name)}`")
        path, text = edited
        wanted, _ = wanted_campaigns({**files, path: text}, [campaign], call.now())
        with project.store.read() as work:
            live = project.engine.live.campaign(work, campaign)
            news = [
                each
                for each in news_of(work, live.campaign if live is not None else None, wanted[0], call.now())
                if each.session == name
            ]
        same = files[path] == text
        if not dry_run and not same:
            # As it is on disk, but for the one line: `wanted` has the text without a byte order mark.
            raw = (project.root / path).read_bytes()
            before, after = files[path].encode(), text.encode()
            if raw.count(before) != 1:
                raise CannotEdit(f"{path} changed meanwhile, or is not plain UTF-8")
            write_file(project.root / path, raw.replace(before, after))
        slow = pace_lines(news, wanted[0], project.definition.relays, call.now())
    _say(call, campaign, name, news, slow, dry_run=dry_run, same=same)


def _say(
    call: Call, campaign: str, name: str, news: Sequence[News], slow: Sequence[str], *, dry_run: bool, same: bool
) -> None:
    path = f"campaigns/{campaign}/campaign.yaml"
    if call.output.json:
        edited = not (dry_run or same)
        call.output.document(
            {
                "type": "session-edit",
                "file": path,
                "edited": edited,
                "news": news_json(news),
                "slow": "; ".join(each.strip(" !") for each in slow),
            }
        )
        return
    if same:
        call.output.answer(f"{path} says so already")
    else:
        call.output.answer(f"{path} {'would say' if dry_run else 'says'} so for {name}")
    lines = [*news_lines(news, who=True), *slow]
    call.output.answer("\n".join(lines) if lines else "nobody has a seat there, so nobody is told")
    if not dry_run:
        call.output.answer("nothing has been sent; make it live with `drip apply`")


for each_command in (webinar_list, webinar_show, webinar_export):
    webinar.add_command(each_command)
for each_command in (session_list, session_show, session_move, session_cancel):
    session.add_command(each_command)
