"""What a template may spend: steps, and the size of what it makes; beyond that it is stopped at its own line.

Counts work, not seconds, so that a post is stopped at the same place on every machine and in every thread, without a
signal. Weighs what goes into filters, methods, products and comparisons before they run, because one of them can
take a minute by itself. Not for several threads at once; the press holds a lock. Called by
`drip.authoring.environment`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from types import FunctionType, GeneratorType
from typing import Any

from jinja2.exceptions import SecurityError
from jinja2.utils import Namespace
from markupsafe import Markup

from drip.authoring.shapes import Fixed

STEPS_MOST = 500_000
"""About a step for each node of the template that runs, each member looked at, and each few characters made."""

TEXT_MOST = 1_000_000
"""The longest text or list within a template."""

GROWTH_MOST = 4_000_000
"""The most that size times factor may be, where a filter or method can make much out of little."""

BITS_MOST = 4096
"""The largest whole number; Python takes long for more, and will not print it."""

_GROWING = frozenset(
    {"batch", "center", "expandtabs", "format", "format_map", "indent", "join", "ljust", "replace", "rjust", "round"}
    | {"slice", "tojson", "truncate", "urlize", "wordwrap", "zfill"}
)
_STRETCHING = _GROWING - {"format", "format_map", "join", "replace", "urlize"}
# Some take a time that grows with the square of what they are given, or much for each character.
_SIZE_MOST: Mapping[str, int] = {"wordwrap": 20_000, "urlize": 200_000, "striptags": 200_000, "title": 200_000}

_METHODS = frozenset(
    {"capitalize", "casefold", "center", "count", "endswith", "find", "format", "format_map", "index", "isalnum"}
    | {"isalpha", "isascii", "isdecimal", "isdigit", "islower", "isnumeric", "isspace", "istitle", "isupper", "join"}
    | {"ljust", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust"}
    | {"rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper"}
    | {"zfill", "striptags", "unescape", "get", "items", "keys", "values", "copy", "is_integer", "bit_length"}
)
"""Methods of text, numbers and collections that a post can mean."""

_DATA = (str, bytes, int, float, list, tuple, dict, set, frozenset, deque, range)
_PLAIN = frozenset({str, Fixed, Markup, int, bool, float, type(None)})
_WIDE_PERCENT = re.compile(r"[%)][-#0 +]*(?:\*|\d{4}|\d{0,3}\.(?:\*|\d{4}))")
_WIDE_FORMAT = re.compile(r"\{[^{}]+\{|\d{4}")


class Meter:
    """Counts down while one template runs."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = STEPS_MOST

    def start(self) -> None:
        """Give all steps again, for another run."""
        self._left = STEPS_MOST

    def spend(self, steps: int) -> bool:
        """Take steps away; true, so that it can stand in a condition. Raises SecurityError when none are left."""
        self._left -= steps
        if self._left < 0:
            raise SecurityError(f"this takes more than {STEPS_MOST:,} steps, and was stopped")
        return True

    def made(self, length: int) -> None:
        """Take note of a text or list that was made, or is about to be."""
        if length > TEXT_MOST:
            raise SecurityError(f"this is too long for a post: more than {TEXT_MOST:,} characters")
        self.spend(length >> 4)

    def weigh(self, *things: Any) -> int:
        """The size of things with all that is in them, as if they were printed. Raises SecurityError beyond bounds."""
        size = 0
        waiting = [*things]
        while waiting:
            thing = waiting.pop()
            self.spend(1)
            if isinstance(thing, (str, bytes)):
                self.made(len(thing))
                size += len(thing)
            elif isinstance(thing, (list, tuple, set, frozenset, deque, Mapping, range)):
                self.spend(len(thing))
                size += len(thing) * (5 if isinstance(thing, range) else 1)
                waiting.extend(() if isinstance(thing, range) else thing)
                if isinstance(thing, Mapping):
                    waiting.extend(thing.values())
            elif isinstance(thing, Namespace):
                raise SecurityError("a namespace is only good for its names")
            else:
                size += thing.bit_length() // 3 if isinstance(thing, int) else 1
            if size > TEXT_MOST:
                raise SecurityError(f"this handles more than {TEXT_MOST:,} characters at once, and was stopped")
        return size

    # --- called from compiled templates (`drip.authoring.metered`)

    def compared(self, thing: Any) -> Any:
        """Something that is about to be compared: two short lists of lists can keep a processor busy for years."""
        if type(thing) not in _PLAIN:
            self.weigh(thing)
        return thing

    def measured(self, parts: tuple[Any, ...]) -> tuple[Any, ...]:
        """Parts that are about to be joined by `~`."""
        self.weigh(*parts)
        return parts

    def sliced(self, whole: Any) -> Any:
        """Something that a part is about to be copied of."""
        self.weigh(whole)
        return whole

    def counted(self, members: Iterable[Any]) -> Iterator[Any]:
        """The members, each at the price of a few steps."""
        for member in members:
            self.spend(4)
            yield member

    def joined(self, parts: Iterable[str]) -> str:
        """What a macro or a `set` block printed, in one piece."""
        pieces = list(parts)
        self.made(sum(map(len, pieces)))
        return "".join(pieces)

    # --- operators, filters, tests and methods

    def check_operator(self, operator: str, left: Any, right: Any) -> None:
        """Refuse what would be too large; `+`, `*`, `**` and `%` come by."""
        if operator == "%":
            if isinstance(left, (str, bytes)):
                self._check_growth("format", left, (right,))
        elif isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * max(right, 0) if operator == "**" else left.bit_length() + right.bit_length()
            if bits > BITS_MOST and operator != "+":
                raise SecurityError("this number is too large for a post")
        elif operator == "+":
            if hasattr(left, "__len__") and hasattr(right, "__len__"):
                self.made(len(left) + len(right))
                self.spend(0 if isinstance(left, str) else len(left) + len(right))
        elif operator == "*":
            for many, times in ((left, right), (right, left)):
                if hasattr(many, "__len__") and isinstance(times, int):
                    self.made(len(many) * max(times, 0))

    def bounded(self, name: str, function: Any) -> Callable[..., Any]:
        """A filter or test that looks at what it is given first."""
        lead = 1 if hasattr(function, "jinja_pass_arg") else 0

        @wraps(function)
        def bounded(*args: Any, **named: Any) -> Any:
            given = list(args)
            if len(given) > lead and type(given[lead]) is GeneratorType:
                members = self.counted(given[lead])
                given[lead] = list(members) if name in _GROWING else members
            self._check_growth(name, given[lead] if len(given) > lead else None, (*given[lead + 1 :], *named.values()))
            result = function(*given, **named)
            if isinstance(result, (str, list)):
                self.made(len(result))
            return result

        return bounded

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        """Look at a call before it is made: methods of plain data are known by name, and weighed."""
        self.spend(1 + len(args))
        if type(function) is FunctionType and not function.__dict__:
            return
        method = getattr(function, "__wrapped__", function)  # the sandbox wraps `format`
        owner = getattr(method, "__self__", None)
        if isinstance(owner, _DATA) or (isinstance(owner, type) and issubclass(owner, _DATA)):
            name = method.__name__
            if name not in _METHODS or isinstance(owner, type):
                raise SecurityError(f"`{name}` is nothing that a post may call")
            if name in ("format", "format_map") and _WIDE_FORMAT.search(str(owner)):
                raise SecurityError("this format is too wide for a post")
            given = [list(self.counted(each)) if type(each) is GeneratorType else each for each in args]
            if any(type(each) is GeneratorType for each in args):
                raise SecurityError(f"`{name}` needs a list here: write `|list` behind it")
            self._check_growth(name, owner, (*given, *named.values()), is_method=True)

    def _check_growth(self, name: str, value: Any, rest: tuple[Any, ...], *, is_method: bool = False) -> None:
        if name == "format" and not is_method and _WIDE_PERCENT.search(str(value)):
            raise SecurityError("this format is too wide for a post")
        if name == "sum" and any(not isinstance(each, (int, float, str, type(None))) for each in rest):
            raise SecurityError("`sum` adds up numbers only")
        if name == "round" and not (
            isinstance(value, (int, float)) and all(abs(n) < 20 for n in rest if type(n) is int)
        ):
            raise SecurityError("`round` takes a number, and at most 20 digits")
        size = self.weigh(value)
        self.spend(0 if is_method else size >> 1)
        if size > _SIZE_MOST.get(name, TEXT_MOST):
            raise SecurityError(f"this text is too long for `{name}`")
        factor = self.weigh(*rest)
        if name in _GROWING:
            factor += sum(abs(each) for each in rest if isinstance(each, int)) if name in _STRETCHING else 0
            if factor > GROWTH_MOST or max(size, 1) * max(factor, 1) > GROWTH_MOST:
                raise SecurityError(f"`{name}` makes too much here, and was stopped")
            self.spend(factor >> 4)
