"""A forecast and what then happens: people are brought into all kinds of positions, the database is looked at, and the
days after are played by the real engine on a copy of it. Used by test_forecast.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from unittest import mock

from drip.authoring import check
from drip.authoring.read_project import draft_project
from drip.core.forecast import Turn, ahead
from drip.core.records import SubscriberId
from drip.engine.apply import wanted_campaigns
from drip.engine.forecast import Outlook, live_outlook, wanted_outlook
from drip.rehearsal.crowd import Habits
from drip.rehearsal.dice import Dice
from drip.rehearsal.play import Play, Setting, memory_store
from drip.rehearsal.relay import NONE
from tests.simulation.storm import BUSY, START, plot, project

EVERY = timedelta(minutes=20)
DAYS = 30
IDLE = Habits(0, 0, 0, 0, 0, 0, 0, 0)
PLOT = "campaigns/storm/campaign.yaml"
Mails = Counter[tuple[int, datetime, str, str]]


@contextmanager
def unchecked() -> Iterator[None]:
    """Every mail filled and weighed at every apply is most of the time, and no subject of a forecast."""
    with (
        mock.patch.object(check, "check_mails", return_value=()),
        mock.patch.object(check, "CHECKS", ()),
    ):
        yield


@dataclass(frozen=True, slots=True)
class Future:
    """What was foreseen (person by person, and in numbers), and what was played."""

    foreseen: Mails
    outlook: Outlook
    played: Mails
    wanted: Outlook | None = None

    def differences(self) -> list[str]:
        """What is in one of them alone."""
        alone = [("only played", self.played - self.foreseen), ("only foreseen", self.foreseen - self.played)]
        return sorted(f"{who}: {at:%m-%d %H:%M} {step or post} {said}"
                      for said, mails in alone for who, at, post, step in mails)  # fmt: skip


def past(seed: int, files: dict[str, str], people: int, days: int) -> Play:
    """Some weeks with everything that people do."""
    definition = draft_project(files).definition
    play = Play(files, definition, Setting(START, days, seed, people, EVERY, NONE, BUSY, 0))
    play.open()
    play.invite()
    play.run()
    return play


def future(seed: int, *, people: int = 25, days: int = 20, edited: bool = False) -> Future:
    """The days after those weeks, in which nobody acts; with an edit of the campaign as their first event."""
    dice = Dice("future", seed)
    files = project(dice.about("files"))
    with unchecked():
        before = past(seed, files, people, days)
        store = memory_store()
        before.store.copy_into(store)
        start = START + timedelta(days=days)
        wanted = {**files, PLOT: plot(dice.about("edit"))} if edited else files
        play = Play(wanted, before.definition, Setting(start, DAYS, seed, 0, EVERY, NONE, IDLE, 0), store=store)
        until = start + timedelta(days=DAYS)
        changed: Outlook | None = None
        if edited:
            campaigns, _ = wanted_campaigns(wanted, [], start)
            with store.read() as work:
                live = play.engine.live
                changed = wanted_outlook(work, live, play.definition, campaigns, start, until, every=EVERY)
        play.open()
        with store.read() as work:
            known = work.subscribers(limit=10_000)
        play.recall(known)
        turns: dict[SubscriberId, Turn | None] = {}
        with store.read() as work:
            outlook = live_outlook(work, play.engine.live, start, until, every=EVERY, met=turns.__setitem__)
        play.run()
    foreseen = Counter((who, each.at, each.post, each.step) for who, turn in turns.items() for each in ahead(turn))
    taken = Counter((each.person.subscriber_id or 0, each.at, each.delivery.post, each.delivery.step or "")
                    for each in play.taken)  # fmt: skip
    return Future(foreseen, outlook, taken, changed)
