"""`drip attendance import`: a platform's report of who came, laid beside the registrations. Called by `drip.cli.main`
on demand; `mark` for single people stands in `people`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drip.cli.grammar import Call, command, dry_run_option
from drip.cli.names import complete_campaign, complete_session, near_hint
from drip.cli.output import count, one_line
from drip.cli.people import EXITS, attendance, check_begun, webinar_campaigns, zone_named
from drip.core.attended import read_report
from drip.core.events import AttendanceReported
from drip.core.records import Attendance
from drip.errors import NotFound, WrongUsage

if TYPE_CHECKING:
    from drip.engine.attending import Matched
    from drip.project import Project
    from drip.store.work import Work

FILE_MAX = 50_000_000
"""No report is as large; a file that is was named by mistake."""
SHOWN_MAX = 20


def _session(project: Project, work: Work, campaign: str, name: str | None) -> str:
    known = [each.name for each in work.sessions(campaign)]
    if not known:
        raise NotFound(f"{campaign} has no session yet", hint="those of an evergreen webinar are made by being picked")
    if name is None:
        if len(known) == 1:
            return known[0]
        raise WrongUsage(f"{campaign} has {count(len(known), 'session')}", hint=f"name one: `--session {known[0]}`")
    if name not in known:
        hint = near_hint(name, known) or f"there are: {', '.join(known)}"
        raise NotFound(f"{campaign} has no session `{one_line(name)}`", hint=hint)
    return name


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > FILE_MAX:
            raise WrongUsage(f"{one_line(str(path))} is larger than any report")
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"cannot read {one_line(str(path))}: {error.strerror}") from None


@command(
    "import",
    examples=(
        (
            "drip attendance import attendees.csv six-deadly-mistakes --session tuesday-noon --tz America/New_York",
            "Zoom",
        ),
        ("drip attendance import who-came.csv six-deadly-mistakes --session tuesday-noon -n", "only say what it holds"),
    ),
    exits=EXITS,
)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("campaign", shell_complete=complete_campaign)
@click.option("--session", metavar="NAME", shell_complete=complete_session, help="Which session it is about.")
@click.option("--tz", "zone", metavar="ZONE", help="The zone of the times in it, where the file does not say.")
@click.option("--others-missed", is_flag=True, help="Who is not in the report missed the session.")
@dry_run_option
def import_(
    call: Call, file: Path, campaign: str, session: str | None, zone: str | None, others_missed: bool, dry_run: bool
) -> None:
    """Import who came from Zoom's attendee report, GoTo's, or any CSV with addresses. Twice is the same as once.

    A report beats what the join page saw. A follow-up that has not left yet is corrected; one that has is never
    followed by the opposite one. Addresses that hold no seat in the session are listed.
    """
    from drip.engine.attending import match

    sheet = read_report(_read(file), zone_named(zone))
    with call.project() as project:
        with project.store.read() as work:
            (name,) = webinar_campaigns(project, work, campaign)
            chosen = _session(project, work, name, session)
            check_begun(project, work, name, chosen, call.now())
            matched = match(work, project.keys, sheet, name, chosen)
        events = _events(matched, sheet.kind, others_missed=others_missed)
        done: Counter[str] = Counter()
        for event in events:
            done["recorded" if dry_run else project.engine.happen(event, call.now()).what] += 1
    came = sum(each.attendance is Attendance.ATTENDED for each in events)
    if call.output.json:
        call.output.document(
            {
                "type": "attendance-import",
                "kind": sheet.kind,
                "campaign": name,
                "session": chosen,
                "attended": came,
                "missed": len(events) - came,
                "done": {} if dry_run else dict(sorted(done.items())),
                "unknown": list(matched.unknown),
                "without_address": list(sheet.nameless),
                "faults": list(sheet.faults),
            }
        )
        return
    verb = "would record" if dry_run else "recorded"
    call.output.answer(f"{verb} for {name}, {chosen}: {came} attended, {len(events) - came} missed")
    if done["same"]:
        call.output.answer(f"{done['same']} of them known before")
    if done["too-late"]:
        call.output.answer(f"{done['too-late']} left as they were: their follow-up has gone")
    for title, names in (
        ("hold no seat in this session", matched.unknown),
        ("came without an address", sheet.nameless),
        ("could not be read", sheet.faults),
    ):
        if names:
            more = f" and {len(names) - SHOWN_MAX} more" if len(names) > SHOWN_MAX else ""
            shown = ", ".join(one_line(each) for each in names[:SHOWN_MAX])
            call.output.answer(f"{len(names)} {title}: {shown}{more}")


def _events(matched: Matched, kind: str, *, others_missed: bool) -> list[AttendanceReported]:
    events = [
        AttendanceReported(
            seat.id,
            Attendance.ATTENDED if said.came else Attendance.MISSED,
            f"report:{kind}",
            said.minutes,
            said.first_join,
            said.last_leave,
        )
        for seat, said in matched.found
    ]
    if others_missed:
        events += [AttendanceReported(seat.id, Attendance.MISSED, f"report:{kind}") for seat in matched.absent]
    return events


attendance.add_command(import_)
