"""The archive: posts that everybody may read on the web, as a stranger would get them. Reads only.

No reader is behind such a page: fields have their general words, and no link is signed for anybody. Called by
`drip.web.archive`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from drip.core.archive import is_public
from drip.core.model import Post
from drip.core.records import Subscriber, SubscriberId
from drip.engine.values import Links, values_for, webinar_page
from drip.errors import NotFound
from drip.store.results import BroadcastState

if TYPE_CHECKING:
    from drip.engine.live import Edition, Live
    from drip.store.work import Work


@dataclass(frozen=True, slots=True)
class ArchivedPost:
    """A post with the moment since when it is public, and the list whose readers got it."""

    campaign: str
    post: Post
    at: datetime
    edition: Edition
    list: str = ""


class PublicLinks(Links):
    """The addresses of a post that is nobody's own: where a personal page would stand, the way to it does."""

    def __init__(self, *, base: str, campaign: str, post: str, list: str) -> None:  # noqa: A002 - DESIGN §5
        self._base = base.rstrip("/")
        self._campaign = campaign
        self._list = list
        self._own = self.post(post)
        self.confirm = self._base

    @property
    def unsubscribe(self) -> str:
        """Nobody can be taken off from here: the front page."""
        return f"{self._base}/"

    @property
    def preferences(self) -> str:
        """Where a stranger could get more: the sign-up form of the list."""
        return f"{self._base}/s/{quote(self._list)}" if self._list else f"{self._base}/"

    @property
    def browser(self) -> str:
        """This very page."""
        return self._own

    @property
    def webinar(self) -> str:
        """The webinar's page, with nobody's address."""
        return webinar_page(self._base, self._campaign)

    def session(self, name: str) -> str:
        """The webinar's page with this session chosen."""
        return webinar_page(self._base, self._campaign, name)

    @property
    def join(self) -> str:
        """The webinar's page."""
        return self.webinar

    @property
    def calendar(self) -> str:
        """All its sessions."""
        return self.webinar

    @property
    def cancel(self) -> str:
        """The webinar's page."""
        return self.webinar


def archived(live: Live, work: Work) -> list[ArchivedPost]:
    """Everything in the archive, the latest first. A post that was sent again stands there once, as it last was."""
    found: dict[tuple[str, str], ArchivedPost] = {}
    editions = {each.revision.campaign: each for each in live.campaigns(work)}
    for name, edition in editions.items():
        for post in edition.campaign.posts.values() if edition.campaign else ():
            if is_public(post, went_to_whole_list=False):
                found[name, post.name] = ArchivedPost(name, post, edition.revision.applied_at, edition)
    for row in work.broadcasts():
        if row.state is not BroadcastState.FROZEN or row.frozen_at is None:
            continue
        sent = _post_of(live, work, row.revision_id, row.post)
        if sent is None:
            continue
        edition, post = sent
        now_live = editions[row.campaign].campaign if row.campaign in editions else None
        # The author's latest word decides whether it is public; what is shown is what was sent.
        latest = now_live.posts.get(row.post, post) if now_live else post
        if is_public(latest, went_to_whole_list=not row.where_phrase):
            found[row.campaign, row.post] = ArchivedPost(row.campaign, post, row.frozen_at, edition, row.list)
    return sorted(found.values(), key=lambda each: (each.at, each.campaign, each.post.name), reverse=True)


def _post_of(live: Live, work: Work, revision_id: int, name: str) -> tuple[Edition, Post] | None:
    try:
        edition = live.edition(work, revision_id)  # type: ignore[arg-type]  # a row's id of a revision
    except NotFound:
        return None
    post = edition.campaign.posts.get(name) if edition.campaign else None
    return (edition, post) if post is not None else None


def public_page(each: ArchivedPost, project: Edition) -> str:
    """The post as a page for a stranger. Raises TemplateFault. One thread at a time: presses keep values."""
    definition = project.definition
    stranger = Subscriber(SubscriberId(0), "", "", each.at)
    values = values_for(
        definition=definition,
        campaign=each.edition.campaign,
        mailing_list=definition.list_named(each.list) if each.list else None,
        subscriber=stranger,
        session=None,
        links=PublicLinks(base=definition.url, campaign=each.campaign, post=each.post.name, list=each.list),
        zone=each.edition.campaign.timezone if each.edition.campaign else definition.timezone,
        now=each.at,
        post={"subject": each.post.subject, "preview": each.post.preview},
    )
    return each.edition.press.compile(each.post).fill(values).standalone()
