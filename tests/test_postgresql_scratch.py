"""Hand-written expressions are compared as the server prints them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from pysqlsync_engine.dialect.postgresql.lowering import lower
from pysqlsync_engine.dialect.postgresql.objects import PostgreSQLTable
from pysqlsync_engine.dialect.postgresql.reader import PostgreSQLReader
from pysqlsync_engine.dialect.postgresql.scratch import canonicalize
from pysqlsync_engine.dialect.postgresql.session import connect
from pysqlsync_engine.dialect.postgresql.writer import PostgreSQLWriter
from pysqlsync_engine.discovery.assemble import assemble
from pysqlsync_engine.migration.diff import diff
from pysqlsync_engine.migration.order import order
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlCharacter,
    SqlDecimal,
    SqlInteger,
    SqlJson,
    SqlNamed,
    SqlOpaque,
    SqlTimestamp,
    SqlType,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    Column,
    DomainType,
    EnumType,
    ExclusionConstraint,
    Generated,
    Index,
    IndexPart,
    Namespace,
    Table,
)
from pysqlsync_engine.session import Session
from tests.servers import Server
from tests.test_discovery import CountingSession

SHOP = QualifiedId("shop", "article")
STATE = QualifiedId("shop", "state")
AMOUNT = QualifiedId("shop", "amount")


@pytest.fixture
async def session(postgresql: Server) -> AsyncIterator[Session]:
    async with connect(postgresql.parameters) as session:
        yield session


def column(name: str, data_type: SqlType, default: str | None = None) -> Column:
    return Column(LocalId(name), data_type, nullable=True, default=default)


def check(name: str, expression: str) -> CheckConstraint:
    return CheckConstraint(LocalId(name), expression)


def index(name: str, *parts: IndexPart | str, predicate: str | None = None, method: str | None = None) -> Index:
    keys = tuple(IndexPart(LocalId(part)) if isinstance(part, str) else part for part in parts)
    return Index(LocalId(name), keys, predicate=predicate, method=method)


def expression(text: str) -> IndexPart:
    return IndexPart(expression=text)


ARTICLE = PostgreSQLTable(
    SHOP,
    (
        column("price", SqlDecimal(10, 2)),
        column("status", SqlCharacter(10), "'a'"),
        column("name", SqlCharacter()),
        column("made", SqlTimestamp(with_time_zone=True), "now()"),
        column("seen", SqlTimestamp(), "CURRENT_TIMESTAMP"),
        column("notes", SqlJson(), "'{}'::jsonb"),
        column("tags", SqlArray(SqlCharacter()), "array['x', 'y']"),
        column("state", SqlNamed(STATE), "'on'"),
        column("cost", SqlNamed(AMOUNT), "1+1"),
        column("a", SqlInteger(4), "2 * 3"),
        column("b", SqlInteger(4)),
        replace(column("product", SqlInteger(4)), generated=Generated("a*b")),
        column("during", SqlOpaque("TSTZRANGE"), "tstzrange(now(), null)"),
        replace(column("code", SqlOpaque("varchar(3)")), collation="C"),
    ),
    constraints=(
        check("ck_both", "price > 0 and status <> 'b'"),
        check("ck_name", "article.name like 'x%' or name is null"),
        check("ck_price", "price > 0"),
        check("ck_state", "state != 'off'"),
        check("ck_status", "status in ('a','b')"),
        ExclusionConstraint(LocalId("ex_during"), "exclude using gist (during with &&) where (a > 1)"),
    ),
    indexes=(
        index("ix_lower", expression("lower(name)")),
        index("ix_notes", IndexPart(LocalId("notes"), operator_class="pg_catalog.jsonb_path_ops"), method="GIN"),
        index("ix_partial", "price", expression("a+b"), predicate="price>0 and status='a'"),
        replace(index("ix_filled", "a"), options=("fillfactor = 70",)),
    ),
)
DESIRED = Catalog(
    (
        Namespace(
            LocalId("shop"),
            enums=(EnumType(STATE, ("on", "off")),),
            tables=(
                ARTICLE,
                PostgreSQLTable(
                    QualifiedId("shop", "divided"), (column("k", SqlCharacter()),), partition_by="list (lower( k ))"
                ),
            ),
            domains=(DomainType(AMOUNT, SqlInteger(4), default="3+4", constraints=(check("positive", "value>0"),)),),
        ),
    )
)


async def discover(session: Session) -> Catalog:
    return assemble(await PostgreSQLReader(session.capabilities).fetch(session, ["shop"]))


async def apply(session: Session, current: Catalog, desired: Catalog) -> None:
    writer = PostgreSQLWriter(session.capabilities)
    async with session.transaction():
        for operation in order(diff(current, desired)):
            for statement in writer.write(operation).statements:
                await session.execute(statement)


async def test_new_tables_are_discovered_as_their_hand_written_expressions_were_settled(session: Session) -> None:
    desired = await canonicalize(session, Catalog(), lower(DESIRED, session.capabilities))
    await apply(session, Catalog(), desired)
    assert await discover(session) == desired


async def test_hand_written_expressions_do_not_differ_from_what_they_became(session: Session) -> None:
    lowered = lower(DESIRED, session.capabilities)
    await apply(session, Catalog(), lowered)
    current = await discover(session)
    desired = await canonicalize(session, current, lowered)
    assert desired == current
    assert diff(current, desired) == ()


async def test_nothing_is_asked_where_nothing_differs(session: Session) -> None:
    await apply(session, Catalog(), lower(DESIRED, session.capabilities))
    current = await discover(session)
    counting = CountingSession(session)
    assert await canonicalize(counting, current, lower(current, session.capabilities)) == current
    assert counting.statements == []


async def test_nothing_is_left_behind(session: Session) -> None:
    await session.execute("CREATE TEMPORARY TABLE article (kept integer); INSERT INTO article VALUES (1)")
    await canonicalize(session, Catalog(), lower(DESIRED, session.capabilities))
    assert await discover(session) == Catalog()
    assert await session.fetch("SELECT kept FROM article") == [(1,)]
    assert await session.fetch("SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'") == [(1,)]


async def test_expressions_that_the_server_refuses_stay_as_they_are(session: Session) -> None:
    table = Table(
        QualifiedId("public", "t"),
        (
            column("a", SqlInteger(4), "no_such_function()"),
            replace(column("b", SqlInteger(4)), generated=Generated("c+1")),
        ),
        constraints=(check("ck_a", "a > nothing"), check("ck_b", "b>0")),
        indexes=(index("ix_a", expression("a+1"), predicate="nothing"), index("ix_b", expression("a+1"))),
    )
    catalog = lower(Catalog((Namespace(LocalId("public"), tables=(table,)),)), session.capabilities)
    (settled,) = (await canonicalize(session, Catalog(), catalog)).tables()
    assert [c.default for c in settled.columns] == ["no_such_function()", None]
    assert settled.columns[1].generated == Generated("c+1")
    assert [c.expression for c in settled.constraints if isinstance(c, CheckConstraint)] == ["a > nothing", "b > 0"]
    assert [(i.parts[0].expression, i.predicate) for i in settled.indexes] == [("a+1", "nothing"), ("a + 1", None)]


async def test_read_only_transaction_changes_nothing_and_fails_nothing(session: Session) -> None:
    lowered = lower(DESIRED, session.capabilities)
    async with session.transaction():
        await session.execute("SET TRANSACTION READ ONLY")
        desired = await canonicalize(session, Catalog(), lowered)
        assert await session.fetch("SELECT 1") == [(1,)]
    tables = [table.name.name for table in desired.tables()]
    assert tables == ["article", "divided"]


async def test_strings_mean_the_same_whatever_the_setting(session: Session) -> None:
    table = Table(
        QualifiedId("public", "it's"),
        (column("back\\slash", SqlCharacter()),),
        constraints=(check("ck", r""" "back\slash" <> 'it''s \n' """),),
    )
    catalog = lower(Catalog((Namespace(LocalId("public"), tables=(table,)),)), session.capabilities)
    await session.execute("SET standard_conforming_strings = off")
    (settled,) = (await canonicalize(session, Catalog(), catalog)).tables()
    assert settled.constraints == (check("ck", r""""back\slash" <> 'it''s \n'::text"""),)


async def test_a_number_keeps_the_spelling_that_it_has(session: Session) -> None:
    await session.execute(
        "CREATE TABLE t (a smallint DEFAULT '7'::smallint, b numeric DEFAULT 1e3, c bigint DEFAULT '-5'::bigint)"
    )
    (current,) = assemble(await PostgreSQLReader(session.capabilities).fetch(session, ["public"])).namespaces
    (table,) = current.tables
    written = tuple(replace(c, default=d) for c, d in zip(table.columns, ["7", "1000", "-5"], strict=True))
    desired = Catalog((replace(current, tables=(replace(table, columns=written),)),))
    assert await canonicalize(session, Catalog((current,)), desired) == Catalog((current,))
