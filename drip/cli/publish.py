"""The commands that make files live: plan (what would change, for whom) and apply. Called by `drip.cli.main`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from drip.cli.forecast import DAYS, DAYS_MAX, show_forecast
from drip.cli.grammar import EXITS_PROJECT, Call, command, dry_run_option, yes_option
from drip.cli.names import campaign_name, complete_campaign
from drip.cli.output import count, one_line
from drip.cli.telling import news_json, news_lines, warn_of_pace, who_option
from drip.core.plan import people
from drip.core.problems import Rank
from drip.errors import ChangesFound, Interrupted, ProblemsFound, WrongUsage

if TYPE_CHECKING:
    from pathlib import Path

    from drip.core.model import Campaign
    from drip.engine.apply import Applied, CampaignPlan
    from drip.project import Project

NAMED_MOST = 20
"""So many addresses of each step are named on a terminal."""

EXITS = (4, *EXITS_PROJECT)


def _plans(
    call: Call,
    project: Project,
    files: dict[str, str],
    names: tuple[str, ...],
    *,
    who: bool = False,
    counted: bool = True,
) -> list[CampaignPlan]:
    """The plans of the named campaigns, or of all; for `who` and for machines with addresses."""
    from drip.engine.apply import plan as plan_campaigns

    campaigns = _sound_campaigns(call, project.root, files, names)
    with project.store.read() as work:
        live = project.engine.live
        who = who or call.output.json
        return plan_campaigns(work, live, files, campaigns, call.now(), who=who, counted=counted)


def _sound_campaigns(call: Call, root: Path, files: dict[str, str], names: tuple[str, ...]) -> list[Campaign]:
    """The named campaigns, or all. Shows the problems that stand in the way, then raises."""
    from drip.engine.apply import wanted_campaigns

    try:
        wanted = [campaign_name(call, root, each) for each in names]
        campaigns, problems = wanted_campaigns(files, wanted, call.now())
    except ProblemsFound:
        if not call.output.json:
            _show_errors(call, files)
        raise
    warnings = sum(each.rank is Rank.WARNING for each in problems)
    if warnings:
        call.output.talk(f"{count(warnings, 'warning')} in your files; see `drip check`")
    return campaigns


def _show_errors(call: Call, files: dict[str, str]) -> None:
    from drip.authoring.check import check
    from drip.authoring.show import render_problem

    for problem in check(files, now=call.now()):
        if problem.rank is Rank.ERROR:
            call.output.complain(render_problem(problem, files).rstrip("\n") + "\n")


def plan_lines(each: CampaignPlan, *, against: str = "", who: bool = False) -> list[str]:
    """One campaign's plan for people; `against` is the revision of git that it is compared with, if it is one."""
    if not each.changed:
        same = f"the same as at {against}" if against else f"revision {each.number} is live as it is"
        return [f"{each.campaign}   {same}", *_paused_lines(each)]
    before = f"revision {each.number - 1} → {each.number}" if each.number > 1 else "new, revision 1"
    lines = [f"{each.campaign}   {f'{against} → your files' if against else before}", *_paused_lines(each), ""]
    if not each.plan.lines:
        return [*lines, "  only words or looks change; nobody's mails come earlier or later", ""]
    subjects = max(len(line.subject) for line in each.plan.lines)
    whats = max((len(line.what) for line in each.plan.lines if line.effect), default=0)
    for line in each.plan.lines:
        lines.append(f"  {line.sign} {line.subject:<{subjects}}   {line.what:<{whats}}   {line.effect}".rstrip())
        if line.hint:
            lines.append(f"    hint: {line.hint}")
    told = [*_next_run_lines(each, who=who), *news_lines(each.news, who=who)]
    return [*lines, "", *told, ""] if told else [*lines, ""]


