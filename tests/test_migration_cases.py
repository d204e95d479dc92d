"""
Acceptance records of migrations: what was described before, what is described after, and what the way there may do.

Every record checks that the plan has exactly the hazards it names, that it leads to what a freshly created database has,
that it never touches a table it has no business with or rewrites one unannounced, and that planning again finds nothing
to do.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, make_dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest
from strong_typing.auxiliary import MaxLength, Precision, int16, int32, int64

from pysqlsync_engine.base import EnumMode, GeneratorOptions, Hazard, SyncPolicy
from pysqlsync_engine.connection import ConnectionContext
from pysqlsync_engine.errors import HazardError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.migration.diff import diff
from pysqlsync_engine.model.key_types import Identity, PrimaryKey, Unique
from pysqlsync_engine.model.object_types import Catalog, Table
from tests.conftest import Servers
from tests.servers import Server, server_names

DELETES_DATA = Hazard.DELETES_DATA
DROPS_OBJECT = Hazard.DROPS_OBJECT
NARROWS_TYPE = Hazard.NARROWS_TYPE
REWRITES_TABLE = Hazard.REWRITES_TABLE
BLOCKS_WRITES = Hazard.BLOCKS_WRITES
MAY_FAIL_ON_DATA = Hazard.MAY_FAIL_ON_DATA

STORAGE = "SELECT relname, pg_relation_filenode(oid) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
EVERYTHING = SyncPolicy(allow=frozenset(Hazard), keep=("*canary",))


def entity(name: str, doc: str | None = None, /, **annotations: Any) -> type:
    """:returns: A data-class; a default is given as `(annotation, default)`."""
    fields: list[Any] = [
        (key, *annotation) if isinstance(annotation, tuple) else (key, annotation)
        for key, annotation in annotations.items()
    ]
    cls = make_dataclass(name, fields, kw_only=True)
    cls.__doc__ = doc
    return cls


def labels(name: str, *values: str) -> type[enum.Enum]:
    """:returns: An enumeration whose members have these values."""
    cls: Any = enum.Enum(name, {f"member_{number}": value for number, value in enumerate(values)})
    return cls


@dataclass(frozen=True)
class Case:
    """
    One migration.

    :param before: Classes that are there; `after` those that are to be.
    :param hazards: Of the whole plan.
    :param mysql: Hazards in MySQL and MariaDB, where they differ.
    :param only: Products that can do this; none for all.
    :param rows: Statements to execute in between, as the state before had rows.
    :param checks: Queries, and what they must yield afterwards.
    """

    name: str
    before: Sequence[type]
    after: Sequence[type]
    hazards: frozenset[Hazard] | set[Hazard] = frozenset()
    mode: EnumMode | None = None
    mysql: frozenset[Hazard] | set[Hazard] | None = None
    only: Sequence[str] = ()
    rows: Sequence[str] = ()
    checks: Sequence[tuple[str, list[tuple[Any, ...]]]] = ()


KEY = PrimaryKey[int]
SHORT = Annotated[str, MaxLength(20)]
ITEM = entity("item", id=KEY, name=str)
OWNER = entity("owner", id=KEY, name=str)


def item(**annotations: Any) -> type:
    return entity("item", id=KEY, **annotations)


OWNER_BY_NUMBER = entity("owner", id=KEY)
OWNER_BY_TEXT = entity("owner", id=PrimaryKey[SHORT])

RED, GREEN = labels("color", "red"), labels("color", "red", "green")
TRAFFIC = labels("color", "red", "amber", "green")
OWNER_BY_GREEN = entity("owner", id=PrimaryKey[GREEN])
OWNER_BY_TRAFFIC = entity("owner", id=PrimaryKey[TRAFFIC])
GREEN_FIRST = labels("color", "green", "red")
FORMER = labels("former_color", "green", "red", "sepia")

CASES = [
    Case("nothing to do", [ITEM], [ITEM]),
    Case("first table", [OWNER], [OWNER, ITEM]),
    Case("table with comments", [OWNER], [OWNER, entity("item", "What we sell.\n\n:param id: Number.", id=KEY)]),
    Case(
        "comments change",
        [entity("item", "Old.\n\n:param id: Old number.", id=KEY)],
        [entity("item", "New.\n\n:param id: New number.", id=KEY)],
    ),
    Case("comments go", [entity("item", "Old.\n\n:param id: Old number.", id=KEY)], [item()]),
    Case("table goes", [OWNER, ITEM], [OWNER], {DELETES_DATA}),
    Case("column that may be null is added", [item()], [item(note=str | None)]),
    Case("column is added without a value for the rows there", [item()], [item(note=str)], {MAY_FAIL_ON_DATA}),
    Case(
        "column with a default is added",
        [item()],
        [item(note=(SHORT, "it's"))],
        rows=["INSERT INTO item VALUES (1)"],
        checks=[("SELECT note FROM item", [("it's",)])],
    ),
    Case("column goes", [ITEM], [item()], {DELETES_DATA}),
    Case("column gets another name", [item(title=str | None)], [item(name=str | None)], {DELETES_DATA}),
    Case(
        "text grows",
        [item(name=Annotated[str, MaxLength(10)])],
        [item(name=Annotated[str, MaxLength(20)])],
        rows=["INSERT INTO item VALUES (1, 'ten chars!')"],
        checks=[("SELECT name FROM item", [("ten chars!",)])],
    ),
    Case("text loses its limit", [item(name=Annotated[str, MaxLength(10)])], [item(name=str)]),
    Case(
        "text shrinks",
        [item(name=Annotated[str, MaxLength(20)])],
        [item(name=Annotated[str, MaxLength(10)])],
        {NARROWS_TYPE, REWRITES_TABLE, MAY_FAIL_ON_DATA},
    ),
    Case(
        "text gets a limit",
        [item(name=str)],
        [item(name=Annotated[str, MaxLength(10)])],
        {NARROWS_TYPE, REWRITES_TABLE, MAY_FAIL_ON_DATA},
    ),
    Case("integer grows", [item(size=int16)], [item(size=int32)], {REWRITES_TABLE}),
    Case("integer shrinks", [item(size=int64)], [item(size=int16)], {NARROWS_TYPE, REWRITES_TABLE, MAY_FAIL_ON_DATA}),
    Case(
        "integer with a default grows",
        [item(size=(int16, 5))],
        [item(size=(int64, 7))],
        {REWRITES_TABLE},
        rows=["INSERT INTO item (id) VALUES (1)"],
        checks=[
            ("INSERT INTO item (id) VALUES (2)", []),
            ("SELECT size FROM item WHERE id = 2", [(7,)]),
            ("SELECT size FROM item WHERE id = 1", [(5,)]),
        ],
    ),
    Case(
        "number gets digits before the point",
        [item(price=Annotated[Decimal, Precision(8, 2)])],
        [item(price=Annotated[Decimal, Precision(10, 2)])],
    ),
    Case(
        "number gets digits after the point",
        [item(price=Annotated[Decimal, Precision(8, 2)])],
        [item(price=Annotated[Decimal, Precision(10, 4)])],
        {REWRITES_TABLE},
    ),
    Case(
        "number loses digits after the point",
        [item(price=Annotated[Decimal, Precision(8, 2)])],
        [item(price=Annotated[Decimal, Precision(8, 1)])],
        {NARROWS_TYPE, REWRITES_TABLE, MAY_FAIL_ON_DATA},
    ),
    Case(
        "text becomes a uuid",
        [item(code=str)],
        [item(code=UUID)],
        {REWRITES_TABLE, MAY_FAIL_ON_DATA},
        only=("PostgreSQL", "MariaDB"),
        rows=["INSERT INTO item VALUES (1, '00000000-0000-0000-0000-00000000000a')"],
        checks=[("SELECT CAST(code AS char(36)) FROM item", [("00000000-0000-0000-0000-00000000000a",)])],
    ),
    Case("uuid becomes text", [item(code=UUID)], [item(code=str)], {REWRITES_TABLE}),
    Case(
        "timestamp becomes a truth value, by way of a new column",
        [item(done=datetime)],
        [item(is_done=bool | None)],
        {DELETES_DATA},
    ),
    Case("column refuses null", [item(name=str | None)], [item(name=str)], {MAY_FAIL_ON_DATA}),
    Case("column permits null", [item(name=str)], [item(name=str | None)]),
    Case(
        "value of no related type",
        [item(code=UUID | None)],
        [item(code=int | None)],
        {REWRITES_TABLE, NARROWS_TYPE, MAY_FAIL_ON_DATA},
        rows=["INSERT INTO item VALUES (1, NULL)"],
    ),
    Case(
        "enum becomes another",
        [item(color=(GREEN, GREEN("red")))],
        [item(color=(FORMER, FORMER("red")))],
        {REWRITES_TABLE, NARROWS_TYPE, MAY_FAIL_ON_DATA, DROPS_OBJECT},
        mysql={REWRITES_TABLE},
        rows=["INSERT INTO item VALUES (1, 'green')"],
        checks=[("SELECT color FROM item", [("green",)])],
    ),
    Case("default is set", [item(name=str)], [item(name=(str, "a\\b"))]),
    Case("default changes", [item(name=(str, "a"))], [item(name=(str, "b"))]),
    Case("default goes", [item(name=(str, "a"))], [item(name=str)]),
    Case(
        "key becomes generated",
        [item(name=str)],
        [entity("item", id=PrimaryKey[Identity[int]], name=str)],
        rows=["INSERT INTO item VALUES (41, 'a')"],
        checks=[("INSERT INTO item (name) VALUES ('b')", []), ("SELECT id FROM item WHERE name = 'b'", [(42,)])],
    ),
    Case("key is no longer generated", [entity("item", id=PrimaryKey[Identity[int]], name=str)], [item(name=str)]),
    Case("values must be distinct", [item(name=SHORT)], [item(name=Unique[SHORT])], {MAY_FAIL_ON_DATA, BLOCKS_WRITES}),
    Case("values need not be distinct", [item(name=Unique[SHORT])], [item(name=SHORT)]),
    Case(
        "key changes",
        [entity("item", id=KEY, code=int)],
        [entity("item", id=int, code=KEY)],
        {MAY_FAIL_ON_DATA, BLOCKS_WRITES},
    ),
    Case(
        "key gets a second column",
        [entity("item", id=KEY, code=int)],
        [entity("item", id=KEY, code=KEY)],
        {MAY_FAIL_ON_DATA, BLOCKS_WRITES},
    ),
    Case(
        "reference is new with its table",
        [ITEM],
        [item(name=str, owner=OWNER | None), OWNER],
        {MAY_FAIL_ON_DATA, BLOCKS_WRITES},
    ),
    Case("reference goes with its table", [item(owner=OWNER), OWNER], [item()], {DELETES_DATA}),
    Case(
        "tables that refer to each other go",
        [item(owner=OWNER), OWNER, entity("a", id=KEY)],
        [entity("a", id=KEY)],
        {DELETES_DATA},
    ),
    Case(
        "keys on both ends of a reference become text",
        [OWNER_BY_NUMBER, item(owner=OWNER_BY_NUMBER)],
        [OWNER_BY_TEXT, item(owner=OWNER_BY_TEXT)],
        {REWRITES_TABLE, MAY_FAIL_ON_DATA, BLOCKS_WRITES},
        rows=["INSERT INTO owner VALUES (7)", "INSERT INTO item VALUES (1, 7)"],
        checks=[("SELECT owner FROM item", [("7",)])],
    ),
    Case("enum is new", [ITEM], [item(name=str, color=GREEN | None)]),
    Case(
        "enum goes with its column", [item(color=GREEN)], [item()], {DELETES_DATA, DROPS_OBJECT}, mysql={DELETES_DATA}
    ),
    Case(
        "label is added at the end",
        [item(color=RED)],
        [item(color=GREEN)],
        rows=["INSERT INTO item VALUES (1, 'red')"],
        checks=[("SELECT color FROM item", [("red",)])],
    ),
    Case("label is added in the middle", [item(color=GREEN)], [item(color=TRAFFIC)], mysql={REWRITES_TABLE}),
    Case(
        "label is added in front",
        [item(color=RED)],
        [item(color=labels("color", "blue", "red"))],
        mysql={REWRITES_TABLE},
    ),
    Case(
        "several labels are added",
        [item(color=RED)],
        [item(color=labels("color", "a", "b", "red", "c", "d"))],
        mysql={REWRITES_TABLE},
    ),
    Case(
        "label is removed",
        [item(color=TRAFFIC)],
        [item(color=GREEN)],
        {NARROWS_TYPE, REWRITES_TABLE, MAY_FAIL_ON_DATA},
        rows=["INSERT INTO item VALUES (1, 'green')"],
        checks=[("SELECT color FROM item", [("green",)])],
    ),
    Case(
        "label is removed from a list of labels",
        [item(colors=list[TRAFFIC])],  # type: ignore[valid-type]
        [item(colors=list[GREEN])],  # type: ignore[valid-type]
        {NARROWS_TYPE, REWRITES_TABLE, MAY_FAIL_ON_DATA},
        only=("PostgreSQL",),
        rows=["INSERT INTO item VALUES (1, '{green,red}')"],
        checks=[("SELECT colors::text FROM item", [("{green,red}",)])],
    ),
    Case(
        "label of a key that is referred to is removed",
        [OWNER_BY_TRAFFIC, item(owner=OWNER_BY_TRAFFIC)],
        [OWNER_BY_GREEN, item(owner=OWNER_BY_GREEN)],
        {NARROWS_TYPE, REWRITES_TABLE, MAY_FAIL_ON_DATA, BLOCKS_WRITES},
        rows=["INSERT INTO owner VALUES ('green')", "INSERT INTO item VALUES (1, 'green')"],
        checks=[("SELECT owner FROM item", [("green",)])],
    ),
    Case("labels change places", [item(color=GREEN)], [item(color=GREEN_FIRST)], {REWRITES_TABLE}),
    Case(
        "label is added and is the default at once",
        [item(color=(RED, RED("red")))],
        [item(color=(GREEN, GREEN("green")))],
        {REWRITES_TABLE},
        mysql=frozenset(),
        rows=["INSERT INTO item (id) VALUES (1)"],
        checks=[
            ("INSERT INTO item (id) VALUES (2)", []),
            ("SELECT color FROM item WHERE id = 2", [("green",)]),
            ("SELECT color FROM item WHERE id = 1", [("red",)]),
        ],
    ),
    Case(
        "enum becomes text",
        [item(color=GREEN)],
        [item(color=str)],
        {REWRITES_TABLE, DROPS_OBJECT},
        mysql={REWRITES_TABLE},
    ),
    Case("text becomes an enum", [item(color=str)], [item(color=GREEN)], {REWRITES_TABLE, MAY_FAIL_ON_DATA}),
    Case(
        "label of a check is added",
        [item(color=RED)],
        [item(color=GREEN)],
        {MAY_FAIL_ON_DATA, BLOCKS_WRITES},
        mode=EnumMode.CHECK,
    ),
    Case("label of a lookup table is added", [item(color=RED)], [item(color=GREEN)], mode=EnumMode.RELATION),
    Case("label of a lookup table is removed", [item(color=GREEN)], [item(color=RED)], mode=EnumMode.RELATION),
]


@pytest.fixture(scope="module", params=server_names())
def shared_database(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Server]:
    """One database for all cases on a server; each case empties it."""
    with servers.get(request.param).database() as server:
        yield server


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
async def test_plan_leads_to_what_a_fresh_database_has(case: Case, shared_database: Server) -> None:
    server = shared_database
    if case.only and server.version.product not in case.only:
        pytest.skip(f"{server.version} has no such thing")
    expected_hazards = case.hazards if case.mysql is None or server.dialect != "mysql" else case.mysql
    options = GeneratorOptions(enum_mode=case.mode)
    engine = get_dialect(server.dialect)
    async with engine.create_connection(server.parameters, options) as connection:
        explorer = engine.create_explorer(connection)
        await empty(connection, server)
        await _execute(connection, "CREATE TABLE canary (value text)", "INSERT INTO canary VALUES ('alive')")
        await explorer.synchronize(classes=case.before, policy=EVERYTHING)
        await _execute(connection, *case.rows)

        plan = await explorer.plan(classes=case.after, policy=EVERYTHING)
        assert plan.hazards == expected_hazards, str(plan)
        storage = await files(connection, server)
        cautious = SyncPolicy(keep=("*canary",))
        if any(hazard.is_destructive for hazard in plan.hazards):
            with pytest.raises(HazardError):
                await explorer.synchronize(classes=case.after, policy=cautious)
            await explorer.synchronize(classes=case.after, policy=EVERYTHING)
        else:
            await explorer.synchronize(classes=case.after, policy=cautious)

        if REWRITES_TABLE not in expected_hazards and DELETES_DATA not in expected_hazards:
            assert set(storage) <= set(await files(connection, server))
        assert (await explorer.plan(classes=case.after, policy=cautious)).is_empty
        for query, expected in case.checks:
            assert await connection.session.fetch(query) == expected
        assert await connection.session.fetch("SELECT value FROM canary") == [("alive",)]

        namespace = "public" if server.capabilities.namespaces else ""
        migrated = await explorer.discover([namespace])
        await empty(connection, server)
        await _execute(connection, "CREATE TABLE canary (value text)")
        await explorer.synchronize(classes=case.after, policy=cautious)
        fresh = await explorer.discover([namespace])
    assert diff(migrated, fresh) == ()
    assert without_column_order(migrated) == without_column_order(fresh)


async def empty(connection: ConnectionContext, server: Server) -> None:
    """Drop everything that there is in the database."""
    if server.capabilities.namespaces:
        await _execute(connection, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
        return
    tables = [name for (name,) in await connection.session.fetch("SHOW TABLES")]
    if tables:
        await _execute(
            connection,
            "SET foreign_key_checks = 0",
            f"DROP TABLE {', '.join(f'`{name}`' for name in tables)}",
            "SET foreign_key_checks = 1",
        )


async def files(connection: ConnectionContext, server: Server) -> Sequence[tuple[Any, ...]]:
    """:returns: Tables and the files that hold them, where the server tells; a table that is rewritten gets another file."""
    return await connection.session.fetch(STORAGE) if server.capabilities.transactional_ddl else []


async def _execute(connection: ConnectionContext, *statements: str) -> None:
    for statement in statements:
        await connection.session.execute(statement)


def without_column_order(catalog: Catalog) -> Catalog:
    """:returns: The catalog with columns sorted by name: a column that is added is always the last one."""

    def normalised(table: Table) -> Table:
        return replace(table, columns=tuple(sorted(table.columns, key=lambda column: column.name)))

    return replace(
        catalog,
        namespaces=tuple(
            replace(namespace, tables=tuple(map(normalised, namespace.tables))) for namespace in catalog.namespaces
        ),
    )
