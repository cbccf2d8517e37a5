"""`drip subscriber pause`, `resume` and `move`: what readers may choose on their own page, done for who asks by mail.

The same events as those of the buttons there. Called by `drip.cli.main` on demand.
"""

from __future__ import annotations

import click

from drip.cli.erasing import subscriber
from drip.cli.grammar import Call, command, dry_run_option
from drip.cli.output import count
from drip.cli.people import BY_AUTHOR, EXITS, Suppressed, find_subscriber
from drip.core.events import AskedToMove, CameBack, TookBreak
from drip.core.records import Evidence
from drip.core.when import wall_clock
from drip.errors import WrongUsage

__all__ = ["subscriber"]

WEEKS = 4
WEEKS_MAX = 52
"""Whoever wants to hear nothing for longer than a year should leave, and come back by themselves."""


@command(
    "pause",
    examples=(
        ("drip subscriber pause mia@example.com --weeks 8", "she asked for a break of eight weeks"),
        ("drip subscriber pause mia@example.com -n", "until when a break of four weeks would be"),
    ),
    exits=EXITS,
)
@click.argument("email")
@click.option("--weeks", type=click.IntRange(1, WEEKS_MAX), default=WEEKS, show_default=True, help="How long.")
@dry_run_option
def pause(call: Call, email: str, weeks: int, dry_run: bool) -> None:
    """Let somebody take a break from now on: no letters, and sequences stand still.

    Sequences go on after it with the same gaps; broadcasts that come meanwhile are skipped for them. Mails about a
    seat that they booked go on. Said again, the break is that long from now.
    """
    from drip.engine.resting import break_end

    with call.project() as project:
        now = call.now()
        with project.store.read() as work:
            person = find_subscriber(project, work, email)
        zone = person.zone or project.definition.timezone
        until = break_end(now, weeks, zone)
        if not dry_run:
            project.engine.happen(TookBreak(person.id, weeks, Evidence(where=BY_AUTHOR)), now)
    if call.output.json:
        document = {"type": "subscriber-paused", "email": person.email, "break_until": until, "dry_run": dry_run}
        call.output.document(document)
        return
    verb = "would be on" if dry_run else "is on"
    call.output.answer(f"{person.email} {verb} a break of {count(weeks, 'week')}, until {wall_clock(until, zone)}")


@command(
    "resume",
    examples=(("drip subscriber resume mia@example.com", "her break is over"),),
    exits=EXITS,
)
@click.argument("email")
@dry_run_option
def resume(call: Call, email: str, dry_run: bool) -> None:
    """End somebody's break. Sequences go on where they stopped; broadcasts that were skipped stay so."""
    with call.project() as project:
        now = call.now()
        with project.store.read() as work:
            person = find_subscriber(project, work, email)
        rest = person.break_at(now)
        if rest is not None and not dry_run:
            project.engine.happen(CameBack(person.id, Evidence(where=BY_AUTHOR)), now)
    if call.output.json:
        document = {"type": "subscriber-resumed", "email": person.email, "changed": rest is not None}
        call.output.document({**document, "dry_run": dry_run})
    elif rest is None:
        call.output.answer(f"{person.email} is on no break; nothing changed")
    else:
        call.output.answer(f"the break of {person.email} {'would be' if dry_run else 'is'} over")


@command(
    "move",
    examples=(
        ("drip subscriber move mia@example.com mia@example.net", "asks the new address to confirm"),
        (
            'drip subscriber move mia@example.com mia@example.net --consent "asked by phone, 3 May"',
            "moves at once, with your evidence",
        ),
    ),
    exits=EXITS,
)
@click.argument("email")
@click.argument("new_email", metavar="NEW-EMAIL")
@click.option("--consent", metavar="TEXT", help="How they asked for it. With it the address changes at once.")
@dry_run_option
def move(call: Call, email: str, new_email: str, consent: str | None, dry_run: bool) -> None:
    """Move somebody to another address. Without `--consent` a mail with one button goes there first.

    Everything goes along: lists, seats, sequences and what they chose. The old address is told. A suppression stays
    with the old address, if its server said that it takes no mail; any other is a "no" that no move undoes.
    """
    from drip.engine.addresses import mailable_address

    if consent is not None and not consent.strip():
        raise WrongUsage("`--consent` is empty", hint='say how they asked: `--consent "asked by phone, 3 May"`')
    with call.project() as project:
        address = mailable_address(new_email)
        with project.store.read() as work:
            person = find_subscriber(project, work, email)
            is_taken = work.is_anybodys(project.keys.mailbox_of(address), person.id)
        if is_taken:
            # The author may know; nobody is written to for that.
            hint = "unsubscribe the old one: `drip subscriber unsubscribe`; the other has its own lists and seats"
            raise WrongUsage(f"somebody else is known by {address} already", hint=hint)
        what = "asked" if consent is None else "moved"
        if not dry_run:
            evidence = Evidence(where=BY_AUTHOR, text=consent or "")
            event = AskedToMove(person.id, address, evidence, attested=consent is not None)
            what = project.engine.happen(event, call.now()).what
    if what == "suppressed":
        raise Suppressed(f"{person.email} or {address} is suppressed, and no move undoes a no")
    if call.output.json:
        document = {"type": "subscriber-moved", "email": person.email, "to": address, "what": what, "dry_run": dry_run}
        call.output.document(document)
        return
    call.output.answer(_said(what, person.email, address, dry_run=dry_run))


def _said(what: str, old: str, new: str, *, dry_run: bool) -> str:
    if what == "same":
        return f"{new} is their address already; nothing changed"
    if what == "moved":
        return f"{'would move' if dry_run else 'moved'} {old} to {new}; the old address is told"
    if dry_run:
        return f"would ask {new} to confirm that it is {old}'s new address"
    return f"asked {new} to confirm; the question goes out with the next `drip run`, and until then nothing moves"


for each_command in (pause, resume, move):
    subscriber.add_command(each_command)
