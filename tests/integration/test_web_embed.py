"""Forms on somebody else's page: what `drip embed` prints works without a script, and is safe to paste."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from drip.cli.main import cli
from drip.store.store import Store
from drip.web.embed import TARGETS, dressed
from tests.stages import Ground
from tests.visitors import BASE, Visitor, open_applied


@pytest.fixture
def ground(tmp_path: Path, memory_store: Store) -> Ground:
    return open_applied(tmp_path / "project", memory_store)


def embed(ground: Ground, *arguments: str) -> str:
    """What the command prints on stdout."""
    found = CliRunner().invoke(cli, ["-C", str(ground.folder), "embed", *arguments])
    assert found.exit_code == 0, found.output
    return found.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_the_form_signs_up_and_keeps_the_words_it_shows(ground: Ground, target: str) -> None:
    text = embed(ground, "job-seekers", "--for", target)
    assert "<script" not in text
    action = re.search(r'action="([^"]+)"', text)
    assert action is not None
    assert action[1] == f"{BASE}/s/job-seekers"
    names = re.findall(r' name="([^"]+)"', text)
    assert names == ["email", "first_name", "website"]
    consent = re.search(r"<small>(.*?)</small>", text)
    assert consent is not None
    visitor = Visitor(ground)
    answer = visitor.post("/s/job-seekers", {"email": "ann@example.org", "first_name": "Ann", "website": ""})
    assert answer.status_code == 200
    with ground.store.read() as work:
        who = work.subscriber_by_mailbox(ground.project.keys.mailbox_of("ann@example.org"))
        assert who is not None
        kept = work.consents(who.id)[0].evidence.text
    assert kept == html.unescape(consent[1])


def test_a_webinar_is_a_link_to_its_page(ground: Ground) -> None:
    text = embed(ground, "six-deadly-mistakes")
    assert f'href="{BASE}/w/six-deadly-mistakes"' in text
    assert "meet.example.com" not in text


def test_hostile_titles_stay_text_on_the_blog(ground: Ground) -> None:
    ground.edit("drip.yaml", "The job seekers' letter", '"</form><script>alert(1)</script> {{ 7 }}"')
    for target in TARGETS:
        text = embed(ground, "job-seekers", "--for", target)
        assert "<script" not in text
        assert text.count("</form>") == 1
    assert "{{" not in dressed("{{ printf }}", "hugo")


def test_json_and_unknown_names(ground: Ground) -> None:
    found = json.loads(embed(ground, "job-seekers", "--for", "hugo", "--json"))
    assert (found["kind"], found["for"]) == ("list", "hugo")
    assert "layouts/shortcodes/drip-job-seekers.html" in found["how"]
    wrong = CliRunner().invoke(cli, ["-C", str(ground.folder), "embed", "job-seeker"])
    assert wrong.exit_code == 2
    assert "did you mean `job-seekers`?" in wrong.output
