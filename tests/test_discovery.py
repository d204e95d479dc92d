"""What is found on a live server, whatever is there besides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.dialect.postgresql.objects import PostgreSQLTable
from pysqlsync_engine.dialect.postgresql.reader import PostgreSQLReader
from pysqlsync_engine.dialect.postgresql.session import connect
from pysqlsync_engine.discovery.assemble import assemble
from pysqlsync_engine.errors import DiscoveryError, StatementError
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBit,
    SqlCharacter,
    SqlDecimal,
    SqlInteger,
    SqlInterval,
    SqlNamed,
    SqlNetworkAddress,
    SqlOpaque,
    SqlTimestamp,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    EnumType,
    ForeignKeyConstraint,
    IdentityMode,
    Namespace,
    PrimaryKeyConstraint,
    ReferentialAction,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.parameters import ConnectionParameters
from pysqlsync_engine.session import Row, Session
from tests.servers import Server


class CountingSession:
    """A real session that remembers what it was asked."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.statements: list[str] = []

    @property
    def capabilities(self) -> Capabilities:
        return self._session.capabilities

    @property
    def parameters(self) -> ConnectionParameters:
        return self._session.parameters

    async def execute(self, statement: str, *arguments: Any) -> int:
        self.statements.append(statement)
        return await self._session.execute(statement, *arguments)

    async def fetch(self, statement: str, *arguments: Any) -> list[Row]:
        self.statements.append(statement)
        return await self._session.fetch(statement, *arguments)

    def transaction(self) -> AbstractAsyncContextManager[None]:
        return self._session.transaction()

    async def lock_schema(self, name: str, *, timeout_s: float) -> None:
        await self._session.lock_schema(name, timeout_s=timeout_s)

    def hold_schema(self, name: str, *, timeout_s: float) -> AbstractAsyncContextManager[None]:
        return self._session.hold_schema(name, timeout_s=timeout_s)

    def unlimited_locks(self) -> AbstractAsyncContextManager[None]:
        return self._session.unlimited_locks()


@pytest.fixture
async def session(postgresql: Server) -> AsyncIterator[Session]:
    async with connect(postgresql.parameters) as session:
        yield session


async def discover(
    session: Session, namespaces: Sequence[str] | None = None, *, lookups: Sequence[QualifiedId] = ()
) -> Catalog:
    return assemble(await PostgreSQLReader(session.capabilities).fetch(session, namespaces, lookups=lookups))


async def discover_table(session: Session, namespace: str, name: str) -> Table:
    table = (await discover(session)).find_table(QualifiedId(namespace, name))
    assert table is not None
    return table


def table_names(catalog: Catalog) -> list[str]:
    return [table.name.display for table in catalog.tables()]


async def test_empty_namespace_is_found_and_missing_one_is_left_out(session: Session) -> None:
    await session.execute("CREATE SCHEMA empty")
    catalog = await discover(session, ["empty", "missing"])
    assert catalog == Catalog((Namespace(LocalId("empty")),))


async def test_all_namespaces_are_those_of_users(session: Session) -> None:
    await session.execute('CREATE SCHEMA "Über"')
    await session.execute("CREATE TEMPORARY TABLE staging (id integer)")
    catalog = await discover(session)
    assert [namespace.name.name for namespace in catalog.namespaces] == ["public", "Über"]
    assert table_names(catalog) == []


