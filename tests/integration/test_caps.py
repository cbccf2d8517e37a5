"""Rule 12 on the real engine and both databases: never more than `at-most:`, the higher first, nothing lost."""

from __future__ import annotations

import contextlib
import random
import re
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drip.cli import person
from drip.core.caps import HIGH, LOW, AtMost
from drip.core.delivery import DeliveryState, Outcome, OutcomeKind
from drip.core.events import TagChanged
from drip.core.model import Broadcast
from drip.core.records import Delivery, SubscriberId
from drip.core.when import local_wall, parse_when
from drip.engine import capping, sending
from drip.engine.advance import advance_due
from drip.engine.apply import plan, wanted_campaigns
from drip.engine.broadcasts import put_broadcast
from drip.engine.engine import Engine
from drip.engine.keys import Keys
from drip.engine.sending import Sending
from drip.project import read_tree
from drip.rehearsal.letters import Envelopes
from drip.reports import status
from drip.reports.limits import CapNumbers
from drip.simulate import live_until
from drip.store.caps import Caps
from drip.store.store import Store, open_store
from tests.stages import ACCEPTED, Ground, ScriptedTransport

NEW_YORK = "America/New_York"
ZONES = (NEW_YORK, "Asia/Kathmandu", "Pacific/Apia")
PATIENT = "steps:\n  - send: {}\n    when: at once\n    late: 20 days"
WEDNESDAY = "Wed 25 Nov 09:00 in New York"


def campaign(sequences: dict[str, str], broadcasts: str = "") -> str:
    """Sequences that begin with the tag of their name and send the post of their name; `more` are their other lines."""
    lines = ["title: Tips", "sequences:"]
    for name, more in sequences.items():
        lines += [f"  {name}:", f"    start: gets tag {name}", *(f"    {line}" for line in more.splitlines())]
        if "steps:" not in more:
            lines += ["    steps:", f"      - send: {name}", "        when: at once"]
    return "\n".join(lines) + "\n" + broadcasts


class Tips(Ground):
    """A ground with a campaign of the test's own and a cap."""

    def __init__(
        self, folder: Path, store: Store, at_most: str, sequences: dict[str, str], broadcasts: str = ""
    ) -> None:
        super().__init__(folder, store)
        with (folder / "drip.yaml").open("a") as file:
            file.write(f"\nat-most: {at_most}\n")
        tips = folder / "campaigns" / "tips"
        tips.mkdir()
        (tips / "campaign.yaml").write_text(campaign(sequences, broadcasts))
        posts = {*sequences, *(line.split()[-1] for line in broadcasts.splitlines() if "send:" in line)}
        for sequence in sequences.values():
            posts |= {line.split()[-1] for line in sequence.splitlines() if "send:" in line}
        for name in posts:
            (tips / f"{name}.md").write_text(f"---\nsubject: All about {name}\npreview: What {name} is\n---\nHello.\n")
        # What these posts look like is nobody's business here: envelopes alone are mailed, and no mail is judged.
        self.engine._letters = Envelopes(self.engine.keys, composed_first=0)
        self.apply()

    def apply(self) -> None:
        """Make the folder's files live, unjudged."""
        with mock.patch("drip.authoring.check.check", return_value=[]):
            super().apply()

    def reader(self, email: str, zone: str = NEW_YORK) -> SubscriberId:
        """Somebody who is on the list and has the first mail of the example behind them, ten days ago."""
        start = self.clock._now
        self.clock._now = start - timedelta(days=10)
        who = self.join(email, zone=zone)
        with self.store.write() as work:
            for each in work.running(who):
                work.end_enrollment(each.id, each.state.STOPPED, "test", start)
        self.clock._now = start
        return who

    def tag(self, who: SubscriberId, *tags: str) -> None:
        """The start of the sequences of these names."""
        for each in tags:
            self.engine.happen(TagChanged(who, each, present=True), self.clock.now())

    def deliveries(self, who: SubscriberId) -> list[Delivery]:
        """All of one person."""
        with self.store.read() as work:
            return list(work.deliveries(who))

    def got(self, who: SubscriberId) -> list[str]:
        """The posts that left for one person, in order."""
        sent = [each for each in self.deliveries(who) if each.state is DeliveryState.SENT]
        return [each.post for each in sorted(sent, key=lambda each: (each.finished_at, each.id))]

    def live(self, days: int) -> None:
        """Cron never misses a moment."""
        now = self.clock.now()
        live_until(self.engine, self.clock, now + timedelta(days=days), self.engine.tick)