def _next_run_lines(each: CampaignPlan, *, who: bool) -> list[str]:
    """What the next run does for people inside because of the edit."""
    numbers = {step: number for step, number in each.plan.figures.at_once.items() if number}
    if not numbers:
        return []
    said = ", ".join(f"{step} for {people(number)}" for step, number in numbers.items())
    lines = [f"  ! the next run then does {said}"]
    for step, addresses in each.addresses.items() if who else ():
        lines += [f"      {one_line(address)}   {step}" for address in addresses[:NAMED_MOST]]
        if len(addresses) > NAMED_MOST:
            lines.append(f"      and {len(addresses) - NAMED_MOST:,} more; `drip plan --json` names all")
    return lines


def _paused_lines(each: CampaignPlan) -> list[str]:
    """What stands still: an edit wakes nobody there."""
    if not each.paused:
        return []
    names = ", ".join(name or "broadcasts" for name in each.paused)
    return [f"  paused: {names}; what becomes due there waits for `drip resume {each.campaign}`"]


def _plan_json(plans: list[CampaignPlan]) -> dict[str, object]:
    return {
        "type": "plan",
        "changes": any(each.changed for each in plans),
        "campaigns": [
            {
                "campaign": each.campaign,
                "revision": each.number,
                "changed": each.changed,
                "lines": [
                    {
                        "sign": line.sign,
                        "subject": line.subject,
                        "what": line.what,
                        "effect": line.effect,
                        "hint": line.hint,
                    }
                    for line in each.plan.lines
                ],
                "next_run": [
                    {"step": step, "people": number, "who": list(each.addresses.get(step, ()))}
                    for step, number in each.plan.figures.at_once.items()
                    if number
                ],
                "news": news_json(each.news),
                "paused": [name or None for name in each.paused],
            }
            for each in plans
        ],
    }


def _show_plans(call: Call, plans: list[CampaignPlan], *, who: bool) -> None:
    for each in plans:
        call.output.answer("\n".join(plan_lines(each, who=who)))
    if not plans:
        call.output.answer("there is no campaign yet; make a folder under campaigns/ with a campaign.yaml")


@command(
    "plan",
    examples=(
        ("drip plan", "what `drip apply` would change, and for whom"),
        ("drip plan six-deadly-mistakes", "one campaign"),
        ("drip plan --exit-code", "for a script: 5 when there are changes"),
        ("drip plan --against HEAD~1", "what your files change since a revision of git; asks no database"),
        ("drip plan --days 30", "how many mails leave on each day ahead, if nobody acts"),
        ("drip plan --calendar mails.ics", "the same for your calendar"),
        ("drip plan --who", "also the addresses: whom the next run mails, and who is told that a session changed"),
    ),
    exits=(5, *EXITS),
)
@click.argument("campaigns", metavar="[CAMPAIGN]...", nargs=-1, shell_complete=complete_campaign)
@click.option("--exit-code", is_flag=True, help="Exit with 5 when there are changes.")
@click.option("--against", metavar="REV", help="Compare with a revision of git, not with what is live.")
@click.option("--days", type=click.IntRange(1, DAYS_MAX), help="Look so many days ahead instead: how many mails leave.")
@click.option("--calendar", metavar="FILE", help="Write the days ahead as a calendar (.ics); `-` is stdout.")
@who_option
def plan(
    call: Call,
    campaigns: tuple[str, ...],
    exit_code: bool,
    against: str | None,
    days: int | None,
    calendar: str | None,
    who: bool,
) -> int:
    """Show what applying your files would change, and for how many people. Changes nothing.

    With --days or --calendar it shows the days ahead instead: which mails leave on which day, and to how many, if
    nobody joins, leaves, registers or clicks. Where your files differ from what is live, it is the days after
    `drip apply`, with those of the live state beside them.

    With --against it compares the files of a revision of git with your files: a review, without numbers of people.
    """
    if against is not None:
        if days is not None or calendar is not None:
            raise WrongUsage("`--against` looks at files alone", hint="leave out `--days` and `--calendar`")
        changes = _compare_revisions(call, against, campaigns)
        return ChangesFound.exit_code if changes and exit_code else 0
    with call.project() as project:
        is_ahead = days is not None or calendar is not None
        plans = _plans(call, project, project.wanted(), campaigns, who=who, counted=not is_ahead)
        if is_ahead:
            names = [each.campaign for each in plans] if campaigns else []
            show_forecast(call, project, plans, names, days or DAYS, calendar)
            return _exit(plans, exit_code)
        warn_of_pace(call, project)
    changes = any(each.changed for each in plans)
    if call.output.json:
        call.output.document(_plan_json(plans))
    else:
        _show_plans(call, plans, who=who)
        if changes:
            call.output.answer("nothing has been sent; make it live with `drip apply`")
    return _exit(plans, exit_code)


