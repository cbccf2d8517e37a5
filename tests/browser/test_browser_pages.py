"""The public pages in a real Chromium: the whole way of a reader, the keyboard alone, small, dark, and hostile.

`DRIP_UPDATE_IMAGES=1` also takes the pictures for docs/pages.md.
"""

from __future__ import annotations

import contextlib
import http.server
import itertools
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from drip.core.links import Purpose
from drip.core.records import SubscriberId
from drip.sandbox.stage import SiteThread, listen
from drip.store.store import Store, open_store
from tests.stages import HERE, Ground
from tests.visitors import Visitor

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

CHROMIUM = Path("/usr/bin/chromium")
DRIVER = Path("/usr/bin/chromedriver")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--disable-default-apps", "--lang=en-US",
)  # fmt: skip
IMAGES = HERE / "docs" / "images"
IMAGE_BYTES_MAX = 300_000
PAGE = "/w/six-deadly-mistakes"

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
  .filter(el => !el.closest('.trap') && !el.closest('label.choice input') && el.type !== 'radio')
  .map(el => [el.outerHTML.slice(0, 80), el.getBoundingClientRect().height]).filter(pair => pair[1] < 44);
"""

UNNAMED = """
return [...document.querySelectorAll('input:not([type=hidden]), select')]
  .filter(el => !(el.labels && el.labels.length)).map(el => el.outerHTML);
"""


class Meeting(http.server.BaseHTTPRequestHandler):
    """Where a session is held: somebody else's server."""

    def do_GET(self) -> None:
        body = f"<title>meeting</title>{self.path} referrer={self.headers.get('Referer')}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the standard library
        """Say nothing."""


