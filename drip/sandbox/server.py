"""`drip sandbox`: the stage with its inbox, in front of a person, until they press Ctrl-C."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from drip.project import SystemClock
from drip.sandbox.inbox import create_inbox
from drip.sandbox.stage import Address, SiteThread, Stage, listen
from drip.simulate import ShiftedClock

TICK_SECONDS = 1.0


def run_sandbox(
    root: Path,
    *,
    inbox_port: int = 8025,
    site_port: int = 8026,
    smtp_port: int = 0,
    say: Callable[[str], None],
    stop: threading.Event | None = None,
) -> None:
    """Run until interrupted (or until `stop` is set). `say` prints lines for people.

    Raises ProblemsFound when the files cannot be applied, OSError when a port is taken.
    """
    clock = ShiftedClock(SystemClock().now)
    stop = stop or threading.Event()
    with tempfile.TemporaryDirectory(prefix="drip-sandbox-") as folder:
        inbox_socket = listen(inbox_port)
        with Stage(root, Path(folder), clock, site_port=site_port, smtp_port=smtp_port) as stage:
            inbox = SiteThread(create_inbox(stage), inbox_socket)
            inbox.start()
            lists = stage.project.definition.lists
            sign_up = f"/s/{lists[0].name}" if lists else "/"
            inbox_url = Address(inbox_socket.getsockname()[1]).url
            say(f"inbox   {inbox_url}      every mail lands here; the clock is there too")
            say(f"site    {stage.site.url}{sign_up}      sign-up, webinar and all other pages")
            say(f"smtp    127.0.0.1:{stage.catcher.port}             catches whatever you send to it")
            say("stop with Ctrl-C; nothing of this touches your database or your relay")
            try:
                while not stop.wait(TICK_SECONDS):
                    stage.tick_if_due()
            finally:
                inbox.stop()
