"""From Gladia's `result` to utterances, and to the closed shape that `raw_transcription.json` publishes."""

from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from meetfleet.domain.errors import ProviderError
from meetfleet.transcription.provider import Heard
from meetfleet.transcription.transcript import Utterance, Word


def _unit(value: Any) -> Any:
    """Confidences now and then leave their range by a rounding error."""
    return max(0.0, min(1.0, value)) if isinstance(value, int | float) else value


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Word(_Part):
    word: str
    start: float
    end: float
    confidence: Annotated[float, BeforeValidator(_unit)] = 0.0


class _Utterance(_Part):
    text: str
    language: str = ""
    start: float
    end: float
    confidence: Annotated[float, BeforeValidator(_unit)] = 0.0
    channel: int = 0
    words: list[_Word] = Field(default_factory=list[_Word])
    # Without diarization there is none; the published shape wants a number.
    speaker: int | None = None


class _Transcription(_Part):
    full_transcript: str = ""
    languages: list[str] = Field(default_factory=list[str])
    utterances: list[_Utterance] = Field(default_factory=list[_Utterance])


class _Metadata(_Part):
    audio_duration: float = 0.0
    number_of_distinct_channels: int = 1
    billing_time: float = 0.0
    transcription_time: float = 0.0


class _Result(_Part):
    metadata: _Metadata = Field(default_factory=_Metadata)
    transcription: _Transcription = Field(default_factory=_Transcription)


def heard_from(result: object) -> Heard:
    """Raises ProviderError (`bad_answer`) if it is no result of this API."""
    try:
        parsed = _Result.model_validate(result)
    except ValidationError:
        raise ProviderError("Gladia's result cannot be read.", code="bad_answer") from None
    raw = cast("Mapping[str, Any]", result)
    return Heard(tuple(_utterance(u) for u in parsed.transcription.utterances), _payload(parsed, raw))


def _utterance(u: _Utterance) -> Utterance:
    words = tuple(Word(w.word, w.start, w.end, w.confidence) for w in u.words)
    return Utterance(
        u.text,
        u.start,
        u.end,
        words,
        voice=u.speaker,
        language=u.language or None,
        confidence=u.confidence,
        channel=u.channel,
    )


def _payload(parsed: _Result, result: Mapping[str, Any]) -> Mapping[str, object]:
    """The published objects are closed inside and open at the top: what else there is goes to the top."""
    told = parsed.model_dump(mode="json")
    for utterance in told["transcription"]["utterances"]:
        utterance["speaker"] = utterance["speaker"] or 0
    inner: Mapping[str, Any] = result.get("transcription") or {}
    extras = {name: inner[name] for name in ("sentences", "subtitles") if inner.get(name)}
    addons = {name: value for name, value in result.items() if name not in told and value is not None}
    return {**told, **extras, **addons}
