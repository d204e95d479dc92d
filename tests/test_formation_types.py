"""What data types and defaults fields have, and what they cannot have."""

from __future__ import annotations

import datetime as dt
from dataclasses import field, make_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Optional
from uuid import UUID

import pytest
from strong_typing.auxiliary import (
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

from pysqlsync_engine.errors import DefinitionError
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
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.key_types import Identity, IdentityTag, NotEnforced, PrimaryKey, PrimaryKeyTag
from pysqlsync_engine.model.object_types import (
    Column,
)
from pysqlsync_engine.model.type_markers import AwareDatetime, AwareTime, WithTimeZone
from tests.formation_samples import (
    LongLabel,
    Matryoshka,
    Nothing,
    Person,
    Position,
    State,
    Visa,
    WithNul,
    refusal,
    sample,
    table_of,
)


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


POSSIBLE = (
    "use bool, int, float, Decimal, str, bytes, datetime, date, time, timedelta, UUID, IPv4Address, IPv6Address, an Enum, "
    "a Literal of strings, dict[str, ...] (JSON), list[...] or set[...] of these, a data-class, or any with a NativeType, "
    "with '| None' if it is optional"
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
                "Sample.x: only the field of a table can refer to the table of Person; hold the type of its key instead, use "
                "ArrayMode.RELATION for a list, or make a class of references with a key of its own"
            ),
        ),
        (
            Visa,
            (
                "Sample.x: Visa has a key of 2 fields (passport, number), which one field cannot refer to; add a field for each of "
                "them, of its own type"
            ),
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
            (
                "class Matryoshka: contains itself (Matryoshka -> Matryoshka); give it a key, so that fields can refer to it,"
                " or use StructMode.JSON"
            ),
        ),
        (make_dataclass("Hollow", []), "class Hollow: no fields; add one, as the class is the type of a field"),
    ],
)
def test_type_that_no_column_can_have_is_refused(annotation: Any, expected: str) -> None:
    assert refusal(sample(("x", annotation))) == expected


def test_type_may_be_reached_through_its_module() -> None:
    assert column_of(dt.date).data_type == SqlDate()
