"""Questions about the rows of tables, on real servers; names and labels are as nasty as servers permit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

import pytest
from strong_typing.auxiliary import Alias, MaxLength

from pysqlsync_engine.base import ConnectionContext, GeneratorOptions, LoadMode, LoadOptions, OnError
from pysqlsync_engine.data.batches import BatchSource
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.declarations import TableDeclaration
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.key_types import NotEnforced, PrimaryKey
from pysqlsync_engine.model.object_types import Table
from tests.servers import Server

ODD = "o`dd \"name' ; --"
STATE = LocalId('st`a"te')
OWNER = LocalId("owner")
CODE = LocalId("code")


@dataclass
class Person:
    id: PrimaryKey[int]

    __table__ = TableDeclaration(name=f"{ODD} p")


@dataclass
class Thing:
    id: PrimaryKey[int]
    owner: NotEnforced[Person] | None
    code: Annotated[str, MaxLength(20)] | None
    state: Annotated[str, MaxLength(20), Alias(STATE.name)] | None

    __table__ = TableDeclaration(name=f"{ODD} t")


@pytest.fixture
async def connection(database: Server) -> AsyncIterator[ConnectionContext]:
    engine = get_dialect(database.dialect)
    async with engine.create_connection(database.parameters, GeneratorOptions()) as connection:
        await connection.create_objects([Person, Thing])
        await connection.insert_data(Person, [Person(1), Person(2)])
        things = [
            (1, 1, "a", "new"),
            (2, 2, "a", "New"),
            (3, 7, "b", "o'ld\\"),
            (4, 7, None, None),
            (5, None, None, "new"),
            (6, 8, "c", "lost"),
        ]
        await connection.insert_rows(
            connection.get_table(Thing),
            field_names=["id", "owner", "code", STATE.name],
            field_types=[int, int, str, str],
            records=things,
        )
        yield connection


def thing(connection: ConnectionContext) -> Table:
    return connection.get_table(Thing)


async def test_values_that_several_rows_have_are_found(connection: ConnectionContext) -> None:
    found = await connection.audit.find_duplicates(thing(connection).name, [CODE], examples=5)
    assert (found.count, found.examples) == (1, (("a", 2),))
    both = await connection.audit.find_duplicates(thing(connection).name, [CODE, OWNER], examples=5)
    assert (both.count, both.examples) == (0, ())


async def test_rows_without_the_row_that_they_refer_to_are_found(connection: ConnectionContext) -> None:
    found = await connection.audit.find_orphans(
        thing(connection).name,
        [OWNER],
        parent=connection.get_table(Person).name,
        parent_columns=[LocalId("id")],
        examples=1,
    )
    assert (found.count, found.examples) == (3, ((7,),))


async def test_missing_values_are_counted_per_column(connection: ConnectionContext) -> None:
    found = await connection.audit.find_nulls(thing(connection).name, [OWNER, CODE, LocalId("id")])
    assert found == {"owner": 1, "code": 2, "id": 0}
    assert await connection.audit.find_nulls(thing(connection).name, []) == {}


async def test_texts_that_are_no_label_are_found_character_for_character(connection: ConnectionContext) -> None:
    found = await connection.audit.find_strangers(thing(connection).name, STATE, ["new", "o'ld\\"], examples=5)
    assert found.count == 2
    assert sorted(found.examples) == [("New",), ("lost",)]
    assert (await connection.audit.find_strangers(thing(connection).name, STATE, [])).count == 5


async def test_the_highest_value_of_a_column_is_none_in_an_empty_table(connection: ConnectionContext) -> None:
    assert await connection.audit.highest(thing(connection).name, LocalId("id")) == 6
    await connection.delete_data(Person, [Person(1), Person(2)])
    assert await connection.audit.highest(connection.get_table(Person).name, LocalId("id")) is None


async def test_a_table_of_which_no_row_was_ever_rejected_has_none(connection: ConnectionContext) -> None:
    assert await connection.audit.rejected_rows(thing(connection).name, 5) == []


async def test_rejected_rows_are_told_the_newest_first(connection: ConnectionContext) -> None:
    source = BatchSource(Fields(("id", "code"), (int, str)), [[(10, "x"), (11, "y" * 21), (12, "z" * 22)]])
    options = LoadOptions(LoadMode.UPSERT, on_error=OnError.QUARANTINE)
    report = await connection.load(thing(connection), source, options=options)
    rows = await connection.audit.rejected_rows(thing(connection).name, 1)
    assert report.counts.rejected == 2
    assert [(row.row, row.column) for row in rows] == [(3, "code")]
    assert "z" * 22 in str(rows[0].record)
