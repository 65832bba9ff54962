"""Alembic's entry point; `store.migrate` hands it an open connection."""

from alembic import context

from meetfleet.store.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
