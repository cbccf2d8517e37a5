"""What `drip check` looks at: a project, a part of it, or Markdown files that are in no project.

Reads files and asks the checks; shows nothing. Called by `drip.cli.check_command`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from drip.cli.files import read_input
from drip.cli.grammar import Call, settle
from drip.cli.names import scope_of
from drip.core.problems import Problem
from drip.errors import NoProject
from drip.project import read_tree

if TYPE_CHECKING:
    from drip.authoring.desk import Desk


@dataclass(slots=True)
class Scope:
    """What is to be judged: the project's `files` with the prefixes in `scopes` (none: all), and `lone` files.

    `on_disk` has the paths of those files that are the author's own, by their names in `files` and `lone`.
    """

    files: dict[str, str] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()
    lone: dict[str, str] = field(default_factory=dict)
    on_disk: dict[str, Path] = field(default_factory=dict)

    @property
    def all_files(self) -> dict[str, str]:
        """Everything that a problem may point into."""
        return {**self.files, **self.lone}

    def has(self, path: str) -> bool:
        """Whether a problem in this file was asked for."""
        return path in self.lone or (path in self.files and (not self.scopes or path.startswith(self.scopes)))


def read_scope(call: Call, addresses: tuple[str, ...]) -> Scope:
    """The files that these addresses mean. Raises NoProject, NotFound."""
    root: Path | None
    try:
        root = call.root()
    except NoProject:
        if not addresses or any(call.path(each).suffix != ".md" for each in addresses):
            raise
        root = None
    scope = Scope(files=read_tree(root) if root is not None else {})
    scopes = []
    for address in addresses:
        if root is None or _is_lone(call, root, scope.files, address):
            scope.lone[address] = read_input(call, address)[0]
            scope.on_disk[address] = call.path(address)
        else:
            scopes.append(scope_of(call, root, scope.files, address))
    if root is not None and (scopes or not addresses):
        scope.scopes = () if "" in scopes else tuple(scopes)
        own = ((name, root / name) for name in scope.files if scope.has(name))
        scope.on_disk |= {name: path for name, path in own if path.is_file()}
    else:
        scope.files = {}
    return scope


def _is_lone(call: Call, root: Path, files: dict[str, str], address: str) -> bool:
    """A Markdown file that is there and is no post of the project, inside its folder or elsewhere."""
    path = call.path(address).resolve()
    if path.suffix != ".md" or not path.is_file():
        return False
    return not path.is_relative_to(root) or path.relative_to(root).as_posix() not in files


def judge(call: Call, scope: Scope, at: datetime | None, *, is_strict: bool) -> list[Problem]:
    """The problems in scope."""
    from drip.authoring.check import check, check_post

    now = moment_of(call, scope, at)
    found = check(scope.files, now=now, is_strict=is_strict) if scope.files else []
    for path in scope.lone:
        found += check_post(scope.lone, path, now=now, is_strict=is_strict)
    return [each for each in found if scope.has(each.place.path) or _is_everywhere(scope, each)]


def _is_everywhere(scope: Scope, problem: Problem) -> bool:
    """A problem of a file that is not there is shown where its folder was asked for."""
    path = problem.place.path
    return bool(scope.files) and path not in scope.files and (not scope.scopes or path.startswith(scope.scopes))


def moment_of(call: Call, scope: Scope, at: datetime | None) -> datetime:
    """The moment to judge at, on the project's clock."""
    from drip.authoring.definition import read_project

    if at is None:
        return call.now()
    definition = read_project(scope.files)[0] if scope.files else None
    return settle(at, definition.timezone if definition else "UTC")


def desks(call: Call, scope: Scope, at: datetime | None) -> list[Desk]:
    """What was read of the files in scope, for those who look at links."""
    from drip.authoring.check import lone_desk, read_desk

    now = moment_of(call, scope, at)
    made = [read_desk(scope.files, now)] if scope.files else []
    return [*made, *(lone_desk(scope.lone, path, now) for path in scope.lone)]
