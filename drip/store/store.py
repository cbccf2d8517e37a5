"""The store: opens the database, knows its age, hands out transactions and ownership.

It has no query of its own but for the schema's number. Whatever keeps a fact from being recorded surfaces as
CannotRecord, and the caller stops at once: nothing may be sent that cannot be written down.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, inspect, select
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from drip.errors import CannotRecord, NewDatabase, OldDatabase, StoreRefused
from drip.store import connect, ownership
from drip.store.age import HEAD
from drip.store.schema import metadata, schema_version
from drip.store.work import Work

T = TypeVar("T")

DEADLOCKS_MAX = 5
"""How often a transaction that lost a deadlock is done anew, before the trouble is called by its name."""

CREATING = 7_237_112  # any constant: the advisory lock under which PostgreSQL databases are created or upgraded


def open_store(url: str, *, root: Path) -> Store:
    """The store of a `store:` URL; a relative SQLite path is relative to `root`. Nothing is read or written yet."""
    return Store(connect.engine_for(url, root))


class Store:
    """One database. Threads may share it; processes open their own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._file = connect.database_file(engine)
        self._postgres = engine.dialect.name == "postgresql"
        # SQLite has one writer: our own threads queue here, instead of polling the file. In memory, one connection
        # serves everybody, so readers queue too.
        self._turn = Turn()
        self._idle: tuple[list[Connection], list[Connection]] = ([], [])  # for reading, for writing
        self._locks: ownership.Locks
        if self._postgres:
            self._locks = ownership.PostgresLocks(engine)
        elif self._file is not None:
            self._locks = ownership.FileLocks(self._file)
        else:
            self._locks = ownership.MemoryLocks()

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database; None for one in memory and for PostgreSQL."""
        return self._file

    @property
    def is_shared(self) -> bool:
        """Whether several machines may use it."""
        return self._postgres

    # --- transactions ---

    def write(self) -> AbstractContextManager[Work]:
        """One writing transaction: committed at the end, rolled back if anything is raised. They do not nest."""
        return self._transaction(writes=True)

    def transact(self, act: Callable[[Work], T]) -> T:
        """What `act` returns, from one writing transaction; done anew where PostgreSQL broke a deadlock at our expense.

        `act` must do nothing but ask and write through its `Work`, since it may be called again.
        """
        for _ in range(DEADLOCKS_MAX):
            try:
                with self.write() as work:
                    return act(work)
            except CannotRecord as error:
                if not lost_a_deadlock(error):
                    raise
        with self.write() as work:
            return act(work)

    def read(self) -> AbstractContextManager[Work]:
        """One reading transaction, which sees one moment of the database throughout."""
        return self._transaction(writes=False)

    @contextlib.contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Work]:
        if self._postgres:
            with RECORDABLE, self._engine.connect() as connection:
                if not writes:
                    connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                with connection.begin():
                    yield Work(connection)
            return
        # A tick has many small transactions; on SQLite SQLAlchemy's part is the dearest thing about one. So its
        # connections stay open between them, and the driver is told where each begins and ends.
        idle = self._idle[writes]
        with RECORDABLE, self._turn if writes or self._file is None else FREE:
            connection = idle.pop() if idle else connect.kept_connection(self._engine, writes=writes)
            try:
                work = Work(connection)
                driver = work._driver
                connect.begin(connection, driver, writes=writes)
                changed = driver.total_changes
                yield work
                if not writes and driver.total_changes != changed:
                    # In memory one connection serves both kinds, and nothing else would stop it.
                    raise CannotRecord("a transaction that reads has written")
                connect.commit(connection, driver)
            except BaseException:
                connection.close()
                raise
            idle.append(connection)

    # --- schema ---

    def create_or_check(self) -> None:
        """Makes the tables of a new, empty database; refuses one that is older, newer, or somebody else's."""
        if self._file is not None:
            connect.make_private(self._file)
        with self.read() as work:
            number = schema_number(work._connection)
        if number is None:
            with self._turn_for_schema() as connection:
                number = schema_number(connection)
                if number is None:
                    metadata.create_all(connection)
                    connection.execute(schema_version.insert().values(version_num=HEAD))
                    number = HEAD
        compare(number)

    def is_there(self) -> bool:
        """Whether there is a database of ours to read. Makes nothing, unlike `create_or_check`; refuses the same."""
        if self._file is not None and not self._file.exists():
            return False
        with self.read() as work:
            number = schema_number(work._connection)
        if number is None:
            return False
        compare(number)
        return True

    def upgrade(self) -> tuple[str, ...]:
        """Brings the database to our schema; the names of the migrations that this took, in order."""
        from drip.store.migrate import migrate

        if self._file is not None:
            connect.make_private(self._file)
        with self._turn_for_schema() as connection:
            number = schema_number(connection)
            if number is not None and number > HEAD:
                compare(number)
            return migrate(connection)

    @contextlib.contextmanager
    def _turn_for_schema(self) -> Iterator[Connection]:
        with self.write() as work:
            if self._postgres:
                work._connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({CREATING})")
            yield work._connection

    def copy_into(self, other: Store) -> int:
        """Copies all rows into another, empty database of the same schema; how many. Changes nothing here."""
        from drip.store.copying import copy_rows

        with self.read() as source, other.write() as target:
            return copy_rows(source._connection, target._connection)

    # --- ownership ---

    def take_ownership(self, owner: str) -> ownership.Ownership:
        """The kernel lock that says this owner lives, until it is released or the process dies."""
        with RECORDABLE:
            if isinstance(self._locks, ownership.FileLocks):
                self._locks.sweep()
            return ownership.take_ownership(self._locks, owner)

    def dead_owners(self, work: Work) -> list[str]:
        """Owners of claimed or half-sent deliveries who no longer live; give each to `Work.recover`."""
        return [owner for owner in work.owners() if ownership.is_dead(self._locks, owner)]

    def close(self) -> None:
        """Closes every connection."""
        self._locks.close()
        for connection in (*self._idle[False], *self._idle[True]):
            connection.close()
        self._engine.dispose()


