"""The live preview in a real Chromium: a save shows within a second, a fault keeps the old mail, Ctrl-C ends it.

Needs selenium and Debian's `chromium` and `chromium-driver`. Without them the tests are skipped, but where CI=true that
is a failure. The browser speaks to 127.0.0.1 only.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stages import copy_example

LAST_SEATS = "campaigns/six-deadly-mistakes/last-seats.md"
SECONDS_MAX = 3.0  # one second is the aim, and what is printed; a busy machine of a build farm gets more


def missing() -> str:
    """What keeps these tests from running, or nothing."""
    if importlib.util.find_spec("selenium") is None:
        return "no selenium: install the test dependencies"
    for name, package in (("chromium", "chromium"), ("chromedriver", "chromium-driver")):
        if shutil.which(name) is None:
            return f"no {name} found: install it (Debian: `{package}`)"
    return ""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if reason := missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    profile = tmp_path_factory.mktemp("profile")
    for flag in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "disable-dev-shm-usage",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "window-size=1400,1000",
        f"user-data-dir={profile}",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=str(shutil.which("chromedriver")))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


class Desk:
    """`drip preview` in a process of its own, over a copy of the example, and a browser before it."""

    def __init__(self, root: Path, browser: Any) -> None:
        self.root = copy_example(root)
        self.browser = browser
        command = [sys.executable, "-m", "drip", "-C", str(root), "preview", "--port", "0", "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        said = ""
        while not said.endswith("}\n"):
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
            assert line, self.process.stderr and self.process.stderr.read()
            said += line
        self.home = json.loads(said)["url"]

    def open(self, query: str = "", post: str = LAST_SEATS) -> None:
        self.browser.get(f"{self.home}?post={post}&{query}")
        self.until(lambda: self.text("#live-status").startswith(("live:", "up to date:")))

    def text(self, selector: str) -> str:
        return str(
            self.browser.execute_script("return document.querySelector(arguments[0])?.innerText || ''", selector)
        )

    def mail(self, expression: str = "document.body.innerText") -> Any:
        """An expression, evaluated in the document of the frame."""
        return self.browser.execute_script(
            "const document = window.document.getElementById('mail')?.contentDocument;"
            f"const view = document?.defaultView; return document?.body ? ({expression}) : ''"
        )

    def edit(self, change: Callable[[str], str], path: str = LAST_SEATS) -> float:
        """Save a change as editors do; the moment of it."""
        file = self.root / path
        temporary = file.with_name(".saving")
        temporary.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")
        temporary.replace(file)
        return time.monotonic()

    def until(self, holds: Callable[[], bool], seconds: float = 20) -> float:
        """The moment at which it holds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if holds():
                return time.monotonic()
            time.sleep(0.01)
        raise AssertionError(self.text("body")[:2000])

    def stop(self) -> tuple[int, float]:
        """Ctrl-C: the exit code, and the seconds it took."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(15), time.monotonic() - started
        finally:
            self.process.kill()
            self.process.communicate()

    def complaints(self) -> list[str]:
        """What the browser's console has to say against our pages."""
        return [each["message"] for each in self.browser.get_log("browser") if each["level"] == "SEVERE"]


@pytest.fixture
def desk(tmp_path: Path, browser: Any) -> Iterator[Desk]:
    made = Desk(tmp_path, browser)
    yield made
    if made.process.poll() is None:
        made.stop()


def test_a_save_shows_in_the_open_page_without_a_hand(desk: Desk) -> None:
    desk.open()
    desk.browser.execute_script("window.same = true")
    took = []
    for number in range(3):
        saved = desk.edit(lambda text, number=number: f"{text}\n\nSaved {number}.\n")
        took.append(desk.until(lambda number=number: f"Saved {number}." in desk.mail()) - saved)
    print("from the save to the text in the page:", ", ".join(f"{each:.2f} s" for each in took))
    assert max(took) < SECONDS_MAX
    assert desk.browser.execute_script("return window.same"), "the page itself was not loaded again"
    assert desk.complaints() == []


def test_a_change_of_subject_and_layout_shows_everywhere(desk: Desk) -> None:
    desk.open()
    desk.edit(lambda text: re.sub(r"(?m)^subject:.*", "subject: Quite another subject", text))
    desk.until(lambda: "Quite another subject" in desk.text("#title"))
    desk.edit(
        lambda text: text + "\nbody { background-color: rgb(1, 2, 3) !important; }\n", "templates/letter-head.css"
    )
    desk.until(lambda: desk.mail("view.getComputedStyle(document.body).backgroundColor") == "rgb(1, 2, 3)")


