"""More of the commands about seats: `drip registration add|show|export`, `drip attendance list|export`. What changes is
an event given to the engine. Called by `drip.cli.main` on demand, which finds the whole of both nouns here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

import drip.cli.attending
import drip.cli.seats  # noqa: F401 - both bring their commands to the nouns of `people`
from drip.cli.grammar import Call, command, dry_run_option
from drip.cli.names import complete_campaign, complete_session
from drip.cli.output import one_line, rfc3339
from drip.cli.people import (
    BY_AUTHOR,
    EXITS,
    Suppressed,
    attendance,
    find_subscriber,
    registration,
    webinar_campaigns,
    zone_named,
)
from drip.cli.sheets import csv_text
from drip.cli.webinars import EXPORTED, exported_rows, live_webinar, session_named
from drip.core.events import AskedToRegister
from drip.core.records import Attendance, Evidence, RegistrationState
from drip.core.seats import SeatState
from drip.core.when import moment_text
from drip.errors import DripError, WrongUsage

if TYPE_CHECKING:
    from drip.project import Project
    from drip.store.roster import Seated
    from drip.store.work import Work

__all__ = ["attendance", "registration"]

PAST = ("campaign", "session", "email", "attendance", "source", "minutes", "first_join", "last_leave")


class NoSeat(DripError):
    """There is no seat left in this session."""

    name = "no-seat"
    exit_code = 2
    default_hint = "without `--consent` they are asked by mail and may stand in line"


@command(
    "add",
    examples=(
        ("drip registration add mia@example.com six-deadly-mistakes tuesday-noon", "asks her by mail to confirm"),
        (
            'drip registration add mia@example.com six-deadly-mistakes tuesday-noon --consent "asked by phone, 3 May"',
            "booked at once, with your evidence",
        ),
    ),
    exits=EXITS,
)
@click.argument("email")
@click.argument("campaign", shell_complete=complete_campaign)
@click.argument("session", metavar="SESSION", shell_complete=complete_session)
@click.option("--consent", metavar="TEXT", help="How they asked for it. With it the seat is booked at once.")
@click.option("--zone", metavar="ZONE", help="Their time zone, as `America/New_York`.")
@dry_run_option
def add(
    call: Call, email: str, campaign: str, session: str, consent: str | None, zone: str | None, dry_run: bool
) -> None:
    """Register somebody for a session. Without `--consent` one mail with one button goes to them first."""
    from drip.engine.addresses import mailable_address

    if consent is not None and not consent.strip():
        raise WrongUsage("`--consent` is empty", hint='say how they asked: `--consent "asked on the phone, 3 May"`')
    address = mailable_address(email)
    with call.project() as project:
        with project.store.read() as work:
            session_named(live_webinar(project, work, campaign), campaign, session)
            if work.suppression(project.keys.mailbox_of(address)) is not None:
                raise Suppressed(f"{address} is suppressed and is never mailed again")
        what = "dry-run"
        if not dry_run:
            evidence = Evidence(where=BY_AUTHOR, text=consent or "")
            event = AskedToRegister(
                address, campaign, session, evidence, zone_named(zone), attested=consent is not None
            )
            what = project.engine.happen(event, call.now()).what
    if what == "full":
        raise NoSeat(f"{campaign}, {session} is full; {one_line(address)} has no seat")
    if call.output.json:
        call.output.document(
            {"type": "registration-added", "email": address, "campaign": campaign, "session": session, "what": what}
        )
        return
    told = {
        "dry-run": f"would {'book a seat for' if consent else 'ask'} {address}",
        "booked": f"booked a seat for {address}; the way in goes out with the next `drip run`",
        "already": f"{address} has that seat already; nothing changed",
    }
    call.output.answer(told.get(what, f"asked {address} to confirm; the mail goes out with the next `drip run`"))


@command(
    "show",
    examples=(("drip registration show mia@example.com", "every seat that she asked for, and what became of it"),),
    exits=EXITS,
)
@click.argument("email")
@click.option("--campaign", metavar="CAMPAIGN", help="Which webinar.", shell_complete=complete_campaign)
def show(call: Call, email: str, campaign: str | None) -> None:
    """Show the registrations of one person. `drip why` tells what was and will be sent."""
    with call.project() as project, project.store.read() as work:
        person = find_subscriber(project, work, email)
        names = webinar_campaigns(project, work, campaign)
        mine = {each.id for each in work.registrations_of(person.id)}
        found = [each for name in names for each in work.roster(name) if each.registration.id in mine]
        zone = project.definition.timezone
    if call.output.json:
        call.output.document(
            {"type": "registrations", "email": person.email, "registrations": [_json(each) for each in found]}
        )
        return
    lines = [person.email]
    for each in found:
        held = each.registration
        lines.append(f"{held.campaign}, {held.session}: {each.state.value}")
        for verb, moment in (
            ("asked", held.requested_at),
            ("confirmed", held.confirmed_at),
            ("cancelled", held.cancelled_at),
        ):
            if moment is not None:
                lines.append(f"  {verb} {moment_text(moment, zone)}")
        if each.attendance is not Attendance.UNKNOWN:
            minutes = "" if each.minutes is None else f", {each.minutes} minutes"
            lines.append(f"  {each.attendance.value} (by {one_line(each.source)}{minutes})")
        if each.refused:
            lines.append("  stopped the mails about it")
    call.output.answer("\n".join(lines if found else [f"{person.email} never registered"]))


def _json(each: Seated) -> dict[str, object]:
    held = each.registration
    return {
        "campaign": held.campaign,
        "session": held.session,
        "state": each.state.value,
        "asked_at": held.requested_at,
        "confirmed_at": held.confirmed_at,
        "cancelled_at": held.cancelled_at,
        "zone": held.zone,
        "attendance": each.attendance.value,
        "source": each.source,
        "minutes": each.minutes,
        "refused": each.refused,
    }


def _chosen(
    project: Project, work: Work, campaign: str | None, session: str | None, state: RegistrationState | None = None
) -> list[Seated]:
    names = webinar_campaigns(project, work, campaign)
    return [each for name in names for each in work.roster(name, session=session, state=state)]


@command(
    "export",
    examples=(("drip registration export six-deadly-mistakes > seats.csv", "a spreadsheet of who registered"),),
    exits=EXITS,
)
@click.argument("campaign", required=False, shell_complete=complete_campaign)
@click.option("--session", metavar="NAME", shell_complete=complete_session, help="Only this session.")
@click.option("--state", type=click.Choice([each.value for each in RegistrationState]), help="Only this state.")
def export(call: Call, campaign: str | None, session: str | None, state: str | None) -> None:
    """Export registrations as CSV on standard output, or with `--json` one object a line."""
    with call.project() as project, project.store.read() as work:
        found = _chosen(project, work, campaign, session, RegistrationState(state) if state else None)
    rows = [(each.registration.campaign, *row) for each, row in zip(found, exported_rows(found), strict=True)]
    _export(call, "registration", ("campaign", *EXPORTED), rows)


def _export(call: Call, kind: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if call.output.json:
        for row in rows:
            call.output.record({"type": kind, **dict(zip(headings, row, strict=True))})
    else:
        call.output.raw(csv_text(headings, rows))


def _past(found: Sequence[Seated]) -> Iterator[tuple[str, ...]]:
    """Who came, as rows: of everybody who had a seat."""
    for each in found:
        if each.state is not SeatState.BOOKED:
            continue
        minutes = "" if each.minutes is None else str(each.minutes)
        span = (rfc3339(each.first_join) or "", rfc3339(each.last_leave) or "")
        held = each.registration
        yield (held.campaign, held.session, each.email, each.attendance.value, each.source, minutes, *span)


@command(
    "list",
    examples=(
        ("drip attendance list six-deadly-mistakes --session tuesday-noon", "who came, and how that is known"),
        ("drip attendance list --came missed", "who did not"),
    ),
    exits=EXITS,
)
@click.argument("campaign", required=False, shell_complete=complete_campaign)
@click.option("--session", metavar="NAME", shell_complete=complete_session, help="Only this session.")
@click.option("--came", type=click.Choice([each.value for each in Attendance]), help="Only those.")
def attendance_list(call: Call, campaign: str | None, session: str | None, came: str | None) -> None:
    """List who came to a session, for everybody who had a seat."""
    with call.project() as project, project.store.read() as work:
        rows = [row for row in _past(_chosen(project, work, campaign, session)) if came in (None, row[3])]
    if call.output.json:
        for row in rows:
            call.output.record({"type": "attendance", **dict(zip(PAST, row, strict=True))})
    elif rows:
        headings = ("campaign", "session", "subscriber", "attendance", "source", "minutes")
        call.output.table(headings, [row[:6] for row in rows], right=(5,))
    else:
        call.output.answer("nobody had a seat")


@command(
    "export",
    examples=(("drip attendance export six-deadly-mistakes > came.csv", "a spreadsheet of who came"),),
    exits=EXITS,
)
@click.argument("campaign", required=False, shell_complete=complete_campaign)
@click.option("--session", metavar="NAME", shell_complete=complete_session, help="Only this session.")
def attendance_export(call: Call, campaign: str | None, session: str | None) -> None:
    """Export who came as CSV on standard output, or with `--json` one object a line."""
    with call.project() as project, project.store.read() as work:
        rows = list(_past(_chosen(project, work, campaign, session)))
    _export(call, "attendance", PAST, rows)


for each_command in (add, show, export):
    registration.add_command(each_command)
for each_command in (attendance_list, attendance_export):
    attendance.add_command(each_command)
