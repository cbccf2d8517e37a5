"""The keys of drip.yaml and campaign.yaml: one table that drives the reader, the JSON Schema and the docs.

Says what may stand where, never what it means: that is `drip.authoring.read_project` and `read_campaign`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

# Names that authors give to lists, sequences, sessions, posts and tags: they become parts of addresses and commands.
NAME_PATTERN = "[a-z0-9][a-z0-9_-]{0,59}"
# The domain of an address, as DNS writes it.
DOMAIN_PATTERN = "[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?"
# Fields are names in Jinja.
FIELD_PATTERN = "[a-z][a-z0-9_]{0,59}"
# The people of drip tests.
PERSON_PATTERN = "[A-Za-z][A-Za-z0-9_-]{0,59}"


class Form(StrEnum):
    """How a value is written."""

    TEXT = "text"
    PROSE = "prose"  # text for people, where a lost ` #1` is worth a word
    CHOICE = "choice"
    COUNT = "count"  # a whole number from 1
    TABLE = "table"
    NAMED = "named"  # a table whose keys the author chooses
    ROWS = "rows"  # a list of tables
    TEXTS = "texts"  # a list of texts, or one text


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its name, form and meaning. `keys` are those of the tables below it; none: plain text values.

    `missing` names the problem where a required key is absent; one of the keys `unless` may stand in its place.
    `may_be_empty` allows a value of no characters.
    """

    name: str
    form: Form
    doc: str
    required: bool = False
    choices: tuple[str, ...] = ()
    pattern: str = NAME_PATTERN
    keys: tuple[Key, ...] = ()
    examples: tuple[str, ...] = ()
    missing: str = "missing-key"
    may_be_empty: bool = False
    unless: tuple[str, ...] = ()


_TIMEZONE = "An IANA time zone, such as America/New_York."
_FROM = "Who the posts come from: `Name <address>`."
_WHEN = (
    "`at once`, `N minutes|hours|days|weeks later [at H:MM]`, `N … before session`, `N … after session`, "
    "or in a broadcast `YYYY-MM-DD H:MM [reader's time]`."
)
_CONDITION = (
    "`attended`, `missed`, `registered`, `tag T`, `field F is V`, `on LIST`, `clicked POST`, `joined within 30 days`, "
    "joined by `and`, `or`, `not` and parentheses."
)
_TRIGGER = (
    "`joins LIST`, `leaves LIST`, `gets tag T`, `registers`, `cancels`, `session ends`, `last session starts` "
    "or `clicks POST`."
)
_CLOSED = "Days on which no sequence sends, such as holidays: `2026-12-24` or `2026-12-24..2026-12-26`. "
_PRIORITY = (
    "What goes first where `at-most` of drip.yaml lets only some go: `high`, `normal` (default), `low` or a number "
    "from 0 to 100."
)
_LATE = (
    "How long after its moment a post may still be sent, such as `3 days`. After that it is skipped, or what follows "
    "says: `3 days, then send` or `3 days, then ask`."
)

