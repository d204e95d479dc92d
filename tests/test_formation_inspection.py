"""What is read from the definition of a data-class."""

from __future__ import annotations

import sys
import types
from dataclasses import KW_ONLY, InitVar, dataclass, field, make_dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NewType, Optional, Union
from uuid import UUID

import pytest
from strong_typing.auxiliary import Alias, MaxLength, Precision, int16
from strong_typing.core import JsonType

from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.formation.inspection import ClassSpec, FieldSpec, TypeSpec, class_fields, entities, inspect_class
from pysqlsync_engine.model.annotations import key_annotations, member_annotations
from pysqlsync_engine.model.key_types import (
    Identity,
    IdentityTag,
    NotEnforced,
    NotEnforcedTag,
    PrimaryKey,
    PrimaryKeyTag,
    Unique,
    UniqueTag,
)

if TYPE_CHECKING:
    from collections import OrderedDict

UserId = NewType("UserId", int)


@dataclass(frozen=True)
class Plane:
    """
    An aeroplane,
    with wings.

    Second paragraph.

    :param tailnum: Number painted
        on the tail.
    :param int seats: Seats, without: the crew's.

    This comes after the fields.
    """

    tailnum: PrimaryKey[Annotated[str, MaxLength(6)]]
    seats: int
    maker: str | None = None
    built: int = field(init=False, default=1999)
    engines: list[str] = field(default_factory=list[str])
    KIND: ClassVar[str] = "plane"
    _: KW_ONLY
    seed: InitVar[int] = 0


@dataclass(frozen=True, slots=True)
class Seaplane(Plane):
    """
    :param floats: How many.
    :param seats: Only in calm weather.
    """

    floats: Optional[int] = 2  # noqa: UP045 - the older spelling is meant
    twin: Seaplane | None = None


@dataclass(slots=True)
class Shadowed:
    """The name of a field hides a class of the same name."""

    datetime: PrimaryKey[datetime]
    Decimal: Decimal | None = None


@dataclass
class Undocumented:
    id: PrimaryKey[int]
    name: str = "x"


@dataclass
class Forgotten:
    id: PrimaryKey[int]
    extra: OrderedDict[str, int]


class Undecorated(Plane):
    wings: int


def fields_of(cls: type) -> dict[str, FieldSpec]:
    return {field.name: field for field in inspect_class(cls).fields}


def type_of(annotation: Any) -> TypeSpec:
    return fields_of(make_dataclass("Sample", [("x", annotation)]))["x"].type


def test_class_is_described_by_the_docstring_before_the_parameters() -> None:
    spec = inspect_class(Plane)
    assert (spec.type, spec.name, spec.module) == (Plane, "Plane", __name__)
    assert spec.description == "An aeroplane,\nwith wings.\n\nSecond paragraph."


def test_field_is_described_by_its_parameter_line_and_what_continues_it() -> None:
    fields = fields_of(Plane)
    assert fields["tailnum"].description == "Number painted on the tail."
    assert fields["seats"].description == "Seats, without: the crew's."
    assert fields["maker"].description is None


def test_docstring_that_python_made_up_is_no_description() -> None:
    assert (Undocumented.__doc__ or "").startswith("Undocumented(id:")
    assert inspect_class(Undocumented).description is None
    assert inspect_class(make_dataclass("Empty", [])).description is None


def test_docstring_with_nul_is_refused() -> None:
    cls = make_dataclass("Odd", [("id", PrimaryKey[int])], namespace={"__doc__": "a\0b"})
    with pytest.raises(DefinitionError, match="class Odd: docstring has a NUL character; remove it"):
        inspect_class(cls)
    cls = make_dataclass("Odd", [("id", PrimaryKey[int])], namespace={"__doc__": ":param id: a\0b"})
    with pytest.raises(DefinitionError, match=r"Odd\.id: description has a NUL character; remove it"):
        inspect_class(cls)


def test_class_variables_and_init_variables_are_no_fields_but_computed_fields_are() -> None:
    assert list(fields_of(Plane)) == ["tailnum", "seats", "maker", "built", "engines"]


def test_default_is_kept_but_a_factory_and_none_are_no_default() -> None:
    assert {name: field.default for name, field in fields_of(Plane).items()} == {
        "tailnum": None,
        "seats": None,
        "maker": None,
        "built": 1999,
        "engines": None,
    }


