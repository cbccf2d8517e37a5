"""Reads tables by the keys of `drip.authoring.keys`: what is not known, missing, empty or of a wrong kind is noted.

A `Notebook` collects the problems of one reading and knows the files; a `Section` holds the values of one table that
are well-formed. What is left out of a section was reported, so its readers pass over it in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TypeVar

from drip.authoring.keys import FIELD_PATTERN, PERSON_PATTERN, SECRET_WORDS, Form, Key
from drip.authoring.problems_catalogue import problem
from drip.authoring.source import MAX_CHARACTERS, Broken, Entry, Listing, Node, Scalar, Table, compose, text_faults
from drip.core.problems import PhraseError, Place, Problem, Rank

T = TypeVar("T")

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_MAX_COUNT = 1_000_000


def clip(text: str, width: int = 60) -> str:
    """A text of the author, short enough to quote in a message."""
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 1]}…"


def similar(name: str, known: Iterable[str], what: str) -> str:
    """The help line for an unknown name: the nearest known one, or a list of them."""
    names = list(known)
    if near := get_close_matches(name[:60], names, n=1, cutoff=0.6):
        return f"{what} with a similar name exists: `{near[0]}`"
    if not names:
        return ""
    shown = ", ".join(f"`{each}`" for each in sorted(names)[:12])
    return f"known here: {shown}" + (", …" if len(names) > 12 else "")


def is_misspelt(name: str, unknown: Iterable[str]) -> bool:
    """Whether a name that is missed was probably meant by an unknown one, which has been reported."""
    return bool(get_close_matches(name, [each[:60] for each in unknown], n=1, cutoff=0.7))


class Notebook:
    """The files, and the problems found in them so far."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files
        self.problems: list[Problem] = []

    @property
    def has_errors(self) -> bool:
        """Whether anything found so far keeps the files from being used."""
        return any(each.rank is Rank.ERROR for each in self.problems)

    def note(self, name: str, message: str, place: Place, advice: str = "") -> None:
        """Collect one problem."""
        self.problems.append(problem(name, message, place, advice))

    def open(self, path: str) -> str | None:
        """The text of a file, its damage noted; None if it is too large."""
        text = self.files[path]
        if len(text) > MAX_CHARACTERS:
            message = f"this file has {len(text)} characters; {MAX_CHARACTERS} are the most"
            self.note("huge-file", message, Place(path), "is something in it that belongs elsewhere?")
            return None
        self.problems += text_faults(text, path)
        return text

    def compose(self, path: str) -> Table | None:
        """The table that a YAML file is, or None if it cannot be read as one."""
        text = self.open(path)
        if text is None:
            return None
        node, problems = compose(text, path)
        self.problems += problems
        if isinstance(node, Table):
            return node
        if node is not None:
            self.note("wrong-kind", "this file must be a table: `key: value` lines", node.place)
        return None

    def phrase(self, scalar: Scalar | None, parse: Callable[[str], T]) -> T | None:
        """What a phrase of the little languages means; None if it is absent or was noted."""
        if scalar is None:
            return None
        try:
            return parse(scalar.text)
        except PhraseError as error:
            place = scalar.within(error.column, error.width)
            self.note("bad-phrase", error.message, place, error.help)
            return None

    def phrases(self, scalars: Iterable[Scalar], parse: Callable[[str], T]) -> tuple[T, ...]:
        """What several phrases mean; those that cannot be read were noted."""
        return tuple(meant for each in scalars if (meant := self.phrase(each, parse)) is not None)


@dataclass(frozen=True, slots=True)
class Named:
    """An entry of a table whose keys the author chose: a section, or a text."""

    name: str
    place: Place
    section: Section | None = None
    scalar: Scalar | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """The well-formed values of one table. `place` is that of the key above it, or of its first line.

    `present` has all known keys that the author wrote, and `names` all names below a key that the author chose, also
    those whose value was refused.
    """

    place: Place
    scalars: dict[str, Scalar] = field(default_factory=dict)
    tables: dict[str, Section] = field(default_factory=dict)
    rows: dict[str, list[Section]] = field(default_factory=dict)
    named: dict[str, list[Named]] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    texts: dict[str, tuple[Scalar, ...]] = field(default_factory=dict)

    def text(self, key: str, default: str = "") -> str:
        """The text of a key, on one line."""
        scalar = self.scalars.get(key)
        return " ".join(scalar.text.split()) if scalar else default

    def place_of(self, key: str) -> Place:
        """Where the value of a key stands; the place of the section if it has none."""
        return self.scalars[key].place if key in self.scalars else self.place


