"""A reader who does not exist, to fill a post with while it is checked: every field at its fall-back, links as long
as real ones.

Knows what the engine gives to posts, and makes none of it: nothing is signed. Called by `drip.authoring.check_mails`.
"""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

from drip.authoring.desk import Desk, broadcasts_sending, sequences_sending
from drip.authoring.read_campaign import CampaignDraft
from drip.authoring.read_post import PostDraft
from drip.core.model import ProjectDefinition, Webinar
from drip.core.offers import OFFERED_MAX

# As long as a signed token: a key id, a number or two, and a mac of 128 bits in base64url.
_TOKEN = "q" * 34
SOME_WEBINAR = Webinar("A webinar", timedelta(minutes=60), "https://meet.example.com/", ())


class SampleLinks:
    """The addresses of one message, leading nowhere."""

    def __init__(self, base: str, campaign: str) -> None:
        self._campaign = campaign
        self._base = base.rstrip("/") or "https://mail.example.com"
        self.webinar = f"{self._base}/w/{campaign}?for={_TOKEN}"
        self.unsubscribe = self._at("u")
        self.preferences = self._at("p")
        self.browser = self._at("v")
        self.join = self._at("j")
        self.calendar = f"{self.join}/calendar.ics"
        self.cancel = self._at("m")
        self.confirm = self._at("confirm")

    def _at(self, path: str) -> str:
        return f"{self._base}/{path}/{_TOKEN}"

    def session(self, name: str) -> str:
        """The webinar's page with this session chosen."""
        return f"{self.webinar}&s={name}"

    def follow(self, address: str) -> str:
        """An address of somebody else's."""
        return f"{self._base}/c/{_TOKEN}?to={address}"

    def post(self, name: str) -> str:
        """A post on the web."""
        return f"{self._base}/a/{self._campaign}/{name}"


def sample_values(desk: Desk, campaign: CampaignDraft | None, draft: PostDraft) -> dict[str, object]:
    """The values of one post for the sample reader, as `drip.engine.values` would give them."""
    definition = desk.project.definition
    links = SampleLinks(definition.url, campaign.campaign.name if campaign else "campaign")
    values: dict[str, object] = dict(definition.fields)
    values.update(
        email="reader@example.org",
        links=links,
        project={"name": definition.name, "address": definition.address, "url": definition.url},
        list=_list(definition, campaign, draft),
        post={"subject": draft.post.subject, "preview": draft.post.preview},
    )
    # drip's own posts may speak of the seat that was asked for.
    webinar = campaign.campaign.webinar if campaign is not None else SOME_WEBINAR
    if webinar is not None:
        minutes = int(webinar.length.total_seconds() // 60)
        parts = len(webinar.sessions) if webinar.is_series else 0
        values["webinar"] = {"title": webinar.title, "length": f"{minutes} minutes", "parts": parts}
        names = [each.name for each in webinar.sessions]
        if webinar.rule is not None:
            # As many starts as a rule offers.
            names = [f"2026-09-{day}-1400z" for day in range(20, 20 + OFFERED_MAX)]
        values["sessions"] = tuple(_session(name, links) for name in names)
        if campaign is None or _knows_session(campaign, draft.post.name):
            values["session"] = _session(names[0] if names else "session", links)
    return values


def _session(name: str, links: SampleLinks) -> SimpleNamespace:
    """A session in words as long as they get."""
    return SimpleNamespace(
        name=name,
        date="September 30, 2026",
        day="Wednesday, September 30",
        time="10:00 am",
        zone="New York time (UTC−4)",
        city="New York",
        starts_in="36 hours",
        link=links.session(name),
        seats_left=12,
    )


def _knows_session(campaign: CampaignDraft, post: str) -> bool:
    """Whether everybody who gets this post has a registration."""
    senders = sequences_sending(campaign, post)
    return (
        bool(senders)
        and all(each.value.start.knows_session for each in senders)
        and not broadcasts_sending(campaign, post)
    )


def _list(definition: ProjectDefinition, campaign: CampaignDraft | None, draft: PostDraft) -> dict[str, str] | None:
    """The list that the post is sent to, if there is one; the first for drip's own posts and those nothing sends."""
    names: list[str | None] = []
    if campaign is not None:
        names += [each.value.list for each in sequences_sending(campaign, draft.post.name)]
        names += [each.value.list for each in broadcasts_sending(campaign, draft.post.name)]
    mailing_list = definition.list_named(names[0] or "") if names else next(iter(definition.lists), None)
    if mailing_list is None:
        return None
    return {"name": mailing_list.name, "title": mailing_list.title, "promise": mailing_list.promise}
