"""The types of our columns, the same on both engines: moments, words of an enum, free prose, JSON, many values.

Never guesses: a moment without a zone is refused. Called by `drip.store.schema` and by the queries.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Dialect,
    SmallInteger,
    Text,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.sql.expression import any_
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime as whole microseconds since 1970: the same order and precision on both engines."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Refuses a naive moment: whose clock would it be?"""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment needs a zone: {value!r}")
        return (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Back to an aware UTC datetime."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


class Word(TypeDecorator[StrEnum]):
    """A StrEnum as its text. The table's CHECK lists the words; an unknown one is a bug on either side."""

    impl = Text
    cache_ok = True

    def __init__(self, enum: type[StrEnum]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        """The text of the word."""
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """The word itself."""
        return None if value is None else self.enum(value)


class Rank(TypeDecorator[IntEnum]):
    """An IntEnum as its number, so that the database can sort by it."""

    impl = SmallInteger
    cache_ok = True

    def __init__(self, enum: type[IntEnum]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: IntEnum | None, dialect: Dialect) -> int | None:
        """The number."""
        return None if value is None else int(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> IntEnum | None:
        """The member of that number."""
        return None if value is None else self.enum(value)


class Prose(TypeDecorator[str]):
    """Text that came from outside (a server's reply, a browser's name).

    PostgreSQL refuses NUL, and neither engine stores half a surrogate pair: both become U+FFFD, so that a
    strange reply can never keep its outcome from being recorded.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The text, storable."""
        return None if value is None else storable(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """The text as stored."""
        return value


def storable(text: str) -> str:
    """The text with NUL and lone surrogates replaced by U+FFFD."""
    if "\0" not in text and text.isascii():
        return text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Json(TypeDecorator[Mapping[str, str]]):
    """A mapping as JSON text: decoding jsonb costs more than reading text, and both engines read it alike."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, str] | None, dialect: Dialect) -> str | None:
        """ASCII JSON with sorted names, so that the same mapping is the same text."""
        if value is None:
            return None
        # PostgreSQL reads no JSON with NUL or half a surrogate pair in it, escaped or not.
        clean = {storable(name): storable(each) for name, each in value.items()}
        return json.dumps(clean, sort_keys=True, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Mapping[str, str] | None:
        """A read-only mapping, because records are frozen."""
        return None if value is None else MappingProxyType(json.loads(value))


class Many(TypeDecorator[Iterable[Any]]):
    """Any number of values as one parameter: an array on PostgreSQL, JSON text on SQLite.

    One parameter means one compiled statement and no limit on their number (SQLite takes 32,766 at most).
    """

    impl = Text
    cache_ok = True

    def __init__(self, numbers: bool) -> None:
        super().__init__()
        self.numbers = numbers

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """What the engine can take as one parameter."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(ARRAY(BigInteger() if self.numbers else Text()))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Iterable[Any] | None, dialect: Dialect) -> Any:
        """The list, or its JSON."""
        values = list(value or ())
        return values if dialect.name == "postgresql" else json.dumps(values)


def among(column: ColumnElement[Any], name: str, postgres: bool) -> ColumnElement[bool]:
    """`column IN (the values given as parameter `name`)`, as one parameter whatever their number."""
    values = bindparam(name, type_=Many(numbers=isinstance(column.type, BigInteger)))
    if postgres:
        return column == any_(values)
    return column.in_(select(literal_column("value")).select_from(func.json_each(values)))


def said(word: StrEnum) -> ColumnElement[Any]:
    """The word as a literal in the SQL text: SQLite uses a partial index only where the query says its condition
    word for word, not by a parameter."""
    return literal_column(f"'{word.value}'")


def ranked(rank: IntEnum) -> ColumnElement[Any]:
    """The number as a literal in the SQL text, for the same reason."""
    return literal_column(str(int(rank)))
