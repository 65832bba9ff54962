"""One bot: details, status, screenshots."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from meetfleet.api.v2 import responses as out
from meetfleet.api.v2.cursors import encode, page_request
from meetfleet.api.v2.route import BotId, CallerDep, answers
from meetfleet.api.v2.services import V2Services
from meetfleet.api.v2.views import check_visible, details, status_body
from meetfleet.domain.meeting_url import Platform
from meetfleet.store.paging import PageRequest, Position
from meetfleet.store.tables import ArtifactRow

_WITH_SCREENSHOTS = (Platform.GOOGLE_MEET, Platform.TEAMS)


def add_lookup_routes(router: APIRouter, services: V2Services) -> None:
    @router.get(
        "/bots/{bot_id}", operation_id="getBotDetails", summary="Everything about a bot", responses=answers(404)
    )
    async def get_bot_details(caller: CallerDep, bot_id: BotId) -> out.GetBotDetailsResponse:
        """Links are made anew at each call."""
        view = await services.recordings.view(caller.team, UUID(bot_id))
        check_visible(view.bot)
        return out.GetBotDetailsResponse(data=details(view, services.link, services.box))

    @router.get("/bots/{bot_id}/status", operation_id="getBotStatus", summary="Where a bot is", responses=answers(404))
    async def get_bot_status(caller: CallerDep, bot_id: BotId) -> out.GetBotStatusResponse:
        """The bot's present status, without anything else."""
        standing = await services.recordings.standing(caller.team, UUID(bot_id))
        check_visible(standing.bot)
        return out.GetBotStatusResponse(data=status_body(standing))

    @router.get(
        "/bots/{bot_id}/screenshots",
        operation_id="getBotScreenshots",
        summary="Pictures that a bot took",
        responses=answers(404),
    )
    async def get_bot_screenshots(
        caller: CallerDep,
        bot_id: BotId,
        limit: Annotated[int, Query(ge=1, le=250)] = 50,
        cursor: Annotated[str | None, Query()] = None,
    ) -> out.GetBotScreenshotsResponse:
        """In the order they were taken."""
        bot = await services.bots.get(caller.team, UUID(bot_id))
        check_visible(bot)
        wanted = page_request(cursor, limit)
        known = bot.platform in _WITH_SCREENSHOTS
        shots: Sequence[ArtifactRow] = await services.bots.screenshots(caller.team, bot.id) if known else ()
        numbers, more_after = _page_of(len(shots), wanted)
        return out.GetBotScreenshotsResponse(
            data=[
                out.ScreenshotBody(screenshot_id=n, url=services.link(str(bot.id), shots[n - 1].name)) for n in numbers
            ],
            cursor=encode(_position(shots, numbers[-1])) if numbers and more_after else None,
            prev_cursor=encode(_position(shots, numbers[0]), backwards=True) if numbers and numbers[0] > 1 else None,
        )

    _ = get_bot_details, get_bot_status, get_bot_screenshots


def _page_of(count: int, wanted: PageRequest) -> tuple[Sequence[int], bool]:
    """Which of the numbers 1 to `count` are on the page, and whether more follow."""
    edge = wanted.after.id.int if wanted.after else 0
    if wanted.backwards:
        last = min(edge - 1, count)
        first = max(1, last - wanted.limit + 1)
    else:
        first = edge + 1
        last = min(edge + wanted.limit, count)
    return range(first, last + 1), last < count


def _position(shots: Sequence[ArtifactRow], number: int) -> Position:
    """Pictures have no id but their number; it stands in the id's place of the cursor."""
    return Position(shots[number - 1].created_at, UUID(int=number))