PROJECT_KEYS = (
    Key("name", Form.PROSE, "Who sends, as readers know them.", required=True, examples=("Chameleon Resumes",)),
    Key("url", Form.TEXT, "Where the public pages are: https, without a slash at the end.", required=True,
        examples=("https://mail.example.com",)),
    Key("address", Form.PROSE, "Your postal address, printed in every mail: the law asks for it.", required=True,
        missing="missing-address"),
    Key("from", Form.TEXT, _FROM, required=True, examples=("Lisa Rangel <lisa@example.com>",)),
    Key("bounces", Form.TEXT, "The address that bounces go to. Default: the address of `from`."),
    Key("timezone", Form.TEXT, _TIMEZONE, required=True, examples=("America/New_York",)),
    Key("layout", Form.TEXT, "The file in templates/ that frames a post, without .html. Default: letter."),
    Key("language", Form.TEXT, "The language of the posts as a BCP 47 tag. Default: en.", examples=("en", "pt-BR")),
    Key("brand", Form.TABLE, "How mails look: colors, logo and fonts of the three layouts.", keys=(
        Key("color", Form.TEXT, "The color of links and buttons, such as '#0b5f54' or 0b5f54.", examples=("0b5f54",)),
        Key("dark-color", Form.TEXT, "The same in dark mode. Default: a lighter shade of `color`.",
            examples=("5cc0ad",)),
        Key("ground", Form.TEXT, "The color behind the letter.", examples=("f3f1ec",)),
        Key("logo", Form.TEXT, "The https address of a PNG, JPEG or GIF, in place of the initials.",
            examples=("https://example.com/logo.png",)),
        Key("logo-alt", Form.PROSE, "What the logo says. Default: the name of the project."),
        Key("logo-width", Form.COUNT, "How many pixels wide the logo is shown. Default: 160."),
        Key("font", Form.TEXT, "The fonts of the text, the last of them serif, sans-serif or monospace.",
            examples=("Verdana, Arial, sans-serif",)),
        Key("title-font", Form.TEXT, "The fonts of titles and quotations. Default: that of `font`.",
            examples=("Georgia, 'Times New Roman', serif",)),
    )),
    Key("own-sites", Form.TEXTS, "Sites of yours to which a form may lead on (`drip embed --next`): scheme and host.",
        examples=("https://www.example.com",)),
    Key("lists", Form.NAMED, "What people can opt in to.", keys=(
        Key("title", Form.PROSE, "The name of the list as readers see it.", required=True),
        Key("promise", Form.PROSE, "What subscribers agree to; kept with their consent.", required=True),
        Key("opt-in", Form.CHOICE, "`confirmed` asks by mail first (default); `single` does not.",
            choices=("confirmed", "single")),
    )),
    Key("fields", Form.NAMED, "What posts may say of a reader, and what to say where it is not known.",
        pattern=FIELD_PATTERN, may_be_empty=True),
    Key("store", Form.TEXT, "The database. Default: sqlite:///drip.db.",
        examples=("sqlite:///drip.db", "postgresql://drip@localhost/drip")),
    Key("journal", Form.TEXT, "The folder of the send journal, which knows what was sent even when the database "
        "is restored from a backup. Default: beside a SQLite database, else `.drip/sends`."),
    Key("relays", Form.ROWS, "The servers that mail is handed to, in order: the next is used when one is away.", keys=(
        Key("server", Form.TEXT, "An SMTP server: `host` or `host:port`.", examples=("smtp.example.net:587",)),
        Key("folder", Form.TEXT, "A folder for .eml files, instead of a server.", examples=("outbox",)),
        Key("user", Form.TEXT, "The login name."),
        Key("password-file", Form.TEXT, "A file whose first line is the password."),
        Key("password-env", Form.TEXT, "An environment variable that holds the password."),
        Key("pace", Form.TEXT, "How fast to send at most, all runs together.", examples=("120 a minute", "2 a second")),
        Key("quota", Form.TEXT, "How many messages a day at most, by the project's clock.", examples=("5000 a day",)),
        Key("warm-up", Form.TEXT, "How many on the first day that it sends; twice as many on each day after, up to "
            "`quota`.", examples=("50 a day, doubling",)),
        Key("reserve", Form.TEXT, "How much of `quota` and `warm-up` is for confirmations and reminders alone, beside "
            "those that are planned for the day. Default: 10 %.", examples=("10 %", "200 a day")),
        Key("weight", Form.COUNT, "Its share, among the relays that have a weight. Those without follow when these "
            "are away."),
        Key("tls", Form.CHOICE, "`required`: STARTTLS (default); `implicit`: TLS from the first byte (default on "
            "port 465); `off` (default on this machine).", choices=("required", "implicit", "off")),
        Key("lanes", Form.COUNT, "Connections at the same time, at most. Default: 5."),
    )),
    Key("dkim", Form.TABLE, "Sign every message, where the relay does not.", keys=(
        Key("domain", Form.TEXT, "The domain that signs: that of `from`, or one above it.", required=True,
            examples=("example.com",)),
        Key("selector", Form.TEXT, "The name of the key in DNS: SELECTOR._domainkey.DOMAIN.", required=True,
            examples=("drip",)),
        Key("key-file", Form.TEXT, "A file with the private key, RSA or Ed25519, in PEM form.", required=True,
            examples=("/run/secrets/dkim.pem",)),
    )),
    Key("pace", Form.NAMED, "How fast readers of one domain are mailed at most, such as `gmail.com: 20 a minute`.",
        pattern=DOMAIN_PATTERN, examples=("20 a minute",)),
    Key("closed", Form.TEXTS, _CLOSED + "Sequences about a registration do not stop for them.",
        examples=("2026-12-24..2026-12-26",)),
    Key("at-most", Form.TEXT, "How many drip mails and newsletters one reader gets, whatever sends them; mails about a "
        "registration do not count.", examples=("1 a day, 3 a week",)),
    Key("burst", Form.TEXT, "How many times the drip mails of a usual day a run may send without asking; `off`: any "
        "number. Default: 5.", examples=("5", "off")),
    Key("test-mode", Form.TEXT, "While this is here, all mail goes to this address of yours, and none to readers.",
        examples=("me@example.com",)),
)  # fmt: skip

