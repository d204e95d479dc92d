"""Rows that only a server refuses are found with few statements, however many there are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Set
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysqlsync_engine.data.load_options import LoadMode, OnError
from pysqlsync_engine.data.load_report import Counts
from pysqlsync_engine.dialect.mysql.pool import connect
from pysqlsync_engine.dialect.mysql.sending import find_all_refused, find_refused
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.model.data_types import SqlCharacter, SqlInteger, SqlJson
from tests.row_tables import column, store, table
from tests.servers import Server

FIRST, LAST = 10, 210


class Store:
    """
    Takes ranges of numbers, but none with a bad one.

    :param shift: What is wrong with the place of the first bad one that an error tells; `None` if it tells none.
    """

    def __init__(self, bad: Set[int], shift: int | None) -> None:
        self.bad = bad
        self.shift = shift
        self.taken: list[int] = []
        self.attempts = 0

    async def attempt(self, start: int, stop: int) -> None:
        self.attempts += 1
        for number in range(start + 1, stop + 1):
            if number in self.bad:
                row = None if self.shift is None else number - start + self.shift
                raise StatementError(f"bad {number}", sqlstate="22000", row=row)
        self.taken += range(start + 1, stop + 1)


@given(bad=st.sets(st.integers(FIRST, LAST)), shift=st.none() | st.integers(-3, 3))
async def test_all_rows_that_are_refused_are_found_and_the_others_are_stored(bad: set[int], shift: int | None) -> None:
    kept = Store(bad, shift)
    found = [
        (number, str(error))
        async for number, error in find_all_refused(kept.attempt, FIRST - 1, LAST, tells_rows=shift is not None)
    ]
    assert found == [(number, f"bad {number}") for number in sorted(bad)]
    assert kept.taken == [number for number in range(FIRST, LAST + 1) if number not in bad]


@given(bad=st.sets(st.integers(FIRST, LAST)))
async def test_the_first_row_that_is_refused_is_found_and_those_before_are_stored(bad: set[int]) -> None:
    kept = Store(bad, None)
    found = await find_refused(kept.attempt, FIRST - 1, LAST)
    assert (None if found is None else found[0]) == min(bad, default=None)
    assert kept.taken == list(range(FIRST, min(bad, default=LAST + 1)))


@pytest.mark.parametrize(("shift", "most"), [(None, 17), (0, 3), (1, 17)])
async def test_few_attempts_are_made_for_each_row_that_is_refused(shift: int | None, most: int) -> None:
    kept = Store(set(range(7, 2**14, 1000)), shift)
    found = [each async for each in find_all_refused(kept.attempt, 0, 2**14, tells_rows=shift is not None)]
    assert len(found) == 17
    # one for all of them, and one for the rest
    assert kept.attempts <= most * 17 + 2


@pytest.fixture
async def session(mysql: Server) -> AsyncIterator[MySQLSession]:
    async with connect(mysql.parameters) as session:
        yield session


async def statements(session: MySQLSession) -> int:
    """:returns: How many statements the session has sent."""
    ((_, count),) = await session.fetch("SHOW SESSION STATUS LIKE 'Questions'")
    return int(count)


# of documents no server tells the row, and MariaDB refuses them only when rows are merged
SQL_TYPES: list[tuple[str, Any, str, str, int]] = [
    ("varchar(9) CHARACTER SET latin1", SqlCharacter(9), "plain", "𝄞", 3),
    ("json", SqlJson(), '{"a": 1}', '{"a": ', 25),
]


@pytest.mark.parametrize(("sql_type", "data_type", "good", "bad", "most"), SQL_TYPES)
async def test_hundreds_of_rows_that_only_the_server_refuses_are_set_aside(
    session: MySQLSession, sql_type: str, data_type: Any, good: str, bad: str, most: int
) -> None:
    await session.execute(f"CREATE TABLE t (id int PRIMARY KEY, v {sql_type} NOT NULL)")
    target = table("t", column("id", SqlInteger(4)), column("v", data_type))
    rows = [(number, bad if number % 4 == 3 else good) for number in range(1, 2001)]
    before = await statements(session)
    report = await store(session, target, LoadMode.INSERT, {"id": int, "v": str}, rows, on_error=OnError.QUARANTINE)
    assert await statements(session) - before < most * 500 + 100
    assert report.counts == Counts(inserted=1500, rejected=500)
    assert await session.fetch("SELECT id FROM t ORDER BY id") == [(n,) for n, v in rows if v == good]
    found = await session.fetch("SELECT `row_number`, JSON_VALUE(record, '$.v') FROM t__rejected ORDER BY id")
    assert found == [(number, value) for number, value in rows if value == bad]
