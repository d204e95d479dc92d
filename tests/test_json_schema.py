"""JSON Schema as data-classes."""

from __future__ import annotations

import enum
import importlib
import json
import pickle
import sys
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any
from uuid import UUID

import pytest
from strong_typing.auxiliary import Alias, IntegerRange, MaxLength, Precision, Signed, Storage, int16, uint32
from strong_typing.schema import classdef_to_schema

from pysqlsync_engine.base import Fields, GeneratorOptions, class_fields, entities
from pysqlsync_engine.data.json_lines import ObjectReader, object_records
from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.formation.json_schema import classes_from_schema
from pysqlsync_engine.model.data_types import SqlArray, SqlInteger, SqlJson, SqlNamed, SqlTimestamp
from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.model.object_types import ForeignKeyConstraint, Table
from tests.servers import Server

ENGINE = get_dialect("postgresql")

SHOP: dict[str, Any] = {
    "openapi": "3.0.3",
    "components": {
        "schemas": {
            "Customer": {
                "type": "object",
                "description": "Who buys.\n\n:not a directive",
                "required": ["id", "name"],
                "properties": {
                    "id": {"type": "integer", "format": "int32", "description": "Given by us"},
                    "name": {"type": "string", "maxLength": 40},
                    "reply-to": {"type": "string", "nullable": True, "description": "Two\nlines"},
                    "class": {"type": "string", "default": "basic"},
                    "recruiter": {"$ref": "#/components/schemas/Customer"},
                },
            },
            "Entity": {
                "type": "object",
                "required": ["id"],
                "properties": {"id": {"type": "string", "format": "uuid"}},
            },
            "sales-order": {
                "allOf": [
                    {"$ref": "#/components/schemas/Entity"},
                    {
                        "type": "object",
                        "required": ["placed", "customer", "lines"],
                        "properties": {
                            "placed": {"type": "string", "format": "date-time"},
                            "customer": {"$ref": "#/components/schemas/Customer"},
                            "status": {"$ref": "#/components/schemas/Status"},
                            "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
                            "ship-to": {"type": "object", "properties": {"city": {"type": "string"}}},
                            "notes": {"type": "object", "additionalProperties": True},
                            "path": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
                        },
                    },
                ]
            },
            "Status": {"type": "string", "enum": ["in-progress", "done", ""], "description": "How far it is"},
            "Line": {
                "type": "object",
                "required": ["sku"],
                "additionalProperties": False,
                "properties": {
                    "sku": {"type": "string"},
                    "price": {
                        "type": "number",
                        "multipleOf": 0.01,
                        "exclusiveMinimum": -1000,
                        "exclusiveMaximum": 1000,
                    },
                    "status": {"$ref": "#/components/schemas/Status"},
                },
            },
        }
    },
}


@pytest.fixture
def home() -> Iterator[str]:
    """Name of a module that is forgotten afterwards."""
    name = "schema_of_test"
    yield name
    sys.modules.pop(name, None)


def types_of(cls: type) -> dict[str, Any]:
    return dict(zip(*_fields(cls), strict=True))


def _fields(cls: type) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    fields = class_fields(cls)
    return fields.names, fields.types


def one(schema: dict[str, Any], home: str, **definitions: Any) -> Any:
    """:returns: Annotation of a property of a table."""
    properties = {"id": {"type": "integer", "x-primary-key": True}, "p": schema}
    document = {"$defs": {"T": {"type": "object", "required": ["p"], "properties": properties}, **definitions}}
    return types_of(classes_from_schema(document, module=home)["T"])["p"]