async def test_only_tables_are_tables(session: Session) -> None:
    await session.execute("""
        CREATE TABLE base (id integer PRIMARY KEY, day date);
        CREATE VIEW seen AS SELECT * FROM base;
        CREATE MATERIALIZED VIEW kept AS SELECT * FROM base;
        CREATE TABLE divided (day date NOT NULL) PARTITION BY RANGE (day);
        CREATE TABLE part PARTITION OF divided FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
        CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
        CREATE FOREIGN TABLE far (id integer) SERVER nowhere;
        CREATE SEQUENCE numbers;
        CREATE TABLE counted (id serial, other integer GENERATED ALWAYS AS IDENTITY);
        CREATE UNLOGGED TABLE brief (id integer);
        CREATE TABLE child () INHERITS (base)
    """)
    catalog = await discover(session)
    assert table_names(catalog) == ["public.base", "public.brief", "public.child", "public.counted", "public.divided"]
    assert catalog.unmanaged == (
        "foreign table public.far",
        "inheritance public.child",
        "materialized view public.kept",
        "partition public.part",
        "sequence public.numbers",
        "view public.seen",
    )
    options = {
        table.name.name: (table.partition_by, table.unlogged)
        for table in catalog.tables()
        if isinstance(table, PostgreSQLTable)
    }
    assert options["divided"] == ("RANGE (day)", False)
    assert options["brief"] == (None, True)
    assert options["base"] == (None, False)


UNMANAGED = {
    "storage parameters of table public.t",
    "storage parameters of constraint public.t.t_pkey",
    "comment on constraint public.t.odd",
    "row security of table public.t",
    "cluster on index public.i",
    "options of sequence public.t.c",
    "collation public.kept.x",
    "collation public.german",
    "function public.f()",
    "procedure public.p(INOUT x integer)",
    "trigger public.t.g",
    "rule public.t.r",
    "policy public.t.q",
    "statistics public.s",
    "range public.span",
}


async def test_what_the_model_has_no_words_for_is_reported(session: Session) -> None:
    await session.execute(
        """
        CREATE TABLE t (
            a integer PRIMARY KEY WITH (fillfactor = 70), b integer CONSTRAINT odd CHECK (b > 0),
            c integer GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT 5), d serial
        ) WITH (fillfactor = 70);
        COMMENT ON CONSTRAINT odd ON t IS 'odd';
        ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES t;
        CREATE INDEX i ON t (b);
        ALTER TABLE t CLUSTER ON i;
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    """
    )
    await session.execute("""
        CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
        CREATE PROCEDURE p(INOUT x integer) LANGUAGE sql AS 'SELECT 1';
        CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING;
        CREATE POLICY q ON t;
        CREATE STATISTICS s ON a, b FROM t;
        CREATE TYPE span AS RANGE (SUBTYPE = date);
        CREATE TYPE kept AS (x text COLLATE "C");
        CREATE COLLATION german (locale = 'C');
    """)
    catalog = await discover(session, ["public"])
    assert set(catalog.unmanaged) >= UNMANAGED
    assert not [name for name in catalog.unmanaged if name.startswith(("sequence", "options of sequence public.t.d"))]


async def test_members_of_extensions_are_not_found(session: Session) -> None:
    await session.execute("""
        CREATE EXTENSION citext;
        CREATE TABLE belongs (id integer PRIMARY KEY, made integer GENERATED ALWAYS AS (1) STORED);
        CREATE TYPE label AS ENUM ('a'); CREATE TYPE pair AS (x integer);
        ALTER EXTENSION citext ADD TABLE belongs;
        ALTER EXTENSION citext ADD TYPE label; ALTER EXTENSION citext ADD TYPE pair;
        CREATE TABLE own (name citext, others citext[], l label, p pair)
    """)
    catalog = await discover(session)
    assert table_names(catalog) == ["public.own"]
    assert catalog.namespaces[0].enums == ()
    assert catalog.namespaces[0].structs == ()
    assert catalog.unmanaged == ()
    types = [column.data_type for table in catalog.tables() for column in table.columns]
    assert types == [
        SqlOpaque("public.citext"),
        SqlArray(SqlOpaque("public.citext")),
        SqlOpaque("public.label"),
        SqlOpaque("public.pair"),
    ]


