"""A call says whether its answer had been given before, and what that saved."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; what came before says nothing of it until the read models are made anew."""
    op.add_column("calls", sa.Column("cached", sa.Text, nullable=False, server_default=""))
    op.add_column("calls", sa.Column("saved_usd_micros", sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    """Takes them away: all that is in them is on the log."""
    op.drop_column("calls", "saved_usd_micros")
    op.drop_column("calls", "cached")