def _compare_revisions(call: Call, revision: str, names: tuple[str, ...]) -> bool:
    """Show what the files on disk change since a revision of git; whether they do. No database is opened."""
    from drip.authoring.definition import campaign_names
    from drip.cli.history import files_at
    from drip.engine.apply import plan_between
    from drip.project import read_tree

    root = call.root()
    files = read_tree(root)
    campaigns = _sound_campaigns(call, root, files, names)
    before = files_at(root, revision)
    plans = plan_between(before, files, campaigns)
    changed = any(each.changed for each in plans)
    gone = [] if names else sorted(set(campaign_names(before)) - {each.name for each in campaigns})
    if call.output.json:
        changes = changed or bool(gone)
        call.output.document({**_plan_json(plans), "changes": changes, "against": revision, "gone": gone})
        return changes
    for each in plans:
        call.output.answer("\n".join(plan_lines(each, against=one_line(revision))))
    for name in gone:
        call.output.answer(f"{name}   its folder is gone; what is live of it stays live")
    return changed or bool(gone)


def _exit(plans: list[CampaignPlan], is_asked: bool) -> int:
    return ChangesFound.exit_code if is_asked and any(each.changed for each in plans) else 0


@command(
    "apply",
    examples=(
        ("drip apply", "show the plan, ask, make it live"),
        ("drip apply --yes", "do not ask: for a script"),
        ("drip apply six-deadly-mistakes", "one campaign"),
    ),
    exits=(*EXITS, 75),
)
@click.argument("campaigns", metavar="[CAMPAIGN]...", nargs=-1, shell_complete=complete_campaign)
@who_option
@yes_option
@dry_run_option
def apply(call: Call, campaigns: tuple[str, ...], who: bool, yes: bool, dry_run: bool) -> None:
    """Make your files live, after showing what that changes and who is told of it. All of it or nothing.

    What is live stays as it is when you edit files afterwards: cron sends only what was applied.
    """
    from drip.engine.apply import apply as apply_files

    with call.project() as project:
        # Read once: what is shown is what is applied, whatever is saved meanwhile.
        files = project.wanted()
        plans = _plans(call, project, files, campaigns)
        changes = any(each.changed for each in plans)
        if not call.output.json:
            _show_plans(call, plans, who=who)
        if dry_run or (plans and not changes):
            _tell(call, plans, [])
            return
        if not yes and plans and not call.output.ask("make it live?"):
            raise Interrupted("nothing was applied", hint="")
        applied = apply_files(project.engine, files, call.now(), names=[each.campaign for each in plans])
    _tell(call, plans, applied)


def _tell(call: Call, plans: list[CampaignPlan], applied: list[Applied]) -> None:
    live = [each for each in applied if each.campaign and each.changed]
    if call.output.json:
        rows = [{"campaign": each.campaign, "revision": each.number} for each in live]
        call.output.document({**_plan_json(plans), "type": "applied", "applied": rows})
    elif live:
        told = ", ".join(f"{each.campaign} revision {each.number}" for each in live)
        call.output.answer(f"applied {told}\nnext: `drip run` sends what is due; put it in cron")
    elif applied:
        call.output.answer("applied the project's own files")
    elif any(each.changed for each in plans):
        call.output.answer("nothing was applied: this was a dry run")
    else:
        call.output.answer("nothing to apply")
