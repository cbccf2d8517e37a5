"""`serve`, `sandbox` and `demo` from the command line: they start, answer, and end with Ctrl-C."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from drip.cli.main import cli

PROJECT = Path(__file__).parent / "projects" / "kitchen"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "kitchen"
    shutil.copytree(PROJECT, target)
    return target


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port


def get(url: str) -> str:
    """The page, as soon as somebody serves it."""
    end = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as page:
                return str(page.read().decode())
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def start(*words: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "drip", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background has Ctrl-C switched off, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def stop(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_serve_shows_the_sign_up_page_and_ends_with_control_c(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "drip", "apply", "-y"], cwd=folder, check=True, capture_output=True)
    port = free_port()
    process = start("serve", "--port", str(port), folder=folder)
    try:
        page = get(f"http://127.0.0.1:{port}/s/cooks")
    finally:
        code, _, err = stop(process)
    assert "One recipe a week." in page
    assert code in (0, 130)
    assert "Traceback" not in err


def test_sandbox_serves_an_inbox_and_touches_no_database(folder: Path) -> None:
    port, site = free_port(), free_port()
    process = start("sandbox", "--port", str(port), "--site-port", str(site), folder=folder)
    try:
        inbox = get(f"http://127.0.0.1:{port}/")
        page = get(f"http://127.0.0.1:{site}/s/cooks")
    finally:
        code, out, err = stop(process)
    assert "<html" in inbox.lower()
    assert "One recipe a week." in page
    assert re.search(rf"inbox +http://127\.0\.0\.1:{port}", out)
    assert code in (0, 130)
    assert "Traceback" not in err
    assert not (folder / "drip.db").exists()


@pytest.mark.parametrize("verb", ["serve", "sandbox"])
def test_a_taken_port_is_wrong_usage(verb: str, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(cli, ["-C", str(folder), verb, "--port", str(port)])
    assert result.exit_code == 2
    assert "cannot listen there: address already in use" in result.stderr
    assert "--port" in result.stderr


def test_the_demo_ends_by_itself_without_a_terminal_and_its_code_is_its_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import drip.sandbox.demo as demo

    asked: list[object] = []

    def play(root: Path, **more: object) -> demo.Played:
        asked.append(more["keep_open"])
        return demo.Played({}, ["a promise"] if len(asked) > 1 else [], 1, 1)

    monkeypatch.setattr(demo, "play", play)
    assert CliRunner().invoke(cli, ["demo"]).exit_code == 0
    assert CliRunner().invoke(cli, ["demo", "--exit"]).exit_code == 1
    assert asked == [None, None]
