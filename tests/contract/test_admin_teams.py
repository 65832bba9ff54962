"""The admin API on teams, tokens and holds."""

from typing import Any
from uuid import UUID

import pytest
from admin_world import ABSENT, AdminWorld

from meetfleet.control.bots import NewBot
from meetfleet.domain.meeting_url import parse_meeting_url
from meetfleet.domain.plans import NAMES

MEETING = parse_meeting_url("https://meet.google.com/abc-defg-hij")


async def made(admin: AdminWorld, plan: str = "payg") -> dict[str, Any]:
    return await admin.data("POST", "/teams", key=admin.admin_key, json={"name": "Sales", "plan": plan})


async def bot_of(admin: AdminWorld, team_id: str) -> UUID:
    team = await admin.teams.get(UUID(team_id))
    assert team is not None
    return (await admin.bots.create(team, NewBot(meeting=MEETING, bot_name="Notes"))).id


async def test_every_plan_tells_every_limit(admin: AdminWorld) -> None:
    plans = {plan["name"]: plan["limits"] for plan in await admin.data("GET", "/plans")}
    assert set(plans) == {"payg", "pro", "scale", "enterprise", "self-hosted"}
    assert all(set(limits) == set(NAMES) for limits in plans.values())
    assert (plans["payg"]["bots_per_day"], plans["self-hosted"]["bots_per_day"]) == (75, None)


async def test_a_team_is_made_changed_and_listed_by_an_admin(admin: AdminWorld) -> None:
    team = await made(admin)
    assert (team["plan"], team["limits"]["requests_per_second"], team["own_limits"]) == ("payg", 5, [])
    path = f"/teams/{team['id']}"
    body = {"plan": "pro", "limits": {"bots_per_day": 12, "retention_days": None, "byok": False}}
    changed = await admin.data("PATCH", path, key=admin.admin_key, json=body)
    assert changed["own_limits"] == ["bots_per_day", "byok", "retention_days"]
    limits = changed["limits"]
    assert [limits[name] for name in ("bots_per_day", "retention_days", "byok", "calendars")] == [12, None, False, 10]
    changed = await admin.data("PATCH", path, key=admin.admin_key, json={"reset_limits": ["byok"], "name": "New"})
    assert (changed["name"], changed["limits"]["byok"], changed["limits"]["bots_per_day"]) == ("New", True, 12)
    assert await admin.data("GET", path, key=admin.admin_key) == changed
    listed = await admin.data("GET", "/teams?limit=250", key=admin.admin_key)
    assert next(t for t in listed if t["id"] == team["id"]) == changed


async def test_a_team_sees_itself_and_changes_nothing(admin: AdminWorld) -> None:
    own, other = f"/teams/{admin.team.id}", f"/teams/{(await made(admin))['id']}"
    assert (await admin.data("GET", own))["plan"] == "self-hosted"
    assert await admin.refused("GET", other) == (404, "team_not_found")
    for method, path, body in (
        ("GET", "/teams", None),
        ("POST", "/teams", {"name": "x"}),
        ("PATCH", own, {"plan": "enterprise"}),
        ("POST", f"{own}/grants", {"amount": 100, "reason": "please"}),
        ("POST", "/holds", {"bot_id": ABSENT, "reason": "mine"}),
        ("DELETE", f"/holds/{ABSENT}", None),
    ):
        assert await admin.refused(method, path, json=body) == (403, "admin_key_needed"), path


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"plan": "gold"}, "invalid_plan"),
        ({"limits": {"requests_per_second": 0}}, "invalid_limit"),
        ({"limits": {"byok": 1}}, "invalid_limit"),
        ({"limits": {"bots_per_day": True}}, "invalid_limit"),
        ({"limits": {"colour": 1}}, "invalid_request"),
        ({"reset_limits": ["colour"]}, "invalid_request"),
        ({"limits": {"bots_per_day": 1.5}}, "invalid_request"),
        ({"name": " "}, "invalid_team_name"),
    ],
)
async def test_nonsense_changes_nothing(admin: AdminWorld, body: dict[str, Any], code: str) -> None:
    team = await made(admin)
    path = f"/teams/{team['id']}"
    assert await admin.refused("PATCH", path, key=admin.admin_key, json=body) == (400, code)
    assert await admin.data("GET", path, key=admin.admin_key) == team


