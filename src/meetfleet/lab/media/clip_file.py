"""One file per clip in the cache: a JSON head and the encoded pieces behind it."""

import json
import os
import tempfile
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

import numpy as np

from meetfleet.lab.media.opus import OpusClip
from meetfleet.lab.media.speech import Word
from meetfleet.lab.media.video import VideoClip
from meetfleet.lab.script import VideoCodec

GENERATION = 1
"""Raise it when the same recipe gives other media, so that old files are made anew."""


def cache_name(kind: str, recipe: object) -> str:
    """File name of a clip: a hash of everything that decides its content."""
    return f"{kind}-{sha256(json.dumps([GENERATION, recipe], sort_keys=True, default=str).encode()).hexdigest()[:32]}"


def write_speech(path: Path, clip: OpusClip, words: tuple[Word, ...], audible: tuple[int, int]) -> None:
    """`audible` is the first and one past the last audible sample of the clip."""
    head = {
        "levels": clip.levels,
        "words": [(w.text, w.start_s, w.end_s) for w in words],
        "audible": audible,
        "samples": len(clip.pcm),
    }
    _write(path, head, [*clip.packets, clip.pcm.tobytes()])


def read_speech(path: Path) -> tuple[OpusClip, tuple[Word, ...], tuple[int, int]]:
    head, pieces = _read(path)
    pcm = np.frombuffer(pieces.pop(), np.int16)
    digests = tuple(sha1(piece).hexdigest() for piece in pieces)
    clip = OpusClip(tuple(pieces), tuple(head["levels"]), digests, pcm)
    return clip, tuple(Word(*word) for word in head["words"]), (head["audible"][0], head["audible"][1])


def write_video(path: Path, clip: VideoClip) -> None:
    head = {"keyframes": clip.keyframes, "fps": clip.fps, "codec": clip.codec, "size": (clip.width, clip.height)}
    _write(path, head, list(clip.frames))


def read_video(path: Path) -> VideoClip:
    head, pieces = _read(path)
    digests = tuple(sha1(piece).hexdigest() for piece in pieces)
    width, height = head["size"]
    codec = VideoCodec(head["codec"])
    return VideoClip(tuple(pieces), tuple(head["keyframes"]), digests, head["fps"], codec, width, height)


def _write(path: Path, head: dict[str, Any], pieces: list[bytes]) -> None:
    """Whole or not at all: another process may be reading the cache."""
    text = json.dumps({**head, "sizes": [len(piece) for piece in pieces]}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".clip-")
    with os.fdopen(handle, "wb") as file:
        file.write(len(text).to_bytes(4, "big") + text)
        file.writelines(pieces)
    os.replace(temporary, path)


def _read(path: Path) -> tuple[dict[str, Any], list[bytes]]:
    data = path.read_bytes()
    at = 4 + int.from_bytes(data[:4], "big")
    head: dict[str, Any] = json.loads(data[4:at])
    pieces: list[bytes] = []
    for size in head["sizes"]:
        pieces.append(data[at : at + size])
        at += size
    return head, pieces
