"""Storage configuration: recordings go to buckets of the team's own. Source: contract.md 2.16."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, Field

from meetfleet.api.v2.bodies import Body, Closed, Success
from meetfleet.api.v2.fields import Uuid, WebUrl, WireTime
from meetfleet.api.v2.route import CallerDep, answers
from meetfleet.api.v2.services import V2Services
from meetfleet.control.storage_configs import NewStorageConfig
from meetfleet.storage.customer_objects import CustomerStorage
from meetfleet.storage.obstore_objects import S3Keys, S3Place, checked_bucket
from meetfleet.store.tables import StorageConfigRow


def _endpoint(text: str) -> str:
    if "?" in text or "#" in text or "@" in text:
        raise ValueError("must have no query, no fragment and no password")
    return text


_Bucket = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(checked_bucket)]
_KeyId = Annotated[str, Field(min_length=1, max_length=256)]
_Secret = Annotated[str, Field(min_length=1, max_length=512, description="Kept sealed, never shown.")]


class SetStorageConfigRequestBody(Body):
    """Any S3. The buckets may be one and the same."""

    endpoint: Annotated[WebUrl, AfterValidator(_endpoint), Field(description="Without the bucket.")]
    region: Annotated[str, Field(min_length=1, max_length=64)]
    force_path_style: Annotated[bool, Field(description="The bucket stands in the path: MinIO and the like.")] = False
    artifacts_bucket: Annotated[_Bucket, Field(description="For what is made of a recording.")]
    audio_chunks_bucket: Annotated[_Bucket, Field(description="For the tape, while the call runs and after.")]
    logs_bucket: Annotated[_Bucket, Field(description="For the bots' logs.")]
    allow_transient_spill: Annotated[
        bool, Field(description="Kept and shown; nothing is ever stored elsewhere, whatever it says.")
    ] = False
    ingest_access_key_id: Annotated[_KeyId, Field(description="Of the key pair that writes.")]
    ingest_secret_access_key: _Secret
    service_access_key_id: Annotated[_KeyId, Field(description="Of the key pair that reads, lists and deletes.")]
    service_secret_access_key: _Secret


class StorageConfig(Closed):
    """Without its secrets."""

    storage_config_id: Uuid
    enabled: bool
    endpoint: str
    region: str
    force_path_style: bool
    artifacts_bucket: str
    audio_chunks_bucket: str
    logs_bucket: str
    allow_transient_spill: bool
    ingest_access_key_id: str
    service_access_key_id: str
    last_verified_at: WireTime | None
    last_error_message: str | None
    last_error_at: WireTime | None
    created_at: WireTime
    updated_at: WireTime


class DisabledStorageConfig(Closed):
    storage_config_id: Uuid
    enabled: bool
    message: str


class StorageCheck(Closed):
    ok: bool
    error: str | None


class StorageConfigResponse(Success):
    data: StorageConfig


class DeleteStorageConfigResponse(Success):
    data: DisabledStorageConfig


class TestStorageConfigResponse(Success):
    data: StorageCheck


def add_storage_config_routes(router: APIRouter, services: V2Services) -> None:
    path = "/storage-config"

    @router.get(path, operation_id="getStorageConfig", summary="Your own storage", responses=answers(404))
    async def get(caller: CallerDep) -> StorageConfigResponse:
        """404 before the first `PUT`."""
        return StorageConfigResponse(data=_shown(await services.storage_configs.get(caller.team)))

    @router.put(path, operation_id="setStorageConfig", summary="Store in buckets of your own", responses=answers(404))
    async def put(caller: CallerDep, body: SetStorageConfigRequestBody) -> StorageConfigResponse:
        """Checked first, by writing, reading and deleting a marker in each bucket. Holds for bots that start from now
        on; recordings that were begun elsewhere stay where they are.
        """
        return StorageConfigResponse(data=_shown(await services.storage_configs.set(caller.team, _new(body))))

    @router.delete(
        path, operation_id="deleteStorageConfig", summary="Store with this server again", responses=answers(404)
    )
    async def delete(caller: CallerDep) -> DeleteStorageConfigResponse:
        """What lies in your buckets stays there, and its links go on working."""
        row = await services.storage_configs.disable(caller.team)
        message = "Storage configuration disabled successfully"
        return DeleteStorageConfigResponse(
            data=DisabledStorageConfig(storage_config_id=str(row.id), enabled=row.enabled, message=message)
        )

    @router.post(
        f"{path}/test", operation_id="testStorageConfig", summary="Check your own storage", responses=answers(404)
    )
    async def test(caller: CallerDep) -> TestStorageConfigResponse:
        """The same check as at `PUT`, with what is stored."""
        error = await services.storage_configs.test(caller.team)
        return TestStorageConfigResponse(data=StorageCheck(ok=error is None, error=error))

    _ = get, put, delete, test


def _new(body: SetStorageConfigRequestBody) -> NewStorageConfig:
    storage = CustomerStorage(
        place=S3Place(body.endpoint, body.region, body.force_path_style),
        artifacts=body.artifacts_bucket,
        tapes=body.audio_chunks_bucket,
        logs=body.logs_bucket,
        ingest=S3Keys(body.ingest_access_key_id, body.ingest_secret_access_key),
        service=S3Keys(body.service_access_key_id, body.service_secret_access_key),
    )
    return NewStorageConfig(storage=storage, allow_transient_spill=body.allow_transient_spill)


def _shown(row: StorageConfigRow) -> StorageConfig:
    return StorageConfig(
        storage_config_id=str(row.id),
        enabled=row.enabled,
        endpoint=row.endpoint,
        region=row.region,
        force_path_style=row.force_path_style,
        artifacts_bucket=row.artifacts_bucket,
        audio_chunks_bucket=row.audio_chunks_bucket,
        logs_bucket=row.logs_bucket,
        allow_transient_spill=row.allow_transient_spill,
        ingest_access_key_id=row.ingest_access_key_id,
        service_access_key_id=row.service_access_key_id,
        last_verified_at=row.last_verified_at,
        last_error_message=row.last_error_message,
        last_error_at=row.last_error_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
