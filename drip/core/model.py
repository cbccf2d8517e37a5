"""What the author defines: the project, and campaigns with their posts, sequences, steps, webinar and sessions.

Frozen data only, made by `drip.authoring.definition` from files. Records that the store keeps about people
are in `drip.core.records`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

from drip.core.burst import TIMES
from drip.core.caps import NORMAL, AtMost
from drip.core.evergreen import Rule
from drip.core.holding import Session as Session
from drip.core.hours import Closing as Closing
from drip.core.hours import Hours as Hours

# Named once more: conditions are part of the model, and found here beside what uses them.
from drip.core.terms import And as And
from drip.core.terms import Attended as Attended
from drip.core.terms import Clicked as Clicked
from drip.core.terms import Condition as Condition
from drip.core.terms import FieldIs as FieldIs
from drip.core.terms import HasTag as HasTag
from drip.core.terms import JoinedWithin as JoinedWithin
from drip.core.terms import Missed as Missed
from drip.core.terms import Not as Not
from drip.core.terms import OnList as OnList
from drip.core.terms import Or as Or
from drip.core.terms import Registered as Registered
from drip.core.terms import Term as Term
from drip.core.variants import Variant

NOTHING: Mapping[str, str] = MappingProxyType({})
NO_PACES: Mapping[str, int] = MappingProxyType({})


# --- the project (drip.yaml) -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mailbox:
    """`Lisa Rangel <lisa@example.com>`: a display name (may be empty) and an address."""

    name: str
    address: str


class OptIn(StrEnum):
    """How a subscription becomes active: after a confirmation mail (default), or at once."""

    CONFIRMED = "confirmed"
    SINGLE = "single"


@dataclass(frozen=True, slots=True)
class MailingList:
    """A permission: what people opted in to. `promise` is the sentence they agree to, kept with their consent."""

    name: str
    title: str
    promise: str
    opt_in: OptIn = OptIn.CONFIRMED


class RelayKind(StrEnum):
    """Where messages are handed to: an SMTP server, or a folder of .eml files."""

    SMTP = "smtp"
    FOLDER = "folder"


class Tls(StrEnum):
    """`required` (STARTTLS, the default off loopback), `implicit` (port 465), `off`."""

    REQUIRED = "required"
    IMPLICIT = "implicit"
    OFF = "off"


RESERVE_PERCENT = 10
"""Such a part of a relay's day is kept for confirmations and reminders, where drip.yaml does not say otherwise."""


@dataclass(frozen=True, slots=True)
class Relay:
    """A server that we hand mail to. `lanes` are parallel connections.

    `pace_per_minute`, `quota` (messages a day) and `warm_up` (those of the first day, then doubling): None is no limit.
    Of a day's messages `reserve`, else `reserve_percent` of them, are kept for confirmations and reminders.
    Relays with a `weight` share the messages; those without are used when the ones before them are away.
    """

    kind: RelayKind
    host: str = ""
    port: int = 587
    folder: str = ""
    user: str | None = None
    password_file: str | None = None
    password_env: str | None = None
    tls: Tls = Tls.REQUIRED
    lanes: int = 5
    pace_per_minute: int | None = None
    quota: int | None = None
    warm_up: int | None = None
    reserve: int | None = None
    reserve_percent: int = RESERVE_PERCENT
    weight: int | None = None


@dataclass(frozen=True, slots=True)
class Dkim:
    """Who signs, under which selector, with the key in which file."""

    domain: str
    selector: str
    key_file: str


@dataclass(frozen=True, slots=True)
class Brand:
    """Colors (`#` and six digits), logo and fonts of the author's mails and pages; "" where the layout's own serve."""

    color: str = ""
    dark_color: str = ""
    ground: str = ""
    logo: str = ""
    logo_alt: str = ""
    logo_width: int = 160
    font: str = ""
    title_font: str = ""


@dataclass(frozen=True, slots=True)
class ProjectDefinition:
    """drip.yaml: who sends, from where, to which lists. `fields` are fall-backs for fields not known of a reader.

    `test_mode` is the address that all mail goes to in place of its readers; "" when mail goes to the readers.
    `closed` are the days on which no sequence sends, `at_most` how much one person gets (rule 12), `burst` how many
    times the usual volume a run may send unasked (rule 15; None: no limit). `journal` is the folder of the send
    journal; "" is beside the database. `paces` are messages a minute by the domain of the readers' addresses.
    `own_sites` are where forms may lead on to (`https://www.example.com`).
    """

    name: str
    url: str
    address: str
    sender: Mailbox
    bounces: str
    timezone: str
    layout: str = "letter"
    language: str = "en"
    lists: tuple[MailingList, ...] = ()
    fields: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    store: str = "sqlite:///drip.db"
    relays: tuple[Relay, ...] = ()
    test_mode: str = ""
    brand: Brand = Brand()
    closed: tuple[Closing, ...] = ()
    journal: str = ""
    dkim: Dkim | None = None
    at_most: AtMost | None = None
    paces: Mapping[str, int] = field(default_factory=lambda: NO_PACES)
    burst: int | None = TIMES
    own_sites: tuple[str, ...] = ()

    def list_named(self, name: str) -> MailingList | None:
        """The list of that name, or None."""
        return next((each for each in self.lists if each.name == name), None)


