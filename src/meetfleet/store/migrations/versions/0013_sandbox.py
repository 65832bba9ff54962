"""Keys of the sandbox, and their bots."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLES = ("api_keys", "bots")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("is_sandbox", sa.Boolean(), nullable=False, server_default=sa.false()))
        op.alter_column(table, "is_sandbox", server_default=None)


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "is_sandbox")
