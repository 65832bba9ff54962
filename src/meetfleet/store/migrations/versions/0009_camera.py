# pyright: reportUnknownArgumentType=false
"""Bots remember the pictures that they show as their camera."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bots", sa.Column("camera", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("bots", "camera")
