"""What a store asks its database, statement by statement: those that SQLAlchemy runs and those that are prepared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from sqlalchemy import event

from drip.store.prepared import Form
from drip.store.store import Store
from drip.store.transaction import Transaction

Statement = tuple[str, Any]
"""The text as the driver gets it, with its parameters."""


@contextmanager
def heard(store: Store) -> Iterator[list[Statement]]:
    """The statements of all transactions meanwhile, in order. Many rows for one statement are one."""
    seen: list[Statement] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        seen.append((statement, parameters))

    ask, bulk = Transaction._ask, Transaction._ask_many

    def noted(self: Transaction, form: Form, parameters: Mapping[str, Any]) -> Any:
        seen.append((form.text, form.bound(parameters)))
        return ask(self, form, parameters)

    def noted_bulk(self: Transaction, form: Form, rows: Any) -> None:
        seen.append((form.text, form.bound(rows[0])))
        bulk(self, form, rows)

    event.listen(store._engine, "before_cursor_execute", note)
    try:
        with mock.patch.object(Transaction, "_ask", noted), mock.patch.object(Transaction, "_ask_many", noted_bulk):
            yield seen
    finally:
        event.remove(store._engine, "before_cursor_execute", note)
