# pyright: reportUnknownArgumentType=false
"""Tokens: accounts of teams, the entries that explain them, and what each bot cost."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "token_accounts",
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("available", sa.Numeric(16, 4), nullable=False),
        sa.Column("reserved", sa.Numeric(16, 4), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_token_accounts_team_id_teams")),
        sa.PrimaryKeyConstraint("team_id", name=op.f("pk_token_accounts")),
    )
    op.create_table(
        "token_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("bot_id", sa.Uuid(), nullable=True),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("amount", sa.Numeric(16, 4), nullable=False),
        sa.Column("seconds", sa.Numeric(14, 3), nullable=True),
        sa.Column("rate", sa.Numeric(8, 4), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_token_entries_team_id_teams")),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_token_entries_bot_id_bots")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token_entries")),
        sa.UniqueConstraint("bot_id", "kind", "turn", name=op.f("uq_token_entries_bot_id")),
    )
    op.create_index("ix_token_entries_team_id_at", "token_entries", ["team_id", "at"])
    op.add_column("bots", sa.Column("tokens", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("bots", "tokens")
    op.drop_table("token_entries")
    op.drop_table("token_accounts")
