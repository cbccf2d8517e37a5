"""The days ahead: what will leave if nobody acts, as a table, as JSON and as a calendar. Called by `drip plan --days`.

It changes nothing and names no reader.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from drip.cli.grammar import Call
from drip.cli.output import count, one_line, rfc3339, span_words
from drip.core.when import WEEKDAY_NAMES, local_wall, moment_text
from drip.errors import WrongUsage

if TYPE_CHECKING:
    from drip.core.drain import Jam
    from drip.core.model import Campaign
    from drip.engine.apply import CampaignPlan
    from drip.engine.forecast import Crowd, Outlook
    from drip.project import Project

DAYS = 30
DAYS_MAX = 366
STDOUT = "-"
LeftOut = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """A post on one day. `now` is how many would get it as it is live; `mails` how many after `drip apply`."""

    day: date
    campaign: str
    what: str
    kind: str
    first: datetime
    last: datetime
    mails: int
    now: int


def show_forecast(
    call: Call, project: Project, plans: Sequence[CampaignPlan], names: Sequence[str], days: int, calendar: str | None
) -> None:
    """Answer with the days ahead. Both states are looked at where the files differ from what is live."""
    from drip.engine.live import NotApplied

    start = call.now()
    until = start + timedelta(days=days)
    changes = any(each.changed for each in plans)
    zone = project.definition.timezone
    try:
        live = _outlook(call, project, None, start, until, None)
    except NotApplied:
        live = None
    known = live.crowd if live is not None else None
    wanted = _outlook(call, project, _wanted(project, plans, start), start, until, known) if changes else live
    if wanted is None:
        raise NotApplied
    lines = _lines(live if changes else None, wanted, zone, names)
    left_out = _left_out(project, names)
    queues = _queues(project, wanted)
    written = _write_calendar(project, lines, calendar, start) if calendar is not None else 0
    if call.output.json:
        if calendar != STDOUT:
            call.output.document(_document(lines, wanted, days, changes=changes, left_out=left_out, queues=queues))
    elif calendar != STDOUT:
        _tell(call, lines, wanted, days, changes=changes, left_out=left_out)
        _tell_queues(call, queues, zone)
        if calendar is not None:
            call.output.answer(f"wrote {one_line(calendar)}: {count(written, 'entry', 'entries')}")


def _left_out(project: Project, names: Sequence[str]) -> LeftOut:
    """What can make a difference in this project, and is not foreseen: by name, for machines, and as it is told."""
    found = {}
    definition = project.definition
    if definition.at_most is not None:
        found["at-most"] = "what `at-most` of drip.yaml puts off to another day"
    if definition.paces:
        found["domain-pace"] = "what the pace of a domain lets wait"
    with project.store.read() as work:
        stopped = [each for each in work.stopped_broadcasts() if not names or each.campaign in names]
    if stopped:
        mails = count(sum(each.held for each in stopped), "mail")
        which = ", ".join(f"{each.campaign}/{each.post}" for each in stopped)
        found["held"] = f"{mails} of {one_line(which)}, held since too many were refused (`drip broadcast list`)"
    return found


def _queues(project: Project, outlook: Outlook) -> Sequence[Jam]:
    """The days on which the relays do not keep up with all that becomes due, whichever campaign it is of."""
    from drip.core.drain import jams
    from drip.engine.pacing import tap_of

    definition = project.definition
    due: Counter[datetime] = Counter()
    for mail, number in outlook.numbers.items():
        due[mail.at] += number
    with project.store.read() as work:
        tap = tap_of(work, definition.relays, definition.timezone, outlook.start)
    return jams(due, tap, outlook.start, definition.timezone)


def _tell_queues(call: Call, queues: Sequence[Jam], zone: str) -> None:
    if not queues:
        return
    rows = [
        (
            f"{WEEKDAY_NAMES[each.day.weekday()]} {each.day}",
            f"{each.due:,}",
            f"{each.left:,}",
            f"{each.waiting:,}",
            moment_text(each.gone_at, zone),
        )
        for each in queues
    ]
    call.output.answer()
    call.output.answer("the relays do not keep up, by their pace and quota; mails wait for them:")
    call.output.answer()
    call.output.table(("day", "become due", "leave", "wait on", "the last of them has left"), rows, right=range(1, 4))


def _wanted(project: Project, plans: Sequence[CampaignPlan], now: datetime) -> list[Campaign]:
    from drip.engine.apply import wanted_campaigns

    return wanted_campaigns(project.wanted(), [each.campaign for each in plans], now)[0]


def _outlook(
    call: Call,
    project: Project,
    wanted: list[Campaign] | None,
    start: datetime,
    until: datetime,
    known: Crowd | None,
) -> Outlook:
    from drip.engine.forecast import live_outlook, wanted_outlook

    live = project.engine.live
    with project.store.read() as work:
        people = work.count_people()

        def tell(number: int) -> None:
            call.output.progress(f"looking ahead: {number:,} of {count(people, 'person', 'people')}")

        if wanted is None:
            outlook = live_outlook(work, live, start, until, tell=tell)
        else:
            outlook = wanted_outlook(work, live, project.definition, wanted, start, until, tell=tell, known=known)
    call.output.progress("")
    return outlook


def _lines(live: Outlook | None, wanted: Outlook, zone: str, names: Sequence[str]) -> list[Line]:
    """One line for each post on each day of the project's clock, in the order in which they leave."""
    found: dict[tuple[date, str, str, str], list[tuple[datetime, int, int]]] = defaultdict(list)
    for outlook, is_wanted in ((wanted, True), (live, False)):
        if outlook is None:
            continue
        for mail, number in outlook.numbers.items():
            if names and mail.campaign not in names:
                continue
            key = (local_wall(mail.at, zone).date(), mail.campaign, mail.step or mail.post, mail.kind.name.lower())
            found[key].append((mail.at, number, 0) if is_wanted else (mail.at, 0, number))
    lines = [
        Line(
            *key,
            min(each[0] for each in parts),
            max(each[0] for each in parts),
            sum(each[1] for each in parts),
            sum(each[2] for each in parts),
        )
        for key, parts in found.items()
    ]
    return sorted(lines, key=lambda each: (each.day, each.first, each.campaign, each.what))


