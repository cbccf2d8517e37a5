"""Readers who take breaks and come back at random, under a cron with gaps: what a break promises, seen from the relay.

Nothing of a sequence and no broadcast leaves inside a break, nobody loses a post or gets one twice, and between two
posts lies as much time outside of breaks as the author wrote.
"""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from drip.core.delivery import DeliveryState
from drip.core.events import CameBack, TookBreak
from drip.core.records import Kind, SubscriberId
from drip.store.store import Store
from tests.stages import EVIDENCE, Ground
from tests.visitors import open_applied

PLOT = "campaigns/six-deadly-mistakes/campaign.yaml"
POSTS = ["own-the-mistake", "two-second-resume-fix", "linkedin-is-not-a-hangout", "last-seats"]
GAPS = {"two-second-resume-fix": 2, "linkedin-is-not-a-hangout": 3, "last-seats": 3}
START = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
DAY = timedelta(days=1)
PEOPLE, DAYS = 14, 170


@pytest.mark.parametrize("seed", [1, 2])
def test_breaks_hold_and_cost_nobody_a_post(tmp_path: Path, memory_store: Store, seed: int) -> None:
    chance = random.Random(seed)
    ground = open_applied(tmp_path / "project", memory_store)
    ground.edit(PLOT, "    stop: last session starts\n", "")
    ground.edit(PLOT, "    hours: weekdays 8:00-18:00\n", "")  # or such a cron would miss them, and rule 6 skip
    ground.edit(PLOT, "2026-12-01 09:00 reader's time", "2026-12-09 09:00 reader's time\n    late: 2 days")
    ground.apply()
    people = [ground.join(f"p{number}@example.org") for number in range(PEOPLE)]
    breaks: dict[SubscriberId, list[tuple[datetime, datetime]]] = defaultdict(list)
    sent: dict[SubscriberId, list[tuple[datetime, str]]] = defaultdict(list)
    now = START
    while now < START + timedelta(days=DAYS):
        ground.clock.set(now)
        for who in people:
            act(ground, who, breaks[who], now, chance)
        before = len(ground.transport.sent)
        ground.tick()
        for wire in ground.transport.sent[before:]:
            number = int(wire.recipient[1:].partition("@")[0])
            post = ground.transport.posts(wire.recipient)
            sent[people[number]].append((now, post[len(sent[people[number]])]))
        now += timedelta(minutes=chance.choice([20, 300, 900, 1500]))
    ground.counts_hold()
    assert sum(map(len, breaks.values())) > PEOPLE
    skipped = 0
    for who in people:
        letters = [each for each in sent[who] if each[1] in POSTS]
        assert [post for _, post in letters] == POSTS, breaks[who]
        for moment, _ in sent[who]:
            assert not any(since <= moment < until for since, until in breaks[who])
        for (earlier, _), (later, post) in pairwise(letters):
            assert outside(earlier, later, breaks[who]) > GAPS[post] * DAY - DAY, post
        with ground.store.read() as work:
            broadcast = [each for each in work.deliveries(who) if each.kind is Kind.BROADCAST]
        skipped += broadcast[0].state is DeliveryState.SKIPPED and broadcast[0].reason == "on-break"
    assert 0 < skipped < PEOPLE


def act(
    ground: Ground, who: SubscriberId, breaks: list[tuple[datetime, datetime]], now: datetime, chance: random.Random
) -> None:
    """Now and then somebody takes a break, makes it longer or shorter, or comes back early."""
    is_resting = bool(breaks) and breaks[-1][1] > now
    if len(breaks) > 2:
        return
    dice = chance.random()
    if dice < 0.04:
        weeks = chance.choice([2, 4])
        ground.engine.happen(TookBreak(who, weeks, EVIDENCE), now)
        began = breaks.pop()[0] if is_resting else now
    elif is_resting and dice < 0.05:
        ground.engine.happen(CameBack(who, EVIDENCE), now)
        breaks.append((breaks.pop()[0], now))
        return
    else:
        return
    with ground.store.read() as work:
        person = work.subscriber(who)
    assert person is not None
    breaks.append((began, person.breaks[-1].ends_at))


def outside(since: datetime, until: datetime, breaks: list[tuple[datetime, datetime]]) -> timedelta:
    """How much time between two moments lies in no break."""
    inside = (min(until, end) - max(since, begin) for begin, end in breaks)
    return until - since - sum((each for each in inside if each > timedelta()), timedelta())
