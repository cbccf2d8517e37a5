"""Keep the line for sessions that are full.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.BigInteger()


def upgrade() -> None:
    """Makes the table `waiting`."""
    op.create_table(
        "waiting",
        sa.Column("registration_id", Id, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", Moment, nullable=False),
        sa.Column("offered_at", Moment, nullable=True),
        sa.Column("offer_expires", Moment, nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'offered', 'taken', 'lapsed', 'left')", name=op.f("waiting_state_check")
        ),
        sa.ForeignKeyConstraint(["registration_id"], ["registration.id"], name=op.f("waiting_registration_id_fkey")),
        sa.PrimaryKeyConstraint("registration_id", name=op.f("waiting_pkey")),
    )
    op.create_index(
        "waiting_line",
        "waiting",
        ["campaign", "session", "place"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "waiting_offered",
        "waiting",
        ["offer_expires"],
        unique=False,
        sqlite_where=sa.text("state = 'offered'"),
        postgresql_where=sa.text("state = 'offered'"),
    )