def accounts(ground: Tips, who: SubscriberId) -> Counter[tuple[str, str]]:
    """States with their reasons."""
    return Counter((each.state.value, each.reason) for each in ground.deliveries(who))


def days_of(ground: Tips, who: SubscriberId, zone: str) -> Counter[date]:
    """On which of the reader's days something left."""
    sent = (each for each in ground.deliveries(who) if each.state is DeliveryState.SENT)
    return Counter(local_wall(each.finished_at, zone).date() for each in sent if each.finished_at)


def test_rule_12_the_higher_priority_goes_and_the_other_follows_the_day_after(store: Store, tmp_path: Path) -> None:
    ground = Tips(tmp_path / "p", store, "1 a day", {"idle": "priority: low", "sale": "priority: high", "plain": ""})
    who = ground.reader("ann@example.org")
    ground.tag(who, "idle", "plain", "sale")
    ticked = ground.tick()
    assert (ticked.sent, ticked.capped, ticked.skipped) == (1, 2, 0)
    assert ground.got(who) == ["sale"]
    waiting = [each for each in ground.deliveries(who) if each.state is DeliveryState.DUE]
    tomorrow = datetime(2026, 11, 24, 14, tzinfo=UTC)
    assert {(each.post, each.reason, each.due_at) for each in waiting} == {
        ("idle", "capped", tomorrow),
        ("plain", "capped", tomorrow),
    }
    with ground.store.read() as work:
        texts = [each.detail for each in work.entries(subscriber_id=who) if each.kind == "delivery-capped"]
        assert work.count_capped(ground.clock.now()) == (2, 0)
    assert texts == ["1 a day at most, so not before Tue 24 Nov 09:00 in New York"] * 2
    ground.live(3)
    assert ground.got(who) == ["sale", "plain", "idle"]
    assert days_of(ground, who, NEW_YORK) == {date(2026, 11, day): 1 for day in (23, 24, 25)}
    ground.counts_hold()


def test_rule_12_what_does_not_fit_in_time_is_skipped_and_the_sequence_goes_on(store: Store, tmp_path: Path) -> None:
    steps = "steps:\n  - send: first\n    when: at once\n    late: 2 days\n  - tag: through\n    when: at once"
    sequences = {"slow": steps, **{f"sale{number}": "priority: 90" for number in range(3)}}
    ground = Tips(tmp_path / "p", store, "1 a day", sequences)
    who = ground.reader("ann@example.org")
    ground.tag(who, *sequences)
    ground.tick()
    assert accounts(ground, who) == {("sent", "accepted"): 1, ("due", "capped"): 3}
    ground.live(3)
    # There is room on Wednesday at the very moment at which it is no longer good.
    assert accounts(ground, who) == {("sent", "accepted"): 3, ("skipped", "capped"): 1}
    assert ground.enrollment(who, "slow")[1] == "all-steps-done"
    with ground.store.read() as work:
        entry = next(each for each in work.entries(subscriber_id=who) if each.kind == "delivery-skipped")
    assert (entry.reason, entry.subject) == ("capped", "slow/first")
    assert entry.detail == f"1 a day at most: there is room on {WEDNESDAY}, and it is good until {WEDNESDAY}"


def test_rule_12_the_week_is_the_last_seven_days_of_the_reader(store: Store, tmp_path: Path) -> None:
    names = [f"tip{number}" for number in range(4)]
    ground = Tips(tmp_path / "p", store, "1 a day, 2 a week", {name: PATIENT.format(name) for name in names})
    who = ground.reader("ann@example.org", "Asia/Kathmandu")
    ground.tag(who, *names)
    ground.live(12)
    first = date(2026, 11, 23)
    assert days_of(ground, who, "Asia/Kathmandu") == {first + timedelta(days=each): 1 for each in (0, 1, 7, 8)}


