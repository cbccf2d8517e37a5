"""Pages as text: the project's page layouts filled with values, and the headers that every answer carries.

Layouts come from the applied revision (`templates/pages/`), so a half-saved file on disk is never shown. Values are
escaped by Jinja, without exception. Called by the page functions through `drip.web.site`.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment
from starlette.responses import HTMLResponse, Response

from drip.authoring.brand import settled
from drip.core.model import Brand

if TYPE_CHECKING:
    from starlette.background import BackgroundTask

FOLDER = "templates/pages/"
STYLE = "site.css"

POLICY = "default-src 'none'; style-src 'self'; img-src 'self' data:{}; base-uri 'none'"
SCRIPTS_SELF = "script-src 'self'"

SCRIPTED = frozenset({"sign-up", "webinar", "join"})
"""The pages that are nicer with a script (`pages.js`, ours, the same for everybody). Every other one may run none."""
FORM_SELF = "form-action 'self'"
UNFRAMED = "frame-ancestors 'none'"

# Browsers hold the redirect after a form to form-action too, so the page whose form ends in the meeting must name
# more than itself; it names the scheme only, because the meeting's address is nobody's business before the press.
FORM_MEETING = "form-action 'self' https: http:"

# A mail shown as a page: pictures and its own styles, no script, no form; links may open a page of their own.
MAIL_POLICY = (
    "default-src 'none'; img-src https: data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
)

ALWAYS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}


class Pages:
    """The page layouts of one revision, compiled once."""

    def __init__(
        self, files: Mapping[str, str], fallback: Mapping[str, str], root: str, brand: Brand | None = None
    ) -> None:
        """`fallback` has the pages that the revision lacks: it may have been applied by an older drip."""
        brand = brand or Brand()
        sources = {
            path.removeprefix(FOLDER): text
            for each in (fallback, files)
            for path, text in each.items()
            if path.startswith(FOLDER)
        }
        self.style = settled(sources.get(STYLE, ""), brand)
        self._environment = ImmutableSandboxedEnvironment(
            loader=jinja2.DictLoader(sources),
            autoescape=lambda name: name is None or not name.endswith(".txt"),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            root=root,
            style_url=f"{root}/style.css?v={mark_of(self.style)}",
            script_url=f"{root}/pages.js?v={mark_of(script())}",
        )

    def render(self, name: str, values: Mapping[str, object]) -> str:
        """One page as HTML."""
        return self._environment.get_template(f"{name}.html").render(values)

    def words(self, name: str, values: Mapping[str, object]) -> str:
        """A sentence of its own (`consent-….txt`), which is shown on a page and kept as evidence, word for word."""
        return " ".join(self._environment.get_template(f"{name}.txt").render(values).split())


@functools.cache
def script() -> str:
    """What pages do where scripts may run. It is drip's own: layouts of an author may leave it out, not change it."""
    return Path(__file__).with_name("pages.js").read_text(encoding="utf-8")


def mark_of(text: str) -> str:
    """What stands in the address of a style or script, so that it may be kept for ever."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def headers(
    *, token: bool, framed: bool = False, form_action: str = FORM_SELF, scripted: bool = False, pictures: str = ""
) -> dict[str, str]:
    """The headers of a page. `token`: its address is a key, so it is not kept and not indexed. `pictures` is from where
    else pictures may come: the place of the author's logo."""
    policy = [
        POLICY.format(f" {pictures}" if pictures else ""),
        *([SCRIPTS_SELF] if scripted else []),
        form_action,
        *([] if framed else [UNFRAMED]),
    ]
    given = {**ALWAYS, "Content-Security-Policy": "; ".join(policy)}
    if not framed:
        given["X-Frame-Options"] = "DENY"
    return {**given, **(PRIVATE if token else {"Cache-Control": "no-cache"})}


def page(
    text: str,
    status: int = 200,
    *,
    token: bool = True,
    framed: bool = False,
    form_action: str = FORM_SELF,
    scripted: bool = False,
    pictures: str = "",
    background: BackgroundTask | None = None,
) -> Response:
    """A page as an answer."""
    given = headers(token=token, framed=framed, form_action=form_action, scripted=scripted, pictures=pictures)
    return HTMLResponse(text, status, given, background=background)


def bare(text: str, status: int, extra: Mapping[str, str] | None = None) -> Response:
    """A short answer without a layout, for whoever is no reader of ours (a wrong Host, a body that is too long)."""
    given = {**ALWAYS, **PRIVATE, "Content-Security-Policy": "default-src 'none'", **(extra or {})}
    return Response(f"{text}\n", status, given, media_type="text/plain")
