"""Reads the folders of tests/problems: the sound project, with the files of one folder laid over it.

A file `PATH.gone` takes PATH out of the sound project; a line `PATH COUNT TEXT` in `enlarge.txt` adds a TEXT so many
times to a file, so that nobody has to keep a megabyte in git; a line `URL STATUS` in `answers.txt` is what the web says
when it is asked. Used by the tests here and by docs/make_problems.py.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from drip.authoring.answers import Answer, judge_answers, web_links
from drip.authoring.check import check, read_desk
from drip.core.problems import Problem

FOLDERS = Path(__file__).parent
SOUND = "sound-project"
EXPECTED = "expected.txt"
ENLARGE = "enlarge.txt"
ANSWERS = "answers.txt"
# The sessions of the sound project are in December.
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def names() -> list[str]:
    """All folders, with the sound project."""
    return sorted(each.name for each in FOLDERS.iterdir() if each.is_dir() and each.name != "__pycache__")


def own_files(name: str) -> dict[str, str]:
    """The files of one folder, as they are written."""
    folder = FOLDERS / name
    paths = sorted(each for each in folder.rglob("*") if each.is_file() and each.name != EXPECTED)
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def project_files(name: str) -> dict[str, str]:
    """The project that a folder means."""
    files = own_files(SOUND)
    for path, text in own_files(name).items():
        if path.endswith(".gone"):
            del files[path.removesuffix(".gone")]
        elif path not in (ENLARGE, ANSWERS):
            files[path] = text
    for line in own_files(name).get(ENLARGE, "").splitlines():
        path, count, text = line.split(" ", 2)
        files[path] += text * int(count)
    return files


def problems_of(name: str) -> tuple[list[Problem], dict[str, str]]:
    """What `drip check` finds in a folder, and the files that it finds it in."""
    files = project_files(name)
    answers = {}
    for line in own_files(name).get(ANSWERS, "").splitlines():
        address, said = line.split(" ", 1)
        answers[address] = Answer(int(said)) if said.isdigit() else Answer(0, said, is_final=True)
    asked = judge_answers(web_links(read_desk(files, NOW)), answers)
    return [*check(files, now=NOW), *asked], files
