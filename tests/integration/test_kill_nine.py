"""kill -9 at random moments, two runs overlapping: nobody twice, nobody lost (promise 1).

A sink on loopback logs each message durably before it answers 250; that log, not drip's own word, is the truth.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drip.core.delivery import DeliveryState
from drip.core.events import AddedByAuthor
from drip.core.model import Relay, RelayKind, Tls
from drip.engine.apply import apply
from drip.engine.happen import perform
from drip.project import open_project
from tests.stages import EVIDENCE, HERE, copy_example

READERS = 5_000
KILLS = 100
LANES = 4
RUNS_AT_ONCE = 2
LATENCY_SECONDS = 0.015  # before each reply: messages are under way at every moment
REFUSED_RATE = 0.01
MESSAGES_LIVED_MAX = 60  # times the kills, well below the readers: the killing ends before the work does
STUCK_SECONDS = 60  # a run that the other one leaves nothing to do does not stay for ever
KILLING_SECONDS_MAX = 1_500  # a busy machine takes long to start a hundred runs


@dataclass
class Sink:
    """The sink program and its log."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    def accepted(self) -> list[tuple[str, str]]:
        """Message-ID and recipient of every message that it answered 250 to, or was about to."""
        return [tuple(line.split()[:2]) for line in self.log.read_text().splitlines()]  # type: ignore[misc]

    def count(self) -> int:
        """How many messages it accepted so far."""
        return self.log.read_bytes().count(b"\n")


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    log = tmp_path / "sink.log"
    command = [sys.executable, "tests/sinks.py", "--port", "0", "--log", str(log), "--latency", str(LATENCY_SECONDS)]
    command += ["--fail", str(REFUSED_RATE), "--seed", "7"]
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Sink(process, int(process.stdout.readline().split()[-1]), log)
        process.terminate()


def a_crowd(folder: Path, store_url: str) -> None:
    """The example applied, and the readers on the list: the first post is due to each of them at once."""
    now = datetime.now(UTC)
    with open_project(folder, store_url=store_url) as project:
        apply(project.engine, project.wanted(), now)
        with project.store.write() as work:
            scene = project.engine.scene(work, now)
            for number in range(READERS):
                email = f"reader{number}@example.org"
                perform(scene, AddedByAuthor(email, "job-seekers", EVIDENCE, attested=True))


def start_run(folder: Path, store_url: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "DRIP_STORE": store_url}
    return subprocess.Popen(
        [sys.executable, "-m", "drip", "run", "-C", str(folder), "--quiet"],
        cwd=HERE,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def seconds_to_start(folder: Path, store_url: str) -> float:
    """How long a run takes here until it could begin to send: that of one that only looks."""
    began = time.monotonic()
    command = [sys.executable, "-m", "drip", "log", "-C", str(folder)]
    subprocess.run(
        command, cwd=HERE, env={**os.environ, "DRIP_STORE": store_url}, stdout=subprocess.DEVNULL, check=True
    )
    return time.monotonic() - began


@dataclass
class Victim:
    """A run, and the moment of its death: so many messages after it began, or so many seconds."""

    run: subprocess.Popen[bytes]
    at_message: int
    at_second: float

    def is_ripe(self, messages: int) -> bool:
        """Whether its moment has come, or it ended by itself."""
        return self.run.poll() is not None or messages >= self.at_message or time.monotonic() >= self.at_second


def next_victim(dice: random.Random, folder: Path, store_url: str, starting: float, messages: int) -> Victim:
    """One in four dies while it starts, the others in the midst of sending, however fast this machine is.

    Counting messages, not seconds, keeps the kills within the sending: on a busy machine a run that lives for a
    drawn time sends anything between nothing and everything.
    """
    run = start_run(folder, store_url)
    if dice.random() < 0.25:
        return Victim(run, READERS, time.monotonic() + dice.uniform(0.0, 1.5 * starting))
    return Victim(run, messages + dice.randint(1, MESSAGES_LIVED_MAX), time.monotonic() + STUCK_SECONDS)


def kill_at_random(folder: Path, store_url: str, sink: Sink, seed: int) -> int:
    """Two runs side by side, each killed at a random moment of its life and replaced. How many kills hit."""
    dice = random.Random(seed)
    victims: list[Victim] = []
    kills = 0
    starting = seconds_to_start(folder, store_url)
    deadline = time.monotonic() + KILLING_SECONDS_MAX
    try:
        while kills < KILLS and time.monotonic() < deadline:
            messages = sink.count()
            victims += [
                next_victim(dice, folder, store_url, starting, messages) for _ in range(RUNS_AT_ONCE - len(victims))
            ]
            ripe = [each for each in victims if each.is_ripe(messages)]
            for each in ripe:
                victims.remove(each)
                time.sleep(dice.uniform(0.0, 0.02))  # anywhere between two messages, not only just after one
                if each.run.poll() is None:
                    each.run.send_signal(signal.SIGKILL)
                    kills += 1
                each.run.wait()
            if not ripe:
                time.sleep(0.002)
    finally:
        for each in victims:
            each.run.kill()
            each.run.wait()
            kills += 1
    return kills


def finish(folder: Path, store_url: str, port: int) -> Counter[str]:
    """Run to the end, hours later, so that what was deferred is due again. The counts by state."""
    # More lanes than before: nobody is killed any more, and the sink is slow on purpose.
    relay = Relay(RelayKind.SMTP, host="127.0.0.1", port=port, tls=Tls.OFF, lanes=32)
    with open_project(folder, store_url=store_url, relay=relay) as project:
        for hours in range(1, 12):
            project.engine.tick(datetime.now(UTC) + timedelta(hours=hours))
        with project.store.read() as work:
            return Counter(work.delivery_counts())


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_hundred_kills_send_nothing_twice_and_lose_nobody(tmp_path: Path, store_url: str, sink: Sink) -> None:
    folder = copy_example(
        tmp_path / "project", relay=f"server: 127.0.0.1:{sink.port}\n    lanes: {LANES}", store="sqlite:///unused.db"
    )
    a_crowd(folder, store_url)
    kills = kill_at_random(folder, store_url, sink, seed=20261123)
    during = len(sink.accepted())
    counts = finish(folder, store_url, sink.port)
    accepted = sink.accepted()

    assert kills >= KILLS
    assert 0 < during < READERS, "the kills must fall into the sending, not after it"
    assert counts["planned"] == READERS
    assert counts["planned"] == sum(counts[state] for state in DeliveryState)

    duplicates = [key for key, number in Counter(accepted).items() if number > 1]
    twice = [who for who, number in Counter(who for _, who in accepted).items() if number > 1]
    assert not duplicates
    assert not twice

    assert counts["uncertain"] <= kills * LANES
    assert counts["sent"] + counts["uncertain"] == READERS, "everybody has it, or is known to be uncertain"
    reached = {who for _, who in accepted}
    assert READERS - len(reached) <= counts["uncertain"], "whoever is called sent was reached"
    with open_project(folder, store_url=store_url) as project, project.store.read() as work:
        for delivery in work.deliveries_in(DeliveryState.SENT, limit=READERS):
            reader = work.subscriber(delivery.subscriber_id)
            assert reader is not None
            assert reader.email in reached
