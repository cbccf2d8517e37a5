"""The commands that change a seat for a reader: `drip registration move` and `cancel`. Called by `drip.cli.main`
on demand. Each is the event that the reader's own manage page would bring.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from drip.cli.grammar import Call, command, dry_run_option
from drip.cli.names import complete_campaign, complete_session, near_hint
from drip.cli.output import one_line
from drip.cli.people import BY_AUTHOR, EXITS, booked_seat, find_subscriber, registration
from drip.core.events import CancelledRegistration, MovedRegistration
from drip.core.records import Evidence, Registration, Subscriber
from drip.errors import DripError, NotFound

if TYPE_CHECKING:
    from drip.project import Project
    from drip.store.work import Work


class NotMoved(DripError):
    """The seat stays where it is."""

    name = "not-moved"
    exit_code = 2


REFUSALS = {
    "full": "it is full",
    "over": "it, or the session that they have, is over",
    "same": "the seat is there already",
    "unknown": "the registration cannot be moved",
}


def _seat(
    project: Project, work: Work, email: str, campaign: str | None, session: str | None
) -> tuple[Subscriber, Registration]:
    """The person and the seat that they hold. Raises NotFound for a session that the webinar does not have."""
    person = find_subscriber(project, work, email)
    held = booked_seat(project, work, person, campaign)
    edition = project.engine.live.campaign(work, held.campaign)
    webinar = edition.campaign.webinar if edition is not None and edition.campaign is not None else None
    if session is not None and webinar is not None and webinar.session_named(session) is None:
        known = [each.name for each in webinar.sessions]
        hint = near_hint(session, known) or f"there are: {', '.join(known)}"
        raise NotFound(f"{held.campaign} has no session `{one_line(session)}`", hint=hint)
    return person, held


@command(
    "move",
    examples=(
        ("drip registration move mia@example.com saturday-morning", "she asked for another day"),
        ("drip registration move mia@example.com saturday-morning -n", "who would be told"),
    ),
    exits=EXITS,
)
@click.argument("email")
@click.argument("session", metavar="SESSION", shell_complete=complete_session)
@click.option("--campaign", metavar="CAMPAIGN", help="Which webinar.", shell_complete=complete_campaign)
@dry_run_option
def move(call: Call, email: str, session: str, campaign: str | None, dry_run: bool) -> None:
    """Move somebody's seat to another session. They are told, and their calendar entry and links stay."""
    with call.project() as project:
        with project.store.read() as work:
            person, held = _seat(project, work, email, campaign, session)
        if not dry_run:
            event = MovedRegistration(held.id, session, Evidence(where=BY_AUTHOR))
            what = project.engine.happen(event, call.now()).what
            if what != "moved":
                raise NotMoved(f"{person.email} was not moved to {session}: {REFUSALS.get(what, what)}")
    _say(call, "moved", person, held, dry_run, session)


@command(
    "cancel",
    examples=(("drip registration cancel mia@example.com", "she cannot come; her seat is free"),),
    exits=EXITS,
)
@click.argument("email")
@click.option("--campaign", metavar="CAMPAIGN", help="Which webinar.", shell_complete=complete_campaign)
@dry_run_option
def cancel(call: Call, email: str, campaign: str | None, dry_run: bool) -> None:
    """Give somebody's seat back. They are told, their reminders stop, and the next in line is offered the seat."""
    with call.project() as project:
        with project.store.read() as work:
            person, held = _seat(project, work, email, campaign, None)
        if not dry_run:
            project.engine.happen(CancelledRegistration(held.id, Evidence(where=BY_AUTHOR)), call.now())
    _say(call, "cancelled", person, held, dry_run, held.session)


def _say(call: Call, did: str, person: Subscriber, held: Registration, dry_run: bool, session: str) -> None:
    if call.output.json:
        call.output.document(
            {
                "type": "registration",
                "email": person.email,
                "campaign": held.campaign,
                "from": held.session,
                "session": session,
                "done": "" if dry_run else did,
                "told": [person.email],
            }
        )
        return
    if did == "moved":
        verb = "would move" if dry_run else "moved"
        call.output.answer(f"{verb} {person.email} from {held.session} to {session}")
    else:
        verb = "would cancel" if dry_run else "cancelled"
        call.output.answer(f"{verb} the seat of {person.email} in {session}")
    call.output.answer("they " + ("would be told" if dry_run else "are told with the next `drip run`"))


registration.add_command(move)
registration.add_command(cancel)