def read_section(book: Notebook, table: Table, keys: tuple[Key, ...], where: str, place: Place) -> Section:
    """Judge one table by its keys. `where` is how messages call it, such as `the sequence `invite``."""
    section = Section(place)
    known = {key.name: key for key in keys}
    for entry in table.entries:
        if entry.key in SECRET_WORDS:
            advice = "name a file with `password-file` or an environment variable with `password-env`; then change it"
            book.note("secret-in-file", f"`{entry.key}` would put a secret into this file", entry.place, advice)
        elif entry.key not in known:
            advice = similar(entry.key, known, "a key")
            book.note("unknown-key", f"{where} has no key `{clip(entry.key)}`", entry.place, advice)
        else:
            section.present.add(entry.key)
            _read_entry(book, section, entry, known[entry.key])
    unknown = [entry.key for entry in table.entries if entry.key not in known]
    for key in keys:
        is_missing = key.required and section.present.isdisjoint((key.name, *key.unless))
        if is_missing and not any(is_misspelt(name, unknown) for name in (key.name, *key.unless)):
            _note_missing(book, key, where, place)
    return section


# The two keys whose absence has a name of its own: what is said of it.
_SPECIAL = {
    "no-steps": (
        "a sequence without steps does nothing",
        "add `steps:` with at least one `- send: POST` and its `when`",
    ),
    "missing-address": (
        "the law asks for a postal address in every mail, and there is none",
        "add `address: Company, Street, Town, Country`",
    ),
}


def _note_missing(book: Notebook, key: Key, where: str, place: Place) -> None:
    """Say that a required key is not there."""
    if key.missing in _SPECIAL:
        message, advice = _SPECIAL[key.missing]
        book.note(key.missing, message, place, advice)
        return
    example = "" if key.form in (Form.NAMED, Form.ROWS, Form.TABLE) else " " + (key.examples or ("…",))[0]
    book.note(key.missing, f"{where} has no `{key.name}`", place, f"add `{key.name}:{example}`")


def _read_entry(book: Notebook, section: Section, entry: Entry, key: Key) -> None:
    """Put one value into the section, if it is of the right kind."""
    value = entry.value
    if isinstance(value, Broken):
        return
    if _is_empty(value) and not (key.may_be_empty and key.form is Form.NAMED):
        if key.missing in _SPECIAL:
            _note_missing(book, key, "", entry.place)
        else:
            book.note("empty-value", f"`{key.name}` is empty", entry.place, "give it a value, or take the line out")
    elif key.form in (Form.TABLE, Form.NAMED):
        _read_table(book, section, entry, key)
    elif key.form is Form.ROWS:
        _read_rows(book, section, entry, key)
    elif key.form is Form.TEXTS:
        _read_texts(book, section, entry, key)
    elif isinstance(value, Scalar):
        if _is_sound(book, value, key):
            section.scalars[key.name] = value
    else:
        book.note(
            "wrong-kind", f"`{key.name}` must be a text, not a {_kind(value)}", entry.place, f"write `{key.name}: …`"
        )


def _read_table(book: Notebook, section: Section, entry: Entry, key: Key) -> None:
    """A table with known keys, or one whose keys the author chose."""
    if _is_empty(entry.value):
        return
    if not isinstance(entry.value, Table):
        message = f"`{key.name}` must be a table, not a {_kind(entry.value)}"
        book.note("wrong-kind", message, entry.place, "indent its `key: value` lines below it")
    elif key.form is Form.TABLE:
        section.tables[key.name] = read_section(book, entry.value, key.keys, f"`{key.name}`", entry.place)
    else:
        section.names[key.name] = tuple(each.key for each in entry.value.entries)
        section.named[key.name] = [
            named for each in entry.value.entries if (named := _read_named(book, each, key)) is not None
        ]


def _read_named(book: Notebook, entry: Entry, key: Key) -> Named | None:
    """One entry under a name that the author chose."""
    if not re.fullmatch(key.pattern, entry.key):
        message = f"`{clip(entry.key)}` cannot be a name under `{key.name}`"
        book.note("bad-name", message, entry.place, name_rule(key.pattern))
    value = entry.value
    if isinstance(value, Broken):
        return None
    if _is_empty(value) and not key.may_be_empty:
        book.note("empty-value", f"`{clip(entry.key)}` is empty", entry.place, "give it a value, or take the line out")
        return None
    if key.keys:
        if isinstance(value, Table):
            section = read_section(book, value, key.keys, f"`{clip(entry.key)}`", entry.place)
            return Named(entry.key, entry.place, section)
        message = f"`{clip(entry.key)}` must be a table, not a {_kind(value)}"
        book.note("wrong-kind", message, entry.place, "indent its `key: value` lines below it")
        return None
    if isinstance(value, Scalar):
        return Named(entry.key, entry.place, None, value) if _has_no_controls(book, value, key) else None
    book.note("wrong-kind", f"`{clip(entry.key)}` must be a text, not a {_kind(value)}", entry.place)
    return None


