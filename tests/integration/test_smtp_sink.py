"""The fast sink program that the kill tests trust: its log must say exactly what was accepted."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from drip.core.delivery import OutcomeKind
from drip.core.message import Wire
from drip.core.model import Relay, RelayKind, Tls
from drip.mail.lane import Patience
from drip.mail.smtp import SmtpTransport

PROGRAM = Path(__file__).parents[1] / "sinks.py"


@contextlib.contextmanager
def sink(log: Path, *options: str) -> Iterator[int]:
    command = [sys.executable, str(PROGRAM), "--port", "0", "--log", str(log), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        try:
            yield int(program.stdout.readline())
        finally:
            program.terminate()
            assert program.wait(10) == 0


def data(number: int) -> bytes:
    return f"Message-ID: <{number}@example.com>\r\nSubject: hi\r\n\r\n".encode() + b"=2Eown it\r\n" * (number % 50)


def send(port: int, numbers: range, lanes: int = 4) -> list[OutcomeKind]:
    async def story() -> list[OutcomeKind]:
        relay = Relay(RelayKind.SMTP, "127.0.0.1", port, tls=Tls.OFF, lanes=lanes)
        transport = SmtpTransport(relay, None, patience=Patience(dot=5), hold_off_seconds=0)
        wires = [Wire("b@x.example", f"r{n}@example.com", data(n), f"<{n}@example.com>") for n in numbers]
        outcomes = await asyncio.gather(*map(transport.send, wires))
        await transport.close()
        return [each.kind for each in outcomes]

    return asyncio.run(story())


@pytest.mark.parametrize("options", ["", "--pipelining", "--pipelining --latency 0.002", "--latency 0.002"])
def test_every_accepted_message_is_one_line(tmp_path: Path, options: str) -> None:
    log = tmp_path / "accepted.tsv"
    with sink(log, *options.split()) as port:
        assert set(send(port, range(200))) == {OutcomeKind.ACCEPTED}
    rows = [line.split("\t") for line in log.read_text().splitlines()]
    wanted = {(f"<{n}@example.com>", f"r{n}@example.com", hashlib.sha256(data(n)).hexdigest()) for n in range(200)}
    assert {tuple(row) for row in rows} == wanted
    assert len(rows) == 200


def test_failures_and_drops_are_counted_right(tmp_path: Path) -> None:
    log = tmp_path / "accepted.tsv"
    with sink(log, "--pipelining", "--fail", "0.2", "--drop", "0.1", "--seed", "7") as port:
        kinds = Counter(send(port, range(400)))
    assert set(kinds) == {OutcomeKind.ACCEPTED, OutcomeKind.TEMPORARY, OutcomeKind.UNCERTAIN}
    logged = [line.split("\t")[0] for line in log.read_text().splitlines()]
    assert len(logged) == len(set(logged)) == kinds[OutcomeKind.ACCEPTED] + kinds[OutcomeKind.UNCERTAIN]


def test_a_client_that_dies_in_the_middle_leaves_no_line_and_no_harm(tmp_path: Path) -> None:
    log = tmp_path / "accepted.tsv"
    whole = b"EHLO x\r\nMAIL FROM:<b@x>\r\nRCPT TO:<a@x>\r\nDATA\r\nMessage-ID: <1@x>\r\n\r\nbody\r\n.\r\n"
    with sink(log, "--pipelining") as port:
        for size in range(0, len(whole), 7):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                client.recv(100)
                client.sendall(whole[:size])
        assert log.read_text() == ""
        assert set(send(port, range(5))) == {OutcomeKind.ACCEPTED}
    assert len(re.findall("\n", log.read_text())) == 5
