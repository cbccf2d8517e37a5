"""The public pages in a real Chromium: the whole way of a reader, the keyboard alone, small, dark, and hostile."""

from __future__ import annotations

import itertools
import re
from urllib.parse import urlsplit

import pytest

from drip.core.records import SubscriberId
from tests.desks import IMAGE_BYTES_MAX, IMAGES, PAGE, Desk, every_page

# WCAG 2.2 SC 1.4.3: the contrast of every text with the ground that is painted below it.
CONTRAST = """
const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
const part = value => value / 255 <= .03928 ? value / 255 / 12.92 : ((value / 255 + .055) / 1.055) ** 2.4;
const light = rgb => .2126 * part(rgb[0]) + .7152 * part(rgb[1]) + .0722 * part(rgb[2]);
const ground = el => {
  for (let at = el; at; at = at.parentElement) {
    const color = parse(getComputedStyle(at).backgroundColor);
    if (color.length === 3 || color[3] > 0) return color;
  }
  return [255, 255, 255];
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode.textContent.trim(), el = walker.currentNode.parentElement;
  if (!text || el.closest('.trap') || el.closest('option')) continue;
  const a = light(parse(getComputedStyle(el).color)), b = light(ground(el));
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) found.push([text.slice(0, 40), ratio]);
}
return found;
"""

# What can be pressed must be large enough for a thumb; links inside a sentence are excepted (SC 2.5.8).
SMALL = """
return [...document.querySelectorAll('button, a.button, .faults a, input:not([type=hidden]), select, label.choice')]
  .filter(el => !el.hidden && !el.closest('.trap') && !el.closest('label.choice input') && el.type !== 'radio')
  .map(el => [el.outerHTML.slice(0, 80), el.getBoundingClientRect().height]).filter(pair => pair[1] < 44);
"""

UNNAMED = """
return [...document.querySelectorAll('input:not([type=hidden]), select')]
  .filter(el => !(el.labels && el.labels.length)).map(el => el.outerHTML);
"""


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_every_page_is_readable_small_and_dark(desk: Desk, dark: bool) -> None:
    for name in every_page(desk):
        for width in (320, 600):
            desk.size(width, dark=dark)
            assert desk.run("return document.documentElement.scrollWidth") <= width, name
            assert desk.run(CONTRAST) == [], (name, width)
            assert desk.run(SMALL) == [], (name, width)
        assert desk.run(UNNAMED) == [], name
        assert desk.run("return document.documentElement.lang") == "en"
        assert desk.run("return document.querySelectorAll('h1').length") == 1, name
        assert desk.run("return document.title").endswith("· Chameleon Resumes"), name
        levels = desk.run("return [...document.querySelectorAll('h1,h2,h3')].map(el => +el.tagName[1])")
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), (name, levels)
        used = desk.run("return performance.getEntriesByType('resource').map(each => each.name)")
        assert all(each.startswith(desk.base) for each in used), name
        assert desk.run("return document.cookie") == ""
    refused = [each for each in desk.complaints() if not re.search(r"status of (404|409|422)", each)]
    assert refused == []


