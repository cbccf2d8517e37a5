"""The walls of DESIGN §4 hold, and the tools that guard them notice a fault that is planted on purpose."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stages import HERE

SQL = re.compile(r"^\s*(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+TABLE|PRAGMA)\b", re.S)


def sql_strings(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every string that is a statement of SQL."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
            yield node.lineno, node.value


def outside_the_store() -> list[Path]:
    """All modules but the store's."""
    return [each for each in sorted((HERE / "drip").rglob("*.py")) if "store" not in each.relative_to(HERE).parts]


def test_only_the_store_speaks_sql() -> None:
    found = [(each.name, *hit) for each in outside_the_store() for hit in sql_strings(each.read_text())]
    assert found == []


def test_a_planted_sql_string_is_caught() -> None:
    planted = 'def count():\n    return run("SELECT count(*) FROM delivery")\n'
    assert [line for line, _ in sql_strings(planted)] == [2]
    assert list(sql_strings('say("select a session from the page")')) == []


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and its configuration in a folder of their own, to plant faults in."""
    shutil.copytree(HERE / "drip", tmp_path / "drip", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "pyproject.toml", tmp_path)
    return tmp_path


def plant(path: Path, code: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + code, encoding="utf-8")


def tool(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    binary = Path(sys.executable).parent / command[0]
    return subprocess.run([binary, *command[1:]], cwd=copy, capture_output=True, text=True, check=False)


def test_a_planted_clock_in_the_core_is_caught(copy: Path) -> None:
    plant(copy / "drip/core/decide.py", "\n\ndef _cheat() -> datetime:\n    return datetime.now(UTC)\n")
    checked = tool(copy, "ruff", "check", "--no-cache", "drip/core/decide.py")
    assert checked.returncode != 0
    assert "TID251" in checked.stdout


def test_chance_in_the_engine_is_caught(copy: Path) -> None:
    plant(copy / "drip/engine/sending.py", "\nimport random\n")
    assert "TID251" in tool(copy, "ruff", "check", "--no-cache", "drip/engine/sending.py").stdout


def test_a_planted_import_through_a_wall_is_caught(copy: Path) -> None:
    plant(copy / "drip/core/decide.py", "\nimport random\n")
    plant(copy / "drip/cli/look.py", "\nimport sqlalchemy\n")
    plant(copy / "drip/mail/mime.py", "\nimport drip.store.store\n")
    checked = tool(copy, "lint-imports", "--no-cache")
    assert checked.returncode != 0
    for broken in (
        "drip.core is not allowed to import random",
        "drip.cli is not allowed to import sqlalchemy",
        "drip.mail is not allowed to import drip.store",
    ):
        assert broken in checked.stdout


def test_nothing_in_the_tree_names_a_machine_or_a_registry() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=HERE, capture_output=True, check=False).stdout
    if not listed:
        pytest.skip("not a git checkout")
    forbidden = re.compile(r"(^|[^A-Za-z0-9_.])/(work|farm)/|pypi\.org|pythonhosted|registry\.npmjs", re.M)
    found = []
    for name in listed.decode().split("\0"):
        path = HERE / name
        if not name or name == "tests/docs/test_walls.py" or not path.is_file():
            continue
        text = path.read_bytes()
        if b"\0" not in text and forbidden.search(text.decode("utf-8", "replace")):
            found.append(name)
    assert found == []
