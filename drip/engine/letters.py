"""Turns a claimed delivery into bytes for the relay: values, links, headers, and the invite where one belongs.

Nothing here decides whether to send. A stable Message-ID and the moment of the first mark make every retry of a
delivery the same message but for its Date (DESIGN §8).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from drip.core.links import Purpose, keyed
from drip.core.message import FilledPost, Headers, Invite, Wire
from drip.core.model import Campaign, InviteMode, Mailbox, MailingList, Post, Sequence, Session, TriggerKind, WhenKind
from drip.core.records import Delivery, Kind, Registration, RegistrationState, Subscriber, Subscription
from drip.engine.diversion import Diversion
from drip.engine.keys import Keys
from drip.engine.live import Edition
from drip.engine.values import Links, confirm_expiry, values_for
from drip.errors import DripError

if TYPE_CHECKING:
    from drip.authoring.layout import CompiledPost
    from drip.mail.calendar import Method

HEADERS_KEPT = 256
"""As many list and feedback ids as are remembered: they differ between posts, not between readers."""

CHECKED_FIRST = 3
CHECKED_EVERY = 1_000
"""Which readers of a post are rendered both ways: the first few, and then one in so many."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """A delivery with the rows that its message speaks of."""

    delivery: Delivery
    subscriber: Subscriber
    registration: Registration | None = None
    subscription: Subscription | None = None


def message_id(keys: Keys, delivery: Delivery, domain: str) -> str:
    """The Message-ID of a delivery: the same for every attempt, and telling nothing about anybody."""
    said = f"{delivery.occasion}\n{delivery.mailbox}".encode()
    mark = keyed(keys.link, said).hex()[:24]
    return f"<{delivery.id}.{mark}@{domain}>"


def invite_uid(registration: Registration, domain: str) -> str:
    """One UID a registration, for ever: a change moves the entry in the reader's calendar instead of adding one."""
    return f"registration-{registration.id}@{domain}"


