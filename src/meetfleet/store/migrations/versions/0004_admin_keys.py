"""Admin keys belong to no team."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("api_keys", "team_id", existing_type=sa.Uuid(), nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM api_keys WHERE team_id IS NULL")
    op.alter_column("api_keys", "team_id", existing_type=sa.Uuid(), nullable=False)
