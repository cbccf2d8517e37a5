"""`drip demo`: twelve readers live through the campaign in fast time, by real SMTP and real pages.

The readers know only what real ones know: the mails in their inbox and the buttons on the pages behind the links.
What they got is then held against the promises of DESIGN §2 by `drip.sandbox.promises`, from the outside.
"""

from __future__ import annotations

import heapq
import http.client
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from drip.core.model import Campaign
from drip.core.when import local_to_utc
from drip.errors import NotFound
from drip.sandbox.catcher import Caught
from drip.sandbox.promises import Deed, Doing, check_promises
from drip.sandbox.stage import Stage
from drip.simulate import FastClock, next_moment

CAMPAIGN = "six-deadly-mistakes"
ZONE = "America/New_York"
BEGINS = "2026-11-16 08:00"
WEEKS = 5
FORM = "application/x-www-form-urlencoded"


def wall(text: str) -> datetime:
    """A moment by the clock of New York."""
    return local_to_utc(datetime.strptime(text, "%Y-%m-%d %H:%M"), ZONE)  # noqa: DTZ007 - a wall clock, on purpose


@dataclass(slots=True)
class Reader:
    """One person, by what they are going to do. Durations count from the mail that they answer."""

    name: str
    email: str
    story: str
    joins: str
    zone: str = ZONE
    confirms: timedelta | None = timedelta(minutes=4)
    registers: tuple[int, str] | None = None
    registers_at: tuple[str, str] | None = None
    moves: tuple[timedelta, str] | None = None
    cancels: timedelta | None = None
    attends: bool = False
    unsubscribes_at: int | None = None
    scanned: bool = False
    asks_again: tuple[str, str] | None = None
    invites: int = 0
    lines: list[tuple[datetime, str]] = field(default_factory=list)


def readers() -> list[Reader]:
    """The twelve. Their names are invented."""
    day = timedelta(days=1)
    return [
        Reader("Ann", "ann@example.org", "registers after two mails, and comes", "2026-11-19 10:00",
               registers=(2, "tuesday-noon"), attends=True),
        Reader("Ben", "ben@example.org", "registers at the first mail, and does not come", "2026-11-23 09:15",
               registers=(1, "wednesday-evening")),
        Reader("Cleo", "cleo@example.org", "never confirms", "2026-11-19 11:00", confirms=None),
        Reader("Dan", "dan@example.org", "signs up on a Saturday night, reads all, never registers",
               "2026-11-21 22:30"),
        Reader("Eve", "eve@example.org", "unsubscribes at the second mail", "2026-11-20 08:30", unsubscribes_at=2),
        Reader("Finn", "finn@example.org", "mistyped the address: no such mailbox", "2026-11-20 12:00"),
        Reader("Gus", "gus@example.org", "registers 40 minutes before the session, and comes", "2026-12-07 18:00",
               registers_at=("2026-12-08 11:20", "tuesday-noon"), attends=True),
        Reader("Hana", "hana@example.org", "registers, moves to another session, comes", "2026-11-24 07:50",
               registers=(2, "tuesday-noon"), moves=(2 * day, "saturday-morning"), attends=True),
        Reader("Ivo", "ivo@example.org", "registers, and gives the seat back", "2026-11-25 16:20",
               registers=(1, "wednesday-evening"), cancels=3 * day),
        Reader("Jun", "jun@example.org", "lives in Tokyo, registers, comes at midnight", "2026-11-26 03:00",
               zone="Asia/Tokyo", registers=(3, "saturday-morning"), attends=True),
        Reader("Kim", "kim@example.org", "a scanner opens every link before Kim does", "2026-11-23 13:05",
               scanned=True),
        Reader("Lou", "lou@example.org", "asks twice, in two spellings", "2026-11-30 20:00",
               asks_again=("2026-12-03 21:00", "LOU@Example.ORG"), registers=(2, "wednesday-evening"), attends=True),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page answered."""

    status: int
    location: str
    text: str


def ask(method: str, url: str, data: dict[str, str] | None = None) -> Answer:
    """One request, as a browser without JavaScript makes it; redirects are not followed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        body = urlencode(data).encode() if data is not None else None
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body, {"Content-Type": FORM} if body is not None else {})
        response = connection.getresponse()
        return Answer(response.status, response.getheader("Location", ""), response.read().decode("utf-8", "replace"))
    finally:
        connection.close()


