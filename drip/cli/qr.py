"""`drip webinar qr`: the address of a webinar's page as a picture for a slide. Changes nothing that is live.

Called by `drip.cli.main` on demand.
"""

from __future__ import annotations

import click

from drip.cli.files import write_file
from drip.cli.grammar import Call, command
from drip.cli.names import complete_campaign, complete_session
from drip.cli.output import one_line
from drip.cli.people import EXITS
from drip.cli.webinars import live_webinar, session_named, webinar
from drip.errors import WrongUsage

__all__ = ["webinar"]


@command(
    "qr",
    examples=(
        ("drip webinar qr six-deadly-mistakes > page.svg", "for a slide, sharp at every size"),
        ("drip webinar qr six-deadly-mistakes -o page.png", "for what takes no SVG"),
        ("drip webinar qr six-deadly-mistakes --session tuesday-noon -o noon.svg", "with that session chosen"),
    ),
    exits=EXITS,
)
@click.argument("campaign", shell_complete=complete_campaign)
@click.option("--session", metavar="NAME", shell_complete=complete_session, help="Choose this session on the page.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(dir_okay=False), help="Write it there: .svg or .png.")
def qr(call: Call, campaign: str, session: str | None, output: str | None) -> None:
    """Print a QR code that leads to a webinar's page, as SVG.

    It holds the plain address, nothing in between counts who comes that way. Try it with your phone before you print
    it.
    """
    from drip.engine.values import webinar_page
    from drip.web.qr import png, svg

    with call.project() as project, project.store.read() as work:
        event = live_webinar(project, work, campaign)
        if session is not None:
            session_named(event, campaign, session)
        address = webinar_page(project.definition.url.rstrip("/"), campaign, session)
    if output is None:
        if call.output.json:
            call.output.document({"type": "qr", "campaign": campaign, "address": address, "svg": svg(address)})
        else:
            call.output.answer(svg(address).rstrip("\n"))
        return
    path = call.path(output)
    if path.suffix.lower() not in (".svg", ".png"):
        raise WrongUsage(f"`{one_line(output)}` is neither .svg nor .png", hint="name it as `-o page.svg`")
    data = png(address) if path.suffix.lower() == ".png" else svg(address).encode()
    write_file(path, data)
    if call.output.json:
        call.output.document({"type": "qr", "campaign": campaign, "address": address, "file": output})
    else:
        call.output.answer(f"wrote {one_line(output)}: it leads to {address}")


webinar.add_command(qr)