# --- the little languages ----------------------------------------------------------------------------------


class Unit(StrEnum):
    """Units of a `when`. Minutes and hours are elapsed time; days and weeks are calendar days (rule 7)."""

    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"


class WhenKind(StrEnum):
    """What a `when` counts from."""

    AT_ONCE = "at once"
    LATER = "later"
    BEFORE_SESSION = "before session"
    AFTER_SESSION = "after session"
    AT = "at"


@dataclass(frozen=True, slots=True)
class When:
    """A parsed `when` phrase.

    LATER: `amount` `unit`s after the anchor, with days and weeks at `clock` if given.
    BEFORE_SESSION counts back from the session's start, AFTER_SESSION on from its end.
    AT: the wall clock `day` `clock`, in the reader's zone if `readers_time`, else in the campaign's.
    """

    phrase: str
    kind: WhenKind
    amount: int = 0
    unit: Unit = Unit.MINUTES
    clock: time | None = None
    day: date | None = None
    readers_time: bool = False


class TriggerKind(StrEnum):
    """What can start a sequence, complete it (goal) or stop it."""

    JOINS = "joins"
    LEAVES = "leaves"
    GETS_TAG = "gets tag"
    REGISTERS = "registers"
    CANCELS = "cancels"
    SESSION_ENDS = "session ends"
    LAST_SESSION_STARTS = "last session starts"
    CLICKS = "clicks"


@dataclass(frozen=True, slots=True)
class Trigger:
    """A parsed `start`, `goal` or `stop`; `argument` is the list, tag or post where the kind has one."""

    phrase: str
    kind: TriggerKind
    argument: str | None = None

    @property
    def knows_session(self) -> bool:
        """Whether an enrollment begun by this belongs to one registration, and so to one session."""
        return self.kind in (TriggerKind.REGISTERS, TriggerKind.SESSION_ENDS)


# --- a campaign --------------------------------------------------------------------------------------------


class Verb(StrEnum):
    """What a step does. TEST sends one of several posts, each to its part of the people (rule 14)."""

    SEND = "send"
    TEST = "test"
    TAG = "tag"
    UNTAG = "untag"
    JOIN = "join"
    LEAVE = "leave"
    NOTIFY = "notify"


MAILS = frozenset({Verb.SEND, Verb.TEST})
"""The verbs that send the reader something."""


