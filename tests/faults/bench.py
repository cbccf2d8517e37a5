"""The test bench for runs that fail: a project of its own with many readers, and the sink that writes the truth.

The campaign has no date in it, so that these tests hold in any year. Used by the tests of this folder.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from drip.core.events import AddedByAuthor
from drip.core.model import Relay, RelayKind, Tls
from drip.engine.apply import apply
from drip.engine.happen import perform
from drip.project import open_project
from tests.stages import EVIDENCE, HERE, copy_example

AGO = timedelta(minutes=20)
"""How long ago everything began, for the runs of now."""

CAMPAIGN = """\
title: Under fire
sequences:
  welcome:
    start: joins job-seekers
    steps:
      - send: hello
        when: at once
"""
BROADCAST = """\
broadcasts:
  - send: news
    to: job-seekers
    when: {when}
"""
POST = """\
---
subject: Hello {{{{ first_name }}}}, this is {name}
---
Hi {{{{ first_name }}}},

a sentence that ends with a dot.

**[Read more](https://example.com/{name})**
"""


@dataclass
class Sink:
    """The sink program and its log."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def size(self) -> int:
        """How long the log is, in bytes."""
        return self.log.stat().st_size

    def count(self, since: int = 0) -> int:
        """How many messages it accepted, from a place in the log on."""
        with self.log.open("rb") as log:
            log.seek(since)
            return log.read().count(b"\n")


@contextmanager
def open_sink(folder: Path, *, latency: float = 0.0, fail: float = 0.0, drop: float = 0.0) -> Iterator[Sink]:
    """A sink on a free port. `fail`, `drop`: which share is refused for now, or accepted and then cut off."""
    log = folder / "sink.log"
    log.touch()
    command = [sys.executable, "tests/sinks.py", "--port", "0", "--log", str(log), "--pipelining"]
    command += ["--latency", str(latency), "--fail", str(fail), "--drop", str(drop), "--seed", "7"]
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Sink(process, int(process.stdout.readline()), log)
        finally:
            process.terminate()


def make_project(folder: Path, sink: Sink, *, lanes: int, with_broadcast: bool = False) -> Path:
    """A project with the one campaign. Nothing is applied yet."""
    copy_example(folder, relay=f"server: 127.0.0.1:{sink.port}\n    lanes: {lanes}", store="sqlite:///drip.db")
    settings = folder / "drip.yaml"
    # Everybody is due at once here, which is what the burst guard is there to stop.
    settings.write_text(f"burst: off\n{settings.read_text(encoding='utf-8')}", encoding="utf-8")
    for each in (folder / "campaigns").iterdir():
        for inner in sorted(each.rglob("*"), reverse=True):
            inner.rmdir() if inner.is_dir() else inner.unlink()
        each.rmdir()
    campaign = folder / "campaigns" / "under-fire"
    campaign.mkdir()
    text = CAMPAIGN
    if with_broadcast:
        moment = datetime.now(ZoneInfo("America/New_York")) - AGO / 2
        text += BROADCAST.format(when=f"{moment:%Y-%m-%d %H:%M}")
        (campaign / "news.md").write_text(POST.format(name="news"), encoding="utf-8")
    (campaign / "campaign.yaml").write_text(text, encoding="utf-8")
    (campaign / "hello.md").write_text(POST.format(name="hello"), encoding="utf-8")
    return folder


def add_crowd(folder: Path, store_url: str, readers: int) -> None:
    """Apply, and put the readers on the list: the first post is due to each of them at once, a broadcast by now."""
    now = datetime.now(UTC) - AGO
    with open_project(folder, store_url=store_url) as project:
        project.store.create_or_check()
        apply(project.engine, project.wanted(), now)
        with project.store.write() as work:
            scene = project.engine.scene(work, now)
            for number in range(readers):
                perform(scene, AddedByAuthor(f"reader{number}@example.org", "job-seekers", EVIDENCE, attested=True))


def finish(folder: Path, store_url: str, port: int) -> None:
    """Run to the end, hours later, so that what was deferred is due again."""
    # More lanes than before: nobody is killed any more, and the sink may be slow on purpose.
    relay = Relay(RelayKind.SMTP, host="127.0.0.1", port=port, tls=Tls.OFF, lanes=32)
    with open_project(folder, store_url=store_url, relay=relay) as project:
        for hours in range(1, 12):
            project.engine.tick(datetime.now(UTC) + timedelta(hours=hours))
