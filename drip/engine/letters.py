"""Turns a claimed delivery into bytes for the relay: values, links, headers, and the invite where one belongs.

Nothing here decides whether to send. A stable Message-ID and the moment of the first mark make every retry of a
delivery the same message but for its Date (DESIGN §8).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from drip.core.links import Purpose, keyed
from drip.core.message import Filled, FilledPost, Headers, Invite, Wire
from drip.core.model import Campaign, InviteMode, Mailbox, MailingList, Post, Sequence, Session, TriggerKind, WhenKind
from drip.core.parts import is_series, parts_ahead
from drip.core.records import Delivery, Kind, Registration, RegistrationState
from drip.engine.addressed import Addressed
from drip.engine.diversion import Diversion
from drip.engine.invites import dated_invite
from drip.engine.keys import Keys, Signing
from drip.engine.live import Edition
from drip.engine.values import Links, confirm_expiry, parts_left, session_words, values_for
from drip.errors import DripError

if TYPE_CHECKING:
    from drip.authoring.layout import CompiledPost
    from drip.engine.plates import Plate
    from drip.mail.calendar import Method

HEADERS_KEPT = 256
"""As many list and feedback ids as are remembered: they differ between posts, not between readers."""

MOMENTS_KEPT = 1024
"""Moments (one a second and time zone), and words about sessions, that are remembered."""

CHECKED_FIRST = 3
CHECKED_AGAIN = 1_000
CHECKED_EVERY = 10_000
"""Which readers of a post are rendered both ways: the first few, the thousandth, and then one in so many.

