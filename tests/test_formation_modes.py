"""How enumerations, lists, sets and objects are stored in each mode, and what the markers of fields say."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Literal

import pytest
from strong_typing.auxiliary import MaxLength, int16

from pysqlsync_engine.base import ConnectionParameters
from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.errors import DefinitionError, EngineError, UnsupportedError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.formation.catalog import form_catalog
from pysqlsync_engine.formation.names import check_names
from pysqlsync_engine.model.data_types import (
    SqlBit,
    SqlCharacter,
    SqlInteger,
    SqlJson,
    SqlLabel,
    SqlLabelSet,
    SqlNetworkAddress,
    SqlOpaque,
    SqlType,
    SqlYear,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.key_types import IdentityTag, PrimaryKey
from pysqlsync_engine.model.object_types import (
    Catalog,
    Column,
    ForeignKeyConstraint,
    Generated,
    IdentityMode,
    LabelCheck,
    Lookup,
    Namespace,
    PrimaryKeyConstraint,
    ReferentialAction,
    Table,
)
from pysqlsync_engine.model.type_markers import (
    Backfill,
    Bits,
    Collation,
    Description,
    GeneratedAs,
    NativeType,
    RenamedFrom,
    ServerDefault,
    TextJson,
    Year,
)
from pysqlsync_engine.model.vendor_markers import MySQLInvisible, MySQLOnUpdate
from pysqlsync_engine.options import ArrayMode, EnumMode, GeneratorOptions, StructMode
from tests.formation_samples import CAPABILITIES, sample, table_of
from tests.servers import Server

INLINE = replace(
    CAPABILITIES,
    enum_modes=(EnumMode.INLINE, EnumMode.RELATION, EnumMode.CHECK),
    array_modes=(ArrayMode.JSON, ArrayMode.RELATION),
    struct_modes=(StructMode.JSON,),
    namespaces=False,
)


class Fruit(enum.Enum):
    apple = "apple"
    pear = "pear"


@dataclass
class Spot:
    x: int
    inner: Spot | None = None


@dataclass
class Tag:
    name: PrimaryKey[Annotated[str, MaxLength(20)]]


@dataclass
class Basket:
    id: PrimaryKey[int]
    notes: list[str] = field(default_factory=list[str])
    fruits: set[Fruit] = field(default_factory=set[Fruit])
    tags: list[Tag] = field(default_factory=list[Tag])


def shape(cls: type, capabilities: Capabilities = CAPABILITIES, **modes: Any) -> dict[str, Table]:
    catalog = form_catalog([cls], options=GeneratorOptions(**modes), capabilities=capabilities)
    return {table.name.name: table for table in catalog.tables()}


def column_of(annotation: Any, capabilities: Capabilities = CAPABILITIES, **modes: Any) -> Column:
    return shape(sample(("x", annotation)), capabilities, **modes)["Sample"].column("x")


def test_list_becomes_a_table_of_its_own_and_a_list_of_entities_an_association() -> None:
    tables = shape(Basket, array_mode=ArrayMode.RELATION, enum_mode=EnumMode.CHECK)
    assert set(tables) == {"Basket", "Basket_fruits", "Basket_notes", "Basket_tags", "Tag"}
    assert tables["Basket"].column_names == ("id",)
    assert tables["Basket_notes"] == Table(
        QualifiedId(None, "Basket_notes"),
        (
            Column(LocalId("id"), SqlInteger(8)),
            Column(LocalId("position"), SqlInteger(4)),
            Column(LocalId("value"), SqlCharacter()),
        ),
        PrimaryKeyConstraint(LocalId("pk_Basket_notes"), (LocalId("id"), LocalId("position"))),
        (
            ForeignKeyConstraint(
                LocalId("fk_Basket_notes_id"),
                (LocalId("id"),),
                QualifiedId(None, "Basket"),
                (LocalId("id"),),
                ReferentialAction.CASCADE,
            ),
        ),
    )
    assert tables["Basket_fruits"].key_names == ("id", "value")
    assert [type(constraint) for constraint in tables["Basket_fruits"].constraints] == [
        LabelCheck,
        ForeignKeyConstraint,
    ]
    assert [key.referenced_table.name for key in tables["Basket_tags"].foreign_keys] == ["Basket", "Tag"]
    assert tables["Basket_tags"].column("value").data_type == SqlCharacter(20)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (IPv4Address, SqlNetworkAddress(4)),
        (IPv6Address | None, SqlNetworkAddress(6)),
        (Annotated[str, Bits(3)], SqlBit(3)),
        (Annotated[str, Bits(varying=True)], SqlBit(varying=True)),
        (Annotated[int, Year()], SqlYear()),
        (Annotated[dict[str, Any], TextJson()], SqlJson(binary=False)),
        (Annotated[list[int], TextJson()], SqlJson(binary=False)),
        (Annotated[Spot, TextJson()], SqlJson(binary=False)),
        (Annotated[complex, NativeType("point")], SqlOpaque("point")),
        (Annotated[Fruit | None, NativeType("other.fruit")], SqlOpaque("other.fruit")),
        (Literal["a", "b"], SqlCharacter()),
    ],
)
def test_marker_or_type_says_what_the_column_is(annotation: Any, expected: SqlType) -> None:
    assert column_of(annotation).data_type == expected


def test_server_with_labels_in_the_type_of_a_column_holds_a_literal_and_a_set_so() -> None:
    assert column_of(Literal["a", "b"], INLINE).data_type == SqlLabel(("a", "b"))
    assert column_of(set[Literal["a", "b"]], INLINE).data_type == SqlLabelSet(("a", "b"))
    assert column_of(set[Fruit], INLINE).data_type == SqlLabelSet(("apple", "pear"))
    assert column_of(set[Fruit], INLINE, array_mode=ArrayMode.JSON).data_type == SqlJson()
    assert column_of(set[Fruit], INLINE, enum_mode=EnumMode.CHECK).data_type == SqlJson()


def test_literal_is_text_with_a_check_elsewhere() -> None:
    table = table_of(sample(("x", Literal["a", "b"] | None)))
    assert table.column("x").nullable
    assert table.constraints == (LabelCheck(LocalId("ck_Sample_x"), LocalId("x"), ("a", "b")),)


def test_enumeration_that_may_get_labels_has_no_check_and_an_open_lookup_table() -> None:
    checked = shape(sample(("x", Fruit | str)), enum_mode=EnumMode.CHECK)["Sample"]
    assert checked.column("x").data_type == SqlCharacter()
    assert checked.constraints == ()
    related = shape(sample(("x", Fruit | str)), enum_mode=EnumMode.RELATION)["Sample"]
    assert related.lookups == (Lookup(LocalId("x"), QualifiedId(None, "Fruit"), extensible=True),)
    with pytest.raises(
        UnsupportedError, match=r"Sample\.x: Fruit \| str may get labels that EnumMode\.TYPE does not have"
    ):
        column_of(Fruit | str, enum_mode=EnumMode.TYPE)


def test_object_within_a_document_may_contain_itself() -> None:
    assert column_of(Spot, struct_mode=StructMode.JSON).data_type == SqlJson()
    with pytest.raises(DefinitionError, match="contains itself"):
        column_of(Spot, struct_mode=StructMode.TYPE)


def test_markers_of_a_field_are_attributes_of_its_column() -> None:
    @dataclass
    class Marked:
        id: Annotated[PrimaryKey[int], IdentityTag(IdentityMode.SERIAL, "public.numbers")]
        at: Annotated[datetime, ServerDefault("now()"), MySQLOnUpdate("CURRENT_TIMESTAMP")]
        twice: Annotated[int, GeneratedAs("id * 2", stored=False)]
        title: Annotated[str, Collation("C"), RenamedFrom("name"), RenamedFrom("label"), Backfill("''")]
        note: Annotated[str | None, Description("  As it is.\n"), MySQLInvisible()] = None

    table = table_of(Marked)
    assert table.column("id").identity is IdentityMode.SERIAL
    assert table.column("id").sequence == QualifiedId("public", "numbers")
    assert table.column("at").default == "now()"
    assert table.column("at").markers == (MySQLOnUpdate("CURRENT_TIMESTAMP"),)
    assert table.column("twice").generated == Generated("id * 2", stored=False)
    title = table.column("title")
    assert (title.collation, title.renamed_from, title.backfill) == ("C", (LocalId("name"), LocalId("label")), "''")
    assert table.column("note").description == "  As it is.\n"
    assert table.column("note").markers == (MySQLInvisible(),)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Annotated[int, Bits(3)], "Bits(length=3, varying=False) does not apply to int; remove it"),
        (Annotated[str, Year()], "Year() does not apply to str; remove it"),
        (Annotated[int16, Year()], "Year() and Signed(True) contradict each other; keep one of them"),
        (Annotated[int, Collation("C")], "Collation(name='C') does not apply to int, which is not text; remove it"),
        (
            Annotated[str, MaxLength(3), NativeType("xml")],
            "MaxLength(3) and NativeType('xml') contradict each other; keep one of them",
        ),
        (
            Annotated[int, ServerDefault("1"), GeneratedAs("id")],
            "GeneratedAs and ServerDefault contradict each other; keep one of them",
        ),
        (Annotated[int, ServerDefault(" ")], "ServerDefault has an empty expression; give one, or remove it"),
        (Annotated[int, ServerDefault("a\0")], "expression of ServerDefault has a NUL character; remove it"),
        (Annotated[int, MySQLOnUpdate("now()")], "MySQLOnUpdate(expression='now()') does not apply to int; remove it"),
        (
            Annotated[int, IdentityTag(IdentityMode.ALWAYS, "s")],
            "IdentityMode.ALWAYS has a sequence of its own; use IdentityMode.SERIAL for 's', or leave it out",
        ),
        (
            list[Annotated[int, ServerDefault("1")]],
            "ServerDefault does not apply to the elements of a list; remove it, or tag the field of a table",
        ),
        (
            list[Literal["a"]],
            (
                "in a list or a composite type, nothing can hold a value to the labels of a Literal; use an enumeration with"
                " EnumMode.TYPE, or str"
            ),
        ),
    ],
)
def test_marker_that_does_not_fit_its_type_is_refused(annotation: Any, expected: str) -> None:
    with pytest.raises(EngineError) as caught:
        column_of(annotation)
    assert str(caught.value) == f"Sample.x: {expected}"


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (list[int] | None, "a list with a table of its own is empty where there are no rows, never None"),
        (list[list[int]], "a list of lists has no table of its own"),
        (set[int | None], "an element of a set with a table of its own cannot be None"),
    ],
)
def test_list_that_no_table_can_hold_is_refused(annotation: Any, expected: str) -> None:
    with pytest.raises(UnsupportedError, match=expected):
        column_of(annotation, array_mode=ArrayMode.RELATION)


def described(*names: QualifiedId, columns: tuple[str, ...] = ("id",)) -> Catalog:
    """:returns: Catalog of tables with these names."""
    parts = tuple(Column(LocalId(column), SqlInteger(4)) for column in columns)
    return Catalog(tuple(Namespace(LocalId(name.namespace or ""), tables=(Table(name, parts),)) for name in names))


def test_names_are_checked_in_the_scopes_of_the_server() -> None:
    prefixed = described(QualifiedId("canvas", "users"), QualifiedId(None, "canvas__users"))
    check_names(prefixed, CAPABILITIES)
    with pytest.raises(DefinitionError, match=r"table canvas__users: table canvas\.users has the same name"):
        check_names(prefixed, INLINE)
    cased = described(QualifiedId(None, "t"), columns=("id", "ID"))
    check_names(cased, CAPABILITIES)
    with pytest.raises(DefinitionError, match=r"t\.ID: t\.id has the same name 'ID'"):
        check_names(cased, INLINE)
    long = described(QualifiedId("canvas", "u" * 60))
    check_names(long, CAPABILITIES)
    with pytest.raises(DefinitionError, match=r"table canvas\.u+: name has 68 bytes, the server permits 63"):
        check_names(long, INLINE)


@pytest.mark.parametrize(
    "options",
    [
        GeneratorOptions(enum_mode=EnumMode.CHECK, array_mode=ArrayMode.RELATION),
        GeneratorOptions(enum_mode=EnumMode.RELATION, array_mode=ArrayMode.RELATION),
    ],
)
async def test_list_with_a_table_of_its_own_is_created_and_filled(
    postgresql: Server, options: GeneratorOptions
) -> None:
    parameters: ConnectionParameters = postgresql.parameters
    async with get_dialect("postgresql").create_connection(parameters, options) as conn:
        await conn.create_objects([Basket])
        with pytest.raises(UnsupportedError, match=r"Basket\.notes: the list has a table of its own"):
            await conn.insert_data(Basket, [Basket(1, ["a"])])
        await conn.insert_rows(conn.get_table(Basket), field_names=["id"], field_types=[int], records=[(1,)])
        await conn.insert_rows(
            conn.get_table(Basket, "fruits"),
            field_names=["id", "value"],
            field_types=[int, Fruit],
            records=[(1, Fruit.pear), (1, Fruit.apple)],
        )
        await conn.upsert_rows(
            conn.get_table(Basket, "notes"),
            field_names=["id", "position", "value"],
            field_types=[int, int, str],
            records=[(1, 0, "a"), (1, 1, "b")],
        )
        assert await conn.count_rows(conn.get_table(Basket, "fruits")) == 2
        await conn.delete_rows(conn.get_table(Basket), field_names=["id"], field_types=[int], records=[(1,)])
        assert await conn.count_rows(conn.get_table(Basket, "notes")) == 0
