"""Lists that cannot be stored in another way as they are, and what others do while lists move."""

from __future__ import annotations

import asyncio
import enum
import json
from dataclasses import dataclass, make_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest
from strong_typing.auxiliary import MaxLength, Precision, TimePrecision

from pysqlsync_engine.errors import ApplyError, HazardError, StatementError
from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.model.type_markers import ServerDefault, TextJson
from pysqlsync_engine.model.vendor_markers import MySQLOnUpdate
from pysqlsync_engine.options import ArrayMode, EnumMode, SyncPolicy
from tests.servers import Server
from tests.test_array_modes import (
    EVERYTHING,
    SINGLE,
    Lamp,
    Single,
    connect,
    elements,
    explorer_of,
    lists_of,
    moves,
    quoted,
    synchronize,
)

MISFITS = {
    "decimal": (list[Annotated[Decimal, Precision(10, 2)]], ["1.25", "1.234"]),
    "number": (list[Annotated[Decimal, Precision(10, 2)]], [1.234]),
    "label": (list[Lamp], ["2", "3"]),
    "truth": (list[bool], [True, "maybe"]),
    "day": (list[date], ["2024-02-29", "2023-02-29"]),
    "digits": (list[Annotated[datetime, TimePrecision(0)]], ["2024-02-29T00:00:00", "2024-02-29T00:00:00.5"]),
    "bytes": (list[bytes], ["YQ==", "?"]),
    "uuid": (list[UUID], ["00000000-0000-0000-0000-000000000001", "1"]),
    "length": (list[Annotated[str, MaxLength(3)]], ["abc", "abcd"]),
    "missing": (list[int], [1, None]),
}


NOW = "CURRENT_TIMESTAMP(6)"


def odd(annotation: Any) -> type:
    return make_dataclass("Odd", [("id", PrimaryKey[int]), ("parts", annotation)])


async def test_value_that_does_not_fit_stops_the_move(database: Server) -> None:
    for annotation, document in MISFITS.values():
        cls = odd(annotation)
        async with connect(database, ArrayMode.JSON) as connection:
            await synchronize(connection, cls, policy=EVERYTHING)
            table = quoted(connection, "Odd")
            await connection.session.execute(f"DELETE FROM {table}")
            statement = f"INSERT INTO {table} (id, parts) VALUES (1, '{json.dumps(document)}')"
            await connection.session.execute(statement)
        for enum_mode in database.capabilities.enum_modes if annotation == list[Lamp] else (None,):
            async with connect(database, ArrayMode.RELATION, enum_mode) as connection:
                with pytest.raises(ApplyError, match="move list"):
                    await synchronize(connection, cls, policy=EVERYTHING)
                ((kept,),) = await connection.session.fetch(f"SELECT parts FROM {table}")
                assert json.loads(kept) == document


async def test_lists_of_other_kinds_are_dropped_only_if_that_is_permitted_and_the_plan_says_why(
    database: Server,
) -> None:
    @dataclass
    class Spans:
        id: PrimaryKey[int]
        lengths: list[timedelta]

    async with connect(database, ArrayMode.JSON) as connection:
        await synchronize(connection, Spans)
    async with connect(database, ArrayMode.RELATION) as connection:
        plan = await explorer_of(connection).plan(classes=[Spans])
        assert any("Spans.lengths: does not move along" in warning for warning in plan.warnings)
        with pytest.raises(HazardError, match=r"drop column .*Spans\.lengths"):
            await synchronize(connection, Spans)


async def test_elements_do_not_get_another_type_on_their_way_into_a_document(database: Server) -> None:
    async with connect(database, ArrayMode.RELATION) as connection:
        await synchronize(connection, odd(list[int]))
    async with connect(database, ArrayMode.JSON) as connection:
        plan = await explorer_of(connection).plan(classes=[odd(list[str])])
        assert any("Odd.parts: does not move out of its table" in warning for warning in plan.warnings)
        with pytest.raises(HazardError, match="drop table"):
            await synchronize(connection, odd(list[str]))


async def test_lists_do_not_leave_their_table_while_their_labels_go(postgresql: Server) -> None:
    class Fewer(enum.Enum):
        on = Lamp.on.value

    Fewer.__name__ = "Lamp"
    async with connect(postgresql, ArrayMode.RELATION) as connection:
        await synchronize(connection, odd(list[Lamp]))
    async with connect(postgresql, ArrayMode.ARRAY) as connection:
        plan = await explorer_of(connection).plan(classes=[odd(list[Fewer])])
        assert any("while labels of its elements go or move" in warning for warning in plan.warnings)
        await synchronize(connection, odd(list[Lamp]))
        await synchronize(connection, odd(list[Fewer]), policy=EVERYTHING)


async def test_labels_that_rows_may_bring_get_keys(database: Server) -> None:
    @dataclass
    class Open:
        id: PrimaryKey[int]
        lamps: list[Lamp | str]

    rows = [Open(1, ["candle", Lamp.on, "CANDLE"]), Open(2, [Lamp.off, "candle"])]
    async with connect(database, ArrayMode.JSON, EnumMode.CHECK) as connection:
        await synchronize(connection, Open)
        await connection.insert_data(Open, rows)
    async with connect(database, ArrayMode.RELATION, EnumMode.RELATION) as connection:
        await synchronize(connection, Open)
    async with connect(database, ArrayMode.JSON, EnumMode.CHECK) as connection:
        await synchronize(connection, Open, policy=EVERYTHING)
        statement = f"SELECT lamps FROM {quoted(connection, 'Open')} ORDER BY id"
        found = [json.loads(text) for (text,) in await connection.session.fetch(statement)]
        assert found == [["candle", Lamp.on.value, "CANDLE"], [Lamp.off.value, "candle"]]


@pytest.mark.parametrize("later", [ArrayMode.RELATION, ArrayMode.JSON])
async def test_rows_that_others_write_until_then_move_along(database: Server, later: ArrayMode) -> None:
    former = ArrayMode.JSON if later is ArrayMode.RELATION else ArrayMode.RELATION
    async with connect(database, former) as connection:
        await synchronize(connection, Single)

    written: list[int] = []
    started = asyncio.Event()

    async def write() -> None:
        async with connect(database, former) as connection:
            owner, table = quoted(connection, "Single"), quoted(connection, "Single_words")
            while True:
                number = len(written)
                if former is ArrayMode.JSON:
                    await connection.session.execute(f"INSERT INTO {owner} VALUES ({number}, '[\"x\"]')")
                else:
                    async with connection.session.transaction():
                        await connection.session.execute(f"INSERT INTO {owner} VALUES ({number})")
                        await connection.session.execute(f"INSERT INTO {table} VALUES ({number}, 0, 'x')")
                written.append(number)
                if number == 20:
                    started.set()

    async def move() -> None:
        await started.wait()
        async with connect(database, later) as connection:
            policy = SyncPolicy(online=database.capabilities.transactional_ddl, lock_timeout_s=30)
            await explorer_of(connection).synchronize(classes=[Single], policy=policy)

    writing = asyncio.create_task(write())
    await move()
    with pytest.raises(StatementError):
        await writing
    async with connect(database, ArrayMode.RELATION) as connection:
        await synchronize(connection, Single)
        assert await elements(connection, "Single_words") == [(number, "x") for number in written]


async def test_move_can_be_tried_on_a_scratch_database(database: Server) -> None:
    policy = SyncPolicy(verify_on_clone=True)
    async with connect(database, ArrayMode.JSON) as connection:
        await synchronize(connection, Single)
        await connection.insert_data(Single, SINGLE)
    for mode in (ArrayMode.RELATION, ArrayMode.JSON):
        async with connect(database, mode) as connection:
            await synchronize(connection, Single, policy=policy)
    async with connect(database, ArrayMode.JSON) as connection:
        assert (await lists_of(connection, Single))["words"] == [each.words for each in SINGLE]


async def test_documents_that_are_kept_as_text_move_as_well(postgresql: Server) -> None:
    @dataclass
    class Note:
        id: PrimaryKey[int]
        words: Annotated[list[str], TextJson()]
        extras: Annotated[list[dict[str, Any]], TextJson()]

    @dataclass
    class Bare:
        id: PrimaryKey[int]
        words: list[str]
        extras: list[dict[str, Any]]

    Bare.__name__ = "Note"
    async with connect(postgresql, ArrayMode.JSON) as connection:
        await synchronize(connection, Note)
        await connection.insert_data(Note, [Note(1, ["b", "a"], [{"z": 1, "a": None}]), Note(2, [], [])])
    async with connect(postgresql, ArrayMode.RELATION) as connection:
        await synchronize(connection, Bare, policy=EVERYTHING)
    async with connect(postgresql, ArrayMode.JSON) as connection:
        await synchronize(connection, Note)
        found = await connection.session.fetch('SELECT words::text, extras::text FROM "Note" ORDER BY id')
        assert [tuple(map(json.loads, row)) for row in found] == [(["b", "a"], [{"z": 1, "a": None}]), ([], [])]


async def test_times_of_changes_stay_when_lists_move(mysql: Server) -> None:
    @dataclass
    class Stamped:
        id: PrimaryKey[int]
        words: list[str]
        changed: Annotated[datetime, ServerDefault(NOW), MySQLOnUpdate(NOW)]

    async with connect(mysql, ArrayMode.JSON) as connection:
        await synchronize(connection, Stamped)
        await connection.insert_data(Stamped, [Stamped(1, ["a"], datetime(2020, 1, 1))])
    for mode in (ArrayMode.RELATION, ArrayMode.JSON):
        async with connect(mysql, mode) as connection:
            await synchronize(connection, Stamped)
            found = await connection.session.fetch("SELECT changed FROM `Stamped`")
            assert found == [(datetime(2020, 1, 1),)]


async def test_list_that_is_too_long_for_the_server_stays_where_it_is(mysql: Server) -> None:
    async with connect(mysql, ArrayMode.RELATION) as connection:
        await synchronize(connection, Single)
        await connection.session.execute("INSERT INTO `Single` VALUES (1)")
        ((limit,),) = await connection.session.fetch("SELECT @@max_allowed_packet")
        count = limit // 1_000_000 + 1
        numbers = " UNION ALL ".join(f"SELECT {number}" for number in range(count))
        await connection.session.execute(
            f"INSERT INTO `Single_words` SELECT 1, n, REPEAT('x', 1000000) FROM ({numbers.replace('0', '0 AS n', 1)}) AS t"
        )
    async with connect(mysql, ArrayMode.JSON) as connection:
        with pytest.raises(ApplyError, match=r"move list .*(too long|max_allowed_packet|cut by)"):
            await explorer_of(connection).synchronize(classes=[Single])
        assert len(moves(await explorer_of(connection).plan(classes=[Single]))) == 1
        assert await connection.session.fetch("SELECT COUNT(*) FROM `Single_words`") == [(count,)]