async def test_granted_tokens_are_there_and_explained(admin: AdminWorld) -> None:
    team = await made(admin)
    path = f"/teams/{team['id']}/grants"
    first = await admin.data("POST", path, key=admin.admin_key, json={"amount": 2, "reason": "November"})
    assert first == {"available": 2.0, "reserved": 0.0, "owed": 0.0, "standing": "low"}
    await admin.data("POST", path, key=admin.admin_key, json={"amount": 10.5, "reason": "more"})
    bot_id = await bot_of(admin, team["id"])
    shown = await admin.data("GET", f"/teams/{team['id']}", key=admin.admin_key)
    assert shown["tokens"] == {"available": 12.0, "reserved": 0.5, "owed": 0.0, "standing": "ok"}

    usage = await admin.data("GET", f"/usage?team_id={team['id']}", key=admin.admin_key)
    found = [(e["kind"], e["amount"], e["bot_id"], e["reason"]) for e in usage]
    assert found == [
        ("reserve", -0.5, str(bot_id), "Set aside while the bot is under way."),
        ("grant", 10.5, None, "more"),
        ("grant", 2.0, None, "November"),
    ]
    later = await admin.data("GET", f"/usage?team_id={team['id']}&since=2999-01-01T00:00:00Z", key=admin.admin_key)
    assert later == []
    assert await admin.data("GET", "/usage") == []


@pytest.mark.parametrize("amount", [0, 0.00001, 1e9, -1e300])
async def test_a_grant_is_a_sensible_number_of_tokens(admin: AdminWorld, amount: float) -> None:
    body = {"amount": amount, "reason": "why not"}
    path = f"/teams/{admin.team.id}/grants"
    assert await admin.refused("POST", path, key=admin.admin_key, json=body) == (400, "invalid_grant")


async def test_usage_is_read_page_by_page(admin: AdminWorld) -> None:
    path = f"/teams/{admin.team.id}/grants"
    for amount in range(1, 6):
        await admin.data("POST", path, key=admin.admin_key, json={"amount": amount, "reason": "again"})
    seen: list[float] = []
    page = (await admin.call("GET", "/usage?limit=2")).json()
    seen += [entry["amount"] for entry in page["data"]]
    while page["cursor"]:
        page = (await admin.call("GET", "/usage", params={"limit": 2, "cursor": page["cursor"]})).json()
        seen += [entry["amount"] for entry in page["data"]]
    assert seen == [5, 4, 3, 2, 1]


async def test_a_recording_is_held_and_released(admin: AdminWorld) -> None:
    bot_id = str(await bot_of(admin, str(admin.team.id)))
    query = f"?team_id={admin.team.id}"
    held = await admin.data(
        "POST", f"/holds{query}", key=admin.admin_key, json={"bot_id": bot_id, "reason": "ticket 7"}
    )
    assert (held["bot_id"], held["reason"], held["released_at"]) == (bot_id, "ticket 7", None)
    assert await admin.data("GET", "/holds") == [held]
    released = await admin.data("DELETE", f"/holds/{held['id']}{query}", key=admin.admin_key)
    assert released["released_at"] is not None
    assert await admin.data("GET", "/holds") == []
    again = await admin.data("DELETE", f"/holds/{held['id']}{query}", key=admin.admin_key)
    assert again == released
    unknown = {"bot_id": ABSENT, "reason": "nobody's"}
    assert await admin.refused("POST", "/holds", key=admin.admin_key, json=unknown) == (404, "bot_not_found")
    assert await admin.refused("DELETE", f"/holds/{ABSENT}", key=admin.admin_key) == (404, "hold_not_found")
