"""Remember what is paused, and keep what stands still out of the queues.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.BigInteger()

QUEUES = (
    ("enrollment_due", "enrollment", ["next_due"], "state = 'running' AND next_due IS NOT NULL AND paused_at IS NULL"),
    ("delivery_due", "delivery", ["kind", "due_at", "id"], "state = 'due' AND paused_at IS NULL"),
)


def upgrade() -> None:
    """Makes the table `pause`, and the indexes of what is due anew; nothing has been paused yet."""
    op.create_table(
        "pause",
        sa.Column("id", Id, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.Column("paused_at", Moment, nullable=False),
        sa.Column("everything", sa.Boolean(), nullable=False),
        sa.Column("resumed_at", Moment, nullable=True),
        sa.Column("mode", sa.Text(), nullable=True),
        sa.CheckConstraint("mode IN ('shift', 'keep', 'skip-overdue')", name=op.f("pause_mode_check")),
        sa.CheckConstraint("(resumed_at IS NULL) = (mode IS NULL)", name=op.f("pause_resumed_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("pause_pkey")),
        sqlite_autoincrement=True,
    )
    op.create_index("pause_place", "pause", ["campaign", "sequence"])
    where = sa.text("resumed_at IS NULL")
    op.create_index(
        "pause_open", "pause", ["campaign", "sequence"], unique=True, sqlite_where=where, postgresql_where=where
    )
    for index, table, columns, live in QUEUES:
        op.add_column(table, sa.Column("paused_at", Moment, nullable=True))
        op.drop_index(index, table_name=table)
        op.create_index(index, table, columns, sqlite_where=sa.text(live), postgresql_where=sa.text(live))