@pytest.mark.parametrize("scripted", [True, False])
def test_the_whole_way_of_a_reader(desk: Desk, scripted: bool) -> None:
    visitor, ground = desk.visitor, desk.ground
    desk.scripts(scripted)
    desk.open("/s/job-seekers")
    desk.picture("sign-up", 600)
    desk.find("#email").send_keys("ann@example.org")
    desk.find("#first_name").send_keys("Ann")
    desk.press("button")
    assert desk.headline() == "Check your inbox"
    desk.open(visitor.link(visitor.last_mail("ann@example.org"), "/confirm/"))
    desk.press("button")
    assert desk.headline() == "You’re confirmed"
    desk.picture("confirmed", 600)
    ground.tick()
    # From the first mail to the webinar's page, in the reader's own time.
    desk.open(visitor.link(visitor.last_mail("ann@example.org"), PAGE))
    assert desk.find("#email").get_attribute("value") == "ann@example.org"
    desk.find("#zone").send_keys("Berlin")
    if not scripted:
        desk.press(".zone button")
    assert "6:00 pm, Berlin time (UTC+1)" in desk.find("fieldset").text
    assert desk.find("#email").get_attribute("value") == "ann@example.org"
    desk.find("input[value=wednesday-evening]").click()
    desk.picture("webinar", 600)
    desk.picture("webinar-dark", 600, dark=True)
    desk.picture("webinar-phone", 375)
    desk.size(600)
    desk.press("form[method=post] button")
    assert desk.headline() == "Check your inbox"
    desk.open(visitor.link(visitor.last_mail("ann@example.org"), "/b/"))
    desk.press("button")
    assert desk.headline() == "Your seat is booked"
    desk.picture("booked", 600)
    wire = visitor.last_mail("ann@example.org")
    # Another day suits her better: the same links lead to the new session.
    desk.open(visitor.link(wire, "/m/"))
    desk.press("button[value=saturday-morning]")
    assert "Your seat has moved" in desk.find(".saved").text
    desk.picture("manage", 600)
    desk.size(600)
    assert b"SEQUENCE:1" in visitor.last_mail("ann@example.org").data.replace(b"=\r\n", b"")
    ground.at("2026-12-12 14:50")
    desk.open(visitor.link(wire, "/j/").removesuffix("/calendar.ics"))
    desk.picture("join-dark", 375, dark=True)
    desk.size(600)
    desk.press("button")
    # The browser followed the form to another host, and told it nothing about the link.
    assert desk.run("return document.title") == "meeting"
    assert desk.find("body").text == "/saturday-morning referrer=None"
    ground.at("2026-12-12 16:05")
    ground.tick()
    ground.at("2026-12-12 18:05")
    ground.tick()
    posts = ground.transport.posts("ann@example.org")
    assert [each for each in posts if each in ("recording-and-next-step", "we-missed-you")] == [
        "recording-and-next-step"
    ]
    assert "last-seats" not in posts  # registering ended the invitations
    desk.open(visitor.link(wire, "/p/"))
    desk.picture("preferences", 600)
    desk.picture("preferences-phone", 375)
    desk.size(600)
    desk.press("button[name=rest][value='4']")
    assert desk.find("h2").text == "You are on a break"
    desk.open(visitor.link(wire, "/u/"))
    desk.press("button[value=marketing]")
    assert desk.headline() == "You are unsubscribed"
    desk.picture("unsubscribed", 600)
    assert desk.complaints() == []
    assert all(each.stat().st_size < IMAGE_BYTES_MAX for each in IMAGES.glob("page-*.png"))


def test_a_faulty_form_comes_back_with_the_focus_on_what_is_wrong(desk: Desk) -> None:
    desk.open(PAGE)
    desk.find("#email").send_keys("ann@")
    desk.press("form[method=post] button")
    assert desk.run("return document.activeElement.className") == "faults"
    assert [each.text for each in desk.browser.find_elements("css selector", ".faults a")] == [
        "Please choose a session.",
        "This does not look like an e-mail address. It should read like name@example.com.",
    ]
    desk.picture("faults-phone", 375)
    desk.size(600)
    desk.find(".faults li:last-child a").click()
    assert desk.run("return document.activeElement.id") == "email"
    assert desk.find("#email").get_attribute("value") == "ann@"
    described = desk.find("#email").get_attribute("aria-describedby")
    assert desk.find(f"#{described}").is_displayed()


def test_with_the_keyboard_alone(desk: Desk) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    def keys(*pressed: str) -> None:
        ActionChains(desk.browser).send_keys(*pressed).perform()

    desk.open(PAGE)
    stops = []
    for _ in range(12):
        keys(Keys.TAB)
        element = desk.browser.switch_to.active_element
        stops.append(element.get_attribute("id") or element.get_attribute("name") or element.text)
        ring = desk.run(
            "const el = document.activeElement, shown = el.closest('.choice') || el;"
            "return [getComputedStyle(shown).outlineStyle, getComputedStyle(shown).outlineWidth]"
        )
        assert ring == ["solid", "3px"], stops
        if element.get_attribute("name") == "session":
            keys(Keys.ARROW_DOWN)
        if element.get_attribute("id") == "email":
            keys("ann@example.org")
        if element.text == "Register":
            break
    assert stops == ["zone", "session", "email", "first_name", "Register"]  # and never the trap
    with desk.next_page():
        keys(Keys.ENTER)
    assert desk.headline() == "Check your inbox"
    assert "Wednesday, December 9" in desk.find("main").text
    desk.open(desk.visitor.link(desk.visitor.last_mail("ann@example.org"), "/b/"))
    with desk.next_page():
        keys(Keys.TAB, Keys.ENTER)
    assert desk.headline() == "Your seat is booked"


