"""Columns that count, of MySQL and MariaDB: the servers want a key for them at any time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pysqlsync_engine.dialect.mysql.capabilities import features_of
from pysqlsync_engine.dialect.mysql.pool import connect
from pysqlsync_engine.dialect.mysql.scratch import canonicalize
from pysqlsync_engine.dialect.mysql.types import lower
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.migration.diff import diff
from pysqlsync_engine.model.data_types import SqlInteger
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    Column,
    Constraint,
    Generated,
    IdentityMode,
    Index,
    IndexPart,
    Namespace,
    PrimaryKeyConstraint,
    Table,
)
from tests.server_types import Server
from tests.test_mysql_alter import state
from tests.test_mysql_schema import discover, execute, script

COUNTED = "CREATE TABLE t (id int NOT NULL AUTO_INCREMENT, n int NOT NULL, v varchar(9), "
PLAIN = "CREATE TABLE t (id int NOT NULL, n int NOT NULL, v varchar(9), "
OTHER = "CREATE TABLE t (id int NOT NULL, n int NOT NULL AUTO_INCREMENT, v varchar(9), "
CASES = {
    "moves to another column with an index": (COUNTED + "PRIMARY KEY (id))", OTHER + "PRIMARY KEY (id), KEY kn (n))"),
    "moves to another column with a key": (COUNTED + "PRIMARY KEY (id))", OTHER + "PRIMARY KEY (id), UNIQUE un (n))"),
    "moves along with its index": (COUNTED + "KEY k (id))", OTHER + "KEY k (n))"),
    "moves along with its key": (
        COUNTED + "PRIMARY KEY (id), UNIQUE u (n))",
        OTHER + "PRIMARY KEY (n), UNIQUE u (id))",
    ),
    "primary key becomes an index": (COUNTED + "PRIMARY KEY (id))", COUNTED + "PRIMARY KEY (n), KEY k (id))"),
    "primary key becomes a longer index": (COUNTED + "PRIMARY KEY (id))", COUNTED + "PRIMARY KEY (n), KEY k (id, n))"),
    "primary key becomes unique": (COUNTED + "PRIMARY KEY (id))", COUNTED + "PRIMARY KEY (n, id), UNIQUE k (id DESC))"),
    "primary key is dropped": (COUNTED + "PRIMARY KEY (id))", COUNTED + "KEY k (id) COMMENT 'k')"),
    "key becomes an index of the same name": (COUNTED + "UNIQUE k (id))", COUNTED + "KEY k (id))"),
    "index is renamed": (COUNTED + "PRIMARY KEY (n), KEY k (id))", COUNTED + "PRIMARY KEY (n), KEY l (id))"),
    "index is replaced": (COUNTED + "PRIMARY KEY (n), KEY k (id))", COUNTED + "PRIMARY KEY (n), KEY l (id, v))"),
    "index is longer": (COUNTED + "PRIMARY KEY (n), KEY k (id))", COUNTED + "PRIMARY KEY (n), KEY k (id, n))"),
    "indexes exchange names": (COUNTED + "KEY k (id), KEY l (n))", COUNTED + "KEY k (n), KEY l (id, n))"),
    "key takes the name of the index": (
        COUNTED + "KEY k (id), UNIQUE u (n))",
        COUNTED + "KEY u (id, n), UNIQUE k (n))",
    ),
    "comes and goes with its index": (PLAIN + "PRIMARY KEY (n))", COUNTED + "PRIMARY KEY (n), KEY k (id))"),
    "comes and goes with a longer key": (PLAIN + "PRIMARY KEY (n))", COUNTED + "PRIMARY KEY (id, n))"),
    "column comes and goes": ("CREATE TABLE t (n int NOT NULL, v varchar(9))", COUNTED + "KEY k (id))"),
    "column comes and goes besides a key": (
        "CREATE TABLE t (n int NOT NULL PRIMARY KEY, v varchar(9))",
        COUNTED + "PRIMARY KEY (n), KEY k (id, v))",
    ),
    "type changes with the index": (
        COUNTED + "PRIMARY KEY (n), KEY k (id))",
        COUNTED.replace("id int", "id bigint unsigned") + "PRIMARY KEY (n), UNIQUE l (id))",
    ),
    "anywhere in a key": (
        COUNTED + "PRIMARY KEY (n, id)) ENGINE=MyISAM",
        COUNTED + "PRIMARY KEY (n), KEY k (v, id)) ENGINE=MyISAM",
    ),
    "another column is computed and indexed": (
        COUNTED + "g int AS (n + 1) STORED, PRIMARY KEY (id), KEY kg (g))",
        COUNTED + "g int AS (n + 2) STORED, PRIMARY KEY (n), KEY kg (g), KEY k (id, g))",
    ),
    "new column that rows get a made-up value for": (
        COUNTED + "PRIMARY KEY (id))",
        COUNTED + "tenant int NOT NULL, PRIMARY KEY (tenant, id), KEY k (id))",
    ),
}
ROWS = {"id": (3, 4, 9), "n": (7, 5, 9), "v": ("'x'", "'y'", "NULL"), "tenant": (1, 2, 1)}


def columns(catalog: Catalog) -> list[str]:
    """:returns: Columns of the only table that rows have values for, in order."""
    (table,) = catalog.tables()
    return [name for name in ROWS if any(column.name.name == name for column in table.columns)]


@pytest.mark.parametrize("name", CASES)
async def test_column_that_counts_keeps_a_key_while_keys_and_columns_change(mysql: Server, name: str) -> None:
    async with connect(mysql.parameters) as session:
        for source, target in (CASES[name], CASES[name][::-1]):
            wanted = await state(session, [target])
            current = await state(session, [source])
            present = columns(current)
            rows = zip(*(ROWS[column] for column in present), strict=True)
            listed = ", ".join(f"({', '.join(map(str, row))})" for row in rows)
            await session.execute(f"INSERT INTO t ({', '.join(present)}) VALUES {listed}")
            kept = ", ".join(column for column in present if column in columns(wanted))
            before = await session.fetch(f"SELECT {kept} FROM t ORDER BY n")
            statements = script(session, current, wanted)
            await execute(session, statements)
            assert await session.fetch(f"SELECT {kept} FROM t ORDER BY n") == before
            assert script(session, await discover(session), wanted) == [], statements


MENTIONS = {
    "check": ("constraints", CheckConstraint(LocalId("ck"), 'n > 0 AND "Id" > 5')),
    "bare": ("constraints", CheckConstraint(LocalId("ck"), "n <> 'x' OR iD>5")),
    "stored": ("columns", Column(LocalId("g"), SqlInteger(4), nullable=True, generated=Generated("id + 1"))),
    "virtual": (
        "columns",
        Column(LocalId("g"), SqlInteger(4), nullable=True, generated=Generated("`Id`", stored=False)),
    ),
    "default": ("columns", Column(LocalId("g"), SqlInteger(4), default="(id + 1)")),
    "index": ("indexes", Index(LocalId("ix"), (IndexPart(expression="Id + 1"),))),
}


def counted(field: str, part: Column | Constraint | Index, *, name: str = "Id") -> Catalog:
    """:returns: A catalog of a table with a column that counts, and a further column, constraint or index."""
    counting = Column(LocalId(name), SqlInteger(4), identity=IdentityMode.BY_DEFAULT)
    number = Column(LocalId("n"), SqlInteger(4))
    table = Table(QualifiedId(None, "t"), (counting, number), PrimaryKeyConstraint(LocalId("pk"), (counting.name,)))
    table = replace(table, **{field: (*getattr(table, field), part)})
    return Catalog((Namespace(LocalId(""), tables=(table,)),))


@pytest.mark.parametrize("name", MENTIONS)
async def test_what_mentions_a_column_that_counts_is_refused_before_anything_is_changed(
    mysql: Server, name: str
) -> None:
    field, part = MENTIONS[name]
    catalog = counted(field, part)
    async with connect(mysql.parameters) as session:
        if name == "virtual" and features_of(mysql.version).mariadb:
            desired = lower(catalog, mysql.capabilities)
            await execute(session, script(session, await discover(session), desired))
            assert script(session, await discover(session), desired) == []
            return
        expected = r"expression|t\.Id: the server counts in no column that the .* mentions"
        with pytest.raises(UnsupportedError, match=expected):
            lower(catalog, mysql.capabilities)


async def test_what_only_looks_like_a_column_that_counts_is_not_refused(mysql: Server) -> None:
    part = CheckConstraint(LocalId("ck"), "n <> 'abs' AND abs(n) > 0 AND n <> 4")
    catalog = counted("constraints", part, name="abs")
    async with connect(mysql.parameters) as session:
        desired = await canonicalize(session, Catalog(), lower(catalog, mysql.capabilities))
        await execute(session, script(session, await discover(session), desired))
        assert script(session, await discover(session), desired) == []


N, ID, TENANT = LocalId("n"), LocalId("id"), LocalId("tenant")
Names = tuple[LocalId, ...]
FILLED: dict[str, tuple[Names, dict[str, Names], Names, dict[str, Names]]] = {
    "index comes before rows are filled": ((ID,), {}, (TENANT, ID), {"k": (ID,)}),
    "index goes after rows are filled": ((N,), {"k": (ID,)}, (ID, TENANT), {}),
    "index is replaced after rows are filled": ((N,), {"k": (ID,)}, (ID, TENANT), {"k": (N, ID)}),
}


def keyed(key: Names, indexes: dict[str, Names], *columns: LocalId) -> Catalog:
    """:returns: A catalog of a table in which `id` counts, and `tenant` has to be filled."""
    table = Table(
        QualifiedId(None, "t"),
        tuple(
            Column(
                name,
                SqlInteger(4),
                identity=IdentityMode.BY_DEFAULT if name == ID else None,
                backfill="n + 1" if name == TENANT else None,
            )
            for name in columns
        ),
        PrimaryKeyConstraint(LocalId("pk"), key) if key else None,
        indexes=tuple(Index(LocalId(name), tuple(map(IndexPart, parts))) for name, parts in indexes.items()),
    )
    return Catalog((Namespace(LocalId(""), tables=(table,)),))


@pytest.mark.parametrize("name", FILLED)
async def test_column_that_counts_keeps_a_key_while_rows_are_filled(mysql: Server, name: str) -> None:
    key, indexes, later_key, later_indexes = FILLED[name]
    source = lower(keyed(key, indexes, ID, N), mysql.capabilities)
    target = lower(keyed(later_key, later_indexes, ID, N, TENANT), mysql.capabilities)
    async with connect(mysql.parameters) as session:
        await execute(session, script(session, await discover(session), source))
        await session.execute("INSERT INTO t (n) VALUES (5), (7)")
        await execute(session, script(session, await discover(session), target))
        assert await session.fetch("SELECT id, n, tenant FROM t ORDER BY id") == [(1, 5, 6), (2, 7, 8)]
        assert script(session, await discover(session), target) == []


def test_column_that_would_be_without_a_key_while_rows_are_filled_is_refused(mysql: Server) -> None:
    source = lower(keyed((), {}, N), mysql.capabilities)
    target = lower(keyed((ID, TENANT), {}, N, ID, TENANT), mysql.capabilities)
    with pytest.raises(
        UnsupportedError, match="t: the column that counts would be without a key while rows are filled"
    ):
        diff(source, target, capabilities=mysql.capabilities)
