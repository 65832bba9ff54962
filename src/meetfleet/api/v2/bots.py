"""Bots: create one or many, list them."""

from dataclasses import replace

from fastapi import APIRouter

from meetfleet.api.v2 import responses as out
from meetfleet.api.v2.batch import BatchBody, batch_of, create_each
from meetfleet.api.v2.cursors import encode, page_request
from meetfleet.api.v2.filters import BotsQuery, bot_filter
from meetfleet.api.v2.intake import new_bot
from meetfleet.api.v2.requests import CreateBotRequestBody
from meetfleet.api.v2.route import CallerDep, answers
from meetfleet.api.v2.services import V2Services
from meetfleet.api.v2.views import list_item
from meetfleet.domain.lifecycle import BotState
from meetfleet.store.tables import BotRow
from meetfleet.store.times import utc


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
        bot = await services.bots.create(caller.team, new_bot(body, services, caller))
        return out.CreateBotResponse(data=out.CreatedBot(bot_id=str(bot.id)))

    @router.post(
        "/bots/batch",
        operation_id="batchCreateBots",
        summary="Create many bots",
        status_code=201,
        responses=answers(),
        openapi_extra=batch_of(CreateBotRequestBody),
    )
    async def create_bots(caller: CallerDep, body: BatchBody) -> out.BatchCreateBotsResponse:
        """Each item stands for itself: those that cannot be created are listed in `errors`."""

        async def create(item: object) -> BotRow:
            request = CreateBotRequestBody.model_validate(item)
            return await services.bots.create(caller.team, new_bot(request, services, caller))

        return await create_each(body, create)

    @router.get("/bots", operation_id="listBots", summary="List bots", responses=answers())
    async def list_bots(caller: CallerDep, query: BotsQuery) -> out.ListBotsResponse:
        """Newest first; by default those of the last 90 days."""
        wanted = replace(bot_filter(query, utc(services.clock.now_ns())), sandbox_only=caller.is_sandbox)
        page = await services.bots.list(caller.team, wanted, page_request(query.cursor, query.limit))
        recording = [bot.id for bot in page.items if bot.state is BotState.RECORDING]
        resumed = await services.recordings.paused_before(recording)
        return out.ListBotsResponse(
            data=[list_item(bot, bot.id in resumed) for bot in page.items],
            cursor=encode(page.next),
            prev_cursor=encode(page.previous, backwards=True),
        )

    _ = create_bot, create_bots, list_bots
