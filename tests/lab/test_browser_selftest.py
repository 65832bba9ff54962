"""The self-test of capture that `meetfleet doctor` runs."""

import subprocess
import sys

import pytest

from meetfleet.browser.selftest import ENOUGH_FRAMES, examine, main, summary
from meetfleet.tape.records import Rung

pytestmark = pytest.mark.lab


async def test_every_rung_hears_a_call_in_a_page_of_our_own() -> None:
    findings = await examine()
    assert [f.rung for f in findings] == list(Rung)
    assert all(f.works and f.by_socket and not f.fault for f in findings), findings
    assert findings[0].pictures >= ENOUGH_FRAMES
    assert "works" in str(findings[0])
    assert summary(findings) == "every rung hears a test call (encoded, raw, page)"


async def test_a_rung_that_hears_nothing_in_time_fails() -> None:
    findings = await examine(patience_s=0)
    assert [f.works for f in findings] == [False, False, False]
    assert "fails" in str(findings[0])
    assert summary(findings).startswith("no rung hears")


def test_without_a_browser_it_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--executable", "/nowhere/chromium"]) == 2
    assert "MEETFLEET_CHROMIUM" in capsys.readouterr().out


def test_the_doctor_shows_it() -> None:
    command = [sys.executable, "-m", "meetfleet", "doctor"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False).stdout
    assert "every rung hears a test call" in " ".join(shown.split())
