"""What all parts of `Work` share: the connection of one transaction, and ways to ask it.

Holds no query of its own. `drip.store.store` opens it; `drip.store.work` composes it with the parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, Row, Table

Row_ = Row[*tuple[Any, ...]]
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class Transaction:
    """One transaction. Its methods neither begin nor commit: `Store.write` and `Store.read` do."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._postgres = connection.dialect.name == "postgresql"

    def _run(self, statement: Executable, parameters: Parameters = None) -> CursorResult[*tuple[Any, ...]]:
        return self._connection.execute(statement, parameters)

    def _all(self, statement: Executable, **parameters: Any) -> Sequence[Row_]:
        return self._connection.execute(statement, parameters).all()

    def _first(self, statement: Executable, **parameters: Any) -> Row_ | None:
        return self._connection.execute(statement, parameters).first()

    def _value(self, statement: Executable, **parameters: Any) -> Any:
        return self._connection.execute(statement, parameters).scalar()

    def _changed(self, statement: Executable, **parameters: Any) -> int:
        """How many rows the statement changed."""
        return self._connection.execute(statement, parameters).rowcount


def insert_into(table: Table, postgres: bool) -> Any:
    """An INSERT that knows ON CONFLICT. PostgreSQL's dialect is imported only when it is used."""
    if postgres:
        from sqlalchemy.dialects.postgresql import insert as postgres_insert

        return postgres_insert(table)
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert(table)