async def test_hostile_names_are_read_as_they_are(session: Session) -> None:
    await session.execute("""
        CREATE SCHEMA "a.b""c";
        CREATE TYPE "a.b""c"."x[]" AS ENUM ('it''s', 'back\\slash', '', ' ');
        CREATE TABLE "a.b""c"."select; --" (
            "reply-to" text DEFAULT 'it''s \\', "4o6" integer, "ünï""q" "a.b""c"."x[]"[], "$1" text,
            CONSTRAINT "PK %s" PRIMARY KEY ("4o6", "reply-to"), CONSTRAINT "C'k" CHECK ("$1" <> '(''"')
        )
    """)
    catalog = await discover(session, ['a.b"c'])
    (namespace,) = catalog.namespaces
    name = QualifiedId('a.b"c', "x[]")
    assert namespace.enums == (EnumType(name, ("it's", "back\\slash", "", " ")),)
    (table,) = namespace.tables
    assert table.name == QualifiedId('a.b"c', "select; --")
    assert table.column_names == ("reply-to", "4o6", 'ünï"q', "$1")
    assert table.column("reply-to").default == "'it''s \\'::text"
    assert table.column('ünï"q').data_type == SqlArray(SqlNamed(name))
    assert table.primary_key == PrimaryKeyConstraint(LocalId("PK %s"), (LocalId("4o6"), LocalId("reply-to")))
    assert table.constraints == (CheckConstraint(LocalId("C'k"), "\"$1\" <> '(''\"'::text"),)


async def test_constraints_have_their_columns_in_key_order(session: Session) -> None:
    await session.execute("""
        CREATE SCHEMA other;
        CREATE TABLE other.target (a integer, b integer, c integer, CONSTRAINT pk PRIMARY KEY (c, a),
            CONSTRAINT uq UNIQUE (b, a));
        CREATE TABLE source (x integer, y integer, z integer,
            CONSTRAINT fk FOREIGN KEY (z, x) REFERENCES other.target ON DELETE CASCADE ON UPDATE SET NULL,
            CONSTRAINT other_fk FOREIGN KEY (y, x) REFERENCES other.target (b, a) ON DELETE RESTRICT);
    """)
    target = await discover_table(session, "other", "target")
    assert target.key_names == ("c", "a")
    assert target.constraints == (UniqueConstraint(LocalId("uq"), (LocalId("b"), LocalId("a"))),)
    # the table that is referred to lies in a namespace that was not asked for
    (source,) = (await discover(session, ["public"])).tables()
    assert source.foreign_keys == (
        ForeignKeyConstraint(
            LocalId("fk"),
            (LocalId("z"), LocalId("x")),
            QualifiedId("other", "target"),
            (LocalId("c"), LocalId("a")),
            on_delete=ReferentialAction.CASCADE,
            on_update=ReferentialAction.SET_NULL,
        ),
        ForeignKeyConstraint(
            LocalId("other_fk"),
            (LocalId("y"), LocalId("x")),
            QualifiedId("other", "target"),
            (LocalId("b"), LocalId("a")),
            on_delete=ReferentialAction.RESTRICT,
        ),
    )


async def test_foreign_key_to_a_partitioned_table_is_one_constraint(session: Session) -> None:
    await session.execute("""
        CREATE TABLE divided (id integer PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE part PARTITION OF divided FOR VALUES FROM (0) TO (9);
        CREATE TABLE t (id integer CONSTRAINT fk REFERENCES divided)
    """)
    assert len((await discover_table(session, "public", "t")).constraints) == 1


async def test_not_null_is_no_constraint_of_its_own(session: Session) -> None:
    await session.execute("CREATE TABLE t (id integer PRIMARY KEY, name text NOT NULL, note text)")
    table = await discover_table(session, "public", "t")
    assert table.constraints == ()
    assert [column.nullable for column in table.columns] == [False, False, True]