def _read_rows(book: Notebook, section: Section, entry: Entry, key: Key) -> None:
    """A list of tables."""
    if not isinstance(entry.value, Listing):
        message = f"`{key.name}` must be a list, not a {_kind(entry.value)}"
        book.note("wrong-kind", message, entry.place, "begin each row below it with a dash: `- `")
        return
    rows = []
    for item in entry.value.items:
        if isinstance(item, Table):
            rows.append(read_section(book, item, key.keys, f"this row of `{key.name}`", item.place))
        elif not isinstance(item, Broken):
            message = f"a row of `{key.name}` must be a table, not a {_kind(item)}"
            book.note("wrong-kind", message, item.place, f"write `- {key.keys[0].name}: …`")
    section.rows[key.name] = rows


def _read_texts(book: Notebook, section: Section, entry: Entry, key: Key) -> None:
    """A list of texts, or one text alone."""
    items = entry.value.items if isinstance(entry.value, Listing) else (entry.value,)
    texts = []
    for item in items:
        if not isinstance(item, Scalar | Broken):
            message = f"`{key.name}` must be a text or a list of texts, not a {_kind(item)}"
            book.note("wrong-kind", message, item.place, f"write `{key.name}: [{(key.examples or ('…',))[0]}]`")
        elif isinstance(item, Scalar) and not item.text.strip():
            book.note("empty-value", f"a text of `{key.name}` is empty", item.place, "give it a value, or take it out")
        elif isinstance(item, Scalar) and _is_sound(book, item, key):
            texts.append(item)
    section.texts[key.name] = tuple(texts)


def _is_sound(book: Notebook, scalar: Scalar, key: Key) -> bool:
    """Whether a text fits the form of its key; says so if not."""
    if key.form is Form.CHOICE and scalar.text not in key.choices:
        choices = " or ".join(f"`{each}`" for each in key.choices)
        message = f"`{key.name}` cannot be `{clip(scalar.text)}`"
        book.note("bad-value", message, scalar.place, f"write {choices}")
        return False
    if key.form is Form.COUNT and not (re.fullmatch("[0-9]{1,7}", scalar.text) and 1 <= int(scalar.text) <= _MAX_COUNT):
        message = f"`{key.name}` must be a whole number from 1, not `{clip(scalar.text)}`"
        book.note("bad-value", message, scalar.place, "write digits only, or take the line out")
        return False
    if key.form is Form.PROSE and scalar.lost:
        message = f"`{clip(scalar.lost)}` is read as a comment, not as part of `{key.name}`"
        book.note(
            "dropped-text", message, scalar.place, "put the whole text in quotes, or two spaces before the comment"
        )
        return False
    return _has_no_controls(book, scalar, key)


def _has_no_controls(book: Notebook, scalar: Scalar, key: Key) -> bool:
    """Whether a value is one line of printable text; prose may go over several lines, which are joined."""
    text = scalar.text
    if scalar.is_block or key.form is Form.PROSE:
        text = text.replace("\n", " ").replace("\t", " ")
    match = _CONTROL.search(text)
    if match:
        message = f"the value has the character U+{ord(match.group()):04X}, which cannot be printed"
        book.note("control-character", message, scalar.place, "write the value on one line, without `\\` escapes")
    return match is None


def name_rule(pattern: str) -> str:
    """How a name must look, for the help line."""
    if pattern == FIELD_PATTERN:
        return "use small letters, digits and `_`, beginning with a letter, at most 60"
    if pattern == PERSON_PATTERN:
        return "use letters, digits, `-` and `_`, beginning with a letter, at most 60"
    return "use small letters, digits, `-` and `_`, at most 60"


def _is_empty(node: Node) -> bool:
    """Whether there is nothing: no text, no rows, no entries."""
    match node:
        case Scalar(text=text):
            return not text.strip()
        case Listing(items=items):
            return not items
        case Table(entries=entries):
            return not entries
    return False


def _kind(node: Node) -> str:
    """How messages call a kind of value."""
    return {Scalar: "text", Listing: "list", Table: "table"}.get(type(node), "value")
