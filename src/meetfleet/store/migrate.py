"""Brings a database to the present schema: our tables by alembic, the job queue's by its own migration files."""

from importlib import resources
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from meetfleet.store.database import conninfo

_LOCK = 0x6D65_6574  # any number; only migrations take it
_QUEUE_STEPS = "job_queue_migrations"


def migrate(url: str) -> None:
    """Applies what is missing. Servers that start at the same time wait for each other; a second call does nothing.

    Args:
        url: `postgresql://...`.
    """
    engine = create_engine(make_url(conninfo(url)).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
        connection.commit()
        try:
            _migrate_queue(connection)
            _migrate_tables(connection)
        finally:
            connection.rollback()
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK})")
            connection.commit()
    engine.dispose()


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for this connection; also for writing a new revision."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _migrate_tables(connection: Connection) -> None:
    command.upgrade(alembic_config(connection), "head")
    connection.commit()


def _migrate_queue(connection: Connection) -> None:
    """A new database gets the queue's full schema, an older one the steps that its version of the queue lacked."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {_QUEUE_STEPS} (name text PRIMARY KEY)")
    applied = {row[0] for row in connection.exec_driver_sql(f"SELECT name FROM {_QUEUE_STEPS}")}
    steps = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    missing = [step for step in steps if step.name not in applied]
    if not applied:
        schema = resources.files("procrastinate.sql") / "schema.sql"
        raw.execute(schema.read_bytes())
    else:
        for step in missing:
            raw.execute(step.read_bytes())
    for step in missing:
        connection.exec_driver_sql(f"INSERT INTO {_QUEUE_STEPS} VALUES (%s)", (step.name,))
    connection.commit()