def test_the_whole_way_with_the_keyboard_alone_and_320_pixels(desk: Desk) -> None:
    """Sign-up, confirm, register, book, move, join, a break and another address, and no hand on the mouse."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    visitor, ground = desk.visitor, desk.ground
    desk.size(320)

    def keys(*pressed: str) -> None:
        ActionChains(desk.browser).send_keys(*pressed).perform()

    def reach(name: str) -> None:
        """Tab until what has the focus is called so, is seen to have it, and stands on the screen."""
        for _ in range(40):
            keys(Keys.TAB)
            element = desk.browser.switch_to.active_element
            called = [element.get_attribute(each) for each in ("id", "aria-label", "value")]
            if name in (*called, element.text):
                break
        else:
            raise AssertionError(f"the keyboard never reaches {name}")
        seen = desk.run(
            "const el = document.activeElement, box = el.getBoundingClientRect(), shown = el.closest('.choice') || el;"
            "return getComputedStyle(shown).outlineWidth === '3px' && box.right <= innerWidth && box.bottom > 0"
        )
        assert seen, name

    def press(name: str) -> None:
        reach(name)
        with desk.next_page():
            keys(Keys.ENTER)

    desk.open("/s/job-seekers")
    reach("email")
    keys("ann@example.org")
    press("Sign me up")
    desk.open(visitor.link(visitor.last_mail("ann@example.org"), "/confirm/"))
    press("Yes, put me on the list")
    ground.tick()
    wire = visitor.last_mail("ann@example.org")
    desk.open(visitor.link(wire, PAGE))
    reach("tuesday-noon")
    keys(Keys.SPACE)
    press("Register")
    desk.open(visitor.link(visitor.last_mail("ann@example.org"), "/b/"))
    press("Yes, book my seat")
    booked = visitor.last_mail("ann@example.org")
    desk.open(visitor.link(booked, "/m/"))
    press("Move my seat to Saturday, December 12 at 10:00 am")
    desk.open(visitor.link(wire, "/p/"))
    press("Take a break for 2 weeks")
    reach("email")
    keys("ann@example.net")
    press("Use this address")
    desk.open(visitor.link(visitor.last_mail("ann@example.net"), "/e/"))
    press("Yes, write to me here")
    assert desk.headline() == "Your address has changed"
    ground.at("2026-12-12 14:50")
    desk.open(visitor.link(booked, "/j/").removesuffix("/calendar.ics"))
    press("Join the webinar")
    assert desk.find("body").text == "/saturday-morning referrer=None"


def test_nothing_hostile_runs(desk: Desk) -> None:
    ground = desk.ground
    who = SubscriberId(ground.join("ann@example.org"))
    evil = "\"'></title></textarea><script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
    with ground.store.write() as work:
        work.set_fields(who, {"first_name": evil})
    wire = desk.visitor.last_mail("ann@example.org")
    for start in ("/v/", "/u/", "/p/", PAGE):
        desk.open(desk.visitor.link(wire, start))
        assert desk.run("return document.title") != "owned"
        assert desk.run("return document.querySelectorAll('script:not([src^=\"/pages.js?\"]), img[src=x]').length") == 0
        assert desk.run("return document.body.innerText.length") > 100


def test_the_mail_in_the_browser_looks_like_the_mail(desk: Desk) -> None:
    desk.ground.join("ann@example.org", fields={"first_name": "Ann"})
    desk.open(desk.visitor.link(desk.visitor.last_mail("ann@example.org"), "/v/"))
    assert desk.run("return getComputedStyle(document.querySelector('.card')).borderTopColor") == "rgb(11, 95, 84)"
    assert "Ann" in desk.find("body").text
    refused = [each for each in desk.complaints() if "Content Security Policy" in each]
    assert refused == []
    # Its links lead somewhere, though the page itself is caged.
    hrefs = [str(each.get_attribute("href")) for each in desk.browser.find_elements("css selector", "a")]
    desk.open(next(urlsplit(each).path for each in hrefs if "/p/" in each))
    desk.press("button")
    assert desk.headline() == "You are unsubscribed"
