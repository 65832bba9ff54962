"""The embedded PostgreSQL against real processes: start, kill, recover."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from meetfleet.domain.errors import RunnerError
from meetfleet.store.embedded import DatabaseInUse, EmbeddedPostgres
from meetfleet.store.migrate import migrate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "postgres"


def query(postgres: EmbeddedPostgres, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(postgres.url(), autocommit=True, connect_timeout=5) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


def start_owner(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """A process that owns the database; returns it and the postmaster's pid."""
    program = (
        "import sys, time; from pathlib import Path; from meetfleet.store.embedded import EmbeddedPostgres\n"
        "postgres = EmbeddedPostgres(Path(sys.argv[1])); postgres.start()\n"
        "print(postgres.pid, flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    line = next(line for line in owner.stdout if line.strip().isdigit())
    return owner, int(line)


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_data_survives_a_stop_and_a_kill(folder: Path):
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    query(postgres, "CREATE TABLE kept AS SELECT 1 AS one")
    postgres.stop()

    postgres.start()
    query(postgres, "INSERT INTO kept VALUES (2)")
    assert postgres.pid is not None
    os.kill(postgres.pid, signal.SIGKILL)
    postgres.start()
    assert query(postgres, "SELECT one FROM kept ORDER BY one") == [(1,), (2,)]
    postgres.stop()
    assert not postgres.is_running


def test_it_never_runs_as_root_and_listens_on_no_port(folder: Path):
    with EmbeddedPostgres(folder, durable=False) as postgres:
        process = psutil.Process(postgres.pid)
        assert process.uids().effective != 0
        assert process.net_connections("inet") == []
        assert (postgres.socket_dir.stat().st_mode & 0o077) == 0


def test_a_second_owner_is_refused_while_the_first_lives(folder: Path):
    with EmbeddedPostgres(folder, durable=False) as postgres:
        with pytest.raises(DatabaseInUse):
            EmbeddedPostgres(folder).start()
        assert query(postgres, "SELECT 1") == [(1,)]


def test_after_its_owner_is_killed_a_new_owner_starts_and_finds_everything(folder: Path):
    owner, postmaster = start_owner(folder)
    url = EmbeddedPostgres(folder).url()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        owner.kill()
        owner.wait()
        with EmbeddedPostgres(folder) as postgres:
            assert postgres.pid != postmaster
            assert not is_alive(postmaster)
            assert query(postgres, "SELECT one FROM kept") == [(1,)]


def test_a_stopped_postmaster_of_a_killed_owner_is_replaced(folder: Path):
    """The kernel's signal at the owner's death stays pending for a frozen process: only force removes it."""
    owner, postmaster = start_owner(folder)
    psutil.Process(postmaster).suspend()
    owner.kill()
    owner.wait()
    successor = EmbeddedPostgres(folder, retire_s=0.5)
    with successor:
        assert not is_alive(postmaster)
        assert query(successor, "SELECT 1") == [(1,)]


def test_a_pid_file_that_names_a_living_stranger_is_cleared(folder: Path):
    with EmbeddedPostgres(folder) as postgres:
        query(postgres, "CREATE TABLE kept AS SELECT 1 AS one")
    (folder / "cluster" / "postmaster.pid").write_text(f"{os.getppid()}\n{folder / 'cluster'}\n1\n5432\n\n\n\n")
    with EmbeddedPostgres(folder) as postgres:
        assert query(postgres, "SELECT one FROM kept") == [(1,)]


def test_a_crash_while_the_data_folder_is_made_leaves_nothing_in_the_way(folder: Path):
    (folder / "cluster.new" / "base").mkdir(parents=True)
    with EmbeddedPostgres(folder, durable=False) as postgres:
        assert query(postgres, "SELECT 1") == [(1,)]


def test_damaged_data_is_reported_with_the_servers_own_words(folder: Path):
    with EmbeddedPostgres(folder, durable=False):
        pass
    (folder / "cluster" / "global" / "pg_control").unlink()
    with pytest.raises(RunnerError) as caught:
        EmbeddedPostgres(folder).start()
    assert "pg_control" in (caught.value.hint or "")


def test_a_deep_folder_still_gets_a_socket(folder: Path):
    deep = folder / ("d" * 60) / ("e" * 60)
    with EmbeddedPostgres(deep, durable=False) as postgres:
        assert query(postgres, "SELECT 1") == [(1,)]


def test_migrating_a_migrated_database_changes_nothing(database_url: str):
    def tables() -> set[str]:
        with psycopg.connect(database_url) as connection:
            rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            return {row[0] for row in rows}

    before = tables()
    migrate(database_url)
    assert tables() == before >= {"bots", "bot_events", "procrastinate_jobs", "alembic_version"}
