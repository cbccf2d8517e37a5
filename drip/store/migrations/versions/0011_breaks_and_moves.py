"""Let readers take a break, and move to another address.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.BigInteger()


def upgrade() -> None:
    """Adds the columns of breaks and the table `address_change`; nobody has taken a break or moved yet."""
    op.add_column("subscriber", sa.Column("breaks", sa.Text(), nullable=True))
    op.add_column("subscriber", sa.Column("break_until", Moment, nullable=True))
    where = sa.text("break_until IS NOT NULL")
    op.create_index("subscriber_break", "subscriber", ["break_until"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "address_change",
        sa.Column("id", Id, nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("was_email", sa.Text(), nullable=False),
        sa.Column("was_mailbox", sa.Text(), nullable=False),
        sa.Column("asked_at", Moment, nullable=False),
        sa.Column("confirmed_at", Moment, nullable=True),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("address_change_subscriber_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("address_change_pkey")),
        sqlite_autoincrement=True,
    )
    op.create_index("address_change_subscriber_id", "address_change", ["subscriber_id"])
