"""A customer's S3 over real HTTP, which refuses keys that it does not know and deeds that a key may not do."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
import httpx2
import pytest
from moto.server import ThreadedMotoServer

INGEST = ("s3:PutObject",)
SERVICE = ("s3:GetObject", "s3:ListBucket", "s3:DeleteObject")
REGION = "us-east-1"


@dataclass(frozen=True)
class CustomerS3:
    """Buckets `artifacts`, `tapes`, `logs` and `elsewhere`; two users who may do what they must, and no more."""

    endpoint: str
    ingest: tuple[str, str]
    service: tuple[str, str]
    readonly: tuple[str, str]
    root: tuple[str, str]

    def config(self, **changes: Any) -> dict[str, Any]:
        """The body of a `PUT /v2/storage-config`."""
        return {
            "endpoint": self.endpoint,
            "region": REGION,
            "force_path_style": True,
            "artifacts_bucket": "artifacts",
            "audio_chunks_bucket": "tapes",
            "logs_bucket": "logs",
            "ingest_access_key_id": self.ingest[0],
            "ingest_secret_access_key": self.ingest[1],
            "service_access_key_id": self.service[0],
            "service_secret_access_key": self.service[1],
            **changes,
        }

    def client(self, kind: str = "s3") -> Any:
        """As the customer's own administrator."""
        return _client(kind, self.endpoint, self.root)

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        found = self.client().list_objects_v2(Bucket=bucket, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", ())]

    def check_keys(self, active: bool) -> None:
        """The stand-in cannot judge links that carry their own signature; while they are fetched it lets all in."""
        free = 0 if active else 10**9
        answer = httpx2.post(f"{self.endpoint}/moto-api/reset-auth", content=str(free).encode(), timeout=30)
        assert answer.status_code == 200

    async def fetch(self, method: str, link: str, **more: Any) -> httpx2.Response:
        """As anybody who was given a signed link."""
        self.check_keys(False)
        try:
            async with httpx2.AsyncClient() as anybody:
                return await anybody.request(method, link, **more)
        finally:
            self.check_keys(True)

    def new_keys(self, actions: Sequence[str]) -> tuple[str, str]:
        return _user(self.client("iam"), f"user-{len(self.client('iam').list_users()['Users'])}", actions)


def _client(kind: str, endpoint: str, keys: tuple[str, str]) -> Any:
    return boto3.client(
        kind, endpoint_url=endpoint, region_name=REGION, aws_access_key_id=keys[0], aws_secret_access_key=keys[1]
    )


def _user(iam: Any, name: str, actions: Sequence[str]) -> tuple[str, str]:
    iam.create_user(UserName=name)
    statement = [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


@pytest.fixture(scope="module")
def customer_s3() -> Iterator[CustomerS3]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    open_door = ("open", "door")
    iam, s3 = _client("iam", endpoint, open_door), _client("s3", endpoint, open_door)
    for bucket in ("artifacts", "tapes", "logs", "elsewhere"):
        s3.create_bucket(Bucket=bucket)
    users = {
        name: _user(iam, name, actions)
        for name, actions in (
            ("ingest", INGEST),
            ("service", SERVICE),
            ("readonly", ("s3:GetObject", "s3:ListBucket")),
            ("root", ("*",)),
        )
    }
    customer = CustomerS3(endpoint, **users)
    # From here on every request must be signed with a key that may do what it asks.
    customer.check_keys(True)
    yield customer
    # The stand-in keeps all of this for the whole process, whatever becomes of the server.
    customer.check_keys(False)
    httpx2.post(f"{endpoint}/moto-api/reset", timeout=30).raise_for_status()
    server.stop()
