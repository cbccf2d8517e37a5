"""A post as one reader would get it, from the files as they are now. Sends nothing, writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from drip.authoring.definition import campaign_names, read_campaign, read_project
from drip.core.delivery import DeliveryState
from drip.core.model import Campaign, Post, ProjectDefinition
from drip.core.offers import has_sessions, held_by
from drip.core.records import (
    Delivery,
    DeliveryId,
    Kind,
    Registration,
    RegistrationId,
    RegistrationState,
    Revision,
    RevisionId,
    Subscriber,
    SubscriberId,
)
from drip.engine.addressed import Addressed
from drip.engine.keys import Keys
from drip.engine.letters import Letters, house_post
from drip.engine.live import Edition
from drip.errors import NotFound, ProblemsFound

if TYPE_CHECKING:
    from drip.store.store import Store


class Project(Protocol):
    """What a preview needs of a project: its files, and its people when a real one is named."""

    @property
    def store(self) -> Store:
        """The database."""
        ...

    @property
    def keys(self) -> Keys:
        """The project's keys."""
        ...

    def wanted(self) -> dict[str, str]:
        """The author's files."""
        ...


SEAT_POSTS = frozenset(
    {
        "confirm-registration",
        "registration-cancelled",
        "registration-moved",
        "seat-declined",
        "seat-offered",
        "session-cancelled",
        "session-moved",
    }
)
"""Those of drip's own posts that speak of a session, and so of a campaign."""


@dataclass(frozen=True, slots=True)
class Previewed:
    """One mail as text, and its raw message for those who look at headers."""

    subject: str
    preview: str
    html: str
    text: str
    raw: bytes
    page: str = ""
    """The HTML with the pictures of the message in it, for a browser."""


def _edition(files: Mapping[str, str], name: str, definition: ProjectDefinition, now: datetime) -> Edition:
    campaign: Campaign | None = None
    if name:
        campaign, problems = read_campaign(files, name, definition)
        if campaign is None:
            raise ProblemsFound(f"`{name}` cannot be read: {problems[0].message}")
    return Edition(Revision(RevisionId(0), name, 0, "", now, files), definition, campaign)


def _with_webinar(files: Mapping[str, str], definition: ProjectDefinition, now: datetime) -> Edition | None:
    """The first campaign that has sessions."""
    for name in campaign_names(files):
        campaign, _ = read_campaign(files, name, definition)
        if campaign is not None and campaign.webinar is not None and has_sessions(campaign.webinar):
            return _edition(files, name, definition, now)
    return None


def _find(files: Mapping[str, str], definition: ProjectDefinition, address: str, now: datetime) -> tuple[Edition, Post]:
    """The post of an address: `campaign/post`, `post`, a path, or one of drip's own posts."""
    wanted = address.removeprefix("./").removeprefix("campaigns/").removesuffix(".md")
    campaign, _, post_name = wanted.rpartition("/")
    names = [campaign] if campaign in campaign_names(files) else campaign_names(files)
    found = []
    for name in names:
        edition = _edition(files, name, definition, now)
        if edition.campaign is not None and post_name in edition.campaign.posts:
            found.append((edition, edition.campaign.posts[post_name]))
    if len(found) > 1:
        places = ", ".join(f"`{each.revision.campaign}/{post_name}`" for each, _ in found)
        raise NotFound(f"`{address}` could be {places}")
    if found:
        return found[0]
    project = _edition(files, "", definition, now)
    if post_name in project.house_posts:
        return project, house_post(project, post_name)
    raise NotFound(f"there is no post `{address}`", hint="name it as `campaign/post`; `drip check` lists what is there")


def _sample(edition: Edition, now: datetime, zone: str) -> tuple[Subscriber, Registration | None]:
    subscriber = Subscriber(SubscriberId(0), "reader@example.org", "preview", now)
    webinar = edition.campaign.webinar if edition.campaign else None
    if edition.campaign is None or webinar is None:
        return subscriber, None
    coming = [each for each in held_by(webinar, edition.campaign.timezone, now) if each.starts > now]
    coming = coming or list(webinar.sessions)
    if not coming:
        return subscriber, None
    return subscriber, Registration(
        RegistrationId(0), subscriber.id, edition.revision.campaign, coming[0].name, RegistrationState.BOOKED, now
    )


