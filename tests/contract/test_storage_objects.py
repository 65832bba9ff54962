"""What every object store does alike: the fake, a local folder, and S3 over real HTTP."""

import logging
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meetfleet.domain.errors import InvalidRequest, ProviderError
from meetfleet.storage.objects import ObjectNotFound, ObjectStore, artifact_key, checked_key
from meetfleet.storage.obstore_objects import ObstoreObjects, open_objects
from meetfleet.testing.objects import MemoryObjects

MB = 1024 * 1024


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    import httpx2

    assert httpx2.put(f"{endpoint}/recordings", timeout=30).status_code == 200
    yield (
        f"s3://recordings/fleet/{uuid.uuid4()}?endpoint={endpoint}&region=us-east-1"
        "&access_key_id=testing&secret_access_key=testing"
    )
    server.stop()


@pytest.fixture(params=["memory", "folder", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "memory":
        return MemoryObjects()
    if request.param == "folder":
        return ObstoreObjects.in_folder(tmp_path / "objects")
    base, query = str(request.getfixturevalue("s3_url")).split("?")
    return open_objects(f"{base}/{uuid.uuid4()}?{query}", tmp_path)


async def read(objects: ObjectStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in objects.get_range(key, start, end)])


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_what_was_put_is_read_back_whole(objects: ObjectStore) -> None:
    info = await objects.put("bots/b1/a.flac", b"sound")
    assert (info.key, info.size_bytes) == ("bots/b1/a.flac", 5)
    assert await objects.get("bots/b1/a.flac") == b"sound"
    assert await objects.head("bots/b1/a.flac") == info


async def test_a_file_and_a_stream_are_stored_like_bytes(objects: ObjectStore, tmp_path: Path) -> None:
    big = os.urandom(7 * MB)
    source = tmp_path / "source"
    source.write_bytes(big)
    assert (await objects.put("bots/b1/file", source)).size_bytes == len(big)
    assert (await objects.put("bots/b1/stream", pieces(big[:MB], b"", big[MB:]))).size_bytes == len(big)
    assert await objects.get("bots/b1/file") == big
    assert await objects.get("bots/b1/stream") == big


async def test_an_empty_object_is_an_object(objects: ObjectStore) -> None:
    await objects.put("bots/b1/nothing", b"")
    assert (await objects.head("bots/b1/nothing")).size_bytes == 0
    assert await read(objects, "bots/b1/nothing") == b""


async def test_a_second_put_replaces_the_object_and_its_etag(objects: ObjectStore) -> None:
    first = await objects.put("k/a", b"one")
    second = await objects.put("k/a", b"other")
    assert await objects.get("k/a") == b"other"
    assert first.etag != second.etag
    assert '"' not in second.etag


async def test_a_stream_that_breaks_leaves_the_old_object(objects: ObjectStore) -> None:
    await objects.put("k/a", b"old")

    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ValueError("the sender went away")

    with pytest.raises(ValueError, match="went away"):
        await objects.put("k/a", broken())
    assert await objects.get("k/a") == b"old"


@pytest.mark.parametrize(("start", "end"), [(0, None), (0, 1), (3, 9), (9, None), (5, 5), (0, 10)])
async def test_ranges_are_half_open(objects: ObjectStore, start: int, end: int | None) -> None:
    await objects.put("k/digits", b"0123456789")
    assert await read(objects, "k/digits", start, end) == b"0123456789"[start:end]


async def test_a_missing_object_is_said_to_be_missing(objects: ObjectStore) -> None:
    with pytest.raises(ObjectNotFound):
        await objects.get("k/none")
    with pytest.raises(ObjectNotFound):
        await objects.head("k/none")
    with pytest.raises(ObjectNotFound):
        await read(objects, "k/none")


async def test_a_missing_source_file_is_not_a_missing_object(objects: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(ProviderError):
        await objects.put("k/a", tmp_path / "gone")


async def test_list_matches_whole_folder_names(objects: ObjectStore) -> None:
    for key in ("bots/1/a", "bots/1/tape/b", "bots/10/c", "other/1/d"):
        await objects.put(key, key.encode())
    assert {i.key: i.size_bytes async for i in objects.list("bots/1")} == {"bots/1/a": 8, "bots/1/tape/b": 13}
    assert [i async for i in objects.list("bots/2")] == []


async def test_list_returns_every_one_of_many_objects(objects: ObjectStore) -> None:
    for n in range(120):
        await objects.put(f"many/{n:03}", b"x")
    assert len([i async for i in objects.list("many")]) == 120


async def test_delete_is_idempotent(objects: ObjectStore) -> None:
    await objects.put("k/a", b"x")
    await objects.delete("k/a")
    await objects.delete("k/a")
    with pytest.raises(ObjectNotFound):
        await objects.head("k/a")


async def test_delete_prefix_removes_the_folder_and_only_it(objects: ObjectStore) -> None:
    for key in ("bots/1/a", "bots/1/tape/b", "bots/10/c"):
        await objects.put(key, b"x")
    assert await objects.delete_prefix("bots/1") == 2
    assert await objects.delete_prefix("bots/1") == 0
    assert [i.key async for i in objects.list("bots")] == ["bots/10/c"]


async def test_names_with_spaces_and_letters_of_any_script_keep_their_name(objects: ObjectStore) -> None:
    key = "bots/b1/audio/Zoë Ångström 你好 #1 (50%).ogg"
    await objects.put(key, b"x")
    assert [i.key async for i in objects.list("bots/b1")] == [key]
    assert await objects.get(key) == b"x"


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../b", "./a", "a\nb", "a\\b", "x" * 1025])
async def test_keys_that_could_leave_the_store_are_refused(objects: ObjectStore, key: str) -> None:
    with pytest.raises(InvalidRequest):
        await objects.put(key, b"x")
    with pytest.raises(InvalidRequest):
        await objects.get(key)


async def test_a_storage_that_cannot_be_reached_is_a_retryable_provider_error(tmp_path: Path) -> None:
    gone = open_objects(
        "s3://b/p?endpoint=http://127.0.0.1:9&region=us-east-1&access_key_id=secret-id&secret_access_key=secret-key",
        tmp_path,
    )
    with pytest.raises(ProviderError) as caught:
        await gone.get("k/a")
    assert caught.value.retryable
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["s3://", "gopher://b/p", "s3://b/p?colour=red"])
def test_a_storage_url_that_we_cannot_follow_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        open_objects(url, tmp_path)


async def test_the_fake_can_be_a_full_disk() -> None:
    objects = MemoryObjects(capacity_bytes=10)
    await objects.put("k/a", b"12345678")
    with pytest.raises(ProviderError) as caught:
        await objects.put("k/b", b"123")
    assert caught.value.code == "disk_full"


@settings(deadline=None)
@given(st.text(max_size=40))
def test_a_checked_key_stays_below_its_folder(name: str) -> None:
    try:
        key = artifact_key("b1", name)
    except InvalidRequest:
        return
    assert key.startswith("bots/b1/artifacts/")
    assert not {"..", ".", ""} & set(key.split("/"))
    assert checked_key(key) == key
