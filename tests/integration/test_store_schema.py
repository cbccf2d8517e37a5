"""The age of a database: made new, upgraded, refused."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from drip.errors import CannotRecord, DripError, NewDatabase, OldDatabase, StoreRefused
from drip.store.age import HEAD
from drip.store.connect import file_system, refuse_network
from drip.store.migrate import scripts
from drip.store.schema import metadata, schema_version
from drip.store.store import Store, open_store


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@contextlib.contextmanager
def opened(url: str) -> Iterator[Store]:
    with contextlib.closing(open_store(url, root=Path("/"))) as store:
        yield store


def numbers() -> list[str]:
    """The migrations, the first one first."""
    _, folder = scripts()
    return [each.revision for each in reversed(list(folder.walk_revisions()))]


def parts(statement: str) -> list[str]:
    """What stands between the commas of a CREATE statement, those within further parentheses apart."""
    head, _, body = statement.partition("(")
    return [head, *(each.strip(" )") for each in re.split(r",(?![^()]*\))", body))]


def describe(store: Store) -> list[tuple[object, ...]]:
    """Everything that the database says about its schema."""
    with store._engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            rows = connection.execute(sa.text("SELECT type, name, tbl_name, sql FROM sqlite_master")).all()
            # The order of what is in a table is of no account: Alembic writes it its own way, and adds at the end.
            found = [(*row[:3], *sorted(parts(" ".join(str(row[3]).split())))) for row in rows]
        else:
            found = []
            for query in (
                "SELECT table_name, column_name, ordinal_position, data_type, is_nullable, column_default"
                " FROM information_schema.columns WHERE table_schema = 'public'",
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE connamespace = 'public'::regnamespace",
                "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
                "SELECT relname, relkind, reloptions::text FROM pg_class WHERE relnamespace = 'public'::regnamespace",
            ):
                found += [tuple(row) for row in connection.execute(sa.text(query))]
    return sorted(found, key=str)


def test_migrating_from_nothing_gives_the_schema_of_a_new_database(
    empty_url: str, request: pytest.FixtureRequest
) -> None:
    with opened(empty_url) as store:
        assert [each.split()[0] for each in store.upgrade()] == numbers()
        store.create_or_check()
        migrated = describe(store)
        assert store.upgrade() == ()
    if empty_url.startswith("sqlite"):
        fresh_url = empty_url + "2"
    else:
        server = request.getfixturevalue("postgres_server")
        fresh_url = server.url(server.new_database())
    with opened(fresh_url) as store:
        store.create_or_check()
        assert describe(store) == migrated
    assert len(migrated) > 40


def test_head_is_the_last_migration() -> None:
    _, folder = scripts()
    assert folder.get_current_head() == HEAD
    assert numbers() == [f"{number:04}" for number in range(1, int(HEAD) + 1)]


@pytest.mark.parametrize(
    ("number", "error"), [("0000", OldDatabase), (f"{int(HEAD) + 1:04}", NewDatabase), ("next", NewDatabase)]
)
def test_a_database_of_another_age_is_refused(empty_url: str, number: str, error: type[DripError]) -> None:
    with opened(empty_url) as store:
        store.create_or_check()
        with store.write() as work:
            work._connection.execute(schema_version.update().values(version_num=number))
        with pytest.raises(error, match=number) as caught:
            store.create_or_check()
        assert caught.value.exit_code == 12
        if error is NewDatabase:
            with pytest.raises(NewDatabase):
                store.upgrade()


def test_a_database_of_another_program_is_refused_and_left_alone(empty_url: str) -> None:
    with opened(empty_url) as store:
        with store.write() as work:
            work._connection.exec_driver_sql("CREATE TABLE recipes (name TEXT)")
        before = describe(store)
        with pytest.raises(StoreRefused, match="another program"):
            store.create_or_check()
        with pytest.raises(StoreRefused, match="another program"):
            store.upgrade()
        assert describe(store) == before


def test_a_failed_migration_leaves_nothing(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(connection: sa.Connection) -> tuple[str, ...]:
        metadata.tables["meta"].create(connection)
        raise CannotRecord("could not record: disk full")

    with opened(empty_url) as store:
        monkeypatch.setattr("drip.store.migrate.migrate", break_off)
        with pytest.raises(CannotRecord):
            store.upgrade()
        assert describe(store) == []


def test_many_may_create_it_at_once(empty_url: str) -> None:
    faults: list[BaseException] = []

    def create() -> None:
        try:
            with opened(empty_url) as store:
                store.create_or_check()
                with store.write() as work:
                    work.secret_matches("x")
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert faults == []


def test_a_new_file_is_private_and_in_wal(sqlite_url: str, tmp_path: Path) -> None:
    with opened(sqlite_url) as store:
        store.create_or_check()
        with store.read() as work:
            work.delivery_counts()
            modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
            assert work._connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert work._connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert work._connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
            assert work._connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 15000
    assert modes == {"drip.db": 0o600, "drip.db-wal": 0o600, "drip.db-shm": 0o600}


def test_a_relative_path_is_relative_to_the_project(tmp_path: Path) -> None:
    with contextlib.closing(open_store("sqlite:///here.db", root=tmp_path)) as store:
        store.create_or_check()
    assert (tmp_path / "here.db").stat().st_size > 0


@pytest.mark.parametrize("url", ["drip.db", "mysql://x/y", "sqlite+aiosqlite:///x", "", "://"])
def test_an_unknown_url_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreRefused):
        open_store(url, root=tmp_path)


def test_a_missing_folder_and_a_file_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="no folder"):
        open_store("sqlite:///nowhere/drip.db", root=tmp_path)
    (tmp_path / "drip.db").write_text("Dear diary, this is not a database. " * 200)
    with opened(f"sqlite:///{tmp_path}/drip.db") as store, pytest.raises(StoreRefused, match="not a SQLite database"):
        store.create_or_check()


def test_a_postgresql_that_does_not_answer_stops_drip(tmp_path: Path) -> None:
    with opened(f"postgresql://drip@/none?host={tmp_path}") as store, pytest.raises(CannotRecord) as caught:
        store.create_or_check()
    assert caught.value.exit_code == 75


MOUNTS = """\
sysfs /sys sysfs rw 0 0
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/vdb /home/ann/local\\040disk xfs rw 0 0
me@host:/ /mnt/far fuse.sshfs rw 0 0
/dev/sdb1 /mnt/stick fuseblk rw 0 0
C: /mnt/c 9p rw 0 0
/dev/vdc /srv ext4 rw 0 0
//nas/x /srv cifs rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("path", "kind", "refused"),
    [
        ("/var/drip.db", "ext4", False),
        ("/home/ann/drip.db", "nfs4", True),
        ("/home/ann/local disk/drip.db", "xfs", False),
        ("/homely/drip.db", "ext4", False),
        ("/mnt/far/drip.db", "fuse.sshfs", True),
        ("/mnt/stick/drip.db", "fuseblk", False),
        ("/mnt/c/drip.db", "9p", True),
        ("/srv/drip.db", "cifs", True),
    ],
)
def test_network_file_systems_are_refused(tmp_path: Path, path: str, kind: str, refused: bool) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert file_system(Path(path), mounts) == kind
    if refused:
        with pytest.raises(StoreRefused, match="network file system"):
            refuse_network(Path(path), mounts)
    else:
        refuse_network(Path(path), mounts)
    assert file_system(Path(path), tmp_path / "none") is None


def test_opening_a_database_imports_nothing_heavy(sqlite_url: str) -> None:
    program = f"""
import sys
from pathlib import Path
from drip.store.store import open_store
store = open_store({sqlite_url!r}, root=Path("/"))
store.create_or_check()
with store.write() as work:
    work.claim("me", __import__("datetime").datetime(2026, 1, 1, tzinfo=__import__("datetime").UTC), 10)
heavy = {{"alembic", "psycopg", "sqlalchemy.orm", "mako", "premailer", "lxml", "starlette", "jinja2", "yaml"}}
print(sorted(heavy & set(sys.modules)))
"""
    for _ in ("new", "there"):
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
        )
        assert done.stdout.strip() == "[]"
