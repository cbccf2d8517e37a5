"""Let an enrollment keep the revision that it began with.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; nobody keeps a revision yet."""
    op.add_column("enrollment", sa.Column("revision_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite")))
