"""The pages of an evergreen webinar in a real Chromium: with and without scripts, small, and judged by axe."""

from __future__ import annotations

import pytest

from drip.core.links import Purpose
from tests.desks import PAGE, Desk
from tests.stages import EVERGREEN, replace_sessions


@pytest.fixture
def recorded(desk: Desk) -> Desk:
    """The example as a recording; it is Wednesday 25 November 2026, 12:12 in New York."""
    replace_sessions(desk.ground.folder, EVERGREEN.replace("weekdays 11:00, 14:00", "weekdays 11:00 reader's time"))
    desk.ground.apply()
    desk.ground.at("2026-11-25 17:12")
    return desk


@pytest.mark.parametrize("scripted", [True, False])
def test_a_visitor_picks_the_next_quarter_hour_and_goes_in(recorded: Desk, scripted: bool) -> None:
    desk = recorded
    desk.scripts(scripted)
    desk.zone("Europe/Berlin")
    desk.size(600)
    if scripted:
        # The rule has other times for Berlin, so the page asks for them.
        with desk.next_page():
            desk.open(PAGE)
        assert desk.run("return location.search") == "?tz=Europe%2FBerlin"
    else:
        desk.open(f"{PAGE}?tz=Europe/Berlin")
    offered = desk.find("fieldset").text
    assert "6:15 pm, Berlin time (UTC+1)" in offered
    assert "11:00 am, Berlin time (UTC+1)" in offered
    assert offered.count("Recorded session") == 6
    assert "left" not in offered
    desk.picture("evergreen", 600)
    for width in (320, 600):
        desk.size(width)
        assert desk.run("return document.documentElement.scrollWidth") <= width
    if scripted:
        assert desk.judge() == []
    desk.find("input[name=session]").click()
    desk.find("#email").send_keys("ann@example.org")
    desk.press("form[method=post] button")
    assert desk.headline() == "Check your inbox"
    assert "recorded session" in desk.find("main").text
    desk.open(desk.visitor.link(desk.visitor.last_mail("ann@example.org"), "/b/"))
    assert "6:15 pm, Berlin time (UTC+1), recorded session" in desk.find("main").text
    if scripted:
        assert desk.judge() == []
    desk.press("button")
    assert "Go to the door" in desk.find("main").text
    desk.press("main a.button")
    assert "Join the webinar" in desk.find("main").text
    if scripted:
        assert desk.judge() == []


def test_the_other_pages_of_a_seat_are_fit_for_everybody(recorded: Desk) -> None:
    desk = recorded
    registration = desk.ground.register("ann@example.org", "2026-11-30-1600z")
    for kind, purpose in (("m", Purpose.MANAGE), ("j", Purpose.JOIN)):
        desk.open(desk.visitor.path(kind, purpose, registration))
        assert "recorded session" in desk.find("main").text
        assert desk.judge() == []
    desk.ground.at("2026-11-30 19:00")
    desk.open(desk.visitor.path("j", Purpose.JOIN, registration))
    assert "This session is over" in desk.find("main").text
    assert "recorded session" in desk.find("main").text
    assert desk.judge() == []
    desk.open(f"{PAGE}?s=2026-11-25-1715z")
    desk.press("form[method=post] button")
    assert "Please look at this again" in desk.find("main").text
    assert desk.judge() == []
