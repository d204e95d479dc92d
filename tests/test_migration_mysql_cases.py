"""Changes that only MySQL or MariaDB make difficult."""

from __future__ import annotations

import pytest

from pysqlsync_engine.dialect.mysql.capabilities import features_of
from pysqlsync_engine.dialect.mysql.pool import connect
from pysqlsync_engine.dialect.mysql.scratch import canonicalize
from pysqlsync_engine.dialect.mysql.types import lower
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.model.data_types import SqlInteger
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import Catalog, Column, Namespace, Table
from pysqlsync_engine.model.vendor_markers import MySQLInvisible
from tests.server_types import Server
from tests.test_mysql_alter import state
from tests.test_mysql_schema import discover, execute, script


async def test_hidden_column_that_nobody_can_leave_out_is_refused_where_the_server_refuses_it(mysql: Server) -> None:
    hidden = Column(LocalId("h"), SqlInteger(4), markers=(MySQLInvisible(),))
    table = Table(QualifiedId(None, "t"), (Column(LocalId("id"), SqlInteger(4)), hidden))
    catalog = Catalog((Namespace(LocalId(""), tables=(table,)),))
    if not features_of(mysql.version).hidden_required:
        with pytest.raises(UnsupportedError, match="must have a default"):
            lower(catalog, mysql.capabilities)
        return
    async with connect(mysql.parameters) as session:
        await execute(session, script(session, await discover(session), lower(catalog, mysql.capabilities)))
        assert script(session, await discover(session), lower(catalog, mysql.capabilities)) == []


async def test_types_without_a_way_to_each_other_are_converted_by_way_of_text(mysql: Server) -> None:
    if not features_of(mysql.version).mariadb:
        pytest.skip("MySQL has no types for UUIDs and addresses")
    before = ["CREATE TABLE t (id int PRIMARY KEY, a uuid, b inet4 NOT NULL COMMENT 'b', c date, KEY (a))"]
    after = ["CREATE TABLE t (id int PRIMARY KEY, a decimal(9,2), b inet6 NOT NULL COMMENT 'b', c inet4, KEY (a))"]
    async with connect(mysql.parameters) as session:
        for source, target in ((before, after), (after, before)):
            wanted = await state(session, target)
            current = await state(session, source)
            await execute(session, script(session, current, wanted))
            assert script(session, await discover(session), wanted) == []


CASES = {
    "an index takes the name of a key that goes": (
        "CREATE TABLE t (id int PRIMARY KEY, a int, UNIQUE y (a), KEY x (a DESC))",
        "CREATE TABLE t (id int PRIMARY KEY, a int, KEY y (a DESC))",
    ),
    "indexes change names": (
        "CREATE TABLE t (id int PRIMARY KEY, a int, b int, KEY x (a), KEY y (b))",
        "CREATE TABLE t (id int PRIMARY KEY, a int, b int, KEY y (a), KEY x (b))",
    ),
    "hidden columns are renewed": (
        "CREATE TABLE t (id int PRIMARY KEY, a datetime DEFAULT now() ON UPDATE now())",
        "CREATE TABLE t (id int PRIMARY KEY, a datetime DEFAULT now() ON UPDATE now() INVISIBLE)",
    ),
    "lines end in a default": (
        "CREATE TABLE t (id int PRIMARY KEY, a varchar(9) DEFAULT 'x\u2028\x85', CHECK (id > 1))",
        "CREATE TABLE t (id int PRIMARY KEY, a varchar(9) DEFAULT 'x\u2028\x85y', CHECK (id > 2))",
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_tables_become_what_is_wanted_and_are_read_as_what_they_are(mysql: Server, name: str) -> None:
    async with connect(mysql.parameters) as session:
        for source, target in (CASES[name], CASES[name][::-1]):
            wanted = await state(session, [target])
            current = await state(session, [source])
            printed = await canonicalize(session, current, wanted)
            assert printed == wanted, "what the server has printed is printed so again"
            await execute(session, script(session, current, printed))
            assert await discover(session) == wanted
