"""The inbox page of the sandbox: every mail that was caught, as HTML, text, headers and source, and the clock.

A local tool: it answers only on loopback names (a foreign page must not steer it by DNS rebinding), and a POST
must come from its own pages.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from drip.errors import DripError
from drip.simulate import next_moment

if TYPE_CHECKING:
    from drip.sandbox.catcher import Caught
    from drip.sandbox.stage import Stage

PUSHES: tuple[tuple[str, timedelta], ...] = (
    ("10 minutes", timedelta(minutes=10)),
    ("1 hour", timedelta(hours=1)),
    ("6 hours", timedelta(hours=6)),
    ("1 day", timedelta(days=1)),
    ("1 week", timedelta(days=7)),
)

# What a mail may do inside the inbox: show itself. No script, no form, no address of anybody else.
MAIL_POLICY = (
    "default-src 'none'; img-src data: https:; style-src 'unsafe-inline';"
    " sandbox allow-popups allow-popups-to-escape-sandbox"
)
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'"


class Inbox:
    """The pages over one stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        page = (Path(__file__).parent / "inbox.html").read_text(encoding="utf-8")
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
        environment.filters["local"] = self._local
        self._page = environment.from_string(page)

    def _local(self, moment: object) -> str:
        zone = ZoneInfo(self._stage.project.definition.timezone)
        return f"{moment.astimezone(zone):%a %d %b %H:%M}" if hasattr(moment, "astimezone") else ""

    def _render(self, chosen: Caught | None, view: str, note: str = "", status: int = 200) -> HTMLResponse:
        stage = self._stage
        upcoming = next_moment(stage.project.engine)
        text = self._page.render(
            messages=stage.catcher.messages[::-1],
            chosen=chosen,
            view=view,
            now=stage.clock.now(),
            upcoming=upcoming,
            zone=stage.project.definition.timezone,
            pushes=[label for label, _ in PUSHES],
            site=stage.site.url,
            lists=stage.project.definition.lists,
            campaigns=self._campaigns(),
            note=note,
        )
        return HTMLResponse(text, status, {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"})

    def _campaigns(self) -> list[str]:
        engine = self._stage.project.engine
        with engine.store.read() as work:
            editions = engine.live.campaigns(work)
        return [each.revision.campaign for each in editions if each.campaign and each.campaign.webinar]

    def _find(self, request: Request) -> Caught | None:
        number = int(request.path_params["number"])
        return next((each for each in self._stage.catcher.messages if each.number == number), None)

    async def index(self, request: Request) -> Response:
        """All mails, the newest first."""
        return await run_in_threadpool(self._render, None, "html")

    async def message(self, request: Request) -> Response:
        """One mail in one of its views."""
        found = self._find(request)
        view = request.path_params.get("view", "html")
        if found is None or view not in ("html", "text", "headers", "source"):
            return PlainTextResponse("there is no such mail", 404)
        return await run_in_threadpool(self._render, found, view)

    async def body(self, request: Request) -> Response:
        """The HTML part alone, for the frame."""
        found = self._find(request)
        if found is None:
            return PlainTextResponse("there is no such mail", 404)
        # Links must leave the frame: the pages they lead to refuse to be framed.
        html = found.part("html").replace("<head>", '<head><base target="_blank">', 1)
        return HTMLResponse(html, headers={"Content-Security-Policy": MAIL_POLICY})

    async def clock(self, request: Request) -> Response:
        """Push the clock, or read the author's files again."""
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return PlainTextResponse("this button works on its own page only", 403)
        form = parse_qs((await request.body())[:4096].decode("utf-8", "replace"))
        action = form.get("push", [""])[0]
        note = await run_in_threadpool(self._act, action)
        if note:
            return await run_in_threadpool(self._render, None, "html", note, 422)
        return RedirectResponse("/", 303)

    def _act(self, action: str) -> str:
        stage = self._stage
        try:
            if action == "apply":
                stage.apply()
            elif action == "next":
                upcoming = next_moment(stage.project.engine)
                if upcoming is not None:
                    stage.push(max(timedelta(), upcoming - stage.clock.now()))
            elif action in dict(PUSHES):
                stage.push(dict(PUSHES)[action])
            else:
                return "there is no such button"
        except DripError as error:
            return f"{error.message}. {error.hint}"
        return ""


def create_inbox(stage: Stage) -> Starlette:
    """The inbox as an ASGI application."""
    inbox = Inbox(stage)
    return Starlette(
        routes=[
            Route("/", inbox.index),
            Route("/clock", inbox.clock, methods=["POST"]),
            Route("/mail/{number:int}", inbox.message),
            Route("/mail/{number:int}/body", inbox.body),
            Route("/mail/{number:int}/{view}", inbox.message),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )
