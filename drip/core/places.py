"""Where people stand in a sequence after an edit, and from when on somebody has to look at them again.

Pure. An edit must not read a million people: the database itself puts everybody at the step that is now theirs, and
wakes them at the earliest moment at which that step could be due. Waking early is harmless, since `decide` then
says the exact moment; waking late is not, so every bound here errs to the early side. Called by `drip.engine.apply`;
`drip.store.replanning` says the same in SQL, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from drip.core.model import Campaign, Sequence, Session, Step, TriggerKind, Unit, WhenKind
from drip.core.when import local_to_utc

CALENDAR_SLACK = timedelta(days=2)
"""A day on the calendar may be shorter than 24 hours, begin in another zone, or be left out altogether."""
FIRST_ZONE = "Pacific/Kiritimati"
"""The first place on earth to see a date (UTC+14)."""

_SPANS = {
    Unit.MINUTES: timedelta(minutes=1),
    Unit.HOURS: timedelta(hours=1),
    Unit.DAYS: timedelta(days=1),
    Unit.WEEKS: timedelta(weeks=1),
}
_CALENDAR = (Unit.DAYS, Unit.WEEKS)


@dataclass(frozen=True, slots=True)
class Bounds:
    """When a step could be due at the earliest: the least of what is not None.

    `after_anchor` counts from what happened last, `after_start` and `after_end` from the session, `at` is a moment.
    """

    after_anchor: timedelta | None = None
    after_start: timedelta | None = None
    after_end: timedelta | None = None
    at: datetime | None = None

    def least(self, other: Bounds) -> Bounds:
        """Both: whichever comes first."""
        return Bounds(
            _least((self.after_anchor, other.after_anchor)),
            _least((self.after_start, other.after_start)),
            _least((self.after_end, other.after_end)),
            min((each for each in (self.at, other.at) if each is not None), default=None),
        )

    def moment(self, anchor: datetime, session: Session | None, now: datetime) -> datetime:
        """When to look at somebody with this anchor and session again; never before `now`."""
        candidates = [self.at, None if self.after_anchor is None else anchor + self.after_anchor]
        if session is not None:
            candidates.append(None if self.after_start is None else session.starts + self.after_start)
            candidates.append(None if self.after_end is None else session.ends + self.after_end)
        elif self.after_start is not None or self.after_end is not None:
            return now  # a step that counts from a session that is not there is skipped, and that is said at once
        return max(now, min((each for each in candidates if each is not None), default=now))


@dataclass(frozen=True, slots=True)
class Place:
    """One step of the wanted sequence as a place to stand before.

    `is_edited`: when it is due has changed (rule 9). `is_same`: whoever waits here may go on waiting as planned.
    """

    position: int
    step: Step
    bounds: Bounds
    is_edited: bool
    is_same: bool


def places(before: Campaign | None, wanted: Campaign, name: str, *, zone_changed: bool = False) -> tuple[Place, ...]:
    """Every place of a wanted sequence, with its bounds, compared with the sequence as it was live.

    `zone_changed`: the project's zone is another one, so every clock on the wall may be.
    """
    sequence = wanted.sequence_named(name)
    assert sequence is not None, "it is one of the wanted"
    was = before.sequence_named(name) if before else None
    old = {each.identity: index for index, each in enumerate(was.steps)} if was else {}
    zone_changed = zone_changed or (before is not None and before.timezone != wanted.timezone)
    sessions_changed = before is not None and _sessions(before) != _sessions(wanted)
    found = []
    for position, step in enumerate(sequence.steps):
        bounds = _bounds_from(sequence, position, wanted)
        is_edited, is_same = True, False
        index = next((old[each] for each in (step.identity, *sorted(step.identities)) if each in old), None)
        if before is not None and was is not None and index is not None:
            is_edited = was.steps[index].when != step.when or was.hours != sequence.hours
            is_same = (
                not (zone_changed or is_edited)
                and was.steps[index].identity == step.identity
                and was.steps[index] == step
                and bounds == _bounds_from(was, index, before)
                and not (sessions_changed and (bounds.after_start is not None or bounds.after_end is not None))
            )
        found.append(Place(position, step, bounds, is_edited, is_same))
    return tuple(found)


def _sessions(campaign: Campaign) -> tuple[object, ...]:
    """What says when the sessions begin and end: of an evergreen webinar, whose starts are fixed, the length."""
    if campaign.webinar is None:
        return ()
    return (campaign.webinar.rule is not None and campaign.webinar.length, *campaign.webinar.sessions)


def _bounds_from(sequence: Sequence, position: int, campaign: Campaign) -> Bounds:
    """The bounds of a place: of its step, and of those that come next if it is skipped before it is due."""
    bounds = _stop_bounds(sequence, campaign)
    for step in sequence.steps[position:]:
        bounds = bounds.least(bounds_of(step, campaign))
        if not _may_be_skipped_early(step):
            break
    return bounds


def _may_be_skipped_early(step: Step) -> bool:
    return step.condition is not None or step.when.kind in (WhenKind.BEFORE_SESSION, WhenKind.AFTER_SESSION)


def bounds_of(step: Step, campaign: Campaign) -> Bounds:
    """The earliest moment at which this one step could be due, for anybody anywhere."""
    when = step.when
    slack = CALENDAR_SLACK if when.unit in _CALENDAR else timedelta()
    match when.kind:
        case WhenKind.AT_ONCE:
            return Bounds(after_anchor=timedelta())
        case WhenKind.LATER:
            return Bounds(after_anchor=max(timedelta(), when.amount * _SPANS[when.unit] - slack))
        case WhenKind.BEFORE_SESSION:
            return Bounds(after_start=-when.amount * _SPANS[when.unit] - slack)
        case WhenKind.AFTER_SESSION:
            return Bounds(after_end=max(timedelta(), when.amount * _SPANS[when.unit] - slack))
        case WhenKind.AT:
            assert when.day is not None
            assert when.clock is not None
            zone = FIRST_ZONE if when.readers_time else campaign.timezone
            return Bounds(at=local_to_utc(datetime.combine(when.day, when.clock), zone))


def _stop_bounds(sequence: Sequence, campaign: Campaign) -> Bounds:
    """A stop by the calendar ends the sequence at its own moment, whatever step is waited for."""
    stop = sequence.stop
    if stop is None:
        return Bounds()
    if stop.kind is TriggerKind.LAST_SESSION_STARTS and campaign.webinar is not None:
        return Bounds(at=campaign.webinar.last_start)
    if stop.kind is TriggerKind.SESSION_ENDS and sequence.start.kind is TriggerKind.REGISTERS:
        return Bounds(after_end=timedelta())
    return Bounds()


def _least(spans: Iterable[timedelta | None]) -> timedelta | None:
    return min((each for each in spans if each is not None), default=None)
