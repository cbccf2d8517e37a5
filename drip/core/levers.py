"""What would change what comes next for somebody in a sequence: the other half of every reason (promise 4).

Pure. A reason says why something waits or does not happen; this says who could do what about it: the reader (they
register), the author (they resume, import a report, set a tag), or only the clock. Called by `drip why`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from drip.core.decide import Decision, Do, Skip, Wait, timeline
from drip.core.lateness import stop_moment
from drip.core.model import Campaign, Step, Trigger, TriggerKind
from drip.core.model import Sequence as Plot
from drip.core.reasons import ReasonName
from drip.core.records import Attendance, Facts
from drip.core.when import moment_text

WHEN_THEY: Mapping[TriggerKind, str] = MappingProxyType(
    {
        TriggerKind.JOINS: "joining {argument}",
        TriggerKind.LEAVES: "leaving {argument}",
        TriggerKind.GETS_TAG: "getting the tag {argument}, as by `drip subscriber tag`,",
        TriggerKind.REGISTERS: "registering for a session",
        TriggerKind.CANCELS: "cancelling their registration",
        TriggerKind.SESSION_ENDS: "the end of their session",
        TriggerKind.LAST_SESSION_STARTS: "the start of the last session",
        TriggerKind.CLICKS: "following a link of {argument}",
    }
)


@dataclass(frozen=True, slots=True)
class Lever:
    """Something that would change what comes: its stable name, and one lower-case sentence about it."""

    name: str
    text: str


Ahead = Sequence[tuple[datetime, Decision]]


def levers(campaign: Campaign, plot: Plot, facts: Facts, ahead: Ahead, now: datetime) -> list[Lever]:
    """Everything that would change what `timeline` foresees, the nearest first."""
    found = [lever for _, decision in ahead for lever in _about(campaign, plot, facts, decision, now)]
    found += _ends(plot, facts)
    return list(dict.fromkeys(found))


def _ends(plot: Plot, facts: Facts) -> Iterator[Lever]:
    if plot.goal is not None and not _is_start(plot.goal, plot):
        yield Lever("goal", f"{_they(plot.goal, facts)} would complete this sequence (goal)")
    if plot.stop is None or _is_start(plot.stop, plot):
        return
    moment = stop_moment(plot, facts)
    if moment is None:
        yield Lever("stop", f"{_they(plot.stop, facts)} would stop this sequence (stop)")
    else:
        at = moment_text(moment, facts.zone)
        yield Lever("stop", f"{when_they(plot.stop)} stops this sequence (stop), {at}")


def _is_start(trigger: Trigger, plot: Plot) -> bool:
    return (trigger.kind, trigger.argument) == (plot.start.kind, plot.start.argument)


def _they(trigger: Trigger, facts: Facts) -> str:
    """The same, and what stands in the way of it."""
    said = when_they(trigger)
    if trigger.kind is TriggerKind.CLICKS and facts.subscriber.clicks_since is None:
        return f"{said} (which is noted only once they agree to it on their preferences page)"
    return said


def when_they(trigger: Trigger) -> str:
    """A trigger as something that somebody does: `registering for a session`."""
    return WHEN_THEY[trigger.kind].format(argument=trigger.argument)


def _about(campaign: Campaign, plot: Plot, facts: Facts, decision: Decision, now: datetime) -> Iterator[Lever]:
    step = decision.step if isinstance(decision, Do | Skip | Wait) else None
    match decision.reason.name:
        case ReasonName.PAUSED if isinstance(decision, Wait):
            yield Lever("resume", f"`drip resume {campaign.name}/{plot.name}` lets it go on")
        case ReasonName.ON_BREAK:
            yield Lever(
                "come-back", "`drip subscriber resume`, or their own press on the preferences page, ends the break"
            )
        case ReasonName.ATTENDANCE_UNKNOWN:
            yield from _branches(campaign, plot, facts, now)
        case ReasonName.OUTSIDE_HOURS if isinstance(decision, Wait) and plot.hours is not None:
            opens = moment_text(decision.until, facts.zone)
            yield Lever("hours", f"the hours ({plot.hours.phrase}) open {opens}; they are `hours:` of the sequence")
        case ReasonName.SPACING:
            yield Lever("spacing", "only time: two drip mails keep 12 hours between them")
        case ReasonName.CAPPED:
            yield Lever("at-most", "a higher `at-most:` in drip.yaml, or a higher `priority:` of the sequence")
        case ReasonName.CONDITION_FALSE if step is not None and step.condition is not None:
            yield Lever("if", f"{step.identity} would be done if this held: {step.condition.phrase}")
        case ReasonName.TOO_LATE if step is not None:
            yield Lever("late", f"{step.identity} would still go with a longer `late:`")


def _branches(campaign: Campaign, plot: Plot, facts: Facts, now: datetime) -> Iterator[Lever]:
    """What would follow from each answer to the question who came."""
    for came in (Attendance.ATTENDED, Attendance.MISSED):
        known = timeline(plot, replace(facts, attendance=came), now, campaign=campaign)
        names = ", ".join(_name(decision.step) for _, decision in known if isinstance(decision, Do))
        text = f"`drip attendance import` or `mark`: if they {came.value}, then {names or 'nothing more'}"
        yield Lever(came.value, text)


def _name(step: Step) -> str:
    return step.identity
