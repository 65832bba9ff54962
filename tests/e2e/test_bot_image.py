"""`bot_image` the whole way: a URL in the request, a picture in the call."""

import io
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from meeting import send_bot
from PIL import Image

from meetfleet.demo.client import Client
from meetfleet.lab.client import LabClient
from meetfleet.testing.inbox import WebhookInbox

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

BLUE = (30, 40, 200)


@pytest.fixture
def gallery() -> Iterator[str]:
    """Serves one upright picture, behind a redirect, as gallery sites do."""
    file = io.BytesIO()
    Image.new("RGB", (900, 1600), BLUE).save(file, "WEBP")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            moved = self.path == "/me.webp"
            self.send_response(302 if moved else 200)
            if moved:
                self.send_header("location", "/really.webp")
            self.end_headers()
            if not moved:
                self.wfile.write(file.getvalue())

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_others_in_the_call_see_the_picture(
    client: Client, lab: LabClient, inbox: WebhookInbox, server_dir: Path, gallery: str
) -> None:
    stay = send_bot(client, lab, inbox, server_dir / "data", {"preset": "one_person"}, bot_image=f"{gallery}/me.webp")
    stay.await_status("in_call_recording", 60)
    deadline = time.monotonic() + 40
    while not (sights := stay.truth()["visits"][-1]["camera"]) and time.monotonic() < deadline:
        time.sleep(0.2)
    middle, side = sights[-1]["colours"][4], sights[-1]["colours"][3]
    assert all(abs(a - b) < 50 for a, b in zip(middle, BLUE, strict=True))
    assert max(side) < 40
    received = Image.open(io.BytesIO(lab.camera_png(stay.room["code"], stay.truth()["visits"][-1]["id"])))
    assert received.width * 9 == received.height * 16
    client.leave(stay.bot_id)
    assert client.wait_for_end(stay.bot_id, 60) == "completed"


def test_a_picture_that_is_not_there_keeps_no_bot_from_its_meeting(
    client: Client, lab: LabClient, inbox: WebhookInbox, server_dir: Path
) -> None:
    nobody = "https://127.0.0.1:9/nobody.png"
    stay = send_bot(client, lab, inbox, server_dir / "data", {"preset": "one_person"}, bot_image=[nobody, nobody])
    stay.await_status("in_call_recording", 60)
    client.leave(stay.bot_id)
    assert client.wait_for_end(stay.bot_id, 60) == "completed"
    assert stay.truth()["visits"][-1]["camera"] == []