The slow way takes as long as a thousand messages from a plate.
"""


def message_id(keys: Keys, delivery: Delivery, domain: str) -> str:
    """The Message-ID of a delivery: the same for every attempt, and telling nothing about anybody."""
    said = f"{delivery.occasion}\n{delivery.mailbox}".encode()
    mark = keyed(keys.link, said).hex()[:24]
    return f"<{delivery.id}.{mark}@{domain}>"


def _domain(project: Edition) -> str:
    return project.definition.bounces.rpartition("@")[2]


def _length(number: int) -> int:
    """How many bytes an id takes in a token."""
    return (number.bit_length() + 6) // 7


class Letters:
    """Composes messages. One instance a process: it caches encoded shapes and is not for several threads.

    With a diversion every message goes to that one address, and shows that it does.
    """

    def __init__(self, keys: Keys, diversion: Diversion | None = None) -> None:
        from drip.engine.plates import Plates
        from drip.mail.mime import Composer

        self._keys = keys
        self._diversion = diversion
        self._composer = Composer()
        self._plates = Plates()
        self._telling: dict[Hashable, int] = {}
        self._words: dict[tuple[object, ...], int] = {}
        self._words_met = 0
        self._filled: Counter[CompiledPost] = Counter()
        self.differing: set[str] = set()
        """Posts (`campaign/post`) whose fast rendering differed from the slow one for a reader that was checked."""
        self.wasteful: set[str] = set()
        """Posts of which nearly every reader gets a page of a new shape, so that each is inlined anew."""

    def fill(self, edition: Edition, project: Edition, addressed: Addressed, now: datetime) -> FilledPost:
        """The post with this reader's values. Raises TemplateFault when the post cannot be filled."""
        post, mailing_list = self._post_of(edition, project, addressed.delivery)
        links = self._links(self._keys, project, addressed, now)
        return self._fill(edition, project, addressed, post, mailing_list, links, now)[0]

    def wire(self, edition: Edition, project: Edition, addressed: Addressed, now: datetime) -> Wire:
        """The whole message, ready for the relay. `now` is the moment of its first mark."""
        # A second is all that a message can tell of its moment; what is made for one serves for all within it.
        now = now.replace(microsecond=0)
        group = self._group(edition, project, addressed, now)
        plate = self._plates.get(group) if group is not None else None
        if plate is not None and not self._is_to_check(plate.compiled, addressed.delivery):
            quick = self._from_plate(plate, project, addressed, now)
            if quick is not None:
                self._filled[plate.compiled] += 1
                plate.compiled.count_filled()
                return quick
        wire, compiled = self._compose(edition, project, addressed, now)
        if plate is not None:
            quick = self._from_plate(plate, project, addressed, now)
            if quick is not None and quick != wire:
                self._differ(addressed.delivery)
        elif group is not None and self._plates.wants(group):
            made = self._plate(edition, project, addressed, compiled, now)
            # No plate that does not make the very bytes of the ordinary way.
            is_right = made is not None and self._from_plate(made, project, addressed, now) == wire
            self._plates.put(group, made if is_right else None)
        return wire

    def _group(self, edition: Edition, project: Edition, addressed: Addressed, now: datetime) -> Hashable:
        """What those have in common who can get their messages from one plate; None for messages that have none."""
        delivery, registration, subscription = addressed.delivery, addressed.registration, addressed.subscription
        if self._diversion is not None or is_house(delivery) or self._invite_method(edition, addressed) is not None:
            return None
        if self._counts(edition, addressed):
            return None  # each of its links is signed for the address where it leads
        zone = registration.zone if registration is not None else None
        return (
            # By identity: a plate keeps its editions alive.
            id(edition),
            id(project),
            delivery.campaign,
            delivery.post,
            delivery.kind,
            delivery.list or (subscription.list if subscription is not None else None),
            delivery.list,
            zone or addressed.subscriber.zone,
            None if registration is None else registration.session,
            self._told(edition, addressed, zone or addressed.subscriber.zone or project.definition.timezone, now),
            # The lengths of the ids are those of the tokens, and so decide where lines end.
            _length(delivery.id),
            _length(addressed.subscriber.id),
            0 if registration is None else _length(registration.id),
        )

    def _told(self, edition: Edition, addressed: Addressed, zone: str, now: datetime) -> int:
        """A number for all that a message says about sessions; it changes when the words do, not with each moment."""
        session = addressed.registration.session if addressed.registration is not None else None
        key = (id(edition), session, zone, now)
        number = self._telling.get(key)
        if number is None:
            said = session_words(edition.campaign, session_of(edition.campaign, addressed.registration), zone, now)
            words = (parts_left(edition.campaign, now), *said)
            if len(self._telling) >= MOMENTS_KEPT:
                self._telling.clear()
            # Words that were forgotten come back with a number of their own.
            number = self._telling[key] = self._words.setdefault(words, self._words_met)
            self._words_met += number == self._words_met
            if len(self._words) >= MOMENTS_KEPT:
                self._words.clear()
        return number

    def _from_plate(self, plate: Plate, project: Edition, addressed: Addressed, now: datetime) -> Wire | None:
        from drip.mail.headers import mailbox_header, text_header

        definition, delivery, subscriber = project.definition, addressed.delivery, addressed.subscriber
        said = message_id(self._keys, delivery, plate.domain)
        to = Mailbox(subscriber.fields.get("first_name", ""), subscriber.email)
        lines = {"date": _date(now), "to": mailbox_header("To", to), "message-id": f"Message-ID: {said}"}
        data = plate.fill(addressed, lines, lambda line: text_header("Subject", line))
        return None if data is None else Wire(definition.bounces, subscriber.email, data, said)

    def _plate(
        self, edition: Edition, project: Edition, addressed: Addressed, compiled: CompiledPost, now: datetime
    ) -> Plate | None:
        """A plate for the group of this reader, or None where its messages can have none."""
        from drip.engine.plates import PlateMaker, SampleKeys, probes_for, sample_of
        from drip.mail.mime import DATE, MESSAGE_ID, SUBJECT, TO

        if compiled.fields is None:
            return None
        probes = probes_for(compiled.fields)
        sample, keys = sample_of(addressed, probes), SampleKeys(self._keys, addressed)
        post, mailing_list = self._post_of(edition, project, addressed.delivery)
        links = self._links(keys, project, sample, now)
        trace = compiled.trace(self._values(edition, project, sample, post, mailing_list, links, now))
        if trace is None:
            return None
        page, text = Filled(trace.html.shape, trace.html.values), Filled(trace.text.shape, trace.text.values)
        subject = SUBJECT if trace.subject.values else trace.subject.whole
        filled = FilledPost(subject, trace.preview.whole, page, text, compiled.images, compiled.attachments)
        headers = self._headers(edition, project, sample, subject, links, mailing_list, now)
        blank = self._composer.blank(replace(headers, to=TO, date=DATE, message_id=MESSAGE_ID), filled)
        if blank is None:
            return None
        maker = PlateMaker(self._keys, keys, probes, project.definition.fields, trace, blank)
        return maker.make(compiled, (edition, project), _domain(project))

    def _compose(
        self, edition: Edition, project: Edition, addressed: Addressed, now: datetime
    ) -> tuple[Wire, CompiledPost]:
        """The message made the ordinary way, which is right for every reader."""
        delivery = addressed.delivery
        post, mailing_list = self._post_of(edition, project, delivery)
        links = self._links(
            self._keys, project, addressed, now, counts=self._keys if self._counts(edition, addressed) else None
        )
        filled, compiled = self._fill(edition, project, addressed, post, mailing_list, links, now)
        headers = self._headers(edition, project, addressed, filled.subject, links, mailing_list, now)
        if self._diversion is not None:
            headers, filled = self._diversion.mark(headers, filled)
        invites = self._invites(edition, addressed, links, headers.sender, headers.to, now)
        data = self._composer.compose(headers, filled, *invites)
        return Wire(project.definition.bounces, headers.to.address, data, headers.message_id), compiled

    def _headers(
        self,
        edition: Edition,
        project: Edition,
        addressed: Addressed,
        subject: str,
        links: Links,
        mailing_list: MailingList | None,
        now: datetime,
    ) -> Headers:
        definition, delivery, subscriber = project.definition, addressed.delivery, addressed.subscriber
        domain = _domain(project)
        campaign = edition.campaign
        sender = campaign.sender if campaign is not None and campaign.sender is not None else definition.sender
        confirmation = delivery.kind is Kind.CONFIRMATION
        return Headers(
            sender=sender,
            # A confirmation goes to whoever was named in a form: nothing typed there stands in it, not even a name.
            to=Mailbox("" if confirmation else subscriber.fields.get("first_name", ""), subscriber.email),
            subject=subject,
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

    def _post_of(self, edition: Edition, project: Edition, delivery: Delivery) -> tuple[Post, MailingList | None]:
        definition = project.definition
        mailing_list = definition.list_named(delivery.list) if delivery.list else None
        if is_house(delivery):
            return house_post(project, delivery.post), mailing_list
        if edition.campaign is None or delivery.post not in edition.campaign.posts:
            raise DripError(f"the revision of `{delivery.campaign}` has no post `{delivery.post}`")
        return edition.campaign.posts[delivery.post], mailing_list

    def _counts(self, edition: Edition, addressed: Addressed) -> bool:
        """Whether the links of this message say who follows them: only in real mail to readers who agreed."""
        delivery = addressed.delivery
        is_theirs = self._diversion is None and delivery.id != 0 and not is_house(delivery)
        return is_theirs and addressed.subscriber.clicks_since is not None and delivery.post in edition.counted

    def _links(
        self, keys: Signing, project: Edition, addressed: Addressed, now: datetime, *, counts: Keys | None = None
    ) -> Links:
        delivery = addressed.delivery
        base = project.definition.url.rstrip("/")
        confirm = base
        if is_house(delivery) and addressed.registration is not None:
            confirm = f"{base}/b/{keys.sign(Purpose.BOOK, addressed.registration.id)}"
        elif is_house(delivery) and delivery.post == MOVE_POST:
            confirm = f"{base}/e/{keys.sign(Purpose.MOVE, delivery.id)}"
        elif delivery.kind is Kind.CONFIRMATION and addressed.subscription is not None:
            token = keys.sign(Purpose.CONFIRM, addressed.subscription.id, confirm_expiry(now))
            confirm = f"{base}/confirm/{token}"
        return Links(
            base=base,
            keys=keys,
            subscriber=addressed.subscriber,
            campaign=delivery.campaign,
            delivery_id=delivery.id,
            registration=addressed.registration,
            confirm=confirm,
            counts=counts,
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
    ) -> tuple[FilledPost, CompiledPost]:
        values = self._values(edition, project, addressed, post, mailing_list, links, now)
        house = is_house(addressed.delivery)
        press = project.press if house else edition.press
        compiled = press.compile(post)
        is_checked = self._is_to_check(compiled, addressed.delivery)
        self._filled[compiled] += 1
        if is_checked and not compiled.verify(values):
            # From here on this post is filled the slow way, which is right by definition.
            self._differ(addressed.delivery)
        filled = compiled.fill(values)
        if compiled.is_wasteful:
            self.wasteful.add(f"{addressed.delivery.campaign}/{post.name}")
        return filled, compiled

    def _values(
        self,
        edition: Edition,
        project: Edition,
        addressed: Addressed,
        post: Post,
        mailing_list: MailingList | None,
        links: Links,
        now: datetime,
    ) -> dict[str, object]:
        subscriber, registration = addressed.subscriber, addressed.registration
        definition = project.definition
        if mailing_list is None and addressed.subscription is not None:
            mailing_list = definition.list_named(addressed.subscription.list)
        session = session_of(edition.campaign, registration)
        if addressed.delivery.kind is Kind.CONFIRMATION and is_series(edition.campaign):
            session = _next_part(edition.campaign, now) or session
        return values_for(
            definition=definition,
            campaign=edition.campaign,
            mailing_list=mailing_list,
            subscriber=subscriber,
            session=session,
            links=links,
            zone=(registration.zone if registration else None) or subscriber.zone or definition.timezone,
            now=now,
            post={"subject": post.subject, "preview": post.preview},
        )

    def _is_to_check(self, compiled: CompiledPost, delivery: Delivery) -> bool:
        """The first readers of a post, and few of the others, are also rendered the slow way (DESIGN §9)."""
        number = self._filled[compiled]
        is_turn = number < CHECKED_FIRST or number == CHECKED_AGAIN or number % CHECKED_EVERY == 0
        return is_turn and delivery.id != 0

    def _differ(self, delivery: Delivery) -> None:
        """A quick way was wrong, which the author should know; no plate is trusted any more."""
        self.differing.add(f"{delivery.campaign}/{delivery.post}")
        self._plates.distrust()

    @staticmethod
    def _invite_method(edition: Edition, addressed: Addressed) -> Method | None:
        registration = addressed.registration
        if registration is None or edition.campaign is None or session_of(edition.campaign, registration) is None:
            return None
        return _invite_method(edition.campaign, addressed.delivery, registration)

    def _invites(
        self, edition: Edition, addressed: Addressed, links: Links, sender: Mailbox, attendee: Mailbox, now: datetime
    ) -> list[Invite]:
        """The calendar entry, with the mail that greets a registration or tells of a change; in a series one for each
        part that was taken or given back at the same moment. It is for whoever gets the mail."""
        registration = addressed.registration
        if registration is None or self._invite_method(edition, addressed) is None or edition.campaign is None:
            return []
        found = []
        for each in (registration, *together_with(registration, addressed)):
            method = _invite_method(edition.campaign, addressed.delivery, each)
            session = session_of(edition.campaign, each)
            if method is not None and session is not None and edition.campaign.webinar is not None:
                url = links.join if each is registration else links.join_of(each)
                title = edition.campaign.webinar.title
                found.append(dated_invite(method, each, session, title, url, sender, attendee, now))
        first, *others = found
        return [first[1], *(invite for _, invite in sorted(others, key=lambda pair: pair[0]))]


def together_with(registration: Registration, addressed: Addressed) -> list[Registration]:
    """The other parts of a series that became what this one is at the same moment, in the order of their taking."""
    if is_house(addressed.delivery) and addressed.delivery.post in (*MOVES, "session-cancelled"):
        return []  # what the host does, each part is told of by itself
    moment = registration.cancelled_at or registration.confirmed_at
    return [each for each in addressed.others if (each.cancelled_at or each.confirmed_at) == moment]


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


def _next_part(campaign: Campaign | None, now: datetime) -> Session | None:
    """What a question about a whole series names: the part that is next."""
    webinar = campaign.webinar if campaign is not None else None
    return next(iter(parts_ahead(webinar, now)), None) if webinar is not None else None


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
def _date(now: datetime) -> str:
    from drip.mail.headers import date_header

    return date_header(now)


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
