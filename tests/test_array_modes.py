"""Lists that are to be stored in another way, in columns or in tables of their own, with all that is in them."""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, get_type_hints
from uuid import UUID

import pytest
from strong_typing.auxiliary import MaxLength, Precision

from pysqlsync_engine.base import GeneratorOptions
from pysqlsync_engine.connection import ConnectionContext
from pysqlsync_engine.errors import ApplyError, HazardError, UnsupportedError
from pysqlsync_engine.explorer import Explorer
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.migration.operations import MoveList
from pysqlsync_engine.migration.plan import Plan
from pysqlsync_engine.model.declarations import TableDeclaration
from pysqlsync_engine.model.json_values import from_json
from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.model.type_markers import RenamedFrom, WithTimeZone
from pysqlsync_engine.options import ArrayMode, EnumMode, Hazard, SyncPolicy
from tests.servers import Server

EVERYTHING = SyncPolicy(allow=frozenset(Hazard))


class Lamp(enum.Enum):
    on = "it's on \\ \u00e9"
    off = "2"
    broken = "1"


class Size(enum.Enum):
    """Numbers in documents, names everywhere else."""

    small = 1
    large = 2


@dataclass
class Corner:
    x: int
    note: str | None


@dataclass
class Item:
    id: PrimaryKey[int]
    numbers: list[int]
    maybe: list[int | None]
    words: list[str]
    prices: list[Decimal]
    short: list[Annotated[Decimal, Precision(10, 2)]]
    truths: list[bool]
    ratios: list[float]
    days: list[date]
    times: list[datetime]
    moments: list[Annotated[datetime, WithTimeZone()]]
    ids: list[UUID]
    parts: list[bytes]
    lamps: list[Lamp]
    sizes: list[Size]
    corners: list[Corner]
    extras: list[dict[str, Any]]
    codes: set[Annotated[str, MaxLength(20)]]


LISTS = [field.name for field in fields(Item)][1:]


def item(number: int, **lists: Any) -> Item:
    empty: dict[str, Any] = {name: set[str]() if name == "codes" else [] for name in LISTS}
    return Item(number, **(empty | lists))


HARD_TEXT = "".join(map(chr, range(1, 32))) + "\"quoted\" 'single' \\ back \u00e9\u4e2d\U0001f600 null [1, 2] %s %Z ,"
FULL = item(
    1,
    numbers=[3, -9223372036854775808, 9223372036854775807, 3],
    maybe=[None, 0, None],
    words=["b", "", HARD_TEXT, "null", "a", "A", " a "],
    prices=[Decimal("12345678901234567890.123456789"), Decimal("-0.5"), Decimal(7)],
    short=[Decimal("1.50"), Decimal("-99999999.99")],
    truths=[True, False, True],
    ratios=[0.1, -1e300, 5e-324, 3.0],
    days=[date(2024, 2, 29), date(1066, 10, 14)],
    times=[datetime(2024, 2, 29, 23, 59, 59, 999999), datetime(2000, 1, 1)],
    moments=[datetime(2024, 2, 29, 23, 59, 59, 5, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC)],
    ids=[UUID(int=1), UUID("ffffffff-ffff-4fff-bfff-ffffffffffff")],
    parts=[bytes(range(256)), b"", b"\0"],
    lamps=[Lamp.broken, Lamp.on, Lamp.broken],
    sizes=[Size.large, Size.small],
    corners=[Corner(1, 'a "b"'), Corner(-2, None)],
    extras=[{"a": [1, None]}, {}],
    codes={"x", "y y", "\u00e9"},
)
ITEMS = [FULL, item(2), item(3, numbers=[1], words=["only"])]


def connect(
    server: Server, mode: ArrayMode, enum_mode: EnumMode | None = None
) -> AbstractAsyncContextManager[ConnectionContext]:
    options = GeneratorOptions(array_mode=mode, enum_mode=enum_mode)
    return get_dialect(server.dialect).create_connection(server.parameters, options)


def explorer_of(connection: ConnectionContext) -> Explorer:
    return get_dialect(connection.dialect.name).create_explorer(connection)


async def synchronize(connection: ConnectionContext, *classes: type, policy: SyncPolicy | None = None) -> None:
    explorer = explorer_of(connection)
    await explorer.synchronize(classes=classes, policy=policy)
    assert (await explorer.plan(classes=classes, policy=policy)).is_empty


def column_modes(server: Server) -> list[ArrayMode]:
    return [mode for mode in server.capabilities.array_modes if mode is not ArrayMode.RELATION]


