"""Webhook endpoints over the admin API: made, changed, tested, looked into, replayed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
import svix.webhooks
from admin_world import ABSENT, AdminWorld
from v2_schemas import V2Schemas

from meetfleet.domain.dialects.v2 import Event
from meetfleet.notify.owners import ENDPOINT_DISABLED
from meetfleet.store.repositories.messages import MessageRepository
from meetfleet.testing.inbox import Delivery as Arrived
from meetfleet.testing.inbox import WebhookInbox


@pytest.fixture
def inbox() -> Iterator[WebhookInbox]:
    with WebhookInbox() as inbox:
        yield inbox


def verify(secret: str, arrived: Arrived) -> None:
    """By both official libraries. Raises if either refuses."""
    svix.webhooks.Webhook(secret).verify(arrived.body, dict(arrived.headers))
    standardwebhooks.Webhook(secret).verify(arrived.body, dict(arrived.headers))


async def new_endpoint(admin: AdminWorld, url: str, **more: object) -> dict[str, str]:
    return await admin.data("POST", "/endpoints", json={"url": url, **more})


async def test_an_endpoints_secret_is_shown_when_it_is_made_and_never_again(admin: AdminWorld) -> None:
    made = await new_endpoint(admin, "https://hooks.example.org/in", name="Ours", events=["bot.failed"])
    assert made["secret"].startswith("whsec_")
    for path in ("/endpoints", f"/endpoints/{made['id']}"):
        answer = await admin.call("GET", path)
        assert made["secret"] not in answer.text
        assert '"secret"' not in answer.text
    shown = await admin.data("GET", f"/endpoints/{made['id']}")
    assert (shown["name"], shown["events"], shown["enabled"]) == ("Ours", ["bot.failed"], True)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": "ftp://hooks.example.org/"},
        {"url": "https://hooks.example.org/" + "x" * 2048},
        {"url": "https://hooks.example.org/", "name": "x" * 256},
        {"url": "https://hooks.example.org/", "events": []},
        {"url": "https://hooks.example.org/", "events": ["bot.dances"]},
        {"url": "https://hooks.example.org/", "secret": "whsec_mine"},
    ],
)
async def test_what_is_no_endpoint_is_refused(admin: AdminWorld, body: dict[str, object]) -> None:
    status, _ = await admin.refused("POST", "/endpoints", json=body)
    assert status == 400


async def test_an_endpoint_can_be_changed_switched_off_and_deleted(admin: AdminWorld) -> None:
    path = f"/endpoints/{(await new_endpoint(admin, 'https://hooks.example.org/in'))['id']}"
    changed = await admin.data("PATCH", path, json={"name": "New", "events": ["bot.completed"], "enabled": False})
    assert (changed["name"], changed["events"], changed["enabled"]) == ("New", ["bot.completed"], False)
    assert changed["url"] == "https://hooks.example.org/in"
    assert (await admin.data("PATCH", path, json={"name": "Newer"}))["events"] == ["bot.completed"]
    assert (await admin.data("PATCH", path, json={"events": None, "enabled": True}))["events"] is None
    await admin.data("DELETE", path)
    assert await admin.refused("GET", path) == (404, "endpoint_not_found")
    assert await admin.data("GET", "/endpoints") == []


async def test_another_teams_endpoints_and_messages_do_not_exist(admin: AdminWorld, inbox: WebhookInbox) -> None:
    endpoint = await new_endpoint(admin, inbox.url)
    message = await admin.data("POST", f"/endpoints/{endpoint['id']}/test")
    _, stranger = await admin.new_team()
    since = {"since": "2026-01-01T00:00:00Z"}
    for method, path, body in (
        ("GET", f"/endpoints/{endpoint['id']}", None),
        ("PATCH", f"/endpoints/{endpoint['id']}", {"name": "x"}),
        ("DELETE", f"/endpoints/{endpoint['id']}", None),
        ("POST", f"/endpoints/{endpoint['id']}/rotate-secret", {}),
        ("POST", f"/endpoints/{endpoint['id']}/test", {}),
        ("POST", f"/endpoints/{endpoint['id']}/replay", since),
        ("GET", f"/endpoints/{endpoint['id']}/messages", None),
        ("GET", f"/messages/{message['id']}", None),
        ("GET", f"/messages/{message['id']}/attempts", None),
        ("POST", f"/messages/{message['id']}/replay", None),
        ("POST", f"/notices/{ABSENT}/read", None),
    ):
        status, code = await admin.refused(method, path, key=stranger, json=body)
        assert (status, code.endswith("_not_found")) == (404, True), path
    assert (await admin.data("GET", f"/messages/{message['id']}?team_id={admin.team.id}", key=admin.admin_key))["id"]


@pytest.mark.parametrize("event", Event)
async def test_a_test_is_an_example_that_the_schema_and_both_libraries_take(
    admin: AdminWorld, inbox: WebhookInbox, v2_schemas: V2Schemas, event: Event
) -> None:
    endpoint = await new_endpoint(admin, inbox.url, events=["bot.failed"])
    message = await admin.data("POST", f"/endpoints/{endpoint['id']}/test", json={"event": event})
    assert (message["event"], message["bot_id"], message["status"]) == (event, None, "pending")
    await admin.deliveries.deliver_due()
    (arrived,) = inbox.deliveries
    verify(endpoint["secret"], arrived)
    v2_schemas.check_webhook(arrived.json)
    assert arrived.json["extra"] == {"test": True}
    assert arrived.headers["svix-id"] == message["webhook_id"]


async def test_while_a_secret_is_rotated_both_verify_and_afterwards_only_the_new_one(
    admin: AdminWorld, inbox: WebhookInbox
) -> None:
    endpoint = await new_endpoint(admin, inbox.url, events=["bot.failed"])
    rotated = await admin.data("POST", f"/endpoints/{endpoint['id']}/rotate-secret", json={"overlap_hours": 1})
    assert rotated["secret"] != endpoint["secret"]
    left = datetime.fromisoformat(rotated["previous_secret_until"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    await admin.failed_bot()
    await admin.deliveries.deliver_due()
    for secret in (endpoint["secret"], rotated["secret"]):
        verify(secret, inbox.deliveries[-1])

    last = await admin.data("POST", f"/endpoints/{endpoint['id']}/rotate-secret", json={"overlap_hours": 0})
    await admin.failed_bot()
    await admin.deliveries.deliver_due()
    verify(last["secret"], inbox.deliveries[-1])
    with pytest.raises(svix.webhooks.WebhookVerificationError):
        verify(rotated["secret"], inbox.deliveries[-1])


async def test_the_history_tells_every_attempt_and_can_be_narrowed(admin: AdminWorld) -> None:
    with WebhookInbox(lambda path: 500) as inbox:
        endpoint = await new_endpoint(admin, inbox.url)
        bot_id = await admin.failed_bot()
        await admin.failed_bot()
        await admin.deliveries.deliver_due()
    path = f"/endpoints/{endpoint['id']}/messages"
    assert len(await admin.data("GET", path)) == 6
    assert {m["event"] for m in await admin.data("GET", f"{path}?event=bot.failed")} == {"bot.failed"}
    assert len(await admin.data("GET", f"{path}?bot_id={bot_id}")) == 3
    assert len(await admin.data("GET", f"{path}?status=pending")) == 6
    assert await admin.data("GET", f"{path}?status=delivered") == []
    assert await admin.data("GET", f"{path}?since=2100-01-01T00:00:00Z") == []
    assert (await admin.refused("GET", f"{path}?status=lost"))[0] == 400
    (message,) = await admin.data("GET", f"{path}?event=bot.failed&bot_id={bot_id}")
    assert (message["attempt_count"], message["delivered_at"]) == (1, None)
    (attempt,) = await admin.data("GET", f"/messages/{message['id']}/attempts")
    assert (attempt["number"], attempt["status_code"], attempt["error"]) == (1, 500, None)
    assert attempt["url"] == inbox.url
    assert endpoint["secret"] not in str(attempt)


async def test_a_replayed_message_comes_again_under_its_own_id(admin: AdminWorld, inbox: WebhookInbox) -> None:
    endpoint = await new_endpoint(admin, inbox.url, events=["bot.failed"])
    await admin.failed_bot()
    await admin.deliveries.deliver_due()
    (message,) = await admin.data("GET", f"/endpoints/{endpoint['id']}/messages")
    assert (await admin.data("POST", f"/messages/{message['id']}/replay"))["status"] == "pending"
    await admin.deliveries.deliver_due()
    first, again = inbox.deliveries
    assert first.headers["svix-id"] == again.headers["svix-id"] == message["webhook_id"]
    assert first.json["data"]["sent_at"] != again.json["data"]["sent_at"]
    assert len(await admin.data("GET", f"/messages/{message['id']}/attempts")) == 2


async def test_all_that_failed_since_a_time_is_replayed_and_nothing_else(admin: AdminWorld) -> None:
    answers = [410]
    with WebhookInbox(lambda path: answers[0]) as inbox:
        endpoint = await new_endpoint(admin, inbox.url, events=["bot.failed"])
        await admin.failed_bot()
        await admin.deliveries.deliver_due()
        path = f"/endpoints/{endpoint['id']}"
        await admin.data("PATCH", path, json={"enabled": False})
        assert await admin.refused("POST", f"{path}/replay", json={"since": "2026-01-01T00:00:00Z"}) == (
            409,
            "endpoint_disabled",
        )
        async with admin.database.transaction() as session:
            await MessageRepository(session).give_up(lane=endpoint["id"])
        await admin.data("PATCH", path, json={"enabled": True})
        answers[0] = 200
        await admin.failed_bot()
        await admin.deliveries.deliver_due()
        assert await admin.data("POST", f"{path}/replay", json={"since": "2100-01-01T00:00:00Z"}) == {"replayed": 0}
        assert await admin.data("POST", f"{path}/replay", json={"since": "2026-01-01T00:00:00+02:00"}) == {
            "replayed": 1
        }
        await admin.deliveries.deliver_due()
        assert [one.answered for one in inbox.deliveries] == [410, 200, 200]
        assert inbox.deliveries[0].headers["svix-id"] == inbox.deliveries[2].headers["svix-id"]
        assert {m["status"] for m in await admin.data("GET", f"{path}/messages")} == {"delivered"}
    assert (await admin.refused("POST", f"{path}/replay", json={"since": "yesterday"}))[0] == 400


async def test_a_notice_is_there_until_somebody_has_read_it(admin: AdminWorld) -> None:
    async with admin.database.transaction() as session:
        await admin.owners.tell(session, admin.team.id, ENDPOINT_DISABLED, "An endpoint was switched off.")
    (notice,) = await admin.data("GET", "/notices?unread=true")
    assert (notice["kind"], notice["read_at"]) == ("endpoint_disabled", None)
    assert (await admin.data("POST", f"/notices/{notice['id']}/read"))["read_at"] is not None
    assert await admin.data("GET", "/notices?unread=true") == []
    assert len(await admin.data("GET", "/notices")) == 1


async def test_events_are_listed_by_name(admin: AdminWorld) -> None:
    assert set(await admin.data("GET", "/events")) == set(Event)
