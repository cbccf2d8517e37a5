"""A real Chromium in front of the real application: what the tests in tests/browser share.

`DRIP_UPDATE_IMAGES=1` also takes the pictures for docs/pages.md.
"""

from __future__ import annotations

import contextlib
import http.server
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drip.core.links import Purpose
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

    def scripts(self, allowed: bool) -> None:
        """Whether the pages may run scripts; the test itself always may."""
        self.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not allowed})

    def zone(self, name: str) -> None:
        """Where the visitor's clock stands."""
        self.browser.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": name})

    def judge(self) -> list[str]:
        """What axe-core finds wrong with the page: each violation with the places."""
        from importlib.resources import files

        self.run((files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8"))
        found = self.browser.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document).then(result => done(result.violations.map("
            "each => `${each.id}: ${each.nodes.map(node => node.html.slice(0, 120)).join(' | ')}`)))"
        )
        return [str(each) for each in found]

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
    made.zone("America/New_York")
    made.scripts(True)
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
    preferences = visitor.link(wire, "/p/")
    yield from every_choice(desk, preferences)
    for start in ("/p/", "/u/"):
        desk.open(visitor.link(wire, start))
        yield start
    desk.press("button[value=marketing]")
    yield "unsubscribed"
    ground.at("2026-12-08 16:50")
    desk.open(visitor.path("j", Purpose.JOIN, registration))
    yield "join, open"
    desk.open(visitor.path("m", Purpose.MANAGE, registration))
    desk.press("button[value=wednesday-evening]")
    yield "manage, moving to a full session"
    desk.press("button.danger")
    yield "cancelled"
    yield from after_the_session(desk)


def every_choice(desk: Desk, preferences: str) -> Iterator[str]:
    """What the preferences page says after each of its buttons, and the page behind the mail to a new address."""
    visitor = desk.visitor
    desk.open(preferences)
    desk.press("button[name=rest][value='4']")
    yield "preferences, on a break"
    desk.press("button[value=over]")
    yield "preferences, back from a break"
    desk.run("document.querySelector('#email').form.noValidate = true")
    desk.find("#email").send_keys("ann@")
    desk.press("#email-hint + button")
    yield "preferences with a fault"
    desk.find("#email").clear()
    desk.find("#email").send_keys("ann@example.net")
    desk.press("#email-hint + button")
    yield "preferences, moving"
    path = visitor.link(visitor.last_mail("ann@example.net"), "/e/")
    desk.open(path)
    yield "move"
    desk.press("button")
    yield "moved"
    desk.open("/e/forged")
    yield "move, unknown"
    desk.open(preferences)
    desk.press("button[name=erase]")
    yield "erase"


def after_the_session(desk: Desk) -> Iterator[str]:
    """The join page when all is over: with a recording, and when that is gone as well."""
    ground = desk.ground
    replay = "  replay: https://video.example.com/{session}\n  replay-for: 3 days\n  sessions:"
    ground.edit("campaigns/six-deadly-mistakes/campaign.yaml", "  sessions:", replay)
    ground.apply()
    with ground.store.read() as work:
        seat = next(
            each.id for each in work.registrations("six-deadly-mistakes") if each.session == "wednesday-evening"
        )
    for moment in ("2026-12-10 01:30", "2026-12-13 02:00"):
        ground.at(moment)
        desk.open(desk.visitor.path("j", Purpose.JOIN, seat))
        yield f"join, {moment}"
