"""Everything below `/admin/v1`: an application of its own, with its own errors and OpenAPI document."""

from collections.abc import Mapping
from typing import Any, cast

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from meetfleet import __version__
from meetfleet.api.admin import responses as out
from meetfleet.api.admin.endpoints import add_endpoint_routes
from meetfleet.api.admin.errors import install_errors
from meetfleet.api.admin.holds import add_hold_routes
from meetfleet.api.admin.keys import add_key_routes
from meetfleet.api.admin.messages import add_message_routes
from meetfleet.api.admin.route import PrincipalDep, answers, gated
from meetfleet.api.admin.services import AdminServices
from meetfleet.api.admin.teams import add_team_routes

PREFIX = "/admin/v1"
_ABOUT = (
    "Manages a Meetfleet server: keys, webhook endpoints and their deliveries. A team's full-access key manages what "
    "belongs to the team; admin keys manage every team and name one with `team_id`."
)


def admin_app(services: AdminServices) -> FastAPI:
    """To be mounted at `PREFIX`."""
    app = FastAPI(title="Meetfleet admin", docs_url=None, redoc_url=None, openapi_url=None)
    install_errors(app)
    routes = APIRouter(route_class=gated(services.access))
    _add_whoami(routes)
    add_key_routes(routes, services)
    add_team_routes(routes, services)
    add_hold_routes(routes, services)
    add_endpoint_routes(routes, services)
    add_message_routes(routes, services)
    document = describe(routes)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> JSONResponse:
        return JSONResponse(document)

    _ = openapi
    app.include_router(routes)
    return app


def _add_whoami(router: APIRouter) -> None:
    @router.get("/whoami", operation_id="whoami", summary="What this key may do", responses=answers())
    async def whoami(principal: PrincipalDep) -> out.One[out.Whoami]:
        team = out.team_body(principal.team) if principal.team else None
        return out.One(data=out.Whoami(admin=principal.is_admin, team=team))

    _ = whoami


def describe(routes: APIRouter) -> Mapping[str, Any]:
    """OpenAPI 3.1 of exactly these routes, with their whole paths."""
    document = get_openapi(
        title="Meetfleet admin",
        version=__version__,
        openapi_version="3.1.0",
        description=_ABOUT,
        routes=routes.routes,
    )
    components = cast("dict[str, Any]", document["components"])
    components["securitySchemes"] = {"AdminKey": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"AdminKey": []}]
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    document["paths"] = {PREFIX + path: operations for path, operations in document["paths"].items()}
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)  # the framework's own; here such problems are 400
    return document
