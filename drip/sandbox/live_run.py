"""`drip preview`: the live preview in front of an author, until they press Ctrl-C."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from urllib.parse import urlencode

from drip.project import Clock
from drip.sandbox.live import Live
from drip.sandbox.live_pages import create_live
from drip.sandbox.stage import Address, SiteThread, listen

LOOK_SECONDS = 0.2
"""A save is noticed after half of this, on average: with the rendering it stays far below a second."""

CALM_SECONDS = 1.0
"""Sizes are measured when no save came for so long, so that the page an author waits for comes first."""

BREATH_SECONDS = 0.02
"""Between two posts that are measured a page gets its turn."""

STOP_SECONDS = 1.0
"""So long a post that is being measured may hold up the end."""


def run_live(
    root: Path,
    *,
    clock: Clock,
    port: int,
    post: str | None,
    say: Callable[[str], None],
    stop: threading.Event | None = None,
) -> None:
    """Run until interrupted, or until `stop` is set. `say` is told the address.

    Raises NotFound for a post that is not there, OSError when the port is taken.
    """
    stop = stop or threading.Event()
    live = Live(root, clock)
    query = f"?{urlencode({'post': live.find(post)}, safe='/')}" if post else ""
    sock = listen(port)
    site = SiteThread(create_live(live), sock)
    site.start()
    # A thread, so that neither a save nor Ctrl-C waits until a post is measured.
    measuring = threading.Thread(target=_measure, args=(live, stop), daemon=True)
    measuring.start()
    try:
        with _interrupts(live):
            say(f"{Address(sock.getsockname()[1]).url}/{query}")
            while not (live.is_closing or stop.wait(LOOK_SECONDS)):
                live.look()
    finally:
        stop.set()
        # The streams of open pages end by themselves when they see this; the server waits for them a second at most.
        live.is_closing = True
        site.stop()
        measuring.join(STOP_SECONDS)


@contextmanager
def _interrupts(live: Live) -> Iterator[None]:
    """Ctrl-C ends the loop; a second one interrupts as usual.

    As an exception it would fall anywhere: in the middle of a lock that pages wait for, or into a callback of a parser
    that swallows it.
    """

    def end(number: int, frame: FrameType | None) -> None:
        live.is_closing = True  # not an Event: the loop may hold its lock right now
        signal.signal(signal.SIGINT, signal.default_int_handler)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _measure(live: Live, stop: threading.Event) -> None:
    """Check the files when a page waits for it, and measure posts when the author pauses."""
    number, calm_at = 0, 0.0
    pause = LOOK_SECONDS
    while not stop.wait(pause):
        if live.snapshot.number != number:
            number, calm_at = live.snapshot.number, time.monotonic() + CALM_SECONDS
        pause = LOOK_SECONDS
        if live.check_wanted() or (time.monotonic() >= calm_at and live.measure_one()):
            pause = BREATH_SECONDS