async def test_comments_are_read(session: Session) -> None:
    await session.execute("""
        CREATE TABLE t (id integer, name text); CREATE TYPE e AS ENUM ('a'); CREATE TYPE s AS (x integer, y text);
        CREATE VIEW v AS SELECT 1;
        COMMENT ON TABLE t IS 'It''s a table'; COMMENT ON COLUMN t.name IS E'two\\nlines';
        COMMENT ON TYPE e IS 'labels'; COMMENT ON TYPE s IS 'members'; COMMENT ON COLUMN s.y IS 'second';
    """)
    (namespace,) = (await discover(session)).namespaces
    assert namespace.tables[0].description == "It's a table"
    assert [column.description for column in namespace.tables[0].columns] == [None, "two\nlines"]
    assert namespace.enums[0].description == "labels"
    assert namespace.structs[0].description == "members"
    assert [member.description for member in namespace.structs[0].members] == [None, "second"]


async def test_enum_labels_are_in_the_order_in_which_they_compare(session: Session) -> None:
    await session.execute("CREATE TYPE e AS ENUM ('b', 'd')")
    await session.execute("ALTER TYPE e ADD VALUE 'c' BEFORE 'd'")
    await session.execute("ALTER TYPE e ADD VALUE 'a' BEFORE 'b'")
    await session.execute("ALTER TYPE e ADD VALUE 'e'")
    await session.execute("CREATE TYPE void AS ENUM ()")
    (namespace,) = (await discover(session)).namespaces
    assert [enum.labels for enum in namespace.enums] == [("a", "b", "c", "d", "e"), ()]


async def test_types_of_one_name_in_two_namespaces_are_kept_apart(session: Session) -> None:
    await session.execute(
        """
        CREATE SCHEMA one; CREATE SCHEMA two;
        CREATE TYPE one.state AS ENUM ('a'); CREATE TYPE two.state AS (x integer);
        CREATE TABLE one.t (own one.state DEFAULT 'a', other two.state)
    """
    )
    await session.execute("SET search_path = two, one, public")
    table = await discover_table(session, "one", "t")
    assert [column.data_type for column in table.columns] == [
        SqlNamed(QualifiedId("one", "state")),
        SqlNamed(QualifiedId("two", "state")),
    ]
    assert table.column("own").default == "'a'::one.state"


async def test_row_type_of_a_table_is_no_type_of_the_catalog(session: Session) -> None:
    await session.execute("CREATE TABLE a (id integer); CREATE TABLE b (whole a, many a[])")
    table = await discover_table(session, "public", "b")
    assert [column.data_type for column in table.columns] == [SqlOpaque("public.a"), SqlArray(SqlOpaque("public.a"))]


@pytest.mark.parametrize("path", ["", "public", "hidden, public, pg_catalog", "pg_catalog, hidden"])
async def test_search_path_and_other_settings_change_nothing(session: Session, path: str) -> None:
    await session.execute(
        """
        CREATE SCHEMA hidden;
        CREATE TYPE hidden.text AS ENUM ('x'); CREATE TYPE hidden."Kind" AS ENUM ('x', 'y');
        CREATE FUNCTION hidden.set_config(text, text, boolean) RETURNS pg_catalog.text LANGUAGE sql AS 'SELECT ''x''::pg_catalog.text';
        CREATE FUNCTION hidden.current_setting(text) RETURNS pg_catalog.text LANGUAGE sql AS 'SELECT ''x''::pg_catalog.text';
        CREATE TABLE hidden.pg_class (oid oid, relname name);
        CREATE TABLE hidden.t (
            id bigserial PRIMARY KEY, kind hidden."Kind" DEFAULT 'x' CHECK (kind <> 'y'::hidden."Kind"),
            at timestamptz DEFAULT '2020-01-02 03:04:05+00', "user" pg_catalog.text DEFAULT '\\', f hidden.text
        );
    """
    )
    expected = await discover(session, ["hidden"])
    await session.fetch("SELECT pg_catalog.set_config('search_path', $1, false)", path)
    for setting in (
        "quote_all_identifiers = on",
        "standard_conforming_strings = off",
        "TimeZone = 'Asia/Tokyo'",
        "DateStyle = 'German'",
    ):
        await session.execute(f"SET {setting}")
    found = await discover(session, ["hidden"])
    assert found == expected
    table = found.find_table(QualifiedId("hidden", "t"))
    assert table is not None
    assert [column.default for column in table.columns] == [
        None,
        "'x'::hidden.\"Kind\"",
        "'2020-01-02 03:04:05+00'::timestamp with time zone",
        "'\\'::text",
        None,
    ]
    assert table.column("user").data_type == SqlCharacter()
    assert table.column("f").data_type == SqlNamed(QualifiedId("hidden", "text"))
    assert await session.fetch("SELECT pg_catalog.current_setting('search_path')") == [(path,)]


