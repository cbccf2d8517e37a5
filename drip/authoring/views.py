"""What layouts and posts see of the project, the post and the sessions, with the words that many readers share.

Shared words are `Fixed`: they are printed into the shape, and cost a reader nothing. Each set of them makes shapes of
its own, so only so many sets are kept; the words of all others are plain values. Called by `drip.authoring.layout`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

from drip.authoring.shapes import Fixed
from drip.core.model import ProjectDefinition

SETS_KEPT = 24
"""Time zones, mostly: the words of the sessions differ between them. Each costs one inlined page per post."""


@dataclass(frozen=True, slots=True)
class ProjectView:
    """The project, `{{ project.name }}`; the same for everybody."""

    name: Fixed
    address: Fixed
    url: Fixed


@dataclass(frozen=True, slots=True)
class SenderView:
    """Who sends, `{{ sender.name }}`, with initials for the masthead."""

    name: Fixed
    address: Fixed
    initials: Fixed


@dataclass(frozen=True, slots=True)
class BrandView:
    """The brand, `{{ brand.logo }}`; empty where drip.yaml has none of it."""

    color: Fixed
    dark_color: Fixed
    ground: Fixed
    logo: Fixed
    logo_alt: Fixed
    logo_width: Fixed


@dataclass(frozen=True, slots=True)
class PostView:
    """The post itself, its subject and preview with this reader's values. `own`: drip sends it by itself."""

    name: Fixed
    subject: str
    preview: str
    own: bool


@dataclass(slots=True)
class SessionView:
    """A session in the reader's zone; the words are shared, the link is the reader's."""

    name: str
    date: str
    day: str
    time: str
    zone: str
    city: str
    starts_in: str
    link: str
    seats_left: int | None


def views_of(project: ProjectDefinition) -> dict[str, object]:
    """The views that are known before any post."""
    name = project.sender.name or project.name
    initials = "".join(word[0] for word in name.split()[:2]).upper()
    return {
        "project": ProjectView(Fixed(project.name), Fixed(project.address), Fixed(project.url)),
        "brand": brand_of(project),
        "sender": SenderView(Fixed(name), Fixed(project.sender.address), Fixed(initials)),
    }


def brand_of(project: ProjectDefinition) -> BrandView:
    """The brand as layouts and pages print it."""
    brand = project.brand
    return BrandView(
        Fixed(brand.color),
        Fixed(brand.dark_color),
        Fixed(brand.ground),
        Fixed(brand.logo),
        Fixed(brand.logo_alt or project.name),
        Fixed(brand.logo_width),
    )


class SharedWords:
    """Remembers the sets of words that readers share."""

    def __init__(self) -> None:
        self._told: dict[tuple[tuple[str, object], ...], object] = {}
        self._sessions: dict[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]] = {}

    def share(self, values: dict[str, object]) -> None:
        """Puts views in the place of what the author told about the list, the webinar and its sessions."""
        for name in ("list", "webinar"):
            given = values.get(name)
            if type(given) is dict:
                values[name] = self._view(given)
        sessions = values.get("sessions")
        if isinstance(sessions, Sequence) and sessions:
            values["sessions"] = self._view_sessions(sessions)

    def _view(self, given: Mapping[str, object]) -> object:
        key = tuple(given.items())
        view = self._told.get(key)
        if view is None:
            if len(self._told) >= SETS_KEPT:
                return given
            texts = {name: Fixed(value) if isinstance(value, str) else value for name, value in key}
            view = self._told[key] = SimpleNamespace(**texts)
        return view

    def _view_sessions(self, sessions: Sequence[object]) -> object:
        try:
            key = tuple([(s.name, s.date, s.day, s.time, s.zone, s.city) for s in sessions])  # type: ignore[attr-defined]
            words = self._sessions.get(key)
            if words is None:
                if len(self._sessions) >= SETS_KEPT:
                    return sessions
                words = self._sessions[key] = tuple(tuple(map(Fixed, each)) for each in key)
            return [
                SessionView(*each, s.starts_in, s.link, s.seats_left)  # type: ignore[call-arg, attr-defined, arg-type]
                for each, s in zip(words, sessions, strict=True)
            ]
        except AttributeError:
            return sessions  # not as the engine gives them: printed as they are
