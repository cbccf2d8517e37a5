"""A rehearsal in bad weather: runs that die at any commit or send, clocks that jump, machines that sleep for days,
relays that refuse and lose, and an author who edits the campaign while people are in it. All of it by one seed.

    python -m tests.simulation.storm FIRST LAST [PEOPLE] [DAYS]

plays the seeds from FIRST to LAST and prints those that break a promise. Used by test_storm.py and `make simulate`.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

from drip.authoring import check
from drip.authoring.read_project import draft_project
from drip.core.delivery import Outcome
from drip.core.message import Wire
from drip.engine.sending import Sending
from drip.errors import ProblemsFound
from drip.mail.transport import Grant, NotGranted
from drip.project import read_tree
from drip.rehearsal.crowd import Habits
from drip.rehearsal.dice import Dice
from drip.rehearsal.play import Play, Setting
from drip.rehearsal.relay import Faults, RehearsalRelay
from drip.store import connect
from drip.store.store import Store
from drip.store.work import Work
from tests.simulation.plots import PROJECT

ROOT = Path(__file__).resolve().parent.parent.parent
START = datetime(2026, 10, 12, 13, 0, tzinfo=UTC)
"""Before the clocks go back in Europe and in America, and forward in Lord Howe is over."""
WEATHER = Faults(later=0.06, lost_before=0.02, lost_after=0.01, policy=0.005, no_mailbox=0.01, away=0.01)
BUSY = Habits(registers=0.25, cancels=0.15, moves=0.15, unsubscribes=0.05, comes_back=0.3)
POSTS = tuple(f"post-{number}" for number in range(1, 9))


class Killed(BaseException):
    """kill -9: nothing is tidied up, nothing is recorded any more."""


def plot(dice: Dice) -> str:
    """A campaign by dice. Every one of them is whole."""

    def one(of: tuple[str, ...], *words: object) -> str:
        return of[dice.below(len(of), *words)]

    def step(post: str) -> str:
        """A post under one of its two names, or both of them as a test: whoever had one of them has had the step."""
        first, second = (post, f"{post}-b") if dice.happens(0.6, post, "name") else (f"{post}-b", post)
        if dice.happens(0.7, post, "send"):
            return f"      - send: {first}\n        was: {second}"
        one_weight, other = (1 + dice.below(9, post, each) for each in ("first", "second"))
        variants = f"          {first}: {one_weight}\n          {second}: {other}"
        return f"      - test: {first}\n        was: {second}\n        variants:\n{variants}"

    def closed(*words: object) -> str:
        first = START.date() + timedelta(days=1 + dice.below(24, *words, "first"))
        return f"closed: {first}..{first + timedelta(days=dice.below(6, *words, 'days'))}\n"

    def steps(name: str, posts: list[str], least: int) -> str:
        chosen = [each for each in posts if dice.happens(0.8, name, each)] or posts[:least]
        if dice.happens(0.3, name, "order"):
            chosen.reverse()
        lines = []
        for index, post in enumerate(chosen):
            when = "at once" if index == 0 else one(
                ("1 day later", "2 days later at 9:30", "90 minutes later", "1 week later at 17:45", "36 hours later"),
                name, post, "when",
            )  # fmt: skip
            lines.append(f"{step(post)}\n        when: {when}")
            if dice.happens(0.2, name, post, "late"):
                lines[-1] += "\n        late: 12 hours"
            if dice.happens(0.15, name, post, "if"):
                lines[-1] += "\n        if: not tag done"
        if dice.happens(0.4, name, "tags"):
            lines.append("      - tag: done\n        when: at once")
        return "\n".join(lines)

    hours = one(("", "    hours: weekdays 8:00-18:00\n", "    hours: weekdays 9:00-12:00\n"), "hours")
    hours += f"    {closed('invite')}" if dice.happens(0.5, "closed") else ""
    goal = "    goal: registers\n" if dice.happens(0.6, "goal") else ""
    stop = "    stop: last session starts\n" if dice.happens(0.7, "stop") else ""
    again = "    again: always\n" if dice.happens(0.3, "again") else ""
    other = one(("joins news", "gets tag done", "clicks post-1"), "other")
    whole = closed("all") if dice.happens(0.3, "all closed") else ""
    return f"""\
title: Storm
{whole}webinar:
  title: In the storm
  length: 60 minutes
  seats: 20
  join: https://meet.example.com/{{session}}
  sessions:
    first: 2026-11-{3 + dice.below(5, "first"):02d} 12:00
    second: 2026-11-{12 + dice.below(5, "second"):02d} 19:00
sequences:
  invite:
    start: joins letter
{goal}{stop}{hours}    steps:
{steps("invite", list(POSTS[:4]), 1)}
  other:
    start: {other}
{again}    steps:
{steps("other", list(POSTS[4:6]), 1)}
  remind:
    start: registers
    stop: cancels
    steps:
      - send: you-are-in
        when: at once
      - send: soon
        when: {one(("1 day before session", "3 hours before session", "30 minutes before session"), "soon")}
  follow-up:
    start: session ends
    steps:
      - send: {POSTS[6]}
        when: {one(("2 hours later", "1 day later at 10:00"), "follow-up")}
        if: attended
      - send: {POSTS[7]}
        when: 2 hours later
        if: missed
broadcasts:
  - send: letter-of-november
    to: letter
    when: 2026-11-04 09:00{one(("", " reader's time"), "broadcast")}
