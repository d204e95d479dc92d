"""Tables of MySQL and MariaDB become other tables, in both directions."""

from __future__ import annotations

import pytest

from pysqlsync_engine.dialect.mysql.pool import connect
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.model.object_types import Catalog
from tests.server_types import Server
from tests.test_mysql_schema import discover, empty, execute, script

PARENT = "CREATE TABLE p (id int PRIMARY KEY, u int UNIQUE, v varchar(20))"
CASES = {
    "columns": (
        [PARENT],
        [
            PARENT.replace(
                "u int", "n varchar(5) NOT NULL DEFAULT 'x', t timestamp NULL, g int AS (u + 1), j json, u int"
            )
        ],
    ),
    "types": (
        ["CREATE TABLE t (a int, b varchar(10), c text, d enum('a','b'), e decimal(5,2))"],
        [
            (
                "CREATE TABLE t (a bigint unsigned NOT NULL DEFAULT 5, b varchar(300) COLLATE utf8mb4_bin, c mediumtext,"
                " d enum('a','c','b') DEFAULT 'c', e decimal(10,3) NOT NULL)"
            )
        ],
    ),
    "keys": (
        ["CREATE TABLE t (a int, b int, c int, PRIMARY KEY (a), UNIQUE x (c))"],
        ["CREATE TABLE t (a int, b int, c int, PRIMARY KEY (b, a), KEY x (c))"],
    ),
    "counting": (["CREATE TABLE t (a int PRIMARY KEY)"], ["CREATE TABLE t (a int AUTO_INCREMENT PRIMARY KEY)"]),
    "indexes": (
        [
            "CREATE TABLE t (a int, b varchar(99), c text, KEY x (a), KEY y (b(5)), FULLTEXT f (c), KEY z (a, b) COMMENT 'z')"
        ],
        ["CREATE TABLE t (a int, b varchar(99), c text, KEY x (b), KEY y2 (b(5)), FULLTEXT f (c, b), KEY z (a, b))"],
    ),
    "checks": (
        ["CREATE TABLE t (a int CHECK (a > 0), b int, CONSTRAINT c1 CHECK (a > 1), CONSTRAINT c2 CHECK (a > 2))"],
        ["CREATE TABLE t (a bigint CHECK (a > 0), b int CHECK (b > 0), CONSTRAINT c2x CHECK (a > 2))"],
    ),
    "foreign keys": (
        [PARENT, "CREATE TABLE c (a int, b int, CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id))"],
        [
            PARENT,
            (
                "CREATE TABLE c (a int, b int, KEY ab (a, b), CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id) ON DELETE CASCADE,"
                " CONSTRAINT g FOREIGN KEY (b) REFERENCES p (u))"
            ),
        ],
    ),
    "types of keys": (
        [PARENT, "CREATE TABLE c (a int, CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id))"],
        [
            PARENT.replace("id int", "id bigint"),
            "CREATE TABLE c (a bigint, CONSTRAINT f2 FOREIGN KEY (a) REFERENCES p (id))",
        ],
    ),
    "circles": (
        [
            "CREATE TABLE a (id int PRIMARY KEY, o int)",
            "CREATE TABLE b (id int PRIMARY KEY, o int, CONSTRAINT fb FOREIGN KEY (o) REFERENCES a (id))",
            "ALTER TABLE a ADD CONSTRAINT fa FOREIGN KEY (o) REFERENCES b (id)",
        ],
        ["CREATE TABLE c (id int)"],
    ),
    "computed": (
        ["CREATE TABLE t (a int, b int AS (a + 1) VIRTUAL, c int AS (a + 2) STORED, KEY (b))"],
        ["CREATE TABLE t (a bigint, b int AS (a + 10) VIRTUAL, c int AS (a + 2) VIRTUAL, KEY (b))"],
    ),
    "collation": (
        ["CREATE TABLE t (a varchar(10), b text, c varchar(5) COLLATE utf8mb4_bin, e int) COLLATE latin1_german1_ci"],
        ["CREATE TABLE t (a varchar(10), b text, c varchar(5) COLLATE utf8mb4_bin, e bigint)"],
    ),
    "options": (
        [
            "CREATE TABLE t (a int COMMENT 'x') ENGINE=MyISAM CHECKSUM=1 MAX_ROWS=5 STATS_PERSISTENT=1 COMMENT 'it''s \\\\'"
        ],
        ["CREATE TABLE t (a int) ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8"],
    ),
    "defaults": (
        ["CREATE TABLE t (a int DEFAULT 1, b varchar(9), c datetime DEFAULT now(), d text, e int INVISIBLE)"],
        [
            (
                "CREATE TABLE t (a int, b varchar(9) NOT NULL DEFAULT 'it''s', c datetime DEFAULT now() ON UPDATE now(),"
                " d text DEFAULT ('x'), e int DEFAULT (1 + 2))"
            )
        ],
    ),
}


async def state(session: MySQLSession, statements: list[str]) -> Catalog:
    """:returns: What is there after the statements were executed in the empty database."""
    current = await discover(session)
    await execute(session, script(session, current, empty(current)))
    await execute(session, statements)
    return await discover(session)


@pytest.mark.parametrize("name", CASES)
async def test_tables_become_what_is_wanted_and_back_again(mysql: Server, name: str) -> None:
    before, after = CASES[name]
    async with connect(mysql.parameters) as session:
        for source, target in ((before, after), (after, before)):
            wanted = await state(session, target)
            current = await state(session, source)
            statements = script(session, current, wanted)
            await execute(session, statements)
            reached = await discover(session)
            assert script(session, reached, wanted) == [], statements


async def test_a_table_gets_the_collation_of_its_database_whatever_that_is(mysql: Server) -> None:
    before, after = CASES["collation"]
    async with connect(mysql.parameters) as session:
        ((usual,),) = await session.fetch("SELECT @@collation_database")
        await session.execute("ALTER DATABASE COLLATE utf8mb4_unicode_ci")
    try:
        async with connect(mysql.parameters) as session:
            wanted = await state(session, after)
            current = await state(session, before)
            await execute(session, script(session, current, wanted))
            assert script(session, await discover(session), wanted) == []
            collations = "SELECT collation_name FROM information_schema.columns WHERE table_schema = database() ORDER BY column_name"
            found = [name for (name,) in await session.fetch(collations)]
            assert found == ["utf8mb4_unicode_ci", "utf8mb4_unicode_ci", "utf8mb4_bin", None]
    finally:
        async with connect(mysql.parameters) as session:
            await session.execute(f"ALTER DATABASE COLLATE {usual}")
