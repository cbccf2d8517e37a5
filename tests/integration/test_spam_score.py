"""What SpamAssassin says of every example mail, by its local rules alone: without the network, Bayes or a history.

Needs Debian's `spamassassin`. Without it the test is skipped, but where CI=true that is a failure.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drip.authoring.definition import campaign_names
from drip.authoring.read_campaign import draft_campaign
from drip.authoring.read_project import draft_project
from drip.cli.examples import EXAMPLES, example_files
from drip.engine.preview import SEAT_POSTS, choose, render
from drip.project import PROJECT_FILE, read_tree

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
MOST = 1.0
INFORMATION = 0.001
"""The score of rules that only say what a mail is, such as HTML_MESSAGE: it has HTML."""

RECEIVED = (
    b"Received: from mail.example.com (mail.example.com [93.184.216.34])\r\n"
    b"\tby mx.example.org (Postfix) with ESMTPS id 4F1D2C0B1A\r\n"
    b"\tfor <reader@example.org>; Mon, 23 Nov 2026 14:00:05 +0000 (UTC)\r\n"
)
RULES = """
use_bayes 0
report_safe 0
skip_rbl_checks 1
dns_available no
add_header all Scores _TESTSSCORES(,)_
add_header all Total _SCORE_
"""


@pytest.fixture(scope="module")
def program() -> str:
    found = shutil.which("spamassassin")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Debian's spamassassin is not installed, and in CI it must be")
        pytest.skip("needs Debian's package spamassassin")
    return found


def mails(root: Path, layout: str = "") -> Iterator[tuple[str, bytes]]:
    """Every post of a project, and drip's own, as the message that one reader gets."""
    files = read_tree(root)
    if layout:
        files[PROJECT_FILE], count = re.subn(r"(?m)^layout: .*$", f"layout: {layout}", files[PROJECT_FILE])
        assert count == 1
    project = draft_project(files)
    posts = [
        f"{name}/{post}" for name in campaign_names(files) for post in draft_campaign(files, name, project).posts
    ] + [Path(path).stem for path in files if re.fullmatch(r"templates/mails/[^/]+\.md", path)]
    for address in posts:
        chosen = choose(files, address, NOW)
        if address in SEAT_POSTS and chosen.registration is None:
            continue  # a project without a webinar never sends it
        mail = render(chosen.edition, chosen.project, chosen.post, chosen.subscriber, chosen.registration, NOW)
        yield address, RECEIVED + mail.raw


def scores(program: str, messages: list[tuple[str, bytes]], folder: Path) -> dict[str, tuple[float, dict[str, float]]]:
    """The total of each message, and the rules that it met with their scores. All in one run: starting takes long."""
    box = b"".join(
        b"From drip Mon Nov 23 14:00:05 2026\nX-Post: %s\n%s\n"
        % (name.encode(), re.sub(rb"(?m)^(?=>*From )", b">", raw.replace(b"\r\n", b"\n")))
        for name, raw in messages
    )
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "LC_ALL": "C"}
    preferences = folder / "preferences.cf"
    preferences.write_text(RULES, encoding="ascii")
    command = [program, "-L", "--mbox", "-p", str(preferences)]
    run = subprocess.run(command, input=box, env=environment, cwd=folder, capture_output=True, timeout=300, check=True)
    assert b"config: " not in run.stderr, run.stderr
    found = {}
    for head in re.findall(r"(?ms)^From drip .*?\n\n", run.stdout.decode("utf-8", "replace")):
        values = dict(re.findall(r"(?m)^(X-[\w-]+): (.*)$", re.sub(r"\n[ \t]+", "", head)))
        pairs = (each.split("=") for each in values["X-Spam-Scores"].split(",") if "=" in each)
        found[values["X-Post"]] = (float(values["X-Spam-Total"]), {rule: float(score) for rule, score in pairs})
    return found


@pytest.mark.timeout(300)
def test_spamassassin_finds_no_example_mail_suspicious(program: str, tmp_path: Path) -> None:
    messages: list[tuple[str, bytes]] = []
    for example in EXAMPLES:
        for path, data in example_files(example, NOW).items():
            target = tmp_path / example / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        messages += [(f"{example}/{address}", raw) for address, raw in mails(tmp_path / example)]
    for layout in ("plain", "announcement"):
        messages += [(f"{layout}/{address}", raw) for address, raw in mails(tmp_path / EXAMPLES[0], layout)]
    found = scores(program, messages, tmp_path)
    assert set(found) == {name for name, _ in messages}
    assert len(found) >= 20
    assert {name: each for name, each in found.items() if each[0] > MOST} == {}
    faults = {
        (name, rule)
        for name, (_, rules) in found.items()
        for rule, score in rules.items()
        if score > INFORMATION and re.search(r"MIME|HTML|BOUNDARY|ILLEGAL|CHARSET|HEADER", rule)
    }
    assert faults == set()


def test_a_faulty_mail_is_found(program: str, tmp_path: Path) -> None:
    raw = (
        b"From: x@example.com\nTo: undisclosed\nSubject: V1AGRA!!! FREE $$$\nMIME-Version: 1.0\n"
        b"Content-Type: text/html\n\n<html><body><a href=http://192.0.2.1/x>click here</a></body></html>\n"
    )
    total, rules = scores(program, [("bad", RECEIVED + raw)], tmp_path)["bad"]
    assert total > MOST
    assert "MIME_HTML_ONLY" in rules
