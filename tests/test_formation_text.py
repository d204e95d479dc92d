"""Text that no server can be told is refused when classes are read, with the name of the object that has it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, make_dataclass
from typing import Annotated, Any, Literal

import pytest

from pysqlsync_engine.base import GeneratorOptions
from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.declarations import Check, IndexKey, IndexOf, TableDeclaration, TypeDeclaration
from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.model.type_markers import GeneratedAs, ServerDefault


def declared(**declaration: Any) -> type:
    cls = make_dataclass("Item", [("id", PrimaryKey[int])])
    cls.__table__ = TableDeclaration(**declaration)  # pyright: ignore[reportAttributeAccessIssue]
    return cls


def field(annotation: object) -> type:
    return make_dataclass("Item", [("id", PrimaryKey[int]), ("text", annotation)])  # pyright: ignore[reportArgumentType]


class Label(enum.Enum):
    wrong = "wr\0ng"


class Relabelled(enum.Enum):
    right = "right"

    __type__ = TypeDeclaration(label_map=(("wr\0ng", "right"),))


class Described(enum.Enum):
    right = "right"

    __type__ = TypeDeclaration(description="wr\0ng")


@dataclass
class Documented:
    """Wr\0ng."""

    id: PrimaryKey[int]


CASES: dict[str, tuple[type, str]] = {
    "label": (field(Label), r"Label\.wrong: label"),
    "literal": (field(Literal["wr\0ng"]), r"Item\.text"),
    "label that is gone": (field(Relabelled), "Relabelled"),
    "comment of a type": (field(Described), "Described"),
    "comment of a class": (Documented, "Documented"),
    "comment of a table": (declared(description="wr\0ng"), "Item"),
    "comment of an index": (declared(indexes=(IndexOf(("id",), name="ix", description="\0"),)), r"Item(\.|.*)ix"),
    "condition of an index": (declared(indexes=(IndexOf(("id",), name="ix", where="id > '\0'"),)), r"Item(\.|.*)ix"),
    "key of an index": (declared(indexes=(IndexOf((IndexKey(expression="'\0'"),), name="ix"),)), r"Item(\.|.*)ix"),
    "check": (declared(constraints=(Check("id > '\0'", name="ck"),)), r"Item(\.|.*)ck"),
    "default": (field(Annotated[str, ServerDefault("'\0'")]), r"Item\.text"),
    "computed column": (field(Annotated[str, GeneratedAs("'\0'")]), r"Item\.text"),
}


@pytest.mark.parametrize("dialect", ["postgresql", "mysql"])
@pytest.mark.parametrize("name", CASES)
def test_nul_character_is_refused_where_it_is(dialect: str, name: str) -> None:
    cls, place = CASES[name]
    with pytest.raises(DefinitionError, match=rf"(?s){place}.*NUL character; remove it"):
        get_dialect(dialect).create_generator(GeneratorOptions()).create(tables=[cls])
