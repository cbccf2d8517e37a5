"""The commands about broadcasts that were stopped: list, release, cancel. Called by `drip.cli.main` on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from drip.cli.grammar import EXITS_PROJECT, Call, command, dry_run_option, noun, yes_option
from drip.cli.output import count, one_line
from drip.core.when import wall_clock
from drip.errors import NotFound, WrongUsage

if TYPE_CHECKING:
    from drip.store.breaking import StoppedBroadcast
    from drip.store.work import Work

EXITS = (*EXITS_PROJECT, 75, 130)

broadcast = noun("broadcast", "Broadcasts that were stopped because too many of their messages were refused.")


@command(
    "list",
    examples=(("drip broadcast list", "those that wait for your decision"),),
    exits=EXITS,
)
def list_(call: Call) -> None:
    """List the broadcasts that were stopped: more than a tenth of their first 500 messages were refused for good."""
    with call.project() as project:
        zone = project.definition.timezone
        with project.store.read() as work:
            found = work.stopped_broadcasts()
    if call.output.json:
        for each in found:
            call.output.record(_document(each))
        return
    if not found:
        call.output.answer("no broadcast is stopped")
        return
    rows = [
        (
            f"{each.campaign}/{each.post}",
            wall_clock(each.tripped_at, zone),
            f"{each.accepted:,}",
            f"{each.refused:,}",
            f"{each.held:,}",
        )
        for each in found
    ]
    call.output.table(("broadcast", "stopped", "taken", "refused", "held"), rows, right=(2, 3, 4))


def _document(each: StoppedBroadcast) -> dict[str, object]:
    return {
        "type": "broadcast",
        "campaign": each.campaign,
        "post": each.post,
        "stopped_at": each.tripped_at,
        "accepted": each.accepted,
        "refused": each.refused,
        "held": each.held,
    }


def _stopped(work: Work, name: str) -> StoppedBroadcast:
    found = [each for each in work.stopped_broadcasts() if name in (each.post, f"{each.campaign}/{each.post}")]
    if not found:
        raise NotFound(
            f"no broadcast of `{one_line(name)}` is stopped", hint="`drip broadcast list` shows those that are"
        )
    if len(found) > 1:
        places = " or ".join(f"`{each.campaign}/{each.post}`" for each in found)
        raise WrongUsage(f"`{one_line(name)}` could be {places}", hint="name one of them")
    return found[0]


def _decide(call: Call, name: str, verb: tuple[str, str], *, go_on: bool, dry_run: bool, yes: bool) -> None:
    from drip.core.reasons import ReasonName
    from drip.core.records import LogEntry

    with call.project() as project:
        with project.store.read() as work:
            found = _stopped(work, name)
        number, about = found.held, f"{found.campaign}/{found.post}"
        said = f"{count(number, 'message')} of {about}"
        if not dry_run and not yes and not call.output.ask(f"{verb[0]} {said}?"):
            call.output.answer("nothing was changed")
            return
        if not dry_run:
            with project.store.write() as work:
                reason, now = ReasonName.BY_AUTHOR.value, call.now()
                if go_on:
                    number = work.release_broadcast(found.occasion, now)
                else:
                    number = work.give_up_broadcast(found.occasion, reason, now)
                kind = "broadcast-released" if go_on else "broadcast-given-up"
                work.log([LogEntry(now, kind, None, found.campaign, found.post, reason, count(number, "message"))])
    if call.output.json:
        document = {**_document(found), "type": kind_of(go_on), "messages": number, "dry_run": dry_run}
        call.output.document(document)
        return
    after = "; the next `drip run` sends them" if go_on and not dry_run else ""
    call.output.answer(f"{f'would {verb[0]}' if dry_run else verb[1]} {count(number, 'message')} of {about}{after}")


def kind_of(go_on: bool) -> str:
    """The type of the document."""
    return "broadcast-released" if go_on else "broadcast-cancelled"


@command(
    "release",
    examples=(("drip broadcast release december-letter", "the addresses are good, the relay was wrong: go on"),),
    exits=EXITS,
)
@click.argument("post")
@dry_run_option
@yes_option
def release(call: Call, post: str, dry_run: bool, yes: bool) -> None:
    """Let a stopped broadcast go on. It is not stopped again: see first why so many were refused (`drip log`)."""
    _decide(call, post, ("send", "let go on:"), go_on=True, dry_run=dry_run, yes=yes)


@command(
    "cancel",
    examples=(("drip broadcast cancel december-letter", "send it to nobody else"),),
    exits=EXITS,
)
@click.argument("post")
@dry_run_option
@yes_option
def cancel(call: Call, post: str, dry_run: bool, yes: bool) -> None:
    """Cancel what a stopped broadcast holds: the others have it, these never get it."""
    _decide(call, post, ("cancel", "cancelled"), go_on=False, dry_run=dry_run, yes=yes)


for each_command in (list_, release, cancel):
    broadcast.add_command(each_command)
