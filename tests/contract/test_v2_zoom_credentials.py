"""Meeting BaaS v2: Zoom credentials, with a Zoom beside it that gives and takes tokens as the real one does."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs
from v2_schemas import V2Schemas
from v2_world import ABSENT, V2World

from meetfleet.store.database import Database
from meetfleet.store.tables import ZoomCredentialRow
from meetfleet.testing.fake_zoom import FakeZoom

PATH = "/v2/zoom-credentials"
REDIRECT = "https://app.example.org/zoom"
APP = {"name": "Ann's app", "client_id": "zoom-app", "client_secret": "zoom-app-secret"}
NOTHING_OF_A_USER = ("zoom_user_id", "zoom_account_id", "zoom_email", "zoom_display_name", "scopes")


@pytest.fixture
def zoom() -> Iterator[FakeZoom]:
    with FakeZoom() as zoom:
        yield zoom


@pytest.fixture
async def zoomed(database: Database, v2_schemas: V2Schemas, zoom: FakeZoom) -> AsyncIterator[V2World]:
    """The API of a team whose Zoom is at hand."""
    world = await V2World(database, v2_schemas, zoom_url=zoom.url).start()
    yield world
    await world.http.close()
    await world.client.aclose()


def with_code(zoom: FakeZoom) -> dict[str, Any]:
    return {**APP, "authorization_code": zoom.consent(REDIRECT), "redirect_uri": REDIRECT}


async def made(api: V2World, **body: Any) -> dict[str, Any]:
    answer = await api.call("POST", PATH, json={**APP, **body})
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


async def listed(api: V2World, **query: str) -> list[str]:
    answer = await api.call("GET", PATH, params=query)
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["data"]]


async def test_an_app_alone_is_stored_without_asking_zoom(zoomed: V2World, zoom: FakeZoom) -> None:
    shown = await made(zoomed, extra={"tenant": "acme"})
    assert (shown["credential_type"], shown["state"], shown["extra"]) == ("app", "active", {"tenant": "acme"})
    assert {name: shown[name] for name in NOTHING_OF_A_USER} == dict.fromkeys(NOTHING_OF_A_USER)
    assert zoom.asked == []
    again = await zoomed.call("GET", f"{PATH}/{shown['credential_id']}")
    assert again.json()["data"] == shown


async def test_a_code_is_exchanged_for_the_users_tokens(zoomed: V2World, zoom: FakeZoom) -> None:
    shown = await made(zoomed, **with_code(zoom))
    assert shown["credential_type"] == "user"
    assert shown["zoom_user_id"] == "zoom-user-1"
    assert shown["zoom_account_id"] == "zoom-account-1"
    assert (shown["zoom_email"], shown["zoom_display_name"]) == ("ann@example.org", "Ann Example")
    assert shown["scopes"] == "user:read:user,user:read:token,user:read:zak"


async def test_a_user_who_may_not_be_named_is_authorised_all_the_same(zoomed: V2World, zoom: FakeZoom) -> None:
    zoom.scopes = "user:read:token"
    shown = await made(zoomed, **with_code(zoom))
    assert (shown["credential_type"], shown["zoom_email"], shown["scopes"]) == ("user", None, "user:read:token")


async def test_a_failed_exchange_is_400_and_stores_nothing(zoomed: V2World, zoom: FakeZoom) -> None:
    for spoilt in (
        {"authorization_code": "made-up"},
        {"authorization_code": ""},
        {"redirect_uri": "https://elsewhere.example.org/"},
        {"client_secret": "wrong-secret"},
    ):
        answer = await zoomed.call("POST", PATH, json={**with_code(zoom), **spoilt})
        assert (answer.status_code, answer.json()["code"]) == (400, "FST_ERR_VALIDATION"), spoilt
        assert "Zoom refused: Invalid" in answer.json()["message"]
    assert await listed(zoomed) == []


async def test_a_code_is_good_once(zoomed: V2World, zoom: FakeZoom) -> None:
    body = with_code(zoom)
    await made(zoomed, **body)
    assert (await zoomed.call("POST", PATH, json=body)).status_code == 400


async def test_a_zoom_that_cannot_be_reached_is_400_and_says_so(api: V2World) -> None:
    answer = await api.call("POST", PATH, json={**APP, "authorization_code": "c", "redirect_uri": REDIRECT})
    assert answer.status_code == 400
    assert "could not be reached" in answer.json()["message"]


async def test_after_an_outage_of_zoom_the_code_is_still_good(zoomed: V2World, zoom: FakeZoom) -> None:
    body, zoom.outages = with_code(zoom), 1
    assert (await zoomed.call("POST", PATH, json=body)).status_code == 400
    assert (await zoomed.call("POST", PATH, json=body)).status_code == 201


async def test_a_body_that_does_not_fit_is_400(api: V2World) -> None:
    bodies: list[dict[str, Any]] = [
        {},
        {"name": "x"},
        {**APP, "name": ""},
        {**APP, "name": "x" * 101},
        {**APP, "client_id": "x" * 257},
        {**APP, "client_secret": ""},
        {**APP, "authorization_code": "c"},
        {**APP, "authorization_code": "x" * 2001, "redirect_uri": REDIRECT},
        {**APP, "authorization_code": "c", "redirect_uri": "not a uri"},
        {**APP, "extra": "text"},
        {**APP, "extra": [1]},
        {**APP, "name": 5},
    ]
    for body in bodies:
        answer = await api.call("POST", PATH, json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "FST_ERR_VALIDATION"), body


async def test_the_list_is_narrowed_by_every_filter(zoomed: V2World, zoom: FakeZoom) -> None:
    await made(zoomed, name="App of Bob", extra={"tenant": "bob", "n": "1"})
    await made(zoomed, **{**with_code(zoom), "name": "User Ann"}, extra={"tenant": "ann"})
    assert await listed(zoomed) == ["User Ann", "App of Bob"]
    assert await listed(zoomed, name="BOB") == ["App of Bob"]
    assert await listed(zoomed, zoom_email="ANN@") == ["User Ann"]
    assert await listed(zoomed, zoom_display_name="example") == ["User Ann"]
    assert await listed(zoomed, zoom_user_id="zoom-user-1") == ["User Ann"]
    assert await listed(zoomed, zoom_user_id="zoom-user") == []
    assert await listed(zoomed, credential_type="app") == ["App of Bob"]
    assert await listed(zoomed, credential_type="app,user") == ["User Ann", "App of Bob"]
    assert await listed(zoomed, state="invalid") == []
    assert await listed(zoomed, extra="tenant:bob,n:1") == ["App of Bob"]
    assert await listed(zoomed, extra="tenant:bob,n:2") == []
    assert await listed(zoomed, name="%", state="") == []
    for bad in ({"state": "broken"}, {"credential_type": "app,bot"}, {"extra": "tenant"}):
        assert (await zoomed.call("GET", PATH, params=bad)).status_code == 400


async def test_a_change_leaves_alone_what_it_does_not_name(zoomed: V2World) -> None:
    shown = await made(zoomed, extra={"a": 1})
    path = f"{PATH}/{shown['credential_id']}"
    renamed = (await zoomed.call("PATCH", path, json={"name": "Renamed"})).json()["data"]
    assert renamed == {**shown, "name": "Renamed", "updated_at": renamed["updated_at"]}
    replaced = (await zoomed.call("PATCH", path, json={"extra": {"b": 2}})).json()["data"]
    assert replaced["extra"] == {"b": 2}
    cleared = (await zoomed.call("PATCH", path, json={"extra": None})).json()["data"]
    assert (cleared["extra"], cleared["name"]) == (None, "Renamed")
    for empty in ({"json": {}}, {}):
        assert (await zoomed.call("PATCH", path, **empty)).json()["data"]["name"] == "Renamed"


async def test_a_change_that_is_only_half_of_one_is_400(api: V2World) -> None:
    shown = await made(api)
    for body in (
        {"client_id": "alone"},
        {"client_secret": "alone"},
        {"authorization_code": "c", "redirect_uri": REDIRECT},
        {"authorization_code": "c", "client_id": "a", "client_secret": "b"},
        {"name": ""},
    ):
        assert (await api.call("PATCH", f"{PATH}/{shown['credential_id']}", json=body)).status_code == 400, body


async def test_a_new_code_makes_it_a_users_and_a_refused_one_changes_nothing(zoomed: V2World, zoom: FakeZoom) -> None:
    shown = await made(zoomed)
    path = f"{PATH}/{shown['credential_id']}"
    refused = await zoomed.call("PATCH", path, json={**with_code(zoom), "authorization_code": "x", "name": "No"})
    assert refused.status_code == 400
    assert (await zoomed.call("GET", path)).json()["data"] == shown
    renewed = (await zoomed.call("PATCH", path, json=with_code(zoom))).json()["data"]
    assert (renewed["credential_type"], renewed["state"]) == ("user", "active")
    assert renewed["zoom_email"] == "ann@example.org"


async def test_a_deleted_one_is_gone_and_its_secrets_with_it(zoomed: V2World, zoom: FakeZoom) -> None:
    shown = await made(zoomed, **with_code(zoom))
    path = f"{PATH}/{shown['credential_id']}"
    answer = await zoomed.call("DELETE", path)
    assert answer.json()["data"] == {"message": "Zoom credential deleted successfully"}
    assert await listed(zoomed) == []
    for method in ("GET", "PATCH", "DELETE"):
        gone = await zoomed.call(method, path, json={})
        assert (gone.status_code, gone.json()["code"]) == (404, "FST_ERR_ZOOM_CREDENTIAL_NOT_FOUND_BY_ID")
    async with zoomed.database.transaction() as session:
        row = await session.get(ZoomCredentialRow, shown["credential_id"])
    assert row is not None
    assert row.deleted_at is not None
    assert (row.client_id, row.client_secret, row.access_token, row.refresh_token) == (None,) * 4


async def test_another_teams_credential_is_unknown(zoomed: V2World) -> None:
    shown = await made(zoomed)
    _, stranger = await zoomed.new_team()
    for method in ("GET", "PATCH", "DELETE"):
        answer = await zoomed.call(method, f"{PATH}/{shown['credential_id']}", key=stranger, json={"name": "mine"})
        assert answer.status_code == 404
    assert (await zoomed.call("GET", PATH, key=stranger)).json()["data"] == []
    assert (await zoomed.call("GET", f"{PATH}/no-id")).status_code == 400


async def test_secrets_are_in_no_answer_no_log_and_not_readable_in_the_database(
    zoomed: V2World, zoom: FakeZoom
) -> None:
    structlog.configure(cache_logger_on_first_use=False)
    with capture_logs() as logs:
        body = with_code(zoom)
        answers = [await zoomed.call("POST", PATH, json=body)]
        path = f"{PATH}/{answers[0].json()['data']['credential_id']}"
        answers += [await zoomed.call("POST", PATH, json=body), await zoomed.call("GET", path)]
        answers += [await zoomed.call("PATCH", path, json=with_code(zoom)), await zoomed.call("GET", PATH)]
        zoom.outages = 9
        answers += [await zoomed.call("PATCH", path, json=with_code(zoom)), await zoomed.call("DELETE", path)]
    async with zoomed.database.transaction() as session:
        row = await session.get(ZoomCredentialRow, answers[0].json()["data"]["credential_id"])
        kept = str({c.name: getattr(row, c.name) for c in ZoomCredentialRow.__table__.columns})
    told = "".join(answer.text for answer in answers) + str(logs) + kept
    found = [secret for secret in (*zoom.issued, "zoom-app-secret") if secret in told]
    assert found == []


async def test_a_bot_may_name_a_credential_that_is_there_or_was(zoomed: V2World) -> None:
    shown = await made(zoomed)
    chosen = {"credential_id": shown["credential_id"]}
    zoom_bot: dict[str, Any] = {"meeting_url": "https://zoom.us/j/12345678901", "zoom_config": chosen}
    await zoomed.create(**zoom_bot)
    await zoomed.call("DELETE", f"{PATH}/{shown['credential_id']}")
    await zoomed.create(**zoom_bot)


async def test_a_bot_that_names_one_that_never_was_is_400(zoomed: V2World) -> None:
    _, stranger = await zoomed.new_team()
    foreign = (await zoomed.call("POST", PATH, key=stranger, json=APP)).json()["data"]["credential_id"]
    for credential_id in (ABSENT, foreign):
        body = {"bot_name": "N", "meeting_url": "https://zoom.us/j/12345678901"}
        body |= {"zoom_config": {"credential_id": credential_id}}  # pyright: ignore[reportOperatorIssue]
        answer = await zoomed.call("POST", "/v2/bots", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "FST_ERR_VALIDATION")
        batch = await zoomed.call("POST", "/v2/bots/batch", json=[body])
        assert batch.json()["errors"][0]["code"] == "VALIDATION_ERROR"