def test_inherited_fields_come_first_and_keep_their_descriptions_unless_described_anew() -> None:
    spec = inspect_class(Seaplane)
    assert [field.name for field in spec.fields][:2] == ["tailnum", "seats"]
    assert [field.name for field in spec.fields][-2:] == ["floats", "twin"]
    assert spec.description is None
    fields = fields_of(Seaplane)
    assert fields["tailnum"].description == "Number painted on the tail."
    assert fields["seats"].description == "Only in calm weather."
    assert fields["twin"].type == TypeSpec(Seaplane, optional=True)
    assert spec.key == (fields["tailnum"],)


def test_field_may_have_the_name_of_its_own_type() -> None:
    fields = fields_of(Shadowed)
    assert fields["datetime"].type == TypeSpec(datetime, tags=(PrimaryKeyTag(),))
    assert fields["Decimal"].type == TypeSpec(Decimal, optional=True)


def test_class_may_refer_to_itself_within_a_function() -> None:
    @dataclass
    class Node:
        id: PrimaryKey[int]
        parent: Node | None

    assert fields_of(Node)["parent"].type == TypeSpec(Node, optional=True)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, TypeSpec(int)),
        (int | None, TypeSpec(int, optional=True)),
        (Optional[int], TypeSpec(int, optional=True)),  # noqa: UP045 - the older spelling is meant
        (Union[None, int], TypeSpec(int, optional=True)),  # noqa: UP007 - the older spelling is meant
        ("Annotated[str, MaxLength(5)] | None", TypeSpec(str, optional=True, tags=(MaxLength(5),))),
        (Annotated[str | None, MaxLength(5)], TypeSpec(str, optional=True, tags=(MaxLength(5),))),
        (PrimaryKey[Identity[int]], TypeSpec(int, tags=(IdentityTag(), PrimaryKeyTag()))),
        (Unique[UserId], TypeSpec(int, tags=(UniqueTag(),))),
        (Optional[NotEnforced[Plane]], TypeSpec(Plane, optional=True, tags=(NotEnforcedTag(),))),  # noqa: UP045 - the older spelling is meant
        (list[Annotated[str, MaxLength(3)]], TypeSpec(list, element=TypeSpec(str, tags=(MaxLength(3),)))),
        (list[list[int] | None], TypeSpec(list, element=TypeSpec(list, optional=True, element=TypeSpec(int)))),
        (int16, TypeSpec(int, tags=(*int16.__metadata__,))),  # type: ignore[attr-defined]
        (dict, TypeSpec(dict)),
        (dict[str, Any] | None, TypeSpec(dict, optional=True)),
        (JsonType, TypeSpec(dict, optional=True)),
        (int | str, TypeSpec(int | str)),
        (dict[int, str], TypeSpec(dict[int, str])),
    ],
)
def test_annotation_is_taken_apart_whatever_the_nesting(annotation: Any, expected: TypeSpec) -> None:
    assert type_of(annotation) == expected


def test_json_type_can_be_written_as_a_string() -> None:
    assert type_of("JsonType") == TypeSpec(dict, optional=True)


def test_leaf_of_a_list_is_the_type_of_its_innermost_elements() -> None:
    assert type_of(list[list[Plane]]).leaf.data_class is Plane


def test_generated_class_may_have_types_or_strings() -> None:
    objects = [("id", PrimaryKey[int]), ("price", Annotated[Decimal, Precision(5, 2)]), ("key", UUID | None)]
    strings = [("id", "PrimaryKey[int]"), ("price", "Annotated[Decimal, Precision(5, 2)]"), ("key", "Optional[UUID]")]
    by_object, by_string = make_dataclass("Made", objects), make_dataclass("Made", strings)
    assert [field.type for field in inspect_class(by_object).fields] == [
        field.type for field in inspect_class(by_string).fields
    ]


def test_generated_class_finds_names_in_the_module_that_it_is_given() -> None:
    made = make_dataclass("Made", [("plane", "PrimaryKey[Plane]")], namespace={"__module__": __name__})
    assert fields_of(made)["plane"].type.data_class is Plane


def test_column_is_named_as_its_field_without_the_underscore_of_a_reserved_word() -> None:
    made = make_dataclass("Made", [("from_", int), ("id_", int), ("reply", Annotated[str, Alias("reply-to")])])
    assert [field.column_name for field in inspect_class(made).fields] == ["from", "id_", "reply-to"]


