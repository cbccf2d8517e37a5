"""Keep how long people were in a session, where a report says so.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.BigInteger()


def upgrade() -> None:
    """Makes the table `presence`."""
    op.create_table(
        "presence",
        sa.Column("registration_id", Id, nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.Column("first_join", Moment, nullable=True),
        sa.Column("last_leave", Moment, nullable=True),
        sa.ForeignKeyConstraint(["registration_id"], ["registration.id"], name=op.f("presence_registration_id_fkey")),
        sa.PrimaryKeyConstraint("registration_id", name=op.f("presence_pkey")),
    )
