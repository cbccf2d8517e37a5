"""`drip serve`: the public pages behind uvicorn, and the mails that they cause sent at once.

Tokens are keys and stand in paths, so there is no access log, and the error log is redacted. Called by the CLI.
"""

from __future__ import annotations

import logging
import re
import threading
from typing import TYPE_CHECKING, Any

from drip.errors import DripError
from drip.web.app import EVEN_SECONDS, create_app
from drip.web.guard import HEAD_BYTES_MAX

if TYPE_CHECKING:
    from drip.project import Project

log = logging.getLogger("drip.web")

IDLE_SECONDS = 5
STOP_SECONDS = 10
VISITORS_MAX = 200
MAILS_A_KICK = 20

TOKENS = re.compile(r"(/(?:confirm|u|p|b|j|m|v)/|[?&]for=)[A-Za-z0-9_\-]{8,}")
ADDRESSES = re.compile(r"[^\s<>\"'(),:;]+@([^\s<>\"'(),:;]+)")


def redact(text: str) -> str:
    """A line of a log without keys and without addresses."""
    return ADDRESSES.sub(r"…@\1", TOKENS.sub(r"\1…", text))


class Redacted(logging.Formatter):
    """Formats a record, traceback included, and then takes out what no log may hold."""

    def format(self, record: logging.LogRecord) -> str:
        """The line that is written."""
        return redact(super().format(record))


class Kick:
    """Sends what somebody is waiting for: a few mails that are due, the urgent kinds first (DESIGN §8).

    A newsletter is left to cron, but for what fits into the few. One at a time: a kick that comes during another
    makes it look once more. Whatever fails stays due for cron.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._at_work = threading.Lock()
        self._wanted = threading.Event()

    def __call__(self) -> None:
        """Send, or let whoever is sending do it."""
        self._wanted.set()
        # The flag is looked at again after the lock is free, or a kick between the two would be lost.
        while self._wanted.is_set() and self._at_work.acquire(blocking=False):
            try:
                while self._wanted.is_set():
                    self._wanted.clear()
                    self._send()
            finally:
                self._at_work.release()

    def _send(self) -> None:
        try:
            self._project.engine.tick(self._project.clock.now(), limit=MAILS_A_KICK)
        except DripError as error:
            log.warning("mails wait for the next `drip run`: %s", error.message)


def log_settings() -> dict[str, Any]:
    """Logging on stderr, redacted."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"redacted": {"()": Redacted, "format": "%(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "redacted"}},
        "loggers": {
            "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "drip": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        },
    }


def serve(project: Project, host: str, port: int) -> None:
    """Serve until interrupted. `X-Forwarded-For` is believed from this machine only (`FORWARDED_ALLOW_IPS`)."""
    import uvicorn

    uvicorn.run(
        create_app(project, kick=Kick(project), even_seconds=EVEN_SECONDS),
        host=host,
        port=port,
        access_log=False,
        log_config=log_settings(),
        server_header=False,
        lifespan="off",
        h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        limit_concurrency=VISITORS_MAX,
    )