class Letters:
    """Composes messages. One instance a process: it caches encoded shapes and is not for several threads.

    With a diversion every message goes to that one address, and shows that it does.
    """

    def __init__(self, keys: Keys, diversion: Diversion | None = None) -> None:
        from drip.mail.mime import Composer

        self._keys = keys
        self._diversion = diversion
        self._composer = Composer()
        self._filled: Counter[CompiledPost] = Counter()
        self.differing: set[str] = set()
        """Posts (`campaign/post`) whose fast rendering differed from the slow one for a reader that was checked."""
        self.wasteful: set[str] = set()
        """Posts of which nearly every reader gets a page of a new shape, so that each is inlined anew."""

    def fill(self, edition: Edition, project: Edition, addressed: Addressed, now: datetime) -> FilledPost:
        """The post with this reader's values. Raises TemplateFault when the post cannot be filled."""
        post, mailing_list = self._post_of(edition, project, addressed.delivery)
        return self._fill(edition, project, addressed, post, mailing_list, self._links(project, addressed, now), now)

    def wire(self, edition: Edition, project: Edition, addressed: Addressed, now: datetime) -> Wire:
        """The whole message, ready for the relay. `now` is the moment of its first mark."""
        delivery = addressed.delivery
        post, mailing_list = self._post_of(edition, project, delivery)
        links = self._links(project, addressed, now)
        filled = self._fill(edition, project, addressed, post, mailing_list, links, now)
        definition = project.definition
        domain = definition.bounces.rpartition("@")[2]
        campaign = edition.campaign
        sender = campaign.sender if campaign is not None and campaign.sender is not None else definition.sender
        subscriber = addressed.subscriber
        confirmation = delivery.kind is Kind.CONFIRMATION
        headers = Headers(
            sender=sender,
            # A confirmation goes to whoever was named in a form: nothing typed there stands in it, not even a name.
            to=Mailbox("" if confirmation else subscriber.fields.get("first_name", ""), subscriber.email),
            subject=filled.subject,
            date=now,
            message_id=message_id(self._keys, delivery, domain),
            # A confirmation is the answer to a press of the reader's own; there is nothing to unsubscribe from yet.
            unsubscribe_url="" if confirmation else links.unsubscribe,
            list_id=_list_id(mailing_list.name, mailing_list.title, definition.url)
            if mailing_list and not confirmation
            else "",
            feedback_id=_feedback_id(delivery.campaign, delivery.post, delivery.kind, domain),
            auto_submitted=True,
            precedence_bulk=delivery.kind in (Kind.SEQUENCE, Kind.BROADCAST),
        )
        if self._diversion is not None:
            headers, filled = self._diversion.mark(headers, filled)
        invite = self._invite(edition, addressed, links, sender, headers.to, now)
        data = self._composer.compose(headers, filled, invite)
        return Wire(definition.bounces, headers.to.address, data, headers.message_id)

    def _post_of(self, edition: Edition, project: Edition, delivery: Delivery) -> tuple[Post, MailingList | None]:
        definition = project.definition
        mailing_list = definition.list_named(delivery.list) if delivery.list else None
        if is_house(delivery):
            return house_post(project, delivery.post), mailing_list
        if edition.campaign is None or delivery.post not in edition.campaign.posts:
            raise DripError(f"the revision of `{delivery.campaign}` has no post `{delivery.post}`")
        return edition.campaign.posts[delivery.post], mailing_list

    def _links(self, project: Edition, addressed: Addressed, now: datetime) -> Links:
        delivery = addressed.delivery
        base = project.definition.url.rstrip("/")
        confirm = base
        if is_house(delivery) and addressed.registration is not None:
            confirm = f"{base}/b/{self._keys.sign(Purpose.BOOK, addressed.registration.id)}"
        elif is_house(delivery) and delivery.post == MOVE_POST:
            confirm = f"{base}/e/{self._keys.sign(Purpose.MOVE, delivery.id)}"
        elif delivery.kind is Kind.CONFIRMATION and addressed.subscription is not None:
            token = self._keys.sign(Purpose.CONFIRM, addressed.subscription.id, confirm_expiry(now))
            confirm = f"{base}/confirm/{token}"
        return Links(
            base=base,
            keys=self._keys,
            subscriber=addressed.subscriber,
            campaign=delivery.campaign,
            delivery_id=delivery.id,
            registration=addressed.registration,
            confirm=confirm,
        )

    def _fill(
        self,
        edition: Edition,
        project: Edition,
        addressed: Addressed,
        post: Post,
        mailing_list: MailingList | None,
        links: Links,
        now: datetime,
    ) -> FilledPost:
        subscriber, registration = addressed.subscriber, addressed.registration
        definition = project.definition
        if mailing_list is None and addressed.subscription is not None:
            mailing_list = definition.list_named(addressed.subscription.list)
        zone = (registration.zone if registration else None) or subscriber.zone or definition.timezone
        values = values_for(
            definition=definition,
            campaign=edition.campaign,
            mailing_list=mailing_list,
            subscriber=subscriber,
            session=session_of(edition.campaign, registration),
            links=links,
            zone=zone,
            now=now,
            post={"subject": post.subject, "preview": post.preview},
        )
        house = is_house(addressed.delivery)
        press = project.press if house else edition.press
        compiled = press.compile(post)
        if self._is_checked(compiled, addressed.delivery) and not compiled.verify(values):
            # From here on this post is filled the slow way, which is right by definition; the author should know.
            self.differing.add(f"{addressed.delivery.campaign}/{post.name}")
        filled = compiled.fill(values)
        if compiled.is_wasteful:
            self.wasteful.add(f"{addressed.delivery.campaign}/{post.name}")
        return filled

    def _is_checked(self, compiled: CompiledPost, delivery: Delivery) -> bool:
        """The first readers of a post, and one in a thousand later, are also rendered the slow way (DESIGN §9)."""
        number = self._filled[compiled]
        self._filled[compiled] = number + 1
        return delivery.id != 0 and (number < CHECKED_FIRST or number % CHECKED_EVERY == 0)

    def _invite(
        self, edition: Edition, addressed: Addressed, links: Links, sender: Mailbox, attendee: Mailbox, now: datetime
    ) -> Invite | None:
        """The calendar entry, with the mail that greets a registration or tells of a change. It is for whoever gets
        the mail."""
        registration = addressed.registration
        session = session_of(edition.campaign, registration)
        if registration is None or session is None or edition.campaign is None or edition.campaign.webinar is None:
            return None
        method = _invite_method(edition.campaign, addressed.delivery, registration)
        if method is None:
            return None
        from drip.mail.calendar import registration_invite

        webinar = edition.campaign.webinar
        return registration_invite(
            method=method,
            uid=invite_uid(registration, sender.address.rpartition("@")[2]),
            sequence=registration.calendar_sequence,
            stamp=now,
            starts=session.starts,
            ends=session.ends,
            title=webinar.title,
            description=f"Your way in, shortly before the start: {links.join}",
            join_url=links.join,
            organizer=sender,
            attendee=attendee,
        )


