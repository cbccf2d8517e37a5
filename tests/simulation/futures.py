"""A forecast and what then happens: people are brought into all kinds of positions, the database is looked at, and the
days after are played by the real engine. Used by test_forecast.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest import mock

from drip.authoring import check
from drip.authoring.read_project import draft_project
from drip.core.forecast import Turn, ahead
from drip.core.records import SubscriberId
from drip.engine.apply import wanted_campaigns
from drip.engine.forecast import Outlook, live_outlook, wanted_outlook
from drip.rehearsal.crowd import Habits
from drip.rehearsal.dice import Dice
from drip.rehearsal.foresight import CAME, Comparison, Done, Mailed, compare
from drip.rehearsal.play import Play, Setting, memory_store
from drip.rehearsal.relay import NONE
from tests.simulation.drama import CALM
from tests.simulation.storm import BUSY, START, plot, project
from tests.simulation.twin import Twin
from tests.simulation.world import ZONE

EVERY = timedelta(minutes=20)
DAYS = 30
IDLE = Habits(0, 0, 0, 0, 0, 0, 0, 0, 0)
PLOT = "campaigns/storm/campaign.yaml"
Mails = Counter[Any]


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


# --- with everything that plots can say, and with people who act ------------------------------------------------------


def lived(seed: int, *, acting: bool, people: int = 60, days: int = 16) -> tuple[Comparison, Mails, Mails]:
    """Weeks of a drama with edits in them, a look ahead, and the thirty days after it: what was foreseen and played."""
    twin = Twin(seed, people, days, storminess=CALM, edits=3)
    with twin.stage():
        twin.play()
        start = twin.now
        before, deeds = len(twin.story.taken), len(twin.story.deeds)
        turns: dict[SubscriberId, Turn | None] = {}
        until = start + timedelta(days=DAYS)
        with twin.store.read() as work:
            live_outlook(work, twin.engine.live, start, until, every=EVERY, met=turns.__setitem__)
        twin.is_acting = acting
        twin.go_on(until)
    emails = {number: twin.souls[soul].email for soul, number in twin._ids.items() if number in turns}
    foreseen = [Mailed(who, each.at, each.step or each.post) for number, who in emails.items()
                for each in ahead(turns[number])]  # fmt: skip
    played = [Mailed(who, at, _what(occasion)) for at, who, occasion in twin.story.taken[before:]]
    done = [Done(who, at, deed.replace("attend", CAME)) for at, who, deed in twin.story.deeds[deeds:]]
    found = compare(emails.values(), foreseen, played, done, zone=ZONE, follow_ups=frozenset({"follow-up"}))
    twin.store.close()
    exact = [Counter((each.who, each.at, each.what) for each in mails) for mails in (foreseen, played)]
    return found, exact[0], exact[1]


def _what(occasion: str) -> str:
    """The step of an occasion, or its post."""
    words = occasion.partition("@")[0].split("/")
    return words[1] if words[0] == "house" else words[2] if words[1] == "broadcast" else "/".join(words[1:3])