class Play:
    """The walk: the engine and the readers take turns, and the clock jumps from moment to moment."""

    def __init__(self, stage: Stage, clock: FastClock, cast: list[Reader], campaign: Campaign) -> None:
        self._stage = stage
        self._clock = clock
        self._campaign = campaign
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self._seen = 0
        self.cast = cast
        self.doings: list[Doing] = []
        self.ticks = 0
        for reader in cast:
            self._cast(reader)

    def run(self, until: datetime) -> None:
        """Play on to `until`."""
        while True:
            upcoming = [self._agenda[0][0]] if self._agenda else []
            due = next_moment(self._stage.project.engine)
            upcoming += [due] if due is not None else []
            if not upcoming or min(upcoming) > until:
                return
            self._clock.set(min(upcoming))
            while self._agenda and self._agenda[0][0] <= self._clock.now():
                heapq.heappop(self._agenda)[2]()
            self._stage.tick(self._clock.now())
            self.ticks += 1
            for mail in self._stage.catcher.since(self._seen):
                self._seen = mail.number
                self._arrived(mail)

    # --- what readers do -----------------------------------------------------------------------------------------

    def _at(self, moment: datetime, act: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (moment, next(self._order), act))

    def _did(self, reader: Reader, deed: Deed, line: str, detail: str = "") -> None:
        reader.lines.append((self._clock.now(), line))
        self.doings.append(Doing(self._clock.now(), reader.email, deed, detail))

    def _cast(self, reader: Reader) -> None:
        self._at(wall(reader.joins), lambda: self._sign_up(reader, reader.email))
        if reader.asks_again is not None:
            moment, spelling = reader.asks_again
            self._at(wall(moment), lambda: self._sign_up(reader, spelling))
        if reader.registers_at is not None:
            moment, session = reader.registers_at
            self._at(wall(moment), lambda: self._register(reader, f"/w/{CAMPAIGN}", session))

    def _page(self, path_or_url: str) -> str:
        """A link as this stage serves it."""
        parts = urlsplit(path_or_url)
        return self._stage.site.url + parts.path + (f"?{parts.query}" if parts.query else "")

    def _press(self, url: str, data: dict[str, str]) -> Answer:
        answer = ask("POST", self._page(url), data)
        if answer.status >= 400:
            raise AssertionError(f"POST {urlsplit(url).path} answered {answer.status}: {answer.text[:500]}")
        return answer

    def _sign_up(self, reader: Reader, email: str) -> None:
        form = {"email": email, "first_name": reader.name, "tz": reader.zone, "website": ""}
        self._press("/s/job-seekers", form)
        self._did(reader, Deed.ASKED, f"signs up as {email}")

    def _confirm(self, reader: Reader, url: str) -> None:
        self._press(url, {})
        self._did(reader, Deed.CONFIRMED, "presses the button: yes, send me the letter")

    def _register(self, reader: Reader, url: str, session: str) -> None:
        form = {"email": reader.email, "first_name": reader.name, "session": session, "tz": reader.zone, "website": ""}
        self._press(url, form)
        self._did(reader, Deed.ASKED, f"asks for a seat: {session}")

    def _book(self, reader: Reader, url: str, session: str) -> None:
        self._press(url, {})
        self._did(reader, Deed.REGISTERED, f"confirms the seat: {session}", session)
        if reader.moves is not None and session != reader.moves[1]:
            later, other = reader.moves
            self._at(self._clock.now() + later, lambda: self._register(reader, f"/w/{CAMPAIGN}", other))

    def _cancel(self, reader: Reader, url: str) -> None:
        self._press(url, {})
        self._did(reader, Deed.CANCELLED, "gives the seat back")

    def _join(self, reader: Reader, url: str) -> None:
        answer = self._press(url, {})
        self._did(reader, Deed.JOINED, f"joins ({answer.status} to {urlsplit(answer.location).netloc or 'a page'})")

    def _unsubscribe(self, reader: Reader, url: str) -> None:
        answer = self._press(url, {"List-Unsubscribe": "One-Click"})
        self._did(reader, Deed.UNSUBSCRIBED, f"one press on unsubscribe ({answer.status})")

    def _scan(self, reader: Reader, mail: Caught) -> None:
        """What mail gateways do: open every link, twice, before the person sees the mail."""
        links = sorted(set(re.findall(r'href="(http[^"]+)"', mail.part("html"))))
        for url in links:
            for method in ("HEAD", "GET"):
                ask(method, self._page(url.replace("&amp;", "&")))
        reader.lines.append((self._clock.now(), f"(a scanner opens {len(links)} links of it)"))

    # --- what readers get ----------------------------------------------------------------------------------------

    def _arrived(self, mail: Caught) -> None:
        reader = next(each for each in self.cast if each.email == mail.recipient.lower())
        post = mail.header("Feedback-ID").split(":")[1]
        reader.lines.append((mail.at, f"<- {post}: {mail.header('Subject')}"))
        if reader.scanned:
            self._scan(reader, mail)
        soon = timedelta(minutes=3)
        if post == "confirm-subscription" and reader.confirms is not None:
            self._after(reader.confirms, reader, mail, "/confirm/", self._confirm)
        elif post == "confirm-registration":
            session = self._wanted(reader)
            url = link(mail, "/b/")
            self._at(self._clock.now() + soon, lambda: self._book(reader, url, session))
        elif self._is_invite(post):
            reader.invites += 1
            self._answer_invite(reader, mail, soon)
        elif post == "you-are-in" and reader.cancels is not None:
            self._after(reader.cancels, reader, mail, "/m/", self._cancel)
        elif post == "we-are-live" and reader.attends:
            self._at(self._start_after(mail.at) + soon, lambda: self._join(reader, link(mail, "/j/")))

    def _answer_invite(self, reader: Reader, mail: Caught, soon: timedelta) -> None:
        if reader.unsubscribes_at == reader.invites:
            url = mail.header("List-Unsubscribe").strip("<>").split(">")[0]
            self._at(self._clock.now() + soon, lambda: self._unsubscribe(reader, url))
        if reader.registers is not None and reader.registers[0] == reader.invites:
            session = reader.registers[1]
            url = link(mail, "/w/")
            self._at(self._clock.now() + soon, lambda: self._register(reader, url, session))

    def _after(
        self, delay: timedelta, reader: Reader, mail: Caught, path: str, act: Callable[[Reader, str], None]
    ) -> None:
        url = link(mail, path)
        self._at(self._clock.now() + delay, lambda: act(reader, url))

    def _wanted(self, reader: Reader) -> str:
        """The session that the reader asked for last."""
        asked = [line for _, line in reader.lines if line.startswith("asks for a seat: ")]
        return asked[-1].partition(": ")[2]

    def _is_invite(self, post: str) -> bool:
        invite = self._campaign.sequence_named("invite")
        return invite is not None and any(post in each.posts for each in invite.steps)

    def _start_after(self, moment: datetime) -> datetime:
        webinar = self._campaign.webinar
        assert webinar is not None
        return min(each.starts for each in webinar.held if each.starts >= moment)


