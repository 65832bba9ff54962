"""One attempt over a real socket: pinned address, real certificate checks, bounds in time and size."""

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meetfleet.notify.sender import HttpSender, Parcel
from meetfleet.notify.wire import KEPT_BYTES
from meetfleet.outside.addresses import AddressGuard

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
HOST = "hooks.example.org"


class Receiver:
    """A raw server, so that it can misbehave in every way."""

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._tls = tls
        self.requests: list[bytes] = []
        self.port = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head)
            await self._answer(head, writer)
            await writer.drain()
        writer.close()

    async def __aenter__(self) -> "Receiver":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()


def raw(answer: bytes) -> Answer:
    async def send(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return send


OK = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


@contextlib.asynccontextmanager
async def sending(
    *addresses: str, timeout_s: float = 20, verify: ssl.SSLContext | None = None, allow_private: bool = True
) -> AsyncIterator[HttpSender]:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses or ["127.0.0.1"]

    sender = HttpSender(AddressGuard(allow_private=allow_private, resolve=resolve), timeout_s=timeout_s, verify=verify)
    yield sender
    await sender.close()


def parcel(port: int, *, scheme: str = "http", path: str = "/in?x=1") -> Parcel:
    return Parcel(f"{scheme}://{HOST}:{port}{path}", b"{}", {"content-type": "application/json", "x-mb-secret": "s"})


async def test_the_request_goes_to_the_checked_address_under_the_receivers_own_name() -> None:
    async with Receiver(OK) as receiver, sending() as sender:
        outcome = await sender.send(parcel(receiver.port))
    assert (outcome.status_code, outcome.response, outcome.error) == (200, "ok", None)
    lines = receiver.requests[0].decode().lower().split("\r\n")
    assert lines[0] == "post /in?x=1 http/1.1"
    assert f"host: {HOST}:{receiver.port}" in lines
    assert "x-mb-secret: s" in lines


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    async with Receiver(OK) as receiver, sending("127.0.0.9", "127.0.0.1") as sender:
        assert (await sender.send(parcel(receiver.port))).delivered


async def test_a_private_address_is_not_even_connected_to() -> None:
    async with Receiver(OK) as receiver, sending(allow_private=False) as sender:
        outcome = await sender.send(parcel(receiver.port))
    assert receiver.requests == []
    assert (outcome.status_code, outcome.delivered) == (None, False)
    assert "private address" in str(outcome.error)


async def test_a_redirect_is_not_followed() -> None:
    async with Receiver(raw(b"HTTP/1.1 307 Go\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n")) as receiver:
        async with sending() as sender:
            outcome = await sender.send(parcel(receiver.port))
    assert (outcome.status_code, outcome.delivered, len(receiver.requests)) == (307, False, 1)


async def test_a_receiver_that_never_answers_times_out() -> None:
    silent = asyncio.Event()

    async def wait(head: bytes, writer: asyncio.StreamWriter) -> None:
        await silent.wait()

    async with Receiver(wait) as receiver, sending(timeout_s=0.3) as sender:
        outcome = await sender.send(parcel(receiver.port))
        silent.set()
    assert outcome.timed_out
    assert outcome.error == "No answer within 0.3 s."


async def test_a_status_counts_even_if_the_body_never_ends() -> None:
    async with Receiver(raw(b"HTTP/1.1 202 OK\r\ncontent-length: 100000\r\n\r\nbeg")) as receiver, sending() as sender:
        outcome = await sender.send(parcel(receiver.port))
    assert (outcome.delivered, outcome.response) == (True, "beg")


async def test_of_a_long_answer_only_the_beginning_is_kept_and_never_a_nul() -> None:
    body = b"a\0b" + b"x" * 500_000
    head = f"HTTP/1.1 500 No\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    async with Receiver(raw(head + body)) as receiver, sending() as sender:
        outcome = await sender.send(parcel(receiver.port))
    assert outcome.response is not None
    assert outcome.response.startswith("abx")
    assert len(outcome.response) < KEPT_BYTES


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"])
async def test_what_is_no_http_is_an_error_in_words(answer: bytes) -> None:
    async with Receiver(raw(answer)) as receiver, sending() as sender:
        outcome = await sender.send(parcel(receiver.port))
    assert (outcome.status_code, outcome.timed_out) == (None, False)
    assert outcome.error


@pytest.mark.parametrize("url", ["not a url", "ftp://hooks.example.org/", "http://hooks.example.org:99999/"])
async def test_a_broken_url_is_an_error_in_words(url: str) -> None:
    async with sending() as sender:
        outcome = await sender.send(Parcel(url, b"{}", {}))
    assert "absolute http" in str(outcome.error)


def certificates(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server context with a certificate for `name`, and a client context that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "cert.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))


async def test_a_pinned_address_must_still_show_the_names_certificate(tmp_path: Path) -> None:
    server, client = certificates(tmp_path, HOST)
    async with Receiver(OK, server) as receiver, sending(verify=client) as sender:
        assert (await sender.send(parcel(receiver.port, scheme="https"))).delivered


async def test_another_names_certificate_is_refused(tmp_path: Path) -> None:
    server, client = certificates(tmp_path, "other.example.org")
    async with Receiver(OK, server) as receiver, sending(verify=client) as sender:
        outcome = await sender.send(parcel(receiver.port, scheme="https"))
    assert outcome.status_code is None
    assert "certificate" in str(outcome.error).lower()
    assert receiver.requests == []
