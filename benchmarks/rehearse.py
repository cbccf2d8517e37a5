"""A rehearsal of the worked example: the whole command, and the play alone in a process that has done it before.

Run it with `python benchmarks/rehearse.py [PEOPLE] [DAYS]`. Wall clock and processor time are told apart, because
others may be at work on the machine.
"""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CAMPAIGN = "six-deadly-mistakes"
START = datetime(2026, 11, 25, 12, tzinfo=UTC)
SEED = 7


def spent() -> float:
    """Processor seconds of this process and of those that it has waited for."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def timed(name: str, act: Callable[[], str]) -> None:
    """Print how long it took, and the digest of what was told: the same each time."""
    before, started = spent(), time.perf_counter()
    told = act()
    wall, processor = time.perf_counter() - started, spent() - before
    print(f"{name:<40} {wall:7.2f} s  {processor:7.2f} s of processor   {told}", flush=True)


def command(people: int, days: int) -> str:
    """`drip rehearse`, as it is typed."""
    words = ["rehearse", CAMPAIGN, "--people", f"{people}", "--days", f"{days}", "--seed", f"{SEED}"]
    asked = [sys.executable, "-m", "drip", "-C", str(ROOT), *words, "--start", f"{START:%Y-%m-%dT%H:%MZ}", "--json"]
    told = subprocess.run(asked, check=True, capture_output=True).stdout
    return hashlib.sha256(told).hexdigest()[:12]


def play(people: int, days: int) -> str:
    """The same without the command around it."""
    from drip.project import open_project
    from drip.rehearsal.play import Play, Setting

    with open_project(ROOT) as project:
        setting = Setting(START, days, SEED, people)
        rehearsed = Play(project.wanted(), project.definition, setting, names=(CAMPAIGN,))
        rehearsed.open()
        rehearsed.invite()
        rehearsed.run()
    told = "\n".join(f"{each.at} {each.person.number} {each.delivery.post}" for each in rehearsed.taken)
    return f"{hashlib.sha256(told.encode()).hexdigest()[:12]}  {len(rehearsed.taken):,} mails, {rehearsed.ticks:,} runs"


def main() -> None:
    """The command twice, then the play twice in one process."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    days = int(sys.argv[2]) if len(sys.argv) > 2 else 90
    busy = f", {os.getloadavg()[0]:.1f} at work" if hasattr(os, "getloadavg") else ""
    print(f"{platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores{busy}")
    print(f"{CAMPAIGN}: {people:,} people, {days} days")
    for name in ("drip rehearse", "drip rehearse, again"):
        timed(name, lambda: command(people, days))
    for name in ("the play in one process, cold", "the play in one process, warm"):
        timed(name, lambda: play(people, days))


if __name__ == "__main__":
    main()
