"""A `mb_test_` key, as a user's own CI would use it: no lab to run, no meeting to hold, real bots and webhooks."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from official_sdk import OfficialSdk

from meetfleet.demo.client import Client
from meetfleet.domain.sandbox import SCENARIOS
from meetfleet.testing.inbox import WebhookInbox
from meetfleet.testing.stack import Service, start_server

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]

KEY = "mb_test_" + "0123456789" * 3
PATIENCE_S = 240
FAILURES = {
    "denied": "BOT_NOT_ACCEPTED",
    "lobby_timeout": "TIMEOUT_WAITING_TO_START",
    "removed": "BOT_REMOVED_TOO_EARLY",
    "browser_crash": "GENERAL_ERROR",
    "bot_crash": "FORCE_KILLED",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture(scope="module")
def sandbox(folder: Path) -> Iterator[Service]:
    """A server like any user's: nothing about a lab in its settings."""
    env = {"MEETFLEET_API_KEY": KEY, "MEETFLEET_VIDEO": "on-demand"}
    with start_server(folder, env=env) as server:
        yield server


@pytest.fixture(scope="module")
def sandbox_client(sandbox: Service) -> Iterator[Client]:
    client = Client(sandbox.ready["url"], KEY)
    yield client
    client.close()


def order(client: Client, inbox: WebhookInbox, url: str, **fields: Any) -> str:
    callback = {"callback_enabled": True, "callback_config": {"url": inbox.url}}
    return client.create_bot(bot_name="Notetaker", meeting_url=url, recording_mode="audio_only", **callback, **fields)


def meeting(scenario: str) -> str:
    return f"https://meet.google.com/{SCENARIOS[scenario].code}"


def show(folder: Path, bot_id: str) -> dict[str, Any]:
    env = {**os.environ, "MEETFLEET_DATA": str(folder / "data")}
    command = [sys.executable, "-m", "meetfleet", "bots", "show", bot_id, "--json"]
    return json.loads(subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True).stdout)


def test_each_scenario_comes_out_as_it_is_documented(sandbox_client: Client, inbox: WebhookInbox, folder: Path) -> None:
    happy = order(sandbox_client, inbox, meeting("happy_path"), extra={"sandbox": {"seconds": 12}, "order": 7})
    bots = {order(sandbox_client, inbox, meeting(name)): code for name, code in FAILURES.items()}

    told = inbox.wait_for(lambda d: d.json["data"]["bot_id"] == happy, PATIENCE_S)
    assert told.event == "bot.completed"
    data = told.json["data"]
    assert told.json["extra"]["order"] == 7
    assert {p["name"] for p in data["participants"]} >= {"Ada Brandt", "Ben Okafor"}
    assert 9 < data["duration_seconds"] < 25
    assert sandbox_client.download(data["audio"]).startswith(b"fLaC")
    spoken = [json.loads(line) for line in sandbox_client.download(data["diarization"]).splitlines()]
    assert {row["speaker"] for row in spoken} == {"Ada Brandt", "Ben Okafor"}

    for bot_id, code in bots.items():
        told = inbox.wait_for(lambda d, bot_id=bot_id: d.json["data"]["bot_id"] == bot_id, PATIENCE_S)
        assert (told.event, told.json["data"]["error_code"]) == ("bot.failed", code)
        details = sandbox_client.details(bot_id)
        assert (details["status"], details["error_code"]) == ("failed", code)
        crashed = code in ("GENERAL_ERROR", "FORCE_KILLED")
        assert bool(details["audio"]) is (crashed or code == "BOT_REMOVED_TOO_EARLY")

    shown = show(folder, happy)
    assert shown["is_sandbox"]
    assert sandbox_client.details(happy)["tokens"] is None


def test_the_official_client_takes_a_bot_through_a_meeting(
    sandbox: Service, sandbox_client: Client, sdk_of: Callable[[str, str], OfficialSdk]
) -> None:
    sdk = sdk_of(sandbox.ready["url"], KEY)
    extra = {"sandbox": {"seconds": 600}}
    bot = sdk.data("createBot", {"bot_name": "Notes", "meeting_url": meeting("happy_path"), "extra": extra})
    await_status(sdk, bot, "in_call_recording")
    time.sleep(6)
    assert sdk.data("leaveBot", bot)["message"]
    await_status(sdk, bot, "completed")
    shown = sdk.data("getBotDetails", bot)
    assert {person["name"] for person in shown["participants"]} >= {"Ada Brandt", "Ben Okafor"}
    assert shown["duration_seconds"] > 4
    assert sandbox_client.download(shown["audio"]).startswith(b"fLaC")
    (first, *_) = sdk.data("getBotScreenshots", bot)
    assert sandbox_client.download(first["url"]).startswith(b"\x89PNG")
    assert sdk.data("resendFinalWebhook", bot)["message"]
    assert sdk.data("deleteBotData", bot)["message"]
    assert sdk.data("getBotDetails", bot)["artifacts_deleted"]


def await_status(sdk: OfficialSdk, bot: dict[str, Any], wanted: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (status := sdk.data("getBotStatus", bot)["status"]) != wanted:
        assert status != "failed", sdk.data("getBotDetails", bot)
        assert time.monotonic() < deadline, status
        time.sleep(0.3)


def test_an_order_that_nobody_understands_is_a_bad_request(sandbox: Service) -> None:
    body = {"bot_name": "N", "meeting_url": meeting("denied"), "extra": {"sandbox": {"scenario": "apocalypse"}}}
    headers = {"x-meeting-baas-api-key": KEY}
    answer = httpx2.post(f"{sandbox.ready['url']}/v2/bots", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "FST_ERR_VALIDATION")
    assert "extra.sandbox.scenario" in answer.json()["message"]


def test_the_lab_of_a_server_ends_with_it(sandbox: Service) -> None:
    """Last of the file: it stops the server."""
    labs = _children(sandbox.process.pid, "meetfleet lab")
    assert labs
    sandbox.kill()
    for pid in labs:
        _await_end(pid)


def _children(parent: int, words: str) -> list[int]:
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()[1:]]
    return [int(pid) for pid, ppid, args in rows if int(ppid) == parent and words in args]


def _await_end(pid: int) -> None:
    subprocess.run(["tail", f"--pid={pid}", "-f", "/dev/null"], timeout=20, check=True)