async def test_transaction_of_the_caller_has_its_settings_again(session: Session) -> None:
    await session.execute("CREATE SCHEMA mine")
    async with session.transaction():
        await session.execute("SET LOCAL search_path = mine")
        await session.execute("CREATE TABLE t (id integer)")
        assert table_names(await discover(session)) == ["mine.t"]
        await session.execute("INSERT INTO t VALUES (1)")
        assert await session.fetch("SELECT pg_catalog.current_setting('search_path')") == [("mine",)]
        assert await session.fetch("SELECT id FROM mine.t") == [(1,)]


async def test_failed_discovery_leaves_the_transaction_of_the_caller_usable(session: Session) -> None:
    await session.execute("CREATE TABLE shut (id integer, value point)")
    await session.execute("CREATE ROLE nobody_special")
    async with session.transaction():
        await session.execute("SET LOCAL search_path = public")
        await session.execute("SET LOCAL ROLE nobody_special")
        with pytest.raises(StatementError, match="shut"):
            await discover(session, lookups=[QualifiedId("public", "shut")])
        assert await session.fetch("SELECT pg_catalog.current_setting('search_path')") == [("public",)]
    await session.execute("DROP ROLE nobody_special")


async def test_lookup_labels_are_read_in_order_of_their_ids(session: Session) -> None:
    await session.execute("""
        CREATE TABLE "Look up" (id integer PRIMARY KEY, "value" text);
        INSERT INTO "Look up" VALUES (3, 'third'), (1, 'it''s'), (2, '');
        CREATE TABLE bare (id integer PRIMARY KEY, value text);
        CREATE TABLE plain (id integer, label text);
        CREATE VIEW sight AS SELECT 1 AS id, 'a' AS value
    """)
    names = [QualifiedId("public", name) for name in ("bare", "Look up", "plain", "sight", "missing", "bare")]
    labels = {table.name.name: table.labels for table in (await discover(session, lookups=names)).tables()}
    assert labels == {"Look up": ("it's", "", "third"), "bare": (), "plain": None}


async def test_lookup_row_without_a_label_is_an_error(session: Session) -> None:
    await session.execute("CREATE TABLE l (id integer, value text); INSERT INTO l VALUES (1, NULL)")
    with pytest.raises(DiscoveryError, match=r"public\.l\.value: a row .* has no label"):
        await discover(session, lookups=[QualifiedId("public", "l")])


async def test_dropped_column_is_gone(session: Session) -> None:
    await session.execute(
        "CREATE TABLE t (a integer, b integer, c integer, UNIQUE (a, c)); CREATE TYPE s AS (x int, y int)"
    )
    await session.execute("ALTER TABLE t DROP COLUMN b; ALTER TYPE s DROP ATTRIBUTE x; ALTER TABLE t ADD COLUMN b text")
    (namespace,) = (await discover(session)).namespaces
    assert namespace.tables[0].column_names == ("a", "c", "b")
    assert [member.name.name for member in namespace.structs[0].members] == ["y"]


async def test_table_without_columns_is_found(session: Session) -> None:
    await session.execute("CREATE TABLE t ()")
    assert (await discover_table(session, "public", "t")).columns == ()


