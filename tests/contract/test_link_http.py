"""The link on the wire."""

import hashlib
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from meetfleet.api.edge import Edge
from meetfleet.api.errors import install_errors
from meetfleet.api.link.router import link_router
from meetfleet.domain.link import CommandType, EventType
from meetfleet.store.database import Database
from meetfleet.testing.control_plane import BotOnLink, ControlPlane

SEGMENT = "t01-000001.mcap"


@pytest.fixture
async def plane(database: Database, tmp_path: Path) -> ControlPlane:
    plane = ControlPlane(database, tmp_path)
    plane.team = await plane.new_team()
    return plane


@pytest.fixture
async def bot(plane: ControlPlane) -> BotOnLink:
    return await plane.started_bot()


@pytest.fixture
async def http(plane: ControlPlane, bot: BotOnLink) -> AsyncGenerator[httpx2.AsyncClient]:
    app = FastAPI()
    install_errors(app)
    app.add_middleware(Edge, max_body_bytes=100_000)
    app.include_router(link_router(plane.link, plane.pictures))
    headers = {"Authorization": f"Bearer {bot.spec.token}"}
    base = f"http://server/link/bots/{bot.id}"
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=base, headers=headers) as client:
        yield client


async def test_a_report_is_acknowledged_by_number(http: httpx2.AsyncClient, bot: BotOnLink):
    events = [
        bot.event(EventType.STATE, {"state": "joining"}),
        bot.event(EventType.LOG, {"level": "info", "text": "x"}),
    ]
    answer = await http.post("/events", json={"take": 1, "events": events})
    assert (answer.status_code, answer.json()) == (200, {"acked": 2, "known_commands": 0})


async def test_commands_are_polled(http: httpx2.AsyncClient, plane: ControlPlane, bot: BotOnLink):
    assert (await http.get("/commands?after=0&wait_s=0")).json() == {"commands": []}
    await bot.be("joining")
    await plane.bots.request_leave(plane.team, bot.id)
    answer = await http.get("/commands?after=0&wait_s=20")
    assert answer.json() == {"commands": [{"seq": 1, "type": CommandType.LEAVE, "data": {}}]}


async def test_a_segment_is_put_once_or_again(http: httpx2.AsyncClient, plane: ControlPlane, bot: BotOnLink):
    content = b"x" * 300_000  # more than any other body may have
    digest = hashlib.sha256(content).hexdigest()
    for _ in range(2):
        answer = await http.put(f"/segments/{SEGMENT}", content=content, headers={"X-Content-SHA256": digest})
        assert (answer.status_code, answer.content) == (204, b"")
    assert plane.objects.contents[f"bots/{bot.id}/tape/{SEGMENT}"] == content


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("POST", "/events", {"content": b"{"}, 400),
        ("POST", "/events", {"json": {"take": 0, "events": []}}, 400),
        ("POST", "/events", {"json": {"take": 1, "events": [{"n": "one"}]}}, 400),
        ("POST", "/events", {"json": {"take": 2, "events": []}}, 409),
        ("POST", "/events", {"content": b"x" * 200_000}, 413),
        ("GET", "/commands?after=-1", {}, 400),
        ("GET", "/commands", {"headers": {"Authorization": "Bearer wrong"}}, 401),
        ("GET", "/commands", {"headers": {"Authorization": ""}}, 401),
        ("PUT", f"/segments/{SEGMENT}", {"content": b"x"}, 400),
        ("PUT", f"/segments/{SEGMENT}", {"content": b"x", "headers": {"X-Content-SHA256": "0" * 64}}, 400),
        ("PUT", "/segments/..%2f..%2fsecret", {"content": b"x", "headers": {"X-Content-SHA256": "0" * 64}}, 404),
        ("PUT", "/segments/root.key", {"content": b"x", "headers": {"X-Content-SHA256": "0" * 64}}, 400),
    ],
)
async def test_what_cannot_be_taken_is_refused_with_its_status(http: httpx2.AsyncClient, method, path, more, status):
    answer = await http.request(method, path, **more)
    assert answer.status_code == status
    assert answer.json()["success"] is False


async def test_a_body_that_turns_out_too_large_is_refused_like_one_that_says_so(http: httpx2.AsyncClient):
    async def endless() -> AsyncGenerator[bytes]:
        for _ in range(1000):
            yield b"x" * 1000

    answer = await http.post("/events", content=endless(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["statusCode"]) == (413, 413)


async def test_an_unknown_bot_and_a_wrong_token_look_the_same(http: httpx2.AsyncClient):
    stranger = "http://server/link/bots/00000000-0000-7000-8000-000000000000/commands"
    unknown = await http.get(stranger)
    wrong = await http.get("/commands", headers={"Authorization": "Bearer wrong"})
    assert (unknown.status_code, unknown.json()) == (wrong.status_code, wrong.json())


async def test_every_answer_names_its_request(http: httpx2.AsyncClient):
    given = await http.get("/commands?wait_s=0", headers={"x-request-id": "mine-1"})
    made = await http.get("/commands?wait_s=0", headers={"x-request-id": "not ok\n"[:6]})
    assert given.headers["x-request-id"] == "mine-1"
    assert made.headers["x-request-id"] not in ("", "not ok")
