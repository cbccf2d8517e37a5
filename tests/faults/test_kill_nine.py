"""kill -9 at random moments, two runs overlapping, a relay with faults: nobody twice, nobody lost (promise 1).

A sink on loopback logs each message durably before it answers 250; that log, not drip's own word, is the truth.
`make faults` does it at full length: 500 kills over 50,000 mails.
"""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.bench import Sink, add_crowd, finish, make_project, open_sink
from tests.faults.history import judge
from tests.faults.nursery import Child, Nursery

READERS = int(os.environ.get("DRIP_KILLED_READERS", "2500"))
KILLS = int(os.environ.get("DRIP_KILLS", "50"))
LANES = 4
RUNS_AT_ONCE = 2
LATENCY_SECONDS = 0.015  # before each reply: messages are under way at every moment
REFUSED_RATE = 0.01
DROPPED_RATE = 0.002
MESSAGES_LIVED_MAX = READERS * 6 // 10 // (KILLS // 2)  # the killing must end before the work does
STUCK_SECONDS = 60  # a run that the other one leaves nothing to do does not stay for ever
STARTING_SECONDS = 0.5
KILLING_SECONDS_MAX = 3_000


@dataclass
class Victim:
    """A run, and the moment of its death: so many messages after it began, or so many seconds."""

    run: Child
    at_message: int
    at_second: float

    def is_ripe(self, messages: int) -> bool:
        """Whether its moment has come, or it ended by itself."""
        return messages >= self.at_message or time.monotonic() >= self.at_second or self.run.poll() is not None


def next_victim(dice: random.Random, nursery: Nursery, messages: int) -> Victim:
    """One in four dies while it starts, the others in the midst of sending, however fast this machine is.

    Counting messages, not seconds, keeps the kills within the sending: on a busy machine a run that lives for a
    drawn time sends anything between nothing and everything.
    """
    run = nursery.run("--quiet")
    if dice.random() < 0.25:
        return Victim(run, READERS, time.monotonic() + dice.uniform(0.0, STARTING_SECONDS))
    return Victim(run, messages + dice.randint(1, MESSAGES_LIVED_MAX), time.monotonic() + STUCK_SECONDS)


def kill_at_random(nursery: Nursery, sink: Sink, seed: int) -> int:
    """Runs side by side, each killed at a random moment of its life and replaced. How many kills hit."""
    dice = random.Random(seed)
    victims: list[Victim] = []
    kills = 0
    deadline = time.monotonic() + KILLING_SECONDS_MAX
    while kills < KILLS and time.monotonic() < deadline:
        messages = sink.count()
        victims += [next_victim(dice, nursery, messages) for _ in range(RUNS_AT_ONCE - len(victims))]
        ripe = [each for each in victims if each.is_ripe(messages)]
        for each in ripe:
            victims.remove(each)
            time.sleep(dice.uniform(0.0, 0.02))  # anywhere between two messages, not only just after one
            kills += each.run.signal(signal.SIGKILL)
            each.run.wait()
        if not ripe:
            time.sleep(0.002)
    for each in victims:
        kills += each.run.signal(signal.SIGKILL)
        each.run.wait()
    return kills


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_runs_send_nothing_twice_and_lose_nobody(tmp_path: Path, store_url: str) -> None:
    with open_sink(tmp_path, latency=LATENCY_SECONDS, fail=REFUSED_RATE, drop=DROPPED_RATE) as sink:
        folder = make_project(tmp_path / "project", sink, lanes=LANES)
        add_crowd(folder, store_url, READERS)
        with Nursery(folder, store_url) as nursery:
            kills = kill_at_random(nursery, sink, seed=20261123)
        during = sink.count()
        finish(folder, store_url, sink.port)
        judged = judge(folder, store_url, sink.log)

    assert kills >= KILLS
    assert 0 < during < READERS, "the kills must fall into the sending, not after it"
    assert not judged.faults
    assert judged.states["planned"] == READERS
    assert judged.states["sent"] + judged.uncertain == READERS, "everybody has it, or is known to be uncertain"
    dropped = judged.accepted * DROPPED_RATE * 3 + 5
    assert judged.uncertain <= kills * LANES + dropped
    print(f"{kills} kills, {judged.accepted} accepted, {judged.uncertain} uncertain")
