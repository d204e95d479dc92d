"""How objects are named, in which namespace they are, and which names are refused."""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterator, Sequence
from dataclasses import make_dataclass, replace
from types import ModuleType
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strong_typing.auxiliary import Alias

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.formation.catalog import form_catalog, table_name
from pysqlsync_engine.formation.names import constraint_name
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.key_types import PrimaryKey, Unique
from pysqlsync_engine.model.object_types import Catalog
from pysqlsync_engine.options import GeneratorOptions
from tests.formation_samples import CAPABILITIES


@pytest.fixture
def canvas() -> Iterator[ModuleType]:
    """An empty module, in `sys.modules`."""
    yield from _new_module("canvas")


@pytest.fixture
def billing() -> Iterator[ModuleType]:
    """Another one."""
    yield from _new_module("billing")


def _new_module(name: str) -> Iterator[ModuleType]:
    module = sys.modules[name] = ModuleType(name)
    yield module
    del sys.modules[name]


def make(module: ModuleType, name: str, *fields: Any) -> type:
    made = make_dataclass(name, [("id", PrimaryKey[int]), *fields], namespace={"__module__": module.__name__})
    setattr(module, name, made)
    return made


def form(*classes: type, options: GeneratorOptions | None = None) -> Catalog:
    return form_catalog(classes, options=options or GeneratorOptions(), capabilities=CAPABILITIES)


def refusal(*classes: type, options: GeneratorOptions | None = None) -> str:
    with pytest.raises(DefinitionError) as caught:
        form(*classes, options=options)
    return str(caught.value)


def names_of(catalog: Catalog) -> list[str]:
    return [table.name.display for table in catalog.tables()]


def test_table_is_named_as_its_class_in_the_namespace_of_its_module(canvas: ModuleType) -> None:
    made = make(canvas, "UserTable")
    assert table_name(made, options=GeneratorOptions(namespaces={canvas: "c"})) == QualifiedId("c", "UserTable")
    assert table_name(made, options=GeneratorOptions(namespaces={canvas: None})) == QualifiedId(None, "UserTable")
    assert table_name(made, options=GeneratorOptions()) == QualifiedId(None, "UserTable")


def test_namespaces_and_tables_are_sorted(canvas: ModuleType, billing: ModuleType) -> None:
    options = GeneratorOptions(namespaces={canvas: "z", billing: "a"})
    catalog = form(make(canvas, "B"), make(canvas, "A"), make(billing, "C"), options=options)
    assert names_of(catalog) == ["a.C", "z.A", "z.B"]


def test_module_without_a_namespace_is_refused(canvas: ModuleType, billing: ModuleType) -> None:
    assert refusal(make(canvas, "UserTable"), options=GeneratorOptions(namespaces={billing: "b"})) == (
        "class UserTable: module 'canvas' has no namespace; add it to GeneratorOptions(namespaces={canvas: ...})"
    )


def test_namespace_with_an_empty_name_is_refused(canvas: ModuleType) -> None:
    assert refusal(make(canvas, "UserTable"), options=GeneratorOptions(namespaces={canvas: ""})) == (
        "module canvas: namespace has an empty name; use None for the default namespace of the connection"
    )


