"""Inlining changes nothing that a browser shows: every element of every example mail has the same computed styles.

The page before inlining and the page after it stand in two frames of a real Chromium, at 600 and 375 pixels and in
dark mode, and every property of every element is compared. Needs selenium and Debian's `chromium` and
`chromium-driver`. Without them the test is skipped, but where CI=true that is a failure.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drip.authoring.definition import campaign_names
from drip.authoring.layout import CompiledPost
from drip.authoring.read_campaign import draft_campaign
from drip.authoring.read_project import draft_project
from drip.cli.examples import EXAMPLES, example_files
from drip.engine.preview import SEAT_POSTS, choose, render
from drip.project import PROJECT_FILE

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
LAYOUTS = ("letter", "plain", "announcement")

BLOCKS = """
::: callout Mind the date
It ends.
:::

::: columns
### One

***

Other
:::

![A desk](https://example.com/a.png "A caption")

> Own it.
>
> — Lisa

> Only said

| a | b |
|---|---|
| c | d |

1. `code` and a note[^1]

[^1]: Noted.
"""

Pair = tuple[str, str]

# Every property of every element, in the order of the document; what differs is told with both values.
COMPARE = """
const [one, other] = [...document.querySelectorAll('iframe')].map(each => each.contentDocument.body);
const [ours, theirs] = [one, other].map(body => [body, ...body.querySelectorAll('*')]);
const found = [];
if (ours.length !== theirs.length) found.push(`${ours.length} elements became ${theirs.length}`);
for (let at = 0; at < Math.min(ours.length, theirs.length); at++) {
  if (ours[at].tagName !== theirs[at].tagName) found.push(`${ours[at].tagName} became ${theirs[at].tagName}`);
  const [before, after] = [ours[at], theirs[at]].map(each => each.ownerDocument.defaultView.getComputedStyle(each));
  for (const name of before) {
    const [was, is] = [before.getPropertyValue(name), after.getPropertyValue(name)];
    if (was !== is) found.push(`${ours[at].tagName}.${ours[at].className} ${name}: ${was} became ${is}`);
  }
}
return [ours.length, found.slice(0, 20)];
"""
FRAMES = """
document.body.innerHTML = '';
return Promise.all(arguments[0].map(html => new Promise(done => {
  const frame = document.createElement('iframe');
  frame.style.cssText = `width: ${arguments[1]}px; height: 600px; border: 0`;
  frame.onload = () => done(true);
  frame.srcdoc = html;
  document.body.append(frame);
})));
"""


def missing() -> str:
    """What keeps this test from running, or nothing."""
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
    flags = ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "no-first-run")
    quiet = ("disable-background-networking", "disable-component-update", "disable-sync")
    profile = tmp_path_factory.mktemp("profile")
    for flag in (*flags, *quiet, f"user-data-dir={profile}"):
        options.add_argument(f"--{flag}")
    service = webdriver.ChromeService(executable_path=str(shutil.which("chromedriver")))
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pairs() -> dict[str, Pair]:
    """The page of every example post in every layout, before and after inlining."""
    made: dict[str, Pair] = {}
    name = ""
    inline = CompiledPost._inline

    def watched(post: CompiledPost, page: str) -> str:
        finished = inline(post, page)
        made[name] = (page, finished)
        return finished

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CompiledPost, "_inline", watched)
        for example in EXAMPLES:
            files = {path: data.decode() for path, data in example_files(example, NOW).items()}
            post = next(path for path in files if re.fullmatch(r"(?:campaigns|templates/mails)/.+\.md", path))
            files[post] += BLOCKS
            for layout in LAYOUTS:
                text = re.sub(r"(?m)^layout: .*\n", "", files[PROJECT_FILE])
                files = {**files, PROJECT_FILE: f"{text}layout: {layout}\n"}
                for address in addresses(files):
                    chosen = choose(files, address, NOW)
                    if address in SEAT_POSTS and chosen.registration is None:
                        continue  # a project without a webinar never sends it
                    name = f"{example}/{address} in {layout}"
                    render(chosen.edition, chosen.project, chosen.post, chosen.subscriber, chosen.registration, NOW)
    return made


def addresses(files: dict[str, str]) -> list[str]:
    project = draft_project(files)
    posts = [f"{name}/{post}" for name in campaign_names(files) for post in draft_campaign(files, name, project).posts]
    return posts + [Path(path).stem for path in files if re.fullmatch(r"templates/mails/[^/]+\.md", path)]


def differences(browser: Any, pair: Pair, width: int) -> tuple[int, list[str]]:
    """How many elements there are, and what differs."""
    # Nothing is fetched, and both frames lay out the same gap where a picture would be.
    still = [re.sub(r"""\bsrc=(["'])https?:[^"']*\1""", 'src="data:,"', each) for each in pair]
    browser.execute_script(FRAMES, still, width)
    count, found = browser.execute_script(COMPARE)
    return count, found


MODES = {"600": (600, "light"), "375": (375, "light"), "dark": (600, "dark")}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", MODES)
def test_every_element_looks_the_same_after_inlining(browser: Any, pairs: dict[str, Pair], mode: str) -> None:
    width, scheme = MODES[mode]
    browser.get("data:text/html,<body></body>")
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    assert len(pairs) >= 3 * 20
    counted = 0
    wrong = {}
    looked_at = list(pairs.items())[:: 1 if mode == "600" else 3]
    for name, pair in looked_at:
        count, found = differences(browser, pair, width)
        counted += count
        if found:
            wrong[name] = found
    assert wrong == {}
    assert counted > 30 * len(looked_at)


def test_one_lost_declaration_would_be_seen(browser: Any, pairs: dict[str, Pair]) -> None:
    before, after = next(iter(pairs.values()))
    broken, count = re.subn(r"line-height:\d+px", "line-height:19px", after, count=1)
    assert count == 1
    browser.get("data:text/html,<body></body>")
    assert differences(browser, (before, broken), 600)[1] != []
