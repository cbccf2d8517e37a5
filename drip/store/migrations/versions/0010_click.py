"""Note whose clicks may be noted, and the clicks in links of mails.

Revision ID: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNSETTLED = sa.text("settles_at IS NOT NULL")
CLICKED = sa.text("clicked_at IS NOT NULL")


def upgrade() -> None:
    """Adds the column and makes the table; nobody has agreed yet, and nobody has clicked."""
    op.add_column("subscriber", sa.Column("clicks_since", sa.BigInteger()))
    op.create_table(
        "click",
        sa.Column("delivery_id", Id, nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger()),
        sa.Column("settles_at", sa.BigInteger()),
        sa.Column("clicked_at", sa.BigInteger()),
        sa.Column("machines", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("click_delivery_id_fkey")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("click_subscriber_id_fkey")),
        sa.PrimaryKeyConstraint("delivery_id", "link", name=op.f("click_pkey")),
    )
    op.create_index("click_subscriber_id", "click", ["subscriber_id"])
    for name, columns, where in (
        ("click_unsettled", ["settles_at"], UNSETTLED),
        ("click_people", ["subscriber_id", "campaign", "post"], CLICKED),
    ):
        op.create_index(name, "click", columns, sqlite_where=where, postgresql_where=where)
