"""Requests that nobody would think of, made from our own description: no 5xx, no answer that it does not describe."""

import asyncio
import threading
import zlib
from collections.abc import Iterator
from uuid import UUID

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks
from v2_schemas import NoJudge
from v2_world import TO_RECORDING, V2World, document

from meetfleet.api.auth import KEY_HEADER
from meetfleet.store.database import Database


class Served:
    """The API behind a real server with its own event loop and database connections.

    Attributes:
        bot_ids: Bots that exist: one queued, one in the waiting room, one completed.
    """

    def __init__(self, database_url: str) -> None:
        self.key, self.bot_ids = asyncio.run(self._prepare(database_url))
        self._database = Database(database_url, pool_size=5)
        api = V2World(self._database, NoJudge())
        config = uvicorn.Config(api.app, port=0, log_level="error", timeout_graceful_shutdown=2)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run)

    async def _prepare(self, database_url: str) -> tuple[str, list[UUID]]:
        database = Database(database_url, pool_size=2)
        api = await V2World(database, NoJudge()).start()
        bot_ids = [await api.create() for _ in range(3)]
        await api.step(bot_ids[1], *TO_RECORDING[:3])
        await api.finish(bot_ids[2], {"output.flac": b"sound"})
        await api.client.aclose()
        await database.close()
        return api.key, bot_ids

    def _run(self) -> None:
        async def serve() -> None:
            await self._server.serve()
            await self._database.close()

        asyncio.run(serve())

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def __enter__(self) -> "Served":
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
            assert self._thread.is_alive()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture(scope="module")
def served(database_url: str) -> Iterator[Served]:
    with Served(database_url) as served:
        yield served


schema = schemathesis.openapi.from_dict(document())
# Not `negative_data_rejection`: unknown keys are ignored and bad items of a batch are item errors, both by contract.
JUDGED = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.ignored_auth,
]


@schema.parametrize()
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_operation_answers_as_described(case: schemathesis.Case, served: Served) -> None:
    # Half of the ids are made up; the others exist, so that more than 404 is seen.
    dice = zlib.crc32(f"{case.body} {case.query} {case.path_parameters}".encode(errors="replace"))
    if "bot_id" in case.path_parameters and dice % 2:
        case.path_parameters["bot_id"] = str(served.bot_ids[dice % len(served.bot_ids)])
    case.call_and_validate(base_url=served.address, headers={KEY_HEADER: served.key}, checks=JUDGED, timeout=30)