def link(mail: Caught, path: str) -> str:
    """The first link of a mail's text part that leads to `path`."""
    found = re.search(rf"https?://[^\s<>]*{re.escape(path)}[^\s<>]*", mail.part("plain"))
    assert found is not None, f"{mail.header('Subject')!r} has no link to {path}"
    return found[0]


def totals_of(stage: Stage) -> dict[str, int]:
    """Every delivery by its state, and how many were planned."""
    with stage.project.store.read() as work:
        return dict(work.delivery_counts())


def tell(play: Play, counts: dict[str, int], broken: list[str], say: Callable[[str], None]) -> None:
    """Print each reader's timeline, the totals, and the promises."""
    zone = ZoneInfo(ZONE)
    for reader in play.cast:
        say("")
        say(f"{reader.name}: {reader.story}")
        for moment, line in reader.lines:
            say(f"   {moment.astimezone(zone):%a %d %b %H:%M}   {line}")
    states = {name: number for name, number in counts.items() if name != "planned" and number}
    say("")
    say(
        f"deliveries: {counts['planned']} planned = "
        + " + ".join(f"{number} {name}" for name, number in states.items())
    )
    for line in broken:
        say(f"BROKEN: {line}")
    if not broken:
        say("promises: every delivery accounted for, no post twice, no invite after registering,")
        say("          no reminder after the start, nothing after unsubscribing, no GET that acted")


@dataclass(frozen=True, slots=True)
class Played:
    """What the demo came to."""

    counts: dict[str, int]
    broken: list[str]
    ticks: int
    mails: int


def play(
    root: Path,
    *,
    say: Callable[[str], None],
    progress: Callable[[str], None] = lambda _: None,
    keep_open: Callable[[Stage], None] | None = None,
) -> Played:
    """Play the demo on the project at `root`. `keep_open` gets the stage at the end, while it still stands."""
    clock = FastClock(wall(BEGINS))
    cast = readers()
    with tempfile.TemporaryDirectory(prefix="drip-demo-") as folder:
        nowhere = frozenset({"finn@example.org"})
        with Stage(root, Path(folder), clock, refuses=nowhere) as stage:
            engine = stage.project.engine
            with engine.store.read() as work:
                edition = engine.live.campaign(work, CAMPAIGN)
            campaign = edition.campaign if edition is not None else None
            if campaign is None:
                raise NotFound(f"the demo plays the campaign `{CAMPAIGN}`, which this project does not have")
            port = stage.catcher.port
            progress(f"{len(cast)} readers live through {WEEKS} weeks of `{CAMPAIGN}`, over SMTP on port {port}")
            walk = Play(stage, clock, cast, campaign)
            walk.run(wall(BEGINS) + timedelta(weeks=WEEKS))
            mails = stage.catcher.messages
            counts = totals_of(stage)
            broken = check_promises(mails, walk.doings, campaign, counts)
            tell(walk, counts, broken, say)
            if keep_open is not None:
                keep_open(stage)
            return Played(counts, broken, walk.ticks, len(mails))
