"""What the API says in words of its own: refusals by status, and short messages."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

from meetfleet.api.v2.responses import Message, MessageResponse
from meetfleet.api.v2.services import V2Services
from meetfleet.api.v2.views import status_word
from meetfleet.control.keys import Caller
from meetfleet.domain.errors import Conflict


class Wording:
    """Says in this API's own words that a bot's state does not allow something."""

    def __init__(self, services: V2Services) -> None:
        self._services = services

    @asynccontextmanager
    async def by_status(self, caller: Caller, bot_id: str) -> AsyncGenerator[None]:
        try:
            yield
        except Conflict as error:
            if error.code != "bot_status":
                raise
            view = await self._services.recordings.view(caller.team, UUID(bot_id))
            status = status_word(view.bot, view.resumed)
            raise Conflict(
                f"Status of bot '{bot_id}' is: {status}. Operation not permitted in this state.", code="bot_status"
            ) from error


def message(text: str) -> MessageResponse:
    return MessageResponse(data=Message(message=text))
