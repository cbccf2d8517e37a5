"""The numbers of `drip plan` are what a real `apply` and the run after it do, for edits and crowds by dice.

Counted in classes and person by person it is the same; and what the engine then plans, it plans for just so many.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from unittest import mock

import pytest

from drip.authoring.read_project import draft_project
from drip.core.decide import SPACING
from drip.engine import planning
from drip.engine.apply import apply, wanted_campaigns
from drip.engine.planning import Found, addresses_of, figures_of
from drip.project import read_tree
from drip.rehearsal.crowd import Habits
from drip.rehearsal.dice import Dice
from drip.rehearsal.play import Play, Setting, memory_store
from drip.rehearsal.relay import NONE
from tests.simulation.futures import EVERY, IDLE, unchecked
from tests.simulation.storm import PROJECT, ROOT, START

POSTS = ("a", "b", "c", "d", "e", "f")
DAYS = 12
PEOPLE = 60
READERS = Habits(confirms=1, registers=0, unsubscribes=0.02, comes_back=0)
PLOT = "campaigns/c/campaign.yaml"


def plot(dice: Dice) -> str:
    """Two sequences that everybody goes through at once, so that they keep their distance from one another."""

    def one(of: tuple[str, ...], *words: object) -> str:
        return of[dice.below(len(of), *words)]

    def steps(name: str, posts: tuple[str, ...]) -> str:
        chosen = [each for each in posts if dice.happens(0.75, name, each)] or [posts[0]]
        if dice.happens(0.3, name, "order"):
            chosen.reverse()
        lines = []
        for post in chosen:
            when = one(("at once", "1 day later", "3 days later at 9:30", "5 days later at 17:45", "36 hours later",
                        "100 hours later", "1 week later"), name, post, "when")  # fmt: skip
            lines.append(f"      - send: {post}\n        when: {when}")
            if dice.happens(0.3, name, post, "if"):
                lines[-1] += "\n        if: " + one(("on news", "not on news", "joined within 5 days"), name, post)
            if dice.happens(0.2, name, post, "late"):
                lines[-1] += "\n        late: 12 hours"
            if dice.happens(0.1, name, post, "reopen"):
                lines[-1] += "\n        reopen: yes"
        if dice.happens(0.4, name, "tag"):
            lines.append(f"      - tag: through-{name}\n        when: 1 day later")
        return "\n".join(lines)

    hours = one(
        ("", "    hours: weekdays 8:00-18:00\n", "    hours: daily 9:00-12:00\n    closed: 2026-10-20\n"), "hours"
    )
    stop = one(("", "    stop: gets tag through-two\n", "    stop: leaves news\n"), "stop")
    return f"""\
title: C
sequences:
  one:
    start: joins letter
{stop}{hours}    steps:
{steps("one", POSTS[:4])}
  two:
    start: joins letter
    steps:
{steps("two", POSTS[4:])}
  news:
    start: joins news
    steps: [{{send: a, when: at once}}]
"""


def files_of(dice: Dice) -> dict[str, str]:
    posts = {f"campaigns/c/{each}.md": f"---\nsubject: Post {each}\n---\n\nThis is {each}.\n" for each in POSTS}
    templates = {path: text for path, text in read_tree(ROOT).items() if path.startswith("templates/")}
    return {"drip.yaml": PROJECT, PLOT: plot(dice.about("live")), **posts, **templates}


def past(seed: int, files: dict[str, str]) -> Play:
    """Twelve days in which people come, read, and seldom leave."""
    definition = draft_project(files).definition
    play = Play(files, definition, Setting(START, DAYS, seed, PEOPLE, EVERY, NONE, READERS, 0))
    play.open()
    play.invite()
    play.run()
    return play


def figures(play: Play, wanted: dict[str, str], now: datetime) -> Found:
    """As `drip plan` finds them; class by class and person by person it is the same."""
    campaigns, _ = wanted_campaigns(wanted, ["c"], now)
    with play.store.read() as work:
        edition = play.engine.live.campaign(work, "c")
        found = figures_of(work, edition, campaigns[0], play.definition, now)
        with mock.patch.object(planning, "is_plain", return_value=False):
            alone = figures_of(work, edition, campaigns[0], play.definition, now)
        assert (found.figures.at_once, found.figures.later) == (alone.figures.at_once, alone.figures.later)
        assert {step: sorted(ids) for step, ids in found.whom.items()} == {
            step: sorted(ids) for step, ids in alone.whom.items()
        }
        for step, number in found.figures.at_once.items():
            assert len(addresses_of(work, found.whom[step])) == number
    return found


def done_by_the_engine(play: Play, wanted: dict[str, str], now: datetime) -> Counter[str]:
    """What the run after a real apply does for those who were inside before."""
    apply(play.engine, wanted, now, names=["c"])
    play.engine.tick(now)
    done: Counter[str] = Counter()
    with play.store.read() as work:
        entries = [each for each in work.entries(since=now, limit=10_000) if each.at == now]
    fresh = {(each.subscriber_id, each.subject) for each in entries if each.kind == "enrolled"}
    for each in entries:
        is_fresh = (each.subscriber_id, each.subject.partition("/")[0]) in fresh
        if each.kind in ("delivery-planned", "step-acted") and not is_fresh:
            done[each.subject] += 1
    return done


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_numbers_are_what_then_happens(seed: int) -> None:
    dice = Dice("plan", seed)
    files = files_of(dice)
    with unchecked():
        before = past(seed, files)
        store = memory_store()
        before.store.copy_into(store)
        now = START + timedelta(days=DAYS) + dice.span(timedelta(), timedelta(days=3), "now")
        now = now.replace(second=0, microsecond=0)
        wanted = {**files, PLOT: plot(dice.about("edit"))}
        play = Play(wanted, before.definition, Setting(now, 1, seed, 0, SPACING, NONE, IDLE, 0), store=store)
        with store.read() as work:
            known = work.subscribers(limit=1000)
        play.recall(known)
        found = figures(play, wanted, now)
        play.crowd = before.crowd
        done = done_by_the_engine(play, wanted, now)
    told = {step: number for step, number in found.figures.at_once.items() if number}
    edited = found.figures.known
    assert told == {step: number for step, number in done.items() if step.partition("/")[0] in edited}
