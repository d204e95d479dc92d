"""Names of checks and foreign keys, which are unique in a database of MySQL; of checks, in a table of MariaDB."""

from __future__ import annotations

import itertools

import pytest

from pysqlsync_engine.dialect.mysql.pool import connect
from pysqlsync_engine.dialect.mysql.scratch import canonicalize
from pysqlsync_engine.dialect.mysql.types import lower
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.model.data_types import SqlInteger
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import Catalog, CheckConstraint, Column, Constraint, Namespace, Table
from tests.server_types import Server
from tests.test_mysql_alter import state
from tests.test_mysql_schema import discover, execute, script


def catalog(tables: dict[str, tuple[str, ...]]) -> Catalog:
    """:param tables: Names of their checks, by name."""
    made: list[Table] = []
    for name, checks in tables.items():
        constraints: list[Constraint] = [
            CheckConstraint(LocalId(check), f"n > {number}") for number, check in enumerate(checks)
        ]
        made.append(Table(QualifiedId(None, name), (Column(LocalId("n"), SqlInteger(4)),), None, tuple(constraints)))
    return Catalog((Namespace(LocalId(""), tables=tuple(made)),))


STATES = (
    {"a": ("positive",), "b": ("small",), "c": ()},
    {"a": ("small",), "b": ("positive",), "c": ()},
    {"a": (), "b": ("Positive",), "c": ("small",)},
    {"a": ("POSITIVE",), "b": ("Positive",), "c": ("small",)},
    {"a": ("x", "small"), "b": ("y", "positive")},
    {"a": ("y", "positive"), "b": ("x", "small")},
    {"b": ("x",), "c": ("positive", "small")},
    {"a": ("positive",), "b": ("positive",), "c": ("positive",)},
)


async def test_checks_of_several_tables_exchange_names(mysql: Server) -> None:
    async with connect(mysql.parameters) as session:
        for wanted in (*STATES, *reversed(STATES)):
            current = await discover(session)
            desired = await canonicalize(session, current, lower(catalog(wanted), mysql.capabilities))
            await execute(session, script(session, current, desired))
            assert script(session, await discover(session), desired) == []


async def test_checks_that_cannot_be_told_apart_are_refused_before_anything_is_changed(mysql: Server) -> None:
    given = catalog({"a": ("a__b__positive",), "b": ("A__b__positive",)})
    if not mysql.capabilities.check_names_per_namespace:
        assert [t.constraints[0].name.name for t in lower(given, mysql.capabilities).tables()] == [
            "a__b__positive",
            "A__b__positive",
        ]
        return
    with pytest.raises(UnsupportedError, match=r"b: A__b__positive: a has a constraint of this name too"):
        lower(given, mysql.capabilities)


PARENT = "CREATE TABLE p (id int PRIMARY KEY)"
FIRST = "CREATE TABLE c (a int, b int, KEY ka (a), KEY kb (b), {})"
SECOND = "CREATE TABLE d (a int, KEY ka (a), {})"
REFERENCES = (
    (("f", "g"), "h"),
    (("g", "f"), "h"),
    (("h", "f"), "g"),
    (("F", "h"), "i"),
)


async def test_foreign_keys_exchange_names(mysql: Server) -> None:
    def tables(names: tuple[tuple[str, str], str]) -> list[str]:
        first, second = (
            ", ".join(
                f"CONSTRAINT {name} FOREIGN KEY ({column}) REFERENCES p (id)"
                for name, column in zip(each, "ab", strict=False)
            )
            for each in (names[0], names[1])
        )
        return [PARENT, FIRST.format(first), SECOND.format(second)]

    async with connect(mysql.parameters) as session:
        for source, target in itertools.permutations(REFERENCES, 2):
            wanted = await state(session, tables(target))
            current = await state(session, tables(source))
            statements = script(session, current, wanted)
            await execute(session, statements)
            assert script(session, await discover(session), wanted) == [], statements


async def test_checks_of_a_table_exchange_names(mysql: Server) -> None:
    checks = ("x", "y", "z")
    async with connect(mysql.parameters) as session:
        for names in (*itertools.permutations(checks), checks):
            current = await discover(session)
            desired = await canonicalize(session, current, lower(catalog({"t": names}), mysql.capabilities))
            await execute(session, script(session, current, desired))
            assert script(session, await discover(session), desired) == []
