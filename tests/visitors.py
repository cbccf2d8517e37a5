"""A visitor of the public pages: the real application over a `Ground`, driven without a socket."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.message
import email.policy
import functools
import html
import re
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from drip.core.links import Purpose
from drip.core.message import Wire
from drip.store.store import Store, open_store
from drip.web.app import create_app
from tests.stages import Ground

BASE = "http://127.0.0.1:1"
OUR_SCRIPT = re.compile(r'<script src="(?:/[a-z]+)?/pages\.js\?v=[0-9a-f]{12}" defer>')
FORM = "application/x-www-form-urlencoded"


def body_of(wire: Wire, kind: str) -> str:
    """The decoded `html` or `plain` part of a message."""
    message = email.message_from_bytes(wire.data, policy=email.policy.default)
    assert isinstance(message, email.message.EmailMessage)
    part = message.get_body(preferencelist=(kind,))
    assert part is not None
    return str(part.get_content())


def paths_in(wire: Wire) -> list[str]:
    """Every address of our site in a message (body and headers), as paths."""
    head = wire.data.partition(b"\r\n\r\n")[0].decode("ascii")
    text = "\n".join((html.unescape(body_of(wire, "html")), body_of(wire, "plain"), head))
    found = re.findall(re.escape(BASE) + r"(/[^\s\"'<>)\]]*)", text)
    return sorted(set(found))


def words(text: str) -> str:
    """What a reader reads of a page."""
    body = text.partition('<main class="card">')[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


class Visitor:
    """Asks for pages. Every answer is checked for what every answer must have."""

    def __init__(self, ground: Ground, *, kick: Callable[[], object] | None = None) -> None:
        self.ground = ground
        self.app = create_app(ground.project, kick=kick)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request."""
        return asyncio.run(self._ask(method, path, **more))

    async def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app, client=("203.0.113.9", 4711))
        async with httpx.AsyncClient(transport=transport, base_url=BASE, follow_redirects=False) as client:
            answer = await client.request(method, path, **more)
        assert "set-cookie" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        scripts = re.findall(r"<script[^>]*>[^<]*", answer.text, re.IGNORECASE)
        assert all(OUR_SCRIPT.fullmatch(each) for each in scripts), scripts
        assert not scripts or "script-src 'self'" in answer.headers["content-security-policy"]
        return answer

    def get(self, path: str, **more: Any) -> httpx.Response:
        """A GET."""
        return self.ask("GET", path, **more)

    def post(self, path: str, form: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
        """A POST of a form."""
        return self.ask("POST", path, data=dict(form or {}), **more)

    def sign_up(self, address: str, **more: str) -> httpx.Response:
        """Send in the sign-up form."""
        return self.post("/s/job-seekers", {"email": address, "website": "", **more})

    def register(self, address: str, session: str = "tuesday-noon", **more: str) -> httpx.Response:
        """Send in the form of the webinar page."""
        form = {"email": address, "session": session, "tz": "Europe/Berlin", "website": "", **more}
        return self.post("/w/six-deadly-mistakes", form)

    def path(self, kind: str, purpose: Purpose, *numbers: int) -> str:
        """A path with a genuine token."""
        return f"/{kind}/{self.ground.project.keys.sign(purpose, *numbers)}"

    def last_mail(self, address: str) -> Wire:
        """Let everything due be sent, and return the latest mail to an address."""
        self.ground.tick()
        return [each for each in self.ground.transport.sent if each.recipient == address][-1]

    def link(self, wire: Wire, start: str) -> str:
        """The first path in a message that begins so."""
        return next(each for each in paths_in(wire) if urlsplit(each).path.startswith(start))


@functools.cache
def _applied(edit: Callable[[Ground], None] | None = None) -> bytes:
    """A database with the worked example applied. Checking all its posts takes most of a second, so only once."""
    with contextlib.closing(open_store("sqlite:///:memory:", root=Path("/"))) as store:
        store.create_or_check()
        with tempfile.TemporaryDirectory() as folder:
            ground = Ground(Path(folder), store)
            if edit is not None:
                edit(ground)
            ground.apply()
        return _connection(store).serialize()


def _connection(store: Store) -> sqlite3.Connection:
    connection = store._engine.raw_connection().driver_connection
    assert isinstance(connection, sqlite3.Connection)
    return connection


def open_applied(folder: Path, memory_store: Store, edit: Callable[[Ground], None] | None = None) -> Ground:
    """`open_ground`, for a store in memory, and quick. `edit` changes the files before they are applied."""
    _connection(memory_store).deserialize(_applied(edit))
    ground = Ground(folder, memory_store)
    if edit is not None:
        edit(ground)
    return ground


def dump(ground: Ground) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    import sqlalchemy

    engine = ground.store._engine
    with engine.connect() as connection:
        names = sqlalchemy.inspect(connection).get_table_names()
        return {
            name: sorted(
                (tuple(map(str, row)) for row in connection.execute(sqlalchemy.text(f'SELECT * FROM "{name}"'))),
            )
            for name in names
        }