def schema_number(connection: Connection) -> str | None:
    """The schema's number, None for an empty database. Refuses a database that is not ours."""
    tables = inspect(connection).get_table_names()
    if schema_version.name in tables:
        number = connection.execute(select(schema_version.c.version_num)).scalar()
        if number is not None:
            return str(number)
        raise StoreRefused("this database has no schema number: it was left half-made")
    if tables:
        raise StoreRefused(
            "this database belongs to another program",
            hint="give drip a database of its own: see `store:` in drip.yaml",
        )
    return None


def compare(number: str) -> None:
    """Raises unless the number is ours."""
    if number == HEAD:
        return
    known = number.isdecimal() and len(number) == len(HEAD)
    if known and number < HEAD:
        raise OldDatabase(f"the database has schema {number}; this drip needs {HEAD}")
    raise NewDatabase(f"the database has schema {number}; this drip knows {HEAD} at most")


def lost_a_deadlock(error: CannotRecord) -> bool:
    """Whether PostgreSQL chose this transaction to break a deadlock (SQLSTATE 40P01) or a conflict (40001)."""
    cause = error.__cause__
    return isinstance(cause, DBAPIError) and getattr(cause.orig, "sqlstate", "") in ("40P01", "40001")


class Turn:
    """One at a time. Made by hand, as `Recordable` is: they stand around every transaction."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._inside = threading.local()

    def __enter__(self) -> None:
        if getattr(self._inside, "held", False):
            raise RuntimeError("transactions do not nest")
        if not self._gate.acquire(timeout=connect.WAIT_SECONDS):
            raise CannotRecord(f"the database stayed busy for {connect.WAIT_SECONDS:.0f} seconds")
        self._inside.held = True

    def __exit__(self, *_: object) -> None:
        self._inside.held = False
        self._gate.release()


class Recordable:
    """Turns the database's own troubles into ours: what cannot be recorded stops drip (exit 75)."""

    def __enter__(self) -> None:
        """Nothing has happened yet."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, PoolTimeout):
            raise CannotRecord("no connection to the database became free") from error
        if not isinstance(error, DBAPIError):
            return
        said = str(error.orig).strip().splitlines()
        reason = said[0] if said else type(error.orig).__name__
        if "file is not a database" in reason:
            raise StoreRefused("the file of the database is not a SQLite database") from error
        if isinstance(error, (OperationalError, InternalError, InterfaceError)) or type(error) is DatabaseError:
            raise CannotRecord(f"could not record: {reason}") from error


RECORDABLE = Recordable()
FREE = contextlib.nullcontext()
