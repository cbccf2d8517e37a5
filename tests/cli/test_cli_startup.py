"""An idle `drip run` loads nothing that it does not need: cron calls it every minute, for years."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent / "projects" / "kitchen"
HEAVY = (
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
LIMIT_SECONDS = 1.5
"""Half a second is the promise on an idle machine; a test machine with other work on it gets three times that."""


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
    assert "sqlalchemy" in modules  # the list below would prove nothing if it were empty
    assert not modules & set(HEAVY)
    assert not {each for each in modules if each.startswith(("drip.web", "drip.sandbox", "drip.mail"))}


@pytest.mark.parametrize("words", [("--version",), ("run", "--help"), ("check", "--help")])
def test_help_loads_neither_database_nor_yaml(words: tuple[str, ...], tmp_path: Path) -> None:
    assert not loaded(*words, folder=tmp_path) & {*HEAVY, "sqlalchemy", "yaml", "asyncio"}


def test_an_idle_run_is_quick(idle: Path) -> None:
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "drip", "run"], cwd=idle, capture_output=True, text=True, check=True
        )
        seconds.append(time.perf_counter() - begin)
        assert done.stdout == "nothing is due; nothing is planned\n"
    assert min(seconds) < LIMIT_SECONDS, f"the best of five took {min(seconds):.2f} s ({os.cpu_count()} cores)"
