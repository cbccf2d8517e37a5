"""The pages on a real socket, as `drip serve` runs them: limits, logs, and mails that leave at once."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from drip.engine.apply import apply
from drip.errors import RelayUnreachable
from drip.project import open_project
from drip.store.store import Store
from drip.web.serve import Kick
from tests.stages import HERE, Ground, copy_example, open_ground
from tests.visitors import Visitor

SERVE = """
import sys
from pathlib import Path
from drip.project import open_project
from drip.web.serve import serve
with open_project(Path(sys.argv[1])) as project:
    serve(project, "127.0.0.1", int(sys.argv[2]))
"""
START_SECONDS = 30


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`drip serve` in a process of its own."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    root = copy_example(folder / "project", url=base)
    with open_project(root) as project:
        apply(project.engine, project.wanted(), project.clock.now())
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-W", "error", "-c", SERVE, str(root), str(port)]
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=HERE, env={**os.environ, "PYTHONPATH": str(HERE)}
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                httpx.get(f"{base}/style.css")
                break
            except httpx.TransportError:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield base, process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_for_mail(folder: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        found = sorted((folder / "project" / "outbox").rglob("*.eml"))
        if found:
            return found[0].read_text(encoding="ascii")
        time.sleep(0.05)
    raise AssertionError("no mail came")


def raw(base: str, request: bytes) -> bytes:
    """The first bytes of the answer to hand-made bytes."""
    host, port = base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        sock.sendall(request)
        return sock.recv(4096)


def test_a_server_of_its_own(tmp_path: Path) -> None:
    with served(tmp_path) as (base, process):
        page = httpx.get(f"{base}/s/job-seekers")
        assert page.status_code == 200
        assert "server" not in page.headers
        assert httpx.head(f"{base}/s/job-seekers").content == b""
        # A sign-up's mail leaves without cron.
        assert httpx.post(f"{base}/s/job-seekers", data={"email": "ann@example.org"}).status_code == 200
        mail = wait_for_mail(tmp_path)
        # A head that never ends, and one that is too long.
        assert raw(base, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n").startswith(
            b"HTTP/1.1 4"
        )
        assert raw(base, b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").startswith(b"HTTP/1.1 400")
        assert raw(base, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 400")
        assert raw(base, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")
        too_long = b"POST /u/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n" + b"a" * 70_000
        assert raw(base, too_long).startswith(b"HTTP/1.1 413")
        token = re.search(r"/confirm/([\w-]+)", mail.replace("=\n", ""))
        assert token is not None
        assert httpx.get(f"{base}/confirm/{token[1]}").status_code == 200
        assert httpx.post(f"{base}/confirm/{token[1]}").status_code == 200
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=15)
        assert time.monotonic() - started < 12
    log = (tmp_path / "log").read_text()
    assert token[1] not in log
    assert "ann@" not in log
    assert "Traceback" not in log


def test_forwarded_addresses_are_believed_from_this_machine_only(tmp_path: Path) -> None:
    with served(tmp_path) as (base, _):
        headers = {"X-Forwarded-For": "6.6.6.6, 198.51.100.7", "X-Forwarded-Proto": "https"}
        httpx.post(f"{base}/s/job-seekers", data={"email": "ann@example.org"}, headers=headers)
    with open_project(tmp_path / "project") as project, project.store.read() as work:
        known = work.subscribers()[0]
        # What the proxy itself saw, which is the last; what stands before it was typed by the visitor.
        assert work.consents(known.id)[0].evidence.ip == "198.51.100.7"


# --- the kick ----------------------------------------------------------------------------------------------------


@pytest.fixture
def ground(tmp_path: Path, disk_store: Store) -> Ground:
    return open_ground(tmp_path / "project", disk_store)


def test_a_kick_sends_the_mail_that_the_page_promised(ground: Ground) -> None:
    visitor = Visitor(ground, kick=Kick(ground.project))
    visitor.sign_up("ann@example.org")
    assert ground.transport.posts("ann@example.org") == ["confirm-subscription"]


def test_a_kick_sends_a_few_mails_and_the_urgent_ones_first(ground: Ground) -> None:
    for number in range(40):
        ground.join(f"reader{number}@example.org")
    visitor = Visitor(ground, kick=Kick(ground.project))
    visitor.sign_up("ann@example.org")
    assert ground.transport.posts("ann@example.org") == ["confirm-subscription"]
    assert len(ground.transport.sent) == 20
    ground.tick()
    assert len(ground.transport.sent) == 41
    ground.counts_hold()


def test_many_kicks_at_once_send_everything_once(ground: Ground) -> None:
    visitor = Visitor(ground, kick=Kick(ground.project))
    people = [f"reader{number}@example.org" for number in range(12)]
    crowd = [threading.Thread(target=visitor.sign_up, args=(each,)) for each in people]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert sorted(wire.recipient for wire in ground.transport.sent) == sorted(people)


def test_a_dead_relay_is_no_trouble_of_the_visitor(ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
    async def refuse() -> None:
        raise RelayUnreachable("no relay at smtp.example.net:587")

    ground.transport.open = refuse  # type: ignore[method-assign]
    visitor = Visitor(ground, kick=Kick(ground.project))
    with caplog.at_level(logging.WARNING, "drip.web"):
        assert visitor.sign_up("ann@example.org").status_code == 200
    assert "wait for the next `drip run`" in caplog.text
    del ground.transport.open
    ground.tick()
    assert ground.transport.posts("ann@example.org") == ["confirm-subscription"]
