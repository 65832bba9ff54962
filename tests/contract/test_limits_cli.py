"""Teams, usage and retention on the command line."""

import json
import logging
import os
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import structlog

from meetfleet.cli import main

Run = Callable[..., str]


@pytest.fixture
def meetfleet(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Generator[Run]:
    """Runs a command in this process, on the test's database."""

    def run(*arguments: str, fails: bool = False) -> str:
        monkeypatch.setenv("MEETFLEET_DATABASE_URL", database_url)
        monkeypatch.setenv("MEETFLEET_DATA", str(tmp_path))
        monkeypatch.setenv("COLUMNS", "220")
        monkeypatch.setattr(sys, "argv", ["meetfleet", *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        assert (code != 0) == fails, err
        return err if fails else out

    before = os.umask(0o022)
    os.umask(before)
    yield run
    os.umask(before)
    structlog.reset_defaults()
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)


def row(table: str, start: str) -> str:
    return next(line for line in table.splitlines() if line.startswith(start))


def test_a_team_is_made_given_a_key_limits_and_tokens(meetfleet: Run):
    team_id = meetfleet("teams", "create", "Sales", "--plan", "payg").strip()
    key = meetfleet("keys", "create", "CRM", "--team", "Sales", "--permissions", "sending").strip()
    listed = row(meetfleet("keys", "list", "--team", team_id), key[:14])
    assert "CRM" in listed
    assert "sending" in listed
    assert "never" in listed
    assert key not in listed

    shown = meetfleet("teams", "show", "Sales")
    assert row(shown, "bots_per_day").split() == ["bots_per_day", "75", "plan", "payg"]
    meetfleet("teams", "set", "Sales", "--plan", "pro", "--limit", "bots_per_day=9", "--limit", "retention_days=none")
    shown = meetfleet("teams", "show", "Sales")
    assert row(shown, "bots_per_day").split() == ["bots_per_day", "9", "the", "team"]
    assert "no limit" in row(shown, "retention_days")
    assert row(shown, "requests_per_second").split()[1] == "10"
    meetfleet("teams", "set", "Sales", "--limit", "bots_per_day=plan")
    assert row(meetfleet("teams", "show", "Sales"), "bots_per_day").split()[1] == "300"

    assert "12.5" in meetfleet("teams", "grant", "Sales", "12.5", "--reason", "November")
    assert "12.5000 (ok)" in row(meetfleet("teams", "list"), "Sales")
    assert "not billed" in row(meetfleet("teams", "list"), "default")


def test_usage_explains_every_entry(meetfleet: Run):
    meetfleet("teams", "create", "Support", "--plan", "pro")
    meetfleet("teams", "grant", "Support", "3", "--reason", "to begin with")
    meetfleet("teams", "grant", "Support", "--", "-0.25")
    shown = meetfleet("usage", "--team", "Support", "--since", "1d")
    assert "+3.0000" in shown
    assert "to begin with" in shown
    assert "Available now: 2.7500 (low)" in shown
    told = json.loads(meetfleet("usage", "--team", "Support", "--json"))
    assert [(e["kind"], e["amount"]) for e in told["entries"]] == [("grant", "3.0000"), ("grant", "-0.2500")]
    assert (told["available"], told["standing"], told["totals"]) == ("2.7500", "low", {"grant": "2.7500"})
    assert json.loads(meetfleet("usage", "--team", "Support", "--since", "2999-01-01", "--json"))["entries"] == []


def test_what_cannot_be_is_told_in_a_sentence(meetfleet: Run):
    meetfleet("teams", "create", "twice")
    meetfleet("teams", "create", "twice")
    for arguments, words in (
        (("teams", "show", "nobody"), "no team 'nobody'"),
        (("teams", "show", "twice"), "2 teams"),
        (("teams", "set", "default", "--limit", "colour=3"), "no limit 'colour'"),
        (("teams", "set", "default", "--limit", "colour=plan"), "no limit 'colour'"),
        (("teams", "set", "default", "--limit", "bots_per_day=many"), "'bots_per_day' is a whole number"),
        (("teams", "grant", "default", "much"), "'much' is no number"),
        (("teams", "grant", "default", "0.00001"), "at most 4 decimals"),
        (("usage", "--since", "yesterday"), "'yesterday' is no date"),
        (("retention", "hold", "0190a0b0-0000-7000-8000-000000000001", "--reason", "x"), "not found"),
        (("retention", "release", "that one"), "'that one' is no bot's id"),
    ):
        assert words in meetfleet(*arguments, fails=True)


def test_retention_tells_how_long_recordings_are_kept(meetfleet: Run):
    meetfleet("teams", "create", "Short", "--plan", "payg")
    shown = meetfleet("retention")
    assert "kept for ever" in row(shown, "default")
    assert row(shown, "Short").split()[-3:] == ["0", "0", "0"]
    assert "0 recordings would be deleted" in meetfleet("retention", "run", "--dry-run")
    assert "Deleted the recordings of 0 bots" in meetfleet("retention", "run")
    assert "Reason" in meetfleet("retention", "holds")
