"""The command `doctor`: what holds on this machine, where each setting came from, and what will not work.

Opens no connection and changes nothing. Called by `drip.cli.main` on demand.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from drip.cli.grammar import EXITS_PROJECT, Call, command
from drip.cli.output import one_line
from drip.core.model import RelayKind
from drip.errors import DripError

if TYPE_CHECKING:
    from drip.core.model import Relay
    from drip.project import Project

DNS_STRING_MAX = 255


class Unwell(DripError):
    """Something on this machine will not work."""

    name = "unwell"
    exit_code = 4
    default_hint = "mend what is marked with `wrong` above"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, what was found, and whether that is well."""

    about: str
    text: str
    is_well: bool = True
    hint: str = ""


@command(
    "doctor",
    examples=(
        ("drip doctor", "settings, secrets, relays, and the DNS record of your DKIM key"),
        ('drip doctor --dkim-record "$(dig +short TXT drip._domainkey.example.com)"', "is that record right?"),
    ),
    exits=(4, *EXITS_PROJECT),
)
@click.option("--dkim-record", metavar="TEXT", help="Compare this text of a TXT record with the DKIM key.")
def doctor(call: Call, dkim_record: str | None) -> None:
    """Say what holds on this machine, where it came from, and what will not work. Asks no server."""
    with call.project() as project:
        found = [*_settings(project), *_relays(project), *_dkim(project, dkim_record)]
    if call.output.json:
        for each in found:
            call.output.record(
                {"type": "finding", "about": each.about, "text": each.text, "well": each.is_well, "hint": each.hint}
            )
    else:
        width = max(len(each.about) for each in found)
        for each in found:
            word = "ok   " if each.is_well else "wrong"
            call.output.answer(f"{word}  {each.about:<{width}}  {one_line(each.text)}")
            if each.hint:
                call.output.answer(f"       {'':<{width}}  hint: {each.hint}")
    wrong = sum(not each.is_well for each in found)
    if wrong:
        raise Unwell(f"{wrong} of {len(found)} things will not work")


def _settings(project: Project) -> Iterator[Finding]:
    from drip.project import has_secret

    source = "DRIP_STORE" if os.environ.get("DRIP_STORE") else "drip.yaml"
    # What may hold a password is not shown: the scheme and the last part are enough to tell databases apart.
    scheme, _, rest = project.store_url.partition("://")
    yield Finding("store", f"{scheme}://…{rest.rpartition('/')[2].partition('?')[0]} (from {source})")
    if os.environ.get("DRIP_SECRET"):
        yield Finding("secret", "from DRIP_SECRET")
    elif has_secret(project.root):
        mode = (project.root / ".drip" / "secret").stat().st_mode & 0o077
        hint = "`chmod 600 .drip/secret`" if mode else ""
        yield Finding("secret", "others may read `.drip/secret`" if mode else "from .drip/secret", not mode, hint)
    else:
        yield Finding("secret", "there is none yet; the first command that needs it makes `.drip/secret`")
    if project.definition.test_mode:
        yield Finding("test mode", f"is on: all mail goes to {project.definition.test_mode}")


def _relays(project: Project) -> Iterator[Finding]:
    from drip.engine.pacing import relay_name
    from drip.project import read_password

    for relay in project.definition.relays:
        if relay.kind is RelayKind.FOLDER:
            yield Finding("relay", f"{relay_name(relay)}: files to look at, nothing leaves this machine")
            yield from _reserve(relay)
            continue
        try:
            has_password = read_password(relay, project.root) is not None
        except DripError as error:
            yield Finding("relay", f"{relay_name(relay)}: {error.message}", False, error.hint)
            continue
        login = f"as {relay.user}, its password can be read" if has_password else "without a login"
        yield Finding("relay", f"{relay_name(relay)}: {login}, TLS {relay.tls.value}")
        yield from _reserve(relay)


def _reserve(relay: Relay) -> Iterator[Finding]:
    """What of its day is not for newsletters."""
    if relay.quota is None and relay.warm_up is None:
        return
    share = f"{relay.reserve_percent} %" if relay.reserve is None else f"{relay.reserve:,} messages"
    text = f"{share} of its day, and what is planned of them, is kept for confirmations and reminders"
    yield Finding("reserve", text)


def _dkim(project: Project, record: str | None) -> Iterator[Finding]:
    from drip.project import read_signer

    definition = project.definition
    if definition.dkim is None:
        yield Finding("dkim", "drip does not sign; most relays do, see the account of yours", record is None)
        return
    try:
        signer = read_signer(definition.dkim, project.root)
    except DripError as error:
        yield Finding("dkim", error.message, False, error.hint)
        return
    short = signer.algorithm.startswith("rsa") and signer.bits < 2048
    yield Finding("dkim", f"signs with {signer.algorithm}, {signer.bits} bits" + (": 2048 are better" if short else ""))
    sender = definition.sender.address.rpartition("@")[2].lower()
    if sender != signer.domain and not sender.endswith("." + signer.domain):
        text = f"mails come from {sender}, but {signer.domain} signs: DMARC does not count that"
        yield Finding("dkim", text, False, f"sign with `domain: {sender}`, or one above it")
    yield Finding("dkim record", f"TXT {signer.record_name}")
    text = signer.record
    for start in range(0, len(text), DNS_STRING_MAX):
        yield Finding("dkim record", f'"{text[start : start + DNS_STRING_MAX]}"')
    faults = signer.faults_of(record) if record is not None else []
    for fault in faults:
        yield Finding("dkim in DNS", fault, False, "publish the record that stands above")
    if record is not None and not faults:
        yield Finding("dkim in DNS", "the record fits the key")
