import os
from pathlib import Path

import pytest

from meetfleet.browser.flags import BrowserOptions, command_line, find_program
from meetfleet.domain.errors import RunnerError

PROFILE = Path("/profile")


def test_the_browser_is_driven_over_a_pipe_with_its_own_profile() -> None:
    line = command_line(BrowserOptions(), PROFILE)
    assert "--remote-debugging-pipe" in line
    assert "--in-process-gpu" in line
    assert "--user-data-dir=/profile" in line
    assert not any("--remote-debugging-port" in arg for arg in line)


def test_only_root_gives_up_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "--no-sandbox" in command_line(BrowserOptions(), PROFILE)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "--no-sandbox" not in command_line(BrowserOptions(), PROFILE)
    assert "--no-sandbox" in command_line(BrowserOptions(sandbox=False), PROFILE)


def test_switches_that_turn_features_off_are_merged_into_one() -> None:
    line = command_line(BrowserOptions(extra_args=("--disable-features=Mine", "--enable-features=A,B")), PROFILE)
    off = [arg for arg in line if arg.startswith("--disable-features=")]
    assert len(off) == 1
    assert {"Mine", "Translate", "AudioServiceOutOfProcess"} <= set(off[0].partition("=")[2].split(","))
    on = next(arg for arg in line if arg.startswith("--enable-features="))
    assert {"A", "B", "NetworkServiceInProcess2"} <= set(on.partition("=")[2].split(","))


def test_hosts_can_be_mapped_to_the_lab() -> None:
    rules = "MAP meet.google.com 127.0.0.1:8443"
    assert f"--host-resolver-rules={rules}" in command_line(BrowserOptions(host_rules=rules), PROFILE)


def test_no_certificate_check_is_ever_turned_off() -> None:
    line = " ".join(command_line(BrowserOptions(), PROFILE))
    assert "ignore-certificate-errors" not in line
    assert "disable-web-security" not in line


def test_a_missing_browser_says_what_to_do() -> None:
    with pytest.raises(RunnerError, match="/nowhere/chrome") as caught:
        find_program(BrowserOptions(executable="/nowhere/chrome"))
    assert caught.value.code == "browser_missing"
    assert "MEETFLEET_CHROMIUM" in str(caught.value.hint)
