"""Classes, and a server's capabilities, that the tests of formation share."""

from __future__ import annotations

import enum
from dataclasses import dataclass, make_dataclass
from typing import Annotated, Any, Optional

import pytest
from strong_typing.auxiliary import MaxLength, int16

from pysqlsync_engine.capabilities import Capabilities, ServerVersion
from pysqlsync_engine.errors import DefinitionError, UnsupportedError
from pysqlsync_engine.formation.catalog import form_catalog, table_name
from pysqlsync_engine.model.key_types import Identity, NotEnforced, PrimaryKey, Unique
from pysqlsync_engine.model.object_types import Catalog, Table
from pysqlsync_engine.options import ArrayMode, EnumMode, GeneratorOptions, StructMode

CAPABILITIES = Capabilities(
    version=ServerVersion("PostgreSQL", 15),
    default_namespace="public",
    max_identifier_bytes=63,
    enum_modes=(EnumMode.TYPE, EnumMode.CHECK, EnumMode.RELATION),
    transactional_ddl=True,
    composite_types=True,
    arrays=True,
    struct_modes=(StructMode.TYPE, StructMode.JSON),
    array_modes=(ArrayMode.ARRAY, ArrayMode.JSON, ArrayMode.RELATION),
    domains=True,
)


class State(enum.Enum):
    """What became of it."""

    on = "on"
    off = "it's \\ off"


class Level(enum.Enum):
    low = 1


class Nothing(enum.Enum):
    pass


class WithNul(enum.Enum):
    odd = "a\0b"


class LongLabel(enum.Enum):
    long = "é" * 32


@dataclass
class Position:
    """
    Where it is.

    :param x: To the east.
    """

    x: float
    from_: State | None = None


@dataclass
class Place:
    id: PrimaryKey[int]
    position: Position
    corners: list[Position]


@dataclass
class Person:
    """
    Somebody.

    :param name: As in the passport.
    """

    id: PrimaryKey[Identity[int16]]
    name: Unique[Annotated[str, MaxLength(100)]]
    boss: Person | None
    state: State = State.off


@dataclass
class Passport:
    person: PrimaryKey[Person]
    friend: Optional[NotEnforced[Person]] = None  # noqa: UP045 - the newer spelling needs a string


@dataclass
class Visa:
    passport: PrimaryKey[Passport]
    number: PrimaryKey[int]


@dataclass
class Stamp:
    id: PrimaryKey[int]
    visa: Visa


@dataclass
class Setting:
    state: PrimaryKey[State]


@dataclass
class Switch:
    id: PrimaryKey[int]
    setting: Setting


@dataclass
class Hen:
    egg: PrimaryKey[Egg]


@dataclass
class Egg:
    hen: PrimaryKey[Hen]


@dataclass
class Matryoshka:
    inner: list[Matryoshka]


def form(*classes: type, mode: EnumMode | None = None, capabilities: Capabilities = CAPABILITIES) -> Catalog:
    """:returns: Catalog of classes in the default namespace."""
    return form_catalog(classes, options=GeneratorOptions(enum_mode=mode), capabilities=capabilities)


def table_of(cls: type, mode: EnumMode | None = None) -> Table:
    """:returns: Table of a class in the default namespace."""
    table = form(cls, mode=mode).find_table(table_name(cls, options=GeneratorOptions()))
    assert table is not None
    return table


def sample(*fields: Any) -> type:
    """:returns: A class with a key and these fields."""
    return make_dataclass("Sample", [("id", PrimaryKey[int]), *fields])


def refusal(cls: type, mode: EnumMode | None = None, capabilities: Capabilities = CAPABILITIES) -> str:
    """:returns: Message with which a class is refused."""
    with pytest.raises((DefinitionError, UnsupportedError)) as caught:
        form(cls, mode=mode, capabilities=capabilities)
    return str(caught.value)
