"""The shape cache: styles are inlined once for each distinct page, and each reader costs only the values.

Jinja runs for every reader as it is, but prints each value as an opaque token (`Recorder.finalize`). The chunks that
come out are the *shape*: which branches were taken, how many turns the loops made. A new shape goes through the
inliner once, and the finished page is split at the tokens; each slot gets the escaper of its place. Values that
change the page itself (a class, a style, a blank, a quote in an attribute) are printed into it, and are part of its
key. Never decides what a template may do: that is `drip.authoring.leaks` and the sandbox. Called by
`drip.authoring.layout`.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from itertools import islice
from types import GeneratorType
from typing import Any

from jinja2 import Undefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from drip.authoring.escaping import (
    ADDRESS_ATTRIBUTES,
    PERCENT_ATTRIBUTES,
    Escaper,
    Odd,
    Trust,
    address_escaper,
    address_part_escaper,
    address_start_escaper,
    attribute_escaper,
    clean,
    comment_address_escaper,
    comment_escaper,
    guard_addresses,
    text_escaper,
)
from drip.authoring.inline import Inliner
from drip.authoring.tracing import Printed
from drip.core.message import Filled, Shape

PLANS_KEPT = 1000
"""Shapes that one post remembers; a page that is new for nearly everybody must not eat the memory."""

CHUNKS_MOST = 200_000
PAGE_MOST = 2_000_000
"""Limits of one rendered page: pieces, and characters. A mail of this size is a mistake in a loop."""

FEW_VALUES = 40
"""So many values cannot be too much together: a template makes none of more than a million characters."""

LONG_VALUE = 1000
"""From this length on, printing a value costs steps."""

# Their values decide how other things are laid out, or are copied by the inliner into other attributes.
_SHAPING_ATTRIBUTES = frozenset({"class", "id", "style", "width", "height", "align", "valign", "bgcolor", "name"})
_SHAPING_TAGS = frozenset({"html", "meta", "style", "link", "base", "script", "body"})
_RAW_TAGS = frozenset({"style", "script", "xmp", "iframe", "noembed", "noframes", "noscript", "plaintext", "textarea"})

_STYLE_SHEET = re.compile("<style[^>]*>(.*?)</style", re.IGNORECASE | re.DOTALL)
_SELECTED_ATTRIBUTE = re.compile(r"\[\s*([\w-]+)")
_IN_ATTRIBUTE = re.compile(r"""(?<=[\s"'/])(?P<name>[^\s"'<>/=]+)\s*=\s*(?:"(?P<double>[^"]*)|'(?P<single>[^']*))\Z""")
_HALF_WORD = re.compile(r"(?:&[#\w]*|<[!/?\w-]*)\Z")
"""What a value could complete: an entity or a tag that the static text began."""


class Fixed(str):
    """Text that is the same for every reader of a post, so that it belongs to the shape."""

    __slots__ = ()


class Token(str):
    """What stands in a page for a value while its shape is found out. It has nothing to escape."""

    __slots__ = ()


def quick_escape(value: Any) -> Any:
    """Jinja's `escape`; tokens, and what is escaped already, pass untouched."""
    kind = type(value)
    return value if kind is Token or kind is Markup else escape(value)


class TooLarge(Exception):
    """The page grew beyond the limit."""


class Unshaped(Exception):
    """This template cannot be cached: a token was lost or changed on the way; the message says how."""


class Mark:
    """Makes tokens, and finds them: a prefix that no source contains, a number, and an end."""

    def __init__(self, sources: Iterable[str]) -> None:
        joined = "\n".join(sources)
        self.prefix = next(p for n in range(len(joined) + 1) if (p := f"qdv{n}x") not in joined.lower())
        self.pattern = re.compile(f"{self.prefix}([0-9]+)z")
        self._tokens = [self._make(number) for number in range(64)]

    def _make(self, number: int) -> Token:
        return Token(f"{self.prefix}{number}z")

    def token(self, number: int) -> Token:
        """The token of the value of that number (interned, so that hashing a shape is cheap)."""
        try:
            return self._tokens[number]
        except IndexError:
            self._tokens.extend(map(self._make, range(len(self._tokens), number + 1)))
            return self._tokens[number]


class Recorder:
    """Stands between Jinja and the page: prints tokens and keeps the values, or prints clean values when idle."""

    def __init__(
        self, *, markup: bool, made: Callable[[int], None] = lambda _: None, weigh: Callable[[Any], int] = lambda _: 0
    ) -> None:
        self._markup = markup
        self._made = made
        self._weigh = weigh
        self._values: list[str] | None = None
        self._mark: Mark | None = None
        self._token: Callable[[int], str] = str

    def record(self, mark: Mark, run: Callable[[], Iterable[str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The chunks of a page with tokens, and the values behind the tokens."""
        self._values, self._mark, self._token = [], mark, mark.token
        try:
            # The size is looked at when the shape is new; chunks that are known were small enough then.
            chunks, values = tuple(islice(run(), CHUNKS_MOST + 1)), tuple(self._values)
            if len(values) > FEW_VALUES and sum(map(len, values)) > PAGE_MOST:
                raise TooLarge
            return chunks, values
        finally:
            self._values = self._mark = None

    def bind(self) -> Callable[[Context, Any], Any]:
        """The function for `Environment.finalize`; it must be there before the first template is compiled."""

        fixed: dict[str, str] = {}

        # With the context in its signature Jinja never calls it at compile time, for constants.
        @pass_context
        def finalize(_context: Context, value: Any) -> Any:
            kind = type(value)
            if kind is Fixed:
                return fixed[value] if value in fixed else self._remember(fixed, value)
            if kind is not str:
                value = self._plain(value)
                if type(value) is not str:
                    return value
            values = self._values
            if len(value) > LONG_VALUE:
                self._made(len(value))
            if not value.isprintable():
                value = clean(value)
            # Blank text may vanish in the parser, or join its neighbors: it belongs to the shape.
            if values is None or not value or value.isspace():
                return value
            values.append(value)
            return self._token(len(values) - 1)

        return finalize

    def _remember(self, fixed: dict[str, str], value: Fixed) -> str:
        """Fixed text as it will be printed each time; there is only so much of it (`drip.authoring.views`)."""
        text = fixed[value] = escape(clean(str(value))) if self._markup else clean(str(value))
        return text

    def _plain(self, value: Any) -> Any:
        """The value as text that may be recorded, or what must be printed as it is."""
        if isinstance(value, Undefined):
            return str(value)  # raises, with the name
        if not hasattr(value, "__html__"):
            self._weigh(value)
            return clean(str(value))
        markup = value.__html__()
        self._made(len(markup))
        if not self._markup:
            return str(markup)
        # `{{ first_name|e }}` is a habit, and is only text. (What a macro printed is not: it has tokens in it.)
        if (
            "<" not in markup
            and (self._mark is None or self._mark.prefix not in markup)
            and str(escape(text := unescape(markup))) == markup
            and clean(text) == text
        ):
            return text
        return Markup(clean(str(markup)))  # noqa: S704 - it was markup before; only control characters go


def gather(pieces: Iterable[str]) -> tuple[str, ...]:
    """The pieces of a page, as long as it does not grow without bounds."""
    chunks = []
    room = PAGE_MOST
    for count, piece in enumerate(pieces):
        room -= len(piece)
        if room < 0 or count >= CHUNKS_MOST:
            if isinstance(pieces, GeneratorType):
                pieces.throw(TooLarge())  # within the template, whose line the fault then has
            raise TooLarge
        chunks.append(piece)
    return tuple(chunks)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to do with the values of one shape: the finished page and its slots, or which values it wants printed."""

    shape: Shape
    slots: tuple[tuple[int, Escaper], ...]
    wants: frozenset[int] = frozenset()

    def fill(self, values: Sequence[str]) -> Filled:
        return Filled(self.shape, tuple([escaper(values[index]) for index, escaper in self.slots]))

    def odd(self, values: Sequence[str]) -> Iterator[int]:
        """The values that cannot be judged by themselves."""
        for index, escaper in self.slots:
            try:
                escaper(values[index])
            except Odd:
                yield index


class Shapes:
    """The shapes of one template. Not for several threads at once; its owner holds a lock."""

    def __init__(self, mark: Mark, make: Callable[[str, frozenset[str]], _Plan], *, kept: int = PLANS_KEPT) -> None:
        self._mark = mark
        self._make = make
        self._kept = kept
        self._plans: OrderedDict[tuple[tuple[str, ...], tuple[tuple[int, str], ...]], _Plan] = OrderedDict()
        self.made = 0
        self.filled = 0

    def fill(self, chunks: tuple[str, ...], values: Sequence[str]) -> Filled:
        """The page for these values. Raises Unshaped when the template cannot be cached."""
        self.filled += 1
        printed: tuple[tuple[int, str], ...] = ()
        while True:
            plan = self._plan(chunks, printed, len(values))
            more = plan.wants
            if not more:
                try:
                    return plan.fill(values)
                except Odd:
                    more = frozenset(plan.odd(values))
            printed = tuple(sorted({*printed, *((index, values[index]) for index in more)}))

    def trace(self, chunks: tuple[str, ...], values: Sequence[str]) -> Printed | None:
        """Which value goes where, escaped how; None where values change the page itself. Raises as `fill` does."""
        plan = self._plan(chunks, (), len(values))
        if plan.wants:
            return None
        slots = plan.slots
        return Printed(plan.shape, tuple(values[index] for index, _ in slots), tuple(escaper for _, escaper in slots))

    def _plan(self, chunks: tuple[str, ...], printed: tuple[tuple[int, str], ...], recorded: int) -> _Plan:
        key = (chunks, printed)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._made(chunks, printed, recorded)
            if not plan.wants:
                self.made += 1
            while len(self._plans) >= self._kept:
                self._plans.popitem(last=False)
            self._plans[key] = plan
        else:
            self._plans.move_to_end(key)
        return plan

    def _made(self, chunks: tuple[str, ...], printed: tuple[tuple[int, str], ...], recorded: int) -> _Plan:
        try:
            return self._make(*self._print(chunks, printed, recorded))
        except Unshaped:
            # With values in the page it may be their doing: one reader must not make all others slow.
            if printed:
                raise Odd from None
            raise

    def _print(
        self, chunks: tuple[str, ...], printed: tuple[tuple[int, str], ...], recorded: int
    ) -> tuple[str, frozenset[str]]:
        """The page with the printed values in it, and the tokens that must stand in it."""
        page = "".join(gather(chunks))
        texts = dict(printed)
        if any(self._mark.prefix in text for text in texts.values()):
            raise Odd  # a value that looks like a token: this one reader goes the slow way
        found = sorted(int(number) for number in self._mark.pattern.findall(page))
        if found != list(range(recorded)):
            # Lost within a macro of a text, or doubled by a value that was made to look like a token.
            raise Odd
        tokens = frozenset(self._mark.token(number) for number in found)
        if texts:
            page = self._mark.pattern.sub(
                lambda match: str(escape(texts[int(match[1])])) if int(match[1]) in texts else match[0], page
            )
            tokens -= {self._mark.token(index) for index in texts}
        return page, tokens


# --- text --------------------------------------------------------------------------------------------------


def text_shapes(mark: Mark) -> Shapes:
    """Shapes of a plain text: nothing to inline, nothing to escape."""

    def make(page: str, tokens: frozenset[str]) -> _Plan:
        return _split(page, mark, dict.fromkeys(tokens, _as_it_is))

    return Shapes(mark, make)


def _as_it_is(value: str) -> str:
    return value


def _split(page: str, mark: Mark, escapers: dict[str, Escaper]) -> _Plan:
    parts = mark.pattern.split(page)
    numbers = [int(number) for number in parts[1::2]]
    if sorted(mark.token(number) for number in numbers) != sorted(escapers):
        raise Unshaped("a printed value was lost, doubled or changed")
    slots = tuple((number, escapers[mark.token(number)]) for number in numbers)
    return _Plan(Shape(tuple(parts[0::2])), slots)


# --- HTML --------------------------------------------------------------------------------------------------


def page_shapes(mark: Mark, inliner: Inliner, trust: Trust) -> Shapes:
    """Shapes of a page: guarded, inlined, and split at the tokens."""

    def make(page: str, tokens: frozenset[str]) -> _Plan:
        escapers = _places(page, mark, trust) if tokens else {}
        if escapers.keys() != tokens:
            raise Unshaped("a value is printed where a page cannot hold one, such as in the name of a tag")
        wants = frozenset(_number(mark, token) for token, escaper in escapers.items() if escaper is None)
        if wants:
            return _Plan(Shape(()), (), wants)
        finished = inliner(guard_addresses(page, trust, mark.prefix))
        return _split(finished, mark, {token: escaper for token, escaper in escapers.items() if escaper is not None})

    return Shapes(mark, make)


def _number(mark: Mark, token: str) -> int:
    match = mark.pattern.fullmatch(token)
    assert match is not None
    return int(match[1])


def _places(page: str, mark: Mark, trust: Trust) -> dict[str, Escaper | None]:
    """The escaper of each token's place; None where the value must be printed into the page."""
    from lxml import etree

    tree = etree.fromstring(page.strip(), etree.HTMLParser())
    selected = {name.lower() for sheet in _STYLE_SHEET.findall(page) for name in _SELECTED_ATTRIBUTE.findall(sheet)}
    shaping = _SHAPING_ATTRIBUTES | selected
    before = {match[0]: page[max(0, match.start() - 2000) : match.start()] for match in mark.pattern.finditer(page)}
    places: dict[str, Escaper | None] = {}

    def put(text: str | None, judge: Callable[[str, str], Escaper | None]) -> None:
        for match in mark.pattern.finditer(text or ""):
            token = match[0]
            if token in places or token not in before:
                raise Unshaped("a value is printed in two places at once")
            risky = _HALF_WORD.search(before[token][-40:])
            places[token] = None if risky else judge(token, before[token])

    for element in tree.iter():
        tag = element.tag
        if tag is etree.Comment:
            put(element.text, lambda token, raw: _in_comment(raw, token, mark, trust))
        elif not isinstance(tag, str):
            put(element.text, lambda _token, _raw: None)
        else:
            plain = None if tag in _RAW_TAGS else text_escaper()
            put(element.text, lambda _token, _raw, plain=plain: plain)  # type: ignore[misc]
            for name, value in ((str(name), str(value)) for name, value in element.attrib.items()):
                fixed = name in shaping or tag in _SHAPING_TAGS or '"' in value
                put(value, _attribute_judge(name, value, fixed, mark, trust))
        parent = element.getparent()
        within = None if parent is None or parent.tag in _RAW_TAGS else text_escaper()
        put(element.tail, lambda _token, _raw, within=within: within)  # type: ignore[misc]
    return places


def _attribute_judge(
    name: str, value: str, fixed: bool, mark: Mark, trust: Trust
) -> Callable[[str, str], Escaper | None]:
    """What belongs to a slot in this attribute."""

    def judge(token: str, raw: str) -> Escaper | None:
        within = _IN_ATTRIBUTE.search(raw)
        # Without quotes around it, a value could begin another attribute.
        if fixed or within is None or within["name"].lower() != name:
            return None
        if name not in ADDRESS_ATTRIBUTES:
            return attribute_escaper()
        if name not in PERCENT_ATTRIBUTES:
            return None
        if value == token:
            return address_escaper(trust)
        return _address_judge(value[: value.index(token)], mark, address_start_escaper, address_part_escaper, trust)

    return judge


def _in_comment(raw: str, _token: str, mark: Mark, trust: Trust) -> Escaper | None:
    within = _IN_ATTRIBUTE.search(raw)
    if within is None or within["name"].lower() not in ADDRESS_ATTRIBUTES:
        return comment_escaper
    lead = within["double"] if within["double"] is not None else within["single"]
    return _address_judge(unescape(lead), mark, comment_address_escaper, lambda: comment_escaper, trust)


def _address_judge(
    lead: str,
    mark: Mark,
    start: Callable[[Trust], Escaper],
    part: Callable[[], Escaper],
    trust: Trust,
) -> Escaper | None:
    """The escaper of a slot within an address, by what stands before it."""
    if not lead:
        return start(trust)
    # A slot at the start judges its own scheme; static text must have one that is allowed.
    if lead.startswith(mark.prefix) or trust.allows_start(lead):
        return part()
    return None
