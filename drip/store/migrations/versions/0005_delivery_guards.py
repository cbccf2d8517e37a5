"""Keep the pace of relays and domains, the breakers of broadcasts, and what send journals knew.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Moment = sa.BigInteger()
STATES = (
    "'due', 'claimed', 'sending', 'sent', 'bounced', 'failed', 'uncertain', 'skipped', 'held', 'cancelled', 'expired'"
)


def upgrade() -> None:
    """Makes the tables `pace`, `breaker`, `sent_before` and `send_journal`."""
    op.create_table(
        "pace",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("free_at", Moment, nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("days_before", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pace_pkey")),
    )
    op.create_table(
        "breaker",
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("tripped_at", Moment, nullable=True),
        sa.Column("released_at", Moment, nullable=True),
        sa.PrimaryKeyConstraint("occasion", name=op.f("breaker_pkey")),
    )
    op.create_table(
        "sent_before",
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("sent_before_state_check")),
        sa.PrimaryKeyConstraint("occasion", "mailbox", name=op.f("sent_before_pkey")),
    )
    op.create_table(
        "send_journal",
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("seen_at", Moment, nullable=False),
        sa.Column("awaited", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("send_journal_pkey")),
    )
