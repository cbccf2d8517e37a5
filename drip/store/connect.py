"""From a `store:` URL to an engine that begins, commits and waits the way our promises need.

Refuses what cannot keep them: SQLite on a network file system, a SQLite too old for RETURNING, an unknown engine.
Never imports psycopg for a SQLite store. Called by `drip.store.store.open_store`.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import StaticPool

from drip.errors import StoreRefused
from drip.store.schema import for_postgresql

WAIT_SECONDS = 15.0
"""How long one transaction waits for another before it gives up."""

OLDEST_SQLITE = (3, 35, 0)  # RETURNING
STATEMENTS_KEPT = 512
"""How many statements a SQLite connection keeps ready; the driver's 128 are fewer than we have."""

# flock and the shared memory of WAL are not reliable on these (https://www.sqlite.org/wal.html: all processes
# must be on the same host).
NETWORK_FILE_SYSTEMS = frozenset(
    {"9p", "acfs", "afs", "beegfs", "ceph", "cifs", "davfs", "drvfs", "glusterfs", "gpfs", "lustre", "ncpfs"}
    | {"nfs", "nfs4", "orangefs", "smb3", "smbfs"}
)
FUSE_NETWORK = ("sshfs", "s3fs", "rclone", "gcsfuse", "goofys", "glusterfs", "ceph", "davfs", "smbnetfs")
MOUNTS = Path("/proc/mounts")


def engine_for(url: str, root: Path) -> Engine:
    """The engine of a `store:` URL. Opens nothing yet."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreRefused(f"`store: {url}` is not a database URL", hint="write `store: sqlite:///drip.db`") from error
    if parsed.drivername == "sqlite":
        return sqlite_engine(parsed, root)
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return postgres_engine(parsed)
    raise StoreRefused(
        f"drip knows no database `{parsed.drivername}`", hint="use `sqlite:///drip.db` or `postgresql://…` in drip.yaml"
    )


def database_file(engine: Engine) -> Path | None:
    """The file of a SQLite database, or None for one in memory and for PostgreSQL."""
    name = engine.url.database
    return Path(name) if engine.dialect.name == "sqlite" and name and name != ":memory:" else None


# --- SQLite --------------------------------------------------------------------------------------------------


def sqlite_engine(url: URL, root: Path) -> Engine:
    """An engine over one file, or over one shared connection for `:memory:`."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise StoreRefused(f"this Python has SQLite {sqlite3.sqlite_version}; drip needs {oldest} or newer")
    if url.database in (None, "", ":memory:"):
        engine = create_engine(
            "sqlite:///:memory:",
            poolclass=StaticPool,
            connect_args={"check_same_thread": False, "timeout": WAIT_SECONDS, "cached_statements": STATEMENTS_KEPT},
        )
    else:
        path = (root / str(url.database)).absolute()
        if not path.parent.is_dir():
            raise StoreRefused(f"there is no folder `{path.parent}` for the database")
        refuse_network(path)
        engine = create_engine(
            URL.create("sqlite", database=str(path)),
            connect_args={"timeout": WAIT_SECONDS, "cached_statements": STATEMENTS_KEPT},
        )
    event.listen(engine, "connect", prepare_sqlite)
    return engine


def make_private(path: Path) -> None:
    """Creates the file, readable by its owner alone: it will hold addresses. SQLite gives its other files the same."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StoreRefused(f"cannot create the database `{path}`: {error.strerror}") from error


def prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:
    """Settings that hold per connection."""
    connection.isolation_level = None  # we say BEGIN ourselves; the driver would say it late and deferred
    with closing(connection.cursor()) as cursor:
        # WAL: readers and the writer do not block each other. It is kept in the file, and lost in some copies of it.
        if cursor.execute("PRAGMA journal_mode").fetchone() == ("delete",):
            cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        # FULL, not NORMAL: in WAL, NORMAL may forget the last commits at power loss, and a forgotten `sending`
        # mark is a second copy in somebody's inbox.
        cursor.execute("PRAGMA synchronous=FULL")


def kept_connection(engine: Engine, *, writes: bool) -> Connection:
    """A connection to one SQLite database that many transactions will use, one after the other.

    For SQLAlchemy they are one transaction that never ends: it is told of none, because its way of beginning and
    ending one costs ten times as much as the driver's. Closing the connection rolls back what is open.
    """
    connection = engine.connect()
    connection.begin()
    if database_file(engine) is not None:
        cast("sqlite3.Connection", connection.connection.driver_connection).execute(
            f"PRAGMA query_only={'OFF' if writes else 'ON'}"
        )
    # In memory both kinds share one connection, and each change of this pragma makes SQLite write every statement
    # anew: there the store itself sees to it that nothing is written.
    return connection


def begin(connection: Connection, driver: sqlite3.Connection, *, writes: bool) -> None:
    """A writing transaction takes its lock at once: two that upgrade later would fail with "database is locked"."""
    try:
        driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
    except sqlite3.Error as error:
        raise DBAPIError.instance("BEGIN", None, error, sqlite3.Error, dialect=connection.dialect) from error


def commit(connection: Connection, driver: sqlite3.Connection) -> None:
    """The end of a transaction. Not `driver.commit()`, which says nothing where SQLite gave the transaction up."""
    try:
        driver.execute("COMMIT")
    except sqlite3.Error as error:
        raise DBAPIError.instance("COMMIT", None, error, sqlite3.Error, dialect=connection.dialect) from error


def refuse_network(path: Path, mounts: Path = MOUNTS) -> None:
    """Raises StoreRefused where the database would lie on a network file system."""
    kind = file_system(path, mounts)
    if kind is None:
        return
    if kind in NETWORK_FILE_SYSTEMS or (
        kind.startswith("fuse.") and kind.removeprefix("fuse.").startswith(FUSE_NETWORK)
    ):
        raise StoreRefused(
            f"`{path}` lies on a network file system ({kind}), where SQLite's locks cannot be trusted",
            hint="put the database on a local disk, or use `store: postgresql://…`",
        )


def file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The kind of the file system that holds the path, or None where that cannot be known."""
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
        real = path.parent.resolve() / path.name
        real = real.resolve() if real.is_symlink() else real
    except OSError:
        return None
    best, kind = -1, None
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        # proc(5): blanks and the like in a mount point are written as octal escapes.
        point = Path(
            fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
        )
        # A later mount hides an earlier one on the same point.
        if real.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    return kind


# --- PostgreSQL ------------------------------------------------------------------------------------------------


def postgres_engine(url: URL) -> Engine:
    """An engine through psycopg 3; imported only now, because it is slow to load."""
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            connect_args={"connect_timeout": int(WAIT_SECONDS), "application_name": "drip"},
        )
    except ImportError as error:
        raise StoreRefused("the PostgreSQL driver is not installed", hint="install `psycopg[binary]`") from error
    event.listen(engine, "connect", prepare_postgres)
    for_postgresql()
    return engine


def prepare_postgres(connection: Any, record: object) -> None:
    """Settings that hold per connection.

    A server with `synchronous_commit=off` may forget the last commits in a crash; a forgotten `sending` mark is a
    second copy, so it is raised to `on`. Stricter settings stay.
    """
    connection.autocommit = True
    connection.execute(
        "SELECT set_config('lock_timeout', %s, false), set_config('synchronous_commit',"
        " CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'"
        " ELSE current_setting('synchronous_commit') END, false)",
        (f"{int(WAIT_SECONDS)}s",),
    )
    connection.autocommit = False