def quoted(connection: ConnectionContext, name: str) -> str:
    return f'"{name}"' if connection.dialect.name == "postgresql" else f"`{name}`"


async def lists_of(connection: ConnectionContext, cls: type) -> dict[str, list[Any]]:
    """:returns: Lists that are columns, in the order of the keys of their rows: documents as Python has them, arrays as they are."""
    hints = get_type_hints(cls, include_extras=True)
    key, *names = [each.name for each in fields(cls)]
    found: dict[str, list[Any]] = {}
    for name in names:
        statement = f"SELECT {quoted(connection, name)} FROM {quoted(connection, cls.__name__)} ORDER BY {key}"
        read = from_json(hints[name])
        values = [value for (value,) in await connection.session.fetch(statement)]
        found[name] = [read(json.loads(value)) if isinstance(value, str) else value for value in values]
    return found


async def elements(connection: ConnectionContext, table: str) -> list[tuple[Any, ...]]:
    """:returns: Keys and values of the rows of a list, in its order."""
    statement = f"SELECT id, {quoted(connection, 'value')} FROM {quoted(connection, table)} ORDER BY id, position"
    return await connection.session.fetch(statement)


def moves(plan: Plan) -> list[str]:
    return [step.summary for step in plan.steps if isinstance(step.operation, MoveList)]


async def test_lists_of_all_kinds_move_into_tables_and_back(database: Server) -> None:
    async with connect(database, ArrayMode.JSON) as connection:
        await synchronize(connection, Item)
        await connection.insert_data(Item, ITEMS)
    # bytes do not move between columns: not from arrays to documents, nor back
    modes = column_modes(database)[::-1]
    before: dict[ArrayMode, dict[str, list[Any]]] = {}
    for enum_mode in database.capabilities.enum_modes:
        for mode in modes if enum_mode is not EnumMode.RELATION else [ArrayMode.JSON]:
            native = database.capabilities.enum_modes[0]
            async with connect(database, mode, native) as connection:
                await synchronize(connection, Item, policy=EVERYTHING)
                found = await lists_of(connection, Item)
                assert found == before.setdefault(mode, found)
            async with connect(database, ArrayMode.RELATION, enum_mode) as connection:
                plan = await explorer_of(connection).plan(classes=[Item])
                assert len(moves(plan)) == len(LISTS)
                await synchronize(connection, Item, policy=EVERYTHING)
                assert await elements(connection, "Item_words") == [*((1, word) for word in FULL.words), (3, "only")]
                assert await connection.count_rows(connection.get_table(Item, "parts")) == len(FULL.parts)
    async with connect(database, ArrayMode.JSON) as connection:
        await synchronize(connection, Item, policy=EVERYTHING)
        expected = {name: [getattr(each, name) for each in ITEMS] for name in LISTS}
        assert await lists_of(connection, Item) == expected


async def test_labels_do_not_move_between_a_type_and_a_table_of_its_name_along_with_lists(postgresql: Server) -> None:
    @dataclass
    class Room:
        id: PrimaryKey[int]
        lamps: list[Lamp]

    modes = [(ArrayMode.RELATION, EnumMode.RELATION), (ArrayMode.ARRAY, EnumMode.TYPE)]
    for former, later in (modes, modes[::-1]):
        async with connect(postgresql, *former) as connection:
            await synchronize(connection, Room, policy=EVERYTHING)
        async with connect(postgresql, *later) as connection:
            with pytest.raises(UnsupportedError, match=r"lists need public\.Lamp .* in a synchronization of its own"):
                await synchronize(connection, Room, policy=EVERYTHING)
        async with connect(postgresql, ArrayMode.RELATION, EnumMode.TYPE) as connection:
            await synchronize(connection, Room, policy=EVERYTHING)


@dataclass
class Plain:
    id: PrimaryKey[int]
    words: list[str]
    lamps: list[Annotated[str, MaxLength(10)]]


PLAIN = [Plain(1, ["b", "a", "b"], ["x"]), Plain(2, [], []), Plain(3, ["\u00e9", ""], ["y", "x"])]


