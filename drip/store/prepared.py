"""Hot statements, compiled once for each engine, and run by the driver itself within SQLAlchemy's transaction.

SQLAlchemy Core is where every statement is written, and most of them are also run by it: that costs 50 to 150 µs for
the look into its cache, its parameters and its rows, which is more than SQLite needs for the work. For the statements
that a run asks for each message or each tick that is most of its time. `prepared` keeps such a statement as text, with
what to do to its parameters and to its rows, both taken from the types in `drip.store.columns`. Never changes what a
statement means. Called by `drip.store.transaction` and, as a decorator, by those who write statements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, ParamSpec

from sqlalchemy import Dialect, Executable
from sqlalchemy.sql.compiler import SQLCompiler

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

    __slots__ = ("_asked", "_constants", "_converts", "_order", "text")

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
        # What the statement says by itself is the same each time.
        self._constants = {
            name: value if (convert := converts.get(name)) is None else convert(value)
            for name, value in said.items()
            if name not in values
        }
        self._asked = [(name, convert) for name in values if (convert := converts[name]) is not None]
        self._order = tuple(compiled.positiontup or ()) if compiled.positional else None
        self._converts = _row_converts(statement, dialect)

    def bound(self, values: Values) -> Any:
        """The parameters as the driver takes them."""
        given = {**self._constants, **values}
        for name, convert in self._asked:
            given[name] = convert(given[name])
        return given if self._order is None else [given[name] for name in self._order]

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
    return convert


def _row_converts(statement: Any, dialect: Dialect) -> list[tuple[int, Convert]]:
    columns: Iterable[Any] = getattr(statement, "exported_columns", ())
    converts = (
        (index, column.type.dialect_impl(dialect).result_processor(dialect, None))
        for index, column in enumerate(columns)
    )
    return [(index, convert) for index, convert in converts if convert is not None]
