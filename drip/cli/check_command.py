"""`drip check`: judges the author's files, shows the problems, and mends or asks where that is wanted.

Opens no database. What to look at is decided by `drip.cli.judging`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import click

from drip.cli.grammar import MOMENT, Call, command, dry_run_option, yes_option
from drip.cli.judging import Scope, desks, judge, read_scope
from drip.cli.names import complete_address
from drip.cli.output import count
from drip.core.problems import Problem, Rank
from drip.errors import ProblemsFound, WrongUsage

GITHUB_RANKS = {Rank.ERROR: "error", Rank.WARNING: "warning", Rank.NOTE: "notice"}


@command(
    "check",
    examples=(
        ("drip check", "every problem in the project"),
        ("drip check six-deadly-mistakes", "one campaign"),
        ("drip check six-deadly-mistakes/last-seats", "one post"),
        ("drip check --links --strict", "before a campaign goes out: ask the links, and let warnings count"),
        ("drip check --fix --dry-run", "what could be mended, as a diff"),
        ("drip check --json", "for an editor or a script"),
        ("drip check --format github", "as remarks at the lines of a pull request"),
    ),
    exits=(4, 10, 75),
)
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1, shell_complete=complete_address)
@click.option("--strict", is_flag=True, help="Warnings count as errors; also tell what is supported only in part.")
@click.option("--links", is_flag=True, help="Ask every web address, at most 100, whether it is there.")
@click.option("--fix", is_flag=True, help="Mend what is safe to mend; with --yes also misspelt keys.")
@click.option("--format", "form", type=click.Choice(["text", "github"]), default="text", help="How problems are shown.")
@click.option(
    "--at", type=MOMENT, metavar="MOMENT", help="Judge as at this moment: which sessions are over, and so on."
)
@dry_run_option
@yes_option
def check(
    call: Call,
    addresses: tuple[str, ...],
    strict: bool,
    links: bool,
    fix: bool,
    form: str,
    at: datetime | None,
    dry_run: bool,
    yes: bool,
) -> int:
    """Report every problem in your files, with file and line.

    ADDRESS is a campaign, a campaign/post, or a path. A Markdown file outside a project can be checked alone.
    """
    if (dry_run or yes) and not fix:
        raise WrongUsage("`--dry-run` and `--yes` are about mending", hint="add `--fix`")
    scope = read_scope(call, addresses)
    mended: list[str] = []
    if fix:
        from drip.cli.mending import mend

        mended = mend(call, scope, lambda some: judge(call, some, at, is_strict=strict), dry_run=dry_run, keys=yes)
        verb = "would have " if dry_run else ""
        for line in mended if not call.output.json else ():
            call.output.talk(verb + line if verb else line)
    problems = judge(call, scope, at, is_strict=strict)
    if links:
        problems += _ask_links(call, scope, at)
    if form == "github":
        for each in problems:
            call.output.answer(github_line(each))
    else:
        _show(call, problems, scope, mended)
    bad = {Rank.ERROR, Rank.WARNING} if strict else {Rank.ERROR}
    return ProblemsFound.exit_code if any(each.rank in bad for each in problems) else 0


def _ask_links(call: Call, scope: Scope, at: datetime | None) -> list[Problem]:
    """The links that are not there. An address that stands in several places is asked once."""
    from drip.authoring.answers import judge_answers, web_links
    from drip.cli.linking import ASKED_MOST, ask_all

    found = [link for desk in desks(call, scope, at) for link in web_links(desk) if scope.has(link.place.path)]
    addresses = list(dict.fromkeys(link.address for link in found))
    if addresses:
        call.output.talk(f"asking {count(min(len(addresses), ASKED_MOST), 'address', 'addresses')}")
    if len(addresses) > ASKED_MOST:
        call.output.talk(f"{len(addresses) - ASKED_MOST} more were not asked; check campaigns one by one")
    return list(dict.fromkeys(judge_answers(found, ask_all(addresses))))


def summary(problems: Iterable[Problem], files: int) -> str:
    """`2 errors, 1 warning in 12 files`."""
    ranks = [each.rank for each in problems]
    parts = [count(ranks.count(rank), rank.value) for rank in Rank if rank in ranks]
    return f"{', '.join(parts) or 'no problems'} in {count(files, 'file')}"


def _show(call: Call, problems: list[Problem], scope: Scope, mended: list[str]) -> None:
    """All problems and the summary, on stdout."""
    from drip.authoring.show import render_problem

    if call.output.json:
        ranks = [each.rank for each in problems]
        document: dict[str, object] = {
            "type": "check",
            "problems": [_problem_json(each) for each in problems],
            "errors": ranks.count(Rank.ERROR),
            "warnings": ranks.count(Rank.WARNING),
            "files": len(scope.on_disk),
        }
        call.output.document(document | ({"mended": mended} if mended else {}))
        return
    files = scope.all_files
    for problem in problems:
        call.output.answer(render_problem(problem, files).rstrip("\n") + "\n")
    call.output.answer(summary(problems, len(scope.on_disk)))


def _problem_json(problem: Problem) -> dict[str, object]:
    place = problem.place
    return {
        "name": problem.name,
        "rank": problem.rank.value,
        "message": problem.message,
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "width": place.width,
        "help": problem.help,
    }


def github_line(problem: Problem) -> str:
    """A workflow command: GitHub shows it at its line of the change."""
    from drip.authoring.show import visible

    place = problem.place
    said = problem.message + (f"; {problem.help}" if problem.help else "")
    properties = {
        "file": place.path,
        "line": str(place.line),
        "col": str(place.column),
        "endColumn": str(place.column + place.width),
        "title": problem.name,
    }
    told = ",".join(f"{name}={_escaped(visible(value), ',:')}" for name, value in properties.items())
    return f"::{GITHUB_RANKS[problem.rank]} {told}::{_escaped(visible(said))}"


def _escaped(text: str, more: str = "") -> str:
    """As the runner reads it: what would end a value is percent-encoded."""
    for character in ("%", "\r", "\n", *more):
        text = text.replace(character, f"%{ord(character):02X}")
    return text
