"""The public pages as one ASGI application: every path, who answers it, and what is said when something is wrong.

No cookie, no foreign script, nothing from elsewhere. A GET reads, a POST acts; of readers who agreed, the GET of a link
in a mail is counted (docs/decisions/0220). Called by `drip serve`, the sandbox
and tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from drip.engine.live import NotApplied
from drip.errors import CannotRecord, Locked, NotFound
from drip.web import clicks, home, joining, moving, own_data, preferences, signup, unsubscribe, webinar
from drip.web.archive import Archive
from drip.web.guard import Guard, host_name
from drip.web.hooks import Hook, zoom
from drip.web.pages import bare
from drip.web.site import Kick, Site
from drip.web.view import Viewer
from drip.web.visit import Visit, read_visit

if TYPE_CHECKING:
    from drip.project import Project

PageFunction = Callable[[Site, Visit], Response]


EVEN_SECONDS = 0.1
"""Answers to forms in which anybody's address can be typed leave at a multiple of this: whether an address is known is
a matter of milliseconds, and nobody may measure it."""


def wait_seconds(spent: float, even: float) -> float:
    """How long an answer that took so long still waits for the next multiple of `even`."""
    return (even - spent % even) % even if even > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Address:
    """A path: who shows it on GET, and who acts on POST; `is_even`: nobody may learn from the time of the answer."""

    path: str
    show: PageFunction
    act: PageFunction | None = None
    is_even: bool = False

    @property
    def methods(self) -> list[str]:
        """What may be asked of it. HEAD comes with GET."""
        return ["GET"] if self.act is None else ["GET", "POST"]


def addresses(viewer: Viewer, archive: Archive) -> tuple[Address, ...]:
    """Every path of the site; `drip.engine.values` writes the links to them."""
    return (
        Address("/", home.front),
        Address("/style.css", home.style),
        Address("/pages.js", home.behavior),
        Address("/s/{list}", signup.form, signup.sign_up, is_even=True),
        Address("/confirm/{token}", signup.confirm_page, signup.confirm),
        Address("/u/{token}", unsubscribe.page, unsubscribe.act),
        Address("/p/{token}", preferences.page, preferences.act, is_even=True),
        Address("/p/{token}/data.json", own_data.download),
        Address("/e/{token}", moving.page, moving.act),
        Address("/w/{campaign}", webinar.webinar_page, webinar.register, is_even=True),
        Address("/w/{campaign}/calendar.ics", webinar.feed),
        Address("/b/{token}", joining.book_page, joining.book),
        Address("/j/{token}", joining.join_page, joining.join),
        Address("/j/{token}/calendar.ics", joining.calendar),
        Address("/m/{token}", joining.manage_page, joining.manage),
        Address("/v/{token}", viewer.page),
        Address("/c/{token}", clicks.follow),
        Address("/a", archive.index),
        Address("/a/{campaign}/{post}", archive.page),
        Address("/feed.xml", archive.feed),
    )


def _place(path: str, request: Request) -> str:
    """The path as evidence names it: `/s/job-seekers`, but `/u` without its token."""
    plain = path.partition("/{token}")[0]
    return plain.format(**{name: value for name, value in request.path_params.items() if name != "token"})


def _endpoint(site: Site, address: Address, even_seconds: float) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        visit = await read_visit(request, _place(address.path, request), site.project.clock.now())
        function = address.act if visit.posted and address.act is not None else address.show
        clock = asyncio.get_running_loop().time
        began = clock()
        # The store waits for its turn and its disk: in a thread, so that other visitors need not wait as well.
        found = await run_in_threadpool(_attempt, site, function, visit)
        if visit.posted and address.is_even and even_seconds:
            await asyncio.sleep(wait_seconds(clock() - began, even_seconds))
        return found

    return answer


def _hook(site: Site) -> Callable[[Request], Awaitable[Response]]:
    """Zoom's webhook: the signature is over the body to the byte, so no form is read here."""

    async def answer(request: Request) -> Response:
        hook = Hook(
            await request.body(),
            request.headers.get("x-zm-signature", ""),
            request.headers.get("x-zm-request-timestamp", ""),
            site.project.clock.now(),
        )
        return await run_in_threadpool(_attempt_hook, site, hook)

    return answer


def _attempt_hook(site: Site, hook: Hook) -> Response:
    try:
        return zoom(site, hook)
    except (CannotRecord, Locked):
        return bare("this could not be saved just now; please send it again", 503)


def _attempt(site: Site, function: PageFunction, visit: Visit) -> Response:
    try:
        return function(site, visit)
    except NotFound:
        return site.any_house().problem(404, "missing")
    except NotApplied:
        return site.any_house().problem(503, "not-open")
    except (CannotRecord, Locked):
        # Nothing was recorded, so nothing may be promised.
        return bare("this could not be saved just now; nothing was changed; please try again in a minute", 503)


def _refusals(site: Site) -> Callable[[Request, Exception], Awaitable[Response]]:
    """The page for a path that is not there, a method that it does not know, a form that cannot be read."""

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        what = {404: "missing", 405: "method"}.get(error.status_code, "form")
        answer = await run_in_threadpool(_problem, site, error.status_code, what)
        for name, value in (error.headers or {}).items():
            answer.headers[name] = value
        return answer

    return refuse


def _problem(site: Site, status: int, what: str) -> Response:
    try:
        return site.any_house().problem(status, what)
    except (CannotRecord, Locked):
        return bare("there is nothing here", status)


async def _crash(request: Request, error: Exception) -> Response:
    """A bug of ours. The log has the traceback; the visitor learns nothing about it."""
    return bare("something went wrong on our side; please try again in a minute", 500)


def create_app(project: Project, *, kick: Kick | None = None, even_seconds: float = 0.0) -> Starlette:
    """The pages of a project. `kick` is called after answers that cause a mail, so that it leaves at once. With
    `even_seconds` the answers to forms take multiples of it, as on every site that others can reach."""
    site = Site(project, kick)
    host = host_name(urlsplit(project.definition.url).netloc.rpartition("@")[2])
    routes = [
        Route(each.path, _endpoint(site, each, even_seconds), methods=each.methods, name=each.path)
        for each in addresses(Viewer(site), Archive())
    ]
    routes.append(Route("/hooks/zoom", _hook(site), methods=["POST"], name="/hooks/zoom"))
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, hosts=[host], root=site.root)],
        exception_handlers={HTTPException: _refusals(site), Exception: _crash},
    )
    # A link with a slash at its end is the same page (see Guard), never a redirect.
    app.router.redirect_slashes = False
    return app
