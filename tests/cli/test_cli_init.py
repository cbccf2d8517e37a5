"""A new project: what `drip init` says can be typed, whatever the folder is called."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from drip.cli.grammar import Call
from drip.cli.main import cli


@pytest.mark.parametrize("folder", ["coach", "my letter", "für Lisa & co", "-v", "a'b", "$HOME"])
def test_the_next_step_can_be_typed_as_it_stands(tmp_path: Path, folder: str) -> None:
    made = CliRunner().invoke(cli, ["init", "--example", "empty", "--", folder], obj=Call(folder=tmp_path))
    assert made.exit_code == 0, made.output
    typed = re.search("`(cd .*) && drip new campaign NAME`", made.output)
    assert typed is not None, made.output
    where = f"{typed[1]} && exec {sys.executable} -c 'import os; print(os.getcwd())'"
    said = subprocess.run(["sh", "-c", where], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(said.stdout.rstrip("\n")) == tmp_path / folder
    assert (tmp_path / folder / "drip.yaml").is_file()
