"""All routes below `/v2`, and the document that describes them."""

import asyncio
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from meetfleet import __version__
from meetfleet.api.auth import KEY_HEADER
from meetfleet.api.v2.actions import add_action_routes
from meetfleet.api.v2.bots import add_bot_routes
from meetfleet.api.v2.logins import add_meet_login_routes, add_teams_login_routes
from meetfleet.api.v2.lookup import add_lookup_routes
from meetfleet.api.v2.route import gated
from meetfleet.api.v2.schedules import add_schedule_routes
from meetfleet.api.v2.services import V2Services
from meetfleet.api.v2.storage_config import add_storage_config_routes
from meetfleet.api.v2.workspaces import add_meet_workspace_routes, add_teams_workspace_routes
from meetfleet.api.v2.zoom_credentials import add_zoom_credential_routes

_ABOUT = (
    "Sends bots to meetings and gives you what they bring home: sound, video, who spoke when, chat. "
    "Compatible with Meeting BaaS v2."
)

_RESOURCES = (
    ("Zoom credentials", add_zoom_credential_routes),
    ("Meet workspaces", add_meet_workspace_routes),
    ("Meet logins", add_meet_login_routes),
    ("Teams workspaces", add_teams_workspace_routes),
    ("Teams logins", add_teams_login_routes),
    ("Storage", add_storage_config_routes),
)


def v2_router(services: V2Services) -> APIRouter:
    """The whole dialect, `/v2/openapi.json` included."""
    route_class = gated(services.gate)
    routes = APIRouter(prefix="/v2", route_class=route_class)
    bots = APIRouter(route_class=route_class, tags=["Bots"])
    add_bot_routes(bots, services)
    add_schedule_routes(bots, services)
    add_lookup_routes(bots, services)
    add_action_routes(bots, services)
    routes.include_router(bots)
    for tag, add_routes in _RESOURCES:
        resource = APIRouter(route_class=route_class, tags=[tag])
        add_routes(resource, services)
        routes.include_router(resource)

    @cache
    def document() -> Mapping[str, Any]:
        # Half a second of work, and few ever ask for it.
        return describe(routes)

    router = APIRouter(include_in_schema=False)

    @router.get("/v2/openapi.json")
    async def openapi() -> JSONResponse:
        return JSONResponse(await asyncio.to_thread(document))

    _ = openapi
    router.include_router(routes)
    return router


def describe(routes: APIRouter) -> Mapping[str, Any]:
    """OpenAPI 3.1 of exactly these routes."""
    document = get_openapi(
        title="Meetfleet: Meeting BaaS v2",
        version=__version__,
        openapi_version="3.1.0",
        description=_ABOUT,
        routes=routes.routes,
    )
    components = cast("dict[str, Any]", document["components"])
    components["securitySchemes"] = {"ApiKeyAuth": {"type": "apiKey", "in": "header", "name": KEY_HEADER}}
    document["security"] = [{"ApiKeyAuth": []}]
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    for path in document["paths"].values():
        for operation in path.values():
            _without_framework_errors(operation["responses"])
    return document


def _without_framework_errors(responses: dict[str, Any]) -> None:
    """FastAPI documents a 422 of its own; here such problems are 400."""
    content = responses.get("422", {}).get("content", {})
    if "HTTPValidationError" in str(content):
        del responses["422"]
