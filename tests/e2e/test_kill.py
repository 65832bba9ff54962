"""`kill -9` of anything during a call: what was taped is delivered, the final callback comes once, nothing is stuck."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from meeting import Stay, send_bot

from meetfleet.demo.client import Client
from meetfleet.lab.client import LabClient
from meetfleet.testing.inbox import WebhookInbox
from meetfleet.testing.stack import Service, start_server

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(400)]

SEGMENT_S = 5.0
ROOM = {"preset": "six_people", "minutes": 10}


@pytest.fixture
def own(lab_service: Service, tmp_path: Path) -> Iterator[Service]:
    """A server that a test may kill, without spares: every bot process belongs to a bot."""
    with start_server(tmp_path, lab=lab_service, env={"MEETFLEET_WARM_SPARES": "0"}) as service:
        yield service


def _recording(own: Service, lab: LabClient, inbox: WebhookInbox, tmp_path: Path, seconds: float) -> Stay:
    """A bot that has recorded for so long."""
    client = Client(own.ready["url"], own.ready["api_key"])
    stay = send_bot(client, lab, inbox, tmp_path / "data", ROOM, recording_mode="audio_only")
    stay.await_status("in_call_recording", 60)
    time.sleep(seconds)
    return stay


def _bot_process(data: Path) -> psutil.Process:
    """The process of the one bot whose work folder is in `data`."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "meetfleet.bot" in words and any(str(data) in word for word in words):
            return process
    raise AssertionError("There is no bot process.")


def _browser_of(bot: psutil.Process) -> psutil.Process:
    browsers = [
        c for c in bot.children(recursive=True) if "chrom" in c.name() and "--type=" not in " ".join(c.cmdline())
    ]
    return next(c for c in browsers if any(w.startswith("--user-data-dir") for w in c.cmdline()))


def _assert_delivered(stay: Stay, killed_at_ns: int, code: str) -> None:
    """The bot has failed with this code, once, and its recording reaches up to one open segment before the kill."""
    callback = stay.final_callback(60)
    assert callback.event == "bot.failed"
    assert callback.json["data"]["error_code"] == code
    assert stay.client.status(stay.bot_id) == "failed"
    end_ns = stay.started_ns + round(stay.manifest.duration_s * 1e9)
    assert killed_at_ns - end_ns < (SEGMENT_S + 1) * 1e9
    assert stay.manifest.duration_s > 8
    assert stay.diarization()
    assert stay.intact()
    assert stay.client.download(stay.client.details(stay.bot_id)["audio"])
    assert len(stay.final_callbacks()) == 1


def test_a_killed_browser_ends_in_a_partial_recording(
    own: Service, lab: LabClient, inbox: WebhookInbox, tmp_path: Path
) -> None:
    stay = _recording(own, lab, inbox, tmp_path, 13)
    browser = _browser_of(_bot_process(tmp_path / "data"))
    killed_at_ns = time.time_ns()
    os.kill(browser.pid, signal.SIGKILL)
    _assert_delivered(stay, killed_at_ns, "GENERAL_ERROR")


def test_a_killed_bot_ends_in_a_partial_recording(
    own: Service, lab: LabClient, inbox: WebhookInbox, tmp_path: Path
) -> None:
    stay = _recording(own, lab, inbox, tmp_path, 13)
    bot = _bot_process(tmp_path / "data")
    browser = _browser_of(bot)
    killed_at_ns = time.time_ns()
    os.kill(bot.pid, signal.SIGKILL)
    _assert_delivered(stay, killed_at_ns, "FORCE_KILLED")
    browser.wait(timeout=10)  # no orphan


def test_a_killed_server_is_not_noticed_by_the_meeting(
    own: Service, lab: LabClient, inbox: WebhookInbox, tmp_path: Path
) -> None:
    stay = _recording(own, lab, inbox, tmp_path, 8)
    own.kill()
    time.sleep(8)
    own.restart()
    stay.await_status("in_call_recording", 20)
    time.sleep(4)
    stay.client.leave(stay.bot_id)
    callback = stay.final_callback(60)
    assert callback.event == "bot.completed"
    assert stay.manifest.gaps == []
    assert stay.manifest.duration_s > 19
    assert stay.intact()
    assert len(stay.final_callbacks()) == 1