STEP_KEYS = (
    Key("send", Form.TEXT, "The post to send: its file name without .md."),
    Key("test", Form.TEXT, "The name of a test, which sends each reader one of its `variants`.",
        examples=("subject-line",)),
    Key("variants", Form.NAMED, "The posts of a test, each with its weight, a whole number from 1 to 100.",
        examples=("own-the-mistake: 1",)),
    Key("tag", Form.TEXT, "The tag to give the reader."),
    Key("untag", Form.TEXT, "The tag to take from the reader."),
    Key("join", Form.TEXT, "The list to put the reader on."),
    Key("leave", Form.TEXT, "The list to take the reader off."),
    Key("notify", Form.PROSE, "What to tell the author by mail."),
    Key("when", Form.TEXT, _WHEN, required=True, examples=("at once", "2 days later at 9:30", "1 day before session")),
    Key("if", Form.TEXT, _CONDITION, examples=("attended",)),
    Key("late", Form.TEXT, _LATE, examples=("3 days", "3 days, then ask")),
    Key("was", Form.TEXTS, "The name that the post, test, tag or list of this step had before it was renamed.",
        examples=("old-name",)),
    Key("reopen", Form.CHOICE, "`yes`: also for readers in the sequence who are past this place. Default: no.",
        choices=("yes", "no")),
)  # fmt: skip
STEP_VERBS = ("send", "test", "tag", "untag", "join", "leave", "notify")

