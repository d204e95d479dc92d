"""What classes become on MySQL and MariaDB, and what these cannot do."""

from __future__ import annotations

import pytest

from pysqlsync_engine.capabilities import Capabilities, ServerVersion
from pysqlsync_engine.dialect.mysql.capabilities import capabilities_of
from pysqlsync_engine.dialect.mysql.objects import MySQLColumn, MySQLTable
from pysqlsync_engine.dialect.mysql.types import lower
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.model.constraint_types import (
    Deferrability,
    ExclusionConstraint,
    Index,
    IndexPart,
    ReferentialAction,
)
from pysqlsync_engine.model.data_types import (
    SqlBinary,
    SqlBit,
    SqlCharacter,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlInterval,
    SqlJson,
    SqlLabel,
    SqlLabelSet,
    SqlNamed,
    SqlNetworkAddress,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    Column,
    Constraint,
    DomainType,
    EnumType,
    ForeignKeyConstraint,
    Generated,
    IdentityMode,
    LabelCheck,
    Lookup,
    Namespace,
    PrimaryKeyConstraint,
    StructMember,
    StructType,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.model.vendor_markers import MySQLInvisible, MySQLOnUpdate, MySQLOptions

MYSQL = capabilities_of(ServerVersion("MySQL", 8, 4))
MARIADB = capabilities_of(ServerVersion("MariaDB", 10, 11))
ID = LocalId("id")
KEY = PrimaryKeyConstraint(LocalId("pk_t"), (ID,))


def catalog(*tables: Table, namespace: str = "", enums: tuple[EnumType, ...] = ()) -> Catalog:
    return Catalog((Namespace(LocalId(namespace), tables=tables, enums=enums),))


def column(data_type: SqlType, name: str = "c", **properties: object) -> Column:
    return Column(LocalId(name), data_type, **properties)  # type: ignore[arg-type]


def table(*columns: Column, constraints: tuple[Constraint, ...] = (), **properties: object) -> Table:
    return Table(
        QualifiedId(None, "t"),
        (column(SqlInteger(8), "id"), *columns),
        KEY,
        constraints,
        **properties,  # type: ignore[arg-type]
    )


def lowered(subject: Table, capabilities: Capabilities = MYSQL) -> MySQLTable:
    found = next(lower(catalog(subject), capabilities).tables())
    assert isinstance(found, MySQLTable)
    return found


def lowered_column(subject: Column, capabilities: Capabilities = MYSQL) -> MySQLColumn:
    found = lowered(table(subject), capabilities).column("c")
    assert isinstance(found, MySQLColumn)
    return found


@pytest.mark.parametrize(
    ("data_type", "mysql", "mariadb"),
    [
        (SqlUuid(), SqlBinary(16, fixed=True), SqlUuid()),
        (SqlNetworkAddress(4), SqlBinary(4, fixed=True), SqlNetworkAddress(4)),
        (SqlNetworkAddress(6), SqlBinary(16, fixed=True), SqlNetworkAddress(6)),
        (SqlNetworkAddress(), SqlCharacter(49), SqlCharacter(49)),
        (SqlInterval(), SqlDecimal(20, 6), SqlDecimal(20, 6)),
        (SqlDecimal(), SqlDecimal(65, 30), SqlDecimal(65, 30)),
        (SqlDecimal(5), SqlDecimal(5, 0), SqlDecimal(5, 0)),
        (SqlTimestamp(6), SqlTimestamp(), SqlTimestamp()),
        (SqlCharacter(255, fixed=True), SqlCharacter(255, fixed=True), SqlCharacter(255, fixed=True)),
        (SqlCharacter(16383), SqlCharacter(16383), SqlCharacter(16383)),
        (SqlBit(), SqlBit(1), SqlBit(1)),
        (SqlOpaque("INT(11)"), SqlInteger(4), SqlInteger(4)),
        (SqlOpaque("geometry SRID 4326"), SqlOpaque("geometry SRID 4326"), SqlOpaque("geometry SRID 4326")),
    ],
)
def test_types_become_those_that_the_server_reports(data_type: SqlType, mysql: SqlType, mariadb: SqlType) -> None:
    assert lowered_column(column(data_type)).data_type == mysql
    assert lowered_column(column(data_type), MARIADB).data_type == mariadb


@pytest.mark.parametrize(
    ("data_type", "stored", "condition"),
    [
        (SqlCharacter(16384), SqlOpaque("mediumtext"), "char_length(`c`) <= 16384"),
        (SqlCharacter(5_000_000), SqlCharacter(), "char_length(`c`) <= 5000000"),
        (SqlCharacter(300, fixed=True), SqlCharacter(300), "char_length(`c`) = 300"),
        (SqlBinary(300, fixed=True), SqlBinary(300), "octet_length(`c`) = 300"),
        (SqlBinary(70_000), SqlOpaque("mediumblob"), "octet_length(`c`) <= 70000"),
    ],
)
def test_limits_that_types_cannot_have_are_checked(data_type: SqlType, stored: SqlType, condition: str) -> None:
    found = lowered(table(column(data_type)))
    assert found.column("c").data_type == stored
    assert found.constraints == (CheckConstraint(LocalId("ck_t_c_size"), condition),)


def test_types_of_the_catalog_become_parts_of_columns() -> None:
    state = EnumType(QualifiedId("canvas", "State"), ("on", "off"))
    place = StructType(QualifiedId("canvas", "Place"), (StructMember(LocalId("x"), SqlFloat(8)),))
    year = DomainType(
        QualifiedId("canvas", "Age"),
        SqlInteger(2),
        constraints=(CheckConstraint(LocalId("positive"), "VALUE > 0"),),
        nullable=False,
    )
    subject = Table(
        QualifiedId("canvas", "t"),
        tuple(column(SqlNamed(each.name), each.name.name, nullable=True) for each in (state, place, year)),
    )
    given = Catalog((Namespace(LocalId("canvas"), (state,), (place,), (subject,), (year,)),))
    (found,) = lower(given, MYSQL).namespaces
    assert (found.name, found.enums, found.structs, found.domains) == (LocalId("canvas"), (), (), ())
    assert found.tables[0].name == QualifiedId(None, "canvas__t")
    assert found.tables[0].column("State").data_type == SqlLabel(("on", "off"))
    assert found.tables[0].column("Place").data_type == SqlJson()
    assert found.tables[0].column("Age") == MySQLColumn(LocalId("Age"), SqlInteger(2))
    assert [c.expression for c in found.tables[0].constraints if isinstance(c, CheckConstraint)] == ["`Age` > 0"]


def test_namespaces_are_prefixes_of_all_that_is_unique_in_a_database() -> None:
    owner = Table(QualifiedId("a", "t"), (column(SqlInteger(8), "id"),), KEY)
    user = Table(
        QualifiedId("b", "t"),
        (column(SqlInteger(8), "id"),),
        KEY,
        (
            ForeignKeyConstraint(LocalId("fk"), (ID,), QualifiedId("a", "t"), (ID,)),
            CheckConstraint(LocalId("ck"), '"id" > 0'),
            UniqueConstraint(LocalId("uq"), (ID,)),
        ),
        lookups=(Lookup(ID, QualifiedId("a", "t")),),
    )
    given = Catalog((Namespace(LocalId("a"), tables=(owner,)), Namespace(LocalId("b"), tables=(user,))))
    first, second = lower(given, MYSQL).tables()
    assert (first.name.display, second.name.display) == ("a__t", "b__t")
    assert second.primary_key == PrimaryKeyConstraint(LocalId("PRIMARY"), (ID,))
    assert [constraint.name.name for constraint in second.constraints] == ["b__ck", "b__fk", "uq"]
    assert second.foreign_keys[0].referenced_table == first.name
    assert second.lookups == (Lookup(ID, first.name),)


def test_foreign_keys_of_one_name_get_that_of_their_table() -> None:
    key = ForeignKeyConstraint(LocalId("fk"), (ID,), QualifiedId(None, "x"), (ID,))
    tables = (Table(QualifiedId(None, name), (column(SqlInteger(8), "id"),), KEY, (key,)) for name in ("x", "y"))
    found = lower(catalog(*tables), MYSQL)
    assert [each.foreign_keys[0].name.name for each in found.tables()] == ["x__fk", "y__fk"]


def test_foreign_keys_bring_an_index_where_none_begins_with_their_columns() -> None:
    a, b = LocalId("a"), LocalId("b")
    keys = (
        ForeignKeyConstraint(LocalId("fk_a"), (a,), QualifiedId(None, "x"), (ID,)),
        ForeignKeyConstraint(LocalId("fk_ab"), (a, b), QualifiedId(None, "y"), (a, b)),
        ForeignKeyConstraint(LocalId("fk_id"), (ID,), QualifiedId(None, "x"), (ID,)),
    )
    subject = table(column(SqlInteger(8), "a"), column(SqlInteger(8), "b"), constraints=keys)
    assert lowered(subject).indexes == (Index(LocalId("fk_ab"), (IndexPart(a), IndexPart(b))),)
    covered = table(
        column(SqlInteger(8), "a"),
        column(SqlInteger(8), "b"),
        constraints=keys,
        indexes=(Index(LocalId("ix"), (IndexPart(a), IndexPart(b), IndexPart(ID))),),
    )
    assert [index.name.name for index in lowered(covered).indexes] == ["ix"]


def test_unique_indexes_on_whole_columns_are_constraints_and_others_are_not() -> None:
    c = LocalId("c")
    indexes = (
        Index(LocalId("plain"), (IndexPart(c),), unique=True, method="btree"),
        Index(LocalId("short"), (IndexPart(c, length=5),), unique=True),
        Index(LocalId("words"), (IndexPart(c),), method="fulltext"),
    )
    found = lowered(table(column(SqlCharacter(20)), indexes=indexes))
    assert found.constraints == (UniqueConstraint(LocalId("plain"), (c,)),)
    assert [(index.name.name, index.method) for index in found.indexes] == [("short", None), ("words", "FULLTEXT")]


def test_markers_of_the_product_become_attributes() -> None:
    clock = column(SqlTimestamp(), markers=(MySQLOnUpdate("now()"), MySQLInvisible()))
    found = lowered(
        table(clock, markers=(MySQLOptions(engine="innodb", collation="utf8mb4_bin", row_format="dynamic"),))
    )
    assert (found.engine, found.collation, found.row_format) == (None, "utf8mb4_bin", "DYNAMIC")
    updated = found.column("c")
    assert isinstance(updated, MySQLColumn)
    assert (updated.on_update, updated.visible) == ("CURRENT_TIMESTAMP(6)", False)


def test_computed_columns_permit_null_where_the_server_cannot_forbid_it() -> None:
    computed = column(SqlInteger(8), generated=Generated('("id" + 1)'))
    assert lowered_column(computed) == MySQLColumn(LocalId("c"), SqlInteger(8), generated=Generated("`id` + 1"))
    assert lowered_column(computed, MARIADB).nullable is True


def test_labels_are_told_apart_as_python_does() -> None:
    assert lowered_column(column(SqlLabel(("a", "b")))).collation is None
    assert lowered_column(column(SqlLabel(("a", "A")))).collation == "utf8mb4_0900_bin"
    assert lowered_column(column(SqlLabelSet(("e", "é"))), MARIADB).collation == "utf8mb4_nopad_bin"
    check = LabelCheck(LocalId("ck"), LocalId("c"), ("it's", "b"))
    found = lowered(table(column(SqlCharacter()), constraints=(check,)))
    assert found.column("c").data_type == SqlCharacter(255)
    assert found.column("c").collation == "utf8mb4_0900_bin"
    assert found.constraints == (CheckConstraint(LocalId("ck"), "`c` in (_utf8mb4'it''s',_utf8mb4'b')"),)


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        (table(column(SqlTime(with_time_zone=True))), "no time of day with a time zone"),
        (table(column(SqlDecimal(66, 2))), "66 digits"),
        (table(column(SqlDecimal(40, 31))), "31 of them decimal"),
        (table(column(SqlBit(65))), "64 bits"),
        (table(column(SqlBit(3, varying=True))), "fixed length only"),
        (table(column(SqlInteger(5))), "5 bytes"),
        (table(column(SqlTimestamp(7))), "7 decimal digits"),
        (table(column(SqlLabel(("a ",)))), "ends with a blank"),
        (table(column(SqlLabel(("😀",)))), "question mark"),
        (table(column(SqlLabel(("x" * 256,)))), "longer than 255"),
        (table(column(SqlLabelSet(("a,b",)))), "has a comma"),
        (table(column(SqlNamed(QualifiedId(None, "State")))), "not defined"),
        (table(column(SqlDecimal(5), identity=IdentityMode.ALWAYS)), "counts in integers only"),
        (table(column(SqlInteger(8), identity=IdentityMode.ALWAYS)), "that a key begins with"),
        (table(column(SqlInteger(8), description="x" * 1025)), "1025 characters"),
        (table(column(SqlInteger(8), description="😀")), "question mark"),
        (table(column(SqlInteger(8), "c" * 65)), "65 characters"),
        (table(column(SqlInteger(8), "c ")), "ends with a blank"),
        (table(column(SqlInteger(8), "😀")), "question mark"),
        (table(column(SqlInteger(8), "c\n")), "ends with a blank"),
        (table(column(SqlInteger(8), "")), "name is empty"),
        (Table(QualifiedId(None, "日" * 51 + "t"), (column(SqlInteger(8)),)), "too long a name"),
        (table(column(SqlCharacter()), constraints=(UniqueConstraint(LocalId("uq"), (LocalId("c"),)),)), "MaxLength"),
        (table(column(SqlJson()), indexes=(Index(LocalId("ix"), (IndexPart(LocalId("c")),)),)), "JSON cannot be in"),
        (table(constraints=(ExclusionConstraint(LocalId("ex"), "EXCLUDE"),)), "no such constraint"),
        (table(constraints=(CheckConstraint(LocalId("ck"), "id > 0", validated=False),)), "checks all rows"),
        (
            table(constraints=(UniqueConstraint(LocalId("uq"), (ID,), deferrable=Deferrability.DEFERRED),)),
            "neither include columns, nor wait",
        ),
        (
            table(
                constraints=(
                    ForeignKeyConstraint(LocalId("fk"), (ID,), QualifiedId(None, "t"), (ID,), match_full=True),
                )
            ),
            "nor match in full",
        ),
        (
            table(
                constraints=(
                    ForeignKeyConstraint(
                        LocalId("fk"), (ID,), QualifiedId(None, "t"), (ID,), ReferentialAction.SET_DEFAULT
                    ),
                )
            ),
            "cannot set a default",
        ),
        (table(indexes=(Index(LocalId("ix"), (IndexPart(ID),), predicate="id > 0"),)), "neither partial nor covering"),
        (table(indexes=(Index(LocalId("ix"), (IndexPart(ID),), method="gin"),)), "no gin indexes"),
        (table(indexes=(Index(LocalId("ix"), (IndexPart(ID, nulls_first=True),)),)), "order of NULLs"),
    ],
)
def test_what_the_server_cannot_do_is_refused_with_the_name_of_the_object(subject: Table, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message) as refusal:
        lower(catalog(subject), MYSQL)
    assert "t" in str(refusal.value).split(":", maxsplit=1)[0]


def test_mariadb_refuses_what_only_mysql_can_do_and_the_other_way_round() -> None:
    unenforced = table(constraints=(CheckConstraint(LocalId("ck"), "id > 0", enforced=False),))
    functional = table(indexes=(Index(LocalId("ix"), (IndexPart(expression="id + 1"),)),))
    wide = table(constraints=(CheckConstraint(LocalId("ck"), "id <> '😀'"),))
    hashed = table(column(SqlCharacter()), constraints=(UniqueConstraint(LocalId("uq"), (LocalId("c"),)),))
    for subject in (unenforced, functional, wide):
        lower(catalog(subject), MYSQL)
        with pytest.raises(UnsupportedError):
            lower(catalog(subject), MARIADB)
    lower(catalog(hashed), MARIADB)


def test_two_tables_that_would_have_one_name_are_refused() -> None:
    first = Table(QualifiedId("a", "b__c"), (column(SqlInteger(8), "id"),))
    second = Table(QualifiedId("a__b", "c"), (column(SqlInteger(8), "id"),))
    given = Catalog((Namespace(LocalId("a"), tables=(first,)), Namespace(LocalId("a__b"), tables=(second,))))
    with pytest.raises(UnsupportedError, match="two tables"):
        lower(given, MYSQL)
