"""Gladia, against a copy of its API on loopback: what is asked, what is understood, and what goes wrong."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from meetfleet.domain.errors import ProviderError
from meetfleet.testing.fake_gladia import FakeGladia
from meetfleet.transcription.gladia import Gladia
from meetfleet.transcription.provider import Access, Heard, Speech, Submitted

SAID = [(0, "Good morning everybody.", 0.5, 2.0), (1, "Hello Ada.", 2.5, 3.25)]


@pytest.fixture
def gladia() -> Iterator[FakeGladia]:
    with FakeGladia(utterances=SAID) as served:
        yield served


@pytest.fixture
def speech(tmp_path: Path) -> Speech:
    audio = tmp_path / "output.flac"
    audio.write_bytes(b"fLaC" + bytes(range(256)) * 2000)
    return Speech(4.0, audio)


def provider(gladia: FakeGladia, key: str = "gladia-key", **params: object) -> Gladia:
    return Gladia(Access(key, params=params, base_url=gladia.url))


async def submitted(one: Gladia, speech: Speech) -> str:
    answer = await one.submit(speech)
    assert isinstance(answer, Submitted)
    return answer.job_id


async def heard(one: Gladia, job_id: str) -> Heard:
    for _ in range(10):
        found = await one.collect(job_id)
        if found is not None:
            return found
    raise AssertionError("It never ended.")


async def refused(one: Gladia, speech: Speech) -> ProviderError:
    with pytest.raises(ProviderError) as refusal:
        await one.submit(speech)
    await one.close()
    return refusal.value


async def test_a_recording_goes_up_and_words_come_back(gladia: FakeGladia, speech: Speech) -> None:
    one = provider(gladia)
    job_id = await submitted(one, speech)
    assert await one.collect(job_id) is None
    found = await heard(one, job_id)
    await one.close()
    assert speech.audio is not None
    assert list(gladia.uploads.values()) == [speech.audio.read_bytes()]
    assert [(u.voice, u.text, u.start_s, u.end_s, u.language) for u in found.utterances] == [
        (0, "Good morning everybody.", 0.5, 2.0, "en"),
        (1, "Hello Ada.", 2.5, 3.25, "en"),
    ]
    assert [w.text.strip() for w in found.utterances[1].words] == ["Hello", "Ada."]
    assert all(0 <= (w.confidence or 0) <= 1 for u in found.utterances for w in u.words)


async def test_parameters_reach_the_job_but_whose_sound_it_is_does_not_change(
    gladia: FakeGladia, speech: Speech
) -> None:
    one = provider(gladia, summarization=True, sentences=True, diarization=False, audio_url="https://else.where/x")
    found = await heard(one, await submitted(one, speech))
    await one.close()
    (job,) = gladia.jobs.values()
    assert (job.request["summarization"], job.request["diarization"]) == (True, False)
    assert job.request["audio_url"].startswith(gladia.url)
    assert [u.voice for u in found.utterances] == [None, None]
    assert found.payload is not None
    assert {"metadata", "transcription", "summarization", "sentences"} <= set(found.payload)


async def test_voices_are_asked_to_be_told_apart(gladia: FakeGladia, speech: Speech) -> None:
    one = provider(gladia)
    await submitted(one, speech)
    await one.close()
    assert [job.request["diarization"] for job in gladia.jobs.values()] == [True]


@pytest.mark.parametrize("place", ["POST /v2/upload", "POST /v2/pre-recorded"])
@pytest.mark.parametrize(("status", "retryable"), [(400, False), (402, False), (408, True), (422, False), (429, True)])
async def test_refusals_of_ours_are_final_and_passing_ones_are_not(
    gladia: FakeGladia, speech: Speech, place: str, status: int, retryable: bool
) -> None:
    gladia.refuse(place, status)
    error = await refused(provider(gladia), speech)
    assert error.retryable is retryable
    assert str(status) in error.message


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_trouble_on_their_side_passes(gladia: FakeGladia, speech: Speech, status: int) -> None:
    gladia.refuse("POST /v2/pre-recorded", status)
    assert (await refused(provider(gladia), speech)).retryable


async def test_they_say_when_to_come_back(gladia: FakeGladia, speech: Speech) -> None:
    gladia.refuse("POST /v2/pre-recorded", 429, retry_after="17")
    assert (await refused(provider(gladia), speech)).retry_after_s == 17


async def test_a_key_is_in_no_message_even_if_they_repeat_it(gladia: FakeGladia, speech: Speech) -> None:
    error = await refused(provider(gladia, key="wrong-but-secret"), speech)
    assert not error.retryable
    assert "401" in error.message
    assert "wrong-but-secret" not in error.message
    assert "wrong-but-secret" not in repr(Access("wrong-but-secret"))


async def test_a_job_of_theirs_that_broke_is_worth_a_new_one(gladia: FakeGladia, speech: Speech) -> None:
    gladia.error_code = 500
    one = provider(gladia)
    job_id = await submitted(one, speech)
    with pytest.raises(ProviderError) as failure:
        await heard(one, job_id)
    await one.close()
    assert (failure.value.code, failure.value.retryable) == ("job_failed", True)


async def test_sound_that_they_cannot_read_is_final(gladia: FakeGladia, speech: Speech) -> None:
    gladia.error_code = 415
    one = provider(gladia)
    job_id = await submitted(one, speech)
    with pytest.raises(ProviderError) as failure:
        await heard(one, job_id)
    await one.close()
    assert not failure.value.retryable


async def test_nobody_there_passes(speech: Speech) -> None:
    one = Gladia(Access("k", base_url="http://127.0.0.1:9"))
    error = await refused(one, speech)
    assert (error.code, error.retryable) == ("unreachable", True)


async def test_an_answer_without_a_status_is_no_answer(gladia: FakeGladia, speech: Speech) -> None:
    one = provider(gladia)
    job_id = await submitted(one, speech)
    gladia.refuse("GET /v2/pre-recorded/:id", 200, message="half an answer")
    with pytest.raises(ProviderError, match="status"):
        await one.collect(job_id)
    await one.close()


async def test_a_result_of_another_shape_is_refused_by_name(gladia: FakeGladia, speech: Speech) -> None:
    gladia.utterances = [("not a number", "text", 0.0, 1.0)]  # type: ignore[list-item]
    one = provider(gladia)
    job_id = await submitted(one, speech)
    with pytest.raises(ProviderError) as failure:
        await heard(one, job_id)
    await one.close()
    assert failure.value.code == "bad_answer"


async def test_a_recording_without_sound_is_not_sent(gladia: FakeGladia) -> None:
    one = provider(gladia)
    assert await one.submit(Speech(0.0)) == Heard(())
    await one.close()
    assert gladia.requests == []


async def test_a_finished_job_is_deleted_with_its_sound_and_again_is_fine(gladia: FakeGladia, speech: Speech) -> None:
    one = provider(gladia)
    job_id = await submitted(one, speech)
    await heard(one, job_id)
    for _ in range(2):
        await one.forget(job_id)
    await one.close()
    assert gladia.uploads == {}
    assert gladia.jobs[job_id].is_deleted


async def test_a_job_under_way_is_deleted_later(gladia: FakeGladia, speech: Speech) -> None:
    one = provider(gladia)
    job_id = await submitted(one, speech)
    with pytest.raises(ProviderError) as refusal:
        await one.forget(job_id)
    await one.close()
    assert refusal.value.retryable


async def test_many_steps_at_once_do_not_mix(gladia: FakeGladia, speech: Speech) -> None:
    async def whole() -> int:
        one = provider(gladia)
        try:
            return len((await heard(one, await submitted(one, speech))).utterances)
        finally:
            await one.close()

    assert await asyncio.gather(*(whole() for _ in range(8))) == [2] * 8
    assert len(gladia.jobs) == 8
