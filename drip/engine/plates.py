"""Plates: the message of a whole group of readers as bytes, with gaps for what is each reader's own.

Readers of one post who share list, session and time zone get the same bytes, while the words about the sessions stay
the same, but for some words of their own and the tokens in their links. The post is printed once for a sample reader
(`CompiledPost.trace`), whose fields are known by identity and whose tokens can be found again; from then on a reader
costs the signing and one join. Only posts that print what is a reader's own straight have a plate, and no plate is used
that does not make the very bytes that the ordinary way made for a real reader. Never composes by itself:
`drip.engine.letters` calls it, and does.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from drip.authoring.escaping import Escaper, Odd
from drip.authoring.shapes import LONG_VALUE
from drip.authoring.tracing import Line, Trace
from drip.core.links import Purpose, varint
from drip.core.records import DeliveryId, RegistrationId, SubscriberId
from drip.engine.addressed import Addressed
from drip.engine.keys import Keys
from drip.mail.mime import ENDS, SOFT_BREAK, Blank, quote_value

if TYPE_CHECKING:
    from drip.authoring.layout import CompiledPost

PLATES_KEPT = 128
"""A few for each time zone of the posts under way; a plate is about as large as its message."""

PLATE_MOST = 300_000
"""Bytes from which on a message has no plate: with large files in it, words and links cost next to nothing."""

WORDS_KEPT = 1024
"""First names that are remembered as written, for each kind of place in which they stand."""

SAMPLE_DELIVERY, SAMPLE_SUBSCRIBER, SAMPLE_REGISTRATION = (2**62 + each for each in range(3))
"""Ids that no row has: they stand for a reader's own in what is signed."""

OFFERED = frozenset({"session", "sessions", "webinar"})
"""Given to some posts only; a reader's field of that name would take the place."""

_Write = Callable[[str], tuple[bytes, int]]

_Place = tuple[Escaper, bool]
"""How a value is escaped, and whether its body ends with it."""

_Part = str | tuple[str, int, int]
"""Text, or a stretch of the token of that name."""


class SampleKeys:
    """Signs nothing: makes tokens that can be found again, each as long as the one that it stands for."""

    def __init__(self, keys: Keys, addressed: Addressed) -> None:
        registration = addressed.registration
        self._keys = keys
        self._real: Mapping[int, int] = {
            SAMPLE_DELIVERY: addressed.delivery.id,
            SAMPLE_SUBSCRIBER: addressed.subscriber.id,
            SAMPLE_REGISTRATION: registration.id if registration is not None else 0,
        }
        self.tokens: dict[str, tuple[Purpose, tuple[int, ...]]] = {}

    def sign(self, purpose: Purpose, *numbers: int) -> str:
        """Letters and digits that stand for the token of this purpose and these numbers."""
        length = len(self._keys.sign(purpose, *(self._real.get(each, each) for each in numbers)))
        digest = hashlib.sha256(f"{purpose.value} {numbers}".encode()).hexdigest()
        token = (digest * 2)[:length]
        self.tokens[token] = purpose, numbers
        return token


@dataclass(frozen=True, slots=True)
class _Token:
    """How a reader's token is made, and the stretches of it that stand in the message."""

    sign: Callable[[bytes], bytes]
    numbers: tuple[bytes | int, ...]
    stretches: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class _Word:
    """How a value is written, and where: `number` says which of the reader's values it is."""

    number: int
    write: _Write
    places: tuple[int, ...]
    in_text: int
    in_html: int


