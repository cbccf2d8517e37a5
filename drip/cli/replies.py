"""`drip reply import`: what calendars send back to invitations. Each answer is an event given to the engine.

Called by `drip.cli.main` on demand, often by a mail filter: what is no reply is said and is no failure.
"""

from __future__ import annotations

import sys

import click

from drip.cli.grammar import EXITS_PROJECT, Call, command, dry_run_option, noun
from drip.cli.output import one_line
from drip.core.events import AnsweredInvite
from drip.errors import NotFound, WrongUsage

reply = noun("reply", "What calendars send back to invitations.")

WORDS = {
    "noted": "noted",
    "asked": "noted; a mail with one button offers to free the seat",
    "known": "known before; nothing changed",
    "stale": "it answers an entry that has moved since; nothing changed",
    "over": "the seat is not held any more, or its session is over; nothing changed",
    "unknown": "the entry is none of this project's; nothing changed",
    "stranger": "the one who answers does not hold that seat; nothing changed",
}


def _read(call: Call, source: str, most: int) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read(most + 1)
    try:
        with call.path(source).open("rb") as file:
            return file.read(most + 1)
    except FileNotFoundError:
        raise NotFound(f"there is no file `{one_line(source)}`") from None
    except OSError as error:
        raise WrongUsage(f"`{one_line(source)}` cannot be read: {(error.strerror or str(error)).lower()}") from None


@command(
    "import",
    examples=(
        ("drip reply import answer.eml", "a mail that your calendar invitation got back"),
        ("cat answer.eml | drip reply import -", "the same from a mail filter"),
        ("drip reply import answer.eml -n", "only say what it holds"),
    ),
    exits=(4, *EXITS_PROJECT, 75),
)
@click.argument("source", metavar="FILE|-")
@dry_run_option
def import_(call: Call, source: str, dry_run: bool) -> None:
    """Take in an answer to an invitation (METHOD:REPLY). It never gives a seat back by itself.

    A decline is answered by one mail with one button, at most once for each state of the entry; an acceptance is noted.
    The entry must be one of this project's, and the attendee the one who holds the seat.
    """
    from drip.mail.replies import REPLY_BYTES_MAX, read_reply

    found = read_reply(_read(call, source, REPLY_BYTES_MAX))
    what = ""
    if found is not None and not dry_run:
        with call.project() as project:
            event = AnsweredInvite(found.uid, found.attendee, found.answer.value, found.sequence)
            what = project.engine.happen(event, call.now()).what
    if call.output.json:
        call.output.document(
            {
                "type": "reply",
                "answer": found.answer.value if found else None,
                "attendee": found.attendee if found else None,
                "uid": found.uid if found else None,
                "done": what,
            }
        )
    elif found is None:
        call.output.answer("this mail holds no answer to an invitation; nothing changed")
    elif dry_run:
        call.output.answer(f"{one_line(found.attendee)}: {found.answer.value}, for {one_line(found.uid)}")
    else:
        call.output.answer(f"{one_line(found.attendee)}: {found.answer.value}; {WORDS[what]}")


reply.add_command(import_)
