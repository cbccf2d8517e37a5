"""The one script of the pages: what it adds, and that pages are whole without it. And what axe-core thinks of them."""

from __future__ import annotations

import pytest

from drip.core.links import Purpose
from tests.desks import PAGE, Desk, every_page


def sessions(desk: Desk) -> list[str]:
    """Each session as it reads on the webinar's page."""
    return [each.text for each in desk.browser.find_elements("css selector", ".choice time")]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland", "America/St_Johns", "UTC"])
def test_the_script_says_what_the_server_says(desk: Desk, zone: str) -> None:
    desk.scripts(False)
    desk.open(f"{PAGE}?tz={zone}")
    by_server = sessions(desk)
    desk.scripts(True)
    desk.zone(zone)
    desk.open(PAGE)
    assert sessions(desk) == by_server
    assert len(by_server) == 3
    assert desk.find("form[method=post] [name=tz]").get_attribute("value") == zone
    assert "your own times" in desk.find("#zone-note").text
    assert desk.complaints() == []


def test_a_zone_chosen_by_hand_stays(desk: Desk) -> None:
    desk.zone("Europe/Berlin")
    desk.open(f"{PAGE}?tz=Asia/Tokyo")
    assert "Wednesday, December 9, 2026" in sessions(desk)[0]
    assert "2:00 am, Tokyo time (UTC+9)" in sessions(desk)[0]
    assert desk.find("#zone-note").text == "These are the times in Tokyo."
    desk.find("#zone").send_keys("Berlin")
    assert "6:00 pm, Berlin time (UTC+1)" in sessions(desk)[0]
    assert "your own times" in desk.find("#zone-note").text


def test_without_scripts_a_button_shows_the_times_of_a_zone(desk: Desk) -> None:
    desk.scripts(False)
    desk.open(PAGE)
    assert "12:00 pm, New York time (UTC−5)" in sessions(desk)[0]
    desk.find("#zone").send_keys("Berlin")
    desk.press(".zone button")
    assert desk.browser.current_url.endswith("tz=Europe%2FBerlin")
    assert "6:00 pm, Berlin time (UTC+1)" in sessions(desk)[0]


def test_the_sign_up_form_knows_the_zone(desk: Desk) -> None:
    desk.zone("Europe/Berlin")
    desk.open("/s/job-seekers")
    assert desk.find("[name=tz]").get_attribute("value") == "Europe/Berlin"


def test_the_clock_counts_and_the_door_opens_by_itself(desk: Desk) -> None:
    registration = desk.ground.register("ann@example.org", "tuesday-noon")
    desk.ground.at("2026-12-07 16:00")
    desk.open(desk.visitor.path("j", Purpose.JOIN, registration))
    assert desk.find(".countdown").text.startswith("1 day 00:")
    assert len(desk.browser.find_elements("css selector", "form button")) == 0
    desk.ground.at("2026-12-08 16:44")
    desk.open(desk.visitor.path("j", Purpose.JOIN, registration))
    desk.ground.at("2026-12-08 16:45")
    with desk.next_page():
        # The page's own clock is moved to the moment, rather than waited for.
        desk.run("const clock = document.querySelector('.countdown'); clock.dataset.opens = clock.dataset.now")
    assert desk.find("form button").text == "Join the webinar"
    with desk.ground.store.read() as work:
        assert work.attendance(registration).value == "unknown"


def test_axe_finds_nothing_on_any_page(desk: Desk) -> None:
    for name in every_page(desk):
        for dark in (False, True):
            desk.size(320 if dark else 600, dark=dark)
            assert desk.judge() == [], (name, dark)


def test_axe_finds_nothing_in_the_colors_of_a_brand(desk: Desk) -> None:
    """One that is just dark enough, on a ground of its own; what is chosen stands on a shade of it."""
    brand = "brand:\n  color: 9c27b0\n  ground: fff3e0\n  font: Verdana, sans-serif\nlists:"
    desk.ground.edit("drip.yaml", "lists:", brand)
    desk.ground.apply()
    desk.open(f"{PAGE}?s=tuesday-noon")
    desk.picture("brand-phone", 375)
    desk.picture("brand-phone-dark", 375, dark=True)
    for dark in (False, True):
        desk.size(320 if dark else 600, dark=dark)
        assert desk.judge() == [], dark
    accent = desk.run("return getComputedStyle(document.querySelector('.card')).borderTopColor")
    assert accent != "rgb(92, 192, 173)"  # that of the example, in the dark
