"""Every problem has a folder with files that have it, and the exact text that `drip check` prints for them.

`DRIP_UPDATE_GOLDEN=1` writes the texts anew: read the difference before committing it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drip.authoring.check import check
from drip.authoring.problems_catalogue import PROBLEMS
from drip.authoring.show import render_problem
from tests.problems.folders import EXPECTED, FOLDERS, NOW, SOUND, names, problems_of, project_files

ROOT = Path(__file__).parents[2]
FOLDER_NAMES = names()


@pytest.mark.parametrize("name", FOLDER_NAMES)
def test_problems_are_shown_as_expected(name: str) -> None:
    problems, files = problems_of(name)
    shown = "".join(f"{render_problem(each, files)}\n\n" for each in problems).rstrip("\n")
    shown += "\n" if shown else ""
    expected = FOLDERS / name / EXPECTED
    if os.environ.get("DRIP_UPDATE_GOLDEN") == "1":
        expected.write_text(shown, encoding="utf-8")
    assert shown == expected.read_text(encoding="utf-8")
    if name != SOUND:
        assert name in {each.name for each in problems}


def test_the_sound_project_has_no_problem() -> None:
    assert check(project_files(SOUND), now=NOW) == []


def test_every_problem_has_a_folder_and_every_folder_a_problem() -> None:
    assert {*FOLDER_NAMES} - {SOUND} == {*PROBLEMS}


def test_the_worked_example_has_no_problem() -> None:
    kept = ("drip.yaml", "campaigns/**/*", "templates/**/*")
    paths = {
        path
        for pattern in kept
        for path in ROOT.glob(pattern)
        if path.suffix in (".yaml", ".md", ".html", ".txt", ".css")
    }
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    problems = check(texts, now=datetime(2026, 10, 1, tzinfo=UTC))
    assert "\n\n".join(render_problem(each, texts) for each in problems) == ""
