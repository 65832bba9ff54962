"""Gladia's pre-recorded API on loopback: uploads, jobs that take a while, deletion, and its ways to say no.

Source: https://docs.gladia.io/api-reference/v2/pre-recorded (2026-11).
"""

import json
import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from meetfleet.testing.gladia_results import result_of

_JOB = re.compile(r"^/v2/pre-recorded/([^/]+)$")


@dataclass(slots=True)
class GladiaJob:
    """Attributes:
    asked: How often its status was asked for.
    """

    request: dict[str, Any]
    asked: int = 0
    is_deleted: bool = False


@dataclass(slots=True)
class Refusal:
    """An answer instead of the usual one."""

    status: int
    headers: dict[str, str] = field(default_factory=dict[str, str])
    message: str = "no"


@dataclass(slots=True)
class FakeGladia:
    """Serves while its `with` block lasts.

    Attributes:
        key: The one that it takes.
        polls: How often a job is asked for before it is done: queued first, then processing.
        error_code: Jobs end in error with this.
        refusals: What the next requests get, by `METHOD /path`.
        utterances: What every job hears: (speaker, text, start, end).
        uploads: Sound that came, by address.
    """

    key: str = "gladia-key"
    polls: int = 2
    error_code: int | None = None
    utterances: list[tuple[int, str, float, float]] = field(default_factory=list[tuple[int, str, float, float]])
    refusals: dict[str, list[Refusal]] = field(default_factory=dict[str, list[Refusal]])
    uploads: dict[str, bytes] = field(default_factory=dict[str, bytes])
    jobs: dict[str, GladiaJob] = field(default_factory=dict[str, GladiaJob])
    requests: list[str] = field(default_factory=list[str])
    _server: ThreadingHTTPServer | None = None

    def refuse(self, request: str, status: int, times: int = 1, message: str = "no", **headers: str) -> None:
        """The next `times` requests such as `POST /v2/upload` are answered with `status`."""
        self.refusals.setdefault(request, []).extend([Refusal(status, headers, message)] * times)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, content_type: str, body: bytes) -> tuple[int, dict[str, Any] | None]:
        if (method, path) == ("POST", "/v2/upload"):
            return self._upload(content_type, body)
        if (method, path) == ("POST", "/v2/pre-recorded"):
            return self._start(json.loads(body))
        found = _JOB.match(path)
        job = self.jobs.get(found[1]) if found else None
        if found is None or job is None or job.is_deleted:
            return 404, refusal_body(404, "Not found")
        return self._delete(job) if method == "DELETE" else (200, self._status(found[1], job))

    def _upload(self, content_type: str, body: bytes) -> tuple[int, dict[str, Any]]:
        parts = message_from_bytes(f"content-type: {content_type}\r\n\r\n".encode() + body)
        for part in parts.walk():
            if part.get_param("name", header="content-disposition") == "audio":
                payload = part.get_payload(decode=True)
                assert isinstance(payload, bytes)
                file_id = str(uuid.uuid4())
                address = f"{self.url}/file/{file_id}"
                self.uploads[address] = payload
                about = {"id": file_id, "filename": part.get_filename(), "size": len(payload)}
                return 200, {"audio_url": address, "audio_metadata": about}
        return 400, refusal_body(400, "No audio file")

    def _start(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if request.get("audio_url") not in self.uploads:
            return 422, refusal_body(422, "audio_url is no file of ours")
        job_id = str(uuid.uuid4())
        self.jobs[job_id] = GladiaJob(request)
        return 201, {"id": job_id, "result_url": f"{self.url}/v2/pre-recorded/{job_id}"}

    def _status(self, job_id: str, job: GladiaJob) -> dict[str, Any]:
        job.asked += 1
        about = {"id": job_id, "request_id": f"G-{job_id[:8]}", "version": 2, "kind": "pre-recorded"}
        about |= {"request_params": job.request, "error_code": None, "result": None}
        if job.asked <= self.polls:
            return {**about, "status": "queued" if job.asked == 1 else "processing"}
        if self.error_code is not None:
            return {**about, "status": "error", "error_code": self.error_code}
        return {**about, "status": "done", "result": result_of(self.utterances, job.request)}

    def _delete(self, job: GladiaJob) -> tuple[int, dict[str, Any] | None]:
        if job.asked <= self.polls:
            return 403, refusal_body(403, "The job is not in a deletable state")
        job.is_deleted = True
        self.uploads.pop(str(job.request["audio_url"]), None)
        return 202, None


def refusal_body(status: int, message: str) -> dict[str, Any]:
    return {"statusCode": status, "message": message, "request_id": "G-00000000"}


def _handler(gladia: FakeGladia) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_DELETE(self) -> None:
            self._serve()

        def _serve(self) -> None:
            body = _body(self)
            request = f"{self.command} {_JOB.sub('/v2/pre-recorded/:id', self.path)}"
            gladia.requests.append(request)
            refused = gladia.refusals.get(request)
            if refused:
                refusal = refused.pop(0)
                self._send(refusal.status, refusal_body(refusal.status, refusal.message), refusal.headers)
            elif self.headers.get("x-gladia-key") != gladia.key:
                self._send(401, refusal_body(401, f"gladia key '{self.headers.get('x-gladia-key')}' not found"), {})
            else:
                content_type = self.headers.get("content-type", "")
                self._send(*gladia.answer(self.command, self.path, content_type, body), {})

        def _send(self, status: int, body: dict[str, Any] | None, headers: dict[str, str]) -> None:
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        log_message: Callable[..., None] = lambda *_: None

    return Handler


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("transfer-encoding", "").lower() != "chunked":
        return handler.rfile.read(int(handler.headers.get("content-length") or 0))
    parts: list[bytes] = []
    while size := int(handler.rfile.readline(), 16):
        parts.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(parts)