def test_definitions_of_openapi_become_tables_types_and_enumerations(home: str) -> None:
    classes = classes_from_schema(SHOP, module=home, key={"Customer": "id", "sales-order": "id"})
    assert sorted(classes) == ["Customer", "Line", "Status", "sales_order", "sales_orderShipTo"]
    module = importlib.import_module(home)
    assert {cls.__name__ for cls in entities(module)} == {"Customer", "sales_order"}
    catalog = ENGINE.form_catalog(module=module)
    tables = {table.name.name: table for table in catalog.tables()}
    assert list(tables) == ["Customer", "sales-order"]
    assert tables["Customer"].column_names == ("id", "name", "reply-to", "class", "recruiter")
    assert tables["Customer"].description == "Who buys.\n\n:not a directive"
    described = {column.name.name: column.description for column in tables["Customer"].columns}
    assert (described["id"], described["reply-to"]) == ("Given by us", "Two\nlines")
    order = {column.name.name: column.data_type for column in tables["sales-order"].columns}
    assert order["placed"] == SqlTimestamp(with_time_zone=True)
    assert order["customer"] == SqlInteger(4)
    assert isinstance(order["status"], SqlNamed)
    assert isinstance(order["lines"], SqlArray)
    assert isinstance(order["ship-to"], SqlNamed)
    assert isinstance(order["notes"], SqlJson)
    assert isinstance(order["path"], SqlJson)
    assert references(tables["sales-order"]) == {"Customer"}


def references(table: Table) -> set[str]:
    return {each.referenced_table.name for each in table.constraints if isinstance(each, ForeignKeyConstraint)}


@pytest.mark.parametrize(
    ("schema", "annotation"),
    [
        ({"type": "integer", "format": "uint32"}, uint32),
        ({"type": "integer", "minimum": -32768, "maximum": 32767}, int16),
        (
            {"type": "integer", "exclusiveMinimum": 0, "maximum": 200},
            Annotated[int, Signed(False), Storage(1), IntegerRange(1, 200)],
        ),
        ({"type": "integer", "minimum": 0}, int),
        ({"type": "integer", "minimum": 0, "maximum": 10**20}, Annotated[Decimal, Precision(21, 0)]),
        ({"type": "number"}, float),
        ({"type": "number", "multipleOf": 0.001, "minimum": 0, "maximum": 99.5}, Annotated[Decimal, Precision(5, 3)]),
        ({"type": "string", "maxLength": 5}, Annotated[str, MaxLength(5)]),
        ({"type": "string", "format": "date"}, date),
        ({"type": ["string", "null"], "format": "uuid"}, UUID | None),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, bool | None),
        ({"oneOf": [{"type": "integer"}, {"type": "integer"}]}, int),
        ({"$ref": "#/$defs/Name"}, Annotated[str, MaxLength(3)]),
        ({"$ref": "#named"}, Annotated[str, MaxLength(3)]),
        ({"allOf": [{"$ref": "#/$defs/Name"}], "description": "x"}, Annotated[str, MaxLength(3)]),
        ({"$ref": "#/$defs/Name", "maxLength": 2}, Annotated[str, MaxLength(2)]),
        ({"const": "t"}, typing.Literal["t"]),
        ({"enum": [1, 300]}, Annotated[int, Signed(True), Storage(2), IntegerRange(1, 300)]),
        ({"type": "array", "items": {"type": "string", "nullable": True}}, list[str | None]),
        ({"type": "string", "contentEncoding": "base64"}, bytes),
    ],
)
def test_a_scalar_has_the_narrowest_type_that_holds_its_values(
    schema: dict[str, Any], annotation: Any, home: str
) -> None:
    definitions = {"Name": {"type": "string", "maxLength": 3, "$anchor": "named"}}
    assert one(schema, home, **definitions) == annotation


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": ["string", "integer"]},
        {"enum": ["a", 1]},
        {"type": "array"},
        {"type": "array", "items": {"$ref": "#/$defs/T"}},
        {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"a": {"type": "string"}}}]},
        {"properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}},
    ],
)
def test_what_has_no_shape_of_its_own_is_kept_as_a_document(schema: dict[str, Any], home: str) -> None:
    one(schema, home)
    table = ENGINE.get_table(sys.modules[home].T)
    assert isinstance(table.columns[1].data_type, SqlJson)