def _tell(call: Call, lines: Sequence[Line], outlook: Outlook, days: int, *, changes: bool, left_out: LeftOut) -> None:
    out = call.output
    state = "after `drip apply`" if changes else "as it is live"
    out.answer(f"the next {count(days, 'day')} {state}, if nobody acts")
    out.answer()
    rows = []
    shown: date | None = None
    for line in lines:
        day = f"{WEEKDAY_NAMES[line.day.weekday()]} {line.day}" if line.day != shown else ""
        shown = line.day
        rows.append((day, line.campaign, line.what, f"{line.mails:,}", *((f"{line.now:,}",) if changes else ())))
    totals = (f"{sum(each.mails for each in lines):,}", *((f"{sum(each.now for each in lines):,}",) if changes else ()))
    rows.append(("total", "", "", *totals))
    headings = ("day", "campaign", "mail", "mails", *(("as it is live",) if changes else ()))
    out.table(headings, rows, right=range(3, len(headings)))
    out.answer()
    out.answer(f"{count(outlook.people, 'person', 'people')} looked at; who joins, leaves or registers changes it")
    if outlook.width is not None:
        out.answer(
            f"who stands alike within {span_words(outlook.width)} was looked at once: a mail near midnight may count"
            " for the day beside it"
        )
    for text in left_out.values():
        out.answer(f"not in it: {text}")


def _document(
    lines: Sequence[Line], outlook: Outlook, days: int, *, changes: bool, left_out: LeftOut, queues: Sequence[Jam]
) -> dict[str, object]:
    return {
        "type": "forecast",
        "start": rfc3339(outlook.start),
        "days": days,
        "state": "after-apply" if changes else "live",
        "people": outlook.people,
        "alike_within_seconds": None if outlook.width is None else int(outlook.width.total_seconds()),
        "not_in_it": list(left_out),
        "queues": [
            {
                "day": str(each.day),
                "due": each.due,
                "left": each.left,
                "waiting": each.waiting,
                "gone_at": rfc3339(each.gone_at),
            }
            for each in queues
        ],
        "lines": [
            {
                "day": str(each.day),
                "weekday": WEEKDAY_NAMES[each.day.weekday()],
                "campaign": each.campaign,
                "mail": each.what,
                "kind": each.kind,
                "first": rfc3339(each.first),
                "last": rfc3339(each.last),
                "mails": each.mails,
                **({"mails_live": each.now} if changes else {}),
            }
            for each in lines
        ],
        "total": sum(each.mails for each in lines),
        **({"total_live": sum(each.now for each in lines)} if changes else {}),
    }


def _write_calendar(project: Project, lines: Sequence[Line], where: str, now: datetime) -> int:
    """Write the calendar; how many entries it has."""
    from drip.mail.forecast_calendar import Batch, forecast_calendar

    batches = [
        Batch(each.campaign, each.what, each.day, each.first, each.last, each.mails) for each in lines if each.mails
    ]
    name = project.definition.name
    host = urlsplit(project.definition.url).hostname or "drip"
    written = forecast_calendar(batches, title=f"{name}: mails ahead", host=host, stamp=now)
    if where == STDOUT:
        import click

        click.echo(written, nl=False)
        return len(batches)
    try:
        Path(where).write_bytes(written)
    except OSError as error:
        raise WrongUsage(f"cannot write `{one_line(where)}`: {error.strerror}", hint="name another file") from error
    return len(batches)