def test_problems_follow_a_save_too(desk: Desk) -> None:
    desk.open()
    saved = desk.edit(lambda text: text + "\n[here](https://example.com/)\n")
    shown = desk.until(lambda: "vague-link" in desk.text("#problems"))
    desk.until(lambda: "checking" not in desk.text("#problems"))
    print(f"from the save to its problems: {shown - saved:.2f} s")


def test_the_reader_keeps_their_place_in_the_mail(desk: Desk) -> None:
    desk.open(post="campaigns/six-deadly-mistakes/own-the-mistake.md")
    desk.mail("view.scrollTo(0, 400) || ''")
    desk.until(lambda: desk.mail("view.scrollY") == 400)
    desk.edit(lambda text: text + "\nThe end.\n", "campaigns/six-deadly-mistakes/own-the-mistake.md")
    desk.until(lambda: "The end." in desk.mail())
    desk.until(lambda: desk.mail("view.scrollY") == 400)


def test_a_fault_shows_its_line_and_keeps_the_old_mail(desk: Desk) -> None:
    desk.open()
    saved = desk.edit(lambda text: text.replace("Hi {{ first_name }}", "Hi {{ frist_name }}") + "\nNew and broken.\n")
    shown = desk.until(lambda: "The mail below is the old one" in desk.text("#alerts"))
    print(f"from the save to the fault: {shown - saved:.2f} s")
    assert shown - saved < SECONDS_MAX
    assert "last-seats.md:6:1" in desk.text("#alerts")
    desk.until(lambda: "Hi Mia," in desk.mail())
    assert "New and broken." not in desk.mail()
    assert desk.browser.execute_script("return document.getElementById('view').className") == "old"
    desk.edit(lambda text: text.replace("frist_name", "first_name"))
    desk.until(lambda: "New and broken." in desk.mail())
    assert "old one" not in desk.text("#alerts")
    assert desk.browser.execute_script("return document.getElementById('view').className") == ""


def test_dark_applies_the_rules_of_the_mail_in_a_light_browser_and_the_other_way_round(desk: Desk) -> None:
    ground = "view.getComputedStyle(document.body).backgroundColor"
    colors = {}
    for browsers in ("light", "dark"):
        media = {"features": [{"name": "prefers-color-scheme", "value": browsers}]}
        desk.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        for view in ("desktop", "dark"):
            desk.open(f"view={view}")
            desk.until(lambda: "Hi Mia" in desk.mail())
            colors[browsers, view] = desk.mail(ground)
    desk.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert colors["light", "desktop"] == colors["dark", "desktop"]
    assert colors["light", "dark"] == colors["dark", "dark"]
    assert colors["light", "dark"] != colors["light", "desktop"]


def test_the_frames_have_their_widths_and_run_no_script(desk: Desk) -> None:
    desk.edit(lambda text: text + "\n<script>document.body.innerHTML = 'taken over'</script>\n")
    for view, width in (("desktop", 600), ("phone", 375)):
        desk.open(f"view={view}")
        desk.until(lambda: "Hi Mia" in desk.mail())
        assert desk.browser.execute_script("return document.getElementById('mail').clientWidth") == width
    assert "taken over" not in desk.mail()


def test_everything_can_be_reached_by_keyboard_and_touched(desk: Desk) -> None:
    desk.open()
    small = desk.browser.execute_script(
        "return [...document.querySelectorAll('a, button, select, input:not([type=hidden])')]"
        ".filter(e => !e.matches('.skip') && e.getBoundingClientRect().height < 44).map(e => e.outerHTML)"
    )
    assert small == []
    names = desk.browser.execute_script(
        "return [...document.querySelectorAll('select, input:not([type=hidden])')]"
        ".map(e => e.labels[0]?.innerText || '')"
    )
    assert all(names)
    assert len(names) == 3
    assert desk.browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")


def test_ctrl_c_ends_in_under_three_seconds_with_the_tab_open(desk: Desk) -> None:
    desk.open()
    code, took = desk.stop()
    print(f"ended in {took:.2f} s with a tab open")
    assert code == 0
    assert took < SECONDS_MAX
    desk.until(lambda: "not connected" in desk.text("#live-status"))
