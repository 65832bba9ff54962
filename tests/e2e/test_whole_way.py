"""One minute of a six-person call, from the request to the last webhook, held against what was really said.

MEETFLEET_TEST_RECORD_S=610 makes it ten minutes, to see that nothing drifts apart.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import svix.webhooks
import time_machine
from meeting import RATE_HZ, Stay, send_bot

from meetfleet.artifacts.der import diarization_error, diarization_error_rate
from meetfleet.demo.client import Client
from meetfleet.lab.client import LabClient
from meetfleet.testing.inbox import WebhookInbox
from meetfleet.testing.likeness import compare
from meetfleet.testing.stack import Service
from meetfleet.testing.tape_truth import missing_frames
from meetfleet.testing.word_errors import align

RECORD_S = float(os.environ.get("MEETFLEET_TEST_RECORD_S", "62"))
WINDOW_S = 20

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(600 + RECORD_S)]


@dataclass(slots=True)
class Recorded:
    """A finished stay.

    Attributes:
        completed_after_s: From the bot being out of the call to its callback.
        secret: Of the endpoint that was told everything.
    """

    stay: Stay
    endpoint: WebhookInbox
    secret: str
    completed_after_s: float


@pytest.fixture(scope="module")
def recorded(
    client: Client, lab: LabClient, inbox: WebhookInbox, server: Service, server_dir: Path
) -> Iterator[Recorded]:
    with WebhookInbox() as endpoint:
        secret = _add_endpoint(server_dir, endpoint.url)
        room = {"preset": "six_people", "minutes": 10 + RECORD_S // 60}
        stay = send_bot(
            client,
            lab,
            inbox,
            server_dir / "data",
            room,
            recording_mode="speaker_view",
            entry_message="I record this call.",
            extra={"case": 17},
            transcription_enabled=True,
        )
        stay.await_status("in_call_recording", 60)
        time.sleep(RECORD_S)
        client.leave(stay.bot_id)
        lab.wait_for(stay.room["code"], "bot_left", 30)
        left = time.monotonic()
        stay.final_callback()
        completed_after_s = time.monotonic() - left
        details = client.details(stay.bot_id)
        assert details["video"], "the video's URL is given at once"
        client.download(details["video"])
        yield Recorded(stay, endpoint, secret, completed_after_s)


def _add_endpoint(server_dir: Path, url: str) -> str:
    command = [sys.executable, "-m", "meetfleet", "webhooks", "add", url]
    env = {
        **os.environ,
        "MEETFLEET_DATA": str(server_dir / "data"),
        "MEETFLEET_ALLOW_PRIVATE_WEBHOOKS": "true",
    }
    answer = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)
    return answer.stdout.split()[1]


def test_the_bot_is_completed_within_five_seconds_of_leaving(recorded: Recorded) -> None:
    assert recorded.completed_after_s < 5
    assert recorded.stay.client.details(recorded.stay.bot_id)["status"] == "completed"


def test_everything_the_manifest_names_is_there_and_intact(recorded: Recorded) -> None:
    names = {entry.name for entry in recorded.stay.manifest.files}
    wanted = {"output.flac", "video.mp4", "diarization.jsonl", "captions.vtt", "chat_messages.json"}
    assert wanted <= names
    assert sum(name.startswith("audio/") for name in names) == 6
    assert recorded.stay.intact()
    assert recorded.stay.manifest.gaps == []
    assert {entry.rung for entry in recorded.stay.manifest.capture} == {"encoded"}


def test_every_url_delivers_what_lies_in_storage(recorded: Recorded) -> None:
    stay = recorded.stay
    details = stay.client.details(stay.bot_id)
    for field, name in (("audio", "output.flac"), ("diarization", "diarization.jsonl"), ("video", "video.mp4")):
        assert stay.client.download(details[field]) == (stay.artifacts / name).read_bytes()
    for shot in stay.client.screenshots(stay.bot_id):
        assert stay.client.download(shot["url"]).startswith(b"\x89PNG")


def test_the_diarization_is_the_truth_to_less_than_one_percent(recorded: Recorded) -> None:
    truth, found = recorded.stay.true_speech(), recorded.stay.diarization()
    assert {span.speaker for span in found} == {span.speaker for span in truth}
    assert diarization_error_rate(truth, found) < 0.01
    assert diarization_error(truth, found, collar_s=0.1).confused_s == 0


def test_the_transcript_is_what_was_said_by_whom_and_when(recorded: Recorded) -> None:
    said, found = recorded.stay.true_words(), recorded.stay.transcribed_words()
    assert len(said) > 60
    names = {word.speaker for word in said}
    assert {word.speaker for word in found} == names
    errors = 0
    for name in names:
        alignment = align([w for w in said if w.speaker == name], [w for w in found if w.speaker == name])
        errors += alignment.errors
        for true, heard in alignment.pairs:
            assert abs(heard.start_s - true.start_s) < 1
            assert abs(heard.end_s - true.end_s) < 1
    assert errors / len(said) < 0.03


def test_captions_become_a_transcript_in_less_than_a_second(recorded: Recorded) -> None:
    mine = [d.json["data"] for d in recorded.endpoint.deliveries if d.event == "bot.status_change"]
    at = {d["status"]["code"]: d["status"]["created_at"] for d in mine if d["bot_id"] == recorded.stay.bot_id}
    took = datetime.fromisoformat(at["completed"]) - datetime.fromisoformat(at["transcribing"])
    assert took.total_seconds() < 1


def test_the_transcript_is_behind_its_links(recorded: Recorded) -> None:
    stay = recorded.stay
    details = stay.client.details(stay.bot_id)
    for field, name in (
        ("transcription", "output_transcription.json"),
        ("raw_transcription", "raw_transcription.json"),
    ):
        assert stay.client.download(details[field]) == (stay.artifacts / name).read_bytes()
    (callback,) = stay.final_callbacks()
    assert callback.json["data"]["transcription"]
    assert callback.json["data"]["transcription_provider"] == "gladia"
    assert stay.json_of("raw_transcription.json")["transcriptions"][0]["engine"] == "captions"


def test_the_mixed_sound_is_what_was_said_and_does_not_drift(recorded: Recorded) -> None:
    heard, said = recorded.stay.sound(), recorded.stay.true_sound()
    whole = compare(heard.astype(np.float32), said.astype(np.float32), RATE_HZ)
    assert abs(whole.offset_s) < 0.020
    assert whole.correlation > 0.95
    window = WINDOW_S * RATE_HZ
    for start in range(0, len(said) - window, window):
        part = slice(start, start + window)
        offset_s = compare(heard[part].astype(np.float32), said[part].astype(np.float32), RATE_HZ).offset_s
        assert abs(offset_s) < 0.020


def test_each_speaker_has_a_file_on_the_same_time_line(recorded: Recorded) -> None:
    stay = recorded.stay
    for entry in stay.manifest.files:
        if entry.kind == "speaker_audio":
            heard, said = stay.sound(entry.name), stay.true_sound(entry.speaker)
            assert abs(len(heard) / RATE_HZ - stay.manifest.duration_s) < 0.1
            likeness = compare(heard.astype(np.float32), said.astype(np.float32), RATE_HZ)
            assert abs(likeness.offset_s) < 0.020
            assert likeness.correlation > 0.9


def test_every_frame_that_was_sent_is_on_the_tape_bit_for_bit(recorded: Recorded) -> None:
    stay = recorded.stay
    end_ns = stay.started_ns + round(stay.manifest.duration_s * 1e9)
    assert stay.manifest.duration_s > 60
    assert missing_frames(stay.objects / "tape", stay.truth(sent=True), stay.started_ns, end_ns) == []


def test_the_entry_message_is_in_the_room_and_in_the_chat_file(recorded: Recorded) -> None:
    assert [line["text"] for line in recorded.stay.truth()["chat"] if line["bot"]] == ["I record this call."]
    assert "I record this call." in [message["text"] for message in recorded.stay.json_of("chat_messages.json")]


def test_the_endpoint_is_told_every_step_once_in_order_and_signed(recorded: Recorded) -> None:
    mine = [d for d in recorded.endpoint.deliveries if d.json["data"]["bot_id"] == recorded.stay.bot_id]
    checker = svix.webhooks.Webhook(recorded.secret)
    for delivery in mine:
        with time_machine.travel(int(delivery.headers["svix-timestamp"]), tick=False):
            checker.verify(delivery.body, dict(delivery.headers))
        assert delivery.json["extra"] == {"case": 17}
    steps = [d.json["data"]["status"]["code"] for d in mine if d.event == "bot.status_change"]
    assert steps[0] == "queued"
    assert steps[-3:] == ["recording_succeeded", "transcribing", "completed"]
    assert [d.event for d in mine if d.event != "bot.status_change"] == ["bot.completed"]
    assert len({d.headers["svix-id"] for d in mine}) == len(mine)


def test_the_callback_carries_its_secret_and_comes_once(recorded: Recorded) -> None:
    (delivery,) = recorded.stay.final_callbacks()
    assert delivery.event == "bot.completed"
    assert delivery.headers["x-mb-secret"] == "s3cret"
