"""Writes Google Meet's messages, for tests of what reads them."""

import base64
import gzip
import zlib
from collections.abc import Iterable


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def message(*fields: tuple[int, int | str | bytes]) -> bytes:
    return b"".join(field(n, v) for n, v in fields)


def user(
    device: str, name: str, *, status: int = 1, is_self: bool = False, parent: str | None = None, host: bool = False
) -> bytes:
    fields: list[tuple[int, int | str | bytes]] = [(1, device), (2, name), (4, status)]
    if is_self:
        fields.append((7, b"\x08\x01"))
    if parent:
        fields.append((21, parent))
    fields.append((29, name.split(" ")[0]))
    if host:
        fields.append((34, 1))
    return message(*fields)


def output(device: str, kind: int, stream: str, *, disabled: bool = False) -> bytes:
    return message((2, kind), (4, stream), (6, device), (10, message((1, int(disabled)))))


def chat(message_id: str, device: str, text: str) -> bytes:
    return message((2, message((1, message_id), (2, device), (3, 1), (5, message((1, text))))))


def collection(
    users: Iterable[bytes] = (), outputs: Iterable[bytes] = (), chats: Iterable[bytes] = (), *, pack: str = "zlib"
) -> bytes:
    people = message((1, message(*((2, u) for u in users))), *((4, c) for c in chats))
    payload = message((3, message(*((2, o) for o in outputs))), (13, people))
    data = message((1, message((2, payload))))
    return {"zlib": zlib.compress, "gzip": gzip.compress, "bare": bare_deflate, "plain": bytes}[pack](data)


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def snapshot(users: Iterable[bytes]) -> bytes:
    return base64.b64encode(message((2, message((2, message(*((2, u) for u in users)))))))


def caption(device: str, caption_id: int, version: int, text: str, *, final: bool = False) -> bytes:
    return message((1, message((1, device), (2, caption_id), (3, version), (4, int(final)), (6, text), (8, "en-US"))))


def speaking(**devices: bool) -> bytes:
    people = [
        message((4, f"spaces/x/devices/{name}"), (8, 7), (9, message((1, 1), *([(2, 1)] if on else []))))
        for name, on in devices.items()
    ]
    return message((2, gzip.compress(message(*((3, p) for p in people)))))
