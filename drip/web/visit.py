"""One request as plain data: what page functions get. Reads forms strictly and cleans what people typed.

Never decides anything and never touches the store. Made by `drip.web.app`, used by every page.
"""

from __future__ import annotations

import functools
import re
import unicodedata
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from drip.core.model import NOTHING
from drip.core.records import Evidence

if TYPE_CHECKING:
    from starlette.requests import Request

FIELDS_MAX = 20
NAME_LENGTH_MAX = 80
AGENT_LENGTH_MAX = 300
SAID = ("user-agent", "purpose", "sec-purpose", "x-moz", "sec-fetch-mode", "sec-fetch-dest")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
ONE_CLICK = ("List-Unsubscribe", "One-Click")

# A first name is printed in mails to an address that somebody else may have typed: a name that is an
# advertisement must not reach a stranger's inbox.
LINK_LIKE = re.compile(r"://|@|(?i:www\.)|[\w-]{2,}\.[a-z]{2,}|(?i:\.(?:com|net|org|info|ru|cn|io)\b)")


@dataclass(frozen=True, slots=True)
class Visit:
    """A request: the path's parts, the query, the form of a POST, and who asked, from where, when."""

    place: str
    parts: Mapping[str, str]
    query: Mapping[str, str]
    now: datetime
    posted: bool = False
    pairs: tuple[tuple[str, str], ...] = ()
    ip: str = ""
    agent: str = ""
    form: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    method: str = "GET"
    said: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """What the request says of whoever makes it: the headers that tell a gateway's visit from a reader's."""

    @property
    def token(self) -> str:
        """The token in the path."""
        return self.parts.get("token", "")

    @property
    def is_one_click(self) -> bool:
        """Whether a mail program speaks: RFC 8058 §3.1 wants exactly this one pair, in either form encoding."""
        return self.pairs == (ONE_CLICK,)

    @property
    def is_trapped(self) -> bool:
        """Whether the field that no person can see was filled in."""
        return bool(self.form.get("website", "").strip())

    def evidence(self, text: str, *, note: str = "") -> Evidence:
        """How this came about. `place` is the path without its token: a token is a key, and no log needs keys."""
        return Evidence(where=f"{self.place}{note}", text=text, ip=self.ip, agent=self.agent)


def visible(text: str) -> str:
    """One line of text without control, format and unassigned characters, blanks collapsed."""
    kept = "".join(" " if each.isspace() else each for each in text if each.isspace() or not _is_control(each))
    return " ".join(unicodedata.normalize("NFC", kept).split())


def _is_control(each: str) -> bool:
    # Cc and Cs break headers and databases, Co and Cn mean nothing to anybody; of Cf, the joiners are part of
    # Persian and Indic names, the rest turns text around or hides it.
    category = unicodedata.category(each)
    return (
        each == REPLACEMENT
        or category in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp")
        or (category == "Cf" and each not in "\u200c\u200d")
    )


def first_name(text: str) -> str:
    """A name as it may be printed: cleaned, and empty where it is no name but a link or a whole paragraph."""
    name = visible(text[: 4 * NAME_LENGTH_MAX])
    return "" if len(name) > NAME_LENGTH_MAX or LINK_LIKE.search(name) else name


@functools.cache
def known_zones() -> frozenset[str]:
    """All time zones that this machine knows."""
    return frozenset(zoneinfo.available_timezones())


def zone_or_none(text: str) -> str | None:
    """The time zone of that name, if it is one."""
    return text if text in known_zones() else None


def _decoded(raw: str) -> str:
    """A query or form value without lone surrogates and NULs, which no database and no header takes.

    They leave a mark: an address with a hole in it must not become another address.
    """
    return raw.encode("utf-8", "replace").decode("utf-8").replace("\x00", REPLACEMENT)


async def read_visit(request: Request, place: str, now: datetime) -> Visit:
    """Read a request, with its form if it is a POST. Raises HTTPException (400) for a form that cannot be read."""
    pairs: list[tuple[str, str]] = []
    if request.method == "POST":
        # No page takes files.
        async with request.form(max_files=0, max_fields=FIELDS_MAX) as form:
            pairs = [(_decoded(name), _decoded(value)) for name, value in form.multi_items() if isinstance(value, str)]
    return Visit(
        place=place,
        parts={name: str(value) for name, value in request.path_params.items()},
        query={name: _decoded(value) for name, value in request.query_params.items()},
        now=now,
        posted=request.method == "POST",
        pairs=tuple(pairs),
        ip=request.client.host if request.client else "",
        agent=visible(request.headers.get("user-agent", ""))[:AGENT_LENGTH_MAX],
        form=dict(pairs),
        method=request.method,
        said={name: request.headers[name] for name in SAID if name in request.headers},
    )
