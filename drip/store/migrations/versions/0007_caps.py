"""Find quickly what one person got lately, and what else is due for them.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the indexes `delivery_last_broadcast` and `delivery_contending`."""
    sent = "kind = 3 AND state IN ('sent', 'uncertain')"
    due = "kind >= 2 AND state = 'due'"
    for name, columns, where in (
        ("delivery_last_broadcast", ["subscriber_id", "finished_at"], sent),
        ("delivery_contending", ["subscriber_id", "kind"], due),
    ):
        op.create_index(
            name,
            "delivery",
            columns,
            unique=False,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )
