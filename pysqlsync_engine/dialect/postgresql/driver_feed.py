"""What the driver reads from: chunks of text, or rows, whose failures are told from its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Generic, TypeVar

from pysqlsync_engine.session import Row

Item = TypeVar("Item")


class DriverFeed(Generic[Item]):
    """Items for the driver; keeps the error that they end with, as the driver cannot tell it from failures of its own."""

    def __init__(self, items: AsyncIterator[Item]) -> None:
        self._items = items
        self.error: Exception | None = None

    def __aiter__(self) -> DriverFeed[Item]:
        return self

    async def __anext__(self) -> Item:
        try:
            return await anext(self._items)
        except StopAsyncIteration:
            raise
        except Exception as error:
            self.error = error
            raise


async def each_row(batches: AsyncIterator[Iterable[Row]]) -> AsyncGenerator[Row]:
    """:returns: The rows one by one."""
    async for batch in batches:
        for row in batch:
            yield row
