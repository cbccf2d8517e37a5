"""The pages of the live preview: the list, a post in its views, its problems, and the stream that tells of saves.

A local tool: it answers only to names of this machine (a foreign page must not read it by DNS rebinding), to no
foreign origin, and there is nothing that a request could change. Called by `drip.sandbox.live_run`.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from drip.authoring.show import render_problem, visible
from drip.core.problems import Problem
from drip.core.when import local_to_utc
from drip.errors import DripError
from drip.sandbox.contents import Tally, around, kilobytes, tally
from drip.sandbox.lenses import framed, in_scheme, knows_dark, without_images
from drip.sandbox.live import Live, Shown, Snapshot, Wish
from drip.sandbox.personas import DEFAULT, PERSONA_BY_NAME, PERSONAS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

VIEWS: Mapping[str, str] = {
    "desktop": "desktop 600",
    "phone": "phone 375",
    "dark": "dark",
    "images-off": "images off",
    "text": "plain text",
    "headers": "headers",
    "source": "source",
    "inbox": "inbox row",
}
FRAMED = ("desktop", "phone", "dark", "images-off")
CLIP_BYTES = 102_000
"""Gmail shows this much of a page and hides the rest, unsubscribe link and all, behind a link."""

LOOK_SECONDS = 0.05
BEAT_SECONDS = 10.0
TEXT_CHARACTERS_MAX = 200

# What a mail may do in its frame: show itself. No script and no form. It shares our origin only so that the page can
# keep its place when it is loaded again; without scripts it can do nothing with that.
MAIL_POLICY = (
    "default-src 'none'; img-src data: https: http:; style-src 'unsafe-inline'; font-src https:; base-uri 'self';"
    " frame-ancestors 'self'; sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
)
NO_IMAGES_POLICY = MAIL_POLICY.replace("img-src data: https: http:; ", "")
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; frame-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What the address of a page asks for. `note` says what in it was not understood."""

    path: str
    view: str
    persona: str
    email: str
    at: str
    moment: datetime
    note: str = ""

    def query(self, **changes: str) -> str:
        """An address with the same choices but for some."""
        kept = {"post": self.path, "view": self.view, "who": self.persona, "as": self.email, "at": self.at, **changes}
        usual = {"view": "desktop", "who": DEFAULT.name}
        return urlencode({name: value for name, value in kept.items() if value and usual.get(name) != value})

    def wish(self) -> Wish:
        """The mail that this wants to see."""
        return Wish(self.path, PERSONA_BY_NAME[self.persona], self.moment, self.email)


def choose(given: Mapping[str, str], zone: str, now: datetime) -> Choice:
    """Read the address of a page. Whatever is not understood falls back to the usual, and is said."""
    view = given.get("view", "desktop")
    who, address = given.get("who", DEFAULT.name), given.get("as", "").strip()[:TEXT_CHARACTERS_MAX]
    if address in PERSONA_BY_NAME:
        who, address = address, ""
    at, moment, note = given.get("at", "").strip(), now, ""
    if at:
        try:
            # Without an offset it is the wall clock of the project.
            parsed = datetime.fromisoformat(at)
            moment = local_to_utc(parsed, zone) if parsed.tzinfo is None else parsed.astimezone(UTC)
        except (ValueError, OverflowError):
            at, note = "", f"`{at[:40]}` is no moment, so this is now: write 2026-12-01T09:00"
    return Choice(
        path=given.get("post", ""),
        view=view if view in VIEWS else "desktop",
        persona=who if who in PERSONA_BY_NAME else DEFAULT.name,
        email=address,
        at=at,
        moment=moment,
        note=note,
    )


@dataclass(frozen=True, slots=True)
class Told:
    """A problem for the page, as on a terminal, in parts: only the code must keep its columns."""

    name: str
    rank: str
    message: str
    place: str
    code: str
    help: str


def tell(problem: Problem, files: Mapping[str, str]) -> Told:
    """The parts of a problem as `drip check` shows it."""
    message, place, *rest = render_problem(problem, files).split("\n")
    help_text = rest.pop().removeprefix("help: ") if problem.help else ""
    while rest and not rest[-1].strip(" |"):
        rest.pop()
    return Told(problem.name, problem.rank.value, message, place.strip(" ->"), "\n".join(rest[1:]), help_text)


