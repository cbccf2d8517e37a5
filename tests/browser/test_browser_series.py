"""The pages of a series in a real Chromium: one form for all parts, small, and judged by axe."""

from __future__ import annotations

import pytest

from drip.core.links import Purpose
from tests.desks import PAGE, Desk
from tests.stages import SERIES, replace_sessions


@pytest.fixture
def parts(desk: Desk) -> Desk:
    """The example in three parts, each on a Tuesday at noon in New York."""
    replace_sessions(desk.ground.folder, SERIES)
    desk.ground.apply()
    desk.zone("Europe/Berlin")
    return desk


def is_fit(desk: Desk) -> None:
    """Small, and without a violation."""
    for width in (320, 600):
        desk.size(width)
        assert desk.run("return document.documentElement.scrollWidth") <= width
    assert desk.judge() == []


def test_every_page_of_a_series_is_fit_for_everybody(parts: Desk) -> None:
    desk = parts
    desk.open(PAGE)
    listed = desk.find("ol.parts").text
    assert "Tuesday, December 8, 2026\n6:00 pm, Berlin time (UTC+1)" in listed
    assert listed.count("6:00 pm") == 3
    assert desk.run("return document.querySelectorAll('input[type=radio]').length") == 0
    is_fit(desk)
    desk.picture("series", 600)
    desk.press("form[method=post] button")
    assert "Please look at this again" in desk.find("main").text
    is_fit(desk)
    desk.find("#email").send_keys("ann@example.org")
    desk.press("form[method=post] button")
    assert "Your seat in 3 parts" in desk.find("main").text
    is_fit(desk)
    desk.open(desk.visitor.link(desk.visitor.last_mail("ann@example.org"), "/b/"))
    assert desk.find("main").text.count("6:00 pm, Berlin time (UTC+1)") == 4
    is_fit(desk)
    desk.press("button")
    assert desk.headline() == "Your seat is booked"
    is_fit(desk)
    with desk.ground.store.read() as work:
        first = next(each.id for each in work.registrations("six-deadly-mistakes") if each.session == "part-one")
    desk.open(desk.visitor.path("j", Purpose.JOIN, first))
    is_fit(desk)
    desk.ground.at("2026-12-09 12:00")
    desk.open(desk.visitor.path("j", Purpose.JOIN, first))
    assert "This session is over" in desk.find("main").text
    is_fit(desk)
    desk.press(".parts a")
    assert "Tuesday, December 15" in desk.find("p.when").text
    desk.open(desk.visitor.path("m", Purpose.MANAGE, first))
    is_fit(desk)
    desk.press("button.danger")
    assert "Your registration is cancelled" in desk.find("main").text
    is_fit(desk)
