"""Reads drip.yaml into a `ProjectDefinition`, collecting every problem on the way.

A draft keeps what could be read even if other parts could not, so that campaigns can still be checked against it.
Never raises on what an author writes; never reads files. Called through `drip.authoring.definition`.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from drip.authoring.keys import DOMAIN_PATTERN, GIVEN_NAMES, PROJECT_KEYS
from drip.authoring.read_brand import read_brand
from drip.authoring.read_values import (
    Fault,
    is_loopback,
    read_address,
    read_language,
    read_mailbox,
    read_pace,
    read_quota,
    read_reserve,
    read_server,
    read_site,
    read_url,
    read_warm_up,
    read_zone,
)
from drip.authoring.section import Notebook, Section, clip, read_section
from drip.core.burst import TIMES
from drip.core.limits import parse_at_most, parse_burst, parse_closing
from drip.core.model import (
    NO_PACES,
    NOTHING,
    RESERVE_PERCENT,
    Dkim,
    Mailbox,
    MailingList,
    OptIn,
    ProjectDefinition,
    Relay,
    RelayKind,
    Tls,
)
from drip.core.problems import Place, Problem

PROJECT_FILE = "drip.yaml"

T = TypeVar("T")

_STORE = re.compile(r"(?:sqlite:///(?P<file>.+)|postgresql://\S+)")
_DNS_NAME = re.compile(f"(?:{DOMAIN_PATTERN})")
_STORE_PASSWORD = re.compile(r"(postgresql://[^\s/@:]*):[^\s/@]+@")
# Jinja's own words cannot be fields.
_JINJA_WORDS = frozenset({"true", "false", "none", "loop", "self", "super", "caller", "varargs", "kwargs"})


@dataclass(frozen=True, slots=True)
class ProjectDraft:
    """What could be read of drip.yaml. `lists` and `fields` are None where they could not be read at all."""

    definition: ProjectDefinition
    lists: tuple[str, ...] | None
    fields: tuple[str, ...] | None
    problems: tuple[Problem, ...] = ()
    is_whole: bool = False
    places: Mapping[str, Place] = field(default_factory=dict)


def draft_project(files: Mapping[str, str]) -> ProjectDraft:
    """Read drip.yaml as far as possible."""
    book = Notebook(files)
    blank = ProjectDefinition("", "", "", Mailbox("", ""), "", "UTC")
    if PROJECT_FILE not in files:
        book.note("missing-file", "there is no drip.yaml", Place(PROJECT_FILE), "make a project with `drip init`")
        return ProjectDraft(blank, None, None, tuple(book.problems))
    table = book.compose(PROJECT_FILE)
    if table is None:
        return ProjectDraft(blank, None, None, tuple(book.problems))
    section = read_section(book, table, PROJECT_KEYS, PROJECT_FILE, Place(PROJECT_FILE))
    definition = _definition(book, section)
    return ProjectDraft(
        definition,
        _names(section, "lists"),
        _names(section, "fields"),
        tuple(book.problems),
        not book.has_errors,
        {key: scalar.place for key, scalar in section.scalars.items()},
    )


def judged(book: Notebook, section: Section, key: str, problem: str, read: Callable[[str], T], default: T) -> T:
    """The meaning of a value, or the default where there is none or it was refused."""
    scalar = section.scalars.get(key)
    if scalar is None:
        return default
    try:
        return read(scalar.text)
    except Fault as fault:
        book.note(problem, fault.message, scalar.place, fault.advice)
        return default


def _names(section: Section, key: str) -> tuple[str, ...] | None:
    """The names under a key: none if the key is absent, None if it was there and could not be read."""
    if key in section.names:
        return section.names[key]
    return None if key in section.present else ()


def _definition(book: Notebook, section: Section) -> ProjectDefinition:
    """All values, with defaults for what is absent or was refused."""
    sender = judged(book, section, "from", "bad-address", read_mailbox, Mailbox("", ""))
    lists = [
        MailingList(each.name, each.section.text("title"), each.section.text("promise"), _opt_in(each.section))
        for each in section.named.get("lists", [])
        if each.section is not None
    ]
    if "address" in section.scalars:
        lines = (" ".join(line.split()) for line in section.scalars["address"].text.splitlines())
        address = ", ".join(line.rstrip(",") for line in lines if line)
    else:
        address = ""
    return ProjectDefinition(
        name=section.text("name"),
        url=judged(book, section, "url", "bad-url", read_url, ""),
        address=address,
        sender=sender,
        bounces=judged(book, section, "bounces", "bad-address", read_address, sender.address),
        timezone=judged(book, section, "timezone", "bad-zone", read_zone, "UTC"),
        layout=section.text("layout", "letter"),
        language=judged(book, section, "language", "bad-value", read_language, "en"),
        lists=tuple(lists),
        fields=_fields(book, section),
        store=_store(book, section),
        relays=_relays(book, section),
        journal=section.text("journal"),
        dkim=_dkim(book, section),
        paces=_paces(book, section),
        test_mode=_test_mode(book, section),
        brand=read_brand(book, section),
        closed=book.phrases(section.texts.get("closed", ()), parse_closing),
        burst=book.phrase(section.scalars["burst"], parse_burst) if "burst" in section.scalars else TIMES,
        at_most=book.phrase(section.scalars.get("at-most"), parse_at_most),
        own_sites=_own_sites(book, section),
    )


def _own_sites(book: Notebook, section: Section) -> tuple[str, ...]:
    """Where forms may lead on to."""
    sites = []
    for scalar in section.texts.get("own-sites", ()):
        try:
            sites.append(read_site(scalar.text))
        except Fault as fault:
            book.note("bad-url", fault.message, scalar.place, fault.advice)
    return tuple(dict.fromkeys(sites))


def _test_mode(book: Notebook, section: Section) -> str:
    """The address that all mail goes to in test mode. A bad one is an error, so that nothing is sent at all."""
    address = judged(book, section, "test-mode", "bad-address", read_address, "")
    if address:
        message = f"test mode is on: all mail goes to `{clip(address)}`, and none to readers"
        advice = "take this line out when readers shall get their mail"
        book.note("test-mode-on", message, section.scalars["test-mode"].place, advice)
    return address


def _opt_in(section: Section) -> OptIn:
    return OptIn(section.text("opt-in", OptIn.CONFIRMED.value))


def _fields(book: Notebook, section: Section) -> Mapping[str, str]:
    """The fields with what to say where a value is not known."""
    fields: dict[str, str] = {}
    for each in section.named.get("fields", []):
        if each.name in GIVEN_NAMES or each.name in _JINJA_WORDS or keyword.iskeyword(each.name):
            message = f"`{each.name}` cannot be a field: every post is given something of this name"
            book.note("clash-of-names", message, each.place, f"choose another name, such as `reader_{each.name}`")
        elif each.scalar is not None:
            fields[each.name] = each.scalar.text.strip()
    return MappingProxyType(fields) if fields else NOTHING


def _store(book: Notebook, section: Section) -> str:
    """The address of the database."""
    scalar = section.scalars.get("store")
    if scalar is None:
        return "sqlite:///drip.db"
    text = scalar.text.strip()
    if not _STORE.fullmatch(text):
        scheme = clip(text.partition("://")[0])
        advice = "write sqlite:///FILE or postgresql://USER@HOST/NAME"
        book.note("bad-value", f"`{scheme}…` is not the address of a database that drip knows", scalar.place, advice)
    elif match := _STORE_PASSWORD.match(text):
        # The place ends before the password, and what follows it is not shown (`drip.authoring.show`).
        place = scalar.within(0, match.end(1))
        advice = "set the whole address in DRIP_STORE instead, or keep the password in ~/.pgpass"
        book.note("password-in-url", "the address of the database has a password in it", place, advice)
    return text


def _relays(book: Notebook, section: Section) -> tuple[Relay, ...]:
    """The relays that could be read."""
    if "relays" not in section.rows:
        if "relays" not in section.present:
            advice = "add `relays:` with `- server: HOST:PORT`, or `- folder: outbox` to look at mails"
            book.note("no-relay", "there is no relay, so nothing can be sent", section.place, advice)
        return ()
    return tuple(relay for row in section.rows["relays"] if (relay := _relay(book, row)) is not None)


def _dkim(book: Notebook, section: Section) -> Dkim | None:
    """Who signs; names that cannot stand in DNS are refused."""
    table = section.tables.get("dkim")
    if table is None:
        return None
    for key, pattern in (("domain", _DNS_NAME), ("selector", _DNS_NAME)):
        scalar = table.scalars.get(key)
        if scalar is not None and not pattern.fullmatch(scalar.text.lower()):
            book.note(
                "bad-value",
                f"`{clip(scalar.text)}` is not a name in DNS",
                scalar.place,
                "write letters, digits, `-`, `.`",
            )
    return Dkim(table.text("domain").lower(), table.text("selector").lower(), table.text("key-file"))


def _paces(book: Notebook, section: Section) -> Mapping[str, int]:
    """Messages a minute by domain."""
    paces: dict[str, int] = {}
    for each in section.named.get("pace", []):
        if each.scalar is None:
            continue
        try:
            paces[each.name] = read_pace(each.scalar.text)
        except Fault as fault:
            book.note("bad-value", fault.message, each.scalar.place, fault.advice)
    return MappingProxyType(paces) if paces else NO_PACES


def _relay(book: Notebook, row: Section) -> Relay | None:
    """One relay: a folder or a server."""
    kinds = [kind for kind in ("server", "folder") if kind in row.scalars]
    if len(kinds) != 1:
        message = (
            "a relay is a server or a folder, not both" if kinds else "this relay has neither a server nor a folder"
        )
        book.note("bad-relay", message, row.place_of(kinds[-1]) if kinds else row.place, "write `- server: HOST:PORT`")
        return None
    pace = judged(book, row, "pace", "bad-relay", read_pace, 0) or None
    quota = judged(book, row, "quota", "bad-relay", read_quota, 0) or None
    warm_up = judged(book, row, "warm-up", "bad-relay", read_warm_up, 0) or None
    usual: tuple[int | None, int] = (None, RESERVE_PERCENT)
    reserve, reserve_percent = judged(book, row, "reserve", "bad-relay", read_reserve, usual)
    if "reserve" in row.scalars and quota is None and warm_up is None:
        advice = "add `quota:`, or take `reserve` out"
        book.note(
            "bad-relay", "`reserve` is a part of a day, and this relay has no limit", row.place_of("reserve"), advice
        )
    weight = int(row.text("weight", "0")) or None
    lanes = int(row.text("lanes", "5"))
    if kinds == ["folder"]:
        for key in ("user", "password-file", "password-env", "tls"):
            if key in row.scalars:
                advice = f"take `{key}` out, or write `server` instead of `folder`"
                book.note("bad-relay", f"`{key}` means nothing for a folder", row.place_of(key), advice)
        return Relay(
            RelayKind.FOLDER,
            folder=row.text("folder"),
            pace_per_minute=pace,
            quota=quota,
            warm_up=warm_up,
            reserve=reserve,
            reserve_percent=reserve_percent,
            weight=weight,
            lanes=lanes,
        )
    nowhere: tuple[str, int | None] = ("", None)
    host, port = judged(book, row, "server", "bad-relay", read_server, nowhere)
    tls = _tls(book, row, host, port)
    _check_login(book, row)
    return Relay(
        RelayKind.SMTP,
        host=host,
        port=port if port is not None else 465 if tls is Tls.IMPLICIT else 587,
        user=row.text("user") or None,
        password_file=row.text("password-file") or None,
        password_env=row.text("password-env") or None,
        tls=tls,
        lanes=lanes,
        pace_per_minute=pace,
        quota=quota,
        warm_up=warm_up,
        reserve=reserve,
        reserve_percent=reserve_percent,
        weight=weight,
    )


def _tls(book: Notebook, row: Section, host: str, port: int | None) -> Tls:
    """How the line is encrypted: as written, else by port and host."""
    if "tls" in row.scalars:
        tls = Tls(row.text("tls"))
        if tls is Tls.OFF and host and not is_loopback(host):
            message = f"without TLS the mails, and the password, go to `{clip(host)}` in the clear"
            book.note("no-tls", message, row.place_of("tls"), "write `tls: required`, or take the line out")
        return tls
    if port == 465:  # RFC 8314 §3.3: submissions, TLS from the first byte
        return Tls.IMPLICIT
    return Tls.OFF if is_loopback(host) else Tls.REQUIRED


def _check_login(book: Notebook, row: Section) -> None:
    """A user needs one password, and a password a user."""
    sources = [key for key in ("password-file", "password-env") if key in row.scalars]
    if len(sources) == 2:
        message = "`password-file` and `password-env` are both given"
        book.note("bad-relay", message, row.place_of("password-env"), "keep one of them")
    elif sources and "user" not in row.scalars:
        book.note("bad-relay", f"`{sources[0]}` is given without a `user`", row.place_of(sources[0]), "add `user:`")
    elif "user" in row.scalars and not sources:
        advice = "add `password-file: PATH` or `password-env: NAME`"
        book.note("bad-relay", "this relay has a `user` and no password", row.place_of("user"), advice)
