"""The tables. `docs/` draws them; migrations in `drip/store/migrations/` lead from every earlier form to this one.

Never holds a query. States are guarded by CHECKs made from the same enums as the code's. Indexes on states are
partial: they hold the live rows only, so that finished millions cost nothing (DESIGN §11).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from drip.core.delivery import Blame, DeliveryState, OutcomeKind
from drip.core.records import (
    Attendance,
    ConsentKind,
    Did,
    EnrollmentState,
    Kind,
    RegistrationState,
    ResumeMode,
    SubscriptionState,
)
from drip.core.seats import WaitingState
from drip.store.columns import Json, Moment, Prose, Rank, Word
from drip.store.naming import NAMES, PARTIAL, numbers, partial, words
from drip.store.results import BroadcastState

metadata = MetaData(naming_convention=NAMES)

# Tables with `sqlite_autoincrement` have ids that stand in signed links: an erased row's id must never come back as
# somebody else's. PostgreSQL's sequences never go back.
Id = BigInteger().with_variant(Integer, "sqlite")


def for_postgresql() -> None:
    """Tell the indexes and tables what PostgreSQL needs to know of them; called when one is opened.

    Naming its options above would load SQLAlchemy's whole PostgreSQL dialect into every idle run on SQLite.
    """
    for index, where in PARTIAL:
        index.dialect_options["postgresql"]["where"] = text(where)
    # Room in each page, so that a change of state stays there and indexes are spared (HOT updates).
    delivery.dialect_options["postgresql"]["with"] = {"fillfactor": 70}


# Alembic keeps the schema's number here; we read it without importing Alembic. The names are Alembic's.
schema_version = Table("schema_version", metadata, Column("version_num", String(32), primary_key=True))
schema_version.primary_key.name = "schema_version_pkc"

meta = Table("meta", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

# --- people --------------------------------------------------------------------------------------------------

subscriber = Table(
    "subscriber",
    metadata,
    Column("id", Id, primary_key=True),
    Column("email", Text, nullable=False),
    Column("mailbox", Text, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("zone", Text),
    Column("fields", Json, nullable=False, server_default="{}"),
    Column("left_at", Moment),
    Column("clicks_since", Moment),  # since when their clicks may be noted; empty: they may not
    Column("breaks", Json),  # of every break that they took: its begin and its end
    Column("break_until", Moment),  # the end of the last one
    sqlite_autoincrement=True,
)
partial("subscriber_break", "break_until IS NOT NULL", subscriber.c.break_until)

# Somebody's way from one address to another: asked for on the page, done by the button in a mail to the new one.
address_change = Table(
    "address_change",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subscriber_id", Id, ForeignKey(subscriber.c.id), nullable=False, index=True),
    Column("email", Text, nullable=False),
    Column("mailbox", Text, nullable=False),
    Column("was_email", Text, nullable=False),
    Column("was_mailbox", Text, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("confirmed_at", Moment),
    sqlite_autoincrement=True,
)

tag = Table(
    "tag",
    metadata,
    Column("subscriber_id", Id, ForeignKey(subscriber.c.id), primary_key=True),
    Column("tag", Text, primary_key=True),
    Column("set_at", Moment, nullable=False),
)

subscription = Table(
    "subscription",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subscriber_id", Id, ForeignKey(subscriber.c.id), nullable=False),
    Column("list", Text, nullable=False),
    Column("state", Word(SubscriptionState), nullable=False),
    Column("requested_at", Moment, nullable=False),
    Column("confirmed_at", Moment),
    Column("ended_at", Moment),
    words("state", SubscriptionState),
    UniqueConstraint("subscriber_id", "list"),
    sqlite_autoincrement=True,
)
partial("subscription_active", "state = 'active'", subscription.c.list, subscription.c.subscriber_id)

consent = Table(
    "consent",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subscriber_id", Id, ForeignKey(subscriber.c.id), nullable=False, index=True),
    Column("list", Text, nullable=False),
    Column("kind", Word(ConsentKind), nullable=False),
    Column("at", Moment, nullable=False),
    Column("place", Prose, nullable=False),
    Column("text", Prose, nullable=False),
    Column("ip", Prose, nullable=False),
    Column("agent", Prose, nullable=False),
    words("kind", ConsentKind),
)

suppression = Table(
    "suppression",
    metadata,
    Column("mailbox", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("note", Prose, nullable=False),
)

# --- what was applied ------------------------------------------------------------------------------------------

revision = Table(
    "revision",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("applied_at", Moment, nullable=False),
    Column("files", Json, nullable=False),
    UniqueConstraint("campaign", "number"),
    sqlite_autoincrement=True,
)

broadcast = Table(
    "broadcast",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign", Text, nullable=False),
    Column("post", Text, nullable=False),
    Column("list", Text, nullable=False),
    Column("occasion", Text, nullable=False, unique=True),
    Column("due_at", Moment, nullable=False),
    Column("revision_id", Id, ForeignKey(revision.c.id), nullable=False),
    Column("where_phrase", Text, nullable=False),
    Column("readers_time", Boolean, nullable=False),
    Column("late_seconds", Integer),
    Column("state", Word(BroadcastState), nullable=False),
    Column("planned_at", Moment, nullable=False),
    Column("frozen_at", Moment),
    Column("recipients", Integer, nullable=False, server_default="0"),
    Column("priority", Integer),  # of `drip send`; else the file says it
    words("state", BroadcastState),
    sqlite_autoincrement=True,
)
partial("broadcast_planned", "state = 'planned'", broadcast.c.due_at)

# --- webinars ----------------------------------------------------------------------------------------------------

session = Table(
    "session",
    metadata,
    Column("campaign", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("starts", Moment, nullable=False),
    Column("ends", Moment, nullable=False),
    Column("wall", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("closed_at", Moment),  # its end was acted on
    Column("withdrawn_at", Moment),  # no longer in the campaign; kept for those who are registered
)

registration = Table(
    "registration",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subscriber_id", Id, ForeignKey(subscriber.c.id), nullable=False),
    Column("campaign", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("state", Word(RegistrationState), nullable=False),
    Column("requested_at", Moment, nullable=False),
    Column("confirmed_at", Moment),
    Column("cancelled_at", Moment),
    Column("zone", Text),
    Column("calendar_sequence", Integer, nullable=False, server_default="0"),
    words("state", RegistrationState),
    ForeignKeyConstraint(["campaign", "session"], ["session.campaign", "session.name"]),
    sqlite_autoincrement=True,
)
Index("registration_subscriber", registration.c.subscriber_id, registration.c.campaign)
Index("registration_session", registration.c.campaign, registration.c.session, registration.c.state)
partial(
    "registration_open",
    "state IN ('pending', 'booked')",
    registration.c.subscriber_id,
    registration.c.campaign,
    registration.c.session,
    unique=True,
)

# The line for a full session: beside the registration, which stays pending until an offer is taken.
waiting = Table(
    "waiting",
    metadata,
    Column("registration_id", Id, ForeignKey(registration.c.id), primary_key=True),
    Column("campaign", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("place", Integer, nullable=False),
    Column("state", Word(WaitingState), nullable=False),
    Column("since", Moment, nullable=False),
    Column("offered_at", Moment),
    Column("offer_expires", Moment),
    words("state", WaitingState),
)
partial("waiting_line", "state = 'waiting'", waiting.c.campaign, waiting.c.session, waiting.c.place)
partial("waiting_offered", "state = 'offered'", waiting.c.offer_expires)

attendance = Table(
    "attendance",
    metadata,
    Column("registration_id", Id, ForeignKey(registration.c.id), primary_key=True),
    Column("attendance", Word(Attendance), nullable=False),
    Column("source", Prose, nullable=False),
    Column("at", Moment, nullable=False),
    words("attendance", Attendance),
)

# How long somebody was there, where a report says so: attendance itself stands above.
presence = Table(
    "presence",
    metadata,
    Column("registration_id", Id, ForeignKey(registration.c.id), primary_key=True),
    Column("minutes", Integer),
    Column("first_join", Moment),
    Column("last_leave", Moment),
)

# --- sequences ---------------------------------------------------------------------------------------------------

enrollment = Table(
    "enrollment",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign", Text, nullable=False),
    Column("sequence", Text, nullable=False),
    Column("subscriber_id", Id, ForeignKey(subscriber.c.id), nullable=False),
    Column("occasion", Text, nullable=False),
    Column("state", Word(EnrollmentState), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("next_due", Moment),
    Column("next_step", Text),  # the identity of the step that it waits for, where known
    Column("registration_id", Id, ForeignKey(registration.c.id)),
    Column("ended_at", Moment),
    Column("end_reason", Text, nullable=False, server_default=""),
    Column("replanned_at", Moment),  # when an edit last changed what it waits for
    Column("paused_at", Moment),  # its sequence is paused since then: it is in no queue, and waits for the resume
    Column("revision_id", Id),  # the revision that it keeps, if its sequence was pinned when it began
    words("state", EnrollmentState),
    UniqueConstraint("subscriber_id", "campaign", "sequence", "occasion"),
    sqlite_autoincrement=True,
)
partial("enrollment_due", "state = 'running' AND next_due IS NOT NULL AND paused_at IS NULL", enrollment.c.next_due)

step_done = Table(
    "step_done",
    metadata,
    Column("id", Id, primary_key=True),
    Column("enrollment_id", Id, ForeignKey(enrollment.c.id), nullable=False),
    Column("step", Text, nullable=False),
    Column("did", Word(Did), nullable=False),
    Column("at", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    words("did", Did),
    UniqueConstraint("enrollment_id", "step"),
)

# Which post of a test each person was given, once for all their passages.
variant = Table(
    "variant",
    metadata,
    Column("subscriber_id", Id, ForeignKey(subscriber.c.id), primary_key=True),
    Column("campaign", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("post", Text, nullable=False),
    Column("bucket", Integer, nullable=False),
    Column("given_at", Moment, nullable=False),
)

# What stands still, and what did: open while `resumed_at` is empty. The sequence "" is the campaign's broadcasts.
pause = Table(
    "pause",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign", Text, nullable=False),
    Column("sequence", Text, nullable=False),
    Column("paused_at", Moment, nullable=False),
    Column("everything", Boolean, nullable=False),
    Column("resumed_at", Moment),
    Column("mode", Word(ResumeMode)),
    words("mode", ResumeMode),
    CheckConstraint("(resumed_at IS NULL) = (mode IS NULL)", name="resumed"),
    sqlite_autoincrement=True,
)
Index("pause_place", pause.c.campaign, pause.c.sequence)
partial("pause_open", "resumed_at IS NULL", pause.c.campaign, pause.c.sequence, unique=True)

# --- deliveries ----------------------------------------------------------------------------------------------------

delivery = Table(
    "delivery",
    metadata,
    Column("id", Id, primary_key=True),
    Column("occasion", Text, nullable=False),
    Column("mailbox", Text, nullable=False),
    Column("subscriber_id", Id, ForeignKey(subscriber.c.id), nullable=False),
    Column("campaign", Text, nullable=False),
    Column("post", Text, nullable=False),
    Column("kind", Rank(Kind), nullable=False),
    Column("state", Word(DeliveryState), nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("planned_at", Moment, nullable=False),
    Column("revision_id", Id, ForeignKey(revision.c.id), nullable=False),
    Column("list", Text),
    Column("step", Text),
    Column("enrollment_id", Id, ForeignKey(enrollment.c.id)),
    Column("registration_id", Id, ForeignKey(registration.c.id)),
    Column("subscription_id", Id, ForeignKey(subscription.c.id)),
    Column("expires_at", Moment),
    Column("owner", Text),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("first_marked_at", Moment),
    Column("marked_at", Moment),
    Column("finished_at", Moment),
    Column("reason", Text, nullable=False, server_default=""),
    Column("paused_at", Moment),  # due, and in no queue until its sequence or campaign is resumed
    words("state", DeliveryState),
    numbers("kind", Kind),
    CheckConstraint("owner IS NOT NULL OR state NOT IN ('claimed', 'sending')", name="owner"),
    UniqueConstraint("occasion", "mailbox"),
    sqlite_autoincrement=True,
)
for name, columns, live in (
    ("delivery_due", ("kind", "due_at", "id"), "state = 'due' AND paused_at IS NULL"),
    ("delivery_owner", ("owner",), "state IN ('claimed', 'sending')"),
    ("delivery_enrollment", ("enrollment_id",), "state IN ('due', 'claimed', 'held')"),
    ("delivery_last_drip", ("subscriber_id", "finished_at"), "kind = 2 AND state IN ('sent', 'uncertain')"),
    ("delivery_last_broadcast", ("subscriber_id", "finished_at"), "kind = 3 AND state IN ('sent', 'uncertain')"),
    ("delivery_contending", ("subscriber_id", "kind"), "kind >= 2 AND state = 'due'"),
    ("delivery_unsettled", ("id",), "state IN ('uncertain', 'held')"),
    ("delivery_asked", ("mailbox", "planned_at"), "kind = 0"),
):
    partial(name, live, *(delivery.c[each] for each in columns))
Index("delivery_subscriber", delivery.c.subscriber_id)

attempt = Table(
    "attempt",
    metadata,
    Column("delivery_id", Id, ForeignKey(delivery.c.id), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("relay", Text, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment, nullable=False),
    Column("outcome", Word(OutcomeKind), nullable=False),
    Column("code", Integer, nullable=False),
    Column("enhanced", Prose, nullable=False),
    Column("text", Prose, nullable=False),
    Column("blame", Word(Blame), nullable=False),
    words("outcome", OutcomeKind),
    words("blame", Blame),
)

# One row for a mail and a link in it, for readers who agreed. `seen_at` may be theirs, `clicked_at` is.
click = Table(
    "click",
    metadata,
    Column("delivery_id", Id, ForeignKey(delivery.c.id), primary_key=True),
    Column("link", Text, primary_key=True),
    Column("subscriber_id", Id, ForeignKey(subscriber.c.id), nullable=False, index=True),
    Column("campaign", Text, nullable=False),
    Column("post", Text, nullable=False),
    Column("fetched_at", Moment, nullable=False),
    Column("seen_at", Moment),
    Column("settles_at", Moment),  # when it is taken for the reader's own, if nothing speaks against it until then
    Column("clicked_at", Moment),
    Column("machines", Integer, nullable=False, server_default="0"),
)
partial("click_unsettled", "settles_at IS NOT NULL", click.c.settles_at)
partial("click_people", "clicked_at IS NOT NULL", click.c.subscriber_id, click.c.campaign, click.c.post)

# --- guards of sending -------------------------------------------------------------------------------------------

# One row for each relay and each domain that has a pace, a quota or a warm-up; all runs share it.
pace = Table(
    "pace",
    metadata,
    Column("name", Text, primary_key=True),
    Column("free_at", Moment, nullable=False),  # from when the next message may go
    Column("day", Text, nullable=False),  # the day, on the project's clock, that `used` counts
    Column("used", Integer, nullable=False),
    Column("days_before", Integer, nullable=False),  # earlier days on which it sent: where a warm-up stands
)

# The first outcomes of a broadcast; too many refusals trip it.
breaker = Table(
    "breaker",
    metadata,
    Column("occasion", Text, primary_key=True),
    Column("accepted", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("tripped_at", Moment),
    Column("released_at", Moment),
)

# What a send journal knew and a restored database did not. Empty but after a repair; asked by every mark.
sent_before = Table(
    "sent_before",
    metadata,
    Column("occasion", Text, primary_key=True),
    Column("mailbox", Text, primary_key=True),
    Column("state", Word(DeliveryState), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    words("state", DeliveryState),
)

# Where send journals lie: after a repair on one machine, nothing is sent until the others have been compared, too.
send_journal = Table(
    "send_journal",
    metadata,
    Column("place", Text, primary_key=True),
    Column("seen_at", Moment, nullable=False),
    Column("awaited", Boolean, nullable=False),
)

# --- the journal ------------------------------------------------------------------------------------------------

log = Table(
    "log",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("subscriber_id", Id, ForeignKey(subscriber.c.id), index=True),
    Column("campaign", Text, nullable=False),
    Column("subject", Prose, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Prose, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("id", Id, primary_key=True),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("owner", Text, nullable=False),
    Column("sent", Integer, nullable=False, server_default="0"),
    Column("note", Prose, nullable=False, server_default=""),
)
