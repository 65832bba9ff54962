# pyright: reportUnknownArgumentType=false
"""Messages stand in lanes and can be replayed; endpoints remember since when they fail; notices for owners."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_PENDING = sa.text("status = 'pending'")


def upgrade() -> None:
    op.add_column("endpoints", sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("messages", sa.Column("lane", sa.String(), nullable=True))
    op.add_column("messages", sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE messages SET tries = attempt_count, lane = coalesce(endpoint_id::text, 'callback:' || "
        "coalesce(lower(substring(context->'callback'->>'url' from '^[^:]+://([^/:?#]+)')), ''))"
    )
    op.alter_column("messages", "lane", nullable=False)
    op.alter_column("messages", "tries", server_default=None)
    op.drop_index("ix_messages_pending", table_name="messages", postgresql_where=_PENDING)
    op.drop_index("ix_messages_pending_of_receiver", table_name="messages", postgresql_where=_PENDING)
    op.create_index(
        "ix_messages_pending_in_lane", "messages", ["lane", "next_attempt_at", "number"], postgresql_where=_PENDING
    )
    op.drop_index("ix_attempts_message_id", table_name="attempts")
    op.drop_constraint("pk_attempts", "attempts")
    op.drop_column("attempts", "id")
    op.create_primary_key("pk_attempts", "attempts", ["message_id", "number"])
    op.create_table(
        "owner_notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_owner_notices_team_id_teams")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owner_notices")),
    )
    op.create_index(
        "ix_owner_notices_team_id_created_at_id", "owner_notices", ["team_id", "created_at", "id"], unique=False
    )
    # Deliveries are no jobs any more; what was pending stays pending.
    op.execute("DELETE FROM procrastinate_jobs WHERE task_name = 'deliver' AND status = 'todo'")


def downgrade() -> None:
    op.drop_table("owner_notices")
    op.drop_constraint("pk_attempts", "attempts")
    op.add_column("attempts", sa.Column("id", sa.Uuid(), nullable=False, server_default=sa.text("gen_random_uuid()")))
    op.alter_column("attempts", "id", server_default=None)
    op.create_primary_key("pk_attempts", "attempts", ["id"])
    op.create_index("ix_attempts_message_id", "attempts", ["message_id"], unique=False)
    op.drop_index("ix_messages_pending_in_lane", table_name="messages", postgresql_where=_PENDING)
    op.create_index(
        "ix_messages_pending_of_receiver", "messages", ["endpoint_id", "bot_id", "number"], postgresql_where=_PENDING
    )
    op.create_index("ix_messages_pending", "messages", ["next_attempt_at"], postgresql_where=_PENDING)
    op.drop_column("messages", "tries")
    op.drop_column("messages", "lane")
    op.drop_column("endpoints", "failing_since")
