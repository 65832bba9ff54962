"""`output_transcription.json` and `raw_transcription.json`, in the published shapes. Source: contract.md 11.2, 11.3."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from meetfleet.domain.dialects.v2 import wire_time
from meetfleet.transcription.provider import Heard
from meetfleet.transcription.transcript import (
    UNKNOWN_LANGUAGE,
    UNKNOWN_SPEAKER,
    UNTOLD_CONFIDENCE,
    Transcript,
    Utterance,
    Word,
)

OUTPUT_NAME = "output_transcription.json"
RAW_NAME = "raw_transcription.json"


@dataclass(frozen=True, slots=True)
class RawPiece:
    """What an engine said of one piece of the recording.

    Attributes:
        start_s: Where the piece begins in the recording.
        took_s: How long the engine needed, as far as we know.
    """

    heard: Heard
    start_s: float
    duration_s: float
    took_s: float = 0.0


def output_json(transcript: Transcript, *, bot_id: str, provider: str, created_at: datetime) -> str:
    """Who said what.

    Args:
        provider: As it was asked for.
    """
    body = {
        "bot_id": bot_id,
        "provider": provider,
        "result": {
            "utterances": [_utterance(u) | {"speaker": u.speaker or UNKNOWN_SPEAKER} for u in transcript.utterances],
            "languages": list(transcript.languages),
            "total_utterances": len(transcript.utterances),
            "total_duration": round(transcript.duration_s, 3),
        },
        "created_at": wire_time(created_at),
    }
    return _text(body)


def raw_json(pieces: Sequence[RawPiece], *, bot_id: str, engine: str, created_at: datetime) -> str:
    """What the engine itself said, one element a piece; who really did the work stands in `engine` (C14)."""
    elements = [{**_payload(piece), "engine": engine, "offset": round(piece.start_s, 3)} for piece in pieces]
    return _text({"bot_id": bot_id, "transcriptions": elements, "created_at": wire_time(created_at)})


def _payload(piece: RawPiece) -> Mapping[str, object]:
    if piece.heard.payload is not None:
        return piece.heard.payload
    transcript = Transcript.of(piece.heard.utterances, piece.duration_s)
    voices: dict[str, int] = {}
    rows = [_utterance(u) | {"speaker": _voice(u, voices)} for u in transcript.utterances]
    return {
        "metadata": {
            "audio_duration": round(piece.duration_s, 3),
            "number_of_distinct_channels": 1,
            "billing_time": 0.0,
            "transcription_time": round(piece.took_s, 3),
        },
        "transcription": {
            "full_transcript": " ".join(u.text for u in transcript.utterances),
            "languages": list(transcript.languages),
            "utterances": rows,
        },
    }


def _voice(utterance: Utterance, voices: dict[str, int]) -> int:
    """The engine's number, or one by name in order of appearance."""
    if utterance.voice is not None:
        return utterance.voice
    return voices.setdefault(utterance.speaker or UNKNOWN_SPEAKER, len(voices))


def _utterance(utterance: Utterance) -> dict[str, Any]:
    return {
        "text": utterance.text.strip(),
        "language": utterance.language or UNKNOWN_LANGUAGE,
        "start": round(utterance.start_s, 3),
        "end": round(utterance.end_s, 3),
        "confidence": _confidence(utterance.confidence),
        "channel": utterance.channel,
        "words": [_word(word) for word in utterance.words],
    }


def _word(word: Word) -> dict[str, Any]:
    return {
        "word": word.text.strip(),
        "start": round(word.start_s, 3),
        "end": round(word.end_s, 3),
        "confidence": _confidence(word.confidence),
    }


def _confidence(told: float | None) -> float:
    return UNTOLD_CONFIDENCE if told is None else round(max(0.0, min(1.0, told)), 4)


def _text(body: Mapping[str, object]) -> str:
    # Without indentation: the fast encoder, for files of megabytes.
    return json.dumps(body, ensure_ascii=False) + "\n"
