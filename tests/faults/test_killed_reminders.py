"""Random registrations, two runs at once, kill -9 while they send: each reminder once and in time, or why not.

The send journal is on, as it always is, and agrees in the end. DRIP_KILLED_SEATS=1000 plays as many people as that.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from drip.core.delivery import DeliveryState
from drip.core.events import AskedToRegister, ConfirmedRegistration
from drip.core.records import Did, Kind
from drip.engine.apply import apply
from drip.engine.happen import perform
from drip.engine.letters import message_id
from drip.engine.restoring import ahead
from drip.project import Project, open_project
from tests.faults.bench import POST, Sink, finish, make_project, open_sink
from tests.faults.history import judge
from tests.faults.nursery import Nursery
from tests.stages import EVIDENCE

PEOPLE = int(os.environ.get("DRIP_KILLED_SEATS", "60"))
KILLS = max(4, PEOPLE // 25)
LATENCY_SECONDS = 0.02
ZONE = ZoneInfo("America/New_York")
LEADS = (12, 14, 20, 26, 40, 59, 70, 74, 76, 90)
"""Minutes before the start at which people register."""
REMINDERS = {"in-an-hour": timedelta(minutes=20), "live": timedelta(0)}
"""How long before the start each of them ends."""

CAMPAIGN = """\
title: Under fire
webinar:
  title: Under fire
  length: 60 minutes
  join: https://meet.example.com/{{session}}
  sessions:
    soon: {starts:%Y-%m-%d %H:%M}
sequences:
  remind:
    start: registers
    stop: cancels
    steps:
      - send: you-are-in
        when: at once
      - send: in-an-hour
        when: 1 hour before session
      - send: live
        when: 10 minutes before session
"""


def with_webinar(folder: Path, starts: datetime) -> None:
    """The campaign of the bench, with a session that starts then."""
    campaign = folder / "campaigns" / "under-fire"
    (campaign / "campaign.yaml").write_text(CAMPAIGN.format(starts=starts.astimezone(ZONE)), encoding="utf-8")
    (campaign / "hello.md").unlink()
    for name in ("you-are-in", *REMINDERS):
        (campaign / f"{name}.md").write_text(POST.format(name=name), encoding="utf-8")


def seat(project: Project, starts: datetime, chance: random.Random) -> dict[str, datetime]:
    """Let everybody register; when."""
    project.store.create_or_check()
    apply(project.engine, project.wanted(), starts - timedelta(minutes=100))
    booked = {}
    for number in range(PEOPLE):
        moment = starts - timedelta(minutes=chance.choice(LEADS))
        email = f"seat{number}@example.org"
        with project.store.write() as work:
            scene = project.engine.scene(work, moment)
            asked = perform(scene, AskedToRegister(email, "under-fire", "soon", EVIDENCE))
            assert asked.registration_id is not None
            perform(scene, ConfirmedRegistration(asked.registration_id, EVIDENCE))
            scene.write_log()
        booked[email] = moment
    return booked


def kill_in_pairs(nursery: Nursery, sink: Sink, chance: random.Random) -> int:
    """Two runs side by side, one of which is killed in the midst of its work, until enough were. How many were."""
    kills = 0
    for _ in range(20 * KILLS):
        since = sink.count()
        runs = [nursery.run("--quiet") for _ in range(2)]
        ripe = since + chance.randint(0, max(1, PEOPLE // KILLS))
        while sink.count() < ripe and all(each.poll() is None for each in runs):
            time.sleep(0.002)
        kills += runs[chance.randrange(2)].signal(signal.SIGKILL)
        if chance.random() < 0.5:
            kills += runs[0].signal(signal.SIGKILL)
        for each in runs:
            each.wait()
        if kills >= KILLS:
            break
    return kills


@pytest.mark.timeout(1800)
def test_killed_runs_remind_everybody_once_and_in_time(tmp_path: Path, store_url: str) -> None:
    chance = random.Random(20261125)
    starts = (datetime.now(UTC) + timedelta(minutes=9, seconds=30)).replace(second=0, microsecond=0)
    with open_sink(tmp_path, latency=LATENCY_SECONDS, fail=0.01, drop=0.002) as sink:
        folder = make_project(tmp_path / "project", sink, lanes=3)
        with_webinar(folder, starts)
        with open_project(folder, store_url=store_url) as project:
            booked = seat(project, starts, chance)
        with Nursery(folder, store_url) as nursery:
            kills = kill_in_pairs(nursery, sink, chance)
            for each in [nursery.run("--quiet") for _ in range(2)]:
                each.wait()
        finish(folder, store_url, sink.port)
        judged = judge(folder, store_url, sink.log)
    assert kills >= KILLS
    with open_project(folder, store_url=store_url) as project:
        # A confirmation that may be lost is sent again by itself, at most twice; nothing else is (DESIGN §8).
        again = {f"{name} was sent {number} times" for name in confirmations(project) for number in (2, 3)}
        assert not set(judged.faults) - again
        hold(project, booked, starts)
        journal = project.journal
        assert journal is not None
        with project.store.read() as work:
            assert not ahead(work, journal), "the journal knows nothing that the database does not"
    print(f"{kills} kills, {judged.accepted} accepted, {judged.uncertain} uncertain")


def confirmations(project: Project) -> list[str]:
    """The Message-IDs of the mails that ask for a confirmation."""
    domain = project.definition.bounces.rpartition("@")[2]
    with project.store.read() as work:
        people = [each.subscriber_id for each in work.registrations("under-fire")]
        asked = [each for who in people for each in work.deliveries(who) if each.kind is Kind.CONFIRMATION]
    return [message_id(project.engine.keys, each, domain) for each in asked]


def hold(project: Project, booked: dict[str, datetime], starts: datetime) -> None:
    """At most one mail for each person and kind, in its window and not right after the registration; else a reason."""
    done: Counter[Did] = Counter()
    with project.store.read() as work:
        for registration in work.registrations("under-fire"):
            who = work.subscriber(registration.subscriber_id)
            assert who is not None
            passages = [each for each in work.enrollments(who.id) if each.sequence == "remind"]
            steps = [each for passage in passages for each in passage.done]
            names = [each.step.partition("/")[2] for each in steps]
            assert sorted(names) == sorted(("you-are-in", *REMINDERS)), "sent and skipped are all that was planned"
            assert all(each.reason for each in steps if each.did is Did.SKIPPED)
            done.update(each.did for each in steps)
            for each in work.deliveries(who.id):
                if each.post not in REMINDERS or each.state not in (DeliveryState.SENT, DeliveryState.UNCERTAIN):
                    continue
                assert each.first_marked_at is not None
                assert each.first_marked_at >= booked[who.email] + timedelta(minutes=15)
                assert each.first_marked_at < starts - REMINDERS[each.post]
    assert done[Did.SENT] > PEOPLE
    assert done[Did.SKIPPED] > 0
