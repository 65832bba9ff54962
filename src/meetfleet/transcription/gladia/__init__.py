"""Gladia's pre-recorded API, version 2. Source: https://docs.gladia.io/api-reference/v2/pre-recorded (2026-11)."""

from typing import ClassVar

from meetfleet.domain.errors import ProviderError
from meetfleet.transcription.gladia.client import GladiaClient
from meetfleet.transcription.gladia.result import heard_from
from meetfleet.transcription.provider import Access, Capabilities, Heard, Speech, Submitted

BASE_URL = "https://api.gladia.io"


class Gladia:
    """A `SpeechToText` on Gladia's servers. `Access.region` has no meaning there for recordings."""

    # Source: contract.md 11.3, a piece is at most 7200 s; Gladia's own limit is 8100 s.
    capabilities: ClassVar[Capabilities] = Capabilities(needs_key=True, keeps_data=True, max_audio_s=7200)

    def __init__(self, access: Access) -> None:
        if access.api_key is None:
            raise ProviderError("Gladia needs a key.", code="no_key")
        self._params = dict(access.params)
        self._client = GladiaClient(access.base_url or BASE_URL, access.api_key)

    async def submit(self, speech: Speech) -> Heard | Submitted:
        if speech.audio is None:
            return Heard(())
        audio_url = await self._client.upload(speech.audio)
        # Callers may set every parameter but whose sound it is.
        return Submitted(await self._client.start({"diarization": True, **self._params, "audio_url": audio_url}))

    async def collect(self, job_id: str) -> Heard | None:
        job = await self._client.job(job_id)
        match job.get("status"):
            case "queued" | "processing":
                return None
            case "done":
                return heard_from(job.get("result"))
            case "error":
                code = job.get("error_code")
                ours = isinstance(code, int) and 400 <= code < 500
                raise ProviderError(f"Gladia's job failed with {code}.", code="job_failed", retryable=not ours)
            case _:
                raise ProviderError("Gladia told a status that we do not know.", code="bad_answer")

    async def forget(self, job_id: str) -> None:
        await self._client.delete(job_id)

    async def close(self) -> None:
        await self._client.close()