@dataclass(frozen=True, slots=True)
class Plate:
    """Pieces with gaps, and what to put into them. `kept` keeps alive what the plate was made of."""

    compiled: CompiledPost
    kept: object
    domain: str
    pieces: tuple[bytes, ...]
    fields: tuple[tuple[str, str], ...]
    lines: tuple[tuple[Line, tuple[int | str, ...]], ...]
    addresses: tuple[tuple[_Part, ...], ...]
    tokens: Mapping[str, _Token]
    words: tuple[_Word, ...]
    rooms: tuple[int, int]
    own: Mapping[str, int]
    subject: int | None

    def fill(self, addressed: Addressed, lines: Mapping[str, str], write_subject: Callable[[str], str]) -> bytes | None:
        """The message for one reader of the group, or None for one whose values need a closer look.

        `lines` are the header lines of this message alone: `date`, `to` and `message-id`.
        """
        values = self._values(addressed)
        if values is None:
            return None
        pieces = [*self.pieces]
        numbers = _numbers_of(addressed)
        made: dict[str, bytes] = {}
        for name, token in self.tokens.items():
            body = b"".join([each if isinstance(each, bytes) else numbers[each] for each in token.numbers])
            made[name] = signed = token.sign(body)
            for place, start, stop in token.stretches:
                pieces[place] = signed[start:stop]
        for address in self.addresses:
            parts = (each if isinstance(each, str) else made[each[0]].decode() for each in address)
            values.append("".join(parts))
        text_room, html_room = self.rooms
        try:
            for word in self.words:
                written, high = word.write(values[word.number])
                for place in word.places:
                    pieces[place] = written
                text_room -= high * word.in_text
                html_room -= high * word.in_html
        except Odd:
            return None
        if text_room < 0 or html_room < 0:
            return None  # perhaps base64 is shorter
        for name, line in lines.items():
            pieces[self.own[name]] = line.encode("ascii")
        if self.subject is not None:
            pieces[self.own["subject"]] = write_subject(values[self.subject]).encode("ascii")
        return b"".join(pieces)

    def _values(self, addressed: Addressed) -> list[str] | None:
        """The reader's fields, and the lines with those in them."""
        subscriber = addressed.subscriber
        fields = subscriber.fields
        if not OFFERED.isdisjoint(fields):
            return None
        values: list[str] = []
        for name, fallback in self.fields:
            value = subscriber.email if name == "email" else fields.get(name, "")
            if not value or value.isspace():
                value = fallback
            # What is blank belongs to the shape, what is long costs steps, and what cannot be seen may be taken away.
            if not value or len(value) > LONG_VALUE or not value.isprintable() or value.isspace():
                return None
            values.append(value)
        for line, sources in self.lines:
            values.append(line.of([each if isinstance(each, str) else values[each] for each in sources]))
        return values


def _numbers_of(addressed: Addressed) -> tuple[bytes, bytes, bytes]:
    registration = addressed.registration
    return (
        varint(addressed.delivery.id),
        varint(addressed.subscriber.id),
        b"" if registration is None else varint(registration.id),
    )


class Plates:
    """The plates of a process, by what their readers share. A group gets its plate with its second reader."""

    def __init__(self) -> None:
        self._plates: OrderedDict[Hashable, Plate | None] = OrderedDict()
        self._met: set[Hashable] = set()
        self._are_trusted = True

    def get(self, group: Hashable) -> Plate | None:
        """The plate of this group, if there is one."""
        plate = self._plates.get(group)
        if plate is not None:
            self._plates.move_to_end(group)
        return plate

    def wants(self, group: Hashable) -> bool:
        """Whether it is time to make a plate for this group."""
        if group in self._plates or not self._are_trusted:
            return False
        if group in self._met:
            self._met.discard(group)
            return True
        if len(self._met) >= PLATES_KEPT:
            self._met.clear()
        self._met.add(group)
        return False

    def put(self, group: Hashable, plate: Plate | None) -> None:
        """Keep a plate, or that there can be none."""
        self._plates[group] = plate
        while len(self._plates) > PLATES_KEPT:
            self._plates.popitem(last=False)

    def distrust(self) -> None:
        """Use no plate from now on, and make none."""
        self._plates.clear()
        self._are_trusted = False


