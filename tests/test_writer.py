"""How objects, names and values are spelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pysqlsync_engine.dialect.ansi import AnsiWriter
from pysqlsync_engine.dialect.postgresql.capabilities import OFFLINE
from pysqlsync_engine.dialect.postgresql.writer import PostgreSQLWriter
from pysqlsync_engine.errors import DefinitionError, UnsupportedError
from pysqlsync_engine.migration.operations import AlterEnum, AlterStruct, SetDescription
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBinary,
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlInterval,
    SqlJson,
    SqlNamed,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
)
from pysqlsync_engine.model.definition import ANSI
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    Column,
    DatabaseObject,
    EnumType,
    ForeignKeyConstraint,
    IdentityMode,
    Namespace,
    PrimaryKeyConstraint,
    ReferentialAction,
    StructMember,
    StructType,
    Table,
    UniqueConstraint,
)

POSTGRESQL = PostgreSQLWriter(OFFLINE)
ID = LocalId("id")
COLOR = EnumType(QualifiedId("canvas", "color"), ("red", "it's"))
OWNER = Table(
    QualifiedId("canvas", "owner"),
    (Column(ID, SqlInteger(8), identity=IdentityMode.BY_DEFAULT),),
    PrimaryKeyConstraint(LocalId("pk_owner"), (ID,)),
)
ITEM = Table(
    QualifiedId("canvas", "item"),
    (
        Column(ID, SqlInteger(4)),
        Column(LocalId("owner"), SqlInteger(8), nullable=True),
        Column(LocalId("name"), SqlCharacter(20), default="'it''s'", description="never in ANSI text"),
    ),
    PrimaryKeyConstraint(LocalId("pk_item"), (ID,)),
    (
        CheckConstraint(LocalId("ck_id"), "id > 0"),
        ForeignKeyConstraint(
            LocalId("fk_owner"), (LocalId("owner"),), OWNER.name, (ID,), on_delete=ReferentialAction.CASCADE
        ),
        UniqueConstraint(LocalId("uq_name"), (LocalId("name"), ID)),
    ),
)

TYPES = [
    (SqlBoolean(), "boolean", "boolean"),
    (SqlInteger(1), "smallint", "smallint"),
    (SqlInteger(2), "smallint", "smallint"),
    (SqlInteger(3), "integer", "integer"),
    (SqlInteger(4), "integer", "integer"),
    (SqlInteger(8), "bigint", "bigint"),
    (SqlInteger(1, signed=False), "smallint", "smallint"),
    (SqlInteger(2, signed=False), "integer", "integer"),
    (SqlInteger(4, signed=False), "bigint", "bigint"),
    (SqlInteger(8, signed=False), "numeric(20)", "numeric(20)"),
    (SqlFloat(4), "real", "real"),
    (SqlFloat(8), "double precision", "double precision"),
    (SqlDecimal(), "numeric", "numeric"),
    (SqlDecimal(9), "numeric(9)", "numeric(9)"),
    (SqlDecimal(9, 2), "numeric(9, 2)", "numeric(9, 2)"),
    (SqlCharacter(), "character large object", "text"),
    (SqlCharacter(9), "character varying(9)", "character varying(9)"),
    (SqlCharacter(9, fixed=True), "character(9)", "character(9)"),
    (SqlBinary(), "binary large object", "bytea"),
    (SqlBinary(9), "binary varying(9)", "bytea"),
    (SqlBinary(9, fixed=True), "binary(9)", "bytea"),
    (SqlTimestamp(), "timestamp without time zone", "timestamp without time zone"),
    (SqlTimestamp(3, with_time_zone=True), "timestamp(3) with time zone", "timestamp(3) with time zone"),
    (SqlTime(0), "time(0) without time zone", "time(0) without time zone"),
    (SqlDate(), "date", "date"),
    (SqlInterval(3), "interval day to second(3)", "interval(3)"),
    (SqlInterval(), "interval day to second", "interval"),
    (SqlUuid(), "uuid", "uuid"),
    (SqlJson(), "json", "jsonb"),
    (SqlJson(binary=False), "json", "json"),
    (SqlArray(SqlInteger(4)), "integer array", "integer[]"),
    (SqlNamed(COLOR.name), '"canvas"."color"', '"canvas"."color"'),
    (SqlOpaque("bit(3)"), "bit(3)", "bit(3)"),
]


@pytest.mark.parametrize(("data_type", "ansi", "postgresql"), TYPES, ids=[repr(entry[0]) for entry in TYPES])
def test_types_are_spelled_as_the_dialect_does(data_type: SqlType, ansi: str, postgresql: str) -> None:
    assert str(data_type) == ansi
    assert POSTGRESQL.data_type(data_type) == postgresql


def test_a_table_is_its_columns_and_constraints() -> None:
    assert str(ITEM) == (
        'CREATE TABLE "canvas"."item" (\n'
        '    "id" integer NOT NULL,\n'
        '    "owner" bigint,\n'
        "    \"name\" character varying(20) DEFAULT 'it''s' NOT NULL,\n"
        '    CONSTRAINT "pk_item" PRIMARY KEY ("id"),\n'
        '    CONSTRAINT "ck_id" CHECK (id > 0),\n'
        '    CONSTRAINT "fk_owner" FOREIGN KEY ("owner") REFERENCES "canvas"."owner" ("id") ON DELETE CASCADE,\n'
        '    CONSTRAINT "uq_name" UNIQUE ("name", "id")\n'
        ");"
    )


def test_a_catalog_adds_foreign_keys_when_all_tables_exist() -> None:
    inner = StructType(QualifiedId("canvas", "z_inner"), (StructMember(LocalId("x"), SqlFloat(8)),))
    outer = StructType(QualifiedId("canvas", "outer"), (StructMember(LocalId("inner"), SqlNamed(inner.name)),))
    catalog = Catalog((Namespace(LocalId("canvas"), (COLOR,), (outer, inner), (ITEM, OWNER)),))
    lines = [line for line in str(catalog).splitlines() if not line.startswith((" ", ")"))]
    assert lines == [
        'CREATE SCHEMA "canvas";',
        "CREATE DOMAIN \"canvas\".\"color\" AS character varying(4) CHECK (VALUE IN ('red', 'it''s'));",
        'CREATE TYPE "canvas"."z_inner" AS (',
        'CREATE TYPE "canvas"."outer" AS (',
        'CREATE TABLE "canvas"."item" (',
        'CREATE TABLE "canvas"."owner" (',
        f'ALTER TABLE "canvas"."item" ADD {ITEM.foreign_keys[0]};',
    ]
    assert str(catalog) == str(catalog.namespaces[0])


def test_the_default_namespace_is_not_created() -> None:
    assert "SCHEMA" not in str(Namespace(LocalId("")))


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (OWNER.columns[0], '"id" bigint GENERATED BY DEFAULT AS IDENTITY NOT NULL'),
        (OWNER.primary_key, 'CONSTRAINT "pk_owner" PRIMARY KEY ("id")'),
        (StructMember(ID, SqlDate()), '"id" date'),
    ],
)
def test_parts_of_an_object_are_clauses(subject: DatabaseObject, text: str) -> None:
    assert str(subject) == text


def test_quotes_in_names_are_doubled() -> None:
    name = QualifiedId('a"b', 'c";--')
    assert ANSI.qualified(name) == '"a""b"."c"";--"'
    assert POSTGRESQL.qualified(name) == ANSI.qualified(name)


@pytest.mark.parametrize("name", ["", "nul\0", "x" * 64, "é" * 32])
def test_names_that_a_server_would_cut_or_refuse_are_refused(name: str) -> None:
    with pytest.raises(DefinitionError, match="name"):
        POSTGRESQL.quote(name)


def test_the_longest_name_is_accepted() -> None:
    assert POSTGRESQL.quote("x" * 63) == f'"{"x" * 63}"'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (False, "FALSE"),
        (-1, "-1"),
        ("it's", "'it''s'"),
        ("100 %", "'100 %'"),
        ("new\nline", "'new\nline'"),
        ("a\\'b", "E'a\\\\''b'"),
    ],
)
def test_literals_mean_the_same_with_any_setting(value: str | bool | int | None, text: str) -> None:
    assert POSTGRESQL.literal(value) == text


@pytest.mark.parametrize("literal", [ANSI.literal, POSTGRESQL.literal])
def test_text_with_a_nul_character_is_refused(literal: Callable[[str], str]) -> None:
    with pytest.raises(ValueError, match="NUL"):
        literal("nul\0")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("'a\\b'::text", "E'a\\\\b'::text"),
        ("E'a\\\\b'", "E'a\\\\b'"),
        ("'it''s'::text", "'it''s'::text"),
        ("\"a'\\b\" = 'x'", "\"a'\\b\" = 'x'"),
        ("state = ANY (ARRAY['on\\'::text, '\\off'::text])", "state = ANY (ARRAY[E'on\\\\'::text, E'\\\\off'::text])"),
        ("nextval('\"my''s\\q\"'::regclass)", "nextval(E'\"my''s\\\\q\"'::regclass)"),
    ],
)
def test_strings_in_expressions_mean_the_same_with_any_setting(expression: str, text: str) -> None:
    assert POSTGRESQL.expression(expression) == text


def test_ansi_has_no_way_to_change_labels_or_members() -> None:
    writer = AnsiWriter(OFFLINE)
    with pytest.raises(UnsupportedError, match=r"enum canvas\.color: ANSI SQL cannot change its labels"):
        writer.write(AlterEnum(COLOR, replace(COLOR, labels=("red", "green"))))
    struct = StructType(QualifiedId("canvas", "point"), (StructMember(ID, SqlFloat(4)),))
    with pytest.raises(UnsupportedError, match="type of member id"):
        writer.write(AlterStruct(struct, replace(struct, members=(StructMember(ID, SqlFloat(8)),))))


def test_ansi_has_no_comments() -> None:
    assert tuple(AnsiWriter(OFFLINE).comment_change(ITEM, SetDescription("what we sell"))) == ()
