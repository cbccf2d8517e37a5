"""PostgreSQL that goes away in the midst of sending: for a while and for everybody, or behind one worker's back.

A worker that lost its connection has lost its lock: the others take over what it had claimed, and hold what it had
marked for uncertain. It may still send what it had marked, and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drip.errors import CannotRecord
from tests.conftest import PostgresServer, postgres_folder
from tests.faults.bench import add_crowd, finish, make_project, open_sink
from tests.faults.history import judge
from tests.faults.nursery import Nursery

OUTAGES = int(os.environ.get("DRIP_OUTAGES", "3"))
OUTAGE_SECONDS = float(os.environ.get("DRIP_OUTAGE_SECONDS", "0.5"))
PARTITIONS = int(os.environ.get("DRIP_PARTITIONS", "6"))
READERS_EACH = 40
LANES = 4
LATENCY_SECONDS = 0.005
SOCKET = ".s.PGSQL.5432"


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that only this test uses, since it is going to be taken away."""
    binaries = postgres_folder()
    if binaries is None:
        pytest.skip("no PostgreSQL found")
    server = PostgresServer(binaries)
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_database_that_goes_away_stops_the_run_and_loses_nothing(tmp_path: Path, own_server: PostgresServer) -> None:
    readers = OUTAGES * READERS_EACH
    store_url = own_server.url(own_server.new_database())
    dice = random.Random(30)
    codes = []
    with open_sink(tmp_path, latency=LATENCY_SECONDS) as sink:
        folder = make_project(tmp_path / "project", sink, lanes=LANES)
        add_crowd(folder, store_url, readers)
        with Nursery(folder, store_url) as nursery:
            for _ in range(OUTAGES):
                wanted = sink.count() + dice.randint(1, READERS_EACH // 2)
                run = nursery.run("--quiet")
                while sink.count() < wanted and run.poll() is None:
                    time.sleep(0.002)
                own_server.crash()
                codes.append(run.wait())
                during = nursery.run("--quiet")
                time.sleep(OUTAGE_SECONDS)
                codes.append(during.wait())
                own_server.start()
        finish(folder, store_url, sink.port)
        judged = judge(folder, store_url, sink.log)
    assert codes.count(CannotRecord.exit_code) >= OUTAGES, codes
    assert 1 not in codes, "an outage is no bug"
    assert not judged.faults
    assert judged.states["planned"] == readers
    assert judged.states["sent"] + judged.uncertain == readers
    assert judged.uncertain <= OUTAGES * LANES


class Wire:
    """Stands between one worker and the server's socket. `cut` lets the server see the end of the connections, and
    the worker nothing at all; `hang_up` ends the worker's side too.
    """

    def __init__(self, target: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="wire", dir="/tmp"))
        self._target = str(target / SOCKET)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / SOCKET))
        (self.folder / SOCKET).chmod(0o777)
        self._listener.listen(64)
        self._near: list[socket.socket] = []
        self._far: list[socket.socket] = []
        self._is_cut = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._near.append(near)
            if self._is_cut:
                continue  # nobody answers
            far = socket.socket(socket.AF_UNIX)
            far.connect(self._target)
            self._far.append(far)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        while True:
            try:
                data = source.recv(65_536)
                if not data or self._is_cut:
                    return
                sink.sendall(data)
            except OSError:
                return

    def cut(self) -> None:
        """From now on the worker is alone."""
        self._is_cut = True
        for each in self._far:
            _shut(each)

    def hang_up(self) -> None:
        """Let the worker notice, and remove everything."""
        _shut(self._listener)
        for each in (*self._near, *self._far):
            _shut(each)
        self._thread.join(5)
        shutil.rmtree(self.folder, ignore_errors=True)


def _shut(each: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may be over already
        each.shutdown(socket.SHUT_RDWR)
    each.close()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_worker_cut_off_from_the_database_sends_nothing_twice(
    tmp_path: Path, postgres_server: PostgresServer, filled_postgres_url: str
) -> None:
    readers = PARTITIONS * READERS_EACH
    dice = random.Random(20)
    codes = []
    with open_sink(tmp_path, latency=LATENCY_SECONDS) as sink:
        folder = make_project(tmp_path / "project", sink, lanes=LANES)
        add_crowd(folder, filled_postgres_url, readers)
        with Nursery(folder, filled_postgres_url) as nursery:
            for _ in range(PARTITIONS):
                wire = Wire(postgres_server.folder)
                wanted = sink.count() + dice.randint(1, READERS_EACH // 2)
                url = filled_postgres_url.replace(str(postgres_server.folder), str(wire.folder))
                cut_off = nursery.run("--quiet", store_url=url)
                while sink.count() < wanted and cut_off.poll() is None:
                    time.sleep(0.002)
                wire.cut()
                # Another one takes over while the first still believes in itself.
                assert nursery.run("--quiet", "--limit", str(READERS_EACH // 3)).wait() in (0, 3)
                wire.hang_up()
                codes.append(cut_off.wait())
        finish(folder, filled_postgres_url, sink.port)
        judged = judge(folder, filled_postgres_url, sink.log)
    assert codes.count(CannotRecord.exit_code) >= PARTITIONS // 2, codes
    assert set(codes) <= {0, 3, CannotRecord.exit_code}
    assert not judged.faults
    assert judged.states["planned"] == readers
    assert judged.states["sent"] + judged.uncertain == readers
    assert judged.uncertain <= PARTITIONS * LANES