@dataclass(frozen=True, slots=True)
class Chosen:
    """A post of these files with a sample reader; `edition` is its campaign, `project` has drip's own posts."""

    edition: Edition
    project: Edition
    post: Post
    subscriber: Subscriber
    registration: Registration | None


def choose(files: Mapping[str, str], address: str, now: datetime) -> Chosen:
    """Find the post of an address, and a sample reader for it. Raises NotFound, ProblemsFound."""
    definition, problems = read_project(files)
    if definition is None:
        raise ProblemsFound(f"drip.yaml cannot be read: {problems[0].message}")
    edition, post = _find(files, definition, address, now)
    if post.name in SEAT_POSTS and not edition.revision.campaign:
        edition = _with_webinar(files, definition, now) or edition
    subscriber, registration = _sample(edition, now, definition.timezone)
    return Chosen(edition, _edition(files, "", definition, now), post, subscriber, registration)


def preview(project: Project, address: str, as_email: str | None, now: datetime) -> Previewed:
    """Render a post for a sample reader, or for a real subscriber as the database knows them.

    Raises NotFound, ProblemsFound, TemplateFault.
    """
    chosen = choose(project.wanted(), address, now)
    edition, subscriber, registration = chosen.edition, chosen.subscriber, chosen.registration
    if as_email is not None:
        with project.store.read() as work:
            known = work.subscriber_by_mailbox(project.keys.mailbox_of(as_email))
            if known is None:
                raise NotFound(f"there is no subscriber {as_email}")
            subscriber = known
            registration = work.open_registration(known.id, edition.revision.campaign) or registration
    return render(edition, chosen.project, chosen.post, subscriber, registration, now)


def render(
    edition: Edition,
    project: Edition,
    post: Post,
    subscriber: Subscriber,
    registration: Registration | None,
    now: datetime,
) -> Previewed:
    """One post for one reader. The links are signed with a key of no project, so that none of them works.

    drip's own posts come from `project`; `edition` is then the campaign that they speak of, or `project` again.
    """
    letters = Letters(no_keys())
    addressed = as_delivery(edition, project, post, subscriber, registration, now)
    filled = letters.fill(edition, project, addressed, now)
    wire = letters.wire(edition, project, addressed, now)
    html, text = filled.html.text(), filled.text.text()
    return Previewed(filled.subject, filled.preview, html, text, wire.data, filled.standalone())


def no_keys() -> Keys:
    """The keys of no project: what is signed with them opens nothing anywhere."""
    return Keys.from_secret(b"a preview signs nothing")


def as_delivery(
    edition: Edition,
    project: Edition,
    post: Post,
    subscriber: Subscriber,
    registration: Registration | None,
    now: datetime,
    *,
    occasion: str = "preview",
) -> Addressed:
    """The delivery that would bring this post to this reader, as no database has it."""
    house = project.house_posts.get(post.name) == post.path
    step, list_name = (None, _first_list(edition)) if house else _step_of(edition, post)
    delivery = Delivery(
        id=DeliveryId(0),
        occasion=occasion,
        mailbox=subscriber.mailbox,
        subscriber_id=subscriber.id,
        campaign=edition.revision.campaign,
        post=post.name,
        kind=Kind.CONFIRMATION if house else Kind.SEQUENCE,
        state=DeliveryState.DUE,
        due_at=now,
        planned_at=now,
        revision_id=edition.revision.id,
        list=list_name,
        step=step,
    )
    return Addressed(delivery, subscriber, registration)


def _step_of(edition: Edition, post: Post) -> tuple[str | None, str | None]:
    """The first step that sends the post, and the list it is sent to: they decide footer and invite."""
    for sequence in edition.campaign.sequences if edition.campaign else ():
        for step in sequence.steps:
            if step.identity == f"{sequence.name}/{post.name}":
                return step.identity, sequence.list
    for broadcast in edition.campaign.broadcasts if edition.campaign else ():
        if broadcast.post == post.name:
            return None, broadcast.list
    return None, _first_list(edition)


def _first_list(edition: Edition) -> str | None:
    return edition.definition.lists[0].name if edition.definition.lists else None