class Desk:
    """A browser in front of the site, and the means to see what it sees."""

    def __init__(self, browser: Chrome, visitor: Visitor, base: str) -> None:
        self.browser = browser
        self.visitor = visitor
        self.ground = visitor.ground
        self.base = base

    def open(self, path: str) -> None:
        self.browser.get(f"{self.base}{path}")

    def size(self, width: int, height: int = 800, *, dark: bool = False) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})

    def run(self, script: str) -> Any:
        return self.browser.execute_script(script)

    def find(self, selector: str) -> Any:
        return self.browser.find_element("css selector", selector)

    def press(self, selector: str) -> None:
        """Press, and wait for the page that follows."""
        with self.next_page():
            self.find(selector).click()

    @contextlib.contextmanager
    def next_page(self) -> Iterator[None]:
        """Do something that leads to another page, and wait for it."""
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver.support.wait import WebDriverWait

        self.run("document.documentElement.dataset.before = 1")
        yield
        fresh = "return document.readyState === 'complete' && !document.documentElement.dataset.before"
        # Between two pages the browser has no document to ask.
        WebDriverWait(self.browser, 20, 0.02, (WebDriverException,)).until(lambda _: self.run(fresh))

    def headline(self) -> str:
        return str(self.find("h1").text)

    def complaints(self) -> list[str]:
        """What the browser refused to do, or could not load."""
        return [each["message"] for each in self.browser.get_log("browser")]

    def picture(self, name: str, width: int, *, dark: bool = False) -> None:
        """The whole page, for the documentation."""
        if os.environ.get("DRIP_UPDATE_IMAGES") != "1":
            return
        self.size(width, 400, dark=dark)
        self.size(width, int(self.run("return document.documentElement.scrollHeight")), dark=dark)
        IMAGES.mkdir(parents=True, exist_ok=True)
        self.browser.save_screenshot(str(IMAGES / f"page-{name}.png"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    if not (CHROMIUM.exists() and DRIVER.exists()):
        message = "no Chromium found: install Debian's `chromium` and `chromium-driver`"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    profile = tempfile.mkdtemp(prefix="drip-browser-")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    chrome = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    try:
        yield chrome
    finally:
        chrome.quit()
        shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture
def meeting() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Meeting)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with contextlib.closing(open_store(f"sqlite:///{tmp_path / 'drip.db'}", root=tmp_path)) as opened:
        opened.create_or_check()
        yield opened


@pytest.fixture
def desk(browser: Chrome, tmp_path: Path, store: Store, meeting: str) -> Iterator[Desk]:
    ground = Ground(tmp_path / "project", store)
    ground.edit("campaigns/six-deadly-mistakes/campaign.yaml", "https://meet.example.com", meeting)
    ground.apply()
    visitor = Visitor(ground)
    sock = listen(0)
    base = f"http://127.0.0.1:{sock.getsockname()[1]}"
    site = SiteThread(visitor.app, sock)
    site.start()
    made = Desk(browser, visitor, base)
    made.size(600)
    made.complaints()
    yield made
    browser.get("about:blank")
    site.stop()


def every_page(desk: Desk) -> Iterator[str]:
    """Each kind of page once, shown in the browser."""
    visitor, ground = desk.visitor, desk.ground
    visitor.sign_up("ann@example.org", first_name="Ann")
    confirm = visitor.link(visitor.last_mail("ann@example.org"), "/confirm/")
    for path in ("/", "/s/job-seekers", "/none", "/u/forged", confirm):
        desk.open(path)
        yield path
    desk.press("button")
    yield "confirmed"
    desk.open("/s/job-seekers")
    desk.press("button")
    yield "sign-up with a fault"
    wire = visitor.last_mail("ann@example.org")
    ground.edit("campaigns/six-deadly-mistakes/campaign.yaml", "seats: 100", "seats: 2")
    ground.apply()
    for name in ("bob", "cem"):
        ground.register(f"{name}@example.org", "wednesday-evening")
    desk.open(f"{PAGE}?tz=Asia/Kolkata")
    yield "webinar"
    desk.open(PAGE)
    desk.press("form[method=post] button")
    yield "webinar with faults"
    visitor.register("ann@example.org")
    book = visitor.link(visitor.last_mail("ann@example.org"), "/b/")
    desk.open(book)
    yield "book"
    desk.press("button")
    yield "booked"
    ground.tick()
    number = len(ground.transport.sent)
    assert number
    with ground.store.read() as work:
        registration = max(each.id for each in work.registrations("six-deadly-mistakes"))
    desk.open(visitor.path("j", Purpose.JOIN, registration))
    yield "join, before"
    desk.open(visitor.path("m", Purpose.MANAGE, registration))
    yield "manage"
    for start in ("/p/", "/u/"):
        desk.open(visitor.link(wire, start))
        yield start
    desk.press("button[value=marketing]")
    yield "unsubscribed"
    ground.at("2026-12-08 16:50")
    desk.open(visitor.path("j", Purpose.JOIN, registration))
    yield "join, open"
    desk.open(visitor.path("m", Purpose.MANAGE, registration))
    desk.press("button")
    yield "cancelled"


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
    refused = [each for each in desk.complaints() if not re.search(r"status of (404|422)", each)]
    assert refused == []


def test_the_whole_way_of_a_reader(desk: Desk) -> None:
    visitor, ground = desk.visitor, desk.ground
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
    ground.at("2026-12-09 23:50")
    desk.open(visitor.link(wire, "/j/").removesuffix("/calendar.ics"))
    desk.picture("join-dark", 375, dark=True)
    desk.size(600)
    desk.press("button")
    # The browser followed the form to another host, and told it nothing about the link.
    assert desk.run("return document.title") == "meeting"
    assert desk.find("body").text == "/wednesday-evening referrer=None"
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
    assert stops == ["zone", "Show", "session", "email", "first_name", "Register"]  # and never the trap
    with desk.next_page():
        keys(Keys.ENTER)
    assert desk.headline() == "Check your inbox"
    assert "Wednesday, December 9" in desk.find("main").text
    desk.open(desk.visitor.link(desk.visitor.last_mail("ann@example.org"), "/b/"))
    with desk.next_page():
        keys(Keys.TAB, Keys.ENTER)
    assert desk.headline() == "Your seat is booked"


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
        assert desk.run("return document.querySelectorAll('script, img[src=x]').length") == 0
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
