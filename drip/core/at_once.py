"""What the next run does for people who are inside an edited sequence, for any number of them: in classes of equals.

Pure. `due` never goes back where its anchor goes on, so for each step and zone there is one latest anchor up to which
it is due by now; it is found by halving. Two people who stand at the same place, in the same zone, on the same side of
all such moments, and of whom the same is so, get the same decision, and one of them is asked for all. Where a class
cannot hold what matters, each person is asked for alone. Called by `drip.engine.planning`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from drip.core.decide import SPACING, Do, End, Skip, Wait, apply_decision, decide
from drip.core.lateness import DRIP_LATE
from drip.core.model import Campaign, Step, WhenKind
from drip.core.model import Sequence as Plot
from drip.core.records import Facts
from drip.core.when import AMOUNT_MAX, due, settle

DECISIONS_MAX = 1_000
"""More decisions for one person in one run than any sequence has steps: a bug."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FAR = AMOUNT_MAX + timedelta(days=60)
"""Whoever waits since before this waits for nothing any more: no `when` is longer, and no closing."""


@dataclass(frozen=True, slots=True)
class Stand:
    """One person inside, as far as classes are concerned. Moments are microseconds since 1970.

    `is_new`: the edit changes what they wait for, so its moment counts as `replanned_at`. `flags` answer what else
    decides: the conditions of the steps, the goal, and whether they may be mailed at all.
    """

    id: int
    position: int
    anchor: int
    zone: str
    is_new: bool
    replanned_at: int | None
    last_drip: int | None
    flags: tuple[object, ...]


class Classes:
    """Sorts the people of one wanted sequence."""

    def __init__(self, plot: Plot, campaign: Campaign, now: datetime) -> None:
        self._plot = plot
        self._campaign = campaign
        self._now = now
        self._anchors: dict[tuple[str, int | None], list[int]] = {}
        self._drips: dict[str, list[int]] = {}

    def key(self, stand: Stand) -> tuple[object, ...]:
        """Equal for people for whom the next run does the same."""
        edited_at = None if stand.is_new else stand.replanned_at
        anchors = self._anchors.get((stand.zone, edited_at))
        if anchors is None:
            anchors = self._anchors[stand.zone, edited_at] = self._anchor_bounds(stand.zone, edited_at)
        drips = self._drips.get(stand.zone)
        if drips is None:
            drips = self._drips[stand.zone] = self._drip_bounds(stand.zone)
        drip = -1 if stand.last_drip is None else bisect_left(drips, stand.last_drip)
        anchor = bisect_left(anchors, stand.anchor)
        return (stand.position, stand.zone, stand.is_new, edited_at, anchor, drip, stand.flags)

    def _anchor_bounds(self, zone: str, edited_at: int | None) -> list[int]:
        """The latest anchors up to which something is so: due, due before now, too late, due before the last edit."""
        now = micro(self._now)
        found = {now - 1}
        if edited_at is not None:
            found.add(edited_at - 1)
        for step in self._plot.steps:
            if step.when.kind is WhenKind.AT_ONCE:
                found |= {now - _window(step) - 1}
                continue
            if step.when.kind is not WhenKind.LATER:
                continue
            limits = [now, now - 1, now - _window(step) - 1, *([] if edited_at is None else [edited_at - 1])]
            found |= {self._latest(lambda anchor, step=step: self._due(step, anchor, zone), each) for each in limits}  # type: ignore[misc]
        return sorted(found)

    def _drip_bounds(self, zone: str) -> list[int]:
        """The latest moments of a last drip mail after which the distance to it is kept by now, and kept too late."""
        now = micro(self._now)
        found = set()
        for step in self._plot.steps:
            if step.when.kind is WhenKind.LATER and step.is_mail:
                for limit in (now, now - _window(step) - 1):
                    found.add(self._latest(lambda last, step=step: self._spaced(step, last, zone), limit))  # type: ignore[misc]
        return sorted(found)

    def _due(self, step: Step, anchor: datetime, zone: str) -> datetime:
        zone_of = self._campaign.timezone
        return due(step.when, anchor=anchor, zone=zone, hours=self._plot.hours, session=None, campaign_zone=zone_of)

    def _spaced(self, step: Step, last: datetime, zone: str) -> datetime:
        return settle(step.when, last + SPACING, self._plot.hours, zone)

    def _latest(self, moment: Callable[[datetime], datetime], limit: int) -> int:
        """The latest microsecond for which `moment` is not after the limit. It never goes back."""
        low, high = micro(self._now - FAR), micro(self._now) + 1
        until = _moment(limit)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if moment(_moment(middle)) <= until else (low, middle)
        return low - 1


def _window(step: Step) -> int:
    late = step.late if step.late is not None else DRIP_LATE
    return late // MICROSECOND


def micro(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def _moment(micro: int) -> datetime:
    return EPOCH + micro * MICROSECOND


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the next run does for one person: the steps that it does, and the one that they wait for afterwards."""

    does: tuple[str, ...] = ()
    waits: str | None = None


def next_run(plot: Plot, facts: Facts, now: datetime, campaign: Campaign) -> Outcome:
    """As `drip.engine.advance` walks on, with a relay that takes everything."""
    does: list[str] = []
    for _ in range(DECISIONS_MAX):
        decision = decide(plot, facts, now, campaign=campaign)
        match decision:
            case Wait(until=until, step=step):
                assert until > now or not does, "a wait is for what comes"
                return Outcome(tuple(does), step.identity if step is not None else None)
            case End():
                return Outcome(tuple(does))
            case Do(step=step):
                does.append(step.identity)
            case Skip():
                pass
        facts = apply_decision(facts, decision, now)
    raise AssertionError(f"enrollment {facts.enrollment.id} does not come to rest")


def tally(outcomes: Iterable[tuple[Outcome, int]]) -> tuple[Counter[str], Counter[str]]:
    """For how many each step is done, and how many wait for it then; each outcome with the number of its people."""
    does: Counter[str] = Counter()
    waits: Counter[str] = Counter()
    for outcome, people in outcomes:
        for step in outcome.does:
            does[step] += people
        if outcome.waits is not None:
            waits[outcome.waits] += people
    return does, waits


def is_plain(plot: Plot) -> bool:
    """Whether classes hold all that matters: no sessions, and nobody is past a step that is made up for."""
    kinds = {each.when.kind for each in plot.steps}
    counted = kinds <= {WhenKind.AT_ONCE, WhenKind.LATER}
    return counted and not plot.start.knows_session and not any(each.reopen for each in plot.steps)
