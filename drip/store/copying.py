"""Copies a whole database into another, row by row: for a rehearsal with the people as they stand now.

Reads the one in a single reading transaction and never writes to it. Called by `Store.copy_into`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from drip.store.schema import metadata, schema_version

if TYPE_CHECKING:
    from sqlalchemy import Connection

ROWS_AT_ONCE = 5_000


def copy_rows(source: Connection, target: Connection) -> int:
    """Every row of every table but the schema's number, in the order of the foreign keys; how many."""
    total = 0
    for table in metadata.sorted_tables:
        if table is schema_version:
            continue
        found = source.execute(select(table))
        while rows := found.fetchmany(ROWS_AT_ONCE):
            target.execute(insert(table), [dict(row._mapping) for row in rows])
            total += len(rows)
    return total
