"""`drip check --fix`: mends the author's files on disk, or shows as a diff what it would mend.

What is safe is decided by `drip.authoring.mending`. Each file is written whole or not at all, and keeps its mode.
Called by `drip.cli.check_command`.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable
from pathlib import Path

from drip.authoring.mending import is_better, mend_text, rename, renames
from drip.cli.files import INPUT_BYTES_MAX, write_file
from drip.cli.grammar import Call
from drip.cli.judging import Scope
from drip.cli.output import count
from drip.core.problems import Problem

Judge = Callable[[Scope], list[Problem]]


def mend(call: Call, scope: Scope, judge: Judge, *, dry_run: bool, keys: bool) -> list[str]:
    """Mend every file in scope and return what was done, a line each; `scope` then has the new texts."""
    before: dict[str, str] = {}
    report: list[str] = []
    for name, path in scope.on_disk.items():
        found = _read(path)
        if found is None:
            continue
        raw, is_foreign = found
        mended = mend_text(raw, name)
        _put(scope, name, mended.text.removeprefix("\ufeff"))
        if mended.text != raw or is_foreign:
            before[name] = raw
            report += [f"{name}: saved Windows-1252 as UTF-8"] if is_foreign else []
            report += [f"{name}: {each}" for each in mended.report]
    report += _rename_keys(call, scope, judge, before, keys=keys)
    for name, raw in before.items():
        text = scope.all_files[name]
        if dry_run:
            _show_difference(call, name, raw, text)
        else:
            _write(scope.on_disk[name], text)
    return report


def _read(path: Path) -> tuple[str, bool] | None:
    """The text of a file with its own line ends, and whether it is in Windows-1252, as with imports; None: no text."""
    data = path.read_bytes()
    if len(data) > INPUT_BYTES_MAX or b"\0" in data:
        return None
    for encoding in ("utf-8", "cp1252"):
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode(encoding), encoding != "utf-8"
    return None


def _write(path: Path, text: str) -> None:
    target = path.resolve()  # a link stays a link
    mode = target.stat().st_mode
    write_file(target, text.encode("utf-8"))
    target.chmod(mode)


def _put(scope: Scope, name: str, text: str) -> None:
    (scope.lone if name in scope.lone else scope.files)[name] = text


def _rename_keys(call: Call, scope: Scope, judge: Judge, before: dict[str, str], *, keys: bool) -> list[str]:
    """Rename misspelt keys one by one, as long as each leaves fewer problems; without `keys` only say so."""
    problems = judge(scope)
    found = [each for each in renames(scope.all_files, problems) if each.problem.place.path in scope.on_disk]
    if not keys:
        if found:
            call.output.talk(f"`--fix --yes` would also rename {count(len(found), 'key')} that looks misspelt"[:200])
        return []
    report = []
    # From the last to the first, so that the places of the others stay true.
    for each in sorted(found, key=lambda change: change.problem.place, reverse=True):
        name = each.problem.place.path
        text = scope.all_files[name]
        _put(scope, name, rename(text, each))
        after = judge(scope)
        if not is_better(problems, after):
            _put(scope, name, text)
            continue
        problems = after
        before.setdefault(name, text)
        report.append(f"{name}:{each.problem.place.line}: renamed `{each.old}` to `{each.new}`")
    return list(reversed(report))


def _show_difference(call: Call, name: str, before: str, after: str) -> None:
    """A diff, in which a line end that is not LF is shown."""
    old = [f"{line}\n" for line in before.removesuffix("\n").replace("\r", "\\r").split("\n")]
    new = [f"{line}\n" for line in after.removesuffix("\n").split("\n")]
    if not before.endswith("\n"):
        old[-1] = old[-1].rstrip("\n") + "   (no line end)\n"
    lines = difflib.unified_diff(old, new, name, f"{name} (mended)", n=1)
    call.output.answer("".join(lines).rstrip("\n"))
