"""The fifteen rules of time and sequence, and that each of them is tested by number: by examples and by a property.

A test of a rule has its number in its name: `test_rule_07_…`, or `test_rule_01_and_02_…` where it is about two. A test
with `@given` is a property, every other an example. The list is read from the files, so a rule cannot lose its tests.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent.parent
RULES = {
    1: "a clock survives a move over weekends, nights and holidays",
    2: "`at once` ignores hours",
    3: "a skipped step does not move the anchor",
    4: "attendance has three values, and the unknown one is waited for and never guessed",
    5: "a reminder whose moment had passed at registration is skipped; nothing before a session goes after its start",
    6: "a late reminder lies; one overdue mail a run, and twelve hours between two drip mails",
    7: "days are calendar days of the person, hours are elapsed; gaps, overlaps, leap days",
    8: "`later` counts from what really happened",
    9: "live edits: position is a set of steps, nothing is resent, nobody is bombarded",
    10: "one passage for an occasion; `again` says when there is another",
    11: "goal and stop are checked in the transaction that claims, and told apart",
    12: "caps by day and week across everything; priority; a deadline, then a reason",
    13: "pause freezes; resume shifts, keeps or skips",
    14: "variants by a bucket that is recorded; later weights touch only who has none",
    15: "a run that would send far more than usual stops and asks",
}
NUMBERS = re.compile(r"test_rule_(\d\d)(?:_and_(\d\d))?_")


def numbered() -> Iterator[tuple[int, str, bool]]:
    """Each test of a rule: its number, its name, and whether it is a property."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if found := NUMBERS.match(node.name):
                is_property = any(_name(each) == "given" for each in node.decorator_list)
                for number in filter(None, found.groups()):
                    yield int(number), f"{path.relative_to(TESTS)}::{node.name}", is_property


def _name(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.id if isinstance(called, ast.Name) else ""


FOUND: dict[int, dict[bool, list[str]]] = defaultdict(lambda: {True: [], False: []})
for _number, _test, _is_property in numbered():
    FOUND[_number][_is_property].append(_test)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_an_example_and_a_property(rule: int) -> None:
    assert FOUND[rule][False], f"no example of rule {rule}: {RULES[rule]}"
    assert FOUND[rule][True], f"no property of rule {rule}: {RULES[rule]}"


def test_every_test_of_a_rule_is_of_one_that_there_is() -> None:
    assert set(FOUND) <= set(RULES)
    assert list(RULES) == list(range(1, 16))
