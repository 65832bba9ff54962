"""A transcription provider that does what a test scripts, and remembers what it was asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from meetfleet.domain.errors import ProviderError
from meetfleet.transcription.provider import Access, Capabilities, Heard, Speech, SpeechToText, Submitted

NEVER = 1 << 30


@dataclass(slots=True)
class TranscriptionScript:
    """How a provider behaves, over all its instances.

    Attributes:
        heard: What it makes of each piece; the last one is made of all further ones.
        polls: How often it is asked in vain before a job is done; `NEVER` for a provider that never ends.
        at_once: Whether `submit` gives the answer.
        errors: What the next calls of `submit` and `collect` raise.
        forget_errors: What the next calls of `forget` raise.
        submitted: What it was given; `sizes` are the lengths of the sound files, in bytes.
        forgotten: Ids of jobs that it was told to forget.
        opened, closed: How many instances there were.
    """

    heard: Sequence[Heard] = (Heard(()),)
    polls: int = 0
    at_once: bool = False
    capabilities: Capabilities = field(default_factory=Capabilities)
    errors: list[ProviderError] = field(default_factory=list[ProviderError])
    forget_errors: list[ProviderError] = field(default_factory=list[ProviderError])
    submitted: list[Speech] = field(default_factory=list[Speech])
    sizes: list[int] = field(default_factory=list[int])
    collected: dict[str, int] = field(default_factory=dict[str, int])
    forgotten: list[str] = field(default_factory=list[str])
    accesses: list[Access] = field(default_factory=list[Access])
    closed: int = 0

    def provider(self) -> type[SpeechToText]:
        """The class to register."""
        script = self

        class Scripted:
            capabilities: ClassVar[Capabilities] = script.capabilities

            def __init__(self, access: Access) -> None:
                script.accesses.append(access)

            async def submit(self, speech: Speech) -> Heard | Submitted:
                _raise_next(script.errors)
                script.submitted.append(speech)
                script.sizes.append(_size(speech.audio))
                number = len(script.submitted)
                return script.answer(number) if script.at_once else Submitted(f"job-{number}")

            async def collect(self, job_id: str) -> Heard | None:
                _raise_next(script.errors)
                asked = script.collected.get(job_id, 0)
                script.collected[job_id] = asked + 1
                return None if asked < script.polls else script.answer(int(job_id.removeprefix("job-")))

            async def forget(self, job_id: str) -> None:
                _raise_next(script.forget_errors)
                script.forgotten.append(job_id)

            async def close(self) -> None:
                script.closed += 1

        return Scripted

    def answer(self, number: int) -> Heard:
        return self.heard[min(number, len(self.heard)) - 1]


def passing(message: str = "Too busy.", *, code: str = "busy", retry_after_s: float | None = None) -> ProviderError:
    """An error after which another try can succeed."""
    return ProviderError(message, code=code, retryable=True, retry_after_s=retry_after_s)


def lasting(message: str = "The sound is no sound.") -> ProviderError:
    """An error that will not go away."""
    return ProviderError(message, code="refused")


def _raise_next(errors: list[ProviderError]) -> None:
    if errors:
        raise errors.pop(0)


def _size(audio: Path | None) -> int:
    return 0 if audio is None else audio.stat().st_size
