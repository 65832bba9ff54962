"""The migrations and the table classes must tell the same story."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from meetfleet.store.tables import Base


def test_the_migrated_schema_is_the_one_that_the_tables_describe(database_url: str):
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    engine.dispose()
    foreign = ("procrastinate_", "job_queue_migrations", "ix_procrastinate")
    assert [change for change in found if not any(name in str(change) for name in foreign)] == []
