"""`drip db repair`: back up, send, restore the backup; the run refuses, and after the repair nobody gets a copy."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from drip.cli.main import cli
from drip.core.events import AddedByAuthor
from drip.engine.apply import apply
from drip.engine.happen import perform
from drip.project import open_project
from tests.stages import EVIDENCE, copy_example

READERS = 20


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DRIP_SECRET", "x" * 32)
    folder = copy_example(tmp_path / "letter", relay="folder: outbox")
    now = datetime.now(UTC)
    with open_project(folder) as project:
        apply(project.engine, project.wanted(), now)
        with project.store.write() as work:
            scene = project.engine.scene(work, now)
            for number in range(READERS):
                perform(scene, AddedByAuthor(f"r{number}@example.org", "job-seekers", EVIDENCE, attested=True))
    return folder


def drip(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["-C", str(folder), *words])


def test_the_whole_story(folder: Path) -> None:
    shutil.copy(folder / "drip.db", folder / "backup.db")  # nobody has it open
    assert drip(folder, "run").exit_code == 0
    outbox = folder / "outbox"
    assert len(list(outbox.rglob("*.eml"))) == READERS
    for each in folder.glob("drip.db*"):
        if each.is_file():
            each.unlink()
    shutil.copy(folder / "backup.db", folder / "drip.db")

    refused = drip(folder, "run")
    assert refused.exit_code == 12
    assert "hint: `drip db repair` notes in the database what the journal knows" in refused.output
    assert "the database has forgotten messages that were sent" in drip(folder, "status").output
    assert drip(folder, "db", "check").exit_code == 12
    assert drip(folder, "db", "repair", "-n").output.startswith(f"would note {READERS} deliveries: {READERS} sent\n")
    assert drip(folder, "run").exit_code == 12, "a dry run repairs nothing"
    assert drip(folder, "db", "repair").output.startswith(f"noted {READERS} deliveries: {READERS} sent\n")
    assert "nothing to repair" in drip(folder, "db", "repair").output
    assert drip(folder, "db", "check").exit_code == 0
    assert drip(folder, "run").exit_code == 0
    assert len(list(outbox.rglob("*.eml"))) == READERS, "nobody twice"


def test_a_place_that_nobody_knows_is_no_place(folder: Path) -> None:
    result = drip(folder, "db", "repair", "--without", "web2:/nowhere")
    assert result.exit_code == 2
    assert "no send journal is known at `web2:/nowhere`\nhint: none is awaited" in result.output
