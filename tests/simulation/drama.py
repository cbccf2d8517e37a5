"""What a simulation plays, whoever plays it: people with their deeds, the weather, the edits of the author, the hours.

By one seed. The model (world.py) and the real engine (twin.py) play the same drama: nothing here looks into either of
them, and everything hangs on the person, the mail and the hour, never on what was played before.
"""

from __future__ import annotations

import hashlib
import heapq
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from drip.core.delivery import Outcome
from drip.core.records import Kind
from drip.core.when import local_to_utc, local_wall
from drip.rehearsal.crowd import AWAKE, ZONES
from drip.rehearsal.dice import Dice
from drip.rehearsal.relay import ACCEPTED, LATER, LOST, NO_MAILBOX, POLICY, UNKNOWN
from tests.simulation.plots import PROJECT, SESSIONS, Author, Plot, campaign_of

START = datetime(2026, 10, 12, 13, 0, tzinfo=UTC)
"""Before the clocks go back in Europe and in America, and forward in Lord Howe is over."""
EVERY = timedelta(minutes=20)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OTHER = {"letter": "news", "news": "letter"}


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody does at a moment: `ask` LIST, `confirm` LIST, `register` and `book` SESSION, `cancel`, `attend`,
    `tag`, `untag` TAG, `leave` LIST, `no` OCCASION (of the mail that is answered)."""

    what: str
    about: str = ""


@dataclass(slots=True)
class Soul:
    """One of the people, and what they did so far."""

    number: int
    email: str
    zone: str
    dice: Dice
    city: str
    has_mailbox: bool
    mails: int = 0
    has_asked: bool = False
    deeds: int = 0


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that the relay took."""

    soul: Soul
    occasion: str
    post: str
    kind: Kind
    list: str | None


@dataclass(frozen=True, slots=True)
class Weather:
    """What one call of cron runs into. `dies`: "", `before` anything, `between` planning and sending, or `sending`:
    with the `number`-th message, before the relay took it or after (`is_taken`)."""

    dies: str = ""
    number: int = 0
    is_taken: bool = False
    step: timedelta = timedelta()
    nap: timedelta = timedelta()


FAIR = Weather()


@dataclass(frozen=True, slots=True)
class Storminess:
    """How often each kind of trouble comes: for a call of cron, a try, an address, an hour."""

    naps: float = 0.0012
    deaths: float = 0.012
    steps: float = 0.006
    later: float = 0.06
    lost_before: float = 0.02
    policy: float = 0.005
    lost_after: float = 0.01
    no_mailbox: float = 0.01
    away: float = 0.01