"""


def project(dice: Dice) -> dict[str, str]:
    """The files of a project: templates as they are shipped, a campaign by dice."""
    files = {path: text for path, text in read_tree(ROOT).items() if path.startswith("templates/")}
    files["drip.yaml"] = PROJECT
    for post in (*POSTS, *(f"{each}-b" for each in POSTS[:6]), "you-are-in", "soon", "letter-of-november"):
        files[f"campaigns/storm/{post}.md"] = f"---\nsubject: About {post}\npreview: A word\n---\nHello.\n"
    files["campaigns/storm/campaign.yaml"] = plot(dice)
    return files


class StormStore(Store):
    """A database whose process may die in any transaction of a run: just before the commit, or just after it."""

    def __init__(self, dice: Dice) -> None:
        super().__init__(connect.engine_for("sqlite:///:memory:", Path()))
        self._dice = dice
        self._number = 0
        self.is_deadly = False
        self.create_or_check()

    @contextlib.contextmanager
    def write(self) -> Iterator[Work]:
        self._number += 1
        fate = self._dice.share("commit", self._number) if self.is_deadly else 1.0
        with super().write() as work:
            yield work
            if fate < 0.004:
                raise Killed
        if fate < 0.008:
            raise Killed


class StormRelay(RehearsalRelay):
    """A relay in whose company runs die, before or after it took the message."""

    sends = 0

    async def send(self, wire: Wire, grant: Grant | None = None) -> Outcome:
        if grant is not None and not await grant():
            raise NotGranted
        self.sends += 1
        fate = self._dice.share("death", self.sends)
        if fate < 0.003:
            raise Killed
        outcome = await super().send(wire)
        if fate > 0.997:
            raise Killed
        return outcome


class Storm(Play):
    """One seed."""

    def __init__(self, seed: int, people: int = 25, days: int = 45, *, edits: int = 5) -> None:
        dice = Dice("storm", seed)
        self.weather = dice.about("weather")
        self.storm_store = StormStore(dice.about("store"))
        files = project(dice.about("files", 0))
        definition = draft_project(files).definition
        setting = Setting(START, days, seed, people, timedelta(minutes=20), WEATHER, BUSY, composed_first=0)
        super().__init__(files, definition, setting, store=self.storm_store)
        self.relay = StormRelay(self.dice.about("relay"), setting.faults, self.clock.now, self._take)
        self.asleep_until = START
        self.edits_wanted = edits
        self.died = self.edits = self.steps = 0

    def play(self) -> Storm:
        """From the first day to the last, with edits at random moments."""
        with (
            # A process that was killed gives nothing back; one that ends by itself has nothing left to give.
            mock.patch.object(Sending, "_give_back", return_value=None),
            # Every mail filled and weighed at every edit is most of the time, and no subject of a storm.
            mock.patch.object(check, "check_mails", return_value=()),
            mock.patch.object(check, "CHECKS", ()),
        ):
            return self._play()

    def _play(self) -> Storm:
        self.open()
        self.invite()
        for number in range(1, self.edits_wanted + 1):
            moment = START + self.weather.span(timedelta(days=1), timedelta(days=self.setting.days), "edit", number)
            self.at(moment, lambda number=number: self.edit(number))  # type: ignore[misc]
        self.run()
        return self

    def edit(self, number: int) -> None:
        """The author changes the plot, and applies it, if drip lets it pass."""
        before = dict(self.files)
        self.files["campaigns/storm/campaign.yaml"] = plot(Dice("storm", self.setting.seed).about("files", number))
        try:
            self.apply()
            self.edits += 1
        except ProblemsFound:
            self.files = before

    def tick(self) -> None:
        """A run, unless the machine sleeps; perhaps under a wrong clock; perhaps the last thing it does."""
        number = self.ticks
        if self.clock.now() < self.asleep_until:
            self.ticks += 1
            self.clock.set(self.asleep_until)
            return
        if self.weather.happens(0.01, "sleep", number):
            self.asleep_until = self.clock.now() + self.weather.span(
                timedelta(hours=1), timedelta(days=4), "nap", number
            )
        right = self.clock._now
        if self.weather.happens(0.01, "clock", number):
            self.steps += 1
            self.clock._now += self.weather.span(timedelta(minutes=-90), timedelta(minutes=90), "step", number)
        self.storm_store.is_deadly = True
        try:
            super().tick()
        except Killed:
            self.died += 1
            self._dirty = True
            self.clock.set(self.clock.now() + timedelta(seconds=1))
        finally:
            self.storm_store.is_deadly = False
            self.clock._now = max(right, self.clock._now) if self.clock._now > right else right
        if self.ticks % 50 == 0:
            self.settle()

    def digest(self) -> str:
        """One word for everything that happened."""
        total = hashlib.sha256()
        for taken in self.taken:
            total.update(f"{taken.at.isoformat()} {taken.person.email} {taken.delivery.occasion}\n".encode())
        for at, one, deed in self.deeds:
            total.update(f"{at.isoformat()} {one.email} {deed}\n".encode())
        with self.store.read() as work:
            total.update(repr(sorted(work.delivery_counts().items())).encode())
            total.update(
                repr(sorted((key, sorted(each.items())) for key, each in work.enrollment_counts().items())).encode()
            )
        return total.hexdigest()


def main(words: list[str]) -> int:
    """Play many seeds and print the broken ones."""
    first, last = int(words[0]), int(words[1])
    people, days = (int(each) for each in (*words[2:4], "25", "45")[:2]) if len(words) > 3 else (25, 45)
    bad = 0
    for seed in range(first, last + 1):
        storm = Storm(seed, people, days).play()
        print(seed, storm.digest()[:12], f"{storm.ticks} runs, {storm.died} died, {storm.edits} edits,"
              f" {storm.steps} clock steps, {len(storm.taken)} mails", flush=True)  # fmt: skip
        for line in storm.watch.broken:
            print(f"  BROKEN: {line}", flush=True)
        bad += bool(storm.watch.number)
        storm.store.close()
    print(f"{last - first + 1} seeds, {bad} with broken promises")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
