"""`drip run --watch` as a service: tells systemd that it is up, alive and going, and keeps a health file.

Plain datagrams of sd_notify(3), so no library is needed; without NOTIFY_SOCKET nothing is said. Called by
`drip.cli.send`.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

MICROSECONDS = 1_000_000


class Standby:
    """What others are told about a watch that is at work."""

    def __init__(self, health: Path | None, environment: Mapping[str, str] = os.environ) -> None:
        self._health = health
        self._address = environment.get("NOTIFY_SOCKET", "")
        ours = environment.get("WATCHDOG_PID") in (None, "", str(os.getpid()))
        spell = environment.get("WATCHDOG_USEC", "")
        # systemd wants to hear twice within the spell; a third leaves room for a machine that is busy.
        self.beat_seconds = int(spell) / MICROSECONDS / 3 if ours and spell.isdecimal() and int(spell) else None
        self._sent = 0

    def tell(self, *words: str) -> None:
        """Say it to systemd, if it listens. Never fails: a service must not die of its own reports."""
        if not self._address:
            return
        # A name that begins with @ lies in the abstract namespace, which begins with NUL.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
            speaker.sendto("\n".join(words).encode(), address)

    def ready(self) -> None:
        """It is up."""
        self.tell("READY=1", "STATUS=watching")

    def beat(self) -> None:
        """It is alive."""
        if self.beat_seconds is not None:
            self.tell("WATCHDOG=1")

    def did(self, numbers: Mapping[str, int], next_at: datetime | None, now: datetime, trouble: str = "") -> None:
        """What one round did."""
        self._sent += numbers.get("sent", 0)
        self.tell(f"STATUS={trouble or f'sent {self._sent:,} messages since the start'}")
        self.beat()
        self._write("watching", next_at, now, trouble)

    def stopping(self, now: datetime) -> None:
        """It ends."""
        self.tell("STOPPING=1", "STATUS=finishing the messages under way")
        self._write("stopped", None, now, "")

    def _write(self, state: str, next_at: datetime | None, now: datetime, trouble: str) -> None:
        """Replace the file as a whole, so that nobody ever reads half of it."""
        if self._health is None:
            return
        said = {
            "state": state,
            "at": now.isoformat(),
            "pid": os.getpid(),
            "sent": self._sent,
            "next_at": next_at.isoformat() if next_at else None,
            "trouble": trouble,
        }
        draft = self._health.with_name(f".{self._health.name}.{os.getpid()}")
        with suppress(OSError):
            draft.write_text(json.dumps(said) + "\n", encoding="utf-8")
            draft.replace(self._health)
