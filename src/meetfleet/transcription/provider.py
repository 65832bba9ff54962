"""The whole contract of a transcription provider. Callers branch on what it declares, never on its name.

A provider is a class in a folder of its own, registered as an entry point in the group `meetfleet.transcription`. It is
made anew for each step with the `Access` of one bot, and closed after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from meetfleet.transcription.transcript import Utterance


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider is.

    Attributes:
        hears: Whether it wants the sound; if not, it works from the platform's captions.
        names_speakers: Whether its utterances carry true names; if not, they are matched with the diarization.
        needs_key: Whether it works only with a key of an account.
        keeps_data: Whether sound or text stays with it until `forget`.
        max_audio_s: Longest piece of sound that it takes; None for any.
    """

    hears: bool = True
    names_speakers: bool = False
    needs_key: bool = False
    keeps_data: bool = False
    max_audio_s: float | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """How one bot's owner, or the operator, wants a provider to be used.

    Attributes:
        params: Handed to the provider as they are.
        base_url: Another address of the provider's API than the usual one.
    """

    api_key: str | None = field(default=None, repr=False)
    region: str | None = None
    params: Mapping[str, object] = field(default_factory=dict[str, object])
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class CaptionedLine:
    """What the platform's captions say that somebody said.

    Attributes:
        words: Word, start and end in seconds of the recording.
    """

    speaker: str | None
    language: str | None
    text: str
    words: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True)
class Speech:
    """One piece of a recording.

    Attributes:
        duration_s: Of this piece.
        audio: FLAC; None for a provider that does not hear, and for a recording without sound.
        captions: Empty for a provider that hears.
        spoken_s: How long people were heard to speak, in all of the recording.
    """

    duration_s: float
    audio: Path | None = None
    captions: tuple[CaptionedLine, ...] = ()
    spoken_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What a provider made of one piece. Times count from the piece's start.

    Attributes:
        payload: What it said, shaped as an element of `raw_transcription.json`; None to have it made of the utterances.
    """

    utterances: tuple[Utterance, ...]
    payload: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """The provider works on it, and will be asked again.

    Attributes:
        job_id: The provider's own id, kept until the data is deleted.
    """

    job_id: str


class SpeechToText(Protocol):
    """Turns sound, or captions, into words.

    Every method raises `ProviderError`: retryable if another try can succeed (408, 429, 5xx, no connection), else not.
    Messages never hold keys. No method waits for long: waiting is done by who calls.
    """

    capabilities: ClassVar[Capabilities]

    def __init__(self, access: Access) -> None: ...

    async def submit(self, speech: Speech) -> Heard | Submitted:
        """Begins with one piece. Who has the answer at once gives it."""
        ...

    async def collect(self, job_id: str) -> Heard | None:
        """The answer to a piece that was submitted; None while the provider works on it. Safe to repeat."""
        ...

    async def forget(self, job_id: str) -> None:
        """Removes what the provider keeps of a job. One that it does not know (any more) is forgotten already."""
        ...

    async def close(self) -> None: ...