async def test_nothing_is_lost_so_nothing_has_to_be_permitted(database: Server) -> None:
    for mode in column_modes(database):
        async with connect(database, mode) as connection:
            await synchronize(connection, Plain)
            await connection.upsert_data(Plain, PLAIN)
            before = await lists_of(connection, Plain)
        async with connect(database, ArrayMode.RELATION) as connection:
            plan = await explorer_of(connection).plan(classes=[Plain])
            assert all(" to table " in text and "and drop column" in text for text in moves(plan))
            assert not any(hazard.is_destructive for hazard in plan.hazards)
            await synchronize(connection, Plain)
        async with connect(database, mode) as connection:
            plan = await explorer_of(connection).plan(classes=[Plain])
            assert all(" to column " in text and "and drop table" in text for text in moves(plan))
            await synchronize(connection, Plain)
            assert await lists_of(connection, Plain) == before


async def test_rows_of_tables_become_the_lists_that_would_have_been_written(database: Server) -> None:
    for mode in column_modes(database):
        async with connect(database, ArrayMode.RELATION) as connection:
            await synchronize(connection, Plain)
            owner, words = connection.get_table(Plain), connection.get_table(Plain, "words")
            keys = [(each.id,) for each in PLAIN]
            await connection.upsert_rows(owner, field_names=("id",), field_types=(int,), records=keys)
            # not in their order
            rows = [(each.id, number, word) for each in PLAIN for number, word in enumerate(each.words)][::-1]
            columns, types = ("id", "position", "value"), (int, int, str)
            await connection.upsert_rows(words, field_names=columns, field_types=types, records=rows)
        async with connect(database, mode) as connection:
            await synchronize(connection, Plain)
            found = (await lists_of(connection, Plain))["words"]
            assert found == [each.words for each in PLAIN]


@dataclass
class Single:
    id: PrimaryKey[int]
    words: list[str]


SINGLE = [Single(1, ["b", "a", "b"]), Single(2, []), Single(3, ["\u00e9", "", "x"])]


async def test_long_lists_keep_their_order_and_every_character(database: Server) -> None:
    words = [f"{(number * 7919) % 3001:05d} {chr(0x4E00 + number)}" * 200 for number in range(3000)]
    lists = {1: words, 2: [], 3: words[:5]}
    async with connect(database, ArrayMode.RELATION) as connection:
        await synchronize(connection, Single)
        owner, table = connection.get_table(Single), connection.get_table(Single, "words")
        await connection.insert_rows(owner, field_names=("id",), field_types=(int,), records=[(key,) for key in lists])
        rows = [(key, place, word) for key, items in lists.items() for place, word in enumerate(items)]
        names, types = ("id", "position", "value"), (int, int, str)
        await connection.insert_rows(table, field_names=names, field_types=types, records=rows[::-1])
    for mode in column_modes(database):
        async with connect(database, mode) as connection:
            await synchronize(connection, Single)
            assert (await lists_of(connection, Single))["words"] == list(lists.values())
        async with connect(database, ArrayMode.RELATION) as connection:
            await synchronize(connection, Single)
            found = await connection.session.fetch(f"SELECT * FROM {quoted(connection, 'Single_words')}")
            assert sorted(found) == rows


@dataclass
class Loose:
    id: PrimaryKey[int]
    words: list[str] | None


@dataclass
class Strict:
    id: PrimaryKey[int]
    words: list[str]


Strict.__name__ = Strict.__qualname__ = "Loose"


async def test_list_that_is_missing_becomes_an_empty_one_only_if_that_is_permitted(database: Server) -> None:
    mode = column_modes(database)[0]
    async with connect(database, mode) as connection:
        await synchronize(connection, Loose)
        await connection.insert_data(Loose, [Loose(1, None), Loose(2, []), Loose(3, ["a"])])
    async with connect(database, ArrayMode.RELATION) as connection:
        with pytest.raises(
            HazardError, match=r"move list from column .*Loose\.words to .*NULL as an empty list.*narrows"
        ):
            await synchronize(connection, Strict)
        await synchronize(connection, Strict, policy=SyncPolicy(allow={Hazard.NARROWS_TYPE}))
        assert await elements(connection, "Loose_words") == [(3, "a")]
    async with connect(database, mode) as connection:
        await synchronize(connection, Loose)
        assert (await lists_of(connection, Loose))["words"] == [[], [], ["a"]]


async def execute(connection: ConnectionContext, statements: Sequence[str], *, transactional: bool) -> None:
    async with connection.session.transaction() if transactional else nullcontext():
        for statement in statements:
            await connection.session.execute(statement)


