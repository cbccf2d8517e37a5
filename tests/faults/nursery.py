"""Runs of drip that start at once and may carry their death with them.

A program that has everything imported forks a child for each run, so that a thousand killed runs cost seconds, not an
hour of imports. A child can be told to kill itself (SIGKILL, nothing is tidied up) at its N-th *boundary*: just before
a statement reaches the database, and just before or after bytes reach a socket. Nothing else that a run does can be
seen from outside, so the boundaries are all the points at which a death can differ. Used by the tests beside it.

    python -m tests.faults.nursery      reads one JSON job a line, answers one line
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.stages import HERE

BOUNDARIES = "DRIP_TEST_BOUNDARIES"
EARLY = (
    "aiosmtplib",
    "drip.cli.main",
    "drip.cli.send",
    "drip.engine.advance",
    "drip.engine.apply",
    "drip.engine.broadcasts",
    "drip.engine.letters",
    "drip.engine.sending",
    "drip.mail.smtp",
    "drip.project",
    "jinja2",
    "premailer",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
)
"""What a run imports late. In the nursery it is there before the first child."""


# --- in the child ----------------------------------------------------------------------------------------------------


class Boundaries:
    """Counts the points of a run, and kills it at one of them. 0: at none; then it writes down which there were."""

    def __init__(self, deadly: int, log: Path | None) -> None:
        self._deadly = deadly
        self._log = log
        self._passed = 0

    def cross(self, name: str) -> None:
        """One point."""
        self._passed += 1
        if self._passed == self._deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as log:
                log.write(f"{self._passed}\t{name}\n")

    def plant(self) -> None:
        """Stand at the database and at the sockets of this process."""
        self._watch_sqlite()
        self._watch_postgres()
        self._watch_sockets()

    def _watch_sqlite(self) -> None:
        from sqlalchemy import Engine, event

        def watch(connection: Any, record: object) -> None:
            if hasattr(connection, "set_trace_callback"):
                connection.set_trace_callback(lambda statement: self.cross("sql " + " ".join(statement.split())[:60]))

        event.listen(Engine, "connect", watch)

    def _watch_postgres(self) -> None:
        import psycopg

        for owner, method in ((psycopg.Cursor, "execute"), (psycopg.Cursor, "executemany")):
            right = getattr(owner, method)

            def run(cursor: Any, query: Any, *more: Any, _right: Callable[..., Any] = right, **named: Any) -> Any:
                self.cross("sql " + " ".join(str(query).split())[:60])
                return _right(cursor, query, *more, **named)

            setattr(owner, method, run)
        for method in ("commit", "rollback"):
            right = getattr(psycopg.Connection, method)

            def finish(connection: Any, _right: Callable[..., Any] = right, _name: str = method) -> Any:
                self.cross(f"sql {_name.upper()}")
                return _right(connection)

            setattr(psycopg.Connection, method, finish)

    def _watch_sockets(self) -> None:
        from asyncio import selector_events

        owner: Any = selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
        right = owner.write

        def write(transport: Any, data: bytes) -> None:
            what = bytes(data[:40]).split(b"\r\n")[0].decode("latin-1")
            self.cross(f"before {what}")
            right(transport, data)
            self.cross(f"after {what}")

        owner.write = write


def _be_child(job: dict[str, Any]) -> None:
    os.setsid()
    with Path(os.devnull).open() as nothing, Path(job["output"]).open("ab") as output:
        os.dup2(nothing.fileno(), 0)
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.update(job["environment"])
    if job["deadly"] or job["boundaries"]:
        Boundaries(job["deadly"], Path(job["boundaries"]) if job["boundaries"] else None).plant()
    code: Any = 1
    try:
        from drip.cli.main import main

        sys.argv = ["drip", *job["arguments"]]
        main()
    except SystemExit as leaving:
        code = leaving.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0)


def _serve() -> None:
    for each in EARLY:
        importlib.import_module(each)
    print("ready", flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        if "pid" in job:
            pid, status = os.waitpid(job["pid"], 0 if job["wait"] else os.WNOHANG)
            print("-" if pid == 0 else os.waitstatus_to_exitcode(status), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            _be_child(job)
        print(pid, flush=True)


# --- in the test -----------------------------------------------------------------------------------------------------


@dataclass
class Child:
    """One run of drip. `code` once it ended: its exit code, or minus the signal that ended it."""

    nursery: Nursery
    pid: int
    code: int | None = None

    def poll(self) -> int | None:
        """The exit code, or None while it lives."""
        if self.code is None:
            answer = self.nursery.ask({"pid": self.pid, "wait": False})
            self.code = None if answer == "-" else int(answer)
        return self.code

    def wait(self) -> int:
        """The exit code, when it ended."""
        if self.code is None:
            self.code = int(self.nursery.ask({"pid": self.pid, "wait": True}))
        return self.code

    def signal(self, number: int) -> bool:
        """Send a signal, unless it ended before. Until somebody asked for its code its number cannot be another's."""
        if self.poll() is not None:
            return False
        os.kill(self.pid, number)
        return True


class Nursery:
    """The program above. Use it as a context."""

    def __init__(self, folder: Path, store_url: str) -> None:
        self.folder = folder
        self.store_url = store_url
        self.output = folder.parent / "runs.txt"

    def __enter__(self) -> Nursery:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def ask(self, job: dict[str, Any]) -> str:
        """One job, one answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def run(
        self,
        *more: str,
        deadly: int = 0,
        boundaries: Path | None = None,
        folder: Path | None = None,
        store_url: str | None = None,
        journal: Path | None = None,
    ) -> Child:
        """Start `drip run` on a project, by default the nursery's own."""
        arguments: Sequence[str] = ("run", "-C", str(folder or self.folder), *more)
        job = {
            "arguments": list(arguments),
            "environment": {
                "DRIP_STORE": store_url or self.store_url,
                **({"DRIP_JOURNAL": str(journal)} if journal else {}),
            },
            "deadly": deadly,
            "boundaries": str(boundaries) if boundaries else "",
            "output": str(self.output),
        }
        return Child(self, int(self.ask(job)))


if __name__ == "__main__":
    _serve()
