"""`/docs`: the API to read and to try, made from its OpenAPI document. Nothing is loaded from elsewhere."""

from importlib import resources

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from meetfleet.domain.errors import NotFound

_FILES = {"page.js": "text/javascript; charset=utf-8", "page.css": "text/css; charset=utf-8"}
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


def docs_router() -> APIRouter:
    """The page and its two files, the admin API's page, too; `/` leads to the first."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    async def page() -> Response:
        return _page("/v2/openapi.json", "/v2/bots?limit=1")

    @router.get("/admin/docs")
    async def admin_page() -> Response:
        return _page("/admin/v1/openapi.json", "/admin/v1/whoami")

    @router.get("/docs/{name}")
    async def piece(name: str) -> Response:
        if name not in _FILES:
            raise NotFound(f"There is no '{name}' here.")
        return Response(_read(name), media_type=_FILES[name], headers=_HEADERS)

    @router.get("/")
    async def front() -> Response:
        return RedirectResponse("/docs")

    _ = page, admin_page, piece, front
    return router


def _page(document: str, check: str) -> Response:
    """The page that draws `document`, and tries a key at `check`."""
    text = _read("page.html").decode().replace("{document}", document).replace("{check}", check)
    return Response(text, media_type="text/html; charset=utf-8", headers=_HEADERS)


def _read(name: str) -> bytes:
    return resources.files(__name__).joinpath(name).read_bytes()
