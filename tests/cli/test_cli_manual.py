"""The pages made from the program are up to date, and nothing in it goes without a word or an example.

DRIP_UPDATE_GOLDEN=1 (`make docs`) writes docs/commands.md, docs/exit-codes.md and docs/reasons.md anew.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from drip.cli.grammar import EXIT_MEANINGS, DripCommand, context_of, global_options
from drip.cli.main import cli
from drip.cli.manual import commands_page, error_classes, exits_page, import_everything, reasons_page, walk_commands

DOCS = Path(__file__).parents[2] / "docs"
ROOT = context_of(cli, "drip")
ALL = [(context.command_path, found) for context, found in walk_commands(cli, ROOT)]
LEAVES = [(path, found) for path, found in ALL if not isinstance(found, click.Group)]
EXAMPLES = [(path, typed) for path, found in LEAVES for typed, _ in found.examples]


@pytest.mark.parametrize(
    ("name", "make"),
    [("commands.md", lambda: commands_page(cli)), ("exit-codes.md", exits_page), ("reasons.md", reasons_page)],
    ids=["commands", "exits", "reasons"],
)
def test_the_page_is_up_to_date(name: str, make: Callable[[], str]) -> None:
    page = make()
    if os.environ.get("DRIP_UPDATE_GOLDEN") == "1":
        (DOCS / name).write_text(page, encoding="utf-8")
    assert (DOCS / name).read_text(encoding="utf-8") == page, f"docs/{name} is stale: run `make docs`"


@pytest.mark.parametrize(("path", "found"), ALL, ids=[path for path, _ in ALL])
def test_every_command_and_option_has_a_word(path: str, found: DripCommand) -> None:
    assert found.help, f"`{path}` says nothing about itself"
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert f"# {path}\n" in page
    for option in found.own_options(context_of(found, "x")):
        assert option.help, f"`{path} {option.opts[0]}` has no help"
        assert option.opts[-1] in page


@pytest.mark.parametrize(("path", "found"), LEAVES, ids=[path for path, _ in LEAVES])
def test_every_command_has_examples_and_codes_and_the_global_options(path: str, found: DripCommand) -> None:
    assert found.examples
    assert {0, 2} <= set(found.exits) <= set(EXIT_MEANINGS)
    names = {opt for param in found.params for opt in param.opts}
    assert {opt for option in global_options() for opt in option.opts} <= names


def test_no_option_means_two_things() -> None:
    taken = {opt for option in global_options() for opt in option.opts} | {"-h", "--help"}
    for path, found in ALL:
        own = [opt for option in found.own_options(context_of(found, "x")) for opt in option.opts]
        assert not taken & set(own), path
        assert len(own) == len(set(own)), path


CHANGING = {
    "init",
    "new campaign",
    "new post",
    "import",
    "proof",
    "apply",
    "pause",
    "resume",
    "run",
    "send",
    "subscriber add",
    "subscriber erase",
    "subscriber move",
    "subscriber pause",
    "subscriber resume",
    "subscriber unsubscribe",
    "subscriber tag",
    "subscriber untag",
    "attendance mark",
    "attendance import",
    "enrollment add",
    "enrollment stop",
    "enrollment move",
    "delivery resolve",
    "delivery retry",
    "broadcast cancel",
    "broadcast release",
    "db repair",
    "delivery cancel",
    "registration add",
    "registration cancel",
    "registration move",
    "reply import",
    "session cancel",
    "session move",
    "check",
}


@pytest.mark.parametrize(("path", "found"), LEAVES, ids=[path for path, _ in LEAVES])
def test_whatever_changes_something_can_be_tried_dry(path: str, found: DripCommand) -> None:
    own = {opt for option in found.own_options(context_of(found, "x")) for opt in option.opts}
    assert ({"-n", "--dry-run"} <= own) is (path.removeprefix("drip ") in CHANGING)


def drip_calls(typed: str) -> list[list[str]]:
    """The words of each `drip` in an example."""
    lexer = shlex.shlex(typed, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    calls: list[list[str]] = []
    inside = False
    words = list(lexer)
    for index, word in enumerate(words):
        if set(word) <= set("|&;<>"):
            inside = False
        elif index == 0 or set(words[index - 1]) <= set("|&;"):
            inside = word == "drip"
            calls += [[]] if inside else []
        elif inside:
            calls[-1].append(word)
    return calls


@pytest.mark.parametrize(("path", "typed"), EXAMPLES, ids=[typed for _, typed in EXAMPLES])
def test_every_example_can_be_typed(path: str, typed: str) -> None:
    calls = drip_calls(typed)
    if typed.startswith("eval"):
        calls = [typed.split("drip ")[1].rstrip('")').split()]
    assert calls
    assert any(" ".join(["drip", *words]).startswith(path) for words in calls)
    for words in calls:
        context, found = ROOT, cli
        rest = words
        while isinstance(found, click.Group):
            inner = found.get_command(context, rest[0])
            assert inner is not None, typed
            found, rest = inner, rest[1:]
        # Parsing alone: names, options, choices and numbers must be right; nothing is run.
        found.make_context(found.name, list(rest))


def test_exit_codes_and_errors_agree() -> None:
    import_everything()
    codes = {each.exit_code for each in error_classes()}
    assert codes <= set(EXIT_MEANINGS)
    assert set(EXIT_MEANINGS) - codes <= {0, 1, 141}


def test_error_names_are_their_own() -> None:
    import drip.errors

    names = [each.name for each in error_classes()]
    assert len(names) == len(set(names))
    assert "no-project" in names
    assert {each.__name__ for each in error_classes()} >= {
        name
        for name in vars(drip.errors)
        if isinstance(vars(drip.errors)[name], type) and name not in {"DripError", "ClassVar"}
    }


def test_every_error_says_itself_in_one_sentence() -> None:
    for each in error_classes():
        assert each.__doc__, each
        assert not each().message.endswith("."), each
        assert each().message[0].islower(), each
