"""Remember when an edit last changed what somebody waits for.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; nobody has been moved by an edit yet."""
    op.add_column("enrollment", sa.Column("replanned_at", sa.BigInteger(), nullable=True))