def test_rule_12_a_broadcast_comes_a_day_later_at_its_own_hour(store: Store, tmp_path: Path) -> None:
    letters = "broadcasts:\n" + "".join(
        f"  - send: letter{number}\n    to: job-seekers\n    when: 2026-11-24 0{number}:00 reader's time\n"
        for number in (7, 8, 9)
    )
    ground = Tips(tmp_path / "p", store, "1 a day", {"none": ""}, letters)
    who = ground.reader("ann@example.org")
    ground.live(6)
    sent = {each.post: each.finished_at for each in ground.deliveries(who)}
    assert sent == {f"letter{7 + n}": datetime(2026, 11, 24 + n, 12 + n, tzinfo=UTC) for n in range(3)}


def test_rule_12_confirmations_and_reminders_neither_wait_nor_count(store: Store, tmp_path: Path) -> None:
    ground = Tips(tmp_path / "p", store, "1 a week", {"tip": "", "top": ""})
    who = ground.reader("ann@example.org")
    ground.tag(who, "tip")
    ground.tick()
    ground.register("ann@example.org", "tuesday-noon")
    ground.live(16)
    reminders = ["see-you-tomorrow", "starting-in-an-hour", "we-are-live"]
    assert ground.got(who) == ["tip", "confirm-registration", "you-are-in", "december-letter", *reminders]
    ground.tag(who, "top")
    ground.tick()
    assert ground.got(who)[-1] == "top"


def test_rule_12_a_broadcast_of_a_higher_priority_comes_before_a_drip_mail(store: Store, tmp_path: Path) -> None:
    letters = "broadcasts:\n  - send: letter\n    to: job-seekers\n    when: 2026-11-23 10:00\n    priority: high\n"
    ground = Tips(tmp_path / "p", store, "1 a day", {"tip": ""}, letters)
    who = ground.reader("ann@example.org")
    ground.at("2026-11-23 15:00")
    ground.tag(who, "tip")
    assert ground.tick().capped == 1
    assert ground.got(who) == ["letter"]


@pytest.mark.parametrize(("priority", "first"), [(None, "tip"), (HIGH, "letter"), (LOW, "tip")])
def test_rule_12_a_priority_of_send_counts_like_one_of_a_file(
    store: Store, tmp_path: Path, priority: int | None, first: str
) -> None:
    ground = Tips(tmp_path / "p", store, "1 a day", {"tip": "", "letter": ""})
    who = ground.reader("ann@example.org")
    ground.tag(who, "tip")
    with ground.store.write() as work:
        scene = ground.engine.scene(work, ground.clock.now() + timedelta(minutes=1))
        edition = ground.engine.live.campaign(work, "tips")
        assert edition is not None
        put_broadcast(scene, edition, Broadcast("letter", "job-seekers", parse_when("at once")), priority=priority)
    ground.clock.set(ground.clock.now() + timedelta(minutes=2))
    ground.tick()
    assert ground.got(who) == [first]


def test_rule_12_a_refused_try_gives_its_place_back(store: Store, tmp_path: Path) -> None:
    ground = Tips(tmp_path / "p", store, "1 a day", {"tip": "", "top": "priority: low"})
    who = ground.reader("ann@example.org")
    ground.tag(who, "tip")
    ground.transport.answer = lambda _: Outcome(OutcomeKind.TEMPORARY, 451, "4.3.0", "later")
    ground.tick()
    ground.transport.answer = lambda _: ACCEPTED
    ground.tag(who, "top")
    ground.clock.set(ground.clock.now() + timedelta(seconds=10))
    ground.tick()
    assert ground.got(who) == ["top"]
    ground.clock.set(ground.clock.now() + timedelta(minutes=5))
    ground.tick()
    assert ground.got(who) == ["top"]
    ground.live(2)
    assert ground.got(who) == ["top", "tip"]


