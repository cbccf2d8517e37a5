"""The live preview as a process: the stream that tells of saves, the port it takes, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from drip.cli.grammar import Call
from drip.cli.main import cli
from drip.sandbox.live_run import run_live
from drip.sandbox.stage import listen
from drip.simulate import FastClock
from tests.stages import START, copy_example

FOLDER = "campaigns/six-deadly-mistakes"
LAST_SEATS = f"{FOLDER}/last-seats.md"


def wait_for_state(lines: Iterator[str], after: float) -> float:
    for line in lines:
        if line.startswith("data: "):
            return time.monotonic() - after
    raise AssertionError("the stream ended")


def test_the_stream_tells_of_a_save_within_a_second(tmp_path: Path) -> None:
    root = copy_example(tmp_path)
    stop, told = threading.Event(), threading.Event()
    urls: list[str] = []

    def say(url: str) -> None:
        urls.append(url)
        told.set()

    thread = threading.Thread(
        target=run_live,
        args=(root,),
        kwargs={"clock": FastClock(START), "port": 0, "post": "last-seats", "say": say, "stop": stop},
    )
    thread.start()
    try:
        assert told.wait(30)
        assert urls[0].endswith(f"/?post={LAST_SEATS}")
        home = urls[0].partition("/?")[0]
        with httpx.stream("GET", f"{home}/events", timeout=30) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            wait_for_state(lines, time.monotonic())
            # Until all sizes are known: then the next news is the save.
            while httpx.get(urls[0], timeout=30).text.count("…</span>"):
                time.sleep(0.1)
            file = root / LAST_SEATS
            file.write_text(file.read_text(encoding="utf-8") + "\nA new last line.\n", encoding="utf-8")
            saved = time.monotonic()
            while "A new last line." not in httpx.get(f"{home}/frame?post={LAST_SEATS}", timeout=30).text:
                wait_for_state(lines, saved)
            took = time.monotonic() - saved
            print(f"from the save to the new mail: {took:.2f} s")
            assert took < 3
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("pause", [0.0, 0.07, 0.31])
def test_ctrl_c_ends_at_once_with_an_open_stream(tmp_path: Path, pause: float) -> None:
    # At several moments: while posts are being measured, an interrupt must not be swallowed or tear a lock.
    root = copy_example(tmp_path)
    command = [sys.executable, "-m", "drip", "-C", str(root), "preview", "--port", "0", "--json"]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = ""
        while not first.endswith("}\n"):
            first += process.stdout.readline()
        url = json.loads(first)["url"]
        start_up = time.monotonic() - began
        try:
            with httpx.stream("GET", f"{url}events", timeout=60) as stream:
                wait_for_state(stream.iter_lines(), 0)
                time.sleep(pause)
                started = time.monotonic()
                process.send_signal(signal.SIGINT)
                code = process.wait(60)
                took = time.monotonic() - started
        finally:
            process.kill()
        errors = process.stderr.read() if process.stderr else ""
    # Against its own start, which takes half a second where nothing else is at work.
    assert took < max(3, 4 * start_up), f"ended in {took:.2f} s, after a start of {start_up:.2f} s"
    assert code == 0, errors
    assert "Traceback" not in errors
    assert "ERROR" not in errors


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--text",), "for one post"),
        (("last-seats", "--serve", "-o", "x.html"), "for one post"),
        (("--as", "mia@example.com"), "for one post"),
        (("gone", "--serve"), "no post `gone`"),
        (("--port", "70000"), "70000"),
    ],
)
def test_what_does_not_fit_the_live_page_is_wrong_usage(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    call = Call(clock=FastClock(START), folder=copy_example(tmp_path))
    result = CliRunner().invoke(cli, ["preview", *words], obj=call)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_taken_port_is_wrong_usage_with_a_hint(tmp_path: Path) -> None:
    taken = listen(0)
    try:
        call = Call(clock=FastClock(START), folder=copy_example(tmp_path))
        result = CliRunner().invoke(cli, ["preview", "--port", str(taken.getsockname()[1])], obj=call)
    finally:
        taken.close()
    assert result.exit_code == 2
    assert "--port" in result.stderr


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    taken = listen(0)
    try:
        with pytest.raises(OSError, match="in use"):
            run_live(
                copy_example(tmp_path),
                clock=FastClock(datetime.fromisoformat("2026-01-01T00:00Z")),
                port=taken.getsockname()[1],
                post=None,
                say=print,
            )
    finally:
        taken.close()
