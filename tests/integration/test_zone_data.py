"""A country changes its clocks between the planning of a mail and its sending: who waits, waits for the new moment.

Rule 7 with two editions of the zone data. `Test/Moved` is a place whose zone file is replaced while people wait, as an
update of tzdata does; the files are those of fixed offsets, which never change.
"""

from __future__ import annotations

import importlib.resources
import zoneinfo
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drip.core import when
from drip.store.store import Store
from tests.stages import Ground, open_ground

PLACE = "Test/Moved"
DATA = importlib.resources.files("tzdata.zoneinfo")


def forget_zones() -> None:
    """What a process that begins after the update would not know."""
    zoneinfo.ZoneInfo.clear_cache()
    for each in vars(when).values():
        if hasattr(each, "cache_clear"):
            each.cache_clear()


# SQLite in memory stands for SQLite: what a file adds is tested elsewhere.
pytestmark = pytest.mark.parametrize("store", ["memory"], indirect=True)


@pytest.fixture
def tzdata(tmp_path: Path) -> Iterator[Callable[[int], None]]:
    """Lets the place have an offset to UTC, in whole hours."""
    folder = tmp_path / "zoneinfo"
    (folder / "Test").mkdir(parents=True)
    before = zoneinfo.TZPATH

    def use(offset: int) -> None:
        # POSIX counts the other way round: Etc/GMT-5 is five hours ahead of UTC.
        name = f"GMT{-offset:+d}"
        (folder / "Test" / "Moved").write_bytes((DATA / "Etc" / name).read_bytes())
        zoneinfo.reset_tzpath(to=[str(folder), *before])
        forget_zones()

    yield use
    zoneinfo.reset_tzpath(to=before)
    forget_zones()


@pytest.fixture
def ground(tmp_path: Path, store: Store, tzdata: Callable[[int], None]) -> Ground:
    """Ann, who lives there, five hours ahead of UTC: her second mail is planned for Wednesday, 9:30 by her clock."""
    tzdata(5)
    ground = open_ground(tmp_path / "project", store)
    ground.join("ann@example.org", zone=PLACE)
    ground.at("2026-11-23 14:01")
    ground.tick()
    ground.tick()
    with store.read() as work:
        assert work.next_wake() == datetime(2026, 11, 25, 4, 30, tzinfo=UTC)
    return ground


def mails(ground: Ground, moment: str) -> int:
    ground.at(moment)
    ground.tick()
    return len(ground.transport.posts("ann@example.org"))


def test_rule_07_clocks_that_were_put_back_let_her_wait_for_the_new_moment(
    ground: Ground, tzdata: Callable[[int], None]
) -> None:
    tzdata(4)
    assert mails(ground, "2026-11-25 04:30") == 1
    with ground.store.read() as work:
        assert work.next_wake() == datetime(2026, 11, 25, 5, 30, tzinfo=UTC)
    assert mails(ground, "2026-11-25 05:29") == 1
    assert mails(ground, "2026-11-25 05:30") == 2


def test_rule_07_clocks_that_were_put_on_send_at_the_next_look_and_once(
    ground: Ground, tzdata: Callable[[int], None]
) -> None:
    tzdata(6)
    assert mails(ground, "2026-11-25 04:29") == 1  # nobody looks before the planned moment
    assert mails(ground, "2026-11-25 04:30") == 2  # half past ten by her clock now, and still within the hours
    assert mails(ground, "2026-11-25 05:30") == 2


def test_rule_07_without_a_change_it_is_the_planned_moment(ground: Ground) -> None:
    forget_zones()
    assert mails(ground, "2026-11-25 04:29") == 1
    assert mails(ground, "2026-11-25 04:30") == 2


def test_rule_07_a_place_that_left_its_hours_waits_for_the_next_open_day(
    ground: Ground, tzdata: Callable[[int], None]
) -> None:
    """Across the date line, so to say: by the new clock the planned moment is a night, and hours are closed."""
    tzdata(-9)
    assert mails(ground, "2026-11-25 04:30") == 1  # 19:30 on Tuesday
    assert mails(ground, "2026-11-25 18:29") == 1
    assert mails(ground, "2026-11-25 18:30") == 2  # 9:30 on Wednesday
