"""Bodies of responses. Secrets appear in those of creation and rotation only."""

from collections.abc import Callable
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from meetfleet.api.v2.cursors import encode
from meetfleet.api.v2.fields import WireTime
from meetfleet.store.paging import Page
from meetfleet.store.tables import ApiKeyRow, Permissions, TeamRow

Data = TypeVar("Data")
Row = TypeVar("Row")


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class One(Closed, Generic[Data]):
    """A success."""

    success: Literal[True] = True
    data: Data


class Many(Closed, Generic[Data]):
    """One page of a list."""

    success: Literal[True] = True
    data: list[Data]
    cursor: Annotated[str | None, Field(description="Next page; null on the last one.")]
    prev_cursor: Annotated[str | None, Field(description="Page before; null on the first one.")]


class ErrorResponse(Closed):
    """A failure: `code` is for programs, `message` for people."""

    success: Literal[False] = False
    error: str
    code: str
    statusCode: int
    message: str
    retryAfter: int | None = None


class TeamBody(Closed):
    id: UUID
    name: str


class Whoami(Closed):
    """What the key at hand may do."""

    admin: Annotated[bool, Field(description="Whether it manages the whole server.")]
    team: Annotated[TeamBody | None, Field(description="The team that it manages; null for an admin key.")]


class KeyBody(Closed):
    """An API key, without its text."""

    id: UUID
    team_id: Annotated[UUID | None, Field(description="Null for an admin key.")]
    name: str
    prefix: Annotated[str, Field(description="Its first characters.")]
    permissions: Permissions
    is_sandbox: Annotated[bool, Field(description="Whether its bots join simulated meetings.")]
    created_at: WireTime
    last_used_at: Annotated[WireTime | None, Field(description="To the minute.")]
    revoked_at: WireTime | None


class CreatedKey(KeyBody):
    key: Annotated[str, Field(description="The key itself. It cannot be shown again.")]


def key_body(row: ApiKeyRow) -> KeyBody:
    return KeyBody.model_validate({name: getattr(row, name) for name in KeyBody.model_fields})


def team_body(row: TeamRow) -> TeamBody:
    return TeamBody(id=row.id, name=row.name)


def many(page: Page[Row], body: Callable[[Row], Data]) -> Many[Data]:
    """A page of rows as a list shows it."""
    return Many(
        data=[body(row) for row in page.items],
        cursor=encode(page.next),
        prev_cursor=encode(page.previous, backwards=True),
    )
