"""An idle `drip run` loads nothing that it does not need: cron calls it every minute, for years."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent / "projects" / "kitchen"
HEAVY = (
    "sqlalchemy",
    "asyncio",
    "premailer",
    "lxml",
    "markdown_it",
    "mdit_py_plugins",
    "jinja2",
    "starlette",
    "uvicorn",
    "anyio",
    "httpx",
    "rich",
    "alembic",
    "psycopg",
    "icalendar",
    "email_validator",
    "aiosmtplib",
    "aiosmtpd",
    "ftfy",
)
MODULES_MOST = 260
"""An idle run loads about 210 modules, most of them Python's own. Seconds are measured in benchmarks/idle_run.py;
what can be counted is counted here."""


def loaded(*words: str, folder: Path) -> set[str]:
    """The modules that a call of drip imports."""
    code = "import sys\nfrom drip.cli.main import cli\ntry: cli()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] if not name.startswith("drip.") else name for name in done.stderr.split()}


@pytest.fixture
def idle(tmp_path: Path) -> Path:
    """The small project, applied, with nothing due."""
    folder = tmp_path / "kitchen"
    shutil.copytree(PROJECT, folder)
    subprocess.run([sys.executable, "-m", "drip", "apply", "--yes"], cwd=folder, check=True, capture_output=True)
    return folder


def test_an_idle_run_loads_no_heavy_library(idle: Path) -> None:
    modules = loaded("run", folder=idle)
    assert "sqlite3" in modules  # what follows would prove nothing if nothing had been asked
    assert len(modules) < MODULES_MOST
    assert not modules & set(HEAVY)
    assert not {each for each in modules if each.startswith(("drip.web", "drip.sandbox", "drip.mail"))}


@pytest.mark.parametrize("words", [("--version",), ("run", "--help"), ("check", "--help")])
def test_help_loads_neither_database_nor_yaml(words: tuple[str, ...], tmp_path: Path) -> None:
    assert not loaded(*words, folder=tmp_path) & {*HEAVY, "yaml"}
