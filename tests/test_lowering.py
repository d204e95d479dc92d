"""A desired catalog becomes what the server reports once it has been created."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strong_typing.auxiliary import (
    Length,
    MaxLength,
    Precision,
    TimePrecision,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)

from pysqlsync_engine.capabilities import ServerVersion
from pysqlsync_engine.dialect.postgresql.capabilities import OFFLINE, capabilities_of, parse_version, quoted_words
from pysqlsync_engine.dialect.postgresql.constants import canonical_default
from pysqlsync_engine.dialect.postgresql.expressions import strip_parentheses
from pysqlsync_engine.dialect.postgresql.lowering import lower
from pysqlsync_engine.dialect.postgresql.reader import PostgreSQLReader
from pysqlsync_engine.dialect.postgresql.session import connect
from pysqlsync_engine.dialect.postgresql.types import MAX_CHARACTERS, parse_type
from pysqlsync_engine.dialect.postgresql.writer import PostgreSQLWriter
from pysqlsync_engine.discovery.assemble import assemble
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.formation.catalog import form_catalog
from pysqlsync_engine.migration.diff import diff
from pysqlsync_engine.migration.order import order
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBinary,
    SqlBit,
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlInterval,
    SqlJson,
    SqlLabelSet,
    SqlNamed,
    SqlNetworkAddress,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
    SqlYear,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.key_types import Identity, NotEnforced, PrimaryKey, Unique
from pysqlsync_engine.model.literals import boolean_literal, number_literal, quote_literal
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    Column,
    EnumType,
    ForeignKeyConstraint,
    IdentityMode,
    LabelCheck,
    Namespace,
    PrimaryKeyConstraint,
    Relation,
    StructMember,
    StructType,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.model.type_markers import AwareDatetime, AwareTime
from pysqlsync_engine.options import EnumMode, GeneratorOptions
from pysqlsync_engine.session import Session
from tests.servers import Server


@pytest.fixture
async def session(postgresql: Server) -> AsyncIterator[Session]:
    async with connect(postgresql.parameters) as session:
        yield session


async def create(session: Session, catalog: Catalog) -> Catalog:
    """Create everything in a lowered catalog; discover what is there then."""
    writer = PostgreSQLWriter(session.capabilities)
    for operation in order(diff(Catalog(), catalog)):
        for statement in writer.write(operation).statements:
            await session.execute(statement)
    names = [namespace.name.name for namespace in catalog.namespaces]
    lookups = [table.name for table in catalog.tables() if table.labels is not None]
    return assemble(await PostgreSQLReader(session.capabilities).fetch(session, names, lookups=lookups))


def one_table(*columns: Column, constraints: tuple[CheckConstraint, ...] = ()) -> Catalog:
    table = Table(QualifiedId(None, "t"), columns, constraints=constraints)
    return Catalog((Namespace(LocalId(""), tables=(table,)),))


def one_column(data_type: SqlType, default: str | None = None, name: str = "c") -> Catalog:
    return one_table(Column(LocalId(name), data_type, default=default))


def lowered_column(data_type: SqlType, default: str | None = None) -> Column:
    (table,) = lower(one_column(data_type, default), OFFLINE).tables()
    return table.column("c")


class State(enum.Enum):
    ACTIVE = "active"
    QUOTED = "it's"
    SLASHED = "back\\slash"


class Single(enum.Enum):
    ONLY = "on'ly\\"


@dataclass
class Address:
    """
    Where somebody lives.

    :param street: Has 'quotes'.
    """

    street: str
    kind: State
    numbers: list[uint64]


@dataclass
class Target:
    """Target of references."""

    select: PrimaryKey[Annotated[str, MaxLength(20)]]


@dataclass
class Everything:
    """
    A field of each type; it's all there.

    :param text: With a \\ in it.
    """

    id: PrimaryKey[Identity[int64]]
    other: PrimaryKey[int32]
    flag: bool
    i1: int8
    i2: int16
    u1: uint8
    u2: uint16
    u4: uint32
    u8: uint64
    f4: float32
    f8: float64
    number: Decimal
    price: Annotated[Decimal, Precision(10, 2)]
    text: str
    name: Unique[Annotated[str, MaxLength(50)]]
    code: Annotated[str, Length(3)]
    huge: Annotated[str, MaxLength(MAX_CHARACTERS + 1)]
    raw: bytes
    user: Annotated[bytes, MaxLength(16)]
    Digest: Annotated[bytes, Length(32)]
    day: date
    clock: time
    clock_ms: Annotated[time, TimePrecision(3)]
    clock_zone: AwareTime
    local: datetime
    local_us: Annotated[datetime, TimePrecision(6)]
    moment: AwareDatetime
    moment_s: Annotated[AwareDatetime, TimePrecision(0)]
    length: timedelta
    key: UUID
    state: State
    only: Single
    target: Target
    loose: NotEnforced[Target] | None
    address: Address
    addresses: list[Address]
    numbers: list[int]
    prices: list[Annotated[Decimal, Precision(10, 2)]]
    states: list[State] | None
    note: str | None
    flagged: bool = True
    count: int = -5
    ratio: float = -1.5e-7
    amount: Annotated[Decimal, Precision(10, 2)] = Decimal("-1.50")
    title: str = "it's a \\ title"
    short: Annotated[str, MaxLength(9)] = ""
    mark: Annotated[str, Length(3)] = "abc"
    initial: State = State.QUOTED


@dataclass
class Enums:
    id: PrimaryKey[int]
    state: State
    only: Single
    maybe: State | None
    initial: State = State.SLASHED


async def test_field_of_every_type_is_discovered_as_it_was_lowered(session: Session) -> None:
    options = GeneratorOptions()
    formed = form_catalog((Everything,), options=options, capabilities=session.capabilities)
    lowered = lower(formed, session.capabilities)
    assert await create(session, lowered) == lowered


@pytest.mark.parametrize("mode", [EnumMode.TYPE, EnumMode.CHECK, EnumMode.RELATION])
async def test_enumeration_in_every_mode_is_discovered_as_it_was_lowered(session: Session, mode: EnumMode) -> None:
    options = GeneratorOptions(enum_mode=mode)
    formed = form_catalog((Enums,), options=options, capabilities=session.capabilities)
    lowered = lower(formed, session.capabilities)
    assert await create(session, lowered) == lowered


DATA_TYPES = [
    SqlBoolean(),
    *(SqlInteger(width, signed) for width in (1, 2, 3, 4, 8) for signed in (True, False)),
    SqlFloat(4),
    SqlFloat(8),
    SqlDecimal(),
    SqlDecimal(5),
    SqlDecimal(1000, 1000),
    SqlCharacter(),
    SqlCharacter(1),
    SqlCharacter(MAX_CHARACTERS),
    SqlCharacter(MAX_CHARACTERS + 1),
    SqlCharacter(5, fixed=True),
    SqlCharacter(None, fixed=True),
    SqlBinary(),
    SqlBinary(5),
    SqlBinary(5, fixed=True),
    *(kind(precision) for kind in (SqlTimestamp, SqlTime, SqlInterval) for precision in (None, 0, 3, 6)),
    *(kind(precision, with_time_zone=True) for kind in (SqlTimestamp, SqlTime) for precision in (None, 0, 3, 6)),
    SqlDate(),
    SqlUuid(),
    SqlJson(),
    SqlJson(binary=False),
    SqlArray(SqlInteger(1)),
    SqlArray(SqlArray(SqlCharacter(5))),
    SqlArray(SqlTimestamp(3, with_time_zone=True)),
    SqlNamed(QualifiedId(None, "e 'x'")),
    SqlArray(SqlNamed(QualifiedId("other", "s"))),
    SqlOpaque("inet"),
    SqlOpaque("character varying"),
    SqlArray(SqlOpaque("bit(3)")),
]


async def test_every_data_type_is_discovered_as_it_was_lowered(session: Session) -> None:
    columns = tuple(Column(LocalId(f"c{number}"), data_type) for number, data_type in enumerate(DATA_TYPES))
    members = tuple(
        StructMember(LocalId(f"m{number}"), data_type, "comment")
        for number, data_type in enumerate(DATA_TYPES)
        if not isinstance(data_type, SqlBinary | SqlCharacter | SqlNamed | SqlArray)
    )
    catalog = Catalog(
        (
            Namespace(
                LocalId(""),
                enums=(EnumType(QualifiedId(None, "e 'x'"), ("b", "a", ""), "comment"),),
                tables=(Table(QualifiedId(None, "t"), columns),),
            ),
            Namespace(LocalId("other"), structs=(StructType(QualifiedId("other", "s"), members, "comment"),)),
        )
    )
    lowered = lower(catalog, session.capabilities)
    assert await create(session, lowered) == lowered


DEFAULTS: list[tuple[SqlType, str, str]] = [
    (SqlBoolean(), "TRUE", "true"),
    (SqlBoolean(), "FALSE", "false"),
    *((SqlInteger(width), "-1", "-1") for width in (1, 2, 4, 8)),
    (SqlInteger(4), "-2147483648", "-2147483648"),
    (SqlInteger(8), "-2147483648", "-2147483648"),
    (SqlInteger(8), "9223372036854775807", "9223372036854775807"),
    (SqlInteger(8), "-9223372036854775808", "-9223372036854775808"),
    (SqlInteger(8, signed=False), "18446744073709551615", "18446744073709551615"),
    (SqlDecimal(10, 2), "1.50", "1.50"),
    (SqlDecimal(10, 2), "-1.50", "-1.50"),
    (SqlDecimal(), "1E+30", "1000000000000000000000000000000"),
    (SqlDecimal(), "-1E-9", "-0.000000001"),
    (SqlFloat(8), "1", "1"),
    (SqlFloat(8), "1.0", "1.0"),
    (SqlFloat(8), "1e+17", "1e+17"),
    (SqlJson(), "'{}'", "'{}'::jsonb"),
    (SqlArray(SqlCharacter(5)), "'{}'", "'{}'::character varying[]"),
    (SqlDate(), "'2020-01-02'", "'2020-01-02'::date"),
    (SqlInteger(4), "'7'", "7"),
    (SqlInteger(2), "'7'", "'7'::smallint"),
    (SqlFloat(8), "-1.5", "-1.5"),
    (SqlFloat(8), "1e+300", "1e+300"),
    (SqlFloat(8), "-5e-324", "-5e-324"),
    (SqlFloat(8), "1.7976931348623157e+308", "1.7976931348623157e+308"),
    (SqlFloat(8), "0.1", "0.1"),
    (SqlFloat(8), "-0.0", "'-0'::double precision"),
    (SqlFloat(4), "-0.0", "'-0'::real"),
    (SqlFloat(4), "-2.5", "-2.5"),
    (SqlCharacter(), "'x'", "'x'::text"),
    (SqlCharacter(), "'it''s \\ (\"quoted\"'", "'it''s \\ (\"quoted\"'::text"),
    (SqlCharacter(), "''", "''::text"),
    (SqlCharacter(5), "'x'", "'x'::character varying"),
    (SqlCharacter(5, fixed=True), "'x'", "'x'::bpchar"),
    (SqlNamed(QualifiedId(None, "Mixed")), "'it''s'", "'it''s'::public.\"Mixed\""),
    (SqlNamed(QualifiedId("other", "select")), "'a'", "'a'::other.\"select\""),
    (SqlTimestamp(), "CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP"),
    (SqlUuid(), "gen_random_uuid()", "gen_random_uuid()"),
]


async def test_every_default_is_discovered_as_it_was_lowered(session: Session) -> None:
    columns = tuple(
        Column(LocalId(f"c{number}"), data_type, default=default)
        for number, (data_type, default, _) in enumerate(DEFAULTS)
    )
    mixed, select = QualifiedId(None, "Mixed"), QualifiedId("other", "select")
    catalog = Catalog(
        (
            Namespace(LocalId(""), (EnumType(mixed, ("it's",)),), tables=(Table(QualifiedId(None, "t"), columns),)),
            Namespace(LocalId("other"), (EnumType(select, ("a",)),)),
        )
    )
    lowered = lower(catalog, session.capabilities)
    (table,) = lowered.tables()
    assert [column.default for column in table.columns] == [printed for _, _, printed in DEFAULTS]
    assert await create(session, lowered) == lowered


SAME_DEFAULTS: list[tuple[str, str, str | None]] = [
    ("integer", "(-5)", "-5"),
    ("bigint", "'-5'::integer", "-5"),
    ("bigint", "'-5'::bigint", "'-5'::bigint"),
    ("smallint", "'7'::smallint", "'7'::smallint"),
    ("bigint", "5000000000", "5000000000"),
    ("numeric", "1e3", "'1000'::numeric"),
    ("numeric(10,2)", "05", "5"),
    ("numeric(10,2)", "'5'::integer", "5"),
    ("double precision", "'-1.5'::double precision", "'-1.5'::double precision"),
    ("double precision", "-1.5", "-1.5"),
    ("double precision", "0.50", "0.50"),
    ("double precision", "'NaN'", "'NaN'::double precision"),
    ("boolean", "'t'", "true"),
    ("varchar(5)", "'x'::text", "'x'::character varying"),
    ("text", "'x'::varchar", "'x'::text"),
    ("text", "NULL", None),
    ("varchar(5)", "NULL", "NULL::character varying"),
    ("integer", "NULL::integer", None),
    ("integer", "1 + 2", "(1 + 2)"),
    ("integer", "9" * 5000, f"'{'9' * 5000}'::numeric"),
    ("numeric", "1e5000", f"'1{'0' * 5000}'::numeric"),
    ("double precision", "1e5000", f"'1{'0' * 5000}'::numeric"),
    ("bigint", "-5::bigint", "(- (5)::bigint)"),
    ("text", "upper('x')", "upper('x'::text)"),
    ("text", "'a' || 'b'", "('a'::text || 'b'::text)"),
]


async def test_defaults_that_mean_the_same_are_discovered_in_one_form(session: Session) -> None:
    columns = [
        f"c{number} {data_type} DEFAULT {definition}" for number, (data_type, definition, _) in enumerate(SAME_DEFAULTS)
    ]
    await session.execute(f"CREATE TABLE t ({', '.join(columns)})")
    (table,) = assemble(await PostgreSQLReader(session.capabilities).fetch(session, ["public"])).tables()
    assert [column.default for column in table.columns] == [canonical for _, _, canonical in SAME_DEFAULTS]


LABELS = [("one",), ("on", "off"), ("it's", 'quo"te', "back\\slash", "", " pad ", "ünï", "(", "a::text")]


async def test_every_label_check_is_discovered_as_it_was_lowered(session: Session) -> None:
    names = ["plain", "user", "Mixed Case", "ünï", "1x", "a$b", "json", "system_user", 'quo"te', "name"]
    types = [SqlCharacter(), SqlCharacter(20), SqlCharacter(20, fixed=True)]
    columns: list[Column] = []
    checks: list[LabelCheck] = []
    for name in names:
        for kind, data_type in enumerate(types):
            for number, labels in enumerate(LABELS):
                column = LocalId(name if kind == number == 0 else f"{name} {kind}{number}")
                columns.append(Column(column, data_type))
                checks.append(LabelCheck(LocalId(f"ck_{column.name}"), column, labels))
    lowered = lower(one_table(*columns, constraints=tuple(checks)), session.capabilities)
    assert await create(session, lowered) == lowered


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
NAMES = st.one_of(
    st.sampled_from(sorted(quoted_words(OFFLINE.version))), TEXT.filter(lambda name: 0 < len(name.encode()) <= 60)
)
COLUMNS: st.SearchStrategy[tuple[SqlType, str]] = st.one_of(
    st.tuples(st.just(SqlBoolean()), st.booleans().map(boolean_literal)),
    st.tuples(st.just(SqlInteger(8)), st.integers(-(1 << 63), (1 << 63) - 1).map(number_literal)),
    st.tuples(st.just(SqlInteger(2)), st.integers(-(1 << 15), (1 << 15) - 1).map(number_literal)),
    st.tuples(
        st.sampled_from([SqlFloat(4), SqlFloat(8)]),
        st.floats(allow_nan=False, allow_infinity=False, width=32).map(number_literal),
    ),
    st.tuples(st.just(SqlFloat(8)), st.floats(allow_nan=False, allow_infinity=False).map(number_literal)),
    st.tuples(
        st.just(SqlDecimal()),
        st.decimals(-(10**30), 10**30, allow_nan=False, allow_infinity=False, places=9).map(number_literal),
    ),
    st.tuples(
        st.sampled_from([SqlCharacter(), SqlCharacter(50), SqlCharacter(50, fixed=True)]), TEXT.map(quote_literal)
    ),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    columns=st.dictionaries(NAMES, COLUMNS, min_size=1, max_size=20),
    labels=st.lists(TEXT, min_size=1, max_size=5, unique=True),
    description=TEXT,
)
async def test_anything_is_discovered_as_it_was_lowered(
    session: Session, columns: dict[str, tuple[SqlType, str]], labels: list[str], description: str
) -> None:
    await session.execute("DROP SCHEMA IF EXISTS n CASCADE")
    table = Table(
        QualifiedId("n", "t"),
        tuple(
            Column(LocalId(name), data_type, default=default, description=description)
            for name, (data_type, default) in columns.items()
        ),
        constraints=tuple(
            LabelCheck(LocalId(name), LocalId(name), tuple(labels))
            for name, (data_type, _) in sorted(columns.items())
            if isinstance(data_type, SqlCharacter)
        ),
        description=description,
    )
    enum_type = EnumType(QualifiedId("n", "e"), tuple(labels), description)
    catalog = Catalog((Namespace(LocalId("n"), enums=(enum_type,), tables=(table,)),))
    lowered = lower(catalog, session.capabilities)
    assert await create(session, lowered) == lowered


async def test_lowered_checks_keep_out_what_they_should(session: Session) -> None:
    state = LocalId("state")
    lowered = lower(
        one_table(
            Column(state, SqlCharacter(), nullable=True),
            Column(LocalId("digest"), SqlBinary(4, fixed=True), nullable=True),
            Column(LocalId("raw"), SqlBinary(4), nullable=True),
            constraints=(LabelCheck(LocalId("ck"), state, ("it's", "back\\slash")),),
        ),
        session.capabilities,
    )
    await create(session, lowered)
    for column, value in (("state", "it's"), ("state", "back\\slash"), ("digest", b"1234"), ("raw", b"")):
        assert await session.execute(f"INSERT INTO public.t ({column}) VALUES ($1)", value) == 1
    for column, value in (("state", "its"), ("digest", b"123"), ("raw", b"12345")):
        with pytest.raises(Exception, match="violates check constraint"):
            await session.execute(f"INSERT INTO public.t ({column}) VALUES ($1)", value)


async def test_key_words_are_those_that_the_server_quotes(session: Session) -> None:
    rows = await session.fetch("SELECT word FROM pg_get_keywords() WHERE catcode <> 'U'")
    assert quoted_words(session.capabilities.version) == {word for (word,) in rows}


def test_default_namespace_is_filled_in_everywhere() -> None:
    target, named = QualifiedId(None, "target"), QualifiedId(None, "e")
    relation = Relation((LocalId("id"),), target, (LocalId("id"),))
    key = ForeignKeyConstraint(LocalId("fk"), (LocalId("id"),), target, (LocalId("id"),))
    table = Table(
        QualifiedId("", "t"),
        (Column(LocalId("id"), SqlNamed(named)), Column(LocalId("l"), SqlArray(SqlNamed(named)))),
        constraints=(key,),
        relations=(relation,),
    )
    struct = StructType(QualifiedId(None, "s"), (StructMember(LocalId("x"), SqlNamed(named)),))
    lowered = lower(Catalog((Namespace(LocalId(""), structs=(struct,), tables=(table,)),)), OFFLINE)
    (namespace,) = lowered.namespaces
    assert namespace.name == LocalId("public")
    named, target = QualifiedId("public", "e"), QualifiedId("public", "target")
    assert namespace.structs == (
        StructType(QualifiedId("public", "s"), (StructMember(LocalId("x"), SqlNamed(named)),)),
    )
    assert [column.data_type for column in namespace.tables[0].columns] == [SqlNamed(named), SqlArray(SqlNamed(named))]
    assert namespace.tables[0].constraints == (replace(key, referenced_table=target),)
    assert namespace.tables[0].relations == (replace(relation, referenced_table=target),)


def test_default_namespace_with_and_without_its_name_is_one() -> None:
    first, second = Table(QualifiedId(None, "b"), ()), Table(QualifiedId("public", "a"), ())
    catalog = Catalog((Namespace(LocalId(""), tables=(first,)), Namespace(LocalId("public"), tables=(second,))))
    (namespace,) = lower(catalog, OFFLINE).namespaces
    assert [table.name for table in namespace.tables] == [QualifiedId("public", "a"), QualifiedId("public", "b")]


def test_two_objects_of_one_name_are_refused() -> None:
    tables = [Table(QualifiedId(namespace, "t"), ()) for namespace in (None, "public")]
    catalog = Catalog(tuple(Namespace(LocalId(t.name.namespace or ""), tables=(t,)) for t in tables))
    with pytest.raises(UnsupportedError, match=r"public\.t: two objects"):
        lower(catalog, OFFLINE)


def test_lowering_twice_is_lowering_once() -> None:
    for cls, mode in ((Everything, EnumMode.TYPE), (Enums, EnumMode.CHECK), (Enums, EnumMode.RELATION)):
        formed = form_catalog((cls,), options=GeneratorOptions(enum_mode=mode), capabilities=OFFLINE)
        lowered = lower(formed, OFFLINE)
        assert lower(lowered, OFFLINE) == lowered


@pytest.mark.parametrize(
    ("data_type", "lowered"),
    [
        (SqlInteger(1), SqlInteger(2)),
        (SqlInteger(3), SqlInteger(4)),
        (SqlInteger(1, signed=False), SqlInteger(2)),
        (SqlInteger(2, signed=False), SqlInteger(4)),
        (SqlInteger(3, signed=False), SqlInteger(4)),
        (SqlInteger(4, signed=False), SqlInteger(8)),
        (SqlInteger(8, signed=False), SqlDecimal(20, 0)),
        (SqlDecimal(5), SqlDecimal(5, 0)),
        (SqlTimestamp(6), SqlTimestamp(6)),
        (SqlBit(), SqlBit(1)),
        (SqlYear(), SqlInteger(2)),
        (SqlNetworkAddress(6), SqlNetworkAddress()),
        (SqlLabelSet(("a",)), SqlArray(SqlCharacter())),
        (SqlOpaque("varchar(9)"), SqlCharacter(9)),
        (SqlOpaque("TIMESTAMPTZ(3)[]"), SqlArray(SqlTimestamp(3, with_time_zone=True))),
        (SqlOpaque("decimal(9)"), SqlDecimal(9, 0)),
        (SqlOpaque("char"), SqlCharacter(1, fixed=True)),
        (SqlArray(SqlArray(SqlInteger(1))), SqlArray(SqlInteger(2))),
    ],
)
def test_type_becomes_one_that_the_server_has(data_type: SqlType, lowered: SqlType) -> None:
    assert lowered_column(data_type).data_type == lowered


@pytest.mark.parametrize(
    ("data_type", "message"),
    [
        (SqlInteger(16), "no integer has 16 bytes"),
        (SqlFloat(2), "no floating-point number has 2 bytes"),
        (SqlDecimal(1001, 0), "no number has 1001 digits"),
        (SqlDecimal(5, 6), "no number has 5 digits, 6 of them decimal"),
        (SqlDecimal(5, -1), "no number has 5 digits, -1 of them decimal"),
        (SqlTimestamp(7), "no time has 7 decimal digits"),
        (SqlCharacter(0), "no string has a limit of 0"),
        (SqlArray(SqlBinary(5)), "cannot limit values to 5 here"),
        (SqlArray(SqlArray(SqlInteger(16))), "no integer has 16 bytes"),
    ],
)
def test_type_that_the_server_lacks_is_refused_by_name(data_type: SqlType, message: str) -> None:
    with pytest.raises(UnsupportedError, match=rf"^public\.t\.c: .*{message}"):
        lowered_column(data_type)


def test_limit_of_a_member_is_refused_by_name() -> None:
    struct = StructType(QualifiedId("a", "s"), (StructMember(LocalId("m"), SqlBinary(5)),))
    with pytest.raises(UnsupportedError, match=r"^a\.s\.m: "):
        lower(Catalog((Namespace(LocalId("a"), structs=(struct,)),)), OFFLINE)


def test_identity_of_a_type_without_sequences_is_refused() -> None:
    column = Column(LocalId("c"), SqlInteger(8, signed=False), identity=IdentityMode.ALWAYS)
    with pytest.raises(UnsupportedError, match=r"^public\.t\.c: the server generates"):
        lower(one_table(column), OFFLINE)


def test_key_that_cannot_be_compared_is_refused() -> None:
    name = LocalId("c")
    for key in (PrimaryKeyConstraint(LocalId("k"), (name,)), UniqueConstraint(LocalId("k"), (name,))):
        is_primary = isinstance(key, PrimaryKeyConstraint)
        table = Table(
            QualifiedId(None, "t"),
            (Column(name, SqlJson(binary=False)),),
            primary_key=key if is_primary else None,
            constraints=() if is_primary else (key,),
        )
        with pytest.raises(UnsupportedError, match=r"^public\.t\.c: .* compare"):
            lower(Catalog((Namespace(LocalId(""), tables=(table,)),)), OFFLINE)


def test_check_of_length_has_a_name_of_its_own() -> None:
    taken = CheckConstraint(LocalId("ck_t_c_size"), "true")
    with pytest.raises(UnsupportedError, match=r"^public\.t\.c: .*'ck_t_c_size'"):
        lower(one_table(Column(LocalId("c"), SqlBinary(5)), constraints=(taken,)), OFFLINE)


def test_label_check_of_a_number_is_refused() -> None:
    column = LocalId("c")
    check = LabelCheck(LocalId("ck"), column, ("1",))
    with pytest.raises(UnsupportedError, match=r"^public\.t\.c: expected a column of text"):
        lower(one_table(Column(column, SqlInteger(4)), constraints=(check,)), OFFLINE)


def test_empty_comment_is_none() -> None:
    (table,) = lower(one_table(Column(LocalId("c"), SqlDate(), description="")), OFFLINE).tables()
    assert table.column("c").description is None


def test_comment_that_cannot_be_stored_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"^public\.t\.c: its description has a NUL"):
        lower(one_table(Column(LocalId("c"), SqlDate(), description="a\0")), OFFLINE)


def test_table_that_is_too_wide_is_refused() -> None:
    columns = [Column(LocalId(f"c{number}"), SqlDate()) for number in range(1601)]
    with pytest.raises(UnsupportedError, match=r"^public\.t: 1601 columns"):
        lower(one_table(*columns), OFFLINE)


@pytest.mark.parametrize(
    ("definition", "data_type"),
    [
        ("bigint", SqlInteger(8)),
        ("character varying(255)", SqlCharacter(255)),
        ("character(3)", SqlCharacter(3, fixed=True)),
        ("character varying", SqlOpaque("character varying")),
        ("numeric(10,2)", SqlDecimal(10, 2)),
        ("numeric(5,-2)", SqlDecimal(5, -2)),
        ("timestamp(3) without time zone", SqlTimestamp(3)),
        ("time(0) with time zone", SqlTime(0, with_time_zone=True)),
        ("interval day to second(3)", SqlOpaque("interval day to second(3)")),
        ("json", SqlJson(binary=False)),
        ("integer[]", SqlArray(SqlInteger(4))),
        ("integer[][]", SqlArray(SqlInteger(4))),
        ('public."x[]"', SqlOpaque('public."x[]"')),
        ('public."x[]"[]', SqlArray(SqlOpaque('public."x[]"'))),
        ("public.geometry(Point,4326)", SqlOpaque("public.geometry(Point,4326)")),
        ('public."integer"', SqlOpaque('public."integer"')),
        ("", SqlOpaque("")),
    ],
)
def test_type_is_understood_as_the_server_prints_it(definition: str, data_type: SqlType) -> None:
    assert parse_type(definition) == data_type


@given(st.text(max_size=40))
def test_any_spelling_of_a_type_is_kept(definition: str) -> None:
    parsed = parse_type(definition)
    assert parsed == SqlOpaque(definition) or not isinstance(parsed, SqlOpaque)


@pytest.mark.parametrize(
    ("expression", "stripped"),
    [
        ("(a)", "a"),
        ("((a > 0))", "a > 0"),
        ("(a) AND (b)", "(a) AND (b)"),
        ("(a = ')')", "a = ')'"),
        ("('(' = a)", "'(' = a"),
        ('("(" > 0)', '"(" > 0'),
        ("f(a)", "f(a)"),
        ("(", "("),
    ],
)
def test_parentheses_around_an_expression_are_removed(expression: str, stripped: str) -> None:
    assert strip_parentheses(expression) == stripped


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(
        [SqlBoolean(), SqlInteger(4), SqlDecimal(), SqlFloat(8), SqlCharacter(), SqlCharacter(5), SqlDate()]
    ),
    st.one_of(st.text(max_size=20), st.integers().map(str), st.floats().map(str), st.decimals().map(str)),
)
def test_canonical_default_is_its_own_canonical_form(data_type: SqlType, expression: str) -> None:
    canonical = canonical_default(expression, data_type)
    assert canonical is None or canonical_default(canonical, data_type) == canonical


def test_version_is_taken_from_its_number() -> None:
    assert parse_version("150018") == ServerVersion("PostgreSQL", 15, 18)


def test_old_server_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"expected PostgreSQL 13 or later, got PostgreSQL 12\.7"):
        capabilities_of(ServerVersion("PostgreSQL", 12, 7))


def test_server_that_is_newer_than_known_is_accepted() -> None:
    assert capabilities_of(ServerVersion("PostgreSQL", 99)).arrays
