"""The command `proof`: one post as a marked mail to the author. Reads a database where there is one, writes none.

Called by `drip.cli.main` on demand.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import click

from drip.cli.grammar import EXITS_PROJECT, MOMENT, Call, command, dry_run_option, settle
from drip.cli.names import complete_post
from drip.cli.output import one_line
from drip.errors import DripError, NotFound, RelayUnreachable, WrongUsage

if TYPE_CHECKING:
    from drip.core.records import Registration, Subscriber
    from drip.engine.proof import Proof
    from drip.mail.transport import Transport
    from drip.project import Project


class ProofNotSent(DripError):
    """The relay did not take the proof."""

    name = "proof-not-sent"
    exit_code = 3
    default_hint = "nothing else was sent, and nothing was written down"


@command(
    "proof",
    examples=(
        ("drip proof six-deadly-mistakes/last-seats me@example.com", "this post to yourself, marked"),
        ("drip proof you-are-in me@example.com --as mia@example.com", "as one subscriber would get it"),
        ("drip proof see-you-tomorrow me@example.com --at 2026-12-07 --dry-run", "what would be sent, at another date"),
    ),
    exits=(3, 4, *EXITS_PROJECT, 13, 75),
)
@click.argument("post", shell_complete=complete_post)
@click.argument("email")
@click.option("--as", "as_email", metavar="SUBSCRIBER", help="With the fields and sessions of this subscriber.")
@click.option("--at", type=MOMENT, metavar="MOMENT", help="As the mail would be at this moment.")
@dry_run_option
def proof(call: Call, post: str, email: str, as_email: str | None, at: datetime | None, dry_run: bool) -> None:
    """Mail one post to EMAIL, and to nobody else, as it is in your files now, applied or not.

    It is marked as a proof, its links do not work, and nothing is written down: no delivery, no count.
    """
    from drip.engine.addresses import mailable_address
    from drip.engine.preview import choose
    from drip.engine.proof import make_proof

    to = mailable_address(email)
    now = call.now()
    with call.project() as project:
        to = _heed_test_mode(project, to)
        moment = settle(at, project.definition.timezone) if at else now
        chosen = choose(project.wanted(), post, moment)
        if as_email is not None:
            subscriber, registration = _known_reader(project, as_email, chosen.edition.revision.campaign)
            chosen = replace(chosen, subscriber=subscriber, registration=registration or chosen.registration)
        made = make_proof(chosen, to, moment, now)
        if not dry_run:
            _send(project.relay(), made)
    _tell(call, made, to, is_sample=as_email is None, dry_run=dry_run)


def _heed_test_mode(project: Project, to: str) -> str:
    """The address, if test mode lets it pass: as drip.yaml spells it then."""
    address = project.definition.test_mode
    if not address:
        return to
    if to.casefold() != address.casefold():
        raise WrongUsage(
            f"test mode is on: no mail goes to anybody but {address}",
            hint=f"proof to {address}, or take `test-mode` out of drip.yaml",
        )
    return address


def _known_reader(project: Project, address: str, campaign: str) -> tuple[Subscriber, Registration | None]:
    """A subscriber of the database. `project.store` is not asked: it would make one where there is none yet."""
    from drip.project import has_secret
    from drip.store.store import open_store

    store = open_store(project.store_url, root=project.root)
    try:
        if not has_secret(project.root) or not store.is_there():
            raise NotFound(
                "this project has no database yet, so there are no subscribers",
                hint="without `--as` a sample reader is shown",
            )
        with store.read() as work:
            known = work.subscriber_by_mailbox(project.keys.mailbox_of(address))
            if known is None:
                raise NotFound(f"there is no subscriber {one_line(address)}")
            return known, work.open_registration(known.id, campaign)
    finally:
        store.close()


def _send(transport: Transport, made: Proof) -> None:
    from drip.core.delivery import OutcomeKind
    from drip.engine.proof import hand_over

    outcome = asyncio.run(hand_over(transport, made.wire))
    if outcome.kind is OutcomeKind.ACCEPTED:
        return
    said = one_line(outcome.text) or "it gave no reason"
    if outcome.relay_down:
        raise RelayUnreachable(f"the relay is down: {said}", hint="check `relays:` in drip.yaml; nothing was sent")
    if outcome.kind is OutcomeKind.UNCERTAIN:
        raise ProofNotSent(f"the relay was lost before it answered: {said}", hint="the proof may have arrived or not")
    raise ProofNotSent(f"the relay did not take the proof: {said}")


def _tell(call: Call, made: Proof, to: str, *, is_sample: bool, dry_run: bool) -> None:
    size = len(made.wire.data)
    if call.output.json:
        call.output.document(
            {
                "type": "proof",
                "post": made.post,
                "to": to,
                "as": made.reader,
                "subject": made.subject,
                "invite": made.has_invite,
                "bytes": size,
                "sent": not dry_run,
            }
        )
        return
    reader = "a sample reader" if is_sample else one_line(made.reader)
    lines = [
        f"{'would send' if dry_run else 'sent'} {made.post} to {one_line(to)}, and to nobody else",
        f"  subject  {one_line(made.subject)}",
        f"  as       {reader}",
        f"  size     {size / 1000:.1f} kB{', with the calendar invite' if made.has_invite else ''}",
    ]
    call.output.answer("\n".join(lines))
