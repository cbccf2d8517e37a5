"""A proof: one post from the files as they are now, as a marked message to one address, and handed over once.

Touches no state: there is no delivery, its links are signed with a key of no project, and nothing of it is written
down. Never goes to the reader that it shows. Called by `drip proof`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from drip.engine.diversion import Diversion
from drip.engine.letters import Letters
from drip.engine.preview import Chosen, as_delivery, no_keys

if TYPE_CHECKING:
    from drip.core.delivery import Outcome
    from drip.core.message import Wire
    from drip.mail.transport import Transport

PROOF_HEADER = "X-Drip-Proof"


@dataclass(frozen=True, slots=True)
class Proof:
    """A message ready to go, and what to tell about it."""

    wire: Wire
    post: str
    subject: str
    reader: str
    has_invite: bool


def make_proof(chosen: Chosen, to: str, moment: datetime, now: datetime) -> Proof:
    """The chosen post for its reader as it would be at `moment`, sent to `to` now. Raises TemplateFault.

    Its Message-ID is its own for every proof: mail programs show only the first of two messages with one.
    """
    post = "/".join(each for each in (chosen.edition.revision.campaign, chosen.post.name) if each)
    if chosen.post.path.startswith("templates/"):
        post = chosen.post.name
    reader = chosen.subscriber.email
    diversion = Diversion(
        to,
        "[proof]",
        "Proof, shown as for ",
        ". The links in it do not work: they are signed with a key of no project.",
        sent_at=now,
        extra=MappingProxyType({PROOF_HEADER: post}),
    )
    mark = hashlib.sha256(f"{to}\n{now.isoformat()}".encode()).hexdigest()
    addressed = as_delivery(
        chosen.edition,
        chosen.project,
        chosen.post,
        chosen.subscriber,
        chosen.registration,
        moment,
        occasion=f"proof/{post}/{mark}",
    )
    wire = Letters(no_keys(), diversion).wire(chosen.edition, chosen.project, addressed, moment)
    subject = Letters(no_keys()).fill(chosen.edition, chosen.project, addressed, moment).subject
    has_invite = b"\r\nContent-Type: text/calendar;" in wire.data
    return Proof(wire, post, f"{diversion.tag} {subject}", reader, has_invite)


async def hand_over(transport: Transport, wire: Wire) -> Outcome:
    """Try to send it, once. Raises RelayUnreachable."""
    await transport.open()
    try:
        await transport.ready(1, urgent=True)  # the author waits for it
        return await transport.send(wire)
    finally:
        await transport.close()
