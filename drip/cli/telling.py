"""How commands say who will be told of a change of sessions, for people and for machines. Called by `drip.cli.publish`
and `drip.cli.webinars`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from drip.cli.output import count, one_line
from drip.core.plan import people
from drip.engine.telling import Change

if TYPE_CHECKING:
    from drip.core.model import Relay
    from drip.engine.telling import News

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


def pace_line(news: Sequence[News], relays: Sequence[Relay]) -> str:
    """How long the mails take at the pace of the relays, where that is too long for a reminder shortly before the
    start; else nothing. Relays without a pace are as fast as they can be."""
    most = max((len(each.told) for each in news), default=0)
    paces = [each.pace_per_minute for each in relays]
    if not most or not paces or any(each is None for each in paces):
        return ""
    pace = sum(each for each in paces if each is not None)
    minutes = -(-most // max(1, pace))
    if minutes <= REMINDED_WITHIN:
        return ""
    return (
        f"  ! at the pace of your relays, {count(pace, 'mail')} a minute, telling {people(most)} takes "
        f"{count(minutes, 'minute')}, and so does every reminder: remind them earlier than that before the start"
    )


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
