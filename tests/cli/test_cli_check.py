"""`drip check` on disk: mending, asking links on loopback, remarks for pull requests, files outside a project."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from drip.cli.grammar import Call
from drip.cli.linking import ask_all
from drip.cli.main import cli
from tests.problems.folders import FOLDERS, SOUND

NOW = datetime(2026, 6, 1, tzinfo=UTC)
POST = "campaigns/webinar/own-the-mistake.md"


class FixedClock:
    def now(self) -> datetime:
        return NOW


def drip(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["check", *words], obj=Call(clock=FixedClock(), folder=folder))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(FOLDERS / SOUND, tmp_path / "p", ignore=shutil.ignore_patterns("expected.txt"))
    return tmp_path / "p"


# --- mending -----------------------------------------------------------------------------------------------


def damage(project: Path) -> Path:
    post = project / POST
    post.write_bytes(post.read_bytes().replace(b"\n", b"\r\n").replace(b"just owned", "justâ€”owned".encode()))
    post.chmod(0o640)
    return post


def test_fix_mends_and_says_what_it_did(project: Path) -> None:
    whole = (project / POST).read_bytes()
    post = damage(project)
    result = drip(project, "--fix")
    assert result.exit_code == 0, result.output
    assert post.read_bytes() == whole.replace(b"just owned", "just—owned".encode())
    assert post.stat().st_mode & 0o777 == 0o640
    assert f"{POST}: made all line ends LF" in result.stderr
    assert f"{POST}: repaired damaged characters in line 8" in result.stderr
    assert "no problems" in result.stdout
    assert drip(project, "--fix").stderr == ""


def test_dry_run_shows_a_diff_and_writes_nothing(project: Path) -> None:
    post = damage(project)
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    result = drip(project, "--fix", "--dry-run")
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before
    assert "-John justâ€”owned it." in result.stdout
    assert "+John just—owned it." in result.stdout
    assert f"would have {POST}: made all line ends LF" in result.stderr
    assert post.read_bytes() == before[post]


def test_only_what_was_asked_for_is_mended(project: Path) -> None:
    post = damage(project)
    before = post.read_bytes()
    drip(project, "--fix", "campaigns/webinar/you-are-in.md")
    assert post.read_bytes() == before


def test_a_link_to_a_file_stays_a_link(project: Path, tmp_path: Path) -> None:
    post = damage(project)
    moved = tmp_path / "elsewhere.md"
    post.rename(moved)
    post.symlink_to(moved)
    assert drip(project, "--fix").exit_code == 0
    assert post.is_symlink()
    assert b"\r" not in moved.read_bytes()


def test_windows_1252_becomes_utf_8(project: Path) -> None:
    post = project / POST
    post.write_bytes(post.read_bytes().replace(b"just owned", b"just \x96 owned"))
    assert drip(project).exit_code == 4
    assert drip(project, "--fix").exit_code == 0
    assert "just – owned" in post.read_text(encoding="utf-8")


def test_misspelt_keys_are_renamed_only_with_yes(project: Path) -> None:
    plot = project / "campaigns/webinar/campaign.yaml"
    whole = plot.read_text()
    plot.write_text(whole.replace("goal:", "gaol:").replace("length:", "lenght:"))
    asked = drip(project, "--fix")
    assert asked.exit_code == 4
    assert "would also rename 2 keys" in asked.stderr
    assert "gaol:" in plot.read_text()
    done = drip(project, "--fix", "--yes")
    assert done.exit_code == 0, done.output
    assert plot.read_text() == whole
    assert "campaign.yaml:11: renamed `gaol` to `goal`" in done.stderr


def test_json_says_what_was_mended(project: Path) -> None:
    damage(project)
    said = json.loads(drip(project, "--fix", "--json").stdout)
    assert len(said["mended"]) == 2
    assert said["problems"] == []


@pytest.mark.parametrize("option", ["--dry-run", "--yes"])
def test_options_of_mending_need_fix(project: Path, option: str) -> None:
    assert drip(project, option).exit_code == 2


# --- links -------------------------------------------------------------------------------------------------


class Web(BaseHTTPRequestHandler):
    """Answers by the path: `/404`, `/no-head`, `/to/…`, `/loop`, `/slow`."""

    asked: list[str]

    def do_HEAD(self) -> None:
        self.answer("HEAD")

    def do_GET(self) -> None:
        self.answer("GET")

    def answer(self, method: str) -> None:
        self.asked.append(f"{method} {self.path}")
        status, location = 200, ""
        if self.path == "/slow":
            self.server.quiet.wait(5)  # type: ignore[attr-defined]
        elif self.path == "/no-head":
            status = 405 if method == "HEAD" else 200
        elif self.path.startswith("/to/"):
            status, location = 302, self.path.removeprefix("/to")
        elif self.path == "/loop":
            status, location = 301, "/loop"
        elif self.path[1:].isdigit():
            status = int(self.path[1:])
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.end_headers()

    def log_message(self, *words: object) -> None:  # type: ignore[override]
        pass


@pytest.fixture
def web() -> Iterator[tuple[str, list[str]]]:
    Web.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.quiet = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", Web.asked
    server.quiet.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def test_links_are_asked_once_and_dead_ones_have_their_line(project: Path, web: tuple[str, list[str]]) -> None:
    base, asked = web
    with (project / POST).open("a") as file:
        file.write(f"\n[one]({base}/404) and [two]({base}/ok)\n\n[three]({base}/404) and [four]({base}/503)\n")
        file.write("\n[five]({{ links.webinar }}) and [six](mailto:a@example.com)\n")
    result = drip(project, "--links", "--json")
    problems = [each for each in json.loads(result.stdout)["problems"] if each["name"].endswith("-link")]
    found = [(each["name"], each["line"]) for each in problems if each["name"] != "insecure-link"]
    assert found == [("dead-link", 12), ("dead-link", 14), ("doubtful-link", 14)]
    assert asked.count("HEAD /404") == 1
    assert asked.count("HEAD /ok") == 1
    assert "GET /ok" not in asked
    assert result.exit_code == 4


def test_without_links_nothing_is_asked(project: Path, web: tuple[str, list[str]]) -> None:
    base, asked = web
    with (project / POST).open("a") as file:
        file.write(f"\n[one]({base}/404)\n")
    drip(project)
    assert asked == []


def test_answers(web: tuple[str, list[str]]) -> None:
    base, asked = web
    answers = ask_all(
        [f"{base}{path}" for path in ("/no-head", "/to/ok", "/to/410", "/loop", "/slow", "/é?ö=1")], seconds=1
    )
    assert [each.status for each in answers.values()] == [200, 200, 410, 0, 0, 200]
    assert "redirects" in answers[f"{base}/loop"].fault
    assert "no answer within 1 second" in answers[f"{base}/slow"].fault
    assert "HEAD /%C3%A9?%C3%B6=1" in asked


def test_hosts_that_are_not_there() -> None:
    answers = ask_all(
        ["http://127.0.0.1:1/", "http://[::1", "https://", "http://a.invalid/", "http://127.0.0.1:99999/"]
    )
    assert answers["http://127.0.0.1:1/"].is_final
    assert all(each.status == 0 and each.fault for each in answers.values())


def test_at_most_a_hundred_addresses_are_asked(web: tuple[str, list[str]]) -> None:
    base, asked = web
    assert len(ask_all(f"{base}/{number}x" for number in range(150))) == 100
    assert len(asked) == 100


# --- how it is said, and of what ---------------------------------------------------------------------------


def test_remarks_for_a_pull_request(project: Path) -> None:
    post = project / POST
    post.write_text(post.read_text().replace("Hi {{ first_name }},", "Hi {{ first_nme }}, 100% [here](webinar:)"))
    lines = drip(project, "--format", "github").stdout.splitlines()
    assert lines == [
        f"::error file={POST},line=6,col=7,endColumn=16,title=unknown-field::there is no field `first_nme`; "
        "a field with a similar name exists: `first_name`",
        f"::warning file={POST},line=6,col=33,endColumn=41,title=vague-link::a link that is called `here` says nothing "
        "to people who cannot see what is around it; let the text of the link say where it leads",
    ]


def test_a_remark_cannot_end_its_line(project: Path) -> None:
    name = "a,b:c%0A::error.md"
    (project / "campaigns/webinar" / name).write_text("no head\n")
    lines = drip(project, "--format", "github").stdout.splitlines()
    assert all(line.startswith(("::error file=", "::warning file=")) for line in lines)
    assert any("a%2Cb%3Ac%250A%3A%3Aerror.md" in line for line in lines)


def test_strict_counts_warnings_and_no_notes(project: Path) -> None:
    post = project / POST
    whole = post.read_text()
    post.write_text(whole.replace("How to turn around an interview mistake", "News"))
    assert drip(project, "--strict").exit_code == 0
    post.write_text(whole.replace("How to turn around an interview mistake", "READ THIS NOW"))
    assert drip(project).exit_code == 0
    assert drip(project, "--strict").exit_code == 4


def test_a_file_elsewhere_is_judged_alone(project: Path, tmp_path: Path) -> None:
    lone = tmp_path / "draft.md"
    lone.write_text("---\nsubject: A subject\npreview: P\n---\n[Register](https://example.invalid/FILL-ME)\n")
    for folder in (project, tmp_path):
        result = drip(folder, str(lone))
        assert "error[missing-link]" in result.stdout, result.output
        assert result.exit_code == 4
    inside = project / "drafts" / "draft.md"
    inside.parent.mkdir()
    inside.write_bytes(lone.read_bytes())
    assert "error[missing-link]" in drip(project, "drafts/draft.md").stdout
    assert "in 2 files" in drip(project, str(lone), "webinar/you-are-in").stdout


def test_a_file_elsewhere_can_be_mended(project: Path, tmp_path: Path) -> None:
    lone = tmp_path / "draft.md"
    lone.write_bytes(b"---\r\nsubject: A subject\r\npreview: P\r\n---\r\nHi")
    assert drip(project, str(lone), "--fix").exit_code == 0
    assert lone.read_bytes() == b"---\nsubject: A subject\npreview: P\n---\nHi\n"
