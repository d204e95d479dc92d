"""Indexes and keys of several tables that get the names of each other."""

from __future__ import annotations

import itertools

import pytest

from pysqlsync_engine.dialect.mysql.pool import connect
from pysqlsync_engine.dialect.postgresql import DIALECT
from tests.server_types import Server
from tests.test_mysql_alter import state
from tests.test_mysql_schema import discover, execute, script
from tests.test_postgresql_alterations import change

TABLES = "CREATE TABLE t (i int, n int); CREATE TABLE u (i int, n int); CREATE TABLE v (i int, n int); "
INDEXES = {
    "exchanged": "CREATE INDEX a ON t (i); CREATE INDEX b ON u (i); CREATE INDEX c ON v (i);",
    "back": "CREATE INDEX b ON t (i); CREATE INDEX a ON u (i); CREATE INDEX c ON v (i);",
    "in a circle": "CREATE INDEX b ON t (i); CREATE INDEX c ON u (i); CREATE INDEX a ON v (i);",
    "in a row": "CREATE INDEX c ON t (i); CREATE INDEX d ON u (i); CREATE INDEX e ON v (i);",
    "some dropped": "CREATE INDEX d ON t (i); CREATE INDEX a ON u (n); CREATE INDEX e ON t (n);",
    "within a table too": "CREATE INDEX e ON t (i); CREATE INDEX d ON u (i); CREATE INDEX a ON t (n);",
    "keys": "ALTER TABLE t ADD CONSTRAINT a UNIQUE (i); ALTER TABLE u ADD CONSTRAINT b UNIQUE (i); CREATE INDEX c ON v (i);",
    "keys exchanged": "ALTER TABLE t ADD CONSTRAINT b UNIQUE (i); ALTER TABLE u ADD CONSTRAINT c UNIQUE (i); CREATE INDEX a ON v (i);",
    "key of a new table": (
        "ALTER TABLE t ADD CONSTRAINT c UNIQUE (i); ALTER TABLE u ADD CONSTRAINT a PRIMARY KEY (i);"
        " CREATE TABLE aa (i int, CONSTRAINT b UNIQUE (i));"
    ),
}


@pytest.mark.parametrize("source", INDEXES)
async def test_indexes_and_keys_of_tables_exchange_names(postgresql: Server, source: str) -> None:
    async with DIALECT.connect(postgresql.parameters) as session:
        for target in INDEXES:
            await change(session, TABLES + INDEXES[source], TABLES + INDEXES[target])
            await session.execute("DROP SCHEMA main CASCADE")


KEYS = (
    "KEY x (a), UNIQUE y (b), UNIQUE z (c)",
    "KEY y (a), UNIQUE z (b), UNIQUE x (c)",
    "KEY z (a), UNIQUE x (b), UNIQUE y (c)",
    "KEY x (c), UNIQUE z (b), UNIQUE y (a)",
    "KEY x (a), UNIQUE z (b), UNIQUE y (c)",
)


@pytest.mark.parametrize(("source", "target"), [*itertools.permutations(range(len(KEYS)), 2)])
async def test_index_and_keys_of_a_table_exchange_names(mysql: Server, source: int, target: int) -> None:
    before, after = (f"CREATE TABLE t (a int, b int, c int, {KEYS[number]})" for number in (source, target))
    async with connect(mysql.parameters) as session:
        wanted = await state(session, [after])
        current = await state(session, [before])
        statements = script(session, current, wanted)
        await execute(session, statements)
        assert script(session, await discover(session), wanted) == [], statements
