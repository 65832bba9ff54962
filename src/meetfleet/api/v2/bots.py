"""Bots: create one or many, list them."""

from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Body
from pydantic import ValidationError

from meetfleet.api.errors import issues_text
from meetfleet.api.v2 import responses as out
from meetfleet.api.v2.cursors import encode, page_request
from meetfleet.api.v2.filters import BotsQuery, bot_filter
from meetfleet.api.v2.intake import new_bot
from meetfleet.api.v2.requests import CreateBotRequestBody
from meetfleet.api.v2.route import CallerDep, answers
from meetfleet.api.v2.services import V2Services
from meetfleet.api.v2.views import list_item
from meetfleet.control.keys import Caller
from meetfleet.domain.dialects.v2 import item_code_of
from meetfleet.domain.errors import InvalidRequest, RequestError
from meetfleet.domain.lifecycle import BotState
from meetfleet.store.times import utc

BATCH_MAX = 100

log = structlog.get_logger()

_BATCH_BODY = {
    "requestBody": {
        "content": {
            "application/json": {"schema": {"items": {"$ref": "#/components/schemas/CreateBotRequestBody"}}},
        }
    }
}


def add_bot_routes(router: APIRouter, services: V2Services) -> None:
    @router.post(
        "/bots",
        operation_id="createBot",
        summary="Create a bot",
        status_code=201,
        responses=answers(402, 409),
    )
    async def create_bot(caller: CallerDep, body: CreateBotRequestBody) -> out.CreateBotResponse:
        """Sends a bot to a meeting now. It asks to join within seconds."""
        bot = await services.bots.create(caller.team, new_bot(body, services.box, plain_http=services.plain_http))
        return out.CreateBotResponse(data=out.CreatedBot(bot_id=str(bot.id)))

    @router.post(
        "/bots/batch",
        operation_id="batchCreateBots",
        summary="Create many bots",
        status_code=201,
        responses=answers(),
        openapi_extra=_BATCH_BODY,
    )
    async def create_bots(
        caller: CallerDep, body: Annotated[list[Any], Body(min_length=1, max_length=BATCH_MAX)]
    ) -> out.BatchCreateBotsResponse:
        """Each item stands for itself: those that cannot be created are listed in `errors`."""
        results = [await _create_item(services, caller, index, item) for index, item in enumerate(body)]
        return out.BatchCreateBotsResponse(
            data=[result for result in results if isinstance(result, out.BatchItem)],
            errors=[result for result in results if isinstance(result, out.BatchError)],
        )

    @router.get("/bots", operation_id="listBots", summary="List bots", responses=answers())
    async def list_bots(caller: CallerDep, query: BotsQuery) -> out.ListBotsResponse:
        """Newest first; by default those of the last 90 days."""
        wanted = bot_filter(query, utc(services.clock.now_ns()))
        page = await services.bots.list(caller.team, wanted, page_request(query.cursor, query.limit))
        recording = [bot.id for bot in page.items if bot.state is BotState.RECORDING]
        resumed = await services.recordings.paused_before(recording)
        return out.ListBotsResponse(
            data=[list_item(bot, bot.id in resumed) for bot in page.items],
            cursor=encode(page.next),
            prev_cursor=encode(page.previous, backwards=True),
        )

    _ = create_bot, create_bots, list_bots


async def _create_item(services: V2Services, caller: Caller, index: int, item: Any) -> out.BatchItem | out.BatchError:
    extra = item.get("extra") if isinstance(item, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    shown = extra if isinstance(extra, dict) else None  # pyright: ignore[reportUnknownVariableType]

    def failed(code: str, message: str) -> out.BatchError:
        return out.BatchError(index=index, code=code, message=message, details=None, extra=shown)  # pyright: ignore[reportUnknownArgumentType]

    try:
        body = CreateBotRequestBody.model_validate(item)
        bot = await services.bots.create(caller.team, new_bot(body, services.box, plain_http=services.plain_http))
    except ValidationError as error:
        return failed(item_code_of(InvalidRequest("")), issues_text(error.errors()))
    except RequestError as error:
        return failed(item_code_of(error), error.message)
    except Exception as error:
        log.error("batch_item_failed", index=index, exc_info=error)
        return failed("BOT_CREATE_FAILED", "The bot could not be created. The request may be tried again.")
    return out.BatchItem(index=index, bot_id=str(bot.id), extra=bot.extra)