class LatePolicy(StrEnum):
    """What happens to a delivery that is too late (rule 6): it is skipped, goes anyway, or the author is asked."""

    SKIP = "skip"
    SEND = "send"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a sequence: a verb with its target (a post, tag or list), `when`, perhaps `if`.

    `late` is how long after its due moment a step may still act; None means the default of rule 6. `late_then` is what
    happens after that; a step that mails nothing acts however late, unless it is skipped. `was` are the
    names that its target had before, so that a rename sends nothing twice; `reopen` lets it run also for people who
    are past its place (rule 9). `variants` are the posts of a test, whose target is its name.
    """

    sequence: str
    verb: Verb
    target: str
    when: When
    condition: Condition | None = None
    late: timedelta | None = None
    was: tuple[str, ...] = ()
    reopen: bool = False
    variants: tuple[Variant, ...] = ()
    late_then: LatePolicy = LatePolicy.SKIP

    @property
    def is_mail(self) -> bool:
        """Whether it sends the reader something."""
        return self.verb in MAILS

    @property
    def posts(self) -> tuple[str, ...]:
        """The posts that it may send: one, those of a test, or none."""
        if self.verb is Verb.TEST:
            return tuple(each.post for each in self.variants)
        return (self.target,) if self.verb is Verb.SEND else ()

    @property
    def identity(self) -> str:
        """`sequence/post`, or `sequence/tag:NAME` for steps that send nothing; what makes it the same step.

        A test is told by its name, whatever its variants: nobody gets two of them on one occasion.
        """
        return self._identity_of(self.target)

    @property
    def identities(self) -> frozenset[str]:
        """The identity of this step, and those that it had before it was renamed."""
        return _identities(self.sequence, self.verb, (self.target, *self.was))

    def _identity_of(self, target: str) -> str:
        return _identity(self.sequence, self.verb, target)


def _identity(sequence: str, verb: Verb, target: str) -> str:
    return f"{sequence}/{target}" if verb in MAILS else f"{sequence}/{verb.value}:{target}"


@lru_cache(maxsize=4096)
def _identities(sequence: str, verb: Verb, targets: tuple[str, ...]) -> frozenset[str]:
    """Asked for every step of a sequence at every decision, and always the same."""
    return frozenset(_identity(sequence, verb, each) for each in targets)


class AgainKind(StrEnum):
    """Whether somebody who went through a sequence may enter it again, and when."""

    NEVER = "never"
    AFTER = "after"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Again:
    """A parsed `again`. AFTER: `days` after the end of the last passage (rule 10)."""

    phrase: str
    kind: AgainKind
    days: int = 0


NEVER_AGAIN = Again("never", AgainKind.NEVER)


@dataclass(frozen=True, slots=True)
class Sequence:
    """Ordered steps on each person's own clock. `goal` completes it, `stop` abandons it.

    `is_pinned`: whoever enters goes through it as it was then.
    """

    name: str
    start: Trigger
    steps: tuple[Step, ...]
    goal: Trigger | None = None
    stop: Trigger | None = None
    hours: Hours | None = None
    again: Again = NEVER_AGAIN
    priority: int = NORMAL
    is_pinned: bool = False
    was: tuple[str, ...] = ()

    @property
    def list(self) -> str | None:
        """The list whose permission covers this sequence's posts; None for service mails about a registration."""
        return self.start.argument if self.start.kind is TriggerKind.JOINS else None

    @property
    def is_service(self) -> bool:
        """Whether its mails concern a registration that the reader made (no list permission needed)."""
        return self.start.knows_session or self.start.kind is TriggerKind.CANCELS


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One post to many at one calendar moment."""

    post: str
    list: str
    when: When
    where: Condition | None = None
    late: timedelta | None = None
    priority: int = NORMAL
    late_then: LatePolicy = LatePolicy.SKIP


class InviteMode(StrEnum):
    """What goes into the reader's calendar by mail: an invitation (iTIP REQUEST), a file to import, or nothing."""

    REQUEST = "request"
    PUBLISH = "publish"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Webinar:
    """The event that the posts lead to. `join` is the meeting's address, `replay` that of the recording; `{session}` in
    them is the session's name. A recording may be watched for `replay_for` after its session.

    Readers choose one of its sessions; of a series they register once and come to all, its parts. An evergreen one has
    no sessions of its own: its `rule` says when one may begin, and each comes into being when somebody picks it.
    """

    title: str
    length: timedelta
    join: str
    sessions: tuple[Session, ...]
    seats: int | None = None
    invite: InviteMode = InviteMode.REQUEST
    rule: Rule | None = None
    replay: str = ""
    replay_for: timedelta | None = None
    is_series: bool = False

    def replay_ends(self, session: Session) -> datetime | None:
        """Until when the recording of a session may be watched; None: for ever."""
        return session.ends + self.replay_for if self.replay_for is not None else None

    def session_named(self, name: str) -> Session | None:
        """The session of that name, or None. That of an evergreen one says itself when it begins, so it is found
        whatever the rule became since it was picked."""
        if self.rule is not None:
            return self.rule.session(name, self.length)
        return next((each for each in self.sessions if each.name == name), None)

    @property
    def held(self) -> tuple[Session, ...]:
        """The sessions that take place: all but the cancelled ones."""
        return tuple(each for each in self.sessions if not each.cancelled)

    @property
    def last_start(self) -> datetime | None:
        """When the last session that takes place starts (UTC), or None without one."""
        return max((each.starts for each in self.held), default=None)


@dataclass(frozen=True, slots=True)
class Post:
    """One Markdown file meant to be mailed: its front matter, and its text from `body_line` (from 1) of the file on."""

    name: str
    path: str
    subject: str
    preview: str
    body: str
    body_line: int = 1
    layout: str | None = None
    language: str | None = None
    head: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    @property
    def was(self) -> tuple[str, ...]:
        """The names that the file had before, as its front matter says."""
        return tuple(self.head.get("was", "").replace(",", " ").split())


@dataclass(frozen=True, slots=True)
class Campaign:
    """A folder: one purpose, its posts, sequences and broadcasts, perhaps a webinar."""

    name: str
    title: str
    timezone: str
    sender: Mailbox | None = None
    webinar: Webinar | None = None
    sequences: tuple[Sequence, ...] = ()
    broadcasts: tuple[Broadcast, ...] = ()
    posts: Mapping[str, Post] = field(default_factory=lambda: MappingProxyType({}))
    clicks: bool = False

    def sequence_named(self, name: str) -> Sequence | None:
        """The sequence of that name, or None."""
        return next((each for each in self.sequences if each.name == name), None)
