# pyright: reportUnknownArgumentType=false
"""Zoom apps of teams, and the tokens of Zoom users who authorised them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "zoom_credentials",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=True),
        sa.Column("client_secret", sa.String(), nullable=True),
        sa.Column("credential_type", sa.String(length=40), nullable=False),
        sa.Column("access_token", sa.String(), nullable=True),
        sa.Column("access_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refresh_token", sa.String(), nullable=True),
        sa.Column("renewing_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("zoom_user_id", sa.String(), nullable=True),
        sa.Column("zoom_account_id", sa.String(), nullable=True),
        sa.Column("zoom_email", sa.String(), nullable=True),
        sa.Column("zoom_display_name", sa.String(), nullable=True),
        sa.Column("scopes", sa.String(), nullable=True),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("last_error_message", sa.String(), nullable=True),
        sa.Column("last_error_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("extra", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_zoom_credentials_team_id_teams")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zoom_credentials")),
    )
    op.create_index("ix_zoom_credentials_team_id", "zoom_credentials", ["team_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_zoom_credentials_team_id", table_name="zoom_credentials")
    op.drop_table("zoom_credentials")
