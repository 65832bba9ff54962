"""`/healthz`: the process lives. `/readyz`: it can do its work."""

from collections.abc import Awaitable, Callable, Sequence

from fastapi import APIRouter, Response

Trouble = Callable[[], Awaitable[Sequence[str]]]


def health_router(trouble: Trouble) -> APIRouter:
    """The two routes.

    Args:
        trouble: Names what is not well at the moment.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz(response: Response) -> dict[str, object]:
        found = list(await trouble())
        response.status_code = 503 if found else 200
        return {"status": "not ready" if found else "ready", "trouble": found}

    _ = healthz, readyz
    return router
