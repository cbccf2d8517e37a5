"""A whole `drip run` of one broadcast: durable ledger, facts, rendering, MIME, SMTP; 10,000 and 100,000 readers.

Into a sink of our own, which costs next to nothing: messages a second, processor time a message, peak memory, and
seconds from the start of the process to the first message. And, interleaved round by round, against Postfix's
smtp-source, both into the same smtp-sink: the ratio. Trust the ratio and the processor time, not the rates.

    python benchmarks/whole_run.py [--readers 10000 100000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _crowd import ROOT, a_project

LANES = 20
MESSAGE_BYTES = 30_000  # about what the seed post weighs in its layout; the benchmark prints the real size


@dataclass(frozen=True)
class Measured:
    """One run."""

    messages: int
    seconds: float  # from the first message to the last
    processor: float  # user and system, of the whole process
    first: float  # from the start of the process to the first message
    peak: float  # megabytes


def start_run(folder: Path, store_url: str = "") -> subprocess.Popen[bytes]:
    """`drip run` in its own process."""
    environment = {**os.environ, **({"DRIP_STORE": store_url} if store_url else {})}
    command = [sys.executable, "-m", "drip", "run", "-C", str(folder), "--quiet"]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


def wait_for(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Processor seconds and peak megabytes of a process that is left to end."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, process.returncode
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def into_own_sink(folder: Path, readers: int) -> Measured:
    """The run into the sink of `_crowd`."""
    with subprocess.Popen(
        [sys.executable, str(ROOT / "benchmarks/_crowd.py")], stdout=subprocess.PIPE, text=True
    ) as sink:
        assert sink.stdout is not None
        try:
            port = int(sink.stdout.readline())
            a_project(folder, readers, f"server: 127.0.0.1:{port}\n    lanes: {LANES}")
            began = time.monotonic()
            processor, peak = wait_for(start_run(folder))
        finally:
            sink.terminate()
        taken, first, last, different = sink.stdout.readline().split()
    assert int(taken) == int(different) == readers, (taken, different, readers)
    return Measured(readers, float(last) - float(first), processor, float(first) - began, peak)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def against_smtp_source(folder: Path, readers: int) -> tuple[float, float]:
    """Messages a second of a run and of smtp-source, one after the other into the same smtp-sink."""
    port = free_port()
    sink = subprocess.Popen(["smtp-sink", "-u", "nobody", f"127.0.0.1:{port}", "512"])
    try:
        a_project(folder, readers, f"server: 127.0.0.1:{port}\n    lanes: {LANES}")
        began = time.monotonic()
        wait_for(start_run(folder))
        ours = readers / (time.monotonic() - began)
        command = ["smtp-source", "-s", str(LANES), "-m", str(readers), "-l", str(MESSAGE_BYTES), "-d"]
        command += ["-f", "a@example.org", "-t", "b@example.org", f"127.0.0.1:{port}"]
        began = time.monotonic()
        subprocess.run(command, check=True)
        return ours, readers / (time.monotonic() - began)
    finally:
        sink.terminate()
        sink.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--readers", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, {LANES} lanes")
    for readers in given.readers:
        for _ in range(given.rounds if readers < 50_000 else 1):
            with tempfile.TemporaryDirectory() as folder:
                run = into_own_sink(Path(folder), readers)
            print(
                f"{readers:>7,} readers, own sink: {run.messages / run.seconds:,.0f} a second,"
                f" {run.processor / run.messages * 1e6:.0f} µs of processor a message,"
                f" first after {run.first:.2f} s, peak {run.peak:.0f} MB",
                flush=True,
            )
    if shutil.which("smtp-sink") is None:
        print("no smtp-sink and smtp-source here (Debian: postfix); not compared")
        return
    ratios = []
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as folder:
            ours, theirs = against_smtp_source(Path(folder), given.readers[0])
        ratios.append(ours / theirs)
        print(f"{given.readers[0]:>7,} readers, smtp-sink: {ours:,.0f} a second, smtp-source {theirs:,.0f}", flush=True)
    print(f"ratio {statistics.median(ratios):.2f} [{min(ratios):.2f}..{max(ratios):.2f}] of smtp-source")


if __name__ == "__main__":
    main()
