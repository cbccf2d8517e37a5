"""What a rehearsal came to, as numbers: by step, by hour and weekday, the queue against the relay's pace, promises.

Only counts what `drip.rehearsal.play` left behind; prints nothing. Called by `drip.cli.rehearse`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from drip.core.records import Did
from drip.rehearsal.play import Play
from drip.reports.variants import VariantNumbers, variant_numbers

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class StepLine:
    """What became of one step: how many times each end, and why it was skipped."""

    campaign: str
    step: str
    ends: Mapping[str, int]
    skipped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Queue:
    """The longest queue that a pace would have made, when it was, and when the last of it was gone."""

    pace_per_minute: int | None
    longest: int
    at: datetime | None
    drained: timedelta


@dataclass(frozen=True, slots=True)
class Summary:
    """The whole account. `hours` counts mails by weekday (Monday is 0) and hour of the project's clock."""

    people: int
    ticks: int
    planned: int
    states: Mapping[str, int]
    steps: tuple[StepLine, ...]
    others: Mapping[str, int]
    hours: Mapping[tuple[int, int], int]
    queue: Queue
    variants: tuple[VariantNumbers, ...]
    refused: Mapping[str, int]
    broken: tuple[str, ...]
    broken_number: int


def summarize(play: Play, pace_per_minute: int | None) -> Summary:
    """Count."""
    with play.store.read() as work:
        counts = dict(work.delivery_counts())
        steps = work.step_counts()
        variants = variant_numbers(work, (each for _, each in sorted(play.campaigns().items())))
    zone = ZoneInfo(play.definition.timezone)
    hours: Counter[tuple[int, int]] = Counter()
    for taken in play.taken:
        local = taken.at.astimezone(zone)
        hours[local.weekday(), local.hour] += 1
    others = Counter(each.delivery.post for each in play.taken if each.delivery.step is None)
    return Summary(
        people=len(play.people),
        ticks=play.ticks,
        planned=counts.pop("planned"),
        states={name: number for name, number in counts.items() if number},
        steps=tuple(_step_lines(play, steps)),
        others=dict(sorted(others.items())),
        hours=dict(sorted(hours.items())),
        queue=queue([each.at for each in play.taken], pace_per_minute),
        variants=tuple(variants),
        refused=dict(sorted(play.refused.items())),
        broken=tuple(play.watch.broken),
        broken_number=play.watch.number,
    )


def _step_lines(play: Play, counts: Mapping[tuple[str, str, Did, str], int]) -> Iterable[StepLine]:
    """Each step in the order of the files, also those that nobody reached; then those of earlier revisions."""
    keys = [
        (name, step.identity)
        for name, campaign in sorted(play.campaigns().items())
        for sequence in campaign.sequences
        for step in sequence.steps
    ]
    keys += sorted({(campaign, step) for campaign, step, _, _ in counts} - set(keys))
    for campaign, step in keys:
        mine = {key[2:]: number for key, number in counts.items() if key[:2] == (campaign, step)}
        ends: Counter[str] = Counter()
        skipped: Counter[str] = Counter()
        for (did, reason), number in sorted(mine.items()):
            ends[did.value] += number
            if did is Did.SKIPPED:
                skipped[reason] += number
        yield StepLine(campaign, step, dict(ends), dict(skipped))


def queue(moments: Iterable[datetime], pace_per_minute: int | None) -> Queue:
    """How long a queue grows if mails become due at these moments, in order, and leave at a pace."""
    arrived = sorted(Counter(moments).items())
    if pace_per_minute is None:
        longest = max(arrived, key=lambda each: each[1], default=(None, 0))
        return Queue(None, longest[1], longest[0], timedelta())
    waiting, most, most_at, slowest = 0.0, 0, None, 0.0
    before: datetime | None = None
    for moment, number in arrived:
        if before is not None:
            waiting = max(0.0, waiting - (moment - before).total_seconds() / 60 * pace_per_minute)
        waiting += number
        before = moment
        if waiting > most:
            most, most_at = round(waiting), moment
        slowest = max(slowest, waiting / pace_per_minute)
    return Queue(pace_per_minute, most, most_at, timedelta(seconds=round(slowest * 60)))
