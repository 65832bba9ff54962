"""Reads JSON bodies as callers really send them, and refuses what no database can keep."""

import json
from typing import Any, NoReturn

from starlette.requests import Request
from starlette.types import Receive, Scope

from meetfleet.domain.errors import InvalidRequest

MAX_DEPTH = 64
_JSON = (b"content-type", b"application/json")


class JsonRequest(Request):
    """A request whose body is JSON, whatever its content type says; an empty body is none.

    Official clients send bodies without a type, types without a body, and bodies on DELETE. Source: contract.md 1.9.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        others = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
        super().__init__({**scope, "headers": [*others, _JSON]}, receive)

    async def json(self) -> Any:
        """Raises InvalidRequest if the body is no JSON."""
        if not hasattr(self, "_parsed"):
            self._parsed = parse_json(await self.body())
        return self._parsed

    async def body(self) -> bytes:
        return (await super().body()).strip()


def parse_json(text: bytes) -> Any:
    """The value that `text` is, if PostgreSQL can keep it and JSON can say it again.

    Raises:
        InvalidRequest: no JSON, or JSON with NUL characters, lone surrogates, numbers that are none, or too deep.
    """
    try:
        value = json.loads(text.decode(), parse_constant=_refuse_number, parse_float=_finite)
    except InvalidRequest:
        raise
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        reason = f" ({error.msg}, at character {error.pos})" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidRequest(f"The request body is not valid JSON{reason}.", code="invalid_json") from None
    _check(value)
    return value


def check_text(text: str) -> None:
    """Raises InvalidRequest if `text` holds what PostgreSQL cannot keep."""
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise InvalidRequest("The request holds a character that is none (NUL or half of a pair).", code="bad_text")


def _check(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        following: list[Any] = []
        for item in level:
            if isinstance(item, str):
                check_text(item)
            elif isinstance(item, dict):
                following += [*item.keys(), *item.values()]  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
            elif isinstance(item, list):
                following += item
        if not following:
            return
        level = following
    raise _too_deep()


def _too_deep() -> InvalidRequest:
    return InvalidRequest(f"The request body is nested deeper than {MAX_DEPTH} levels.", code="invalid_json")


def _finite(text: str) -> float:
    value = float(text)
    return _refuse_number(text) if value in (float("inf"), float("-inf")) else value


def _refuse_number(text: str) -> NoReturn:
    raise InvalidRequest(f"'{text[:20]}' is no number that JSON knows.", code="invalid_json")