CAMPAIGN_KEYS = (
    Key("title", Form.PROSE, "What this campaign is called.", required=True),
    Key("from", Form.TEXT, _FROM + " Default: that of drip.yaml."),
    Key("timezone", Form.TEXT, _TIMEZONE + " Default: that of drip.yaml."),
    Key("closed", Form.TEXTS, _CLOSED + "Those of drip.yaml hold, too.", examples=("2026-12-24..2026-12-26",)),
    Key("clicks", Form.CHOICE, "`yes`: count the links of all its posts that readers follow, of those who agreed. "
        "Default: only of posts that a `clicks POST` or `clicked POST` asks about.", choices=("yes", "no")),
    Key("webinar", Form.TABLE, "The event that this campaign leads to.", keys=(
        Key("title", Form.PROSE, "What the webinar is called.", required=True),
        Key("length", Form.TEXT, "How long a session takes.", required=True, examples=("60 minutes",)),
        Key("seats", Form.COUNT, "Seats in each session, or in the whole series. Default: no limit. Not for an "
            "evergreen webinar."),
        Key("invite", Form.CHOICE, "How sessions reach calendars by mail. Default: request.",
            choices=("request", "publish", "off")),
        Key("join", Form.TEXT, "The address of the meeting; `{session}` in it is the name of the session.",
            required=True, examples=("https://meet.example.com/{session}",)),
        Key("replay", Form.TEXT, "The address of the recording, for who had a seat; `{session}` in it is the name of "
            "the session. Default: none.", examples=("https://video.example.com/{session}",)),
        Key("replay-for", Form.TEXT, "How long after its session a recording may be watched. Default: for ever.",
            examples=("14 days",)),
        Key("sessions", Form.NAMED, "When it is held: a name and a moment on the campaign's clock for each. One that "
            "does not take place keeps its moment and says `cancelled` after it.",
            required=True, unless=("series", "evergreen"),
            examples=("2026-12-08 12:00", "2026-12-08 12:00 cancelled")),
        Key("series", Form.NAMED, "In place of `sessions`: the parts of a series, written in the same way. Readers "
            "register once and come to all of them.",
            examples=("2026-12-08 12:00", "2026-12-08 12:00 cancelled")),
        Key("evergreen", Form.TABLE, "In place of `sessions`: a recording that is shown again and again, by a rule. "
            "Each session comes into being when somebody picks it.", keys=(
                Key("starts", Form.TEXTS, "When it begins: days and times on the campaign's clock, or with `reader's "
                    "time` on that of whoever looks.", required=True, unless=("soon",),
                    examples=("every tuesday 18:00", "daily 10:00, 19:00 reader's time")),
                Key("soon", Form.CHOICE, "Offer the next full quarter, half or hour as well.",
                    choices=("next quarter hour", "next half hour", "next hour")),
                Key("hours", Form.TEXT, "When `soon` is offered, on the campaign's clock. Default: at any time.",
                    examples=("weekdays 9:00-21:00",)),
                Key("closed", Form.TEXTS, "Days without any session: `2026-12-24` or `2026-12-24..2026-12-26`.",
                    examples=("2026-12-24..2026-12-26",)),
            )),
    )),
    Key("sequences", Form.NAMED, "Steps on each reader's own clock.", keys=(
        Key("start", Form.TEXT, "Who enters, and when: " + _TRIGGER, required=True, examples=("registers",)),
        Key("goal", Form.TEXT, "What completes the sequence: " + _TRIGGER, examples=("registers",)),
        Key("stop", Form.TEXT, "What ends the sequence early: " + _TRIGGER, examples=("last session starts",)),
        Key("hours", Form.TEXT, "When posts may be sent, on the reader's clock.", examples=("weekdays 8:00-18:00",)),
        Key("closed", Form.TEXTS, _CLOSED + "Those of the campaign and of drip.yaml hold, too.",
            examples=("2026-12-24..2026-12-26",)),
        Key("was", Form.TEXTS, "The name that this sequence had before it was renamed: who is inside stays inside.",
            examples=("old-name",)),
        Key("again", Form.TEXT, "Whether a reader may go through it more than once: `never` (default), `after 90 days` "
            "or `always`.", examples=("never", "after 90 days", "always")),
        Key("priority", Form.TEXT, _PRIORITY, examples=("high", "normal", "low")),
        Key("pin", Form.CHOICE, "`enrollment`: readers go through the sequence as it was when they entered.",
            choices=("enrollment",)),
        Key("late", Form.TEXT, _LATE + " For all steps that do not say it themselves and do not depend on a session."),
        Key("steps", Form.ROWS, "What happens, in order.", required=True, missing="no-steps", keys=STEP_KEYS),
    )),
    Key("broadcasts", Form.ROWS, "Posts that go to many readers at one moment.", keys=(
        Key("send", Form.TEXT, "The post to send: its file name without .md.", required=True),
        Key("to", Form.TEXT, "The list that gets it.", required=True),
        Key("where", Form.TEXT, "Which of its subscribers: " + _CONDITION, examples=("not tag webinar-graduate",)),
        Key("when", Form.TEXT, _WHEN, required=True, examples=("2026-12-01 09:00 reader's time",)),
        Key("late", Form.TEXT, _LATE, examples=("6 hours", "1 day, then ask")),
        Key("priority", Form.TEXT, _PRIORITY, examples=("high", "normal", "low")),
    )),
)  # fmt: skip

