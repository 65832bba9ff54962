"""A meeting that stays in the customer's buckets, from the first segment of the tape to the last link."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from meeting import send_bot

from customer_buckets import CustomerS3, customer_s3
from meetfleet.demo.client import Client
from meetfleet.lab.client import LabClient
from meetfleet.testing.inbox import WebhookInbox
from meetfleet.testing.stack import Service

__all__ = ["customer_s3"]

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]


@pytest.fixture
def http(server: Service, customer_s3: CustomerS3) -> Iterator[httpx2.Client]:
    """A caller whose team keeps its recordings itself, until the test is over."""
    headers = {"x-meeting-baas-api-key": server.ready["api_key"]}
    with httpx2.Client(base_url=server.ready["url"], headers=headers, timeout=60) as http:
        assert http.put("/v2/storage-config", json=customer_s3.config()).status_code == 200
        yield http
        assert http.delete("/v2/storage-config").status_code == 200


def test_nothing_of_a_recording_is_kept_but_in_the_customers_buckets(
    http: httpx2.Client,
    client: Client,
    lab: LabClient,
    inbox: WebhookInbox,
    server_dir: Path,
    customer_s3: CustomerS3,
) -> None:
    stay = send_bot(client, lab, inbox, server_dir / "data", {"preset": "one_person"}, recording_mode="speaker_view")
    stay.await_status("in_call_recording", 90)
    until = time.monotonic() + 60
    while not customer_s3.keys("tapes", f"bots/{stay.bot_id}/tape/"):
        assert time.monotonic() < until, "no segment arrived while the call ran"
        time.sleep(0.5)
    time.sleep(8)
    client.leave(stay.bot_id)
    assert stay.final_callback(120).event == "bot.completed"

    details = client.details(stay.bot_id)
    audio = http.get(details["audio"])
    assert audio.status_code == 307
    sound = asyncio.run(customer_s3.fetch("GET", audio.headers["location"]))
    assert (sound.status_code, sound.content[:4], sound.headers["content-type"]) == (200, b"fLaC", "audio/flac")
    # Following the link gives the growing video from the server, or the finished one from the bucket.
    while http.get(details["video"], timeout=300).status_code != 307:
        assert time.monotonic() < until + 200, "the video was never finished"
        time.sleep(1)

    names = {key.removeprefix(f"bots/{stay.bot_id}/artifacts/") for key in customer_s3.keys("artifacts", "bots/")}
    assert {"manifest.json", "output.flac", "diarization.jsonl", "video.mp4"} <= names
    assert customer_s3.keys("logs", f"bots/{stay.bot_id}/logs/")
    kept_here = [path for path in (server_dir / "data" / "objects").rglob("*") if stay.bot_id in str(path)]
    assert kept_here == []

    assert http.delete(f"/v2/bots/{stay.bot_id}/delete-data").status_code == 200
    assert [customer_s3.keys(bucket, f"bots/{stay.bot_id}/") for bucket in ("artifacts", "tapes", "logs")] == [[]] * 3