class Pages:
    """The pages over one Live."""

    def __init__(self, live: Live) -> None:
        self._live = live
        # A page that was left open finds out that another `drip preview` answers now.
        self._boot = f"{live.clock.now().timestamp():.3f}"
        folder = Path(__file__).parent
        environment = jinja2.Environment(
            autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters["visible"] = visible
        environment.filters["kilobytes"] = kilobytes
        self._page = environment.from_string((folder / "live.html").read_text(encoding="utf-8"))
        self._files = {
            "live.js": ("text/javascript", (folder / "live.js").read_text(encoding="utf-8")),
            "live.css": ("text/css", (folder / "live.css").read_text(encoding="utf-8")),
        }

    # --- requests ---

    async def index(self, request: Request) -> Response:
        """The list, and the post that was chosen, if one was."""
        # Checking may take a second; the script asks for the mail at once, and for the problems when they are known.
        hurried = request.headers.get("x-drip-hurry") == "1"
        return await run_in_threadpool(self._index, dict(request.query_params), hurried=hurried)

    async def frame(self, request: Request) -> Response:
        """The mail alone, as its view shows it."""
        return await run_in_threadpool(self._frame, dict(request.query_params))

    async def file(self, request: Request) -> Response:
        """The script and the style sheet of these pages."""
        kind, text = self._files[request.url.path.lstrip("/")]
        return PlainTextResponse(text, media_type=kind, headers=HEADERS)

    async def events(self, request: Request) -> Response:
        """A stream with one event whenever there is something new; it ends when the preview does."""
        return StreamingResponse(self._stream(), media_type="text/event-stream", headers=HEADERS)

    async def _stream(self) -> AsyncIterator[str]:
        yield "retry: 500\n\n"
        told, quiet = "", 0.0
        while not self._live.is_closing:
            state = self._state(self._live.snapshot)
            if state != told:
                yield f"event: state\ndata: {state}\n\n"
                told, quiet = state, 0.0
            elif quiet > BEAT_SECONDS:
                yield ": still here\n\n"
                quiet = 0.0
            await asyncio.sleep(LOOK_SECONDS)
            quiet += LOOK_SECONDS

    def _state(self, snapshot: Snapshot) -> str:
        """Which preview, which save, and how many sizes are known."""
        return f"{self._boot} {snapshot.number} {self._live.measured}"

    # --- what they show ---

    def _choice(self, given: Mapping[str, str]) -> Choice:
        return choose(given, self._live.snapshot.project.definition.timezone or "UTC", self._live.clock.now())

    def _index(self, given: Mapping[str, str], *, hurried: bool) -> Response:
        live, choice = self._live, self._choice(given)
        snapshot, state = live.snapshot, self._state(live.snapshot)
        note, shown, status = choice.note, None, 200
        if choice.path:
            try:
                shown = live.show(choice.wish())
            except DripError as error:
                note, status = f"{error.message}. {error.hint}".rstrip(". ") + ".", 404
        problems, is_checked = live.known_problems(choice.moment) if hurried else (live.problems(choice.moment), True)
        draft = snapshot.draft(choice.path)
        page = self._page.render(
            state=state,
            project=snapshot.project.definition.name or live.root.name,
            choice=choice,
            chapters=snapshot.chapters,
            sizes=live.sizes(),
            clip=CLIP_BYTES,
            tallies=tally(problems),
            is_checked=is_checked,
            no_tally=Tally(),
            zone=snapshot.project.definition.timezone,
            personas=PERSONAS,
            views=VIEWS,
            framed=FRAMED,
            note=note,
            name=draft.post.name if draft is not None else "",
            shown=shown,
            faults=self._told(shown.faults if shown else (), snapshot),
            # The author reads it on this machine's clock.
            old_since=f"{shown.old_since.astimezone():%H:%M:%S}" if shown is not None and shown.old_since else "",
            view=_view(choice, shown),
            own_problems=self._told([each for each in problems if each.place.path == choice.path], snapshot),
            other_problems=self._told(around(choice.path, problems) if choice.path else problems, snapshot),
        )
        return HTMLResponse(page, status, {**HEADERS, "Content-Security-Policy": PAGE_POLICY})

    def _told(self, problems: Iterable[Problem], snapshot: Snapshot) -> list[Told]:
        return [tell(each, snapshot.files) for each in problems]

    def _frame(self, given: Mapping[str, str]) -> Response:
        choice = self._choice(given)
        try:
            shown = self._live.show(choice.wish())
        except DripError as error:
            return PlainTextResponse(error.message, 404, HEADERS)
        if shown.mail is None:
            return PlainTextResponse("this post cannot be shown", 422, HEADERS)
        is_dark, without = choice.view == "dark", choice.view == "images-off"
        html = in_scheme(shown.mail.html, "dark" if is_dark else "light")
        html = without_images(html) if without else html
        policy = NO_IMAGES_POLICY if without else MAIL_POLICY
        return HTMLResponse(framed(html, shown.mail.raw), headers={**HEADERS, "Content-Security-Policy": policy})


def _view(choice: Choice, shown: Shown | None) -> dict[str, object]:
    """What the chosen view shows of the mail, besides the frame."""
    mail = shown.mail if shown is not None else None
    if mail is None:
        return {}
    if choice.view == "dark":
        return {"knows_dark": knows_dark(mail.html)}
    if choice.view == "text":
        return {"text": mail.text}
    if choice.view == "source":
        return {"text": mail.raw.decode("ascii", "replace").replace("\r\n", "\n")}
    message = email.message_from_bytes(mail.raw, policy=email.policy.default)
    if choice.view == "headers":
        return {"headers": [(name, str(value)) for name, value in message.items()]}
    if choice.view == "inbox":
        sender = str(message.get("From", "")).partition("<")[0].strip(' "') or str(message.get("From", ""))
        return {"sender": sender}
    return {}


class OwnPagesOnly:
    """ASGI middleware that turns away what another site's page asks for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request of our own pages, or one that a person typed or followed."""
        if scope["type"] == "http":
            headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
            origin = headers.get(b"origin")
            if origin is not None and urlsplit(origin).netloc != headers.get(b"host"):
                await PlainTextResponse("another site may not read this", 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def create_live(live: Live) -> Starlette:
    """The preview as an ASGI application."""
    pages = Pages(live)
    return Starlette(
        routes=[
            Route("/", pages.index),
            Route("/frame", pages.frame),
            Route("/events", pages.events),
            Route("/live.js", pages.file),
            Route("/live.css", pages.file),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
            Middleware(OwnPagesOnly),
        ],
    )