# A drip test: a file in the tests/ folder of a campaign.
STORY_KEYS = (
    Key("title", Form.PROSE, "What this test holds, in a sentence.", required=True,
        examples=("Whoever registers is invited no more",)),
    Key("begins", Form.TEXT, "The day on which the campaign is applied, perhaps with a time, on the project's clock.",
        required=True, examples=("2026-11-19",)),
    Key("people", Form.NAMED, "Who is in it: a name for each.", required=True, pattern=PERSON_PATTERN, keys=(
        Key("zone", Form.TEXT, "The time zone that this person lives in. Default: that of drip.yaml.",
            examples=("Europe/Berlin",)),
        Key("fields", Form.NAMED, "What is known of this person.", pattern=FIELD_PATTERN),
        Key("does", Form.TEXTS, "What this person does, in order: a moment and a deed.", required=True,
            examples=("Thu 10:00 joins job-seekers",)),
        Key("gets", Form.TEXTS, "The posts that come, all of them and in order: a moment and a post. `...` where any "
            "others may come; `nothing` alone for none.", examples=("Mon 9:30 last-seats",)),
        Key("not", Form.TEXTS, "Posts that must never come.", examples=("last-seats",)),
        Key("ends", Form.NAMED, "How each sequence stands at the end: `done`, `goal`, `stopped`, `running`, `never` "
            "(did not begin), or the name of a reason."),
    )),
)  # fmt: skip

# The front matter of a post: each name with its meaning.
POST_KEYS = (
    Key("subject", Form.PROSE, "The subject line.", required=True, missing="missing-subject"),
    Key("preview", Form.PROSE, "The line that inboxes show behind the subject."),
    Key("was", Form.TEXT, "The name that this file had before it was renamed: who had it does not get it again."),
    Key("layout", Form.TEXT, "The file in templates/ that frames this post, without .html."),
    Key("language", Form.TEXT, "The language of this post as a BCP 47 tag."),
    Key("image", Form.TEXT, "The address of the picture that the layout `announcement` begins with."),
    Key("image-alt", Form.PROSE, "What that picture shows, for those who do not see it."),
    Key("attach", Form.TEXT, "Files beside the post that are attached, with commas between them."),
    Key("title", Form.PROSE, "The title on the blog; not mailed."),
    Key("date", Form.TEXT, "When it was written; not mailed."),
    Key("tags", Form.TEXT, "Tags on the blog; not mailed."),
    Key("slug", Form.TEXT, "Its name on the blog; not mailed."),
    Key("draft", Form.CHOICE, "`true` while it must not be sent.", choices=("true", "false")),
    Key(
        "archive",
        Form.CHOICE,
        "Whether everybody may read it on the web. Default: a broadcast to a whole list, yes.",
        choices=("true", "false"),
    ),
    Key("source", Form.TEXT, "Where it was imported from; not mailed."),
)

# Words that hold something secret wherever they stand as a key.
SECRET_WORDS = frozenset({"password", "passwd", "passphrase", "secret", "secret-key", "token", "api-key", "apikey"})

# What the engine gives to every post; a field of the same name would hide it.
GIVEN_NAMES = frozenset({"email", "links", "webinar", "session", "sessions", "project", "brand", "list", "post"})


def names_of(keys: Iterable[Key]) -> tuple[str, ...]:
    """The names of these keys."""
    return tuple(key.name for key in keys)
