"""The SMTP layer alone: prebuilt messages of 30 kB over 20 connections, by several clients, to several sinks.

    python benchmarks/smtp_layer.py [--rounds 5] [--messages 2000]

Clients: a pool of aiosmtplib sessions, smtplib in threads, Postfix's smtp-source, and drip with bytes from anywhere and
with wire-ready bytes. Sinks: `fastsink.c` (built here with cc) and Postfix's smtp-sink where it is installed. Then the
same behind a proxy that delays each direction, with and without PIPELINING, and behind one that speaks TLS (the rates
there are the proxy's, which shares the cores; the microseconds are the client's). All clients take turns within a
round; a ratio is taken within its round; printed is the median of the rounds, with the smallest and the largest. The
microseconds are the client's own processor time for a message, sessions and the start of the client included: on a
machine that does other things besides they are the figure to look at.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import platform
import queue
import shutil
import smtplib
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aiosmtplib

from drip.core.delivery import OutcomeKind
from drip.core.message import Wire
from drip.core.model import Relay, RelayKind, Tls
from drip.mail import smtp
from drip.mail.smtp import SmtpTransport

SENDER, READER = "bounces@example.com", "reader@example.com"
LINE = b"Once upon a time somebody asked me to review a letter of application.\r\n"
BODY = b"Message-ID: <1@example.com>\r\nSubject: hi\r\n\r\n" + LINE * (30_000 // len(LINE))
DELAYS = (0.0, 0.020, 0.050)  # seconds for a round trip
DELAYED_LANES = 10

Client = Callable[[int, int, int], float]
"""Sends so many messages to a port over so many connections; how many seconds that took."""


# --- clients -------------------------------------------------------------------------------------------------------


def trusting() -> ssl.SSLContext:
    """TLS with whoever answers: the proxy made its certificate a moment ago."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def aiosmtplib_pool(port: int, count: int, lanes: int, *, tls: bool = False) -> float:
    async def lane(numbers: Iterator[int], session: aiosmtplib.SMTP) -> None:
        for _ in numbers:
            await session.sendmail(SENDER, [READER], BODY)

    async def story() -> float:
        sessions = [
            aiosmtplib.SMTP(
                hostname="127.0.0.1", port=port, start_tls=False, use_tls=tls, tls_context=trusting() if tls else None
            )
            for _ in range(lanes)
        ]
        await asyncio.gather(*(each.connect() for each in sessions))
        numbers = iter(range(count))
        began = time.perf_counter()
        await asyncio.gather(*(lane(numbers, each) for each in sessions))
        seconds = time.perf_counter() - began
        await asyncio.gather(*(each.quit() for each in sessions))
        return seconds

    return asyncio.run(story())


def smtplib_threads(port: int, count: int, lanes: int) -> float:
    work: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(count):
        work.put(number)
    sessions = [smtplib.SMTP("127.0.0.1", port) for _ in range(lanes)]

    def lane(session: smtplib.SMTP) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                work.get_nowait()
                session.sendmail(SENDER, [READER], BODY)

    began = time.perf_counter()
    with ThreadPoolExecutor(lanes) as threads:
        list(threads.map(lane, sessions))  # raises what a lane raised
    seconds = time.perf_counter() - began
    for each in sessions:
        each.quit()
    return seconds


def drip(port: int, count: int, lanes: int, *, wire_ready: bool, tls: bool = False) -> float:
    async def story() -> float:
        smtp.FIRST_LANES = lanes  # the others have all their connections from the start, too
        relay = Relay(RelayKind.SMTP, "127.0.0.1", port, tls=Tls.IMPLICIT if tls else Tls.OFF, lanes=lanes)
        context = trusting() if tls else None
        transport = SmtpTransport(relay, None, messages_per_connection=10**9, tls_context=context)
        await transport.open()
        wire = Wire(SENDER, READER, BODY, "<1@example.com>", wire_ready=wire_ready)
        numbers = iter(range(count))

        async def lane() -> None:
            for _ in numbers:
                assert (await transport.send(wire)).kind is OutcomeKind.ACCEPTED

        began = time.perf_counter()
        await asyncio.gather(*(lane() for _ in range(transport.lanes)))
        seconds = time.perf_counter() - began
        await transport.close()
        return seconds

    return asyncio.run(story())


def drip_anything(port: int, count: int, lanes: int) -> float:
    return drip(port, count, lanes, wire_ready=False)


def drip_wire_ready(port: int, count: int, lanes: int) -> float:
    return drip(port, count, lanes, wire_ready=True)


def drip_tls(port: int, count: int, lanes: int) -> float:
    return drip(port, count, lanes, wire_ready=True, tls=True)


def pool_tls(port: int, count: int, lanes: int) -> float:
    return aiosmtplib_pool(port, count, lanes, tls=True)


def smtp_source(port: int, count: int, lanes: int) -> float:
    command = ["smtp-source", "-d", "-s", str(lanes), "-m", str(count), "-l", str(len(BODY))]
    began = time.perf_counter()
    subprocess.run([*command, "-f", SENDER, "-t", READER, f"127.0.0.1:{port}"], check=True, capture_output=True)
    return time.perf_counter() - began


