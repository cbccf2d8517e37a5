"""How the parts of tables are named, and their rules said: checks made from the code's own enums, partial indexes.

Holds no table. Called by `drip.store.schema` only.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Column, Index, text

NAMES = {
    "ix": "%(table_name)s_%(column_0_N_name)s",
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}


def words(column: str, enum: type[StrEnum]) -> CheckConstraint:
    """A CHECK that the column holds one of the enum's words."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(each.value) for each in enum)})", name=column)


def numbers(column: str, enum: type[IntEnum]) -> CheckConstraint:
    """A CHECK that the column holds one of the enum's numbers."""
    return CheckConstraint(f"{column} IN ({', '.join(str(each.value) for each in enum)})", name=column)


PARTIAL: list[tuple[Index, str]] = []


def partial(name: str, where: str, *columns: Column[Any], unique: bool = False) -> Index:
    """An index of only the rows where the condition holds. Queries must say the condition word for word."""
    index = Index(name, *columns, unique=unique, sqlite_where=text(where))
    PARTIAL.append((index, where))
    return index