def test_why_status_and_plan_tell_of_the_cap(memory_store: Store, tmp_path: Path) -> None:
    ground = Tips(tmp_path / "p", memory_store, "1 a day", {"tip": "", "top": "priority: low"})
    who = ground.reader("ann@example.org")
    ground.tag(who, "tip", "top")
    ground.tick()
    now = ground.clock.now()
    with memory_store.read() as work:
        told = "\n".join(person.lines_of(person.gather(ground.project, work, "ann@example.org", None, now), None))
    text = "capped: 1 a day at most, so not before Tue 24 Nov 09:00 in New York"
    assert re.search(rf"due +top/top +Tue 24 Nov 09:00 +{text}", told)
    numbers = status.gather(ground.project, now)
    assert numbers.capped == CapNumbers("1 a day", waiting=1, skipped=0)
    assert "at most      1 a day: 1 waits for room" in status.as_lines(numbers)
    ground.edit("drip.yaml", "at-most: 1 a day", "at-most: 2 a day")
    ground.edit("campaigns/tips/campaign.yaml", "priority: low", "priority: 80")
    files = read_tree(ground.folder)
    with mock.patch("drip.authoring.check.check", return_value=[]), memory_store.read() as work:
        wanted, _ = wanted_campaigns(files, [], now)
        plans = plan(work, ground.engine.live, files, wanted, now)
    lines = [(line.subject, line.what) for each in plans for line in each.plan.lines]
    assert lines == [("project", "at-most: 1 a day → 2 a day"), ("sequence top", "priority: low → 80")]
    ground.apply()
    ground.at("2026-11-24 14:00")
    assert ground.tick().sent == 1