@pytest.mark.parametrize("later", [ArrayMode.RELATION, ArrayMode.JSON])
async def test_move_that_was_killed_after_any_statement_is_continued(database: Server, later: ArrayMode) -> None:
    former = ArrayMode.JSON if later is ArrayMode.RELATION else ArrayMode.RELATION
    # what is one transaction is done, or is not
    transactional = database.capabilities.transactional_ddl
    policy = SyncPolicy(online=transactional)
    async with connect(database, ArrayMode.JSON) as connection:
        await synchronize(connection, Single)
        await connection.insert_data(Single, SINGLE)
    done, total = 0, 1
    while done < total:
        async with connect(database, former) as connection:
            await synchronize(connection, Single, policy=policy)
        async with connect(database, later) as connection:
            plan = await explorer_of(connection).plan(classes=[Single], policy=policy)
            parts = [step.statements for step in plan.steps] if transactional else [(each,) for each in plan.statements]
            total = len(parts) + 1
            for part in parts[:done]:
                await execute(connection, part, transactional=transactional)
        async with connect(database, later) as connection:
            await synchronize(connection, Single, policy=policy)
        done += 1
    async with connect(database, ArrayMode.JSON) as connection:
        await synchronize(connection, Single)
        assert (await lists_of(connection, Single))["words"] == [each.words for each in SINGLE]
    assert total > 3


async def test_move_does_not_overwrite_rows_that_are_there(database: Server) -> None:
    async with connect(database, ArrayMode.JSON) as connection:
        await synchronize(connection, Single)
        await connection.insert_data(Single, SINGLE)
    async with connect(database, ArrayMode.RELATION) as connection:
        plan = await explorer_of(connection).plan(classes=[Single])
        await connection.session.execute(plan.steps[0].statements[0])
        name = quoted(connection, "Single_words")
        value = quoted(connection, "value")
        await connection.session.execute(f"INSERT INTO {name} (id, position, {value}) VALUES (1, 0, 'other')")
        with pytest.raises(ApplyError, match=r"(?i)move list .*duplicate"):
            await explorer_of(connection).synchronize(classes=[Single])
        # the session holds no tables any more
        assert await connection.session.fetch("SELECT 1") == [(1,)]
        await connection.session.execute(f"UPDATE {name} SET {value} = 'b'")
        await synchronize(connection, Single)
        assert len(await elements(connection, "Single_words")) == 6


@pytest.mark.parametrize("document", ['{"a": 1}', '"a"', "1", '[1, {"a": 1}]', '[1, "x"]', "[1.5]", "[[1]]"])
async def test_document_that_is_no_such_list_stops_the_move(database: Server, document: str) -> None:
    @dataclass
    class Numbers:
        id: PrimaryKey[int]
        numbers: list[int]

    async with connect(database, ArrayMode.JSON) as connection:
        await synchronize(connection, Numbers)
        await connection.insert_data(Numbers, [Numbers(1, [1, 2]), Numbers(2, [])])
        await connection.session.execute(
            f"UPDATE {quoted(connection, 'Numbers')} SET numbers = '{document}' WHERE id = 2"
        )
    async with connect(database, ArrayMode.RELATION) as connection:
        with pytest.raises(ApplyError, match="move list"):
            await synchronize(connection, Numbers)
    async with connect(database, ArrayMode.JSON) as connection:
        rows = await connection.session.fetch(f"SELECT numbers FROM {quoted(connection, 'Numbers')} ORDER BY id")
        assert [json.loads(text) for (text,) in rows] == [[1, 2], json.loads(document)]


@dataclass
class Place:
    row: PrimaryKey[int]
    name: PrimaryKey[Annotated[str, MaxLength(20)]]
    sizes: list[Annotated[Decimal, Precision(10, 2)]]
    lamps: list[Lamp]


@dataclass
class Seat:
    """The same, by other names."""

    line: Annotated[PrimaryKey[int], RenamedFrom("row")]
    name: PrimaryKey[Annotated[str, MaxLength(20)]]
    widths: Annotated[list[Annotated[Decimal, Precision(10, 2)]], RenamedFrom("sizes")]
    lamps: list[Lamp]

    __table__: ClassVar = TableDeclaration(renamed_from=("Place",))


