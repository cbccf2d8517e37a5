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


# --- leading on ------------------------------------------------------------------------------------------------------

MINE = "https://www.example.com"
THANKS = f"{MINE}/thanks?from=letter"


@pytest.fixture
def mine(ground: Ground) -> Ground:
    ground.edit("drip.yaml", "\nlists:", f"\nown-sites: [{MINE}, 'http://localhost:4000/']\nlists:")
    ground.apply()
    return ground


def sent_in(visitor: Visitor, email: str, lead_on: str) -> tuple[int, str]:
    """The answer to the form: its status, and where it leads."""
    form = {"email": email, "first_name": "Ann", "website": "", "next": lead_on}
    answer = visitor.post("/s/job-seekers", form)
    return answer.status_code, answer.headers.get("location", "")


def test_a_form_leads_on_to_the_authors_own_page(mine: Ground) -> None:
    text = embed(mine, "job-seekers", "--next", THANKS)
    assert f'<input type="hidden" name="next" value="{html.escape(THANKS)}">' in text
    visitor = Visitor(mine)
    told = [sent_in(visitor, email, THANKS) for email in ("ann@example.org", "ann@example.org", "BEN@example.org")]
    assert told == [(303, THANKS)] * 3
    assert sent_in(visitor, "cid@example.org", "http://localhost:4000/ok")[1] == "http://localhost:4000/ok"
    assert sent_in(visitor, "dee@example.org", "https://WWW.example.com:443/ok")[0] == 303
    mine.tick()
    assert "confirm-subscription" in mine.transport.posts("ann@example.org")


@pytest.mark.parametrize(
    "lead_on",
    [
        "https://evil.example/",
        "https://www.example.com.evil.example/",
        "https://www.example.com@evil.example/",
        "https://www.example.com:8443/",
        "http://www.example.com/",
        "//www.example.com/thanks",
        "/thanks",
        "https:/\\evil.example/",
        "https://www.example.com\\@evil.example/",
        "javascript:alert(1)",
        f"{MINE}/a\r\nSet-Cookie: a=b",
        f"{MINE}/{'x' * 600}",
    ],
)
def test_it_is_no_door_to_anywhere_else(mine: Ground, lead_on: str) -> None:
    """Whoever is signed up so is signed up all the same, and sees our own page."""
    assert sent_in(Visitor(mine), "ann@example.org", lead_on) == (200, "")
    found = CliRunner().invoke(cli, ["-C", str(mine.folder), "embed", "job-seekers", "--next", lead_on])
    assert found.exit_code == 2
    assert found.stdout == ""


def test_a_fault_is_shown_and_the_way_is_kept(mine: Ground) -> None:
    visitor = Visitor(mine)
    page = visitor.post("/s/job-seekers", {"email": "ann", "website": "", "next": THANKS})
    assert page.status_code == 422
    assert f'name="next" value="{html.escape(THANKS)}"' in page.text
    assert f"form-action 'self' {MINE}" in page.headers["content-security-policy"].split("; ")
    strange = visitor.post("/s/job-seekers", {"email": "ann", "website": "", "next": "https://evil.example/"})
    assert "evil" not in strange.text
    assert "evil" not in strange.headers["content-security-policy"]


def test_without_sites_nothing_leads_on(ground: Ground) -> None:
    assert sent_in(Visitor(ground), "ann@example.org", THANKS) == (200, "")
    found = CliRunner().invoke(cli, ["-C", str(ground.folder), "embed", "job-seekers", "--next", THANKS])
    assert "none of your sites (none)" in found.output
    assert "own-sites:" in found.output
    found = CliRunner().invoke(cli, ["-C", str(ground.folder), "embed", "six-deadly-mistakes", "--next", THANKS])
    assert found.exit_code == 2


def test_a_site_is_scheme_and_host_alone(ground: Ground) -> None:
    ground.edit("drip.yaml", "\nlists:", "\nown-sites: [https://www.example.com/blog, ftp://example.com]\nlists:")
    found = CliRunner().invoke(cli, ["-C", str(ground.folder), "check"])
    assert "a site is scheme and host alone" in found.output
    assert "write `https://www.example.com`" in found.output
    assert "is not a web address" in found.output
