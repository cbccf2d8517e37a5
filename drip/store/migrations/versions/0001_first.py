"""The first schema.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.BigInteger()  # microseconds since 1970, UTC


def upgrade() -> None:
    """Makes every table."""
    people()
    applied()
    webinars()
    sequences()
    deliveries()
    attempts()
    journal()


def people() -> None:
    """The tables subscriber, tag, subscription, consent, suppression."""
    op.create_table(
        "subscriber",
        sa.Column("id", Id, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("zone", sa.Text(), nullable=True),
        sa.Column("fields", sa.Text(), server_default="{}", nullable=False),
        sa.Column("left_at", Moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("subscriber_pkey")),
        sa.UniqueConstraint("mailbox", name=op.f("subscriber_mailbox_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tag",
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("set_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("tag_subscriber_id_fkey")),
        sa.PrimaryKeyConstraint("subscriber_id", "tag", name=op.f("tag_pkey")),
    )
    op.create_table(
        "subscription",
        sa.Column("id", Id, nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_at", Moment, nullable=False),
        sa.Column("confirmed_at", Moment, nullable=True),
        sa.Column("ended_at", Moment, nullable=True),
        sa.CheckConstraint("state IN ('pending', 'active', 'ended')", name=op.f("subscription_state_check")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("subscription_subscriber_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("subscription_pkey")),
        sa.UniqueConstraint("subscriber_id", "list", name=op.f("subscription_subscriber_id_list_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "subscription_active",
        "subscription",
        ["list", "subscriber_id"],
        unique=False,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "consent",
        sa.Column("id", Id, nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('asked', 'confirmed', 'attested', 'withdrawn')", name=op.f("consent_kind_check")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("consent_subscriber_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("consent_pkey")),
    )
    op.create_index(op.f("consent_subscriber_id"), "consent", ["subscriber_id"], unique=False)
    op.create_table(
        "suppression",
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("mailbox", name=op.f("suppression_pkey")),
    )


def applied() -> None:
    """The tables revision, broadcast."""
    op.create_table(
        "revision",
        sa.Column("id", Id, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("applied_at", Moment, nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("revision_pkey")),
        sa.UniqueConstraint("campaign", "number", name=op.f("revision_campaign_number_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "broadcast",
        sa.Column("id", Id, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("due_at", Moment, nullable=False),
        sa.Column("revision_id", Id, nullable=False),
        sa.Column("where_phrase", sa.Text(), nullable=False),
        sa.Column("readers_time", sa.Boolean(), nullable=False),
        sa.Column("late_seconds", sa.Integer(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("planned_at", Moment, nullable=False),
        sa.Column("frozen_at", Moment, nullable=True),
        sa.Column("recipients", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("state IN ('planned', 'frozen', 'cancelled')", name=op.f("broadcast_state_check")),
        sa.ForeignKeyConstraint(["revision_id"], ["revision.id"], name=op.f("broadcast_revision_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("broadcast_pkey")),
        sa.UniqueConstraint("occasion", name=op.f("broadcast_occasion_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "broadcast_planned",
        "broadcast",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'planned'"),
        postgresql_where=sa.text("state = 'planned'"),
    )


def webinars() -> None:
    """The tables session, registration, attendance."""
    op.create_table(
        "session",
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("starts", Moment, nullable=False),
        sa.Column("ends", Moment, nullable=False),
        sa.Column("wall", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("closed_at", Moment, nullable=True),
        sa.Column("withdrawn_at", Moment, nullable=True),
        sa.PrimaryKeyConstraint("campaign", "name", name=op.f("session_pkey")),
    )
    op.create_table(
        "registration",
        sa.Column("id", Id, nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_at", Moment, nullable=False),
        sa.Column("confirmed_at", Moment, nullable=True),
        sa.Column("cancelled_at", Moment, nullable=True),
        sa.Column("zone", sa.Text(), nullable=True),
        sa.Column("calendar_sequence", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("state IN ('pending', 'booked', 'cancelled')", name=op.f("registration_state_check")),
        sa.ForeignKeyConstraint(
            ["campaign", "session"],
            ["session.campaign", "session.name"],
            name=op.f("registration_campaign_session_fkey"),
        ),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("registration_subscriber_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("registration_pkey")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "registration_open",
        "registration",
        ["subscriber_id", "campaign", "session"],
        unique=True,
        sqlite_where=sa.text("state IN ('pending', 'booked')"),
        postgresql_where=sa.text("state IN ('pending', 'booked')"),
    )
    op.create_index("registration_session", "registration", ["campaign", "session", "state"], unique=False)
    op.create_index("registration_subscriber", "registration", ["subscriber_id", "campaign"], unique=False)
    op.create_table(
        "attendance",
        sa.Column("registration_id", Id, nullable=False),
        sa.Column("attendance", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.CheckConstraint("attendance IN ('attended', 'missed', 'unknown')", name=op.f("attendance_attendance_check")),
        sa.ForeignKeyConstraint(["registration_id"], ["registration.id"], name=op.f("attendance_registration_id_fkey")),
        sa.PrimaryKeyConstraint("registration_id", name=op.f("attendance_pkey")),
    )


def sequences() -> None:
    """The tables enrollment, step_done."""
    op.create_table(
        "enrollment",
        sa.Column("id", Id, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("next_due", Moment, nullable=True),
        sa.Column("next_step", sa.Text(), nullable=True),
        sa.Column("registration_id", Id, nullable=True),
        sa.Column("ended_at", Moment, nullable=True),
        sa.Column("end_reason", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("state IN ('running', 'done', 'goal', 'stopped')", name=op.f("enrollment_state_check")),
        sa.ForeignKeyConstraint(["registration_id"], ["registration.id"], name=op.f("enrollment_registration_id_fkey")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("enrollment_subscriber_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("enrollment_pkey")),
        sa.UniqueConstraint(
            "subscriber_id",
            "campaign",
            "sequence",
            "occasion",
            name=op.f("enrollment_subscriber_id_campaign_sequence_occasion_key"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "enrollment_due",
        "enrollment",
        ["next_due"],
        unique=False,
        sqlite_where=sa.text("state = 'running' AND next_due IS NOT NULL"),
        postgresql_where=sa.text("state = 'running' AND next_due IS NOT NULL"),
    )
    op.create_table(
        "step_done",
        sa.Column("id", Id, nullable=False),
        sa.Column("enrollment_id", Id, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "did IN ('sent', 'acted', 'skipped', 'failed', 'uncertain')", name=op.f("step_done_did_check")
        ),
        sa.ForeignKeyConstraint(["enrollment_id"], ["enrollment.id"], name=op.f("step_done_enrollment_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("step_done_pkey")),
        sa.UniqueConstraint("enrollment_id", "step", name=op.f("step_done_enrollment_id_step_key")),
    )


def deliveries() -> None:
    """The table delivery."""
    op.create_table(
        "delivery",
        sa.Column("id", Id, nullable=False),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", Moment, nullable=False),
        sa.Column("planned_at", Moment, nullable=False),
        sa.Column("revision_id", Id, nullable=False),
        sa.Column("list", sa.Text(), nullable=True),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("enrollment_id", Id, nullable=True),
        sa.Column("registration_id", Id, nullable=True),
        sa.Column("subscription_id", Id, nullable=True),
        sa.Column("expires_at", Moment, nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_marked_at", Moment, nullable=True),
        sa.Column("marked_at", Moment, nullable=True),
        sa.Column("finished_at", Moment, nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "owner IS NOT NULL OR state NOT IN ('claimed', 'sending')", name=op.f("delivery_owner_check")
        ),
        sa.CheckConstraint(
            "state IN ('due', 'claimed', 'sending', 'sent', "
            "'bounced', 'failed', 'uncertain', 'skipped', 'held', 'cancelled', 'expired')",
            name=op.f("delivery_state_check"),
        ),
        sa.CheckConstraint("kind IN (0, 1, 2, 3)", name=op.f("delivery_kind_check")),
        sa.ForeignKeyConstraint(["enrollment_id"], ["enrollment.id"], name=op.f("delivery_enrollment_id_fkey")),
        sa.ForeignKeyConstraint(["registration_id"], ["registration.id"], name=op.f("delivery_registration_id_fkey")),
        sa.ForeignKeyConstraint(["revision_id"], ["revision.id"], name=op.f("delivery_revision_id_fkey")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("delivery_subscriber_id_fkey")),
        sa.ForeignKeyConstraint(["subscription_id"], ["subscription.id"], name=op.f("delivery_subscription_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("delivery_pkey")),
        sa.UniqueConstraint("occasion", "mailbox", name=op.f("delivery_occasion_mailbox_key")),
        postgresql_with={"fillfactor": 70},
        sqlite_autoincrement=True,
    )
    op.create_index(
        "delivery_asked",
        "delivery",
        ["mailbox", "planned_at"],
        unique=False,
        sqlite_where=sa.text("kind = 0"),
        postgresql_where=sa.text("kind = 0"),
    )
    op.create_index(
        "delivery_due",
        "delivery",
        ["kind", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'due'"),
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_index(
        "delivery_enrollment",
        "delivery",
        ["enrollment_id"],
        unique=False,
        sqlite_where=sa.text("state IN ('due', 'claimed', 'held')"),
        postgresql_where=sa.text("state IN ('due', 'claimed', 'held')"),
    )
    op.create_index(
        "delivery_last_drip",
        "delivery",
        ["subscriber_id", "finished_at"],
        unique=False,
        sqlite_where=sa.text("kind = 2 AND state IN ('sent', 'uncertain')"),
        postgresql_where=sa.text("kind = 2 AND state IN ('sent', 'uncertain')"),
    )
    op.create_index(
        "delivery_owner",
        "delivery",
        ["owner"],
        unique=False,
        sqlite_where=sa.text("state IN ('claimed', 'sending')"),
        postgresql_where=sa.text("state IN ('claimed', 'sending')"),
    )
    op.create_index(
        "delivery_unsettled",
        "delivery",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state IN ('uncertain', 'held')"),
        postgresql_where=sa.text("state IN ('uncertain', 'held')"),
    )
    op.create_index("delivery_subscriber", "delivery", ["subscriber_id"], unique=False)


def attempts() -> None:
    """The table attempt."""
    op.create_table(
        "attempt",
        sa.Column("delivery_id", Id, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("relay", sa.Text(), nullable=False),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("ended_at", Moment, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("enhanced", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("blame", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "blame IN ('address', 'policy', 'content', 'relay', 'none')", name=op.f("attempt_blame_check")
        ),
        sa.CheckConstraint(
            "outcome IN ('accepted', 'temporary', 'permanent', 'uncertain')", name=op.f("attempt_outcome_check")
        ),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("attempt_delivery_id_fkey")),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f("attempt_pkey")),
    )


def journal() -> None:
    """The tables meta, log, run."""
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("meta_pkey")),
    )
    op.create_table(
        "log",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subscriber_id", Id, nullable=True),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("log_subscriber_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("log_pkey")),
    )
    op.create_index(op.f("log_at"), "log", ["at"], unique=False)
    op.create_index(op.f("log_subscriber_id"), "log", ["subscriber_id"], unique=False)
    op.create_table(
        "run",
        sa.Column("id", Id, nullable=False),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("finished_at", Moment, nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("sent", sa.Integer(), server_default="0", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("run_pkey")),
    )
