"""What all parts of `Work` share: the connection of one transaction, and ways to ask it.

Holds no query of its own. `drip.store.store` opens it; `drip.store.work` composes it with the parts. A statement that
is asked often comes `Prepared`, and goes past SQLAlchemy to the driver, within the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from sqlalchemy import ARRAY, Connection, CursorResult, Executable, Row, Table, bindparam, func, select
from sqlalchemy.exc import DBAPIError

from drip.core.records import RevisionId
from drip.store.prepared import Form, Prepared

Row_ = Row[*tuple[Any, ...]]
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class Transaction:
    """One transaction. Its methods neither begin nor commit: `Store.write` and `Store.read` do."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect
        self._postgres = self._dialect.name == "postgresql"
        self._driver: Any = connection.connection.driver_connection
        self._live: Mapping[str, RevisionId] | None = None  # asked many times in one transaction

    def _run(self, statement: Executable, parameters: Parameters = None) -> CursorResult[*tuple[Any, ...]]:
        return self._connection.execute(statement, parameters)

    def _all(self, statement: Executable | Prepared, **parameters: Any) -> Sequence[Row_]:
        if isinstance(statement, Prepared):
            return self._fetch(statement.form(self._dialect, parameters), parameters)
        return self._connection.execute(statement, parameters).all()

    def _first(self, statement: Executable | Prepared, **parameters: Any) -> Row_ | None:
        if isinstance(statement, Prepared):
            rows = self._fetch(statement.form(self._dialect, parameters), parameters)
            return rows[0] if rows else None
        return self._connection.execute(statement, parameters).first()

    def _value(self, statement: Executable | Prepared, **parameters: Any) -> Any:
        if isinstance(statement, Prepared):
            rows = self._fetch(statement.form(self._dialect, parameters), parameters)
            return rows[0][0] if rows else None
        return self._connection.execute(statement, parameters).scalar()

    def _column(self, statement: Prepared, **parameters: Any) -> list[Any]:
        """The first column of all rows."""
        return [row[0] for row in self._fetch(statement.form(self._dialect, parameters), parameters)]

    def _changed(self, statement: Executable | Prepared, **parameters: Any) -> int:
        """How many rows the statement changed."""
        if not isinstance(statement, Prepared):
            return self._connection.execute(statement, parameters).rowcount
        return int(self._ask(statement.form(self._dialect, parameters), parameters).rowcount)

    def _many(self, statement: Prepared, rows: Sequence[Mapping[str, Any]]) -> None:
        """The same statement for each of the rows, which all name the same parameters."""
        if len(rows) == 1:
            self._ask(statement.form(self._dialect, rows[0]), rows[0])
        elif rows:
            self._ask_many(statement.form(self._dialect, rows[0]), rows)

    def _insert(self, write: Callable[[bool], Prepared], rows: Sequence[Mapping[str, Any]]) -> None:
        """Many rows by a statement of `insert_rows`: on PostgreSQL as one, with all values of a column as one list."""
        if not self._postgres:
            self._many(write(False), rows)
        elif rows:
            values = {name: [each[name] for each in rows] for name in rows[0]}
            self._ask(write(True).form(self._dialect, values), values)

    def _fetch(self, form: Form, parameters: Mapping[str, Any]) -> Sequence[Any]:
        cursor = self._ask(form, parameters)
        try:
            # All of them at once: SQLite finishes a statement with RETURNING only when its last row is read.
            found = cursor.fetchall()
        except self._dialect.loaded_dbapi.Error as error:
            self._fail(form, error)
        return form.rows(found)

    # Every prepared statement goes through one of these two; tests listen here.

    def _ask(self, form: Form, parameters: Mapping[str, Any]) -> Any:
        try:
            return self._driver.execute(form.text, form.bound(parameters))
        except self._dialect.loaded_dbapi.Error as error:
            self._fail(form, error)

    def _ask_many(self, form: Form, rows: Sequence[Mapping[str, Any]]) -> None:
        try:
            self._driver.cursor().executemany(form.text, [form.bound(each) for each in rows])
        except self._dialect.loaded_dbapi.Error as error:
            self._fail(form, error)

    def _fail(self, form: Form, error: Exception) -> NoReturn:
        """The driver's trouble as SQLAlchemy tells it, so that `drip.store.store` has one kind to look at."""
        dialect = self._dialect
        lost = dialect.is_disconnect(error, self._driver, None)  # type: ignore[arg-type]
        if lost:
            self._connection.invalidate(error)
        raise DBAPIError.instance(
            form.text,
            None,  # what the parameters say is about people, and is nobody's business in a traceback
            error,
            dialect.loaded_dbapi.Error,
            connection_invalidated=lost,
            dialect=dialect,
        ) from error


def insert_rows(table: Table, postgres: bool) -> Any:
    """An INSERT for `_insert`, of all columns but a numbered key. It knows ON CONFLICT."""
    statement = insert_into(table, postgres)
    columns = [each for each in table.c if each is not table.autoincrement_column]
    if not postgres:
        return statement.inline()
    names = [each.name for each in columns]
    lists = (bindparam(each.name, type_=ARRAY(each.type)) for each in columns)
    values = func.unnest(*lists).table_valued(*names).render_derived()
    return statement.from_select(names, select(*(values.c[name] for name in names)))


def insert_into(table: Table, postgres: bool) -> Any:
    """An INSERT that knows ON CONFLICT. PostgreSQL's dialect is imported only when it is used."""
    if postgres:
        from sqlalchemy.dialects.postgresql import insert as postgres_insert

        return postgres_insert(table)
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert(table)
