"""Lists, sets, objects and open enumerations on MySQL and MariaDB."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import Literal

from pysqlsync_engine.base import EnumMode, GeneratorOptions
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.key_types import PrimaryKey
from tests.servers import Server


class Fruit(enum.Enum):
    apple = "apple"
    pear = "pear"


@dataclass
class Spot:
    x: int
    inner: Spot | None = None


@dataclass
class Basket:
    id: PrimaryKey[int]
    notes: list[str]
    fruits: set[Fruit]
    size: Literal["s", "m"]
    spot: Spot


@dataclass
class Tree:
    id: PrimaryKey[int]
    fruit: Fruit | str


@dataclass
class Page:
    id: PrimaryKey[int]
    content: dict[str, str]


async def test_lists_sets_and_objects_are_stored_in_columns(mysql: Server) -> None:
    async with get_dialect("mysql").create_connection(mysql.parameters, GeneratorOptions()) as conn:
        await conn.create_objects([Basket])
        await conn.insert_data(Basket, [Basket(1, ["it's", "\\"], {Fruit.pear, Fruit.apple}, "m", Spot(1, Spot(2)))])
        ((notes, fruits, size, spot),) = await conn.session.fetch("SELECT notes, fruits, size, spot FROM Basket")
    assert (json.loads(notes), fruits, size) == (["it's", "\\"], "apple,pear", "m")
    assert json.loads(spot) == {"x": 1, "inner": {"x": 2}}


async def test_enumeration_that_may_get_labels_adds_those_that_rows_bring(mysql: Server) -> None:
    options = GeneratorOptions(enum_mode=EnumMode.RELATION)
    async with get_dialect("mysql").create_connection(mysql.parameters, options) as conn:
        await conn.create_objects([Tree])
        await conn.insert_data(Tree, [Tree(1, Fruit.pear), Tree(2, "it's \\ plum"), Tree(3, "fig")])
        await conn.upsert_data(Tree, [Tree(1, "fig"), Tree(4, "Fig")])
        rows = await conn.session.fetch("SELECT t.id, f.value FROM Tree t JOIN Fruit f ON f.id = t.fruit ORDER BY t.id")
        assert rows == [(1, "fig"), (2, "it's \\ plum"), (3, "fig"), (4, "Fig")]
        assert (await conn.create_objects([Tree])).statements == 0


async def test_rows_of_several_megabytes_are_merged(mysql: Server) -> None:
    async with get_dialect("mysql").create_connection(mysql.parameters, GeneratorOptions()) as conn:
        await conn.create_objects([Page])
        await conn.upsert_data(Page, [Page(number, {"text": "x" * 3_000_000}) for number in (3, 1, 2)])
        rows = await conn.session.fetch("SELECT id, length(content) FROM Page ORDER BY id")
        assert [number for number, _ in rows] == [1, 2, 3]
        assert min(size for _, size in rows) > 3_000_000
