"""What `drip status` says about the way out: relays with their paces, broadcasts that were stopped, the send journal.

Reads the store and changes nothing. Called by `drip.reports.status`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from drip.core.reasons import ReasonName

if TYPE_CHECKING:
    from drip.project import Project
    from drip.store.work import Work

STOPPED = ReasonName.TOO_MANY_REFUSED.value
RELAY_HEADINGS = ("relay", "a minute", "today", "of", "warm-up day")


@dataclass(frozen=True, slots=True)
class Need:
    """Something that waits for the author, with what to do about it."""

    name: str
    text: str
    hint: str


@dataclass(frozen=True, slots=True)
class RelayNumbers:
    """One relay with a pace, a quota or a warm-up: today's messages, and how many they may be; None: any number."""

    relay: str
    per_minute: int | None
    used: int
    most: int | None
    warm_up_day: int | None


def relay_numbers(work: Work, project: Project, now: datetime) -> list[RelayNumbers]:
    """The relays of drip.yaml that have anything to count."""
    from drip.engine.pacing import relay_name, standing, terms_of

    rows = []
    for relay in project.definition.relays:
        if terms_of(relay):
            used, most, days_before = standing(work, relay, project.definition.timezone, now)
            day = days_before + 1 if relay.warm_up and most != relay.quota else None
            rows.append(RelayNumbers(relay_name(relay), relay.pace_per_minute, used, most, day))
    return rows


def relay_document(each: RelayNumbers) -> dict[str, object]:
    """One relay for machines."""
    return {
        "relay": each.relay,
        "pace_per_minute": each.per_minute,
        "used_today": each.used,
        "most_today": each.most,
        "warm_up_day": each.warm_up_day,
    }


def relay_row(each: RelayNumbers) -> tuple[str, ...]:
    """One relay for people."""
    return (
        each.relay,
        f"{each.per_minute:,}" if each.per_minute else "no limit",
        f"{each.used:,}",
        f"{each.most:,}" if each.most is not None else "no limit",
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
