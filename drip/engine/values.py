"""What a post may print about one reader: fields, personal links, sessions in the reader's own time.

Pure: everything comes in as arguments. Called by `drip.engine.letters` for every message and by the preview.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from drip.core.links import Purpose
from drip.core.model import Campaign, MailingList, ProjectDefinition, Session
from drip.core.offers import regular_offers
from drip.core.parts import parts_ahead
from drip.core.records import DeliveryId, Registration, Subscriber
from drip.engine.keys import Keys, Signing

WEBINAR_LINK = "webinar:"
"""What the link to the webinar's page is called where clicks are kept, as in the post."""

PLAIN_IN_QUERY = ":/?=@,;~"
"""What may stand as it is in a value of a query (RFC 3986 §3.4), so that a reader sees where a link leads."""

CONFIRM_DAYS = 7
"""How long a confirmation link works (reliability: it proves a present wish, not an old one)."""


RECORDED = "recorded session"
"""What is said wherever a session of an evergreen webinar is offered or named."""


def confirm_expiry(now: datetime) -> int:
    """The last day (days since 1970-01-01 UTC) on which a confirmation link made now works."""
    return int(now.timestamp() // 86_400) + CONFIRM_DAYS


def session_link(name: str) -> str:
    """The same for the link that has one session chosen."""
    return f"session:{name}"


class Links:
    """The personal addresses of one message, each signed for one purpose. Opening one only shows a page.

    `counts` are the keys that sign where links lead, if the reader lets us note which ones of this post they follow.
    """

    _counts: Keys | None = None

    def __init__(
        self,
        *,
        base: str,
        keys: Signing,
        subscriber: Subscriber,
        campaign: str,
        delivery_id: DeliveryId,
        registration: Registration | None,
        confirm: str,
        counts: Keys | None = None,
    ) -> None:
        self._base = base.rstrip("/")
        self._keys = keys
        self._subscriber = subscriber
        self._campaign = campaign
        self._delivery_id = delivery_id
        self._registration = registration
        self.confirm = confirm
        self._counts = counts
        # Both bodies and the headers ask for the same few addresses; signing is the dearest thing about them.
        self._tokens: dict[Purpose, str] = {}

    def _sign(self, purpose: Purpose, number: int) -> str:
        # One number for each purpose: that of this reader, this delivery or this registration.
        token = self._tokens.get(purpose)
        if token is None:
            token = self._tokens[purpose] = self._keys.sign(purpose, number)
        return token

    def _token_url(self, path: str, purpose: Purpose, number: int) -> str:
        return f"{self._base}/{path}/{self._sign(purpose, number)}"

    def _registered(self, path: str, purpose: Purpose, tail: str = "") -> str:
        # A post about a registration, shown to somebody without one (the preview), still needs an address.
        if self._registration is None:
            return self.webinar
        return self._token_url(path, purpose, self._registration.id) + tail

    @property
    def unsubscribe(self) -> str:
        """One-click unsubscribe (RFC 8058): a POST acts, a GET shows a button."""
        return self._token_url("u", Purpose.UNSUBSCRIBE, self._delivery_id)

    @property
    def preferences(self) -> str:
        """What the reader may choose about all mails."""
        return self._token_url("p", Purpose.PREFERENCES, self._subscriber.id)

    @property
    def browser(self) -> str:
        """This message as a page."""
        return self._token_url("v", Purpose.BROWSER, self._delivery_id)

    @property
    def webinar(self) -> str:
        """The webinar's page, with the reader's address filled in."""
        token = self._sign(Purpose.REGISTER, self._subscriber.id)
        return f"{webinar_page(self._base, self._campaign)}?for={token}{self._clicked(WEBINAR_LINK)}"

    def session(self, name: str) -> str:
        """The webinar's page with this session chosen."""
        # A token is base64url, which no query needs to quote.
        token = self._sign(Purpose.REGISTER, self._subscriber.id)
        return f"{webinar_page(self._base, self._campaign, name)}&for={token}{self._clicked(session_link(name))}"

    def follow(self, address: str) -> str:
        """An address of somebody else's that the post links to: itself, or by way of our site, which counts it.

        The address stands in the link for everybody to read, and is signed: it is no door to anywhere else.
        """
        if self._counts is None:
            return address
        token = self._counts.sign(Purpose.CLICK, self._delivery_id, about=address)
        return f"{self._base}/c/{token}?to={quote(address, safe=PLAIN_IN_QUERY)}"

    def _clicked(self, link: str) -> str:
        # A page of ours needs no way round: it is told which mail its visitor comes from.
        if self._counts is None:
            return ""
        return f"&c={self._counts.sign(Purpose.CLICK, self._delivery_id, about=link)}"

    def post(self, name: str) -> str:
        """A post on the web: the campaign's page of that name."""
        return f"{self._base}/a/{quote(self._campaign)}/{quote(name)}"

    @property
    def join(self) -> str:
        """The page that leads into the meeting when it is time."""
        return self._registered("j", Purpose.JOIN)

    def join_of(self, registration: Registration) -> str:
        """The same page for another part of a series, which has a registration of its own."""
        return f"{self._base}/j/{self._keys.sign(Purpose.JOIN, registration.id)}"

    @property
    def calendar(self) -> str:
        """The calendar file of the registration."""
        return self._registered("j", Purpose.JOIN, "/calendar.ics")

    @property
    def cancel(self) -> str:
        """The page where the reader gives the seat back."""
        return self._registered("m", Purpose.MANAGE)


@lru_cache(maxsize=1024)
def webinar_page(base: str, campaign: str, session: str | None = None) -> str:
    """A webinar's page up to what is the reader's own: the same for everybody, and asked for several times a mail."""
    address = f"{base}/w/{quote(campaign)}"
    return address if session is None else f"{address}?{urlencode({'s': session})}"


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session in the reader's zone: `Tuesday, December 8`, `12:00 pm`, `New York time (UTC−5)`.

    Whoever prints the zone of a recorded one says that it is recorded; `place` is the zone alone.
    """

    name: str
    date: str
    day: str
    time: str
    zone: str
    place: str
    city: str
    starts_in: str
    link: str
    seats_left: int | None = None
    recorded: bool = False


def clock_words(moment: datetime) -> str:
    """`9:30 am`, for an aware local moment."""
    hour = moment.hour % 12 or 12
    return f"{hour}:{moment.minute:02d} {'am' if moment.hour < 12 else 'pm'}"


def day_words(moment: datetime, zone: str) -> str:
    """`Tuesday, December 8`, where the reader lives."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local:%A}, {local:%B} {local.day}"


def city_of(zone: str) -> str:
    """`New York` for America/New_York. Abbreviations such as CST mean several zones; cities mean one."""
    return "UTC" if zone == "UTC" else zone.rsplit("/", 1)[-1].replace("_", " ")


def offset_words(moment: datetime) -> str:
    """`UTC−5`, `UTC+5:45`: the offset at that very moment, not today's."""
    offset = moment.utcoffset() or timedelta()
    minutes = int(offset.total_seconds() // 60)
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02d}" if rest else "")


def remaining_words(left: timedelta) -> str:
    """How long until the start, from the real remaining time: `37 minutes`, `2 hours`, `3 days`, `now`."""
    minutes = int((left.total_seconds() + 30) // 60)
    if minutes <= 0:
        return "now"
    if minutes == 60:
        return "1 hour"
    if minutes < 90:
        return f"{minutes} minute{'s' if minutes != 1 else ''}"
    hours = (minutes + 30) // 60
    if hours < 36:
        return f"{hours} hours"
    days = (hours + 12) // 24
    return f"{days} days"


@lru_cache(maxsize=1024)
def _session_words(session: Session, zone: str, now: datetime) -> Mapping[str, str]:
    """What is the same for every reader of one zone at one moment, which a run asks for a hundred thousand times."""
    local = session.starts.astimezone(ZoneInfo(zone))
    city = city_of(zone)
    place = "UTC" if city == "UTC" else f"{city} time ({offset_words(local)})"
    return {
        "name": session.name,
        "date": f"{local:%B} {local.day}, {local.year}",
        "day": f"{local:%A}, {local:%B} {local.day}",
        "time": clock_words(local),
        "zone": f"{place}, {RECORDED}" if session.recorded else place,
        "place": place,
        "city": city,
        "starts_in": remaining_words(session.starts - now),
    }


def view_session(session: Session, zone: str, now: datetime, link: str, seats_left: int | None = None) -> SessionView:
    """A session in words, in one zone."""
    words = _session_words(session, zone, now)
    return SessionView(**words, link=link, seats_left=seats_left, recorded=session.recorded)


def open_sessions(
    sessions: Sequence[Session], zone: str, now: datetime, link: Callable[[str], str]
) -> tuple[SessionView, ...]:
    """The sessions that have not begun, soonest first."""
    coming = sorted((each for each in sessions if each.starts > now), key=lambda each: each.starts)
    return tuple(view_session(each, zone, now, link(each.name)) for each in coming)


def offered(campaign: Campaign | None, zone: str, now: datetime, link: Callable[[str], str]) -> tuple[SessionView, ...]:
    """The sessions of the campaign's webinar that a reader may choose from now."""
    if campaign is None or campaign.webinar is None:
        return ()
    webinar = campaign.webinar
    held = webinar.held if webinar.rule is None else regular_offers(webinar, zone, now)
    return open_sessions(held, zone, now, link)


def parts_left(campaign: Campaign | None, now: datetime) -> int:
    """How many parts of a series are not over; 0 where the webinar is none."""
    webinar = campaign.webinar if campaign is not None else None
    return len(parts_ahead(webinar, now)) if webinar is not None and webinar.is_series else 0


def session_words(
    campaign: Campaign | None, session: Session | None, zone: str, now: datetime
) -> tuple[SessionView, ...]:
    """All that a message says about sessions, but for the links: those on offer, and the reader's own."""
    views = offered(campaign, zone, now, lambda _: "")
    return views if session is None else (*views, view_session(session, zone, now, "own"))


def values_for(
    *,
    definition: ProjectDefinition,
    campaign: Campaign | None,
    mailing_list: MailingList | None,
    subscriber: Subscriber,
    session: Session | None,
    links: Links,
    zone: str,
    now: datetime,
    post: Mapping[str, str],
) -> dict[str, object]:
    """All names that a post may use, for one reader (DESIGN §6)."""
    known = {name: value for name, value in subscriber.fields.items() if value.strip()}
    values: dict[str, object] = {**definition.fields, **known}
    values.update(
        email=subscriber.email,
        links=links,
        project={"name": definition.name, "address": definition.address, "url": definition.url},
        list=None
        if mailing_list is None
        else {"name": mailing_list.name, "title": mailing_list.title, "promise": mailing_list.promise},
        post=post,
    )
    if campaign is not None and campaign.webinar is not None:
        webinar = campaign.webinar
        minutes = int(webinar.length.total_seconds() // 60)
        values["webinar"] = {"title": webinar.title, "length": f"{minutes} minutes", "parts": parts_left(campaign, now)}
        values["sessions"] = offered(campaign, zone, now, links.session)
        if session is not None:
            values["session"] = view_session(session, zone, now, links.session(session.name))
    return values