def house_post(project: Edition, name: str) -> Post:
    """One of drip's own posts (`templates/mails/NAME.md`) of the live project revision."""
    from drip.authoring.read_post import read_post

    path = project.house_posts.get(name)
    if path is None:
        raise DripError(f"templates/mails/{name}.md is missing from the applied project")
    post, problems = read_post(project.revision.files, path)
    if post is None:
        raise DripError(f"{path}: {problems[0].message}")
    return post


def session_of(campaign: Campaign | None, registration: Registration | None) -> Session | None:
    """The session that a registration is for, as the campaign has it now."""
    if campaign is None or campaign.webinar is None or registration is None:
        return None
    return campaign.webinar.session_named(registration.session)


def _sequence_of(campaign: Campaign, delivery: Delivery) -> Sequence | None:
    return campaign.sequence_named(delivery.step.partition("/")[0]) if delivery.step else None


def is_house(delivery: Delivery) -> bool:
    """Whether it is one of drip's own posts: a confirmation, or the news that a registration has changed."""
    is_news = delivery.kind is Kind.REMINDER and delivery.step is None and delivery.enrollment_id is None
    return delivery.kind is Kind.CONFIRMATION or (is_news and delivery.registration_id is not None)


MOVE_POST = "confirm-address"
"""The question to a new address; its link names the delivery, which says whose question it was and where it went."""

MOVES = frozenset({"session-moved", "registration-moved"})
CANCELS = frozenset({"registration-cancelled", "session-cancelled"})


def _invite_method(campaign: Campaign, delivery: Delivery, registration: Registration) -> Method | None:
    """What goes into the calendar with this message: an entry, its withdrawal, or nothing."""
    invite = campaign.webinar.invite if campaign.webinar is not None else InviteMode.OFF
    if invite is InviteMode.OFF:
        return None
    if is_house(delivery) and delivery.post in CANCELS:
        is_off = registration.state is RegistrationState.CANCELLED and registration.calendar_sequence > 0
        return "CANCEL" if is_off else None
    moves = is_house(delivery) and delivery.post in MOVES
    if registration.state is RegistrationState.BOOKED and (moves or _greets_registration(campaign, delivery)):
        return "REQUEST" if invite is InviteMode.REQUEST else "PUBLISH"
    return None


def _greets_registration(campaign: Campaign, delivery: Delivery) -> bool:
    sequence = _sequence_of(campaign, delivery)
    if sequence is None or sequence.start.kind is not TriggerKind.REGISTERS:
        return False
    step = next((each for each in sequence.steps if each.identity == delivery.step), None)
    return step is not None and step.when.kind is WhenKind.AT_ONCE


@lru_cache(maxsize=HEADERS_KEPT)
def _list_id(name: str, title: str, url: str) -> str:
    """RFC 2919: a phrase and a stable identifier in angle brackets. Verbatim headers are ASCII."""
    host = url.partition("://")[2].partition("/")[0].partition(":")[0]
    plain = title.encode("ascii", "ignore").decode()
    phrase = "".join(each for each in plain if each.isalnum() or each in " -").strip()
    return f"{phrase} <{name}.{host}>".strip()


@lru_cache(maxsize=HEADERS_KEPT)
def _feedback_id(campaign: str, post: str, kind: Kind, domain: str) -> str:
    """Google's four fields: campaign, post, kind, and a stable name of the sender."""
    fields = (campaign or "house", post, kind.name.lower(), domain)
    return ":".join("".join(c if c.isascii() and (c.isalnum() or c in "-._") else "-" for c in each) for each in fields)
