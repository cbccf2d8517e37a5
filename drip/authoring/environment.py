"""The Jinja environments in which posts and layouts run: sandboxed, strict, and without reach beyond the given files.

This bounds what a careless template can do (no private attributes, no changed values, no huge numbers, loops and
pages), and what a hostile one can: work is metered (`drip.authoring.bounds`). Called by `drip.authoring.layout`.
"""

from __future__ import annotations

import types
from collections import abc, deque
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import BaseLoader, DictLoader, StrictUndefined, Template, Undefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import escape

from drip.authoring.bounds import Meter
from drip.authoring.folding import fold
from drip.authoring.leaks import leak_of
from drip.authoring.metered import MeteredGenerator, add_meters
from drip.authoring.shapes import Fixed, Recorder, quick_escape

RANGE_MOST = 10_000

ASKED_FOR = frozenset({"session", "sessions", "webinar"})
"""Given to some posts only, and documented to be asked for with `if`."""

_PLAIN_VALUES = frozenset({str, Fixed, int, bool, tuple})

# What `jinja2.sandbox` looks at more closely: code in any form, collections that can be changed, and text (whose
# `format` method it wraps).
_GUARDED_TYPES = (
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    types.CodeType,
    types.TracebackType,
    types.FrameType,
    types.GeneratorType,
    types.CoroutineType,
    types.AsyncGeneratorType,
    types.ModuleType,
    type,
    str,
    Undefined,
    deque,
    abc.Set,
    abc.Mapping,
    abc.Sequence,
)

REMAINDER_TESTS = ("odd", "even", "divisibleby")
COMPARING_TESTS = (
    *("in", "eq", "equalto", "==", "ne", "!=", "gt", "greaterthan", ">"),
    *("ge", ">=", "lt", "lessthan", "<", "le", "<="),
)


class Absent(StrictUndefined):
    """A name that a reader has no value for: an error when it is printed, but `{% if session %}` may ask for it."""

    __slots__ = ()

    def __bool__(self) -> bool:  # type: ignore[override]  # StrictUndefined says that it never returns
        """False for what belongs to some readers only; whatever else is missing is a fault, also in an `if`."""
        if self._undefined_name in ASKED_FOR:
            return False
        return bool(self._fail_with_undefined_error())


class Sandbox(ImmutableSandboxedEnvironment):
    """One environment; `recorder` stands between its templates and what they print."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})
    code_generator_class = MeteredGenerator

    def __init__(self, files: Mapping[str, str], *, markup: bool) -> None:
        self.meter = Meter()
        self._known: Mapping[str, object] = {}
        self._leak: str | None = None
        self.spend = self.meter.spend
        self.recorder = Recorder(markup=markup, made=self.meter.made, weigh=self.meter.weigh)
        # `finalize` must be there before the first template is compiled: compiled code calls it only then.
        super().__init__(
            loader=_loader(files),
            autoescape=markup,
            undefined=Absent,
            finalize=self.recorder.bind(),
            auto_reload=False,
        )
        self.getattr = self._quick_getattr()  # type: ignore[assignment, method-assign]
        self.globals["range"] = _short_range
        del self.globals["lipsum"]
        if not markup:
            # `{{ first_name|e }}` is meant for the page; the same post also makes the text.
            self.filters.update(e=str, escape=str, forceescape=str)
        # Meant for finding faults in programs; too slow to be bounded by size.
        del self.filters["pprint"]
        for name in self.filters:
            self.filters[name] = self.meter.bounded(name, self.filters[name])
        for name in COMPARING_TESTS:
            self.tests[name] = self.meter.bounded(name, self.tests[name])
        for name in REMAINDER_TESTS:
            # `'%99999999d' is odd` is a format in disguise.
            self.tests[name] = self.meter.bounded("format", self.tests[name])
        self.concat = self.meter.joined  # type: ignore[method-assign]

    def _quick_getattr(self) -> Callable[[Any, str], Any]:
        """`getattr` as the sandbox does it, but plain data of plain objects is spared its eleven questions.

        That is most of what a post prints. About other types the sandbox is asked, each time.
        """
        plain_types: set[type] = set()
        asked_types: set[type] = set()
        ask = super().getattr

        def quick_getattr(obj: Any, attribute: str) -> Any:
            kind = type(obj)
            if kind in plain_types and attribute[0] != "_":
                value = getattr(obj, attribute, None)
                if type(value) in _PLAIN_VALUES:
                    return value
            elif kind not in asked_types:
                asked_types.add(kind)
                if not issubclass(kind, _GUARDED_TYPES):
                    plain_types.add(kind)
            return ask(obj, attribute)

        return quick_getattr

    def compiled(self, source: str, known: Mapping[str, object]) -> tuple[Template, str]:
        """A template whose conditions on what is `known` are answered already, and why it must go the slow way, or "".

        Its tokens are not escaped in vain either: that is a fifth of what printing costs.
        """
        self.meter.start()
        self._known = known
        try:
            template = self.from_string(source)
        finally:
            self._known = {}
        names = template.root_render_func.__globals__
        if names.get("escape") is escape:
            names["escape"] = quick_escape
        return template, self._leak or ""

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Sums, products, powers and formats of bounded size."""
        if operator == "**" and not (isinstance(right, (int, float)) and abs(right) <= 64):
            raise SecurityError("this power is too large for a post")
        self.meter.check_operator(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """A call as the sandbox makes it, weighed first."""
        self.meter.call(obj, args, kwargs)
        return super().call(context, obj, *args, **kwargs)

    def _generate(self, source: nodes.Template, name: str | None, *args: Any, **kwargs: Any) -> str:
        # What a post includes is compiled later, for all posts.
        tree = source
        if name is None:
            self._leak = leak_of(self, source)
            tree = fold(source, self._known)
        return super()._generate(add_meters(tree, is_included=name is not None), name, *args, **kwargs)


def _loader(files: Mapping[str, str]) -> BaseLoader:
    """The files below templates/, by their names there; includes find nothing else."""
    prefix = "templates/"
    return DictLoader({path.removeprefix(prefix): text for path, text in files.items() if path.startswith(prefix)})


def _short_range(*numbers: int) -> range:
    """`range` as in Python, of a length that a post can mean."""
    counted = range(*numbers)
    if len(counted) > RANGE_MOST:
        raise SecurityError(f"a range of {len(counted)} is too long for a post")
    return counted