CALM = Storminess(0, 0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(slots=True)
class Story:
    """What happened, to be compared and told."""

    taken: list[tuple[datetime, str, str]] = field(default_factory=list)
    deeds: list[tuple[datetime, str, str]] = field(default_factory=list)
    died: int = 0
    edits: int = 0
    steps: int = 0
    naps: int = 0
    tries: int = 0


class Drama(ABC):
    """One seed. The subclass lets things happen; this says what and when."""

    def __init__(
        self, seed: int, people: int, days: int, *, storminess: Storminess | None = None, edits: int = 5
    ) -> None:
        self.seed, self.days = seed, days
        self.dice = Dice("drama", seed)
        self.storminess = storminess or Storminess()
        self.now = START
        self.end = START + days * DAY
        self.story = Story()
        self.is_acting = True
        self._moment = self._awake_at = START
        self.author = Author(self.dice.about("author"))
        self.plots: list[Plot] = [self.author.write()]
        for number in range(edits):
            self.plots.append(self.author.edit(self.plots[-1], number))
        first = campaign_of(PROJECT, self.plots[0])
        assert first.webinar is not None
        self.first = first
        self.sessions = {each.name: each for each in first.webinar.sessions}
        assert set(self.sessions) == set(SESSIONS)
        self._agenda: list[tuple[datetime, int, int, Soul | None, Deed]] = []
        self.souls = [self._soul(number) for number in range(people)]
        for soul in self.souls:
            self._come(soul)
        weather = self.dice.about("edits")
        moments = sorted(START + weather.span(DAY, days * DAY, number) for number in range(edits))
        for number, moment in enumerate(moments, 1):
            self._put(moment, None, Deed("edit", str(number)))

    # --- people ------------------------------------------------------------------------------------------------------

    def _soul(self, number: int) -> Soul:
        dice = self.dice.about("soul", number)
        zone = ZONES[dice.pick([weight for _, weight in ZONES], "zone")][0]
        city = "Berlin" if dice.happens(0.3, "city") else "Rome"
        mailbox = not dice.happens(self.storminess.no_mailbox, "mailbox")
        return Soul(number, f"soul-{number}@example.org", zone, dice, city, mailbox)

    def _come(self, soul: Soul) -> None:
        dice = soul.dice
        day = local_wall(START, soul.zone) + dice.below(max(1, self.days * 2 // 3), "day") * DAY
        wall = day.replace(hour=dice.pick(AWAKE, "hour"), minute=dice.below(60, "minute"), second=dice.below(60, "s"))
        moment = max(START, local_to_utc(wall.replace(microsecond=0), soul.zone))
        door = dice.share("door")
        if door < 0.08:
            self._want_seat(soul, moment)
            return
        name = "letter" if door < 0.7 else "news"
        self._put(moment, soul, Deed("ask", name))
        if door > 0.9 or 0.6 < door < 0.7:
            self._put(moment + dice.span(MINUTE, 20 * DAY, "also"), soul, Deed("ask", OTHER[name]))

    def _put(self, moment: datetime, soul: Soul | None, deed: Deed) -> None:
        number = order = -1
        if soul is not None:
            soul.deeds += 1
            number, order = soul.number, soul.deeds
        heapq.heappush(self._agenda, (moment, number, order, soul, deed))

    def _want_seat(self, soul: Soul, moment: datetime) -> None:
        ahead = [name for name, each in self.sessions.items() if each.starts > moment + HOUR]
        if ahead and not soul.has_asked:
            soul.has_asked = True
            # The next one most often, so that most reminders have their time.
            chosen = ahead[max(0, soul.dice.below(len(ahead) + 1, "seat") - 1)]
            self._put(moment, soul, Deed("register", chosen))

    def read(self, letter: Letter, moment: datetime) -> None:
        """Somebody reads a mail, and perhaps does something about it."""
        soul, dice = letter.soul, letter.soul.dice
        if letter.kind is Kind.CONFIRMATION:
            if letter.post.startswith("confirm-") and dice.happens(0.88, "yes", letter.occasion):
                about = letter.occasion.split("/")
                deed = Deed("confirm", about[2]) if "subscription" in letter.post else Deed("book", about[3])
                self._put(moment + dice.span(MINUTE, 6 * HOUR, "soon", letter.occasion), soul, deed)
            return
        if letter.kind is Kind.REMINDER:
            return
        soul.mails += 1
        point = dice.share("mail", soul.mails)
        if point < 0.13:
            self._answer(letter, point, moment + dice.span(MINUTE, 12 * HOUR, "answer", soul.mails))

    def _answer(self, letter: Letter, point: float, moment: datetime) -> None:
        soul = letter.soul
        if point < 0.02:
            self._put(moment, soul, Deed("no", letter.occasion))
            if soul.dice.happens(0.4, "back", soul.mails):
                again = Deed("ask", letter.list or "letter")
                self._put(moment + soul.dice.span(HOUR, 20 * DAY, "return", soul.mails), soul, again)
        elif point < 0.07:
            self._want_seat(soul, moment)
        elif point < 0.09:
            self._put(moment, soul, Deed("tag", "vip"))
        elif point < 0.1:
            self._put(moment, soul, Deed("tag", "done"))
        elif point < 0.11:
            self._put(moment, soul, Deed("untag", "done"))
        elif point < 0.125:
            self._put(moment, soul, Deed("ask", OTHER.get(letter.list or "", "news")))
        else:
            self._put(moment, soul, Deed("leave", "news"))

    def booked(self, soul: Soul, name: str, moment: datetime) -> None:
        """Somebody has a seat now."""
        session, dice = self.sessions[name], soul.dice
        if dice.happens(0.1, "cancels"):
            later = moment + dice.span(MINUTE, max(2 * MINUTE, session.starts - moment), "later")
            self._put(later, soul, Deed("cancel", name))
        if dice.happens(0.5, "attends"):
            self._put(session.starts + 3 * MINUTE, soul, Deed("attend", name))

    # --- time and weather --------------------------------------------------------------------------------------------

    def play(self) -> Story:
        """From the first day to the last: deeds at their moments, cron every so often."""
        self.apply(0)
        self.go_on(self.end)
        return self.story

    def go_on(self, until: datetime) -> None:
        """Let time pass, from where it stands."""
        while self._moment <= until:
            moment = self._moment
            while self._agenda and self._agenda[0][0] <= moment:
                self.now, _, _, soul, deed = heapq.heappop(self._agenda)
                if self.is_acting:
                    self._act(soul, deed)
            self.now = moment
            if moment >= self._awake_at:
                self._call(moment)
            self._moment = moment + EVERY

    def _call(self, moment: datetime) -> None:
        weather = self.weather(moment)
        if weather.nap:
            self.story.naps += 1
            self._awake_at = moment + weather.nap
            return
        for letter in self.cron(moment, weather):
            self.read(letter, moment)

    def _act(self, soul: Soul | None, deed: Deed) -> None:
        if soul is None:
            number = int(deed.about)
            if self.plots[number] != self.plots[number - 1]:
                self.story.edits += 1
                self.apply(number)
            return
        self.story.deeds.append((self.now, soul.email, f"{deed.what} {deed.about}"))
        if self.act(soul, deed) == "booked":
            self.booked(soul, deed.about, self.now)

    def weather(self, moment: datetime) -> Weather:
        """What the call of cron at this moment runs into."""
        rough, hour = self.storminess, moment.isoformat()
        point = self.dice.share("weather", hour)
        if point >= rough.naps + rough.deaths + rough.steps:
            return FAIR
        dice = self.dice.about("bad", hour)
        if point < rough.naps:
            return Weather(nap=dice.span(HOUR, 4 * DAY, "nap"))
        if point < rough.naps + rough.steps:
            self.story.steps += 1
            return Weather(step=dice.span(-90 * MINUTE, 90 * MINUTE, "step"))
        fate = dice.below(4, "dies")
        if fate < 2:
            return Weather(dies=("before", "between")[fate])
        return Weather("sending", 1 + dice.below(4, "number"), dice.happens(0.5, "taken"))

    def is_away(self, moment: datetime) -> bool:
        """Whether the relay cannot be reached in this hour."""
        hour = int(moment.timestamp()) // 3600
        return self.storminess.away > 0 and self.dice.happens(self.storminess.away, "away", hour)

    def fate(self, soul: Soul, occasion: str, attempt: int) -> tuple[Outcome, bool]:
        """What the relay makes of one try: its verdict, and whether the message arrived."""
        self.story.tries += 1
        if not soul.has_mailbox:
            return NO_MAILBOX, False
        rough = self.storminess
        point = soul.dice.share("try", occasion, attempt)
        if point >= rough.later + rough.lost_before + rough.policy + rough.lost_after:
            return ACCEPTED, True
        for chance, outcome in ((rough.later, LATER), (rough.lost_before, LOST), (rough.policy, POLICY)):
            if point < chance:
                return outcome, False
            point -= chance
        return UNKNOWN, soul.dice.happens(0.5, "arrived", occasion, attempt)

    # --- who lets it happen ------------------------------------------------------------------------------------------

    @abstractmethod
    def apply(self, number: int) -> None:
        """Make plot `number` live."""

    @abstractmethod
    def act(self, soul: Soul, deed: Deed) -> str:
        """Let somebody do something; what it came to."""

    @abstractmethod
    def cron(self, moment: datetime, weather: Weather) -> Iterable[Letter]:
        """One call of cron; the mails that were taken and not read yet."""

    @abstractmethod
    def ends(self) -> list[str]:
        """How every delivery and every enrollment stands at the end, one line each."""

    def digest(self) -> str:
        """One word for everything that happened."""
        total = hashlib.sha256()
        for at, email, occasion in self.story.taken:
            total.update(f"{at.isoformat()} {email} {occasion}\n".encode())
        for at, email, deed in self.story.deeds:
            total.update(f"{at.isoformat()} {email} {deed}\n".encode())
        for line in self.ends():
            total.update(f"{line}\n".encode())
        return total.hexdigest()
