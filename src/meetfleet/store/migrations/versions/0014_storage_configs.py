# pyright: reportUnknownArgumentType=false
"""Buckets of teams' own, and which bot's recording lies where."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "storage_configs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("force_path_style", sa.Boolean(), nullable=False),
        sa.Column("artifacts_bucket", sa.String(), nullable=False),
        sa.Column("audio_chunks_bucket", sa.String(), nullable=False),
        sa.Column("logs_bucket", sa.String(), nullable=False),
        sa.Column("allow_transient_spill", sa.Boolean(), nullable=False),
        sa.Column("ingest_access_key_id", sa.String(), nullable=False),
        sa.Column("ingest_secret_access_key", sa.String(), nullable=False),
        sa.Column("service_access_key_id", sa.String(), nullable=False),
        sa.Column("service_secret_access_key", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("last_verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error_message", sa.String(), nullable=True),
        sa.Column("last_error_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_storage_configs_team_id_teams")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_storage_configs")),
    )
    op.create_index(
        "ix_storage_configs_team_id",
        "storage_configs",
        ["team_id"],
        unique=True,
        postgresql_where=sa.text("replaced_at IS NULL"),
    )
    op.add_column("bots", sa.Column("storage_config_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_bots_storage_config_id_storage_configs"), "bots", "storage_configs", ["storage_config_id"], ["id"]
    )


def downgrade() -> None:
    op.drop_constraint(op.f("fk_bots_storage_config_id_storage_configs"), "bots", type_="foreignkey")
    op.drop_column("bots", "storage_config_id")
    op.drop_index("ix_storage_configs_team_id", table_name="storage_configs")
    op.drop_table("storage_configs")
