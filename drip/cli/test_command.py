"""`drip test`: plays the drip tests of campaigns, and shows where what people got differs from what was told.

Opens no database and sends nothing. Called by `drip.cli.main` on demand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drip.cli.files import write_file
from drip.cli.grammar import Call, command
from drip.cli.names import CAMPAIGNS, campaign_name, complete_campaign, near_hint
from drip.cli.output import count, one_line
from drip.core.problems import Problem, Rank
from drip.errors import DripError, NotFound, ProblemsFound
from drip.project import read_tree

if TYPE_CHECKING:
    from drip.core.model import Campaign, ProjectDefinition
    from drip.core.story import Story
    from drip.rehearsal.story import Told, Verdict


class TestsFailed(DripError):
    """A drip test failed."""

    name = "tests-failed"
    exit_code = 4
    default_hint = "mend the plot or the test; `-` was told and did not come, `+` came and was not told"
    __test__ = False  # it begins with Test, and pytest would look for tests in it


@dataclass(frozen=True, slots=True)
class Bill:
    """What is to be played: stories with their campaigns."""

    files: Mapping[str, str]
    definition: ProjectDefinition
    stories: tuple[tuple[Story, Campaign], ...]


@command(
    "test",
    examples=(
        ("drip test", "the tests of all campaigns"),
        ("drip test six-deadly-mistakes", "those of one campaign"),
        ("drip test campaigns/six-deadly-mistakes/tests/reading-on.yaml", "one test"),
        ("drip test --junit report.xml", "also as a report for your CI"),
    ),
    exits=(1, 4, 10, 75),
)
@click.argument("addresses", metavar="[CAMPAIGN|FILE]...", nargs=-1, shell_complete=complete_campaign)
@click.option("--junit", type=click.Path(dir_okay=False), metavar="FILE", help="Also write a JUnit report.")
def test(call: Call, addresses: tuple[str, ...], junit: str | None) -> None:
    """Play the tests of your campaigns: who does what, and who gets which post when.

    A test is a file in campaigns/NAME/tests/. The engine is the real one; people, relay and clock are made up. Your
    files are tested as they are on disk; nothing is sent and nothing is applied.
    """
    from drip.rehearsal.story import tell

    bill = _bill(call, addresses)
    played: list[Told] = []
    for story, campaign in bill.stories:
        call.output.progress(f"testing {story.address}")
        told = tell(bill.files, bill.definition, campaign, story)
        call.output.progress("")
        played.append(told)
        if not call.output.json:
            _show(call, told)
    if junit is not None:
        from drip.cli.junit import junit_report

        write_file(call.path(junit), junit_report(played))
    failed = sum(not each.passed for each in played)
    if call.output.json:
        call.output.document(_document(played))
    elif not played:
        call.output.answer(f"there are no tests; write one in {CAMPAIGNS}/NAME/tests/")
    else:
        passed = f"{len(played) - failed} passed" + (f", {failed} failed" if failed else "")
        call.output.answer(f"{count(len(played), 'test')}: {passed}")
    if failed:
        raise TestsFailed(f"{count(failed, 'test')} failed")


def _bill(call: Call, addresses: tuple[str, ...]) -> Bill:
    """The stories that are meant. Raises NotFound, and ProblemsFound after showing the problems.

    Only what keeps the plot from being read stands in the way; how mails look is no business of these tests.
    """
    from drip.authoring.check import read_desk
    from drip.authoring.read_story import read_story, story_paths

    root = call.root()
    files = read_tree(root)
    desk = read_desk(files, call.now())
    known = {each.campaign.name: story_paths(files, each.campaign.name) for each in desk.campaigns}
    chosen = _chosen(call, root, addresses, known)
    campaigns = [each for each in desk.campaigns if any(path in chosen for path in known[each.campaign.name])]
    problems = [*desk.project.problems, *(problem for each in campaigns for problem in each.problems)]
    stories = []
    for draft in campaigns:
        for path in known[draft.campaign.name]:
            if path in chosen:
                story, found = read_story(files, path, draft, desk.project)
                problems += found
                stories += [(story, draft.campaign)] if story is not None else []
    errors = [each for each in problems if each.rank is Rank.ERROR]
    if errors and chosen:
        _show_problems(call, errors, files)
        raise ProblemsFound(f"{count(len(errors), 'problem')} in your files; nothing was tested")
    return Bill(files, desk.project.definition, tuple(stories))


def _chosen(call: Call, root: Path, addresses: tuple[str, ...], known: Mapping[str, list[str]]) -> set[str]:
    """The paths of the tests that the addresses mean; all without any."""
    if not addresses:
        return {path for paths in known.values() for path in paths}
    chosen: set[str] = set()
    for address in addresses:
        name = campaign_name(call, root, address)
        path = call.path(address).resolve()
        relative = path.relative_to(root).as_posix() if path.is_relative_to(root) else ""
        mine = [each for paths in known.values() for each in paths if each == relative]
        mine += [each for each in known.get(name, []) if each not in mine]
        if not mine and name not in known:
            names = [*known, *(each for paths in known.values() for each in paths)]
            raise NotFound(f"there is no campaign or test `{one_line(address)}`", hint=near_hint(address, names))
        chosen.update(mine)
    return chosen


def _show_problems(call: Call, problems: list[Problem], files: Mapping[str, str]) -> None:
    from drip.authoring.show import render_problem

    if not call.output.json:
        for problem in problems:
            call.output.complain(render_problem(problem, files).rstrip("\n") + "\n")


# --- for people --------------------------------------------------------------------------------------------


def _show(call: Call, told: Told) -> None:
    if told.passed:
        call.output.answer(f"ok      {told.story.address}")
        return
    call.output.answer(f"FAILED  {told.story.address}: {told.story.title}")
    for verdict in told.verdicts:
        if not verdict.passed:
            call.output.answer("\n".join(_verdict_lines(told.story, verdict)))
    for line in told.broken:
        call.output.answer(f"  BROKEN: {line} (this is a bug in drip; please report it)")


def _verdict_lines(story: Story, verdict: Verdict) -> list[str]:
    """One person: the faults, and the diff of their mails on their own clock."""
    one = verdict.person
    lines = [f"  {one.name} ({one.zone})   {story.path}:{one.line}"]
    return lines + [f"    {line}" for line in diff_lines(verdict)]


def diff_lines(verdict: Verdict) -> list[str]:
    """The diff and the faults of one person, without their name."""
    from drip.core.story import clock_text

    mails = verdict.lines or ()
    widest = max((len(line.post) for line in mails if line.why), default=0)
    lines = [
        f"{' ' if line.sign == '.' else line.sign} {clock_text(line.at, verdict.person.zone)}  "
        + (f"{line.post:<{widest}}   {one_line(line.why)}" if line.why else line.post)
        for line in mails
    ]
    return lines + [f"! {one_line(each)}" for each in verdict.faults]


# --- for machines ------------------------------------------------------------------------------------------


def _document(played: list[Told]) -> dict[str, object]:
    return {
        "type": "test",
        "passed": sum(each.passed for each in played),
        "failed": sum(not each.passed for each in played),
        "tests": [
            {
                "test": each.story.address,
                "title": each.story.title,
                "path": each.story.path,
                "passed": each.passed,
                "people": [_person_document(verdict) for verdict in each.verdicts],
                "broken": list(each.broken),
            }
            for each in played
        ],
    }


def _person_document(verdict: Verdict) -> dict[str, object]:
    words = {" ": "came", ".": "may-come", "-": "missing", "+": "unexpected"}
    return {
        "name": verdict.person.name,
        "line": verdict.person.line,
        "passed": verdict.passed,
        "mails": [
            {"what": words[line.sign], "at": line.at, "post": line.post, "why": line.why}
            for line in verdict.lines or ()
        ],
        "faults": list(verdict.faults),
    }
