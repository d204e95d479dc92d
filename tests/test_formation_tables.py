"""What tables, types and constraints data-classes become, and what they cannot become."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass, field, make_dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Optional
from uuid import UUID

import pytest
from strong_typing.auxiliary import (
    Alias,
    IntegerRange,
    Length,
    MaxLength,
    Precision,
    Signed,
    Storage,
    TimePrecision,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint64,
)
from strong_typing.core import JsonType

from pysqlsync_engine.capabilities import Capabilities, ServerVersion
from pysqlsync_engine.errors import DefinitionError, UnsupportedError
from pysqlsync_engine.formation.catalog import form_catalog, table_name
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
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.key_types import Identity, IdentityTag, NotEnforced, PrimaryKey, PrimaryKeyTag, Unique
from pysqlsync_engine.model.object_types import (
    Catalog,
    Column,
    EnumType,
    ForeignKeyConstraint,
    IdentityMode,
    LabelCheck,
    Lookup,
    PrimaryKeyConstraint,
    Relation,
    StructMember,
    StructType,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.model.type_markers import AwareDatetime, AwareTime, WithTimeZone
from pysqlsync_engine.options import EnumMode, GeneratorOptions

CAPABILITIES = Capabilities(
    version=ServerVersion("PostgreSQL", 15),
    default_namespace="public",
    max_identifier_bytes=63,
    enum_modes=(EnumMode.TYPE, EnumMode.CHECK, EnumMode.RELATION),
    transactional_ddl=True,
    composite_types=True,
    arrays=True,
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
    return form_catalog(classes, options=GeneratorOptions(enum_mode=mode), capabilities=capabilities)


def table_of(cls: type, mode: EnumMode | None = None) -> Table:
    table = form(cls, mode=mode).find_table(table_name(cls, options=GeneratorOptions()))
    assert table is not None
    return table


def sample(*fields: Any, name: str = "Sample") -> type:
    return make_dataclass(name, [("id", PrimaryKey[int]), *fields])


def column_of(annotation: Any, default: Any = None) -> Column:
    return table_of(sample(("x", annotation, field(default=default)))).column("x")


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (bool, SqlBoolean()),
        (int, SqlInteger(8)),
        (int8, SqlInteger(1)),
        (int16, SqlInteger(2)),
        (int32, SqlInteger(4)),
        (int64, SqlInteger(8)),
        (uint8, SqlInteger(1, signed=False)),
        (uint64, SqlInteger(8, signed=False)),
        (Annotated[int, IntegerRange(0, 9)], SqlInteger(8)),
        (float, SqlFloat(8)),
        (float32, SqlFloat(4)),
        (float64, SqlFloat(8)),
        (Decimal, SqlDecimal()),
        (Annotated[Decimal, Precision(10, 2)], SqlDecimal(10, 2)),
        (Annotated[Decimal, Precision(10)], SqlDecimal(10, 0)),
        (str, SqlCharacter()),
        (Annotated[str, MaxLength(5)], SqlCharacter(5)),
        (Annotated[str, Length(5)], SqlCharacter(5, fixed=True)),
        (bytes, SqlBinary()),
        (Annotated[bytes, MaxLength(16)], SqlBinary(16)),
        (Annotated[bytes, Length(16)], SqlBinary(16, fixed=True)),
        (datetime, SqlTimestamp()),
        (Annotated[datetime, TimePrecision(3)], SqlTimestamp(3)),
        (AwareDatetime, SqlTimestamp(with_time_zone=True)),
        (Annotated[AwareDatetime, TimePrecision(0)], SqlTimestamp(0, with_time_zone=True)),
        (date, SqlDate()),
        (time, SqlTime()),
        (AwareTime, SqlTime(with_time_zone=True)),
        (timedelta, SqlInterval()),
        (Annotated[timedelta, TimePrecision(6)], SqlInterval(6)),
        (UUID, SqlUuid()),
        (dict[str, Any], SqlJson()),
        (dict[str, list[int]], SqlJson()),
        (list[Annotated[str, MaxLength(3)]], SqlArray(SqlCharacter(3))),
        (list[list[int32]], SqlArray(SqlArray(SqlInteger(4)))),
        (State, SqlNamed(QualifiedId(None, "State"))),
        (list[State], SqlArray(SqlNamed(QualifiedId(None, "State")))),
        (Position, SqlNamed(QualifiedId(None, "Position"))),
    ],
)
def test_python_type_becomes_data_type(annotation: Any, expected: SqlType) -> None:
    column = column_of(annotation)
    assert column.data_type == expected
    assert not column.nullable


@pytest.mark.parametrize("annotation", [int | None, Annotated[str, MaxLength(5)], JsonType, Optional[Person]])  # noqa: UP045
def test_column_is_nullable_exactly_if_its_field_may_be_none(annotation: Any) -> None:
    assert column_of(annotation).nullable == (annotation != Annotated[str, MaxLength(5)])


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        (bool, True, "TRUE"),
        (bool, False, "FALSE"),
        (int, 0, "0"),
        (int, -3, "-3"),
        (uint8, 255, "255"),
        (float, 1.5, "1.5"),
        (float, 1e100, "1e+100"),
        (float, 2, "2.0"),
        (Decimal, Decimal("1.50"), "1.50"),
        (Annotated[Decimal, Precision(4, 2)], Decimal("99.99"), "99.99"),
        (Annotated[Decimal, Precision(4, 2)], 7, "7"),
        (str, 'it\'s \\ "so"', "'it''s \\ \"so\"'"),
        (Annotated[str, MaxLength(2)], "é!", "'é!'"),
        (State, State.off, "'it''s \\ off'"),
        (str | None, "a", "'a'"),
        (int | None, None, None),
        (float, float("nan"), None),
        (Decimal, Decimal("1E+400"), "1E+400"),
        (Decimal, Decimal("Infinity"), None),
        (Decimal, Decimal("sNaN"), None),
        (date, date(2013, 1, 1), None),
        (UUID, UUID(int=1), None),
        (bytes, b"x", None),
    ],
)
def test_plain_default_becomes_a_literal_and_others_are_not_invented(
    annotation: Any, default: Any, expected: str | None
) -> None:
    assert column_of(annotation, default).default == expected


def test_default_made_by_a_function_is_not_one_of_the_server() -> None:
    made = make_dataclass("Made", [("id", PrimaryKey[int]), ("x", list[int], field(default_factory=list[int]))])
    assert table_of(made).column("x").default is None


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        (int, "1", "Sample.x: expected a default of type int; got '1'"),
        (int, True, "Sample.x: expected a default of type int; got True"),
        (Decimal, 1.5, "Sample.x: expected a default of type Decimal; got 1.5"),
        (bool, 1, "Sample.x: expected a default of type bool; got 1"),
        (str, 1, "Sample.x: expected a default of type str; got 1"),
        (State, "on", "Sample.x: expected a default of type State; got 'on'"),
        (str, "a\0", "Sample.x: default 'a\\x00' has a NUL character; remove it"),
        (
            Annotated[str, MaxLength(1)],
            "ab",
            "Sample.x: default 'ab' is longer than 1 characters; shorten it or raise the limit",
        ),
    ],
)
def test_default_that_is_not_of_its_type_is_refused(annotation: Any, default: Any, expected: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        column_of(annotation, default)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        (int8, 128),
        (uint8, -1),
        (int, 1 << 63),
        (Annotated[Decimal, Precision(4, 2)], Decimal("1.005")),
        (Annotated[Decimal, Precision(4, 2)], Decimal(100)),
    ],
)
def test_default_that_a_column_would_not_keep_is_refused(annotation: Any, default: Any) -> None:
    with pytest.raises(
        DefinitionError, match=r"Sample\.x: default .* does not fit into .*; change the default or the type"
    ):
        column_of(annotation, default)


def test_table_has_key_constraints_and_comments_of_its_class() -> None:
    table = table_of(Person)
    assert table == Table(
        QualifiedId(None, "Person"),
        columns=(
            Column(LocalId("id"), SqlInteger(2), identity=IdentityMode.BY_DEFAULT),
            Column(LocalId("name"), SqlCharacter(100), description="As in the passport."),
            Column(LocalId("boss"), SqlInteger(2), nullable=True),
            Column(LocalId("state"), SqlNamed(QualifiedId(None, "State")), default="'it''s \\ off'"),
        ),
        primary_key=PrimaryKeyConstraint(LocalId("pk_Person"), (LocalId("id"),)),
        constraints=(
            ForeignKeyConstraint(
                LocalId("fk_Person_boss"), (LocalId("boss"),), QualifiedId(None, "Person"), (LocalId("id"),)
            ),
            UniqueConstraint(LocalId("uq_Person_name"), (LocalId("name"),)),
        ),
        description="Somebody.",
    )


def test_reference_has_the_type_of_the_key_even_if_that_is_a_reference_too() -> None:
    table = table_of(Visa)
    assert table.column("passport").data_type == SqlInteger(2)
    assert table.column("passport").identity is None
    assert table.key_names == ("passport", "number")
    (key,) = table.foreign_keys
    assert (key.referenced_table.name, key.referenced_columns) == ("Passport", (LocalId("person"),))


def test_reference_that_is_not_enforced_is_a_relation_without_a_constraint() -> None:
    table = table_of(Passport)
    assert [key.name.name for key in table.foreign_keys] == ["fk_Passport_person"]
    assert table.relations == (Relation((LocalId("friend"),), QualifiedId(None, "Person"), (LocalId("id"),)),)
    assert table.column("friend") == Column(LocalId("friend"), SqlInteger(2), nullable=True)


def test_everything_that_a_class_refers_to_takes_part() -> None:
    (namespace,) = form(Visa).namespaces
    assert [table.name.name for table in namespace.tables] == ["Passport", "Person", "Visa"]
    assert [enumeration.name.name for enumeration in namespace.enums] == ["State"]
    assert namespace.name == LocalId("")


def test_data_class_without_key_becomes_a_composite_type() -> None:
    (namespace,) = form(Place).namespaces
    assert namespace.structs == (
        StructType(
            QualifiedId(None, "Position"),
            (
                StructMember(LocalId("x"), SqlFloat(8), "To the east."),
                StructMember(LocalId("from"), SqlNamed(QualifiedId(None, "State"))),
            ),
            "Where it is.",
        ),
    )
    assert table_of(Place).column("corners").data_type == SqlArray(SqlNamed(QualifiedId(None, "Position")))


def test_enumeration_becomes_a_type_with_its_values_as_labels() -> None:
    (namespace,) = form(Person, mode=EnumMode.TYPE).namespaces
    assert namespace.enums == (EnumType(QualifiedId(None, "State"), ("on", "it's \\ off"), "What became of it."),)


def test_enumeration_becomes_text_with_a_check() -> None:
    (namespace,) = form(Person, mode=EnumMode.CHECK).namespaces
    (table,) = namespace.tables
    assert namespace.enums == ()
    assert table.column("state") == Column(LocalId("state"), SqlCharacter(), default="'it''s \\ off'")
    check = LabelCheck(LocalId("ck_Person_state"), LocalId("state"), ("on", "it's \\ off"))
    assert table.constraints[0] == check
    assert check.expression == "\"state\" IN ('on', 'it''s \\ off')"


def test_enumeration_becomes_a_lookup_table() -> None:
    catalog = form(Person, mode=EnumMode.RELATION)
    name = QualifiedId(None, "State")
    assert catalog.find_table(name) == Table(
        name,
        columns=(
            Column(LocalId("id"), SqlInteger(4), identity=IdentityMode.BY_DEFAULT),
            Column(LocalId("value"), SqlCharacter()),
        ),
        primary_key=PrimaryKeyConstraint(LocalId("pk_State"), (LocalId("id"),)),
        constraints=(UniqueConstraint(LocalId("uq_State_value"), (LocalId("value"),)),),
        description="What became of it.",
        labels=("on", "it's \\ off"),
    )
    table = table_of(Person, EnumMode.RELATION)
    assert table.column("state") == Column(LocalId("state"), SqlInteger(4))
    assert table.lookups == (Lookup(LocalId("state"), name),)
    assert table.foreign_keys[1].referenced_table == name


def test_reference_to_a_key_from_a_lookup_table_takes_labels_too() -> None:
    table = table_of(Switch, EnumMode.RELATION)
    assert table.column("setting").data_type == SqlInteger(4)
    assert table.lookups == (Lookup(LocalId("setting"), QualifiedId(None, "State")),)
    assert [key.referenced_table.name for key in table.foreign_keys] == ["Setting"]


def test_mode_that_the_server_prefers_is_taken_by_default() -> None:
    checking = replace(CAPABILITIES, enum_modes=(EnumMode.CHECK,))
    (table,) = form(Person, capabilities=checking).tables()
    assert table.column("state").data_type == SqlCharacter()


def test_mode_that_the_server_does_not_have_is_refused() -> None:
    with pytest.raises(UnsupportedError) as caught:
        form(Person, mode=EnumMode.INLINE)
    assert str(caught.value) == (
        "Person.state: PostgreSQL 15.0 cannot store an enumeration as EnumMode.INLINE; use one of EnumMode.TYPE, "
        "EnumMode.CHECK, EnumMode.RELATION"
    )


def refusal(cls: type, mode: EnumMode | None = None, capabilities: Capabilities = CAPABILITIES) -> str:
    with pytest.raises((DefinitionError, UnsupportedError)) as caught:
        form(cls, mode=mode, capabilities=capabilities)
    return str(caught.value)


POSSIBLE = (
    "use bool, int, float, Decimal, str, bytes, datetime, date, time, timedelta, UUID, an Enum, dict[str, ...] (JSON), "
    "list[...] of these, or a data-class, with '| None' if it is optional"
)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (complex, f"Sample.x: type complex cannot be stored; {POSSIBLE}"),
        (int | str, f"Sample.x: type int | str cannot be stored; {POSSIBLE}"),
        (list, f"Sample.x: type list cannot be stored; {POSSIBLE}"),
        (dict[int, str], f"Sample.x: type dict[int, str] cannot be stored; {POSSIBLE}"),
        (tuple[int, ...], f"Sample.x: type tuple[int, ...] cannot be stored; {POSSIBLE}"),
        (Any, f"Sample.x: type Any cannot be stored; {POSSIBLE}"),
        (Annotated[int, MaxLength(5)], "Sample.x: MaxLength(5) does not apply to int; remove it"),
        (Annotated[float, Precision(5, 2)], "Sample.x: Precision(5, 2) does not apply to float; remove it"),
        (Annotated[str, Signed(False)], "Sample.x: Signed(False) does not apply to str; remove it"),
        (Annotated[date, WithTimeZone()], "Sample.x: WithTimeZone() does not apply to date; remove it"),
        (Annotated[str, MaxLength], "Sample.x: MaxLength is a class, not a tag; write MaxLength(...)"),
        (Annotated[int, PrimaryKeyTag], "Sample.x: PrimaryKeyTag is a class, not a tag; write PrimaryKeyTag(...)"),
        (
            Annotated[str, MaxLength(5), MaxLength(6)],
            "Sample.x: MaxLength(5) and MaxLength(6) contradict each other; keep one of them",
        ),
        (
            Annotated[str, MaxLength(5), Length(5)],
            "Sample.x: Length(5) and MaxLength(5) contradict each other; keep one of them",
        ),
        (Annotated[str, MaxLength(0)], "Sample.x: MaxLength(0) leaves no room for a value; give 1 or more"),
        (Annotated[int, Storage(5)], "Sample.x: int of 5 bytes; Storage must be one of 1, 2, 3, 4, 8"),
        (Annotated[float, Storage(2)], "Sample.x: float of 2 bytes; Storage must be one of 4, 8"),
        (
            Annotated[Decimal, Precision(2, 3)],
            "Sample.x: Precision(2, 3) is not a precision; give 1 or more significant digits, of which 0 or more are decimal",
        ),
        (Annotated[time, TimePrecision(7)], "Sample.x: TimePrecision(7) is not possible; give 0 to 6 decimal digits"),
        (PrimaryKey[int | None], "Sample.x: a primary key cannot be None; remove '| None'"),
        (Identity[int | None], "Sample.x: an identity cannot be None; remove '| None'"),
        (Identity[str], "Sample.x: Identity does not apply to str; use an integer"),
        (
            NotEnforced[int],
            "Sample.x: NotEnforced does not apply to int; use it for a field that refers to another table",
        ),
        (
            list[Annotated[int, IdentityTag()]],
            "Sample.x: Identity does not apply to the elements of a list; remove it, or tag the field of a table",
        ),
        (
            list[Person],
            (
                "Sample.x: only the field of a table can refer to the table of Person; hold the type of its key instead, or make "
                "a class of references with a key of its own"
            ),
        ),
        (
            Visa,
            (
                "Sample.x: Visa has a key of 2 fields (passport, number), which one field cannot refer to; add a field for each of "
                "them, of its own type"
            ),
        ),
        (
            Level,
            "Level.low: expected a value of type str, which becomes the label; got 1",
        ),
        (Nothing, "class Nothing: enumeration has no members; add one"),
        (WithNul, "WithNul.odd: label 'a\\x00b' has a NUL character; remove it"),
        (
            LongLabel,
            (
                f"class LongLabel: label {'é' * 32!r} has 64 bytes, the server permits 63; shorten it, or use EnumMode.CHECK or "
                "EnumMode.RELATION"
            ),
        ),
        (
            Matryoshka,
            "class Matryoshka: contains itself (Matryoshka -> Matryoshka); give it a key, so that fields can refer to it",
        ),
        (make_dataclass("Hollow", []), "class Hollow: no fields; add one, as the class is the type of a field"),
    ],
)
def test_type_that_no_column_can_have_is_refused(annotation: Any, expected: str) -> None:
    assert refusal(sample(("x", annotation))) == expected


def test_member_of_a_composite_type_cannot_be_a_key() -> None:
    inner = make_dataclass("Inner", [("x", Unique[int])])
    assert refusal(sample(("inner", inner))) == (
        "Inner.x: Unique does not apply to a member of a composite type; remove it, or tag the field of a table"
    )


def test_keys_that_refer_to_each_other_are_refused() -> None:
    assert refusal(Hen) in {
        "Hen.egg: the keys refer to each other (Egg -> Hen -> Egg); give one of them a type of its own",
        "Egg.hen: the keys refer to each other (Hen -> Egg -> Hen); give one of them a type of its own",
    }


def test_class_without_a_key_is_no_table() -> None:
    assert refusal(Position) == (
        "class Position: no field identifies a row, so it is no table of its own; mark one or more as PrimaryKey[...]"
    )


@pytest.mark.parametrize("mode", [EnumMode.CHECK, EnumMode.RELATION])
@pytest.mark.parametrize("annotation", [list[State], Position])
def test_enumeration_within_a_value_needs_a_type_of_its_own(mode: EnumMode, annotation: Any) -> None:
    place = "Position.from_" if annotation is Position else "Sample.x"
    assert refusal(sample(("x", annotation)), mode) == (
        f"{place}: in a list or a composite type, State cannot be stored as EnumMode.{mode.name}; use EnumMode.TYPE, or hold "
        "the labels as str"
    )


def test_server_without_arrays_or_composite_types_is_told() -> None:
    bare = replace(CAPABILITIES, arrays=False, composite_types=False)
    assert refusal(sample(("x", list[int])), capabilities=bare) == (
        "Sample.x: PostgreSQL 15.0 has no arrays; use dict[str, ...] (JSON), or a class of its own that refers to this one"
    )
    assert refusal(sample(("x", Position)), capabilities=bare) == (
        "class Position: PostgreSQL 15.0 has no composite types; move its fields into the classes that use it, or mark a field "
        "as PrimaryKey[...] to make it a table"
    )


def test_two_fields_cannot_become_one_column() -> None:
    assert refusal(sample(("from_", int), ("origin", Annotated[int, Alias("from")]))) == (
        "Sample.origin: Sample.from_ becomes a column of the same name 'from'; rename one of them, or give it another name "
        "with Alias"
    )


def test_type_may_be_reached_through_its_module() -> None:
    assert column_of(dt.date).data_type == SqlDate()
