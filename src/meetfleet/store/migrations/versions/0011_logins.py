# pyright: reportUnknownArgumentType=false
"""Workspaces, their logins, and which bot holds which."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "workspaces",
        *_identity(),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("cert_pem", sa.String(), nullable=True),
        sa.Column("private_key", sa.String(), nullable=True),
        *_state(),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_workspaces_team_id_teams")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
    )
    op.create_index("ix_workspaces_team_id", "workspaces", ["team_id"], unique=False)
    op.create_table(
        "logins",
        *_identity(),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("email_group", sa.String(), nullable=True),
        sa.Column("password", sa.String(), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        *_state(),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_logins_team_id_teams")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_logins_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logins")),
    )
    op.create_index("ix_logins_team_id", "logins", ["team_id"], unique=False)
    op.create_index(
        "ix_logins_workspace_id_email",
        "logins",
        ["workspace_id", sa.text("lower(email)")],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.add_column("bots", sa.Column("login_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_bots_login_id_logins"), "bots", "logins", ["login_id"], ["id"])
    op.create_index("ix_bots_login_id", "bots", ["login_id"], postgresql_where=sa.text("login_id IS NOT NULL"))


def downgrade() -> None:
    op.drop_index("ix_bots_login_id", table_name="bots")
    op.drop_constraint(op.f("fk_bots_login_id_logins"), "bots", type_="foreignkey")
    op.drop_column("bots", "login_id")
    op.drop_index("ix_logins_workspace_id_email", table_name="logins")
    op.drop_index("ix_logins_team_id", table_name="logins")
    op.drop_table("logins")
    op.drop_index("ix_workspaces_team_id", table_name="workspaces")
    op.drop_table("workspaces")


def _identity() -> list[sa.Column[object]]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
    ]


def _state() -> list[sa.Column[object]]:
    return [
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("failure_data", _json(), nullable=True),
        sa.Column("last_error_message", sa.String(), nullable=True),
        sa.Column("last_error_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("extra", _json(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
    ]


def _json() -> postgresql.JSONB:
    return postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
