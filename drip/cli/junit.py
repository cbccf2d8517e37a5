"""The report of `drip test` in the form that CI servers read: JUnit's XML, one case for each test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from drip.cli.output import clean
from drip.cli.test_command import diff_lines

if TYPE_CHECKING:
    from drip.rehearsal.story import Told


def junit_report(played: Sequence[Told]) -> bytes:
    """The whole file."""
    failed = sum(not each.passed for each in played)
    root = Element("testsuites", tests=str(len(played)), failures=str(failed))
    suites: dict[str, Element] = {}
    for told in played:
        name = told.story.campaign
        mine = [each for each in played if each.story.campaign == name]
        if name not in suites:
            failures = str(sum(not each.passed for each in mine))
            suites[name] = SubElement(root, "testsuite", name=name, tests=str(len(mine)), failures=failures)
        case = SubElement(suites[name], "testcase", classname=name, name=told.story.name, file=told.story.path)
        if not told.passed:
            failure = SubElement(case, "failure", message=told.story.title)
            failure.text = _text(told)
    indent(root)
    text = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _text(told: Told) -> str:
    lines = []
    for verdict in told.verdicts:
        if not verdict.passed:
            lines += [f"{verdict.person.name} ({verdict.person.zone})", *diff_lines(verdict)]
    return clean("\n".join([*lines, *(f"BROKEN: {each}" for each in told.broken)]))
