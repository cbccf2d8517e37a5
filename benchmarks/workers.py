"""Several `drip run` at once over one PostgreSQL: 1, 2 and 4 of them, one broadcast, durable, into our own sink.

    python benchmarks/workers.py [--readers 4000] [--workers 1 2 4] [--rounds 3] [--round-trip 0]

Printed for each number of workers: messages a second of all together (from the first message to the last), its ratio to
one worker of the same round, and the processor time of the workers for a message. Every reader must get exactly one
message, by what the sink took, and no worker may say anything or end other than well: else the benchmark fails. With
--round-trip the relay is so many milliseconds away, as real ones are: then a worker waits more than it works, and more
workers are what helps; on the loopback two cores are busy with one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _crowd import ROOT, a_project
from _server import durable_server
from smtp_layer import delayed

LANES = 10


@dataclass(frozen=True)
class Measured:
    """One broadcast."""

    rate: float
    processor: float  # microseconds a message


def one(readers: int, workers: int, store_url: str, seconds: float) -> Measured:
    """A broadcast, sent by so many workers."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sink = stack.enter_context(sinking())
        assert sink.stdout is not None
        port = stack.enter_context(delayed(int(sink.stdout.readline()), seconds))
        a_project(folder, readers, f"server: 127.0.0.1:{port}\n    lanes: {LANES}", store_url)
        said = [stack.enter_context((folder / f"said-{number}").open("w+")) for number in range(workers)]
        command = [sys.executable, "-m", "drip", "run", "-C", str(folder), "--quiet"]
        environment = {**os.environ, "DRIP_STORE": store_url}
        quiet = subprocess.DEVNULL  # what they sent; trouble is told on the other way
        crowd = [subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=each) for each in said]
        processor = 0.0
        for each in crowd:
            _, status, usage = os.wait4(each.pid, 0)
            each.returncode = os.waitstatus_to_exitcode(status)
            processor += usage.ru_utime + usage.ru_stime
        sink.terminate()
        taken, first, last, different = sink.stdout.readline().split()
        for each in said:
            each.seek(0)
        words = "".join(each.read() for each in said)
    assert all(each.returncode == 0 for each in crowd), ([each.returncode for each in crowd], words)
    assert not words, words
    assert int(taken) == int(different) == readers, f"{taken} messages to {different} of {readers} readers"
    return Measured(readers / (float(last) - float(first)), processor / readers * 1e6)


@contextlib.contextmanager
def sinking() -> Iterator[subprocess.Popen[str]]:
    """The sink of `_crowd`."""
    command = [sys.executable, str(ROOT / "benchmarks/_crowd.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sink:
        try:
            yield sink
        finally:
            sink.terminate()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=4000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--round-trip", type=float, default=0.0, help="milliseconds")
    given = parser.parse_args()
    found: dict[int, list[Measured]] = defaultdict(list)
    with durable_server() as server:
        print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores,", end=" ")
        print(f"load {os.getloadavg()[0]:.1f}, PostgreSQL {server.version // 10_000}, {LANES} lanes a worker,", end=" ")
        print(f"{given.readers:,} readers, {given.round_trip:g} ms to the relay")
        for number in range(given.rounds):
            turn = number % len(given.workers)
            for workers in given.workers[turn:] + given.workers[:turn]:
                name = server.new_database()
                found[workers].append(one(given.readers, workers, server.url(name), given.round_trip / 1000))
                server.drop(name)
    for workers in given.workers:
        ratios = [mine.rate / its.rate for mine, its in zip(found[workers], found[given.workers[0]], strict=True)]
        rate = statistics.median(each.rate for each in found[workers])
        cost = statistics.median(each.processor for each in found[workers])
        print(
            f"{workers} at once: {rate:7,.0f} a second, {statistics.median(ratios):.2f}"
            f" [{min(ratios):.2f}..{max(ratios):.2f}] x {given.workers[0]}, {cost:.0f} µs of processor a message;"
            " everybody once, no worker complained"
        )


if __name__ == "__main__":
    main()
