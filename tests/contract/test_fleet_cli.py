"""The command line as a user runs it."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from meetfleet.cli import main
from meetfleet.store.embedded import EmbeddedPostgres
from meetfleet.testing.stack import Service, start_server


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def meetfleet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Generator[Run]:
    """Runs a command as the installed script does, but in this process, which has loaded everything already."""

    def run(data: Path, *arguments: str) -> Done:
        for name, value in {"DATA": data, "ALLOW_PRIVATE_WEBHOOKS": 1}.items():
            monkeypatch.setenv(f"MEETFLEET_{name}", str(value))
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setattr(sys, "argv", ["meetfleet", *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        return Done(code, *capsys.readouterr())

    before = os.umask(0o022)
    os.umask(before)
    yield run
    os.umask(before)
    structlog.reset_defaults()
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Path, Service]]:
    """A running server without spares: no browser is needed here."""
    folder = tmp_path_factory.mktemp("cli")
    with start_server(folder, env={"MEETFLEET_WARM_SPARES": "0"}) as service:
        yield folder / "data", service


def test_help_is_there_without_loading_what_commands_need():
    program = (
        "import sys; sys.argv = ['meetfleet', '--help']\n"
        "from meetfleet.cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "heavy = {'sqlalchemy', 'fastapi', 'av', 'numpy', 'obstore', 'aiortc', 'procrastinate'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60).stdout
    for command in ("server", "lab", "tape", "artifacts", "keys", "webhooks", "bots", "doctor"):
        assert command in shown
    assert "HEAVY []" in shown


def test_commands_work_on_a_running_server(server: tuple[Path, Service], meetfleet: Run):
    data, _ = server
    key = meetfleet(data, "keys", "create", "for the build").stdout.strip()
    assert key.startswith("mf_live_")
    listed = meetfleet(data, "keys", "list").stdout
    assert "for the build" in listed
    assert key not in listed
    assert "Revoked 'for the build'" in meetfleet(data, "keys", "revoke", key[:14]).stdout
    assert "revoked" in meetfleet(data, "keys", "list").stdout

    endpoint, secret = meetfleet(data, "webhooks", "add", "http://127.0.0.1:9/hook").stdout.split()
    assert secret.startswith("whsec_")
    assert "http://127.0.0.1:9/hook" in meetfleet(data, "webhooks", "list").stdout
    message = meetfleet(data, "webhooks", "test", endpoint, "--event", "bot.failed").stdout.strip()
    assert message in meetfleet(data, "webhooks", "history", endpoint, "--event", "bot.failed").stdout
    assert "No" in meetfleet(data, "webhooks", "attempts", message).stdout
    assert "1 on their way again" in meetfleet(data, "webhooks", "replay", message).stdout
    assert meetfleet(data, "webhooks", "rotate", endpoint).stdout.startswith("whsec_")
    assert "off: by hand" in meetfleet(data, "webhooks", "disable", endpoint).stdout
    assert "on" in meetfleet(data, "webhooks", "enable", endpoint).stdout
    meetfleet(data, "webhooks", "update", endpoint, "--name", "Ours", "--event", "bot.failed")
    assert "Ours" in meetfleet(data, "webhooks", "list").stdout
    assert meetfleet(data, "webhooks", "remove", endpoint).stdout == "Removed.\n"
    assert "hook" not in meetfleet(data, "webhooks", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("bots", "show", "nobody"), "fits no bot"),
        (("keys", "revoke", "mf_live_nothing"), "No key"),
        (("keys", "create", "x" * 60), "1 to 50 characters"),
        (("webhooks", "add", "ftp://example.com"), "http"),
        (("webhooks", "remove", "x"), "no id of an endpoint"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(server: tuple[Path, Service], meetfleet: Run, arguments, said):
    done = meetfleet(server[0], *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_server_on_the_same_folder_is_refused(server: tuple[Path, Service], meetfleet: Run, monkeypatch):
    monkeypatch.setenv("MEETFLEET_PORT", "0")
    monkeypatch.setattr("meetfleet.app._PATIENCE_S", 0.2)
    done = meetfleet(server[0], "server", "--json")
    assert done.returncode == 1
    assert "Another process runs the database" in done.stderr


def test_without_a_server_commands_use_its_database_for_a_moment(tmp_path: Path, meetfleet: Run):
    assert "There is no server's data" in meetfleet(tmp_path, "keys", "list").stderr
    assert list(tmp_path.iterdir()) == []
    with EmbeddedPostgres(tmp_path / "postgres", durable=False):
        pass
    made = meetfleet(tmp_path, "keys", "create", "offline")
    assert made.stdout.startswith("mf_live_"), made.stderr
    assert "offline" in meetfleet(tmp_path, "keys", "list").stdout


def test_settings_that_cannot_be_read_are_named(tmp_path: Path, meetfleet: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MEETFLEET_PORT", "eighty")
    done = meetfleet(tmp_path, "server")
    assert (done.returncode, "MEETFLEET_PORT 'eighty'" in done.stderr) == (1, True)


def test_a_database_that_cannot_be_reached_is_said_in_a_sentence(
    tmp_path: Path, meetfleet: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MEETFLEET_PORT", "0")
    monkeypatch.setenv("MEETFLEET_DATABASE_URL", f"postgresql://me:hush@/nothing?host={tmp_path}")
    done = meetfleet(tmp_path, "server")
    assert done.returncode == 1
    assert "The database cannot be reached" in done.stderr
    assert "hush" not in done.stderr + done.stdout


def test_the_server_answers_on_the_database_of_a_url(tmp_path: Path, database_url: str):
    environ = {"MEETFLEET_DATABASE_URL": database_url, "MEETFLEET_WARM_SPARES": "0", "MEETFLEET_API_KEY": "k" * 20}
    with start_server(tmp_path, env=environ) as service:
        assert service.ready["api_key"] == "k" * 20
        assert not (tmp_path / "data" / "postgres").exists()
