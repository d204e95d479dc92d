"""Items that are got in a thread, while others have their turn."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import aclosing

import pytest

from pysqlsync_engine.data.batches import in_thread


class Told:
    """A source that tells who reads it, and whether it was closed."""

    def __init__(self, *, fails_at: int = 100, wait_s: float = 0.0) -> None:
        self.threads: set[int] = set()
        self.read = 0
        self.is_closed = False
        self._fails_at = fails_at
        self._wait_s = wait_s

    def items(self) -> Generator[int]:
        try:
            for number in range(5):
                self.threads.add(threading.get_ident())
                time.sleep(self._wait_s)
                if number == self._fails_at:
                    raise ValueError(f"item {number} is damaged")
                self.read += 1
                yield number
        finally:
            self.is_closed = True


@pytest.fixture
def thread() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as thread:
        yield thread


async def test_items_come_in_order_from_one_other_thread(thread: Executor) -> None:
    source = Told()
    assert [item async for item in in_thread(source.items(), thread)] == [0, 1, 2, 3, 4]
    assert len(source.threads) == 1
    assert source.threads != {threading.get_ident()}
    assert source.is_closed


async def test_a_list_is_as_good_as_a_generator(thread: Executor) -> None:
    assert [item async for item in in_thread([1, 2], thread)] == [1, 2]


async def test_an_error_is_that_of_the_source(thread: Executor) -> None:
    source = Told(fails_at=2)
    items = in_thread(source.items(), thread)
    assert [await anext(items), await anext(items)] == [0, 1]
    with pytest.raises(ValueError, match="item 2 is damaged"):
        await anext(items)
    assert source.is_closed


async def test_a_source_is_closed_when_no_more_is_wanted() -> None:
    source = Told()
    with ThreadPoolExecutor(1) as thread:
        async with aclosing(in_thread(source.items(), thread)) as items:
            assert await anext(items) == 0
    assert source.is_closed
    assert source.read == 1


async def test_a_source_that_is_being_read_is_closed_after_that() -> None:
    source = Told(wait_s=0.2)

    async def read() -> None:
        with ThreadPoolExecutor(1) as thread:
            async for _ in in_thread(source.items(), thread):
                pass

    task = asyncio.create_task(read())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.is_closed
    assert source.read == 1


async def test_others_have_their_turn_meanwhile(thread: Executor) -> None:
    source = Told(wait_s=0.05)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while not source.is_closed:
            turns += 1
            await asyncio.sleep(0.001)

    counting = asyncio.create_task(count())
    assert len([item async for item in in_thread(source.items(), thread)]) == 5
    await counting
    assert turns > 5
