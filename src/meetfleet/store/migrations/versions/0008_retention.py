# pyright: reportUnknownArgumentType=false
"""Holds on recordings, and an index to find those whose time is over."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "holds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("bot_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_holds_bot_id_bots")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    op.create_index("ix_holds_in_force", "holds", ["bot_id"], postgresql_where=sa.text("released_at IS NULL"))
    op.create_index(
        "ix_bots_kept",
        "bots",
        ["team_id", "ended_at"],
        postgresql_where=sa.text("artifacts_deleted_at IS NULL AND state IN ('completed', 'failed')"),
    )


def downgrade() -> None:
    op.drop_index("ix_bots_kept", "bots")
    op.drop_table("holds")