@dataclass(slots=True)
class PlateMaker:
    """Puts a plate together from a blank, the trace of its post, and what the sample reader's values stand for.

    `probes` are the fields of the sample reader by name: the very objects that were printed.
    """

    keys: Keys
    samples: SampleKeys
    probes: Mapping[str, str]
    fallbacks: Mapping[str, str]
    trace: Trace
    blank: Blank
    _pieces: list[bytes] = field(init=False, default_factory=list)
    _pending: list[str] = field(init=False, default_factory=list)
    _stretches: dict[str, list[tuple[int, int, int]]] = field(init=False, default_factory=dict)
    _words: dict[tuple[int, _Place], dict[str, list[int]]] = field(init=False, default_factory=dict)
    _addresses: list[tuple[_Part, ...]] = field(init=False, default_factory=list)
    _own: dict[str, int] = field(init=False, default_factory=dict)
    _rooms: dict[str, int] = field(init=False, default_factory=dict)

    def make(self, compiled: CompiledPost, kept: object, domain: str) -> Plate | None:
        """The plate, or None where something has no place in one."""
        numbers = {id(probe): number for number, probe in enumerate(self.probes.values())}
        lines: list[tuple[Line, tuple[int | str, ...]]] = []
        subject = None
        for line in (self.trace.subject, self.trace.preview):
            if not line.values:
                continue
            sources = tuple(numbers.get(id(each), each) for each in line.values)
            if any(isinstance(each, str) and self._has_token(each) for each in sources):
                return None
            if id(line.whole) in numbers:
                return None  # the line is the field itself, but is not written as one
            if line is self.trace.subject:
                subject = len(self.probes) + len(lines)
            numbers[id(line.whole)] = len(self.probes) + len(lines)
            lines.append((line, sources))
        self._rooms = {"text": self.blank.text_room, "html": self.blank.html_room}
        self._write(numbers, len(self.probes) + len(lines))
        if self._own.keys() != {"date", "to", "message-id", *(() if subject is None else ("subject",))}:
            return None
        if sum(map(len, self._pieces)) > PLATE_MOST:
            return None
        return Plate(
            compiled=compiled,
            kept=kept,
            domain=domain,
            pieces=tuple(self._pieces),
            fields=tuple((name, self.fallbacks.get(name, "")) for name in self.probes),
            lines=tuple(lines),
            addresses=tuple(self._addresses),
            tokens={name: self._token(name) for name in self._tokens_used()},
            words=tuple(self._word(*key, places) for key, places in self._words.items()),
            rooms=(self._rooms["text"], self._rooms["html"]),
            own=self._own,
            subject=subject,
        )

    def _write(self, numbers: Mapping[int, int], first_address: int) -> None:
        """All pieces, with their gaps."""
        for at, piece in enumerate(self.blank.pieces):
            if at % 2 == 0:
                self._put(_woven(piece, self.samples.tokens))
            elif piece.startswith(("text", "html")):
                kind, index = piece[:4], int(piece[4:].removesuffix(ENDS))
                printed = self.trace.text if kind == "text" else self.trace.html
                place = (printed.escapers[index], piece.endswith(ENDS))
                self._put_value(kind, printed.values[index], place, numbers, first_address)
            else:
                self._own[piece] = self._gap()
        self._flush()

    def _put_value(self, kind: str, value: str, place: _Place, numbers: Mapping[int, int], first_address: int) -> None:
        number = numbers.get(id(value))
        if number is None and not self._has_token(value):
            written, high = _writer(*place)(value)
            self._rooms[kind] -= high
            self._pending.append(written.decode("ascii"))
            return
        if number is None:
            woven = _woven_for_all(value, _writer(*place), self.samples.tokens)
            if woven is not None:
                self._put(woven)
                return
            number = first_address + len(self._addresses)
            self._addresses.append(tuple(_woven(value, self.samples.tokens)))
        places = self._words.setdefault((number, place), {"text": [], "html": []})
        places[kind].append(self._gap())

    def _has_token(self, value: str) -> bool:
        return any(token in value for token in self.samples.tokens)

    def _put(self, parts: Iterable[_Part]) -> None:
        for part in parts:
            if isinstance(part, str):
                self._pending.append(part)
            else:
                token, start, stop = part
                self._stretches.setdefault(token, []).append((self._gap(), start, stop))

    def _gap(self) -> int:
        self._flush()
        self._pieces.append(b"")
        return len(self._pieces) - 1

    def _flush(self) -> None:
        if text := "".join(self._pending):
            self._pieces.append(text.encode("ascii"))
        self._pending.clear()

    def _tokens_used(self) -> Sequence[str]:
        of_addresses = {part[0] for address in self._addresses for part in address if not isinstance(part, str)}
        return [token for token in self.samples.tokens if token in self._stretches or token in of_addresses]

    def _token(self, name: str) -> _Token:
        purpose, numbers = self.samples.tokens[name]
        own = (SAMPLE_DELIVERY, SAMPLE_SUBSCRIBER, SAMPLE_REGISTRATION)
        sources = tuple(own.index(each) if each in own else varint(each) for each in numbers)
        return _Token(self.keys.signer(purpose), sources, tuple(self._stretches.get(name, ())))

    @staticmethod
    def _word(number: int, place: _Place, places: Mapping[str, Sequence[int]]) -> _Word:
        text, html = places["text"], places["html"]
        return _Word(number, _writer(*place), (*text, *html), len(text), len(html))


