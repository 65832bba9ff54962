"""Results in the words of Gladia's API. Source: https://docs.gladia.io/api-reference/v2/pre-recorded/get (2026-11)."""

from collections.abc import Sequence
from typing import Any


def result_of(utterances: Sequence[tuple[int, str, float, float]], request: dict[str, Any]) -> dict[str, Any]:
    """The `result` of a finished job.

    Args:
        utterances: (speaker, text, start and end in seconds).
        request: What the job was asked for: some of it asks for more.
    """
    duration_s = max((end_s for *_, end_s in utterances), default=0.0)
    found: dict[str, Any] = {
        "metadata": {
            "audio_duration": duration_s,
            "number_of_distinct_channels": 1,
            "billing_time": duration_s,
            "transcription_time": 1.5,
            "a_field_of_the_future": 1,
        },
        "transcription": {
            "full_transcript": " ".join(text for _, text, _, _ in utterances),
            "languages": ["en"] if utterances else [],
            "utterances": [_utterance(*one, request) for one in utterances],
            "sentences": [{"success": True, "results": ["One."]}] if request.get("sentences") else None,
        },
    }
    if request.get("summarization"):
        found["summarization"] = {"success": True, "is_empty": False, "exec_time": 0.1, "results": "In short."}
    return found


def _utterance(speaker: int, text: str, start_s: float, end_s: float, request: dict[str, Any]) -> dict[str, Any]:
    words = text.split()
    each_s = (end_s - start_s) / max(1, len(words))
    rows = [
        {
            "word": f" {word}",
            "start": start_s + index * each_s,
            "end": start_s + (index + 1) * each_s,
            "confidence": 1.0000001,
        }
        for index, word in enumerate(words)
    ]
    found = {
        "text": text,
        "language": "en",
        "start": start_s,
        "end": end_s,
        "confidence": 0.87,
        "channel": 0,
        "words": rows,
    }
    return found | ({"speaker": speaker} if request.get("diarization") else {})
