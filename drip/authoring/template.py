"""One template of a post: printed or recorded for a reader, with its faults told at the author's own line.

Called by `drip.authoring.layout`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from jinja2 import Template, TemplateError, TemplateSyntaxError, UndefinedError

from drip.authoring.environment import Sandbox
from drip.authoring.escaping import Odd
from drip.authoring.flat import Flat
from drip.authoring.shapes import Mark, TooLarge, gather
from drip.errors import DripError, TemplateFault

T = TypeVar("T")

UNREADABLE = (SyntaxError, RecursionError, ValueError, OverflowError, MemoryError)
"""What Python says of a template that Jinja could read: nested too deeply, or a number of too many digits."""


def unreadable(error: Exception, path: str, line: int) -> TemplateFault:
    """The fault that this is of a template at that place."""
    return TemplateFault(f"this is too deep or too long for a template ({type(error).__name__})", path=path, line=line)


class PostTemplate:
    """A compiled Jinja source that reports its faults at the author's own line."""

    def __init__(self, sandbox: Sandbox, flat: Flat, known: Mapping[str, object] = MappingProxyType({})) -> None:
        self.flat = flat
        self._sandbox = sandbox
        # A subject without tags needs no Jinja (which would also take the last of several lines' ends away).
        self.fixed = flat.source if not re.search(r"\{[{%#]|[\r\n]", flat.source) else None
        self.leak = ""
        self._template: Template | None = None
        if self.fixed is not None:
            return
        try:
            self._template, self.leak = sandbox.compiled(flat.source, known)
        except TemplateSyntaxError as error:
            path, line = flat.origin(error.lineno)
            raise TemplateFault(error.message, path=path, line=line) from error
        except UNREADABLE as error:
            raise unreadable(error, *flat.first_tag()) from error

    def print(self, values: dict[str, Any]) -> str:
        """The text with these values in it."""
        return self.fixed if self.fixed is not None else "".join(self._guarded(lambda: gather(self._run(values))))

    def record(self, mark: Mark, values: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The chunks with tokens in them, and the values."""
        return self._guarded(lambda: self._sandbox.recorder.record(mark, lambda: self._run(values)), (TooLarge,))

    def _run(self, values: dict[str, Any]) -> Iterable[str]:
        # `shared` spares a copy: the values have Jinja's own names in them already.
        template = self._compiled()
        return template.root_render_func(template.new_context(values, shared=True))

    def _compiled(self) -> Template:
        """The template; one without a tag is compiled only where a page is made of it."""
        if self._template is None:
            self._template, _ = self._sandbox.compiled(self.flat.source, {})
        return self._template

    def _guarded(self, work: Callable[[], T], passing: tuple[type[Exception], ...] = ()) -> T:
        self._sandbox.meter.start()
        try:
            return work()
        except (DripError, Odd):
            raise
        # Whatever goes wrong while a template runs is the template's fault: values are plain data.
        except Exception as error:
            if isinstance(error, passing):
                raise
            raise self.fault(error) from error

    def fault(self, error: Exception) -> TemplateFault:
        """What went wrong while this template ran, with its place."""
        if isinstance(error, TooLarge):
            return self._at(error, "the page grows beyond 2 MB", "look for a loop that does not end")
        if isinstance(error, RecursionError):
            return self._at(error, "this calls or includes itself without end")
        if isinstance(error, TemplateSyntaxError) and error.name:
            return TemplateFault(error.message, path=f"templates/{error.name}", line=error.lineno)
        message = (error.message or "") if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
        hint = (
            "fields have their fall-backs in drip.yaml, below `fields:`" if isinstance(error, UndefinedError) else None
        )
        return self._at(error, message or type(error).__name__, hint)

    def _at(self, error: Exception, message: str, hint: str | None = None) -> TemplateFault:
        path, line = self._place(error)
        return TemplateFault(message, path=path, line=line, hint=hint)

    def _place(self, error: Exception) -> tuple[str, int]:
        """The innermost template line that the error came through."""
        place = self.flat.origin(1)
        trace = error.__traceback__
        while trace is not None:
            template = trace.tb_frame.f_globals.get("__jinja_template__")
            if isinstance(template, Template):
                line = template.get_corresponding_lineno(trace.tb_lineno)
                place = self.flat.origin(line) if template is self._template else (f"templates/{template.name}", line)
            trace = trace.tb_next
        return place
