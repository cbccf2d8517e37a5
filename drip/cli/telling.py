"""How commands say who will be told of a change of sessions, for people and for machines. Called by `drip.cli.publish`
and `drip.cli.webinars`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from drip.cli.output import count, one_line
from drip.core.plan import people
from drip.core.rush import Rush, together
from drip.core.when import wall_clock
from drip.engine.pacing import terms_of
from drip.engine.telling import Change

if TYPE_CHECKING:
    from drip.cli.grammar import Call
    from drip.core.model import Campaign, Relay
    from drip.engine.telling import News
    from drip.project import Project

who_option = click.option(
    "--who", is_flag=True, help="Name everybody whom it concerns at once: the next run, and mails about sessions."
)


def news_lines(news: Iterable[News], *, who: bool) -> list[str]:
    """Whom a mail tells of what, in numbers, and with `who` by their addresses."""
    lines = []
    for each in news:
        lines.append(f"  ! session {each.session}   {_words(each)}")
        if who:
            lines += [f"      {one_line(address)}" for address in each.told]
            lines += [f"      {one_line(address)}   told nothing: stopped these mails" for address in each.silent]
    return lines


REMINDED_WITHIN = 7
"""Minutes that a reminder of ten minutes before the start has, for all of them together, to be of use."""


def pace_lines(news: Sequence[News], wanted: Campaign, relays: Sequence[Relay], now: datetime) -> list[str]:
    """What the pace of the relays makes slow: telling everybody of the change, and the reminders that they then get.

    Relays without a pace are as fast as they can be.
    """
    from drip.engine.reminding import reminders_of, rush_of

    pace = together(relays)
    if pace is None:
        return []
    lines = []
    most = max((len(each.told) for each in news), default=0)
    minutes = -(-most // pace)
    if minutes > REMINDED_WITHIN:
        lines.append(
            f"  ! at the pace of your relays, {count(pace, 'mail')} a minute, telling {people(most)} takes "
            f"{count(minutes, 'minute')}"
        )
    sessions = {each.name: each for each in wanted.webinar.sessions} if wanted.webinar is not None else {}
    moved = [each for each in news if each.change is Change.MOVED and each.session in sessions]
    for each in moved:
        for step in reminders_of(wanted):
            rush = rush_of(wanted.name, step, sessions[each.session], len(each.seats), now, pace)
            lines += _rush_lines(rush, pace, sessions[each.session].zone)
    return lines


def _rush_lines(rush: Rush, pace: int, zone: str) -> list[str]:
    """A reminder that begins earlier than written, or does not reach everybody even so. Nothing where it is over."""
    in_time = rush.in_time(pace, None)
    if rush.written is None or not rush.readers or rush.until <= rush.due_at:
        return []
    begins = f"begins {wall_clock(rush.due_at, zone)}"
    if in_time < rush.readers:
        early = f" although it {begins}" if rush.is_early else ""
        return [
            f"  ! {rush.post} then reaches only {in_time:,} of {people(rush.readers)} in time{early}:"
            " raise `pace:`, or share with another relay"
        ]
    if not rush.is_early:
        return []
    return [f"  ! {rush.post} then {begins}, earlier than written, to reach {people(rush.readers)} in time"]


def _words(news: News) -> str:
    if news.change is Change.REMOVED:
        holders = len(news.seats) + len(news.silent)
        seat = "keeps a seat" if holders == 1 else "keep their seats"
        return f"{people(holders)} {seat} and nobody is told; to tell them write `cancelled` after its time instead"
    verb = "moves" if news.change is Change.MOVED else "is cancelled"
    whom = [f"{people(len(news.seats))} with a seat"] if news.seats else []
    whom += [f"{people(len(news.line))} in line"] if news.line else []
    told = " and ".join(whom) or "nobody"
    single = len(news.told) == 1
    told += f" {'is' if single or not whom else 'are'} told by mail"
    silent = f", {count(len(news.silent), 'other')} stopped these mails" if news.silent else ""
    return f"{verb} ({news.what}): {told}{silent}"


def news_json(news: Sequence[News]) -> list[dict[str, object]]:
    """The same for machines, always with the addresses."""
    return [
        {
            "session": each.session,
            "change": each.change.value,
            "what": each.what,
            "told": list(each.told),
            "seats": len(each.seats),
            "line": len(each.line),
            "silent": list(each.silent),
        }
        for each in news
    ]


def warn_of_pace(call: Call, project: Project) -> None:
    """Say on stderr which reminders and broadcasts of the next days are too many for the relays."""
    from drip.reports.delivering import broadcasts_too_slow, reminder_needs

    if not any(map(terms_of, project.definition.relays)):
        return
    now = call.now()
    with project.store.read() as work:
        texts = [each.text for each in reminder_needs(project, work, now)]
        texts += broadcasts_too_slow(project, work, now)
    for each in texts:
        call.output.talk(f"warning: {each}")