def test_class_fields_are_columns_with_types_as_written() -> None:
    made = make_dataclass("Made", [("class_", PrimaryKey[int]), ("plane", Plane | None)])
    assert class_fields(made) == Fields(("class", "plane"), (PrimaryKey[int], Plane | None))


def test_name_that_does_not_exist_at_run_time_is_refused_with_class_and_field() -> None:
    expected = (
        "Forgotten.extra: type 'OrderedDict[str, int]' names 'OrderedDict', which module 'tests.test_formation_inspection' "
        "does not have at run time; define or import it at the top level of the module, not in a function and not under "
        "TYPE_CHECKING"
    )
    with pytest.raises(DefinitionError) as caught:
        inspect_class(Forgotten)
    assert str(caught.value) == expected


def test_name_in_a_generated_class_without_a_module_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_dataclass("Made", [("id", "PrimaryKey[Plane]")])
    monkeypatch.setattr(made, "__module__", "types")  # as Python 3.11 does
    with pytest.raises(
        DefinitionError, match=r"Made\.id: .* names 'Plane', but the class has no module .* pass namespace="
    ):
        inspect_class(made)


@pytest.mark.parametrize("annotation", ["list[", "int | 3.5", "datetime.nothing"])
def test_annotation_that_is_no_type_is_refused(annotation: str) -> None:
    with pytest.raises(DefinitionError, match=r"Made\.x: type '.*' cannot be evaluated \(.*\); correct the annotation"):
        inspect_class(make_dataclass("Made", [("x", annotation)]))


def test_what_is_no_data_class_is_refused() -> None:
    with pytest.raises(DefinitionError, match="class int: not a data-class; decorate it with @dataclass"):
        inspect_class(int)
    with pytest.raises(DefinitionError, match="class Undecorated: not a data-class; decorate it with @dataclass"):
        inspect_class(Undecorated)
    plane: Any = Plane("N1", 3)
    with pytest.raises(TypeError, match="expected a data-class; got an object: Plane"):
        inspect_class(plane)


@pytest.fixture
def module() -> Any:
    """A module as a user writes one, in `sys.modules`."""
    source = """
from __future__ import annotations
import enum
from dataclasses import dataclass
from tests.test_formation_inspection import Plane
from pysqlsync_engine.model.key_types import PrimaryKey

@dataclass
class Later:
    id: PrimaryKey[Earlier]
    position: Position

@dataclass(slots=True)
class Earlier:
    id: PrimaryKey[int]

@dataclass
class Position:
    x: float

@dataclass
class _Base:
    id: PrimaryKey[int]

@dataclass
class Derived(_Base):
    name: str

class State(enum.Enum):
    on = "on"

Again = Earlier
"""
    created = types.ModuleType("sample_of_entities")
    sys.modules[created.__name__] = created
    try:
        exec(source, created.__dict__)  # noqa: S102 - the source is above
        yield created
    finally:
        del sys.modules[created.__name__]


def test_entities_are_the_classes_with_a_key_that_a_module_defines_in_order(module: Any) -> None:
    assert entities(module) == (module.Later, module.Earlier, module.Derived)


def test_generated_class_without_a_module_counts_where_it_is_held(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_dataclass("Made", [("id", PrimaryKey[int])])
    monkeypatch.setattr(made, "__module__", "types")  # as Python 3.11 does
    module.Made = made
    assert entities(module)[-1] is made
    assert entities(types.ModuleType("other")) == ()


def test_specifications_are_values() -> None:
    assert inspect_class(Plane) == inspect_class(Plane)
    assert isinstance(inspect_class(Plane), ClassSpec)
    with pytest.raises(AttributeError):
        inspect_class(Plane).name = "x"  # type: ignore[misc]


def test_rows_resolve_names_as_tables_do() -> None:
    @dataclass
    class Node:
        id: PrimaryKey[int]
        parent: Node | None

    assert key_annotations(Node) == {"id": PrimaryKey[int]}
    assert member_annotations(Node)["parent"] == Node | None
    with pytest.raises(DefinitionError, match=r"Forgotten\.extra: type .* names 'OrderedDict'"):
        member_annotations(Forgotten)
