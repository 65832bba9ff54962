"""The admin API's door: who may do what, in which envelope; and the keys that are made behind it."""

import dataclasses
from typing import Any

import httpx2
import pytest
from admin_world import ABSENT, OPERATOR_KEY, AdminWorld

from meetfleet.api.admin.app import admin_app
from meetfleet.domain.errors import Unauthenticated
from meetfleet.store.paging import PageRequest
from meetfleet.store.tables import TeamRow


async def test_without_a_known_key_nothing_is_told(admin: AdminWorld) -> None:
    assert await admin.refused("GET", "/whoami", key="") == (401, "invalid_api_key")
    assert await admin.refused("GET", "/keys", key="mf_live_made-up") == (401, "invalid_api_key")


async def test_a_sending_key_manages_nothing(admin: AdminWorld) -> None:
    assert await admin.refused("GET", "/keys", key=admin.sending_key) == (403, "sending_key")


async def test_each_key_is_told_what_it_may_do(admin: AdminWorld) -> None:
    mine = {"id": str(admin.team.id), "name": "people"}
    assert await admin.data("GET", "/whoami") == {"admin": False, "team": mine}
    for key in (admin.admin_key, OPERATOR_KEY):
        assert await admin.data("GET", "/whoami", key=key) == {"admin": True, "team": None}


async def test_the_header_of_the_other_apis_is_taken_too(admin: AdminWorld) -> None:
    headers = {"authorization": "", "x-meeting-baas-api-key": admin.key}
    assert (await admin.call("GET", "/whoami", headers=headers)).status_code == 200


async def test_an_admin_key_opens_no_other_api(admin: AdminWorld) -> None:
    with pytest.raises(Unauthenticated, match="admin key"):
        await admin.keys.authenticate(admin.admin_key)


async def test_another_teams_things_do_not_exist(admin: AdminWorld) -> None:
    other, _ = await admin.new_team()
    assert await admin.refused("GET", f"/keys?team_id={other.id}") == (404, "team_not_found")
    assert await admin.refused("GET", f"/keys?team_id={ABSENT}", key=admin.admin_key) == (404, "team_not_found")
    assert len(await admin.data("GET", f"/keys?team_id={other.id}", key=admin.admin_key)) == 1


async def test_an_admin_who_names_no_team_means_the_first_as_the_command_line_does(admin: AdminWorld) -> None:
    first = await admin.teams.default()
    made = await admin.data("POST", "/keys", key=admin.admin_key, json={"name": "for the first"})
    assert made["team_id"] == str(first.id)


async def test_a_key_is_shown_once_and_then_only_by_its_beginning(admin: AdminWorld) -> None:
    made = await admin.data("POST", "/keys", json={"name": "CI", "permissions": "sending"})
    assert made["key"].startswith(made["prefix"])
    assert (await admin.keys.authenticate(made["key"])).team.id == admin.team.id
    listed = await admin.call("GET", "/keys")
    assert made["key"] not in listed.text
    mine = next(key for key in listed.json()["data"] if key["id"] == made["id"])
    assert (mine["name"], mine["permissions"], mine["revoked_at"]) == ("CI", "sending", None)
    assert mine["last_used_at"] is not None


async def test_a_revoked_key_opens_nothing(admin: AdminWorld) -> None:
    made = await admin.data("POST", "/keys", json={"name": "old"})
    assert (await admin.data("DELETE", f"/keys/{made['id']}"))["revoked_at"] is not None
    assert await admin.refused("GET", "/whoami", key=made["key"]) == (401, "invalid_api_key")
    assert await admin.refused("DELETE", f"/keys/{made['id']}") == (404, "key_not_found")


async def test_a_key_cannot_revoke_itself_nor_one_of_another_team(admin: AdminWorld) -> None:
    own = next(key for key in await admin.data("GET", "/keys") if key["name"] == "full")
    assert await admin.refused("DELETE", f"/keys/{own['id']}") == (409, "key_in_use")
    _, foreign = await admin.new_team()
    assert await admin.refused("DELETE", f"/keys/{own['id']}", key=foreign) == (404, "key_not_found")


async def test_only_admins_make_and_see_admin_keys(admin: AdminWorld) -> None:
    for method, body in (("GET", None), ("POST", {"name": "x"})):
        assert await admin.refused(method, "/admin-keys", json=body) == (403, "admin_key_needed")
    assert await admin.refused("POST", "/keys", json={"name": "x", "permissions": "admin"}) == (400, "invalid_request")
    made = await admin.data("POST", "/admin-keys", key=OPERATOR_KEY, json={"name": "second"})
    assert made["team_id"] is None
    assert (await admin.data("GET", "/whoami", key=made["key"]))["admin"] is True
    assert await admin.refused("DELETE", f"/admin-keys/{made['id']}", key=made["key"]) == (409, "key_in_use")
    await admin.data("DELETE", f"/admin-keys/{made['id']}", key=admin.admin_key)
    assert await admin.refused("GET", "/whoami", key=made["key"]) == (401, "invalid_api_key")


async def test_lists_turn_their_pages_both_ways(admin: AdminWorld) -> None:
    for n in range(5):
        await admin.keys.create(admin.team, f"key {n}")
    first = (await admin.call("GET", "/keys?limit=3")).json()
    second = (await admin.call("GET", f"/keys?limit=3&cursor={first['cursor']}")).json()
    back = (await admin.call("GET", f"/keys?limit=3&cursor={second['prev_cursor']}")).json()
    assert [key["name"] for key in first["data"]] == ["key 4", "key 3", "key 2"]
    assert [key["id"] for key in back["data"]] == [key["id"] for key in first["data"]]
    assert not {key["id"] for key in second["data"]} & {key["id"] for key in first["data"]}
    assert (first["prev_cursor"], back["prev_cursor"]) == (None, None)


async def test_what_does_not_fit_is_refused_in_the_same_envelope(admin: AdminWorld) -> None:
    assert await admin.refused("POST", "/keys", json={"name": ""}) == (400, "invalid_request")
    assert await admin.refused("POST", "/keys", json={"name": "x" * 51}) == (400, "invalid_request")
    assert await admin.refused("POST", "/keys", json={"name": "x", "colour": 1}) == (400, "invalid_request")
    assert await admin.refused("POST", "/keys", content=b"{") == (400, "invalid_json")
    assert await admin.refused("DELETE", "/keys/7") == (400, "invalid_request")
    assert await admin.refused("GET", "/keys?cursor=7") == (400, "invalid_cursor")
    assert await admin.refused("GET", "/nothing") == (404, "not_found")
    assert await admin.refused("PATCH", "/keys") == (405, "method_not_allowed")


class Broken:
    async def page(self, team: TeamRow | None, request: PageRequest) -> None:
        raise RuntimeError("the secret inside")


async def test_a_mistake_of_ours_is_told_without_its_details(admin: AdminWorld) -> None:
    broken: Any = Broken()
    app = admin_app(dataclasses.replace(admin.services(), keys=broken))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://bots.test") as client:
        answer = await client.get("/keys", headers={"authorization": f"Bearer {admin.key}"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text


async def test_the_document_names_every_operation_once_with_its_failures(admin: AdminWorld) -> None:
    document = (await admin.client.get("/admin/v1/openapi.json")).json()
    operations = [one for path in document["paths"].values() for one in path.values()]
    ids = [one["operationId"] for one in operations]
    assert len(set(ids)) == len(ids)
    assert all(path.startswith("/admin/v1/") for path in document["paths"])
    assert all({"400", "401", "403", "500"} <= set(one["responses"]) for one in operations)
