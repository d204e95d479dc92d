"""Names, labels, comments and defaults that try to be more than text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from pysqlsync_engine.dialect.api import Dialect
from pysqlsync_engine.dialect.mysql.expressions import standard_literal
from pysqlsync_engine.dialect.postgresql import DIALECT
from pysqlsync_engine.discovery.assemble import assemble
from pysqlsync_engine.errors import EngineError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.formation.names import check_names
from pysqlsync_engine.migration.apply import apply
from pysqlsync_engine.migration.diff import diff
from pysqlsync_engine.migration.order import order
from pysqlsync_engine.migration.plan import Plan, fingerprint, make_plan
from pysqlsync_engine.model.data_types import SqlArray, SqlCharacter, SqlInteger, SqlNamed
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.literals import quote_literal
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    Column,
    EnumType,
    ForeignKeyConstraint,
    IdentityMode,
    Index,
    IndexPart,
    Namespace,
    PrimaryKeyConstraint,
    StructMember,
    StructType,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.session import Session
from tests.conftest import Servers
from tests.servers import Server

HOSTILE = [
    "quote ' double",
    'quote " quote',
    "back \\ slash",
    "ends in \\",
    "\\'; DROP TABLE canary; --",
    "'; DROP TABLE canary; --",
    '"; DROP TABLE canary; --',
    "$$; DROP TABLE canary; $$",
    "$1 %s %(x)s {} :name",
    "100 %",
    ";--",
    "/* comment",
    "new\nline\r\nDROP TABLE canary;",
    "tab\tand bell\a",
    "📦 emoji",
    "rtl \u202e\u05d0\u05d1\u05d2",
    "e\u0301 is not \u00e9",
    "select",
    "MixedCase",
    " ",
    "\x7f\u2028",
]


def hostile_namespace(text: str) -> Namespace:
    """:returns: A namespace in which everything that can have the text has it."""
    namespace = f"n{text}"
    key = LocalId(f"k{text}")
    column = LocalId(text)
    enum = EnumType(QualifiedId(namespace, f"e{text}"), (f"a{text}", text), text)
    struct = StructType(QualifiedId(namespace, f"s{text}"), (StructMember(column, SqlInteger(4), text),), text)
    table = Table(
        QualifiedId(namespace, f"t{text}"),
        (
            Column(key, SqlInteger(4), identity=IdentityMode.BY_DEFAULT, description=text),
            Column(column, SqlCharacter(), default=f"{quote_literal(text)}::text", description=text),
            Column(LocalId(f"e{text}"), SqlArray(SqlNamed(enum.name)), nullable=True),
            Column(LocalId(f"s{text}"), SqlNamed(struct.name), nullable=True),
        ),
        PrimaryKeyConstraint(LocalId(f"pk{text}"), (key,)),
        (
            ForeignKeyConstraint(LocalId(f"fk{text}"), (key,), QualifiedId(namespace, f"t{text}"), (key,)),
            UniqueConstraint(LocalId(f"uq{text}"), (column, key)),
        ),
        text,
    )
    return Namespace(LocalId(namespace), (enum,), (struct,), (table,))


def changed(namespace: Namespace) -> Namespace:
    """:returns: The namespace after changes that mention all names and texts again."""
    (enum,), (struct,), (table,) = namespace.enums, namespace.structs, namespace.tables
    columns = list(table.columns)
    columns[1] = replace(columns[1], data_type=SqlCharacter(40), default=None, nullable=True, description=None)
    columns.append(Column(LocalId(f"x{columns[1].name.name}"), SqlCharacter(), default=table.columns[1].default))
    constraints = tuple(
        replace(constraint, name=LocalId(f"z{constraint.name.name}")) for constraint in table.constraints
    )
    altered = replace(table, columns=tuple(columns), constraints=constraints, description=None)
    labels = (f"new{enum.labels[1]}", *enum.labels)
    grown = replace(struct, members=(*struct.members, StructMember(LocalId("more"), SqlInteger(4))), description=None)
    return Namespace(namespace.name, (replace(enum, labels=labels),), (grown,), (altered,))


@pytest.mark.parametrize("conforming", ["on", "off"])
async def test_hostile_text_is_stored_as_it_is(postgresql: Server, conforming: str) -> None:
    async with DIALECT.connect(postgresql.parameters) as session:
        await session.execute("CREATE TABLE public.canary ()")
        await session.execute(f"SET standard_conforming_strings = {conforming}")
        created = Catalog(tuple(sorted(map(hostile_namespace, HOSTILE), key=lambda namespace: namespace.name)))
        altered = Catalog(tuple(map(changed, created.namespaces)))
        emptied = Catalog(tuple(Namespace(namespace.name) for namespace in created.namespaces))
        for target in (created, altered, created, emptied):
            await lead(session, target)
        assert await session.fetch("SELECT to_regclass('public.canary') IS NOT NULL") == [(True,)]


async def lead(session: Session, target: Catalog) -> None:
    source = await discover(session, target)
    plan = make_plan(
        order(diff(source, target)),
        DIALECT.writer(session.capabilities),
        dialect=DIALECT.name,
        fingerprint=fingerprint(source),
    )
    async with session.transaction():
        await apply(plan, session)
    found = await discover(session, target)
    assert diff(found, target) == ()
    assert [set(table.columns) for table in found.tables()] == [set(table.columns) for table in target.tables()]


async def discover(session: Session, target: Catalog) -> Catalog:
    names = [namespace.name.name for namespace in target.namespaces]
    return assemble(await DIALECT.reader(session.capabilities).fetch(session, names))


async def test_labels_of_a_lookup_table_are_stored_as_they_are(postgresql: Server) -> None:
    id_, value = LocalId("id"), LocalId("value")
    lookup = Table(
        QualifiedId("public", "lookup"),
        (Column(id_, SqlInteger(4), identity=IdentityMode.BY_DEFAULT), Column(value, SqlCharacter())),
        PrimaryKeyConstraint(LocalId("pk"), (id_,)),
        (UniqueConstraint(LocalId("uq"), (value,)),),
        labels=tuple(HOSTILE),
    )
    async with DIALECT.connect(postgresql.parameters) as session:
        await session.execute("SET standard_conforming_strings = off")
        await lead(session, Catalog((Namespace(LocalId("public"), tables=(replace(lookup, labels=None),)),)))
        writer = DIALECT.writer(session.capabilities)
        target = Catalog((Namespace(LocalId("public"), tables=(lookup,)),))
        operations = diff(await discover(session, target), target)
        for _ in range(2):
            await apply(make_plan(operations, writer, dialect=DIALECT.name, fingerprint=""), session)
        rows = await session.fetch("SELECT id, value FROM lookup ORDER BY id")
        assert [row[1] for row in rows] == HOSTILE


ANYWHERE = [*HOSTILE, "nul \0", "`; DROP TABLE canary; -- `", "ends in `", "%s %(x)s %%", "\u00a0", "ß\u0130", "'"]
"""Texts for every product; servers differ in which of them they can have as a name."""

MODES = {
    "postgresql": ("standard_conforming_strings = on", "standard_conforming_strings = off"),
    "mysql": ("sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'", "sql_mode = 'ALLOW_INVALID_DATES'"),
}
"""What sessions of others are told, in ways that change what a string is."""

ROLES: tuple[str, ...] = ("table", "column", "label", "comment", "default", "check", "index", "unique")


def described(text: str, number: int, roles: Iterable[str]) -> Catalog:
    """:returns: A catalog of one table, where the text stands for as much as these roles say; all else has plain names."""
    named = {role: text if role in roles else f"{role}_{number}" for role in ROLES}
    key, column, label = LocalId("id"), LocalId(named["column"]), LocalId("label")
    comment = text if "comment" in roles else None
    enum = EnumType(QualifiedId("odd", f"e{number}"), (named["label"], "plain"), comment)
    table = Table(
        QualifiedId("odd", named["table"]),
        (
            Column(key, SqlInteger(4), description=comment),
            Column(column, SqlCharacter(40), default=standard_literal(named["default"]), description=comment),
            Column(label, SqlNamed(enum.name), default=standard_literal(named["label"])),
        ),
        PrimaryKeyConstraint(LocalId(f"pk{number}"), (key,)),
        (
            CheckConstraint(LocalId(f"c{named['check']}"), f"id <> {number}"),
            UniqueConstraint(LocalId(f"u{named['unique']}"), (column, key)),
        ),
        comment,
        indexes=(Index(LocalId(f"i{named['index']}"), (IndexPart(column), IndexPart(label))),),
    )
    return Catalog((Namespace(LocalId("odd"), (enum,), (), (table,)),))


def renewed(catalog: Catalog, number: int) -> Catalog:
    """:returns: The catalog after changes that mention all names and texts again."""
    ((enum,), (table,)) = catalog.namespaces[0].enums, catalog.namespaces[0].tables
    key, column, label = table.columns
    columns = (
        key,
        replace(column, data_type=SqlCharacter(60), default=None, nullable=True, description=None),
        label,
        Column(LocalId("added"), SqlCharacter(40), default=column.default, description=column.description),
    )
    (index,) = table.indexes
    altered = replace(
        table, columns=columns, constraints=table.constraints[:1], indexes=(replace(index, name=LocalId(f"x{number}")),)
    )
    grown = replace(enum, labels=(*enum.labels, "one more"))
    return Catalog((Namespace(LocalId("odd"), (grown,), (), (altered,)),))


def together(catalogs: Iterable[Catalog]) -> Catalog:
    """:returns: All objects of the catalogs, each of which has one namespace."""
    namespaces = [catalog.namespaces[0] for catalog in catalogs]
    enums = sorted((enum for n in namespaces for enum in n.enums), key=lambda enum: enum.name)
    tables = sorted((table for n in namespaces for table in n.tables), key=lambda table: table.name)
    return Catalog((Namespace(LocalId("odd"), tuple(enums), (), tuple(tables)),))


@pytest.fixture(params=(0, 1), ids=("first mode", "other mode"))
def odd_mode(request: pytest.FixtureRequest, database: Server, servers: Servers) -> Iterator[Server]:
    """A database whose sessions begin with settings that change what a string is."""
    setting = MODES[database.dialect][int(request.param)]
    server, name = servers.get(database.name), database.parameters.database
    if database.dialect == "postgresql":
        server.execute(f"ALTER DATABASE {name} SET {setting}")
        yield database
        return
    if not database.parameters.host.startswith("/"):
        pytest.skip("the server is not ours alone, and the setting would be one of all its sessions")
    usual = server.execute("SELECT @@global.sql_mode")
    server.execute(f"SET GLOBAL {setting}")
    try:
        yield database
    finally:
        server.execute(f"SET GLOBAL sql_mode = '{usual}'")


async def test_text_is_stored_as_it_is_or_refused_before_anything_changes(odd_mode: Server) -> None:
    engine = get_dialect(odd_mode.dialect)
    async with engine.dialect.connect(odd_mode.parameters) as session:
        await session.execute("CREATE TABLE canary (id int)")
        refused: dict[str, set[str]] = {}
        chosen: list[tuple[int, Catalog]] = []
        for number, text in enumerate(ANYWHERE):
            roles = [role for role in ROLES if can_have(session, engine.dialect, described(text, number, (role,)))]
            refused[text] = set(ROLES) - set(roles)
            chosen.append((number, described(text, number, roles)))
        created = together(catalog for _, catalog in chosen)
        altered = together(renewed(catalog, number) for number, catalog in chosen)
        for target in (created, altered, created, Catalog((Namespace(LocalId("odd")),))):
            await bring_about(session, engine.dialect, target)
        assert await session.fetch("SELECT count(*) FROM canary") == [(0,)]
    assert {text for text, roles in refused.items() if "default" in roles} <= {"nul \0", "📦 emoji"}
    assert set().union(*(refused[text] for text in HOSTILE[:12])) == set(), "ASCII can stand anywhere"


def can_have(session: Session, dialect: Dialect, catalog: Catalog) -> bool:
    """:returns: False if a plan for the catalog is refused."""
    try:
        plan_for(session, dialect, lowered(session, dialect, catalog), Catalog())
    except (EngineError, ValueError):
        return False
    return True


def lowered(session: Session, dialect: Dialect, catalog: Catalog) -> Catalog:
    result = dialect.lower(catalog, session.capabilities)
    check_names(result, session.capabilities)
    return result


def plan_for(session: Session, dialect: Dialect, desired: Catalog, source: Catalog) -> Plan:
    operations = order(diff(source, desired, capabilities=session.capabilities))
    writer = dialect.writer(session.capabilities)
    return make_plan(operations, writer, dialect=dialect.name, fingerprint=fingerprint(source), target=desired)


async def bring_about(session: Session, dialect: Dialect, target: Catalog) -> None:
    async def plan() -> Plan:
        current = assemble(await dialect.reader(session.capabilities).fetch(session, ["odd"]))
        desired = await dialect.canonicalize(session, current, lowered(session, dialect, target))
        return plan_for(session, dialect, desired, current)

    await apply(await plan(), session, stepwise=True)
    again = await plan()
    assert again.is_empty, str(again)
