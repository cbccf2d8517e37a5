"""A stage: a throw-away copy of a project with its own database, mail catcher and site, all on loopback.

Nothing on it reaches the author's database or a real relay. Called by `drip sandbox` and `drip demo`.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from drip.core.model import Relay, RelayKind, Tls
from drip.engine.apply import apply
from drip.project import PROJECT_FILE, Project, open_project, read_tree
from drip.sandbox.catcher import LOOPBACK, Catcher
from drip.simulate import Clock, live_until

if TYPE_CHECKING:
    import uvicorn

    from drip.engine.engine import Ticked

START_SECONDS_MAX = 10.0


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 takes a free one. Bound before anybody prints its number."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((LOOPBACK, port))
        sock.listen(64)
    except OSError:
        sock.close()
        raise
    return sock


class SiteThread:
    """One ASGI application on a loopback socket, in a thread of its own."""

    def __init__(self, app: Callable[..., Any], sock: socket.socket) -> None:
        import uvicorn

        # The access log would print tokens (they are in the paths), and an open page must not hold up the end.
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1, lifespan="off")
        self._server: uvicorn.Server = uvicorn.Server(config)
        self._sock = sock
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [sock]}, daemon=True)

    def start(self) -> None:
        """Start and wait until it answers."""
        self._thread.start()
        waited = 0.0
        while not self._server.started and waited < START_SECONDS_MAX:
            time.sleep(0.02)
            waited += 0.02

    def stop(self) -> None:
        """Stop and wait for the thread."""
        self._server.should_exit = True
        self._thread.join(timeout=5)
        self._sock.close()


@dataclass(frozen=True, slots=True)
class Address:
    """Where something on the stage listens."""

    port: int

    @property
    def url(self) -> str:
        """Its address for a browser on this machine."""
        return f"http://{LOOPBACK}:{self.port}"


class Stage:
    """Open it in a `with`. `tick` and `push` may be called from any thread; they take turns."""

    def __init__(
        self,
        root: Path,
        folder: Path,
        clock: Clock,
        *,
        refuses: frozenset[str] = frozenset(),
        site_port: int = 0,
        smtp_port: int = 0,
    ) -> None:
        self.root = root
        self.clock = clock
        self.catcher = Catcher(clock.now, refuses=refuses)
        self._folder = folder
        self._smtp_port = smtp_port
        self._lock = threading.RLock()
        self._site_socket = listen(site_port)
        self.site = Address(self._site_socket.getsockname()[1])
        self.project: Project
        self._site: SiteThread | None = None

    def __enter__(self) -> Stage:
        self.catcher.start(self._smtp_port)
        self._copy_files()
        relay = Relay(RelayKind.SMTP, host=LOOPBACK, port=self.catcher.port, tls=Tls.OFF, lanes=4)
        self.project = open_project(self._folder, clock=self.clock, store_url="sqlite:///sandbox.db", relay=relay)
        self.apply()
        from drip.web.app import create_app

        self._site = SiteThread(create_app(self.project), self._site_socket)
        self._site.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._site is not None:
            self._site.stop()
        self.catcher.stop()
        if hasattr(self, "project"):
            self.project.close()

    def _copy_files(self) -> None:
        """The author's files, with two changes: links lead to this stage, and every reader has an inbox here."""
        for path, text in read_tree(self.root).items():
            target = self._folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if path == PROJECT_FILE:
                text = re.sub(r"(?m)^url:.*$", f"url: {self.site.url}", text)
                # No mail leaves the stage anyway; redirected mail could not be told apart in its inbox.
                text = re.sub(r"(?m)^test-mode:.*\n?", "", text)
            target.write_text(text, encoding="utf-8")

    def apply(self) -> None:
        """Make the author's files, as they are now, live on this stage. Raises ProblemsFound."""
        with self._lock:
            self._copy_files()
            apply(self.project.engine, self.project.wanted(), self.clock.now())

    def tick(self, now: datetime) -> Ticked:
        """One tick of the real engine."""
        with self._lock:
            return self.project.engine.tick(now)

    def tick_if_due(self) -> None:
        """Tick when there is something to do; called every second by the sandbox."""
        with self._lock:
            now = self.clock.now()
            if not self.project.engine.is_idle(now):
                self.project.engine.tick(now)

    def push(self, ahead: timedelta) -> int:
        """Let time pass, with everything that comes due on the way. Returns the number of ticks."""
        with self._lock:
            return live_until(self.project.engine, self.clock, self.clock.now() + ahead, self.tick)
