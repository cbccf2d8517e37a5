"""Who will be told when a host's change of sessions is applied: asked before, so that nothing leaves as a surprise.

Reads only. The rules are those of `drip.engine.apply.put_sessions`, which acts. Called by `drip.engine.apply.plan` and
by the commands about sessions.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from drip.core.model import Campaign, Session
from drip.core.seats import SeatState
from drip.core.when import moment_text
from drip.engine.seating import REFUSED

if TYPE_CHECKING:
    from drip.store.work import Work


class Change(StrEnum):
    """What happens to a session."""

    MOVED = "moved"
    CANCELLED = "cancelled"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class News:
    """A change of one session and whom a mail tells of it: those with a seat, and those in line for one.

    `silent` are people who have a seat or a place in line and are told nothing, because they stopped these mails.
    """

    session: str
    change: Change
    what: str
    seats: tuple[str, ...]
    line: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()

    @property
    def told(self) -> tuple[str, ...]:
        """Everybody who gets a mail. Nobody does where the session is only taken out of the file."""
        return () if self.change is Change.REMOVED else (*self.seats, *self.line)


def news_of(work: Work, before: Campaign | None, wanted: Campaign, now: datetime) -> tuple[News, ...]:
    """What applying these files would tell people about their sessions."""
    is_evergreen = wanted.webinar is not None and wanted.webinar.rule is not None
    live = {each.name: each for each in work.sessions(wanted.name, is_open=is_evergreen)}
    sessions = sessions_of(wanted, live)
    found = []
    for session in sessions:
        was = live.pop(session.name, None)
        if session.cancelled and session.ends > now:
            found.append(_news(work, wanted.name, session, Change.CANCELLED, _shown(was or session)))
        elif was is not None and (was.starts, was.ends) != (session.starts, session.ends) and session.starts > now:
            found.append(_news(work, wanted.name, session, Change.MOVED, f"{_shown(was)} → {_shown(session)}"))
    if before is not None:
        found += [
            _news(work, wanted.name, gone, Change.REMOVED, _shown(gone)) for gone in live.values() if gone.ends > now
        ]
    return tuple(each for each in found if each.seats or each.line or each.silent)


def sessions_of(wanted: Campaign, live: Collection[str]) -> tuple[Session, ...]:
    """The sessions of a campaign as its files want them. Of an evergreen webinar those of the live ones that were
    picked under a rule: whoever picked one keeps it, whatever became of the rule."""
    webinar = wanted.webinar
    if webinar is None or webinar.rule is None:
        return webinar.sessions if webinar is not None else ()
    return tuple(made for name in live if (made := webinar.session_named(name)) is not None)


def _shown(session: Session) -> str:
    return moment_text(session.starts, session.zone)


def _news(work: Work, campaign: str, session: Session, change: Change, what: str) -> News:
    seats, line, silent = [], [], []
    for each in work.roster(campaign, session=session.name, refusals=REFUSED):
        if each.state not in (SeatState.BOOKED, SeatState.WAITLISTED, SeatState.OFFERED):
            continue
        if each.refused or each.suppressed:
            silent.append(each.email)
        elif each.state is SeatState.BOOKED:
            seats.append(each.email)
        else:
            line.append(each.email)
    return News(session.name, change, what, tuple(seats), tuple(line), tuple(silent))