@pytest.mark.parametrize("later", [ArrayMode.RELATION, ArrayMode.JSON])
async def test_lists_move_while_their_owner_and_its_key_get_other_names(database: Server, later: ArrayMode) -> None:
    former = ArrayMode.JSON if later is ArrayMode.RELATION else ArrayMode.RELATION
    places = [
        Place(1, "a", [Decimal("2.50"), Decimal(1)], [Lamp.off]),
        Place(1, "b", [], []),
        Place(2, "a", [Decimal(3)], []),
    ]
    async with connect(database, ArrayMode.JSON) as connection:
        await synchronize(connection, Place)
        await connection.insert_data(Place, places)
    async with connect(database, former) as connection:
        await synchronize(connection, Place, policy=EVERYTHING)
    async with connect(database, later) as connection:
        plan = await explorer_of(connection).plan(classes=[Seat])
        assert len(moves(plan)) == 2
        await synchronize(connection, Seat, policy=EVERYTHING)
    async with connect(database, ArrayMode.JSON) as connection:
        await synchronize(connection, Seat, policy=EVERYTHING)
        rows = await connection.session.fetch(f"SELECT widths FROM {quoted(connection, 'Seat')} ORDER BY line, name")
        assert [[Decimal(each) for each in json.loads(text)] for (text,) in rows] == [each.sizes for each in places]


async def test_tables_of_lists_are_renamed_along_with_their_owner(database: Server) -> None:
    async with connect(database, ArrayMode.JSON) as connection:
        await synchronize(connection, Place)
        await connection.insert_data(Place, [Place(1, "a", [Decimal("2.50"), Decimal(1)], [Lamp.off])])
    async with connect(database, ArrayMode.RELATION) as connection:
        await synchronize(connection, Place, policy=EVERYTHING)
        await synchronize(connection, Seat)
        plan = await explorer_of(connection).plan(classes=[Seat])
        assert [warning for warning in plan.warnings if "_" in warning] == []
        name = quoted(connection, "Seat_widths")
        rows = await connection.session.fetch(
            f"SELECT line, name, {quoted(connection, 'value')} FROM {name} ORDER BY position"
        )
        assert rows == [(1, "a", Decimal("2.50")), (1, "a", Decimal("1.00"))]


async def test_table_that_only_has_the_name_is_not_taken_for_that_of_a_list(database: Server) -> None:
    @dataclass
    class Bare:
        id: PrimaryKey[int]

    @dataclass
    class Full:
        id: PrimaryKey[int]
        words: list[str]

    Bare.__name__ = Full.__name__ = "Owner"
    async with connect(database, ArrayMode.JSON) as connection:
        await synchronize(connection, Bare)
        name, columns = quoted(connection, "Owner_words"), f"id bigint, position int, {quoted(connection, 'value')} int"
        await connection.session.execute(f"CREATE TABLE {name} ({columns}, PRIMARY KEY (id, position))")
        plan = await explorer_of(connection).plan(classes=[Full])
        assert not moves(plan)
        with pytest.raises(HazardError, match="drop table"):
            await explorer_of(connection).synchronize(classes=[Full])


async def test_table_that_is_kept_is_left_alone(database: Server) -> None:
    async with connect(database, ArrayMode.RELATION) as connection:
        await synchronize(connection, Single)
    async with connect(database, ArrayMode.JSON) as connection:
        policy = SyncPolicy(keep=("*Single_words",))
        assert not moves(await explorer_of(connection).plan(classes=[Single], policy=policy))
        await synchronize(connection, Single, policy=policy)
        assert await connection.session.fetch(f"SELECT * FROM {quoted(connection, 'Single_words')}") == []


@pytest.mark.parametrize("later", [ArrayMode.RELATION, ArrayMode.JSON])
async def test_move_can_be_planned_as_json_and_made_while_others_work(database: Server, later: ArrayMode) -> None:
    former = ArrayMode.JSON if later is ArrayMode.RELATION else ArrayMode.RELATION
    async with connect(database, ArrayMode.JSON) as connection:
        await synchronize(connection, Item)
        await connection.insert_data(Item, ITEMS)
        before = await lists_of(connection, Item)
    policy = SyncPolicy(allow=frozenset(Hazard), online=True)
    async with connect(database, former) as connection:
        await synchronize(connection, Item, policy=EVERYTHING)
    async with connect(database, later) as connection:
        explorer = explorer_of(connection)
        plan = await explorer.plan(classes=[Item], policy=policy)
        assert Plan.from_json(plan.to_json()) == plan
        await explorer.apply(Plan.from_json(plan.to_json()), policy=policy)
        assert (await explorer.plan(classes=[Item])).is_empty
    async with connect(database, ArrayMode.JSON) as connection:
        await synchronize(connection, Item, policy=EVERYTHING)
        assert await lists_of(connection, Item) == before
