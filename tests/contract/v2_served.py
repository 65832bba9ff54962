"""The v2 API behind a real server, for those who must come over a socket."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from uuid import UUID

import pytest
import uvicorn
from v2_schemas import NoJudge
from v2_world import TO_RECORDING, V2World

from meetfleet.store.database import Database


class Served:
    """The API behind a real server with its own event loop and database connections.

    Attributes:
        bot_ids: Bots that exist: one queued, one in the waiting room, one completed.
    """

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self.key, self.sending_key, self.bot_ids = asyncio.run(self._prepare(database_url))
        self._database = Database(database_url, pool_size=5)
        api = V2World(self._database, NoJudge())
        config = uvicorn.Config(api.app, port=0, log_level="error", timeout_graceful_shutdown=2)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run)

    async def _prepare(self, database_url: str) -> tuple[str, str, list[UUID]]:
        database = Database(database_url, pool_size=2)
        api = await V2World(database, NoJudge()).start()
        bot_ids = [await api.create() for _ in range(3)]
        await api.step(bot_ids[1], *TO_RECORDING[:3])
        await api.finish(bot_ids[2], {"output.flac": b"sound"})
        await api.client.aclose()
        await database.close()
        return api.key, api.sending_key, bot_ids

    def act(self, deed: Callable[[V2World], Awaitable[None]]) -> None:
        """Moves bots behind the server's back, as the control plane would."""

        async def alone() -> None:
            database = Database(self._database_url, pool_size=2)
            api = V2World(database, NoJudge())
            await deed(api)
            await api.client.aclose()
            await database.close()

        asyncio.run(alone())

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
