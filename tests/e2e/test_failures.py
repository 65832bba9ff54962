"""What goes wrong is said clearly: failure screens end in the right code, bad requests in the right answer."""

from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from meeting import send_bot

from meetfleet.demo.client import Client
from meetfleet.lab.client import LabClient
from meetfleet.testing.inbox import WebhookInbox
from meetfleet.testing.stack import Service

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]

SCREENS = {
    "code_does_not_work": "CANNOT_JOIN_MEETING",
    "sign_in": "LOGIN_REQUIRED",
    "denied": "BOT_NOT_ACCEPTED",
    "no_answer": "TIMEOUT_WAITING_TO_START",
    "removed_early": "BOT_REMOVED_TOO_EARLY",
}


def test_every_failure_screen_ends_in_its_code_and_one_callback(
    client: Client, lab: LabClient, inbox: WebhookInbox, server_dir: Path
) -> None:
    stays = {
        scenario: send_bot(
            client,
            lab,
            inbox,
            server_dir / "data",
            {"preset": "one_person", "scenario": scenario},
            recording_mode="audio_only",
        )
        for scenario in SCREENS
    }
    for scenario, stay in stays.items():
        callback = stay.final_callback(120)
        assert callback.event == "bot.failed", scenario
        assert callback.json["data"]["error_code"] == SCREENS[scenario]
        details = client.details(stay.bot_id)
        assert (details["status"], details["error_code"]) == ("failed", SCREENS[scenario])
        assert details["error_message"]
        assert len(stay.final_callbacks()) == 1


def test_a_callback_that_nobody_takes_changes_nothing_for_the_bot(
    client: Client, lab: LabClient, inbox: WebhookInbox, server_dir: Path
) -> None:
    nobody = {"url": "http://127.0.0.1:9/", "secret": None}
    stay = send_bot(
        client,
        lab,
        inbox,
        server_dir / "data",
        {"preset": "one_person"},
        callback_config=nobody,
        recording_mode="audio_only",
    )
    stay.await_status("in_call_recording", 60)
    client.leave(stay.bot_id)
    assert stay.client.wait_for_end(stay.bot_id, 60) == "completed"
    assert stay.intact()


BOT = {"bot_name": "Note", "meeting_url": "https://meet.google.com/abc-defg-hij"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**BOT, "meeting_url": "https://meet.google.com/"}, 400),
        ({**BOT, "meeting_url": "https://example.com/abc"}, 400),
        ({**BOT, "bot_name": ""}, 400),
        ({**BOT, "recording_mode": "hologram"}, 400),
        ({**BOT, "callback_enabled": True}, 400),
        ("{", 400),
        ("x" * 8_000_000, 400),
    ],
)
def test_a_bad_request_gets_a_clear_answer_and_the_server_lives_on(
    server: Service, body: dict[str, object] | str, status: int
) -> None:
    headers = {"x-meeting-baas-api-key": server.ready["api_key"], "content-type": "application/json"}
    with httpx2.Client(base_url=server.ready["url"], headers=headers, trust_env=False) as http:
        sent = {"content": body} if isinstance(body, str) else {"json": body}
        answer = http.post("/v2/bots", **sent)
        assert answer.status_code in {status, 413}
        told = answer.json()
        assert told["success"] is False
        assert told["message"]
        assert told["statusCode"] == answer.status_code
        assert http.get("/readyz").status_code == 200


def test_strangers_see_nothing(server: Service) -> None:
    with httpx2.Client(base_url=server.ready["url"], trust_env=False) as http:
        assert http.get("/v2/bots").status_code == 401
        assert http.get("/v2/bots", headers={"x-meeting-baas-api-key": "mf_live_wrong"}).status_code == 401
        mine = {"x-meeting-baas-api-key": server.ready["api_key"]}
        assert http.get(f"/v2/bots/{uuid4()}", headers=mine).json()["code"] == "FST_ERR_BOT_NOT_FOUND_BY_ID"
