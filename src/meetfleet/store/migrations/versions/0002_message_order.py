# pyright: reportUnknownArgumentType=false
"""Messages are numbered, so that a bot's reach a receiver in the order they were written."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("number", sa.BigInteger(), sa.Identity(), nullable=False))
    op.create_index(
        "ix_messages_pending_of_receiver",
        "messages",
        ["endpoint_id", "bot_id", "number"],
        postgresql_where=sa.text("status = 'pending'"),
    )


def downgrade() -> None:
    op.drop_index("ix_messages_pending_of_receiver", "messages")
    op.drop_column("messages", "number")
