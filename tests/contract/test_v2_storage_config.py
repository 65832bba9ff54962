"""Meetings that stay in the customer's buckets: choosing them, and where recordings then really lie."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs
from v2_schemas import V2Schemas
from v2_world import V2World

from customer_buckets import INGEST, SERVICE, CustomerS3, customer_s3
from meetfleet.domain.errors import ProviderError
from meetfleet.domain.lifecycle import BotState
from meetfleet.outside.addresses import AddressGuard
from meetfleet.storage.objects import artifact_key
from meetfleet.store.database import Database
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.tables import StorageConfigRow
from meetfleet.testing.control_plane import ControlPlane

__all__ = ["customer_s3"]

PATH = "/v2/storage-config"


async def chosen(api: V2World, s3: CustomerS3, **changes: Any) -> dict[str, Any]:
    answer = await api.call("PUT", PATH, json=s3.config(**changes))
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def shown(api: V2World) -> dict[str, Any]:
    return (await api.call("GET", PATH)).json()["data"]


async def recorded(api: V2World, files: dict[str, bytes]) -> UUID:
    """A finished recording of a bot that started now, stored wherever its team wants it."""
    bot_id = await api.create()
    config = await api.call("GET", PATH)
    async with api.database.transaction() as session:
        bot = await BotRepository(session).get(bot_id, lock=True)
        assert bot is not None
        if config.status_code == 200 and config.json()["data"]["enabled"]:
            bot.storage_config_id = UUID(config.json()["data"]["storage_config_id"])
    await api.finish(bot_id, files)
    return bot_id


async def test_there_is_none_before_the_first_put(api: V2World) -> None:
    for method, path in (("GET", PATH), ("DELETE", PATH), ("POST", f"{PATH}/test")):
        answer = await api.call(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "FST_ERR_STORAGE_CONFIG_NOT_FOUND")


async def test_buckets_are_checked_with_both_key_pairs_and_left_clean(api: V2World, customer_s3: CustomerS3) -> None:
    data = await chosen(api, customer_s3, allow_transient_spill=True)
    assert data["enabled"] is True
    assert data["last_verified_at"] is not None
    assert (data["last_error_message"], data["last_error_at"]) == (None, None)
    assert data["allow_transient_spill"] is True
    assert (data["ingest_access_key_id"], data["service_access_key_id"]) == (
        customer_s3.ingest[0],
        customer_s3.service[0],
    )
    assert await shown(api) == data
    assert [customer_s3.keys(bucket, "meetfleet-check") for bucket in ("artifacts", "tapes", "logs")] == [[], [], []]
    _, stranger = await api.new_team()
    assert (await api.call("GET", PATH, key=stranger)).status_code == 404


async def test_what_cannot_be_used_is_400_says_why_and_changes_nothing(api: V2World, customer_s3: CustomerS3) -> None:
    before = await chosen(api, customer_s3)
    key_id, secret = customer_s3.readonly
    for change, why in (
        ({"ingest_access_key_id": key_id, "ingest_secret_access_key": secret}, "ingest key pair cannot write to"),
        ({"ingest_secret_access_key": "wrong"}, "ingest key pair cannot write to"),
        ({"service_secret_access_key": "wrong"}, "service key pair cannot read from"),
        ({"service_access_key_id": key_id, "service_secret_access_key": secret}, "service key pair cannot delete from"),
        ({"logs_bucket": "missing"}, "bucket 'missing': it is not there."),
        ({"endpoint": "http://127.0.0.1:9"}, "ingest key pair cannot write to"),
    ):
        answer = await api.call("PUT", PATH, json=customer_s3.config(**change))
        assert (answer.status_code, answer.json()["code"]) == (400, "FST_ERR_VALIDATION"), why
        assert why in answer.json()["message"]
    assert await shown(api) == before


async def test_a_body_that_does_not_fit_is_400(api: V2World, customer_s3: CustomerS3) -> None:
    good = customer_s3.config()
    for change in (
        {"endpoint": "ftp://s3.example.org"},
        {"endpoint": "https://user:pw@s3.example.org"},
        {"endpoint": "https://s3.example.org?x=1"},
        {"region": ""},
        {"artifacts_bucket": "a/b"},
        {"artifacts_bucket": "evil.example.org#"},
        {"logs_bucket": "x" * 256},
        {"force_path_style": "yes"},
        {"ingest_secret_access_key": ""},
        {"service_access_key_id": "x" * 257},
    ):
        assert (await api.call("PUT", PATH, json={**good, **change})).status_code == 400, change
    for missing in good:
        if missing != "force_path_style":
            body = {name: value for name, value in good.items() if name != missing}
            assert (await api.call("PUT", PATH, json=body)).status_code == 400, missing


async def test_an_endpoint_inside_our_own_network_is_refused(
    database: Database, v2_schemas: V2Schemas, customer_s3: CustomerS3
) -> None:
    world = await V2World(database, v2_schemas).start()
    world.storage_configs._guard = AddressGuard(allow_private=False)
    answer = await world.call("PUT", PATH, json=customer_s3.config())
    assert answer.status_code == 400
    assert "private address" in answer.json()["message"]
    await world.client.aclose()


async def test_the_stored_choice_is_tested_on_request_and_remembers_how_that_went(
    api: V2World, customer_s3: CustomerS3
) -> None:
    key_id, secret = customer_s3.new_keys(INGEST)
    await chosen(api, customer_s3, ingest_access_key_id=key_id, ingest_secret_access_key=secret)
    assert (await api.call("POST", f"{PATH}/test")).json()["data"] == {"ok": True, "error": None}
    iam = customer_s3.client("iam")
    (owner,) = [
        user["UserName"]
        for user in iam.list_users()["Users"]
        if key_id in str(iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"])
    ]
    iam.delete_access_key(UserName=owner, AccessKeyId=key_id)
    found = (await api.call("POST", f"{PATH}/test")).json()["data"]
    assert found["ok"] is False
    assert "ingest key pair cannot write" in found["error"]
    assert (await shown(api))["last_error_message"] == found["error"]
    await chosen(api, customer_s3)
    assert (await shown(api))["last_error_message"] is None


async def test_new_keys_for_the_same_buckets_are_the_same_choice_and_other_buckets_another(
    api: V2World, customer_s3: CustomerS3
) -> None:
    first = await chosen(api, customer_s3)
    key_id, secret = customer_s3.new_keys(SERVICE)
    renewed = await chosen(api, customer_s3, service_access_key_id=key_id, service_secret_access_key=secret)
    assert renewed["storage_config_id"] == first["storage_config_id"]
    assert renewed["service_access_key_id"] == key_id
    other = await chosen(api, customer_s3, artifacts_bucket="elsewhere")
    assert other["storage_config_id"] != first["storage_config_id"]
    back = await chosen(api, customer_s3)
    assert back["storage_config_id"] == first["storage_config_id"]


async def test_deleting_it_turns_it_off_and_a_put_turns_it_on_again(api: V2World, customer_s3: CustomerS3) -> None:
    data = await chosen(api, customer_s3)
    answer = (await api.call("DELETE", PATH)).json()["data"]
    assert answer["storage_config_id"] == data["storage_config_id"]
    assert answer["enabled"] is False
    assert (await shown(api))["enabled"] is False
    assert (await chosen(api, customer_s3))["enabled"] is True


async def test_recordings_lie_with_the_customer_and_links_lead_there_past_us(
    api: V2World, customer_s3: CustomerS3
) -> None:
    await chosen(api, customer_s3)
    bot_id = await recorded(api, {"output.flac": b"sound of ours", "video.mp4": b"pictures"})
    assert api.objects.contents == {}
    assert artifact_key(str(bot_id), "output.flac") in customer_s3.keys("artifacts")
    link = (await api.details(bot_id))["audio"]
    redirect = await api.client.get(link)
    assert (redirect.status_code, redirect.headers["cache-control"]) == (307, "no-store")
    target = redirect.headers["location"]
    assert target.startswith(f"{customer_s3.endpoint}/artifacts/bots/{bot_id}/")
    assert "X-Amz-Expires=3600" in target
    fetched = await customer_s3.fetch("GET", target, headers={"range": "bytes=0-4"})
    assert (fetched.status_code, fetched.content) == (206, b"sound")
    assert fetched.headers["content-type"] == "audio/flac"
    head = (await api.client.head(link)).headers["location"]
    assert head != target
    assert (await customer_s3.fetch("HEAD", head)).headers["content-length"] == "13"
    assert (await api.client.get(link.replace("signature=", "signature=0"))).status_code == 403


async def test_older_recordings_stay_where_they_were_whatever_is_chosen_later(
    api: V2World, customer_s3: CustomerS3
) -> None:
    ours = await recorded(api, {"output.flac": b"with the server"})
    await chosen(api, customer_s3)
    theirs = await recorded(api, {"output.flac": b"with the customer"})
    await chosen(api, customer_s3, artifacts_bucket="elsewhere")
    moved = await recorded(api, {"output.flac": b"elsewhere"})
    await api.call("DELETE", PATH)
    again = await recorded(api, {"output.flac": b"with the server again"})
    for bot_id, content in ((ours, b"with the server"), (again, b"with the server again")):
        assert (await api.client.get((await api.details(bot_id))["audio"])).content == content
    for bot_id, bucket, content in ((theirs, "artifacts", b"with the customer"), (moved, "elsewhere", b"elsewhere")):
        target = (await api.client.get((await api.details(bot_id))["audio"])).headers["location"]
        assert f"/{bucket}/" in target
        assert (await customer_s3.fetch("GET", target)).content == content


async def test_deleting_a_bots_data_empties_the_customers_buckets(api: V2World, customer_s3: CustomerS3) -> None:
    await chosen(api, customer_s3)
    bot_id = await recorded(api, {"output.flac": b"sound"})
    await api.stores.put(f"bots/{bot_id}/tape/t1-000001.mcap", b"tape")
    await api.stores.put(f"bots/{bot_id}/logs/take-1.log", b"log")
    everywhere = [customer_s3.keys(bucket, f"bots/{bot_id}/") for bucket in ("artifacts", "tapes", "logs")]
    assert [len(keys) for keys in everywhere] == [1, 1, 1]
    assert (await api.call("DELETE", f"/v2/bots/{bot_id}/delete-data")).status_code == 200
    assert [customer_s3.keys(bucket, f"bots/{bot_id}/") for bucket in ("artifacts", "tapes", "logs")] == [[], [], []]


async def test_a_bots_tape_goes_to_the_customer_while_the_call_runs(
    api: V2World, customer_s3: CustomerS3, tmp_path: Path
) -> None:
    plane = ControlPlane(api.database, tmp_path, objects=api.stores)
    plane.team, own = api.team, api.objects
    before = await plane.started_bot()
    await chosen(api, customer_s3)
    bot = await plane.started_bot()
    for one in (before, bot):
        await one.be("joining", "in_call", "recording")
        await one.put("t01-000001.mcap", b"a sealed segment")
    assert [key.split("/")[1] for key in own.contents] == [str(before.id)]
    assert customer_s3.keys("tapes", f"bots/{bot.id}/") == [f"bots/{bot.id}/tape/t01-000001.mcap"]
    # A choice made during the call is for the next bot.
    await chosen(api, customer_s3, audio_chunks_bucket="elsewhere")
    await bot.put("t01-000002.mcap", b"the next one")
    assert len(customer_s3.keys("tapes", f"bots/{bot.id}/")) == 2
    await bot.be("processing", reason="no_attendees")
    await plane.finaliser.finalise(bot.id)
    assert (await plane.row(bot.id)).state is BotState.COMPLETED
    assert [key.split("/")[1] for key in own.contents] == [str(before.id)]


async def test_storage_that_fails_is_told_to_the_team_and_nothing_is_put_elsewhere(
    api: V2World, customer_s3: CustomerS3
) -> None:
    key_id, secret = customer_s3.new_keys(INGEST)
    keys = {"ingest_access_key_id": key_id, "ingest_secret_access_key": secret, "allow_transient_spill": True}
    await chosen(api, customer_s3, **keys)
    bot_id = await recorded(api, {})
    async with api.database.transaction() as session:
        row = await session.get(StorageConfigRow, UUID((await shown(api))["storage_config_id"]))
        assert row is not None
        row.ingest_secret_access_key = api.box.seal("changed behind our back")
        row.revision += 1
    with pytest.raises(ProviderError):
        await api.stores.put(artifact_key(str(bot_id), "output.flac"), b"sound")
    assert api.objects.contents == {}
    assert (await shown(api))["last_error_message"]


async def test_secrets_are_in_no_answer_no_log_and_not_readable_in_the_database(
    api: V2World, customer_s3: CustomerS3
) -> None:
    with capture_logs() as logs:
        answers = [await api.call("PUT", PATH, json=customer_s3.config()), await api.call("GET", PATH)]
        answers.append(await api.call("PUT", PATH, json=customer_s3.config(logs_bucket="missing")))
        answers.append(await api.call("PUT", PATH, json=customer_s3.config(region="")))
        answers += [await api.call("POST", f"{PATH}/test"), await api.call("DELETE", PATH)]
    async with api.database.transaction() as session:
        row = await session.get(StorageConfigRow, UUID(answers[0].json()["data"]["storage_config_id"]))
        assert row is not None
        kept = row.ingest_secret_access_key + row.service_secret_access_key
    told = "".join(answer.text for answer in answers) + str(logs) + kept + repr(row)
    assert [secret for secret in (customer_s3.ingest[1], customer_s3.service[1]) if secret in told] == []


async def test_nothing_of_the_servers_own_credentials_reaches_the_customer(
    api: V2World, customer_s3: CustomerS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "operators-own")
    await chosen(api, customer_s3)
    bot_id = await recorded(api, {"output.flac": b"sound"})
    target = (await api.client.get((await api.details(bot_id))["audio"])).headers["location"]
    assert "operators-own" not in target
    assert "Security-Token" not in target
