"""The reminders that are ahead: of which session, when, to how many; for forecasts, and for what is kept of a day.

Reads only. Called by `drip.reports`, by the commands that warn beforehand, and by `drip.project`, for relays' purses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from drip.core.early import beginning, lead_of
from drip.core.lateness import until_session
from drip.core.model import Campaign, Session, TriggerKind, Verb, WhenKind
from drip.core.rush import Rush
from drip.core.when import due
from drip.engine.live import Edition, Live
from drip.engine.telling import sessions_of

if TYPE_CHECKING:
    from drip.core.model import Step
    from drip.store.work import Work

MAILS = (Verb.SEND, Verb.TEST)


def reminders_of(campaign: Campaign) -> Iterator[Step]:
    """The steps that remind of a session before it starts."""
    for sequence in campaign.sequences:
        if sequence.start.kind is TriggerKind.REGISTERS:
            for step in sequence.steps:
                if step.verb in MAILS and step.when.kind is WhenKind.BEFORE_SESSION:
                    yield step


def open_sessions(work: Work, campaign: Campaign) -> Sequence[Session]:
    """The sessions that take place and are not over, by their rule or one by one."""
    if campaign.webinar is None:
        return ()
    names = [each.name for each in work.sessions(campaign.name, is_open=True)]
    return [each for each in sessions_of(campaign, names) if not each.cancelled]


def moment_of(step: Step, session: Session, now: datetime) -> datetime:
    """When a reminder of a session is due."""
    zone = session.zone
    return due(step.when, anchor=now, zone=zone, hours=None, session=session, campaign_zone=zone)


def rushes(
    work: Work, editions: Iterable[Edition], now: datetime, until: datetime, per_minute: int | None
) -> Iterator[Rush]:
    """The reminders of the sessions that start until then, as far as they are not over, at the pace of the relays."""
    for edition in editions:
        campaign, name = edition.campaign, edition.revision.campaign
        if campaign is None or campaign.webinar is None:
            continue
        for session in open_sessions(work, campaign):
            if not now < session.starts < until:
                continue
            readers = work.booked_count(name, session.name)
            for step in reminders_of(campaign):
                rush = rush_of(name, step, session, readers, now, per_minute)
                if rush.until > now:
                    yield rush


def rush_of(campaign: str, step: Step, session: Session, readers: int, now: datetime, per_minute: int | None) -> Rush:
    """One reminder to so many readers."""
    at = moment_of(step, session, now)
    begins = at if per_minute is None else beginning(step, at, session.starts, lead_of(readers, per_minute))
    until = until_session(step, at, session.starts)
    return Rush(campaign, step.target, session.name, max(begins, now), until, readers, at)


def planned_urgent(work: Work, live: Live, now: datetime, until: datetime) -> int:
    """How many confirmations and reminders are to go before that moment, as far as it is known.

    What waits or is in hand already, and the reminders whose moment is yet to come, by who has a seat now.
    """
    return work.count_urgent(until) + sum(_yet_to_come(work, live, now, until))


def _yet_to_come(work: Work, live: Live, now: datetime, until: datetime) -> Iterator[int]:
    for edition in live.campaigns(work):
        campaign = edition.campaign
        for session in open_sessions(work, campaign) if campaign is not None else ():
            if campaign is None or session.starts <= now:
                continue
            number = sum(now < moment_of(step, session, now) < until for step in reminders_of(campaign))
            if number:  # the seats are counted for the sessions of the day alone
                yield number * work.booked_count(campaign.name, session.name)
