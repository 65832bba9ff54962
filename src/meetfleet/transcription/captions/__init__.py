"""The platform's own captions as a transcript: free, at once, with true names. The server's default."""

from typing import ClassVar

from meetfleet.domain.errors import ProviderError
from meetfleet.transcription.provider import Access, Capabilities, CaptionedLine, Heard, Speech, Submitted
from meetfleet.transcription.transcript import Utterance, Word

_SPOKEN_AT_LEAST_S = 10.0
"""Below this a platform may well have captioned nothing."""


class Captions:
    """A `SpeechToText` that hears nothing and needs nobody."""

    capabilities: ClassVar[Capabilities] = Capabilities(hears=False, names_speakers=True)

    def __init__(self, access: Access) -> None:
        del access

    async def submit(self, speech: Speech) -> Heard | Submitted:
        if not speech.captions and speech.spoken_s >= _SPOKEN_AT_LEAST_S:
            # An empty transcript of a meeting in which people spoke would be a lie.
            raise ProviderError("People spoke, but the platform gave no captions.", code="no_captions")
        return Heard(tuple(_utterance(line) for line in speech.captions if line.words))

    async def collect(self, job_id: str) -> Heard | None:
        raise ProviderError("Captions need no collecting.", code="no_such_job")

    async def forget(self, job_id: str) -> None:
        """There is nothing to forget."""

    async def close(self) -> None: ...


def _utterance(line: CaptionedLine) -> Utterance:
    words = tuple(Word(text, start_s, end_s) for text, start_s, end_s in line.words)
    language = line.language.split("-")[0].split("_")[0].lower() if line.language else None
    return Utterance(
        line.text, words[0].start_s, words[-1].end_s, words, speaker=line.speaker or None, language=language
    )