@lru_cache(maxsize=64)
def _writer(escaper: Escaper, is_end: bool) -> _Write:
    """What writes a value into places of this kind, and tells how many characters outside ASCII it has."""

    @lru_cache(maxsize=WORDS_KEPT)
    def write(value: str) -> tuple[bytes, int]:
        escaped = escaper(value)
        written = quote_value(escaped)
        if is_end:
            if written[-len(SOFT_BREAK) - 1] in " \t\n":
                raise Odd  # a blank at the end of a line is written in another way
            written = written.removesuffix(SOFT_BREAK)
        return written.encode("ascii"), 0 if escaped.isascii() else len(escaped)

    return write


def _woven(text: str, tokens: Iterable[str]) -> Iterator[_Part]:
    """The text around the tokens, and the tokens; a soft break may stand within one."""
    at = 0
    if pattern := "|".join(f"(?:{SOFT_BREAK})?".join(token) for token in tokens):
        for match in re.finditer(pattern, text):
            yield text[at : match.start()]
            token = match[0].replace(SOFT_BREAK, "")
            start = 0
            for number, part in enumerate(match[0].split(SOFT_BREAK)):
                if number:
                    yield SOFT_BREAK
                yield token, start, start + len(part)
                start += len(part)
            at = match.end()
    yield text[at:]


def _woven_for_all(value: str, write: _Write, tokens: Iterable[str]) -> tuple[_Part, ...] | None:
    """The value as it is written, if that is the same for all tokens: in a comment, `-` at the end is not."""
    named = tuple(tokens)
    try:
        woven = tuple(_woven(write(value)[0].decode("ascii"), named))
        for character in "-_0Az":
            other = value
            for token in named:
                other = other.replace(token, character * len(token))
            expected = "".join(each if isinstance(each, str) else character * (each[2] - each[1]) for each in woven)
            if write(other)[0].decode("ascii") != expected:
                return None
    except Odd:
        return None
    return woven


def sample_of(addressed: Addressed, fields: Mapping[str, str]) -> Addressed:
    """The sample reader of a group: one of its readers, with other ids and fields."""
    registration = addressed.registration
    email = fields.get("email", addressed.subscriber.email)
    return Addressed(
        replace(addressed.delivery, id=DeliveryId(SAMPLE_DELIVERY)),
        replace(addressed.subscriber, id=SubscriberId(SAMPLE_SUBSCRIBER), email=email, fields=fields),
        None if registration is None else replace(registration, id=RegistrationId(SAMPLE_REGISTRATION)),
        addressed.subscription,
    )


def probes_for(names: Iterable[str]) -> dict[str, str]:
    """A word for each field, each an object of its own."""
    return {name: "".join(("Probe", str(number))) for number, name in enumerate(sorted(names))}
