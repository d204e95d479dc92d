"""Names, labels, comments and defaults that try to be more than text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pysqlsync_engine.dialect.postgresql import DIALECT
from pysqlsync_engine.discovery.assemble import assemble
from pysqlsync_engine.migration.apply import apply
from pysqlsync_engine.migration.diff import diff
from pysqlsync_engine.migration.order import order
from pysqlsync_engine.migration.plan import fingerprint, make_plan
from pysqlsync_engine.model.data_types import SqlArray, SqlCharacter, SqlInteger, SqlNamed
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.literals import quote_literal
from pysqlsync_engine.model.object_types import (
    Catalog,
    Column,
    EnumType,
    ForeignKeyConstraint,
    IdentityMode,
    Namespace,
    PrimaryKeyConstraint,
    StructMember,
    StructType,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.session import Session
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
