"""A pytest plugin: one embedded PostgreSQL per run, and a database of its own for each test module.

Use: `pytest_plugins = ["meetfleet.testing.postgres"]` in the root conftest. The schema is made once, in a template that
PostgreSQL copies in some tens of milliseconds. With MEETFLEET_TEST_DATABASE_URL set, that server is used instead.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import make_url

from meetfleet.store.database import Database, conninfo
from meetfleet.store.embedded import EmbeddedPostgres
from meetfleet.store.migrate import migrate


class TestServer:
    """Makes and drops databases on one PostgreSQL server."""

    __test__ = False

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url
        self._template = f"template_{uuid4().hex[:12]}"
        self._sql(f"CREATE DATABASE {self._template}")
        migrate(self.url(self._template))

    def url(self, database: str) -> str:
        return make_url(self._admin_url).set(database=database).render_as_string(hide_password=False)

    def new_database(self) -> str:
        """URL of a fresh database that has the schema."""
        name = f"test_{uuid4().hex[:12]}"
        self._sql(f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return self.url(name)

    def drop(self, url: str) -> None:
        self._sql(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")

    def close(self) -> None:
        self._sql(f"DROP DATABASE IF EXISTS {self._template} WITH (FORCE)")

    def _sql(self, statement: str) -> None:
        with psycopg.connect(self._admin_url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres_server() -> Generator[TestServer]:
    """One server for the whole run; embedded, unless the environment names another."""
    given = os.environ.get("MEETFLEET_TEST_DATABASE_URL")
    if given:
        server = TestServer(conninfo(given))
        yield server
        server.close()
        return
    folder = Path(tempfile.mkdtemp(prefix="meetfleet-test-"))
    try:
        with EmbeddedPostgres(folder / "postgres", durable=False) as postgres:
            yield TestServer(postgres.url("postgres"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def database_url(postgres_server: TestServer) -> Generator[str]:
    """A database of this test module, dropped at its end."""
    url = postgres_server.new_database()
    yield url
    postgres_server.drop(url)


@pytest.fixture
async def database(database_url: str) -> AsyncGenerator[Database]:
    """The module's database; rows of earlier tests of the module are still in it."""
    database = Database(database_url, pool_size=5)
    yield database
    await database.close()
