"""Scheduled bots: create one or many, list, look at, change and cancel them. Source: contract.md 2.14."""

from dataclasses import replace
from uuid import UUID

from fastapi import APIRouter

from meetfleet.api.v2 import responses as out
from meetfleet.api.v2.batch import BatchBody, batch_of, create_each
from meetfleet.api.v2.cursors import encode, page_request
from meetfleet.api.v2.intake import changed_bot, new_bot
from meetfleet.api.v2.requests import CreateScheduledBotRequestBody, UpdateScheduledBotRequestBody
from meetfleet.api.v2.route import BotId, CallerDep, answers
from meetfleet.api.v2.schedule_filters import SchedulesQuery, schedule_filter
from meetfleet.api.v2.schedule_views import schedule_details, schedule_item
from meetfleet.api.v2.services import V2Services
from meetfleet.api.v2.views import check_known_platform
from meetfleet.api.v2.wording import Wording, message
from meetfleet.store.tables import BotRow
from meetfleet.store.times import utc


def add_schedule_routes(router: APIRouter, services: V2Services) -> None:
    """To be added before the routes on single bots, which would take `scheduled` for an id."""
    _add_creation_routes(router, services)
    _add_lookup_routes(router, services)
    _add_change_routes(router, services)


def _add_creation_routes(router: APIRouter, services: V2Services) -> None:
    @router.post(
        "/bots/scheduled",
        operation_id="createScheduledBot",
        summary="Schedule a bot",
        status_code=201,
        responses=answers(),
    )
    async def create_scheduled_bot(caller: CallerDep, body: CreateScheduledBotRequestBody) -> out.CreateBotResponse:
        """It is sent at `join_at` and keeps its id. Daily cap, tokens and other bots are looked at then."""
        new = new_bot(body, services, caller)
        bot = await services.schedules.create(caller.team, new, body.join_at)
        return out.CreateBotResponse(data=out.CreatedBot(bot_id=str(bot.id)))

    @router.post(
        "/bots/scheduled/batch",
        operation_id="batchCreateScheduledBots",
        summary="Schedule many bots",
        status_code=201,
        responses=answers(),
        openapi_extra=batch_of(CreateScheduledBotRequestBody),
    )
    async def create_scheduled_bots(caller: CallerDep, body: BatchBody) -> out.BatchCreateBotsResponse:
        """Each item stands for itself: those that cannot be created are listed in `errors`."""

        async def create(item: object) -> BotRow:
            request = CreateScheduledBotRequestBody.model_validate(item)
            new = new_bot(request, services, caller)
            return await services.schedules.create(caller.team, new, request.join_at)

        return await create_each(body, create)

    _ = create_scheduled_bot, create_scheduled_bots


def _add_lookup_routes(router: APIRouter, services: V2Services) -> None:
    @router.get("/bots/scheduled", operation_id="listScheduledBots", summary="List scheduled bots", responses=answers())
    async def list_scheduled_bots(caller: CallerDep, query: SchedulesQuery) -> out.ListScheduledBotsResponse:
        """The next one first; also those that were sent, cancelled or failed."""
        wanted = replace(schedule_filter(query, utc(services.clock.now_ns())), sandbox_only=caller.is_sandbox)
        page = await services.schedules.list(caller.team, wanted, page_request(query.cursor, query.limit))
        return out.ListScheduledBotsResponse(
            data=[schedule_item(bot) for bot in page.items],
            cursor=encode(page.next),
            prev_cursor=encode(page.previous, backwards=True),
        )

    @router.get(
        "/bots/scheduled/{bot_id}",
        operation_id="getScheduledBotDetails",
        summary="Everything about a scheduled bot",
        responses=answers(404),
    )
    async def get_scheduled_bot(caller: CallerDep, bot_id: BotId) -> out.GetScheduledBotResponse:
        """How it was scheduled. Once it was sent, the bot itself is to be found under the same id."""
        bot = await services.schedules.get(caller.team, UUID(bot_id))
        check_known_platform(bot)
        return out.GetScheduledBotResponse(data=schedule_details(bot, services.box))

    _ = list_scheduled_bots, get_scheduled_bot


def _add_change_routes(router: APIRouter, services: V2Services) -> None:
    worded = Wording(services)

    @router.patch(
        "/bots/scheduled/{bot_id}",
        operation_id="updateScheduledBot",
        summary="Change a scheduled bot",
        responses=answers(404, 409),
    )
    async def update_scheduled_bot(
        caller: CallerDep, bot_id: BotId, body: UpdateScheduledBotRequestBody
    ) -> out.MessageResponse:
        """Until four minutes before it is due, to a time at least four minutes ahead."""
        async with worded.by_status(caller, bot_id):
            await services.schedules.update(
                caller.team,
                UUID(bot_id),
                join_at=body.join_at,
                change=lambda bot: changed_bot(bot, body, services),
            )
        return message("Scheduled bot updated successfully.")

    @router.delete(
        "/bots/scheduled/{bot_id}",
        operation_id="deleteScheduledBot",
        summary="Cancel a scheduled bot",
        responses=answers(404, 409),
    )
    async def delete_scheduled_bot(caller: CallerDep, bot_id: BotId) -> out.MessageResponse:
        """A bot that was sent already is asked to leave."""
        async with worded.by_status(caller, bot_id):
            await services.schedules.cancel(caller.team, UUID(bot_id))
        return message("Scheduled bot deleted successfully.")

    _ = update_scheduled_bot, delete_scheduled_bot
