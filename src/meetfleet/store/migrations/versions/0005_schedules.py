# pyright: reportUnknownArgumentType=false
"""Bots that are sent later: when they are due, and when any bot was really sent."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bots", sa.Column("join_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("bots", sa.Column("spawned_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE bots SET spawned_at = created_at WHERE state NOT IN ('scheduled', 'cancelled')")
    op.create_index("ix_bots_team_id_join_at_id", "bots", ["team_id", "join_at", "id"])
    op.create_index("ix_bots_due", "bots", ["join_at"], postgresql_where=sa.text("state = 'scheduled'"))
    op.create_index(
        "ix_bots_queue",
        "bots",
        ["spawned_at", "id"],
        postgresql_where=sa.text("state IN ('queued', 'pickup_delayed')"),
    )
    op.create_index("ix_bots_team_id_spawned_at_id", "bots", ["team_id", "spawned_at", "id"])
    op.drop_index("ix_bots_team_id_created_at_id", "bots")


def downgrade() -> None:
    op.create_index("ix_bots_team_id_created_at_id", "bots", ["team_id", "created_at", "id"])
    op.drop_index("ix_bots_team_id_spawned_at_id", "bots")
    op.drop_index("ix_bots_queue", "bots", postgresql_where=sa.text("state IN ('queued', 'pickup_delayed')"))
    op.drop_index("ix_bots_due", "bots", postgresql_where=sa.text("state = 'scheduled'"))
    op.drop_index("ix_bots_team_id_join_at_id", "bots")
    op.drop_column("bots", "spawned_at")
    op.drop_column("bots", "join_at")
