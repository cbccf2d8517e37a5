"""What `drip status` says about the way out: relays with their paces, broadcasts that were stopped, the send journal.

Reads the store and changes nothing. Called by `drip.reports.status`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from drip.core.pace import day_of
from drip.core.reasons import ReasonName
from drip.core.rush import in_use, together
from drip.core.when import wall_clock

if TYPE_CHECKING:
    from drip.project import Project
    from drip.store.work import Work

STOPPED = ReasonName.TOO_MANY_REFUSED.value
HOUR = timedelta(hours=1)
AHEAD = timedelta(days=7)
"""Reminders further away are not looked at: people still register, and relays change."""

RELAY_HEADINGS = ("relay", "a minute", "today", "of", "kept", "warm-up day")


@dataclass(frozen=True, slots=True)
class Need:
    """Something that waits for the author, with what to do about it."""

    name: str
    text: str
    hint: str


@dataclass(frozen=True, slots=True)
class RelayNumbers:
    """One relay with a pace, a quota or a warm-up: today's messages, and how many they may be; None: any number.

    `kept` of the day are for confirmations and reminders alone.
    """

    relay: str
    per_minute: int | None
    used: int
    most: int | None
    warm_up_day: int | None
    kept: int = 0


def relay_numbers(work: Work, project: Project, now: datetime) -> list[RelayNumbers]:
    """The relays of drip.yaml that have anything to count."""
    from drip.engine.pacing import kept_of, relay_name, standing, terms_of

    rows = []
    relays, zone = project.definition.relays, project.definition.timezone
    for relay in relays:
        if terms_of(relay):
            used, most, days_before = standing(work, relay, zone, now)
            day = days_before + 1 if relay.warm_up and most != relay.quota else None
            kept = kept_of(work, relay, relays, zone, now, project.planned_urgent)
            rows.append(RelayNumbers(relay_name(relay), relay.pace_per_minute, used, most, day, kept))
    return rows


def relay_document(each: RelayNumbers) -> dict[str, object]:
    """One relay for machines."""
    return {
        "relay": each.relay,
        "pace_per_minute": each.per_minute,
        "used_today": each.used,
        "most_today": each.most,
        "kept_today": each.kept,
        "warm_up_day": each.warm_up_day,
    }


def relay_row(each: RelayNumbers) -> tuple[str, ...]:
    """One relay for people."""
    return (
        each.relay,
        f"{each.per_minute:,}" if each.per_minute else "no limit",
        f"{each.used:,}",
        f"{each.most:,}" if each.most is not None else "no limit",
        f"{each.kept:,}" if each.most is not None else "-",
        str(each.warm_up_day or "-"),
    )


def broadcast_needs(work: Work) -> list[Need]:
    """Broadcasts that were stopped because too many of their first messages were refused."""
    needs = []
    for each in work.stopped_broadcasts():
        total = each.accepted + each.refused
        text = (
            f"{each.campaign}/{each.post} was stopped: {each.refused:,} of its first {total:,} messages were"
            f" refused ({each.refused * 100 // total} %); {each.held:,} are held"
        )
        hint = f"`drip log` tells what was said; then `drip broadcast release {each.post}` or `cancel`"
        needs.append(Need("broadcast-stopped", text, hint))
    return needs


def journal_needs(project: Project, work: Work) -> list[Need]:
    """A database that knows less than the send journal."""
    from drip.engine.restoring import ahead
    from drip.errors import JournalAhead

    journal = project.journal
    if journal is None or not ahead(work, journal):
        return []
    return [Need("journal-ahead", "the database has forgotten messages that were sent", JournalAhead.default_hint)]


def reminder_needs(project: Project, work: Work, now: datetime) -> list[Need]:
    """Reminders of the next days that the relays cannot send to everybody in time."""
    from drip.engine.reminding import rushes

    per_minute, left = _capacity(project, relay_numbers(work, project, now))
    if per_minute is None and left is None:
        return []
    zone = project.definition.timezone
    needs = []
    for each in rushes(work, project.engine.live.campaigns(work), now, now + AHEAD, per_minute):
        late = each.readers - each.in_time(per_minute, left)
        if late:
            pace = f"{per_minute:,} a minute" if per_minute is not None else f"{left:,} today"
            text = (
                f"{each.campaign}/{each.post} before {each.session}, {wall_clock(each.due_at, zone)}: {each.readers:,}"
                f" readers at {pace}; {late:,} of them would be too late ({wall_clock(each.until, zone)})"
            )
            needs.append(
                Need("too-slow", text, "raise `pace:` or `quota:`, share with another relay, or remind earlier")
            )
    return needs


def _capacity(project: Project, numbers: Sequence[RelayNumbers]) -> tuple[int | None, int | None]:
    """Messages a minute and what is left of the day, of the relays that are used together; None: any number."""
    relays = project.definition.relays
    first = in_use(relays)
    known = {each.relay: each for each in numbers}
    from drip.engine.pacing import relay_name

    mosts = [known[name] if (name := relay_name(each)) in known else None for each in first]
    limited = [each for each in mosts if each is not None and each.most is not None]
    left = sum((each.most or 0) - each.used for each in limited) if limited and len(limited) == len(first) else None
    return together(relays), left


def too_slow(project: Project, numbers: Sequence[RelayNumbers], readers: int, now: datetime, due_at: datetime) -> str:
    """Why a broadcast does not reach all of so many readers while it is good; "" if it does.

    By the pace of the relays, and by what their day has left for newsletters, or a whole day has where it is for later.
    """
    from drip.core.rush import Rush
    from drip.engine.broadcasts import LATE
    from drip.engine.pacing import relay_name

    used = {relay_name(each) for each in in_use(project.definition.relays)}
    limited = [each for each in numbers if each.relay in used and each.most is not None]
    is_today = day_of(now, project.definition.timezone)[0] == day_of(due_at, project.definition.timezone)[0]
    rooms = [max(0, (each.most or 0) - each.kept - (each.used if is_today else 0)) for each in limited]
    left = sum(rooms) if limited and len(limited) == len(used) else None
    pace = together(project.definition.relays)
    in_time = Rush("", "", "", due_at, due_at + LATE, readers).in_time(pace, left)
    if in_time == readers:
        return ""
    said = [f"{pace:,} messages a minute"] if pace is not None else []
    said += [f"{left:,} {'left today' if is_today else 'a day'}"] if left is not None else []
    return (
        f"with {', '.join(said)} only {in_time:,} of {readers:,} readers get it within {LATE // HOUR} hours;"
        " what is later than that is skipped, unless the broadcast says `late:` in campaign.yaml"
    )


def broadcasts_too_slow(project: Project, work: Work, now: datetime) -> list[str]:
    """The live broadcasts of the next days that the relays cannot send to everybody while they are good."""
    from drip.core.model import LatePolicy
    from drip.engine.broadcasts import count_readers

    numbers = relay_numbers(work, project, now)
    said = []
    for edition in project.engine.live.campaigns(work):
        planned = {each.post: each for each in work.broadcasts(edition.revision.campaign) if each.frozen_at is None}
        for each in edition.campaign.broadcasts if edition.campaign else ():
            row = planned.get(each.post)
            if row is None or row.due_at > now + AHEAD or each.late_then is LatePolicy.SEND or each.late is not None:
                continue
            text = too_slow(project, numbers, count_readers(work, edition, each, now), now, row.due_at)
            said += [f"{edition.revision.campaign}/{each.post}: {text}"] if text else []
    return said
