"""`drip subscriber erase`: somebody asked to be forgotten. Called by `drip.cli.main` on demand.

The same event as that of the button on the reader's own page.
"""

from __future__ import annotations

import click

from drip.cli.grammar import Call, command, dry_run_option, yes_option
from drip.cli.output import count
from drip.cli.people import BY_AUTHOR, EXITS, find_subscriber, subscriber
from drip.core.events import Erased
from drip.core.records import RegistrationState
from drip.errors import Interrupted

__all__ = ["subscriber"]


@command(
    "erase",
    examples=(
        ("drip subscriber erase mia@example.com", "she asked to be forgotten"),
        ("drip subscriber erase mia@example.com -n", "what there is to erase"),
    ),
    exits=EXITS,
)
@click.argument("email")
@yes_option
@dry_run_option
def erase(call: Call, email: str, yes: bool, dry_run: bool) -> None:
    """Erase everything about somebody but a keyed hash. It cannot be undone.

    The hash is suppressed: no import and no form brings them back. Their seats are free for others, and no mail
    tells them. Mails that a relay has, logs of your servers and your backups are yours to look after.
    """
    with call.project() as project:
        with project.store.read() as work:
            person = find_subscriber(project, work, email)
            lists = len(work.subscriptions(person.id))
            mails = len(work.deliveries(person.id))
            held = sum(each.state is not RegistrationState.CANCELLED for each in work.registrations_of(person.id))
        found = f"{count(lists, 'subscription')}, {count(held, 'seat')}, {count(mails, 'mail')}"
        if not dry_run:
            if not yes and not call.output.ask(f"erase everything about {person.email} ({found})?"):
                raise Interrupted("nothing was erased", hint="")
            project.engine.happen(Erased(person.id, BY_AUTHOR), call.now())
    if call.output.json:
        call.output.document(
            {"type": "erased", "email": person.email, "lists": lists, "seats": held, "mails": mails, "dry_run": dry_run}
        )
    else:
        call.output.answer(f"{'would erase' if dry_run else 'erased'} everything about {person.email}: {found}")


subscriber.add_command(erase)