PATIENTS: dict[str, Any] = {
    "definitions": {
        "Patient": {
            "description": "In the style of FHIR",
            "properties": {
                "resourceType": {"const": "Patient"},
                "id": {"type": "string", "maxLength": 64},
                "birthDate": {"$ref": "#/definitions/date"},
                "_birthDate": {"$ref": "#/definitions/Element"},
                "gender": {"enum": ["male", "female"]},
                "name": {"type": "array", "items": {"$ref": "#/definitions/HumanName"}},
            },
            "required": ["resourceType"],
        },
        "date": {"type": "string", "format": "date"},
        "Element": {"properties": {"extension": {"items": {"$ref": "#/definitions/Extension"}, "type": "array"}}},
        "Extension": {"properties": {"url": {"type": "string"}, "value": {"$ref": "#/definitions/HumanName"}}},
        "HumanName": {
            "properties": {
                "family": {"type": "string"},
                "period": {"$ref": "#/definitions/Period"},
                "extension": {"type": "array", "items": {"$ref": "#/definitions/Extension"}},
            }
        },
        "Period": {"properties": {"start": {"type": "string"}}},
    }
}


def test_objects_that_contain_themselves_become_documents_and_the_rest_stays_typed(home: str) -> None:
    classes = classes_from_schema(PATIENTS, module=home, key={"Patient": "id"})
    assert set(classes) == {"Patient", "PatientGender", "Element", "Extension", "HumanName", "Period"}
    assert types_of(classes["HumanName"])["period"] == classes["Period"] | None
    assert isinstance(
        next(
            member.data_type
            for namespace in ENGINE.form_catalog(classes=[classes["Patient"]]).namespaces
            for struct in namespace.structs
            if struct.name.name == "HumanName"
            for member in struct.members
            if member.name.name == "extension"
        ),
        SqlJson,
    )


class Grade(enum.Enum):
    GOOD = "good"
    BAD = "bad"


@dataclass
class Ware:
    """A thing to sell."""

    id: PrimaryKey[uint32]
    name: Annotated[str, MaxLength(80)]
    price: Annotated[Decimal, Precision(9, 2)]
    grade: Grade
    day: date | None
    tags: list[str]
    odd: Annotated[str, Alias("odd name")] = "x"


def test_a_schema_that_strong_typing_makes_forms_the_table_that_it_was_made_of(home: str) -> None:
    document = json.loads(json.dumps(classdef_to_schema(Ware)))
    made = classes_from_schema(document, module=home, key="id", name="Ware")["Ware"]
    ours, theirs = (ENGINE.get_table(cls) for cls in (Ware, made))
    assert [column.name for column in theirs.columns] == [column.name for column in ours.columns]
    for column, other in zip(theirs.columns, ours.columns, strict=True):
        if column.name.name != "grade":
            assert column == other
    assert theirs.description == ours.description
    assert theirs.primary_key == ours.primary_key


def test_objects_can_be_pickled_and_have_their_defaults(home: str) -> None:
    classes = classes_from_schema(SHOP, module=home, key={"Customer": "id"})
    customer = classes["Customer"](id=1, name="Ada")
    assert pickle.loads(pickle.dumps(customer)) == customer
    assert (customer.class_, customer.recruiter) == ("basic", None)


def test_a_key_of_several_properties_keeps_its_order(home: str) -> None:
    schema: dict[str, Any] = {"title": "Seat", "type": "object", "x-primary-key": ["row", "hall"]}
    schema["properties"] = {"hall": {"type": "integer"}, "row": {"type": "integer"}}
    table = ENGINE.get_table(classes_from_schema(schema, module=home)["Seat"])
    assert table.key_names == ("row", "hall")


def test_the_key_may_be_chosen_by_a_function_and_formats_by_the_caller(home: str) -> None:
    schema = {
        "definitions": {"T": {"properties": {"uid": {"type": "string"}, "at": {"type": "string", "format": "time"}}}}
    }
    chosen = classes_from_schema(
        schema, module=ModuleType(home), key=lambda _, each: next(iter(each["properties"])), formats={"time": time}
    )
    assert types_of(chosen["T"])["at"] == time | None
    assert ENGINE.get_table(chosen["T"]).key_names == ("uid",)


