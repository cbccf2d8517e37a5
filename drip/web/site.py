"""The site: what page functions work with. The project, what is live in it, and pages in its layouts.

Reading happens in reading transactions only, so that a GET could not change a row if it wanted to. Made by
`drip.web.app`, given to every page function together with the `Visit`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from starlette.background import BackgroundTask
from starlette.responses import Response

from drip.authoring.layout import RIGHT_TO_LEFT
from drip.authoring.views import brand_of
from drip.core.events import Event
from drip.core.links import Purpose
from drip.core.model import ProjectDefinition
from drip.engine.live import NotApplied
from drip.web.pages import FORM_SELF, SCRIPTED, Pages, page
from drip.web.visit import Visit

if TYPE_CHECKING:
    from drip.engine.scene import Happened
    from drip.project import Project
    from drip.store.store import Store
    from drip.store.work import Work

Kick = Callable[[], object]


@dataclass(frozen=True, slots=True)
class House:
    """The project as it is live: its definition, and its pages."""

    definition: ProjectDefinition
    pages: Pages
    root: str

    def page(
        self,
        name: str,
        values: Mapping[str, object],
        status: int = 200,
        *,
        token: bool = True,
        framed: bool = False,
        form_action: str = FORM_SELF,
        background: BackgroundTask | None = None,
    ) -> Response:
        """A page of the project. `token`: its address is a key and must not be kept anywhere."""
        scripted = name in SCRIPTED
        text = self.pages.render(name, {**self._everywhere(), "scripted": scripted, **values})
        return page(
            text,
            status,
            token=token,
            framed=framed,
            form_action=form_action,
            scripted=scripted,
            pictures=self._pictures,
            background=background,
        )

    def problem(self, status: int, what: str, **values: object) -> Response:
        """The page that says why there is nothing here and what to do. `what` names the text in `problem.html`."""
        return self.page("problem", {"what": what, "lists": self.definition.lists, "again": "", **values}, status)

    def words(self, name: str, values: Mapping[str, object]) -> str:
        """A sentence that is shown on a page and kept as evidence."""
        return self.pages.words(name, {**self._everywhere(), **values})

    def path(self, *parts: str) -> str:
        """The address of a page on this site, without its host: it works behind every name that the site has."""
        return "/".join((self.root, *(quote(each, safe="") for each in parts)))

    @property
    def _pictures(self) -> str:
        """Where the logo lies."""
        logo = urlsplit(self.definition.brand.logo)
        return f"{logo.scheme}://{logo.netloc}" if logo.netloc else ""

    def _everywhere(self) -> dict[str, object]:
        given = self.definition
        name = given.sender.name or given.name
        return {
            "project": {"name": given.name, "address": given.address, "url": given.url},
            "brand": brand_of(given),
            "sender": {"name": name, "initials": "".join(each[0] for each in name.split()[:2]).upper()},
            "language": given.language,
            "direction": "rtl" if given.language.partition("-")[0].lower() in RIGHT_TO_LEFT else "ltr",
        }


class Site:
    """One per application. Page functions run in several threads at once: nothing here changes but the page cache."""

    def __init__(self, project: Project, kick: Kick | None) -> None:
        self.project = project
        self.engine = project.engine
        self.keys = project.keys
        self.root = urlsplit(project.definition.url).path.rstrip("/")
        self._kick = kick
        self._lock = threading.Lock()
        self._houses: dict[int, House] = {}
        self._fallback: dict[str, str] | None = None

    @property
    def store(self) -> Store:
        """The database."""
        return self.engine.store

    def house(self, work: Work) -> House:
        """The project as it is live. Raises NotApplied."""
        edition = self.engine.live.project(work)
        with self._lock:
            found = self._houses.get(edition.revision.id)
            if found is None:
                pages = Pages(edition.revision.files, self._on_disk(), self.root, edition.definition.brand)
                found = House(edition.definition, pages, self.root)
                self._houses = {edition.revision.id: found}
            return found

    def any_house(self) -> House:
        """The live project, or before the first `drip apply` what the files on disk say."""
        try:
            with self.store.read() as work:
                return self.house(work)
        except NotApplied:
            definition = self.project.definition
            with self._lock:
                return House(definition, Pages({}, self._on_disk(), self.root, definition.brand), self.root)

    def _on_disk(self) -> dict[str, str]:
        if self._fallback is None:
            self._fallback = self.project.wanted()
        return self._fallback

    def happen(self, event: Event, visit: Visit) -> Happened:
        """Let an event take effect, at the moment of the visit."""
        return self.engine.happen(event, visit.now)

    def number(self, purpose: Purpose, token: str) -> int | None:
        """The number in a genuine token that holds exactly one."""
        numbers = self.keys.read(purpose, token)
        return numbers[0] if numbers is not None and len(numbers) == 1 else None

    def sign(self, purpose: Purpose, *numbers: int) -> str:
        """A token."""
        return self.keys.sign(purpose, *numbers)

    def soon(self) -> BackgroundTask | None:
        """What to do after the answer has left: let the mails that it caused leave, too."""
        return None if self._kick is None else BackgroundTask(self._kick)
