"""The commands that stay running: serve (the public pages), sandbox and demo (local, nothing leaves the machine).

Thin: the pages are `drip.web`, the rehearsal room is `drip.sandbox`. Called by `drip.cli.main` on demand.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from drip.cli.grammar import EXITS_PROJECT, Call, command
from drip.errors import WrongUsage

if TYPE_CHECKING:
    from drip.sandbox.stage import Stage

LOCAL = "127.0.0.1"
PORT = click.IntRange(0, 65_535)
EXIT_BROKEN_PROMISE = 1


@contextmanager
def free_port() -> Iterator[None]:
    """A port that somebody else listens on is no bug of ours."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
            raise
        reason = (error.strerror or str(error)).lower()
        raise WrongUsage(f"cannot listen there: {reason}", hint="choose another with `--port`") from None


def try_port(host: str, port: int) -> None:
    """Raise WrongUsage where nobody can listen. Asked first, because uvicorn would end the process with code 3."""
    import socket

    with free_port(), socket.create_server((host, port)):
        return


@command(
    "serve",
    examples=(
        ("drip serve", "on 127.0.0.1:8000, for a reverse proxy to pass on to"),
        ("drip serve --host 0.0.0.0 --port 8080", "on every address of this machine"),
    ),
    exits=(4, *EXITS_PROJECT, 130),
)
@click.option("--host", default=LOCAL, show_default=True, help="The address to listen on.")
@click.option("--port", type=PORT, default=8000, show_default=True, help="The port to listen on.")
def serve(call: Call, host: str, port: int) -> None:
    """Serve the public pages: sign-up, confirmation, unsubscribe, webinar, join.

    Links in mails begin with `url:` of drip.yaml: let your web server pass that address on to here.
    """
    from drip.web.serve import serve as serve_pages

    try_port(host, port)
    with call.project() as project:
        call.output.talk(f"serving {project.definition.name} on http://{host}:{port}; stop with Ctrl-C")
        serve_pages(project, host=host, port=port)


@command(
    "sandbox",
    examples=(
        ("drip sandbox", "the site, an inbox, and a clock that you can push forward"),
        ("drip sandbox --port 9000 --site-port 9001", "on other ports"),
    ),
    exits=(4, 10, 130),
)
@click.option("--port", type=PORT, default=8025, show_default=True, help="The port of the inbox.")
@click.option("--site-port", type=PORT, default=8026, show_default=True, help="The port of the site.")
def sandbox(call: Call, port: int, site_port: int) -> None:
    """Try the campaign out, with a clock you can push forward.

    A local mail catcher with its inbox, and the site. It works on a database of its own: yours and your relay are
    not touched.
    """
    from drip.sandbox.server import run_sandbox

    root = call.root()
    try_port(LOCAL, port)
    try_port(LOCAL, site_port)
    with free_port():
        run_sandbox(root, inbox_port=port, site_port=site_port, say=call.output.answer)


@command(
    "demo",
    examples=(
        ("drip demo", "twelve readers live through five weeks in half a minute"),
        ("drip demo --exit", "the same, and end when it is over"),
    ),
    exits=(1, 130),
)
@click.option("--exit", "leave", is_flag=True, help="End when it is over, in place of leaving the inbox open.")
@click.option("--port", type=PORT, default=8025, show_default=True, help="The port of the inbox.")
def demo(call: Call, leave: bool, port: int) -> int:
    """Watch the worked example play itself.

    Readers sign up, register, attend, miss, unsubscribe. Every mail goes over SMTP, on this machine only. Without a
    terminal it ends when it is over.
    """
    from drip.project import starter_root
    from drip.sandbox.demo import play

    stays = not leave and call.output.is_terminal()
    if stays:
        try_port(LOCAL, port)  # now, not after half a minute of play
    with free_port():
        played = play(
            starter_root(),
            say=call.output.answer,
            progress=call.output.talk,
            keep_open=(lambda stage: _show_inbox(call, stage, port)) if stays else None,
        )
    return EXIT_BROKEN_PROMISE if played.broken else 0


def _show_inbox(call: Call, stage: Stage, port: int) -> None:
    """Serve the inbox until Ctrl-C, which here is the normal end."""
    from drip.sandbox.inbox import create_inbox
    from drip.sandbox.stage import Address, SiteThread, listen

    socket = listen(port)
    inbox = SiteThread(create_inbox(stage), socket)
    inbox.start()
    try:
        call.output.answer(f"every mail lies in {Address(socket.getsockname()[1]).url} to look at; stop with Ctrl-C")
        while True:
            call.pause(1.0)
    except KeyboardInterrupt:
        return
    finally:
        inbox.stop()
