"""The forecast of 30 days is what the real engine then sends, day by day and person by person, if nobody acts; and
whatever is otherwise has its deed.
"""

from __future__ import annotations

import copy
import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from drip.core.forecast import Forecast, Foreseen, ahead
from drip.engine import forecast
from drip.engine.forecast import Outlook, live_outlook, wanted_outlook
from drip.rehearsal.dice import Dice
from drip.rehearsal.foresight import Done, Mailed, compare
from drip.store.work import Work
from tests.simulation.drama import CALM
from tests.simulation.futures import EVERY, future, lived, past, unchecked
from tests.simulation.storm import START, project
from tests.simulation.world import World

FUTURES = int(os.environ.get("DRIP_FUTURES", "4"))
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("seed", range(501, 501 + FUTURES))
def test_what_is_foreseen_is_what_happens_if_nobody_acts(seed: int) -> None:
    found, foreseen, played = lived(seed, acting=False)
    assert played == foreseen
    assert played
    assert found.differences == ()
    assert found.same == found.people > 10


@pytest.mark.parametrize("seed", range(501, 501 + FUTURES))
def test_each_difference_has_the_deed_that_made_it(seed: int) -> None:
    found, _, _ = lived(seed, acting=True)
    assert found.unexplained == ()
    assert found.differences
    assert 0 < found.same < found.people
    assert all(": " in each.because for each in found.differences)


@pytest.mark.parametrize("seed", range(11, 11 + FUTURES))
def test_what_is_foreseen_of_an_edit_is_what_happens_after_it(seed: int) -> None:
    """Also where sessions move: whoever has a seat is told, and their reminders begin anew."""
    found = future(seed, edited=True)
    assert found.wanted is not None
    played = {(at, step or post) for _, at, post, step in found.played}
    assert {(each.at, each.step or each.post) for each in found.wanted.numbers} == played
    assert sum(found.wanted.numbers.values()) == sum(found.played.values()) > 0
    assert found.differences() == []


@pytest.mark.parametrize("seed", [21, 22])
def test_what_is_foreseen_of_groups_is_what_is_foreseen_of_each_of_them(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moments are taken to the distance of two runs: whoever falls between the same two meets the same run."""
    files = project(Dice("future", seed).about("files"))
    with unchecked():
        play = past(seed, files, 60, 20)
    start = START + timedelta(days=20)
    until = start + timedelta(days=30)
    with play.store.read() as work:
        alone = live_outlook(work, play.engine.live, start, until, every=EVERY)
        monkeypatch.setattr(forecast, "PEOPLE_ALONE_MAX", 0)
        monkeypatch.setattr(forecast, "WIDTHS", (EVERY,))
        groups = live_outlook(work, play.engine.live, start, until, every=EVERY)
        monkeypatch.setattr(forecast, "GROUPS_MAX", 1)
        monkeypatch.setattr(forecast, "WIDTHS", (EVERY, timedelta(days=1)))
        coarse = live_outlook(work, play.engine.live, start, until, every=EVERY)
    assert (alone.width, groups.width, coarse.width) == (None, EVERY, timedelta(days=1))
    assert alone.people == groups.people == coarse.people > 20
    # Which variant of a test it is hangs on each of them; that it comes, and when, does not.
    assert totals(groups) == totals(alone)
    assert sum(alone.numbers.values()) > 20


def test_groups_serve_again_if_as_much_is_asked_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    files = project(Dice("future", 21).about("files"))
    with unchecked():
        play = past(21, files, 60, 20)
    start = START + timedelta(days=20)
    until = start + timedelta(days=10)
    monkeypatch.setattr(forecast, "PEOPLE_ALONE_MAX", 0)
    sorted_: list[timedelta] = []
    sort = Work.sort
    monkeypatch.setattr(Work, "sort", lambda self, *how: (sorted_.append(how[2]), sort(self, *how)))
    live, definition = play.engine.live, play.definition
    with play.store.read() as work:
        first = live_outlook(work, live, start, until)
        number = len(sorted_)
        assert number > 0
        again = wanted_outlook(work, live, definition, [], start, until, known=first.crowd)
        assert len(sorted_) == number, "nobody was looked at anew"
        assert again == first
        afresh = wanted_outlook(work, live, definition, [], start, until)
        assert afresh == first
        assert len(sorted_) > number
        number = len(sorted_)
        wanted_outlook(work, live, definition, [], start + timedelta(hours=1), until, known=first.crowd)
        assert len(sorted_) > number, "later, other mails of theirs matter"


def totals(outlook: Outlook) -> Counter[tuple[datetime, str, str]]:
    found: Counter[tuple[datetime, str, str]] = Counter()
    for mail, number in outlook.numbers.items():
        found[mail.at, mail.campaign, mail.step or mail.post] += number
    return found


def shared_and_alone(seed: int) -> tuple[list[list[Foreseen]], list[list[Foreseen]]]:
    """What is ahead of everybody in a world, foreseen together and for each of them alone."""
    world = World(seed, 400, 60, storminess=CALM)
    world.play()
    plots = replace(world.plots_live, announcements=tuple(world.announced))
    together = Forecast(plots, world.now, world.now + timedelta(days=30))
    shared, alone = [], []
    for someone in world.known.values():
        one = Forecast(plots, world.now, world.now + timedelta(days=30))
        someone.standing.numbers = None
        alone.append(list(ahead(one.add(copy.deepcopy(someone.standing)))))
        shared.append(together.add(someone.standing))
    # Only now: whoever comes later may have gone the way on.
    paths = [list(ahead(each)) for each in shared]
    assert together.numbers() == Counter(each for path in paths for each in path)
    return paths, alone


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_people_in_the_same_position_have_the_same_ahead_of_them(seed: int) -> None:
    shared, alone = shared_and_alone(seed)
    assert shared == alone
    assert sum(map(len, alone)) > 100


def test_a_difference_names_the_last_deed_before_it_and_nobody_else_s() -> None:
    foreseen = [Mailed("ann", NOON, "invite/b"), Mailed("ben", NOON, "invite/b"), Mailed("cid", NOON, "follow-up/c")]
    played = [Mailed("ann", NOON, "invite/b"), Mailed("cid", NOON, "follow-up/d"), Mailed("eve", NOON, "invite/a")]
    deeds = [
        Done("ben", NOON.replace(day=3), "asks again for letter"),
        Done("ben", NOON.replace(hour=9), "unsubscribes"),
        Done("eve", NOON.replace(hour=8), "joins the session noon"),
    ]
    found = compare(["ann", "ben", "cid"], foreseen, played, deeds, zone="UTC", follow_ups=frozenset({"follow-up"}))
    assert (found.people, found.same, found.foreseen, found.played) == (3, 1, 3, 2)
    assert [(each.who, each.what, each.foreseen, each.played, each.because) for each in found.differences] == [
        ("ben", "invite/b", 1, 0, "ben: unsubscribes"),
        ("cid", "follow-up/c", 1, 0, "eve: joins the session noon"),
        ("cid", "follow-up/d", 0, 1, "eve: joins the session noon"),
    ]
    assert found.reasons == {"unsubscribes": 1, "joins the session noon": 1}
    assert compare(["ben"], foreseen, played, [], zone="UTC").unexplained