@pytest.mark.parametrize(
    ("property_schema", "message"),
    [
        ({"$ref": "#/$defs/Nix"}, "#/$defs/T/properties/p: refers to '#/$defs/Nix', which the document lacks"),
        ({"$ref": "other.json#/x"}, "#/$defs/T/properties/p: refers to another document"),
        ({"$ref": "#/$defs/T/properties/p"}, "#/$defs/T/properties/p: refers to itself"),
        ({"type": "text"}, "#/$defs/T/properties/p/type: unknown type 'text'"),
        ({"type": "integer", "minimum": 2, "maximum": 1}, "#/$defs/T/properties/p: minimum 2 is more than maximum 1"),
        ({"type": "string", "maxLength": "x"}, "#/$defs/T/properties/p/maxLength: expected a whole number"),
        ({"type": "integer", "default": "x"}, "#/$defs/T/properties/p/default: expected an integer"),
        ({"enum": []}, "#/$defs/T/properties/p: an enumeration without values"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "#/$defs/T/properties/p: 'type' is both"),
        ("text", "#/$defs/T/properties/p: expected a schema"),
    ],
)
def test_an_error_names_the_place_in_the_document(property_schema: Any, message: str, home: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        one(property_schema, home)
    assert message in str(caught.value)
    assert home not in sys.modules


def test_a_document_without_a_key_or_with_a_wrong_one_is_refused(home: str) -> None:
    with pytest.raises(DefinitionError, match="no object has a key"):
        classes_from_schema(SHOP, module=home)
    with pytest.raises(DefinitionError, match="key= names Nix"):
        classes_from_schema(SHOP, module=home, key={"Nix": "id"})
    with pytest.raises(DefinitionError, match="Customer: no property 'uid'"):
        classes_from_schema(SHOP, module=home, key={"Customer": "uid"})
    classes_from_schema(SHOP, module=home, key={"Customer": "id"})
    with pytest.raises(DefinitionError, match="has Customer"):
        classes_from_schema(SHOP, module=home, key={"Customer": "id"})


async def test_parsed_objects_are_loaded_into_the_tables_of_their_schema(postgresql: Server, home: str) -> None:
    classes = classes_from_schema(SHOP, module=home, key={"Customer": "id", "sales-order": "id"})
    module = sys.modules[home]
    options = GeneratorOptions(namespaces={module: "shop"})
    customers = [{"id": 2, "name": "B", "recruiter": None}, {"id": 1, "name": "A", "recruiter": 2, "reply-to": "x"}]
    orders = [
        {
            "id": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "placed": "2026-02-03T04:05:06Z",
            "customer": {"id": 1},
            "status": "in-progress",
            "lines": [{"sku": "a", "price": 1.1, "status": "done"}, {"sku": "b"}],
            "ship-to": {"city": "Szeged"},
            "notes": {"a": [1]},
            "path": [[1.5], []],
        }
    ]
    async with ENGINE.create_connection(postgresql.parameters, options) as conn:
        await ENGINE.create_explorer(conn).synchronize(module=module)
        for cls, objects in ((classes["Customer"], customers), (classes["sales_order"], orders)):
            fields: Fields = class_fields(cls)
            reader = ObjectReader(fields, defaults={"class": "basic"})
            report = await conn.insert_rows(
                conn.get_table(cls),
                field_names=fields.names,
                field_types=fields.types,
                records=object_records(objects, reader),
            )
            assert report.rows == len(objects)
        query = (
            'SELECT "customer", ("lines"[1])."price"::text, ("ship-to")."city", "notes"::text FROM shop."sales-order"'
        )
        assert await conn.session.fetch(query) == [(1, "1.10", "Szeged", '{"a": [1]}')]
        assert (await ENGINE.create_explorer(conn).plan(module=module)).is_empty


def test_a_module_of_another_name_is_not_replaced(home: str, tmp_path: Path) -> None:
    sys.modules[home] = ModuleType(home)
    with pytest.raises(ValueError, match="another module of this name"):
        classes_from_schema(SHOP, module=ModuleType(home), key="id")
    assert not list(tmp_path.iterdir())
