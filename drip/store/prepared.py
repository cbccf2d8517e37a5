"""Hot statements, compiled once for each engine, and run by the driver itself within SQLAlchemy's transaction.

SQLAlchemy Core is where every statement is written, and most of them are also run by it: that costs 50 to 150 µs for
the look into its cache, its parameters and its rows, which is more than SQLite needs for the work. For the statements
that a run asks for each message or each tick that is most of its time. `prepared` keeps such a statement as text, with
what to do to its parameters and to its rows, both taken from the types in `drip.store.columns`. Never changes what a
statement means. Called by `drip.store.transaction` and, as a decorator, by those who write statements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, ParamSpec

from sqlalchemy import Dialect, Executable
from sqlalchemy.sql.compiler import SQLCompiler

from drip.store.columns import Moment, Rank, Word

SAME_AGAIN = (Moment, Word, Rank)
"""Types of which the same few values come again and again, and say nothing about anybody."""

VALUES_KEPT = 4096

P = ParamSpec("P")
Convert = Callable[[Any], Any]
Values = Mapping[str, Any]


class Prepared:
    """A statement that is asked often. It is compiled when an engine first needs it with these parameters."""

    __slots__ = ("_forms", "statement")

    def __init__(self, statement: Executable) -> None:
        self.statement: Any = statement
        self._forms: dict[tuple[str, ...], Form] = {}

    def form(self, dialect: Dialect, values: Values) -> Form:
        """The statement as this engine runs it, with parameters of these names."""
        key = (dialect.name, *values)
        form = self._forms.get(key)
        if form is None:
            form = self._forms[key] = Form(self.statement, dialect, values)
        return form


def prepared(write: Callable[P, Any]) -> Callable[P, Prepared]:
    """For a function that writes one statement, or one for each engine: it is written and compiled once."""
    return cache(lambda *args, **kwargs: Prepared(write(*args, **kwargs)))  # type: ignore[return-value]


class Form:
    """One statement for one engine: its text, the order and conversion of its parameters, and that of its rows."""

    __slots__ = ("_blank", "_converts", "_fills", "text")

    def __init__(self, statement: Any, dialect: Dialect, values: Values) -> None:
        compiled = statement.compile(
            dialect=dialect, column_keys=list(values), compile_kwargs={"render_postcompile": True}
        )
        assert isinstance(compiled, SQLCompiler)
        self.text = compiled.string
        kinds = {name: bind.type for bind, name in compiled.bind_names.items()}
        asked = {name for bind, name in compiled.bind_names.items() if bind.required}
        unknown, missing = sorted(values.keys() - kinds.keys()), sorted(asked - values.keys())
        if unknown or missing:
            raise TypeError(f"parameters of a statement: {unknown} are none, {missing} are missing")
        converts = {name: _bind_convert(kind, dialect) for name, kind in kinds.items()}
        said = compiled.construct_params(_check=False)
        # The parameters with gaps; what the statement says by itself is the same each time.
        blank = {
            name: value if (convert := converts.get(name)) is None else convert(value)
            for name, value in said.items()
            if name not in values
        }
        order = tuple(compiled.positiontup or ()) if compiled.positional else None
        self._blank: Any = blank if order is None else [blank.get(name) for name in order]
        # Where each value goes: the first place, and the others if it is said more than once.
        self._fills: list[tuple[str, Convert | None, Any, tuple[Any, ...]]] = []
        for name in values:
            places = [name] if order is None else [at for at, each in enumerate(order) if each == name]
            if places:
                self._fills.append((name, converts[name], places[0], tuple(places[1:])))
        self._converts = _row_converts(statement, dialect)

    def bound(self, values: Values) -> Any:
        """The parameters as the driver takes them."""
        given = self._blank.copy()
        for name, convert, place, others in self._fills:
            value = values[name] if convert is None else convert(values[name])
            given[place] = value
            for each in others:
                given[each] = value
        return given

    def rows(self, found: Sequence[Any]) -> Sequence[Any]:
        """The driver's rows with moments, words and the like in them."""
        converts = self._converts
        if not converts or not found:
            return found
        rows = []
        for each in found:
            row = list(each)
            for index, convert in converts:
                value = row[index]
                if value is not None:
                    row[index] = convert(value)
            rows.append(tuple(row))
        return rows


def _bind_convert(kind: Any, dialect: Dialect) -> Convert | None:
    convert: Convert | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return convert if convert is None or not isinstance(kind, SAME_AGAIN) else remembering(convert)


def remembering(convert: Convert) -> Convert:
    """A conversion that knows the value it had last: the rows of a batch have their moments and words in common."""
    last: tuple[Any, Any] = (None, convert(None))  # one object, so that threads never see half of it

    def and_remember(value: Any) -> Any:
        nonlocal last
        before, converted = last
        if value is before:
            return converted
        converted = convert(value)
        last = (value, converted)
        return converted

    return and_remember


def _row_converts(statement: Any, dialect: Dialect) -> list[tuple[int, Convert]]:
    columns: Sequence[Any] = tuple(getattr(statement, "exported_columns", ()))
    converts = (
        (index, column.type.dialect_impl(dialect).result_processor(dialect, None))
        for index, column in enumerate(columns)
    )
    return [
        (index, lru_cache(VALUES_KEPT)(convert) if isinstance(columns[index].type, SAME_AGAIN) else convert)
        for index, convert in converts
        if convert is not None
    ]
