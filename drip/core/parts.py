"""The parts of a series: which are ahead, and which of them stands for the whole. Pure.

Somebody who registers for a series holds one registration for each part that was ahead of them then: each has its own
calendar entry, reminders and attendance. The last part is in everybody's hand, whenever they came, so the seats of the
series are counted there, and the registration for it is the one that is asked for, confirmed and waited for.
"""

from __future__ import annotations

from datetime import datetime

from drip.core.model import Campaign, Sequence, Session, Step, Webinar, WhenKind

PER_PART = frozenset({WhenKind.BEFORE_SESSION, WhenKind.AFTER_SESSION})
"""What counts from a session comes with each part. Everything else comes once, with the first."""


def is_series(campaign: Campaign | None) -> bool:
    """Whether readers of this campaign register once for all of its sessions."""
    return campaign is not None and campaign.webinar is not None and campaign.webinar.is_series


def parts_ahead(webinar: Webinar, now: datetime) -> tuple[Session, ...]:
    """The parts that take place and are not over, the next one first."""
    ahead = (each for each in webinar.held if each.ends > now)
    return tuple(sorted(ahead, key=lambda each: (each.starts, each.name)))


def last_part(webinar: Webinar) -> Session | None:
    """The part that stands for the whole series: the last one that takes place."""
    return max(webinar.held, key=lambda each: (each.starts, each.name), default=None)


def once_steps(sequence: Sequence) -> tuple[Step, ...]:
    """The steps of a sequence about a registration that come once for the whole series."""
    return tuple(each for each in sequence.steps if each.when.kind not in PER_PART)
