"""A provider that always fails, for sandbox bots whose transcription is to fail. No request can name it."""

from typing import ClassVar

from meetfleet.domain.errors import ProviderError
from meetfleet.transcription.provider import Access, Capabilities, Heard, Speech, Submitted


class SandboxFailure:
    """A `SpeechToText` that hears nothing and says no."""

    capabilities: ClassVar[Capabilities] = Capabilities(hears=False)

    def __init__(self, access: Access) -> None:
        del access

    async def submit(self, speech: Speech) -> Heard | Submitted:
        raise ProviderError("This sandbox bot's transcription fails by request.", code="sandbox_failure")

    async def collect(self, job_id: str) -> Heard | None:
        raise ProviderError("This sandbox bot's transcription fails by request.", code="sandbox_failure")

    async def forget(self, job_id: str) -> None: ...

    async def close(self) -> None: ...
