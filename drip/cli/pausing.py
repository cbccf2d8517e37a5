"""The commands that let a campaign stand still and go on: pause and resume. Called by `drip.cli.main` on demand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from drip.cli.grammar import EXITS_PROJECT, Call, command, dry_run_option, yes_option
from drip.cli.names import campaign_name, complete_campaign
from drip.cli.output import count, span_words
from drip.core.records import Pause, ResumeMode
from drip.core.when import wall_clock
from drip.errors import Interrupted

if TYPE_CHECKING:
    from drip.engine.pausing import Paused, Resumed, Target

EXITS = (4, *EXITS_PROJECT, 75)

MEANINGS = {
    ResumeMode.SHIFT: "only active time counts: every wait goes on where it stopped, clocks such as `at 9:30` stay",
    ResumeMode.KEEP: "every mail keeps its moment: what is overdue goes one mail at a time, or is too late by now",
    ResumeMode.SKIP_OVERDUE: "what became due meanwhile is skipped, and the rest keeps its moments",
}


def _target(call: Call, address: str | None) -> Target:
    from drip.engine.pausing import Target

    if address is None:
        return Target()
    campaign, _, sequence = campaign_name(call, call.root(), address).partition("/")
    return Target(campaign, sequence)


def place(found: Pause) -> str:
    """`six-deadly-mistakes/invite`, or the broadcasts of a campaign."""
    return f"{found.campaign}/{found.sequence}" if found.sequence else f"{found.campaign}, broadcasts"


def _said(address: str | None, verb: str) -> str:
    return f"drip {verb}" + (f" {address}" if address else "")


# --- pause ---------------------------------------------------------------------------------------------------


@command(
    "pause",
    examples=(
        ("drip pause six-deadly-mistakes", "its sequences and broadcasts stand still; reminders of booked seats go on"),
        ("drip pause six-deadly-mistakes/invite", "one sequence"),
        ("drip pause --everything", "all campaigns, reminders included"),
        ("drip pause six-deadly-mistakes -n", "for how many people"),
    ),
    exits=EXITS,
)
@click.argument("target", metavar="[CAMPAIGN[/SEQUENCE]]", required=False, shell_complete=complete_campaign)
@click.option("--everything", is_flag=True, help="Also the sequences that answer a registration and remind of it.")
@dry_run_option
def pause(call: Call, target: str | None, everything: bool, dry_run: bool) -> None:
    """Let a campaign, or all of them, stand still: nothing of it is planned or sent until `drip resume`.

    People may still sign up, register and say no. Questions that ask them to confirm are still sent.
    """
    from drip.engine.pausing import pause as stand_still

    with call.project() as project:
        now = call.now()
        what = stand_still(project.engine, _target(call, target), now, everything=everything, dry_run=dry_run)
        zone = project.definition.timezone
    if call.output.json:
        call.output.document(_paused_json(what, dry_run))
        return
    if not what.stilled:
        call.output.answer("nothing is live yet, so there is nothing to pause")
        return
    new = [each for each in what.stilled if each.is_new]
    for each in what.stilled:
        if not each.is_new:
            call.output.answer(f"{place(each.pause)}: paused since {wall_clock(each.pause.paused_at, zone)}")
    if new:
        call.output.answer("would pause" if dry_run else "paused")
        call.output.table(
            ("", "people inside", "mails planned"),
            [(place(each.pause), *_numbers(each.pause, each.numbers.people, each.numbers.mails)) for each in new],
            right=(1, 2),
        )
    if what.goes_on:
        names = ", ".join(what.goes_on)
        call.output.answer(f"goes on: {names} (who registers is answered and reminded; `--everything` stops it, too)")
    if dry_run:
        call.output.answer("nothing was paused: this was a dry run")
    else:
        call.output.answer(f"next: `{_said(target, 'resume')}`, when it is to go on")


def _numbers(found: Pause, people: int, mails: int) -> tuple[str, str]:
    return f"{people:,}" if found.sequence else "", f"{mails:,}"


def _paused_json(what: Paused, dry_run: bool) -> dict[str, object]:
    rows = [
        {
            "campaign": each.pause.campaign,
            "sequence": each.pause.sequence or None,
            "paused_at": each.pause.paused_at,
            "new": each.is_new,
            "people": each.numbers.people,
            "mails": each.numbers.mails,
        }
        for each in what.stilled
    ]
    return {"type": "paused", "dry_run": dry_run, "sequences": rows, "goes_on": list(what.goes_on)}


# --- resume --------------------------------------------------------------------------------------------------


@command(
    "resume",
    examples=(
        ("drip resume six-deadly-mistakes", "every wait goes on where it stopped"),
        ("drip resume six-deadly-mistakes --keep -n", "what would become due at once if every mail kept its moment"),
        ("drip resume six-deadly-mistakes/invite --skip-overdue -y", "one sequence, without what was missed, unasked"),
    ),
    exits=(*EXITS, 130),
)
@click.argument("target", metavar="[CAMPAIGN[/SEQUENCE]]", required=False, shell_complete=complete_campaign)
@click.option("--shift", "mode", flag_value="shift", default="shift", help="Only active time counts. The default.")
@click.option("--keep", "mode", flag_value="keep", help="Every mail keeps its moment; overdue ones go one by one.")
@click.option("--skip-overdue", "mode", flag_value="skip-overdue", help="What became due meanwhile is skipped.")
@yes_option
@dry_run_option
def resume(call: Call, target: str | None, mode: str, yes: bool, dry_run: bool) -> None:
    """Let what is paused go on, after saying how much becomes due at once.

    Reminders of a session keep their moments, because the session does.
    """
    from drip.engine.pausing import resume as go_on

    chosen = ResumeMode(mode)
    with call.project() as project:
        wanted = _target(call, target)
        now, zone = call.now(), project.definition.timezone
        found = go_on(project.engine, wanted, chosen, now, dry_run=True)
        if found and not call.output.json:
            _show(call, found, chosen, now, zone)
        if found and not dry_run:
            if not yes and not call.output.ask("let it go on?"):
                raise Interrupted("it stays paused", hint="")
            found = go_on(project.engine, wanted, chosen, now)
    if call.output.json:
        call.output.document(_resumed_json(found, chosen, dry_run))
    elif not found:
        call.output.answer(f"{target or 'nothing'} is {'not ' if target else ''}paused; nothing changed")
    elif dry_run:
        call.output.answer("nothing was resumed: this was a dry run")
    else:
        call.output.answer(f"resumed {count(len(found), 'pause')}\nnext: `drip run` sends what is due")


def _show(call: Call, found: Sequence[Resumed], mode: ResumeMode, now: datetime, zone: str) -> None:
    overdue = "skipped" if mode is ResumeMode.SKIP_OVERDUE else "due at once"
    call.output.table(
        ("", "paused since", "for", "people inside", f"people {overdue}", "mails planned", f"mails {overdue}"),
        [
            (
                place(each.pause),
                wall_clock(each.pause.paused_at, zone),
                span_words(now - each.pause.paused_at),
                *_pair(each.pause, each.numbers.people, each.numbers.people_due),
                f"{each.numbers.mails:,}",
                f"{each.numbers.mails_due:,}",
            )
            for each in found
        ],
        right=(3, 4, 5, 6),
    )
    call.output.answer(f"--{mode.value}: {MEANINGS[mode]}")


def _pair(found: Pause, people: int, due: int) -> tuple[str, str]:
    return (f"{people:,}", f"{due:,}") if found.sequence else ("", "")


def _resumed_json(found: Iterable[Resumed], mode: ResumeMode, dry_run: bool) -> dict[str, object]:
    rows = [
        {
            "campaign": each.pause.campaign,
            "sequence": each.pause.sequence or None,
            "paused_at": each.pause.paused_at,
            "people": each.numbers.people,
            "people_due": each.numbers.people_due,
            "mails": each.numbers.mails,
            "mails_due": each.numbers.mails_due,
        }
        for each in found
    ]
    return {"type": "resumed", "mode": mode.value, "dry_run": dry_run, "sequences": rows}
