"""`drip pause` and `drip resume` as they are typed: what they say, and what a send into a pause is told."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from drip.cli.grammar import Call
from drip.cli.main import cli
from drip.simulate import FastClock

PROJECT = Path(__file__).parent / "projects" / "kitchen"
START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


def test_a_send_into_a_pause_says_what_lets_it_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "kitchen"
    shutil.copytree(PROJECT, folder)
    monkeypatch.setenv("DRIP_SECRET", "0123456789abcdef0123456789abcdef")
    monkeypatch.delenv("DRIP_STORE", raising=False)

    def drip(*words: str) -> str:
        result = CliRunner().invoke(cli, list(words), obj=Call(clock=FastClock(START), folder=folder))
        assert result.exit_code == 0, result.output
        return result.stdout

    drip("apply", "--yes")
    drip("subscriber", "add", "ann@example.org", "--list", "cooks", "--consent", "asked me")
    assert "welcome" in drip("pause", "welcome")
    assert "welcome is paused; `drip resume welcome` lets it go" in drip("send", "welcome/salt", "--to", "cooks")
    drip("run")
    assert json.loads(drip("status", "--json"))["deliveries"]["sent"] == 0
    assert "welcome" in drip("resume", "welcome", "--yes")
    assert "sent 2 messages" in drip("run")
