"""Many creations in one request. Source: contract.md 2.2."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, cast

import structlog
from fastapi import Body
from pydantic import BaseModel, ValidationError

from meetfleet.api.errors import issues_text
from meetfleet.api.v2 import responses as out
from meetfleet.domain.dialects.v2 import item_code_of
from meetfleet.domain.errors import InvalidRequest, RequestError
from meetfleet.store.tables import BotRow

BATCH_MAX = 100
BatchBody = Annotated[list[Any], Body(min_length=1, max_length=BATCH_MAX)]
"""What the items are is judged one by one: a bad one does not spoil the others."""

log = structlog.get_logger()


def batch_of(item: type[BaseModel]) -> dict[str, Any]:
    """Says in the OpenAPI document what the items should be."""
    schema = {"items": {"$ref": f"#/components/schemas/{item.__name__}"}}
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


async def create_each(items: list[Any], create: Callable[[Any], Awaitable[BotRow]]) -> out.BatchCreateBotsResponse:
    """One after the other; those that cannot be created are listed in `errors`.

    Args:
        create: May raise ValidationError or any RequestError; the item is then an error.
    """
    results = [await _create_item(index, item, create) for index, item in enumerate(items)]
    return out.BatchCreateBotsResponse(
        data=[result for result in results if isinstance(result, out.BatchItem)],
        errors=[result for result in results if isinstance(result, out.BatchError)],
    )


async def _create_item(
    index: int, item: Any, create: Callable[[Any], Awaitable[BotRow]]
) -> out.BatchItem | out.BatchError:
    def failed(code: str, message: str) -> out.BatchError:
        return out.BatchError(index=index, code=code, message=message, details=None, extra=_extra_of(item))

    try:
        bot = await create(item)
    except ValidationError as error:
        return failed(item_code_of(InvalidRequest("")), issues_text(error.errors()))
    except RequestError as error:
        return failed(item_code_of(error), error.message)
    except Exception as error:  # the outermost loop of an item: it is told as BOT_CREATE_FAILED
        log.error("batch_item_failed", index=index, exc_info=error)
        return failed("BOT_CREATE_FAILED", "The bot could not be created. The request may be tried again.")
    return out.BatchItem(index=index, bot_id=str(bot.id), extra=bot.extra)


def _extra_of(item: Any) -> dict[str, Any] | None:
    """The caller's own data in an item, whatever else is wrong with it."""
    extra = cast("dict[str, Any]", item).get("extra") if isinstance(item, dict) else None
    return cast("dict[str, Any]", extra) if isinstance(extra, dict) else None