def test_class_without_a_module_belongs_to_the_module_that_holds_it(
    canvas: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(canvas, "UserTable")
    monkeypatch.setattr(made, "__module__", "types")  # as make_dataclass leaves it on Python 3.11
    options = GeneratorOptions(namespaces={canvas: "c"})
    assert names_of(form(made, options=options)) == ["c.UserTable"]
    del vars(canvas)["UserTable"]
    assert refusal(made, options=options) == (
        "class UserTable: made without a module, so it has no namespace; pass namespace={'__module__': __name__} to "
        "make_dataclass, or assign the class to a name in a module of GeneratorOptions.namespaces"
    )


def test_enumeration_of_an_unmapped_module_goes_to_where_it_is_used(canvas: ModuleType, billing: ModuleType) -> None:
    state = enum.Enum("State", {"on": "on"}, module="billing")
    made = make(canvas, "UserTable", ("state", state))
    for namespaces, expected in [({canvas: "c"}, "c.State"), ({canvas: "c", billing: "b"}, "b.State")]:
        catalog = form(made, options=GeneratorOptions(namespaces=namespaces))
        assert [e.name.display for namespace in catalog.namespaces for e in namespace.enums] == [expected]


def test_default_namespace_has_one_name_even_if_some_modules_name_it(canvas: ModuleType, billing: ModuleType) -> None:
    options = GeneratorOptions(namespaces={canvas: None, billing: "public"})
    assert names_of(form(make(canvas, "A"), make(billing, "B"), options=options)) == ["public.A", "public.B"]
    assert refusal(make(canvas, "C"), make(billing, "C"), options=options) == (
        "public.C: classes billing.C and canvas.C have the same name; rename one of them, or give their modules different "
        "namespaces"
    )


def test_table_and_enumeration_cannot_have_the_same_name(canvas: ModuleType) -> None:
    state = enum.Enum("State", {"on": "on"}, module="billing")
    assert refusal(make(canvas, "State", ("state", state))) == (
        "State: classes billing.State and canvas.State have the same name; rename one of them, or give their modules different "
        "namespaces"
    )


def test_name_is_measured_in_bytes(canvas: ModuleType) -> None:
    assert names_of(form(make(canvas, "é" * 31))) == ["é" * 31]
    assert refusal(make(canvas, "é" * 32)) == (
        f"table {'é' * 32}: name has 64 bytes, the server permits 63; shorten it, or give a column another name with Alias"
    )


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        ("", "T.: name is empty; give it a name"),
        ("a\0", "'T.a\\x00': name has a NUL character; rename it"),
        ("\ud800", "'T.\\ud800': name is not valid Unicode; rename it"),
        (
            "a" * 64,
            f"T.{'a' * 64}: name has 64 bytes, the server permits 63; shorten it, or give a column another name with Alias",
        ),
    ],
)
def test_name_that_no_column_can_have_is_refused(canvas: ModuleType, alias: str, expected: str) -> None:
    assert refusal(make(canvas, "T", ("x", Annotated[int, Alias(alias)]))) == expected


def test_namespace_with_a_long_name_is_refused(canvas: ModuleType) -> None:
    options = GeneratorOptions(namespaces={canvas: "n" * 64})
    assert refusal(make(canvas, "T"), options=options).startswith(f"namespace {'n' * 64}: name has 64 bytes")


def test_member_of_a_composite_type_with_a_long_name_is_refused(canvas: ModuleType) -> None:
    inner = make_dataclass("Inner", [("x" * 64, int)])
    assert refusal(make(canvas, "T", ("inner", inner))).startswith(f"Inner.{'x' * 64}: name has 64 bytes")


def test_index_of_a_key_cannot_have_the_name_of_a_table(canvas: ModuleType) -> None:
    assert refusal(make(canvas, "A"), make(canvas, "pk_A")) == (
        "table pk_A: constraint pk_A of table A has the same name 'pk_A'; rename one of them"
    )


def test_generated_names_of_two_tables_that_meet_are_refused(canvas: ModuleType) -> None:
    first, second = make(canvas, "a_b", ("c", Unique[int])), make(canvas, "a", ("b_c", Unique[int]))
    assert refusal(first, second) == (
        "constraint uq_a_b_c of table a_b: constraint uq_a_b_c of table a has the same name 'uq_a_b_c'; rename one of them"
    )


def test_generated_name_that_is_too_long_is_shortened_the_same_way_each_time(canvas: ModuleType) -> None:
    made = make(canvas, "t" * 40, ("c" * 40, Unique[int]), ("c" * 41, Unique[int]))
    first, second = (constraint.name.name for constraint in form(made).namespaces[0].tables[0].constraints)
    assert first != second
    assert {len(first), len(second)} == {63}
    assert constraint_name("uq", "t" * 40, "c" * 40, max_bytes=63) in {first, second}


def test_shortened_names_differ_where_only_the_parts_do() -> None:
    first, second = constraint_name("uq", "a_b", "c", max_bytes=7), constraint_name("uq", "a", "b_c", max_bytes=7)
    assert constraint_name("uq", "a_b", "c", max_bytes=8) == "uq_a_b_c"
    assert first != second


@settings(deadline=None)
@given(
    parts=st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=3), limit=st.integers(16, 64)
)
def test_generated_name_never_exceeds_the_limit(parts: Sequence[str], limit: int) -> None:
    name = constraint_name("fk", *parts, max_bytes=limit)
    assert len(name.encode()) <= limit
    assert name == constraint_name("fk", *parts, max_bytes=limit)


def test_limit_is_that_of_the_server(canvas: ModuleType) -> None:
    made = make(canvas, "A" * 64)
    wide = replace(CAPABILITIES, max_identifier_bytes=64)
    assert form_catalog([made], options=GeneratorOptions(), capabilities=wide).find_table(QualifiedId(None, "A" * 64))
