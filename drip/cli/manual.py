"""The manual as Markdown, made from the commands, reasons and errors: docs/commands.md, docs/exit-codes.md,
docs/reasons.md.

Never written by hand, so it cannot lag behind. `tests/cli/test_cli_manual.py` compares and rewrites.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import click

import drip
from drip.cli.grammar import EXIT_MEANINGS, DripCommand, context_of, global_options
from drip.errors import DripError

MADE = "<!-- Made from the program by `make docs`; changes here are lost. -->"


def import_everything() -> None:
    """Import every module, so that every error is known. Slow: for the manual, and for names that nobody knows."""
    for module in pkgutil.walk_packages(drip.__path__, "drip."):
        if not module.name.endswith("__main__") and ".migrations" not in module.name:
            importlib.import_module(module.name)


def error_classes() -> list[type[DripError]]:
    """Every error that drip expects and that is imported by now, by its name."""
    found: dict[str, type[DripError]] = {}
    waiting = list(DripError.__subclasses__())
    while waiting:
        each = waiting.pop()
        waiting += each.__subclasses__()
        # A class without a name of its own is a case of its parent.
        if "name" in vars(each):
            found[each.name] = each
    return [found[name] for name in sorted(found)]


def walk_commands(group: click.Group, context: click.Context) -> Iterator[tuple[click.Context, DripCommand]]:
    """Every command with its context, groups before what is in them."""
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert isinstance(found, DripCommand)
        inner = context_of(found, name, context)
        yield inner, found
        if isinstance(found, click.Group):
            yield from walk_commands(found, inner)


def _options(context: click.Context, command: DripCommand) -> list[str]:
    records = [record for each in command.own_options(context) if (record := each.get_help_record(context))]
    return _table(records)


def _table(records: list[tuple[str, str]]) -> list[str]:
    if not records:
        return []
    cells = ((names, text.replace("|", "\\|")) for names, text in records)
    return ["| option | meaning |", "|---|---|", *(f"| `{names}` | {text} |" for names, text in cells), ""]


def _usage(context: click.Context, command: DripCommand) -> str:
    return " ".join([context.command_path, *command.collect_usage_pieces(context)])


def _section(context: click.Context, command: DripCommand, level: int) -> list[str]:
    lines = [f"{'#' * level} {context.command_path}", ""]
    lines += [inspect.cleandoc(command.help or ""), ""]
    if isinstance(command, click.Group):
        return lines
    lines += ["```", _usage(context, command), "```", "", *_options(context, command)]
    if command.examples:
        lines += ["Examples:", "", "```console"]
        lines += [f"$ {typed}   # {text}" for typed, text in command.examples]
        lines += ["```", ""]
    codes = ", ".join(f"{code} ({EXIT_MEANINGS[code].split(';')[0]})" for code in command.exits)
    return [*lines, f"Exit status: {codes}. See [exit codes](exit-codes.md).", ""]


def commands_page(root: click.Group) -> str:
    """docs/commands.md."""
    context = context_of(root, "drip")
    lines = [MADE, "", "# Commands", "", (root.help or "").strip(), ""]
    lines += ["Every command takes these options, before or after the verb:", ""]
    records = [record for each in global_options() if (record := each.get_help_record(context))]
    lines += _table([*records, ("-h, --help", "Show the help of a command.")])
    lines += ["stdout is the answer and stderr is talk, so an answer can always be piped on.", ""]
    for inner, command in walk_commands(root, context):
        assert inner.parent is not None
        lines += _section(inner, command, 2 if inner.parent is context else 3)
    return "\n".join(lines).rstrip() + "\n"


def exits_page() -> str:
    """docs/exit-codes.md."""
    lines = [MADE, "", "# Exit codes", "", "A code that is not in this table must be read as failure.", ""]
    import_everything()
    lines += ["| code | meaning |", "|---|---|"]
    lines += [f"| {code} | {meaning} |" for code, meaning in EXIT_MEANINGS.items()]
    lines += [
        "",
        "## Errors",
        "",
        "With `--json` an error is an object on stderr, with its name, exit code, message and hint:",
        "",
    ]
    lines += [
        "```json",
        '{"type": "error", "name": "no-project", "exit_code": 10, "message": "...", "hint": "..."}',
        "```",
        "",
    ]
    lines += ["| name | code | meaning | what to do |", "|---|---|---|---|"]
    for each in error_classes():
        meaning = " ".join((each.__doc__ or "").split()).replace("|", "\\|")
        hint = each.default_hint.replace("|", "\\|")
        lines.append(f"| `{each.name}` | {each.exit_code} | {meaning} | {hint} |")
    lines += ["| `bug` | 1 | Something that drip did not foresee, with its traceback. | please report it |"]
    return "\n".join(lines) + "\n"


def reasons_page() -> str:
    """docs/reasons.md."""
    from drip.core.reasons import EXPLANATIONS
    from drip.core.rules import TEXTS, rule_of

    lines = [MADE, "", "# Reasons", ""]
    lines += [
        "Every decision has a reason. `drip why EMAIL [POST]` tells them for one person: what was, what comes, what",
        "would change it, and what they have no part in; `--json` has the names below, which never change.",
        "`drip explain NAME` prints one of them.",
        "",
        "## The rules",
        "",
    ]
    lines += [f"{number}. {text}" for number, text in TEXTS.items()]
    lines += ["", "## All reasons", ""]
    for name, text in EXPLANATIONS.items():
        rule = rule_of(name.value)
        lines += [f"### {name.value}", "", text + (f" (Rule {rule}.)" if rule is not None else ""), ""]
    return "\n".join(lines).rstrip() + "\n"