def test_without_a_cap_nothing_is_asked(memory_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a question about a cap that there is not")

    for name in ("lock_mailing", "counted", "contending", "put_off", "skip_capped"):
        monkeypatch.setattr(Caps, name, refuse)
    ground = Ground(tmp_path / "p", memory_store)
    ground.apply()
    ground.join("ann@example.org")
    assert ground.tick().sent == 1


# --- runs at once --------------------------------------------------------------------------------------------------


def together(folder: Path, store: Store, readers: int) -> Counter[int]:
    """Three engines at once, on threads, over one database. How many readers got how many mails on one day."""
    names = [f"tip{number}" for number in range(4)]
    ground = Tips(folder, store, "2 a day", dict.fromkeys(names, ""))
    people = [ground.reader(f"r{number}@example.org") for number in range(readers)]
    for who in people:
        ground.tag(who, *names)
    now = ground.clock.now()
    failures: list[BaseException] = []
    barrier = threading.Barrier(3)

    def run(number: int) -> None:
        transport = ScriptedTransport()
        owners = iter(f"run-{number}-{each}" for each in range(1000))
        engine = Engine(
            store, ground.project.definition, Keys.from_secret(b"x" * 32), lambda: transport, lambda: next(owners)
        )
        engine._letters = Envelopes(engine.keys, composed_first=0)
        try:
            barrier.wait()
            engine.tick(now)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
    ground.counts_hold()
    return Counter(sum(days_of(ground, who, NEW_YORK).values()) for who in people)


def test_rule_12_runs_at_once_find_no_more_room(disk_store: Store, tmp_path: Path) -> None:
    assert together(tmp_path / "p", disk_store, 12) == {2: 12}


def claimed_by_two(ground: Tips, who: SubscriberId) -> tuple[int, int]:
    """How many mails to one person two runs hold at the same time, before either sends any."""
    held = []
    for owner in ("run-a", "run-b"):
        letters = ground.engine.letters
        sending = Sending(ground.store, ground.engine.live, letters, ground.transport, owner, ground.clock.now())
        sending._claim()
        held.append(sum(each.delivery.subscriber_id == who for each in sending._buffer))
    return held[0], held[1]


def planned_for_two(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    names = [f"tip{number}" for number in range(4)]
    ground = Tips(folder, store, "1 a day", dict.fromkeys(names, ""))
    who = ground.reader("ann@example.org")
    ground.tag(who, *names)
    advance_due(ground.store, ground.engine.scene, ground.clock.now())
    monkeypatch.setattr(sending, "CLAIMED_PER_LANE", 1)
    return claimed_by_two(ground, who)


def test_rule_12_what_another_run_has_claimed_is_as_good_as_sent(
    disk_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert planned_for_two(tmp_path / "p", disk_store, monkeypatch) == (1, 0)


def test_planted_claims_that_do_not_count_are_found(
    memory_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Caps.counted
    monkeypatch.setattr(Caps, "counted", lambda *all_: [each for each in real(*all_) if each.at is not None])
    assert planned_for_two(tmp_path / "p", memory_store, monkeypatch) == (1, 1)


def test_rule_12_on_postgresql_the_second_waits_for_the_first(filled_postgres_url: str) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with contextlib.closing(open_store(filled_postgres_url, root=Path("/"))) as store:
        entered = threading.Event()

        def second() -> None:
            with store.write() as work:
                work.lock_mailing([SubscriberId(7), SubscriberId(9)])
                entered.set()

        thread = threading.Thread(target=second)
        with store.write() as work:
            work.lock_mailing([SubscriberId(9), SubscriberId(8)])
            thread.start()
            while not work._connection.exec_driver_sql(waiting).scalar():
                assert not entered.is_set()
            assert not entered.is_set()
        thread.join()
        assert entered.is_set()


# --- whatever comes ------------------------------------------------------------------------------------------------

LIMITS = [AtMost("1 a day", 1), AtMost("2 a day, 3 a week", 2, 3), AtMost("2 a week", None, 2)]


def play(folder: Path, limit: AtMost, seed: int) -> tuple[Tips, dict[SubscriberId, str]]:
    """Ten days in which sequences and broadcasts of any priority come due for four people, and some tries fail."""
    dice = random.Random(seed)
    store = open_store("sqlite:///:memory:", root=folder)
    store.create_or_check()
    names = [f"tip{number}" for number in range(6)]
    hours = ("", "hours: weekdays 8:00-18:00\n")
    sequences = {
        name: f"{dice.choice(hours)}priority: {dice.choice(['high', 'normal', 'low', '60'])}\n"
        f"steps:\n  - send: {name}\n    when: {dice.choice(['at once', '1 day later at 9:30', '5 hours later'])}\n"
        f"  - send: {name}-more\n    when: 1 day later\n    late: {dice.choice([1, 3, 9])} days"
        for name in names
    }
    clocks = ("", " reader's time")
    letters = "broadcasts:\n" + "".join(
        f"  - send: letter{number}\n    to: job-seekers\n    priority: {dice.randint(0, 100)}\n"
        f"    when: 2026-11-{dice.randint(24, 29)} {dice.randint(6, 22)}:00{dice.choice(clocks)}\n"
        for number in range(5)
    )
    ground = Tips(folder / f"p{seed}", store, limit.phrase, sequences, letters)
    ground.transport.answer = lambda _: (
        ACCEPTED if dice.random() > 0.1 else Outcome(OutcomeKind.TEMPORARY, 451, "4.3.0", "later")
    )
    people = {ground.reader(f"r{number}@example.org", ZONES[number % 3]): ZONES[number % 3] for number in range(4)}
    for _ in range(40):
        ground.tag(dice.choice(list(people)), dice.choice(names))
        live_until(
            ground.engine, ground.clock, ground.clock.now() + timedelta(hours=dice.randint(0, 9)), ground.engine.tick
        )
    ground.live(12)
    return ground, people


def broken(ground: Tips, people: dict[SubscriberId, str], limit: AtMost) -> list[str]:
    """What the cap should have kept, and did not."""
    found = []
    for who, zone in people.items():
        days = days_of(ground, who, zone)
        for day in [each - timedelta(days=back) for each in days for back in range(7)]:
            week = sum(days[day + timedelta(days=each)] for each in range(7))
            if (limit.day and days[day] > limit.day) or (limit.week and week > limit.week):
                found.append(f"{who} on {day}: {days}")
        lost = [each for each in accounts(ground, who) if each not in {("sent", "accepted"), ("skipped", "capped")}]
        found += [f"{who}: {each}" for each in lost]
    return found


@given(st.sampled_from(LIMITS), st.integers(0, 10_000))
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_rule_12_never_more_and_nothing_lost(
    tmp_path_factory: pytest.TempPathFactory, limit: AtMost, seed: int
) -> None:
    ground, people = play(tmp_path_factory.mktemp("caps"), limit, seed)
    assert broken(ground, people, limit) == []
    assert sum(len(ground.deliveries(who)) for who in people) > 10
    ground.counts_hold()
    ground.store.close()


# --- planted faults ------------------------------------------------------------------------------------------------


def _forget_the_past(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent does not count."""
    monkeypatch.setattr(Caps, "counted", lambda *_: [])


def _count_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Days are those of Greenwich."""
    monkeypatch.setattr(capping, "local_wall", lambda moment, _: local_wall(moment, "UTC"))


@pytest.mark.parametrize("plant", [_forget_the_past, _count_in_utc])
def test_a_planted_fault_in_the_cap_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    limit = AtMost("1 a day", 1)
    for seed in range(3):
        ground, people = play(tmp_path, limit, seed)
        if broken(ground, people, limit):
            return
    pytest.fail("it was not found")
