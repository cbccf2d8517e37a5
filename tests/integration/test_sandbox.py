"""The demo from its first press to its last, the inbox page, and the clock that can be pushed."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from drip.sandbox.catcher import LOOPBACK
from drip.sandbox.demo import ask, link, play, wall
from drip.sandbox.inbox import create_inbox
from drip.sandbox.promises import check_promises
from drip.sandbox.stage import SiteThread, Stage, listen
from drip.simulate import FastClock, ShiftedClock
from tests.stages import HERE, START


@pytest.mark.slow
def test_the_demo_keeps_every_promise() -> None:
    lines: list[str] = []
    played = play(HERE, say=lines.append)
    text = "\n".join(lines)
    assert played.broken == []
    assert played.counts["planned"] == sum(n for name, n in played.counts.items() if name != "planned")
    assert played.counts["sent"] == played.mails
    assert played.counts["failed"] == 1, "Finn's mailbox does not exist"
    assert len(re.findall(r"^\w+: ", text, re.MULTILINE)) >= 12
    assert "joins (303 to meet.example.com)" in text
    assert "<- we-missed-you" in text
    assert "<- recording-and-next-step" in text


@pytest.mark.slow
def test_the_demo_is_the_same_every_time() -> None:
    first: list[str] = []
    second: list[str] = []
    play(HERE, say=first.append)
    play(HERE, say=second.append)
    assert first == second


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(HERE, tmp_path / "stage", FastClock(START))


def test_a_reader_signs_up_on_the_site_and_the_mail_lands_in_the_inbox(stage: Stage) -> None:
    with stage:
        sock = listen(0)
        inbox = SiteThread(create_inbox(stage), sock)
        inbox.start()
        home = f"http://{LOOPBACK}:{sock.getsockname()[1]}"
        try:
            form = {"email": "ann@example.org", "first_name": "Ann", "tz": "Europe/Berlin", "website": ""}
            assert ask("POST", f"{stage.site.url}/s/job-seekers", form).status == 200
            stage.tick_if_due()
            assert "Please confirm" in ask("GET", f"{home}/").text
            shown = ask("GET", f"{home}/mail/1/source")
            assert "List-Unsubscribe" not in shown.text, "there is nothing to unsubscribe from yet"
            confirm = link(stage.catcher.messages[0], "/confirm/")
            assert ask("POST", confirm, {}).status == 200
            assert ask("POST", f"{home}/clock", {"push": "1 week"}).status == 303
            posts = [each.header("Subject") for each in stage.catcher.messages]
            assert len(posts) == 4, "the question, and three posts of the sequence"
            for view in ("html", "text", "headers", "source", "body"):
                assert ask("GET", f"{home}/mail/2/{view}").status == 200
            assert ask("GET", f"{home}/mail/99").status == 404
            assert ask("POST", f"{home}/clock", {"push": "a year"}).status == 422
        finally:
            inbox.stop()


def test_the_inbox_answers_only_to_names_of_this_machine(stage: Stage) -> None:
    import http.client

    with stage:
        sock = listen(0)
        inbox = SiteThread(create_inbox(stage), sock)
        inbox.start()
        port = sock.getsockname()[1]
        try:
            for headers, expected in (({"Host": "evil.example.com"}, 400), ({"Host": f"{LOOPBACK}:{port}"}, 200)):
                connection = http.client.HTTPConnection(LOOPBACK, port, timeout=10)
                connection.request("GET", "/", headers=headers)
                assert connection.getresponse().status == expected
                connection.close()
            connection = http.client.HTTPConnection(LOOPBACK, port, timeout=10)
            connection.request("POST", "/clock", b"push=1+day", {"Origin": "https://evil.example.com"})
            assert connection.getresponse().status == 403
            connection.close()
        finally:
            inbox.stop()


def test_hostile_mail_is_shown_as_text(stage: Stage) -> None:
    import smtplib

    with stage:
        with smtplib.SMTP(LOOPBACK, stage.catcher.port) as client:
            client.sendmail(
                "a@example.org",
                ["b@example.org"],
                b"Subject: <script>alert(1)</script>\r\nFrom: <a@example.org>\r\n\r\n<script>alert(2)</script>\r\n",
            )
        sock = listen(0)
        inbox = SiteThread(create_inbox(stage), sock)
        inbox.start()
        try:
            for view in ("html", "text", "headers", "source"):
                page = ask("GET", f"http://{LOOPBACK}:{sock.getsockname()[1]}/mail/1/{view}")
                assert page.status == 200
                assert "<script>" not in page.text
        finally:
            inbox.stop()


def test_links_of_the_stage_lead_to_the_stage(stage: Stage) -> None:
    with stage:
        ask("POST", f"{stage.site.url}/s/job-seekers", {"email": "ann@example.org", "tz": "", "website": ""})
        stage.tick_if_due()
        confirm = link(stage.catcher.messages[0], "/confirm/")
        assert urlsplit(confirm).netloc == urlsplit(stage.site.url).netloc


def test_a_pushed_clock_runs_on_and_never_goes_back() -> None:
    real = FastClock(START)
    shifted = ShiftedClock(real.now)
    shifted.set(START + timedelta(days=1))
    assert shifted.now() == START + timedelta(days=1)
    shifted.set(START)
    assert shifted.now() == START + timedelta(days=1)
    real.set(START + timedelta(hours=1))
    assert shifted.now() == START + timedelta(days=1, hours=1)


def test_the_promises_have_teeth(tmp_path: Path) -> None:
    """Each promise, broken on purpose in what the readers got, is named."""
    from dataclasses import replace

    from drip.authoring.definition import read_campaign, read_project
    from drip.project import read_tree
    from drip.sandbox.catcher import Caught
    from drip.sandbox.promises import Deed, Doing

    files = read_tree(HERE)
    definition, _ = read_project(files)
    assert definition is not None
    campaign, _ = read_campaign(files, "six-deadly-mistakes", definition)
    assert campaign is not None

    def mail(number: int, post: str, moment: str) -> Caught:
        raw = f"Message-ID: <{number}@x>\r\nFeedback-ID: c:{post}:sequence:x\r\nSubject: s\r\n\r\n".encode()
        return Caught(number, wall(moment), "b@x", "ann@example.org", raw)

    yes = Doing(wall("2026-11-19 10:00"), "ann@example.org", Deed.CONFIRMED)
    seat = Doing(wall("2026-11-20 10:00"), "ann@example.org", Deed.REGISTERED, "tuesday-noon")
    no = Doing(wall("2026-11-20 10:00"), "ann@example.org", Deed.UNSUBSCRIBED)
    first = mail(1, "own-the-mistake", "2026-11-19 10:05")
    second = mail(2, "two-second-resume-fix", "2026-11-21 09:30")

    def broken(mails: list[Caught], doings: list[Doing], planned: int | None = None) -> str:
        counts = {"planned": len(mails) if planned is None else planned, "sent": len(mails)}
        return "\n".join(check_promises(mails, doings, campaign, counts))

    assert broken([first, second], [yes]) == ""
    assert "got `own-the-mistake` 2 times" in broken([first, replace(first, number=2)], [yes])
    assert "came 2 times" in broken([first, first], [yes])
    assert "registered, and got `two-second-resume-fix`" in broken([first, second], [yes, seat])
    assert "unsubscribed, and got `two-second-resume-fix`" in broken([first, second], [yes, no])
    assert "never said yes" in broken([first], [])
    late = mail(3, "we-are-live", "2026-12-08 12:00")
    assert "without a session to come" in broken([first, late], [yes, seat])
    assert "add up" in broken([first], [yes], planned=2)