async def test_identity_and_serial_columns(session: Session) -> None:
    await session.execute("""
        CREATE TABLE t (a integer GENERATED ALWAYS AS IDENTITY, b bigint GENERATED BY DEFAULT AS IDENTITY, c serial)
    """)
    table = await discover_table(session, "public", "t")
    modes = [IdentityMode.ALWAYS, IdentityMode.BY_DEFAULT, IdentityMode.SERIAL]
    assert [column.identity for column in table.columns] == modes
    assert [column.default for column in table.columns] == [None, None, None]
    assert [column.sequence for column in table.columns] == [None, None, None]


async def test_sequence_that_is_not_the_own_one_of_a_column_is_told(session: Session) -> None:
    await session.execute("""
        CREATE SEQUENCE "Odd seq'q";
        CREATE TABLE a (id serial, other integer DEFAULT nextval('"Odd seq''q"'));
        CREATE TABLE b (id bigint DEFAULT nextval('a_id_seq'), text text DEFAULT 'x' || nextval('a_id_seq')::text)
    """)
    a, b = (await discover(session)).tables()
    assert (a.column("id").sequence, a.column("id").identity) == (None, IdentityMode.SERIAL)
    assert a.column("other").sequence == QualifiedId("public", "Odd seq'q")
    assert b.column("id").sequence == QualifiedId("public", "a_id_seq")
    assert b.column("text").identity is None
    assert b.column("text").default == "('x'::text || (nextval('public.a_id_seq'::regclass))::text)"


TYPES = {
    "bit(3)": SqlBit(3),
    "bit": SqlBit(1),
    "bit varying": SqlBit(varying=True),
    "varbit(5)": SqlBit(5, varying=True),
    "money": SqlOpaque("money"),
    "point": SqlOpaque("point"),
    "name": SqlOpaque("name"),
    "oid": SqlOpaque("oid"),
    "inet": SqlNetworkAddress(),
    "cidr": SqlOpaque("cidr"),
    "xml": SqlOpaque("xml"),
    '"char"': SqlOpaque('"char"'),
    "bpchar": SqlOpaque("bpchar"),
    "varchar": SqlOpaque("character varying"),
    "varchar[]": SqlArray(SqlOpaque("character varying")),
    "int4range": SqlOpaque("int4range"),
    "oidvector": SqlOpaque("oidvector"),
    "interval year to month": SqlOpaque("interval year to month"),
    "interval day to second(3)": SqlOpaque("interval day to second(3)"),
    "interval(3)": SqlInterval(3),
    "timestamptz(0)": SqlTimestamp(0, with_time_zone=True),
    "timestamp(6)": SqlTimestamp(6),
    "timestamp": SqlTimestamp(),
    "numeric(12)": SqlDecimal(12, 0),
    "char": SqlCharacter(1, fixed=True),
    "integer[][]": SqlArray(SqlInteger(4)),
    "integer[3]": SqlArray(SqlInteger(4)),
    "numeric(10, 2)[]": SqlArray(SqlDecimal(10, 2)),
    "tsvector": SqlOpaque("tsvector"),
}


async def test_types_that_are_not_modelled_keep_their_spelling(session: Session) -> None:
    await session.execute(f"CREATE TABLE t ({', '.join(f'c{n} {name}' for n, name in enumerate(TYPES))})")
    table = await discover_table(session, "public", "t")
    found = dict(zip(TYPES, (column.data_type for column in table.columns), strict=True))
    assert found == TYPES


async def test_whole_database_takes_at_most_eight_queries(session: Session) -> None:
    for number in range(30):
        await session.execute(f"""
            CREATE TYPE e{number} AS ENUM ('a', 'b');
            CREATE TABLE t{number} (id integer PRIMARY KEY, value text UNIQUE, e e{number});
            INSERT INTO t{number} VALUES (1, 'one')
        """)
    counting = CountingSession(session)
    lookups = [QualifiedId("public", f"t{number}") for number in range(30)]
    catalog = await discover(counting, lookups=lookups)
    queries = [statement for statement in counting.statements if "set_config" not in statement]
    assert len(queries) <= 8
    assert [table.labels for table in catalog.tables()] == [("one",)] * 30
