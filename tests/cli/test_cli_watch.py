"""`drip run --watch` as a service: what systemd and a health file are told."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from drip.cli.grammar import Call
from drip.cli.main import cli
from drip.cli.standby import Standby
from drip.store.store import open_store
from tests.stages import START, Ground, open_ground


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    monkeypatch.setenv("DRIP_SECRET", "x" * 32)
    (tmp_path / "letter").mkdir()
    store = open_store(f"sqlite:///{tmp_path / 'letter' / 'drip.db'}", root=tmp_path)
    store.create_or_check()
    ground = open_ground(tmp_path / "letter", store)
    ground.join("mia@example.org")
    return ground


@pytest.mark.parametrize("name", ["\0drip-test-{}", "{}/notify"], ids=["abstract", "file"])
def test_systemd_hears_of_readiness_life_and_the_end(
    ground: Ground, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = name.format(tmp_path)[:100]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", address.replace("\0", "@"))
        monkeypatch.setenv("WATCHDOG_USEC", "90000000")
        pauses: list[float] = []
        health = tmp_path / "health.json"
        seen: list[dict[str, object]] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            seen.append(json.loads(health.read_text()))
            if len(pauses) == 2:
                raise KeyboardInterrupt

        call = Call(clock=ground.clock, pause=pause)
        words = ["-C", str(ground.folder), "run", "--watch", "--health", str(health)]
        assert CliRunner().invoke(cli, words, obj=call).exit_code == 130
        heard = []
        listener.setblocking(False)
        while True:
            try:
                heard.append(listener.recv(4096).decode())
            except BlockingIOError:
                break
    assert heard[0] == "READY=1\nSTATUS=watching"
    assert heard[-1].startswith("STOPPING=1")
    assert "STATUS=sent 1 messages since the start" in heard
    assert heard.count("WATCHDOG=1") >= 3, "while sending, and after each round"
    assert pauses == [30.0, 30.0], "never longer than a third of the watchdog's spell"
    assert [each["sent"] for each in seen] == [1, 1]
    assert (seen[0]["state"], seen[0]["at"]) == ("watching", START.isoformat())
    assert json.loads(health.read_text())["state"] == "stopped"


def test_nobody_listens_and_nothing_is_said(tmp_path: Path) -> None:
    Standby(None, {}).ready()
    Standby(tmp_path / "no" / "such" / "folder", {}).did({"sent": 1}, None, START)
    Standby(None, {"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()
    assert Standby(None, {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}).beat_seconds is None, "somebody else's"
    assert Standby(None, {"WATCHDOG_USEC": "3000000"}).beat_seconds == 1.0


def test_a_health_file_is_for_a_watch(ground: Ground) -> None:
    result = CliRunner().invoke(cli, ["-C", str(ground.folder), "run", "--health", "x"], obj=Call(clock=ground.clock))
    assert result.exit_code == 2
    assert "drip status --max-age" in result.output
