"""Meeting BaaS v2: keys, envelopes, bodies, limits. What holds for every operation."""

import json
import re
from typing import Any

import pytest
from v2_world import ABSENT, MEET, V2World

from meetfleet.api.auth import KEY_HEADER, SENDING_OPERATIONS
from meetfleet.api.edge import MAX_BODY_BYTES
from meetfleet.api.json_body import MAX_DEPTH

CREATE = {"bot_name": "Notes", "meeting_url": MEET}


async def operations(api: V2World) -> list[tuple[str, str, str]]:
    document = (await api.client.get("/v2/openapi.json")).json()
    return [
        (operation["operationId"], method.upper(), re.sub(r"{\w+}", ABSENT, path))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


async def test_no_operation_answers_without_a_key_that_we_know(api: V2World) -> None:
    for _, method, path in await operations(api):
        for key in ("", "wrong", "mf_live_" + "x" * 43, api.key + "x"):
            answer = await api.call(method, path, key=key)
            assert (answer.status_code, answer.json()["code"]) == (401, "FST_ERR_FORBIDDEN")
            assert not key or key not in answer.text


async def test_the_key_of_the_older_header_is_refused(api: V2World) -> None:
    answer = await api.client.get("/v2/bots", headers={"x-spoke-api-key": api.key})
    assert answer.status_code == 401


async def test_a_sending_key_may_create_and_nothing_else(api: V2World) -> None:
    for operation_id, method, path in await operations(api):
        answer = await api.call(method, path, key=api.sending_key, json=CREATE)
        if operation_id in SENDING_OPERATIONS:
            assert answer.status_code != 403
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "FST_ERR_FORBIDDEN")
    created = await api.call("POST", "/v2/bots", key=api.sending_key, json=CREATE)
    assert created.status_code == 201


async def test_a_revoked_key_is_unknown_at_once(api: V2World) -> None:
    row, key = await api.keys.create(api.team, "short-lived")
    assert (await api.call("GET", "/v2/bots", key=key)).status_code == 200
    await api.keys.revoke(api.team, str(row.id))
    assert (await api.call("GET", "/v2/bots", key=key)).status_code == 401


async def test_the_key_is_looked_at_before_the_body(api: V2World) -> None:
    answer = await api.call("POST", "/v2/bots", key="wrong", content=b"{ not json")
    assert answer.status_code == 401
    answer = await api.call("PATCH", f"/v2/bots/{ABSENT}/update-config", key=api.sending_key, content=b"{")
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"{'bot_name': 'x'}",
        b'{"bot_name": "x",}',
        b"\xff\xfe{}",
        b"bot_name=Notes&meeting_url=x",
        b'{"bot_name": NaN}',
        b'{"bot_name": "x", "extra": {"n": Infinity}}',
        b'{"bot_name": "x", "extra": {"n": 1e999}}',
        b'{"bot_name": "x", "extra": {"n": ' + b"9" * 5000 + b"}}",
        b"[" * 100_000,
        b'{"extra": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
    ],
)
async def test_a_broken_body_is_400_in_the_envelope(api: V2World, body: bytes) -> None:
    for content_type in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        answer = await api.call("POST", "/v2/bots", content=body, headers={"content-type": content_type})
        assert (answer.status_code, answer.json()["code"]) == (400, "FST_ERR_VALIDATION")
        assert answer.json()["message"]


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800"])
@pytest.mark.parametrize("place", ["bot_name", "extra value", "extra key", "entry_message"])
async def test_text_that_no_database_can_keep_is_400(api: V2World, text: str, place: str) -> None:
    body: dict[str, Any] = {
        "bot_name": {"bot_name": text},
        "extra value": {"extra": {"a": [text]}},
        "extra key": {"extra": {text: 1}},
        "entry_message": {"entry_message": text},
    }[place]
    answer = await api.call("POST", "/v2/bots", content=json.dumps({**CREATE, **body}).encode())
    assert answer.status_code == 400


@pytest.mark.parametrize("query", ["bot_name=%00", "meeting_url=a%00b", "extra=a:%00", "cursor=%00", "status=%00"])
async def test_a_query_that_no_database_can_take_is_400(api: V2World, query: str) -> None:
    assert (await api.call("GET", f"/v2/bots?{query}")).status_code == 400


async def test_a_query_that_is_no_utf8_finds_nothing_and_breaks_nothing(api: V2World) -> None:
    assert (await api.call("GET", "/v2/bots?bot_name=%ff%fe")).json()["data"] == []


async def test_json_is_read_whatever_type_the_client_claims(api: V2World) -> None:
    for content_type in ("", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8"):
        answer = await api.call("POST", "/v2/bots", content=json.dumps(CREATE), headers={"content-type": content_type})
        assert answer.status_code == 201


async def test_an_unknown_route_is_404_and_a_wrong_method_405_in_the_envelope(api: V2World) -> None:
    headers = {KEY_HEADER: api.key}
    unknown = await api.client.get("/v2/botz", headers=headers)
    assert unknown.status_code == 404
    assert unknown.json() == {
        "success": False,
        "error": "Not Found",
        "code": "FST_ERR_NOT_FOUND",
        "statusCode": 404,
        "message": "Route GET:/v2/botz not found",
        "details": None,
    }
    wrong = await api.client.put("/v2/bots", headers=headers)
    assert (wrong.status_code, wrong.json()["success"], wrong.json()["statusCode"]) == (405, False, 405)


async def test_an_oversized_body_is_413_in_the_envelope(api: V2World) -> None:
    body = json.dumps({**CREATE, "extra": {"a": "x" * MAX_BODY_BYTES}}).encode()

    async def chunks() -> Any:
        for at in range(0, len(body), 65536):
            yield body[at : at + 65536]

    for content in (body, chunks()):
        answer = await api.client.post("/v2/bots", content=content, headers={KEY_HEADER: api.key})
        assert (answer.status_code, answer.json()["code"]) == (413, "FST_ERR_CTP_BODY_TOO_LARGE")
    assert (await api.list())["data"] == []


async def test_a_mistake_of_ours_is_500_and_tells_nothing_of_the_inside(
    api: V2World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("password=secret")

    monkeypatch.setattr(api.bots, "create", broken)
    answer = await api.call("POST", "/v2/bots", json=CREATE)
    assert (answer.status_code, answer.json()["code"]) == (500, "FST_ERR_INTERNAL")
    assert "secret" not in answer.text
    batch = await api.call("POST", "/v2/bots/batch", json=[CREATE])
    assert batch.json()["errors"][0]["code"] == "BOT_CREATE_FAILED"
    assert "secret" not in batch.text