# --- sinks and the proxy -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def fastsink(program: Path, *options: str) -> Iterator[int]:
    with subprocess.Popen([str(program), *options], stdout=subprocess.PIPE, text=True) as sink:
        assert sink.stdout is not None
        try:
            yield int(sink.stdout.readline())
        finally:
            sink.kill()


@contextlib.contextmanager
def smtp_sink() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    sink = subprocess.Popen(["smtp-sink", *user, f"127.0.0.1:{port}", "512"])
    try:
        for _ in range(100):
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield port
    finally:
        sink.kill()
        sink.wait()


@contextlib.contextmanager
def delayed(port: int, seconds: float) -> Iterator[int]:
    """A proxy in a process of its own that holds back each direction for half of the round trip."""
    if not seconds:
        yield port
        return
    command = [sys.executable, __file__, "--proxy", str(port), str(seconds / 2)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        try:
            yield int(proxy.stdout.readline())
        finally:
            proxy.kill()


@contextlib.contextmanager
def inside_tls(port: int, folder: Path) -> Iterator[int]:
    """A proxy in a process of its own that takes TLS and speaks plainly behind it."""
    with subprocess.Popen(
        [sys.executable, __file__, "--proxy", str(port), "0", str(folder)], stdout=subprocess.PIPE, text=True
    ) as proxy:
        assert proxy.stdout is not None
        try:
            yield int(proxy.stdout.readline())
        finally:
            proxy.kill()


async def serve_proxy(port: int, seconds: float, certificate: Path | None = None) -> None:
    loop = asyncio.get_running_loop()
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(2**18):
                loop.call_later(seconds, writer.write, data)
        loop.call_later(seconds, writer.close)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# --- measuring -----------------------------------------------------------------------------------------------------


def compare(title: str, port: int, clients: dict[str, Client], counts: dict[str, int], lanes: int, rounds: int) -> None:
    """Let the clients take turns; print what each did, and its ratio to the first."""
    rates: dict[str, list[float]] = {name: [] for name in clients}
    costs: dict[str, list[float]] = {name: [] for name in clients}
    names = list(clients)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            before = sum(os.times()[:4])
            rates[name].append(counts[name] / clients[name](port, counts[name], lanes))
            costs[name].append((sum(os.times()[:4]) - before) / counts[name] * 1e6)
    print(f"{title}, {lanes} connections, {rounds} rounds")
    for name in names:
        for other in dict.fromkeys((names[0], names[-1])):
            ratios = [mine / its for mine, its in zip(rates[name], rates[other], strict=True)]
            spread = f"{statistics.median(ratios):6.2f} [{min(ratios):.2f}..{max(ratios):.2f}] x {other}".ljust(42)
            label = (
                f"  {name:22} {statistics.median(rates[name]):9,.0f}/s {statistics.median(costs[name]):6,.0f} us"
                if other == names[0]
                else ""
            )
            print(f"{label:46} {spread}", end="" if other == names[0] and names[0] != names[-1] else "\n")
    sys.stdout.flush()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=2000, help="for the slow clients; the fast ones send more")
    given = parser.parse_args()
    print(f"SMTP layer, {len(BODY):,} bytes a message, on {platform.processor() or platform.machine()},")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, loopback, interleaved")
    slow, fast = given.messages, 5 * given.messages
    drips: dict[str, Client] = {"drip, any bytes": drip_anything, "drip, wire-ready": drip_wire_ready}
    pool: dict[str, Client] = {"aiosmtplib pool": aiosmtplib_pool}
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "fastsink"
        source = Path(__file__).with_name("fastsink.c")
        subprocess.run(["cc", "-O2", "-o", str(program), str(source)], check=True)
        clients = {**pool, "smtplib in threads": smtplib_threads, **drips}
        counts = dict.fromkeys(clients, slow) | dict.fromkeys(drips, fast)
        with fastsink(program, "pipelining") as port:
            compare("own sink", port, clients, counts, 20, given.rounds)
        if shutil.which("smtp-sink"):
            clients = {**pool, **drips, "smtp-source": smtp_source}
            with smtp_sink() as port:
                compare("smtp-sink", port, clients, dict.fromkeys(clients, slow), 20, given.rounds)
        clients = {**pool, "drip, wire-ready": drip_wire_ready}
        for options in (("pipelining",), ()):
            for seconds in DELAYS:
                with fastsink(program, *options) as there, delayed(there, seconds) as port:
                    title = f"{seconds * 1000:.0f} ms, {'with' if options else 'without'} PIPELINING"
                    counts = dict.fromkeys(clients, 200) | ({"drip, wire-ready": 600} if options else {})
                    compare(title, port, clients, counts, DELAYED_LANES, min(3, given.rounds))
        if shutil.which("openssl"):
            call = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
            files = ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
            subprocess.run([*call, *files], check=True, capture_output=True)
            clients = {"aiosmtplib pool, TLS": pool_tls, "drip wire-ready, TLS": drip_tls}
            with fastsink(program, "pipelining") as there, inside_tls(there, Path(folder)) as port:
                counts = {"aiosmtplib pool, TLS": slow // 2, "drip wire-ready, TLS": fast}
                compare("TLS", port, clients, counts, 20, min(3, given.rounds))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--proxy"]:
        certificate = Path(sys.argv[4]) if sys.argv[4:] else None
        asyncio.run(serve_proxy(int(sys.argv[2]), float(sys.argv[3]), certificate))
    else:
        main()
