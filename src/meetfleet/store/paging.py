"""Keyset paging: a page starts after a position, not after a count, so that new rows never shift it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Position:
    """A row's place in a list that is sorted by time, then id."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is wanted.

    Attributes:
        after: Last row of the page before (or first row of the page after, with `backwards`); None for the first page.
        backwards: Read towards the start of the list; the page is still in list order.
    """

    limit: int = 50
    after: Position | None = None
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Rows in list order, and where the neighbouring pages start; None where there is none."""

    items: Sequence[Item]
    next: Position | None
    previous: Position | None


async def fetch_page(
    session: AsyncSession,
    query: Select[Item],
    columns: tuple[
        InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None], InstrumentedAttribute[UUID]
    ],
    request: PageRequest,
    position_of: Callable[[Item], Position],
    *,
    descending: bool = True,
) -> Page[Item]:
    """One page of `query`, sorted by time, then id; rows without a time are on no page."""
    down = descending != request.backwards
    key: Any = tuple_(*columns)
    if request.after is not None:
        edge = tuple_(request.after.at, request.after.id)
        condition: ColumnElement[bool] = key < edge if down else key > edge
        query = query.where(condition)
    query = query.order_by(*(c.desc() if down else c.asc() for c in columns)).limit(request.limit + 1)
    found = list((await session.scalars(query)).all())
    more, items = len(found) > request.limit, found[: request.limit]
    if request.backwards:
        items.reverse()
    has_next = more if not request.backwards else request.after is not None
    has_previous = more if request.backwards else request.after is not None
    return Page(
        items,
        position_of(items[-1]) if items and has_next else None,
        position_of(items[0]) if items and has_previous else None,
    )
