# pyright: reportUnknownArgumentType=false
"""Transcriptions of recordings, and how much of a bot's recording was transcribed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "transcriptions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("bot_id", sa.Uuid(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("config", postgresql.JSONB(), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("engine", sa.String(), nullable=True),
        sa.Column("is_byok", sa.Boolean(), nullable=False),
        sa.Column("back_to", sa.String(length=40), nullable=False),
        sa.Column("back_reason", sa.String(length=40), nullable=True),
        sa.Column("pieces", postgresql.JSONB(), nullable=False),
        sa.Column("provider_ids", postgresql.JSONB(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("forget_failures", sa.Integer(), nullable=False),
        sa.Column("forgotten_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_transcriptions_bot_id_bots")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transcriptions")),
        sa.UniqueConstraint("bot_id", "n", name=op.f("uq_transcriptions_bot_id")),
    )
    for name in ("transcribed_s", "byok_transcribed_s"):
        op.add_column("bots", sa.Column(name, sa.Float(), nullable=False, server_default="0"))
        op.alter_column("bots", name, server_default=None)


def downgrade() -> None:
    op.drop_column("bots", "byok_transcribed_s")
    op.drop_column("bots", "transcribed_s")
    op.drop_table("transcriptions")
