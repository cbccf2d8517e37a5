"""Time that stood still: what a pause does to the moments of those who are inside (DESIGN §7 rule 13).

Pure. A pause freezes; the resume says what becomes of the time. After `shift` only active time counts, so whatever
is counted from a moment is counted from that much later. After `keep` nothing is different, and what is overdue goes
by the rule for late mails. After `skip-overdue` whatever became due meanwhile is skipped, and counts as if it had been
done at its moment, so that the rest keeps its dates. Sessions and dates on the calendar never move. Called by `decide`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from drip.core.model import Hours, When, WhenKind
from drip.core.records import Break, Pause, ResumeMode
from drip.core.when import settle


def counted(moment: datetime, pauses: Iterable[Pause]) -> datetime:
    """The moment, later by all the time after it that does not count: what happened then, seen from active time."""
    idle = timedelta()
    for each in pauses:
        if each.mode is ResumeMode.SHIFT and each.resumed_at is not None and each.resumed_at > moment:
            idle += each.resumed_at - max(each.paused_at, moment)
    return moment + idle


def after_pauses(when: When, moment: datetime, hours: Hours | None, zone: str, pauses: Iterable[Pause]) -> datetime:
    """The moment, or, where it fell into a time that does not count, the next one on its clock after the resume.

    "1 day later at 9:30" may fall there: the days that count can be over at midnight, and the resume came at 9:31.
    """
    if when.kind is not WhenKind.LATER:
        return moment
    for each in pauses:
        if each.mode is ResumeMode.SHIFT and each.resumed_at is not None and each.paused_at <= moment < each.resumed_at:
            moment = settle(when, each.resumed_at, hours, zone)
    return moment


def skipped_in(moment: datetime, inside_since: datetime, pauses: Iterable[Pause]) -> Pause | None:
    """The pause that lets what was due at that moment be skipped, for somebody who was inside when it ended."""
    for each in pauses:
        if each.mode is not ResumeMode.SKIP_OVERDUE or each.resumed_at is None:
            continue
        if moment <= each.resumed_at and inside_since <= each.resumed_at:
            return each
    return None


def with_breaks(pauses: Iterable[Pause], breaks: Iterable[Break]) -> tuple[Pause, ...]:
    """The pauses of somebody who took breaks: a break is a pause of one's own that shifts. No time counts twice."""
    found = list(pauses)
    idle = [(each.paused_at, each.resumed_at) for each in found if each.mode is ResumeMode.SHIFT and each.resumed_at]
    for each in breaks:
        pieces = [(each.began_at, each.ends_at)]
        for since, until in idle:
            halves = (half for begin, end in pieces for half in ((begin, min(end, since)), (max(begin, until), end)))
            pieces = [(begin, end) for begin, end in halves if begin < end]
        found += [Pause(0, "", "", begin, resumed_at=end, mode=ResumeMode.SHIFT) for begin, end in pieces]
    return tuple(sorted(found, key=lambda pause: pause.paused_at))
