"""Sessions as choices: when one can be had, and the zones to read them in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drip.core.model import Session
from drip.web.sessions import length_words, stamp_of, state_of, zone_groups

START = datetime(2026, 12, 8, 17, 0, tzinfo=UTC)
SESSION = Session("noon", START, START + timedelta(hours=1), "2026-12-08 12:00", "America/New_York")


@pytest.mark.parametrize(
    ("minutes", "taken", "seats", "state"),
    [
        (-1, 0, None, "open"),
        (0, 0, None, "begun"),
        (59, 0, None, "begun"),
        (60, 0, None, "over"),
        (-1, 99, 100, "open"),
        (-1, 100, 100, "full"),
        (-1, 101, 100, "full"),
        (-1, 0, 0, "full"),
        (30, 100, 100, "full"),
        (60, 100, 100, "over"),
    ],
)
def test_state(minutes: int, taken: int, seats: int | None, state: str) -> None:
    assert state_of(SESSION, taken, seats, START + timedelta(minutes=minutes)) == state


def test_the_stamp_has_the_offset_of_that_date() -> None:
    assert stamp_of(START, "America/New_York") == "2026-12-08T12:00-05:00"
    assert stamp_of(START.replace(month=7), "America/New_York") == "2026-07-08T13:00-04:00"
    assert stamp_of(START, "Asia/Kathmandu") == "2026-12-08T22:45+05:45"


@pytest.mark.parametrize(("minutes", "words"), [(60, "60 minutes"), (1, "1 minute"), (90, "90 minutes")])
def test_length(minutes: int, words: str) -> None:
    assert length_words(timedelta(minutes=minutes)) == words


def test_every_zone_has_a_city_and_comes_once() -> None:
    names = [name for _, pairs in zone_groups("UTC") for name, _ in pairs]
    assert len(names) == len(set(names)) > 400
    assert ("America/Argentina/Buenos_Aires", "Argentina, Buenos Aires") in dict(zone_groups("UTC"))["America"]
    assert not any(name.startswith("Etc/") for name in names)


def test_a_zone_without_a_region_is_still_shown_as_chosen() -> None:
    assert zone_groups("EST5EDT")[0] == ("", (("EST5EDT", "EST5EDT"),))
