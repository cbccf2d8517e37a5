"""The numbers of a plan: for how many people a change matters, and for whom the next run does something because of it.

Reads the database and asks the core; changes nothing. Called by `drip.engine.apply.plan`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from drip.core.at_once import Classes, Outcome, Stand, is_plain, micro, next_run, tally
from drip.core.figures import UNKNOWN, Figures
from drip.core.model import Campaign, HasTag, OnList, ProjectDefinition, Registered, Term, Trigger, TriggerKind
from drip.core.model import Sequence as Plot
from drip.core.places import Place, places
from drip.core.records import Enrollment, Facts
from drip.core.renames import carried_over
from drip.core.segments import leaves
from drip.engine.broadcasts import count_readers
from drip.engine.live import Edition

if TYPE_CHECKING:
    from drip.store.work import Work

DRIP_MATTERS = timedelta(days=7)
"""A drip mail from before keeps no other one away: the distance is 12 hours, and what comes 3 days later is late."""
FACTS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Found:
    """The figures of one campaign, and whom the next run does each step for: the ids of their enrollments."""

    figures: Figures = UNKNOWN
    whom: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def figures_of(
    work: Work, before: Edition | None, wanted: Campaign, definition: ProjectDefinition, now: datetime
) -> Found:
    """All numbers that can be known of one campaign."""
    readers = {
        (each.post, each.list, each.when.phrase): count_readers(work, _edition(before, wanted, definition), each, now)
        for each in wanted.broadcasts
        if before is not None and definition.list_named(each.list) is not None
    }
    if before is None or before.campaign is None:
        return Found()
    live = before.campaign
    zone_changed = before.definition.timezone != definition.timezone
    at_once: dict[str, int] = {}
    later: dict[str, int] = {}
    whom: dict[str, tuple[int, ...]] = {}
    known: set[str] = set()
    for plot in wanted.sequences:
        look = Look(live, wanted, plot, definition.timezone, zone_changed)
        if not look.is_edited():
            continue
        does, waits = tally(look.outcomes(work, now))
        known.add(plot.name)
        at_once.update(does)
        later.update(waits)
        whom.update({step: tuple(ids) for step, ids in look.whom.items()})
    return Found(Figures(at_once, later, readers, frozenset(known)), whom)


def addresses_of(work: Work, ids: Sequence[int]) -> tuple[str, ...]:
    """The addresses of the people with these enrollments."""
    return tuple(
        address
        for start in range(0, len(ids), FACTS_AT_ONCE)
        for address in work.addresses_of(sorted(ids)[start : start + FACTS_AT_ONCE])
    )


def _edition(before: Edition | None, wanted: Campaign, definition: ProjectDefinition) -> Edition:
    """The edition that the wanted campaign would be; its revision is that which is live."""
    assert before is not None, "readers are counted for what is live in some form"
    return Edition(before.revision, definition, wanted)


class Look:
    """One wanted sequence, and the people who would be in it."""

    def __init__(self, live: Campaign, wanted: Campaign, plot: Plot, zone: str, zone_changed: bool) -> None:
        carried = carried_over(live, wanted)
        was = carried.sequence_named(plot.name)
        self.campaign, self.plot, self.zone = wanted, plot, zone
        self.whom: dict[str, list[int]] = defaultdict(list)
        self._was = was
        self._live = live
        if was is None:
            return
        index = carried.sequences.index(was)
        self._old = live.sequences[index]
        position = {name: number for number, step in enumerate(plot.steps) for name in step.identities}
        self._names = {old.identity: new.identity for old, new in zip(self._old.steps, was.steps, strict=True)}
        # Under the names of the database: those that the sequence has now, and older ones of its steps.
        prefix, length = f"{self._old.name}/", len(plot.name) + 1
        self._positions = {prefix + name[length:]: number for name, number in position.items()}
        self._removed = sorted(old for old, name in self._names.items() if name not in position)
        self._places: tuple[Place, ...] = places(carried, wanted, plot.name, zone_changed=zone_changed)
        self._reopens = any(each.reopen for each in plot.steps)
        reopened = {each.identity for each in was.steps if each.reopen}
        self._opens = any(each.reopen and not each.identities & reopened for each in plot.steps)
        self._is_touched = bool(self._removed) or not all(each.is_same for each in self._places)
        self._same = frozenset(each.position for each in self._places if each.is_same)
        self._edited = frozenset(each.position for each in self._places if each.is_edited)

    def is_edited(self) -> bool:
        """Whether an edit moves people who are inside already; not where a move of sessions begins reminders anew."""
        if self._was is None or not (self._is_touched or self._reopens):
            return False
        if not self.plot.start.knows_session:
            return True
        sessions = [each.webinar.sessions if each.webinar else () for each in (self._live, self.campaign)]
        return sessions[0] == sessions[1]

    def outcomes(self, work: Work, now: datetime) -> Iterator[tuple[Outcome, int]]:
        """What the next run does, for how many."""
        plain = is_plain(self.plot) and not self._has_paused(work)
        classes = Classes(self.plot, self.campaign, now)
        members: dict[object, list[int]] = defaultdict(list)
        waiting: dict[str, int] = defaultdict(int)
        for stand, is_looked_at, has_rested in self._rows(work, now):
            if is_looked_at:
                # Whoever ever took a break has a time of their own, so nobody stands for them.
                members[classes.key(stand) if plain and not has_rested else stand.id].append(stand.id)
            elif stand.position < len(self.plot.steps):
                waiting[self.plot.steps[stand.position].identity] += 1
        first = {ids[0]: ids for ids in members.values()}
        for number, facts in self._facts(work, sorted(first), now):
            outcome = next_run(self.plot, facts, now, self.campaign)
            for step in outcome.does:
                self.whom[step] += first[number]
            yield outcome, len(first[number])
        for step, people in waiting.items():
            yield Outcome(waits=step), people

    def _has_paused(self, work: Work) -> bool:
        return any(each.sequence in ("", self._old.name) for each in work.pauses([self.campaign.name]))

    def _rows(self, work: Work, now: datetime) -> Iterator[tuple[Stand, bool, bool]]:
        """Everybody; whether the next run looks at them (the edit wakes them, or they are due in any case); and whether
        they ever took a break."""
        steps = [each.identity for each in self.plot.steps]
        closed = sum(each.days for each in self.plot.hours.closed) if self.plot.hours is not None else 0
        present = micro(now)
        rows = work.insiders(
            self.campaign.name,
            self._old.name,
            self._positions,
            zone=self.zone,
            waking=self._removed,
            questions=self._questions(),
            lately=now - DRIP_MATTERS - timedelta(days=closed),
            now=now,
        )
        for number, position, anchor, zone, next_step, next_due, replanned, last, rested, *flags in rows:
            is_new = self._is_new_place(next_step, position)
            is_touched = self._is_touched and (is_new or position not in self._same)
            stand = Stand(number, position, anchor, zone, is_new, replanned, last, tuple(flags))
            yield (
                stand,
                next_due is None or next_due <= present or self._reopens or is_touched or position >= len(steps),
                bool(rested),
            )

    def _renamed(self, step: str) -> str | None:
        """The identity that a step of the database has in the wanted sequence."""
        position = self._positions.get(step)
        return self.plot.steps[position].identity if position is not None else None

    def _questions(self) -> tuple[Term, ...]:
        """All that the next run asks about a person, but for moments."""
        asked = [leaf for each in self.plot.steps if each.condition for leaf in leaves(each.condition.term)]
        asked += [term for each in (self.plot.goal, self.plot.stop) for term in _of_trigger(each)]
        asked += [OnList(self.plot.list)] if self.plot.list is not None else []
        return tuple(dict.fromkeys(asked))

    def _facts(self, work: Work, ids: Sequence[int], now: datetime) -> Iterator[tuple[int, Facts]]:
        """The facts as they would be after the edit."""
        webinar = self.campaign.webinar
        for start in range(0, len(ids), FACTS_AT_ONCE):
            enrollments = work.enrollments_by(ids[start : start + FACTS_AT_ONCE])
            facts = work.facts_for(enrollments, self.zone)
            for each in enrollments:
                known = facts[each.id]
                last = webinar.last_start if webinar is not None else None
                yield each.id, replace(known, enrollment=self._placed(each, now), last_session_starts=last)

    def _placed(self, each: Enrollment, now: datetime) -> Enrollment:
        """As `Work.replan` puts them."""
        done = tuple(replace(one, step=self._renamed(one.step) or one.step) for one in each.done)
        furthest = max((self._positions.get(one.step, -1) for one in each.done), default=-1)
        mine = self.plot.steps[furthest + 1].identity if furthest + 1 < len(self.plot.steps) else None
        return replace(
            each,
            sequence=self.plot.name,
            done=done,
            next_due=now,
            next_step=mine,
            replanned_at=now if self._is_new_place(each.next_step, furthest + 1) else each.replanned_at,
        )

    def _is_new_place(self, next_step: str | None, position: int) -> bool:
        """Whether the edit changes what somebody waits for, so that its moment counts."""
        if self._reopens:
            return self._opens
        if not self._is_touched or next_step is None:
            return False
        mine = self.plot.steps[position].identity if position < len(self.plot.steps) else None
        return position in self._edited or self._renamed(next_step) != mine


def _of_trigger(trigger: Trigger | None) -> Iterator[Term]:
    """The question that tells whether a goal or stop is reached, where it is about the person."""
    if trigger is None:
        return
    argument = trigger.argument or ""
    if trigger.kind in (TriggerKind.JOINS, TriggerKind.LEAVES):
        yield OnList(argument)
    elif trigger.kind is TriggerKind.GETS_TAG:
        yield HasTag(argument)
    elif trigger.kind is TriggerKind.REGISTERS:
        yield Registered()
