# pyright: reportUnknownArgumentType=false
"""Tokens that a team owes, so that no account is ever below zero."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("token_accounts", sa.Column("owed", sa.Numeric(16, 4), nullable=False, server_default="0"))
    op.execute("UPDATE token_accounts SET owed = -available, available = 0 WHERE available < 0")
    op.execute(
        "INSERT INTO token_entries (id, team_id, turn, kind, amount, reason, at) "
        "SELECT gen_random_uuid(), team_id, 0, 'overdraft', owed, 'More was used than there was; it is owed.', now() "
        "FROM token_accounts WHERE owed > 0"
    )
    op.alter_column("token_accounts", "owed", server_default=None)


def downgrade() -> None:
    op.execute("UPDATE token_accounts SET available = available - owed")
    op.execute("DELETE FROM token_entries WHERE kind IN ('overdraft', 'repayment')")
    op.drop_column("token_accounts", "owed")
