"""Let a broadcast of `drip send` have a priority; those of the files have theirs in the file.

Revision ID: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; whatever is planned keeps the priority that it had."""
    op.add_column("broadcast", sa.Column("priority", sa.Integer()))
