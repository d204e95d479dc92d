"""Plans: how they read, what they refuse, and what is left when the server refuses a step."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from pysqlsync_engine.dialect.postgresql import DIALECT
from pysqlsync_engine.dialect.postgresql.capabilities import OFFLINE
from pysqlsync_engine.dialect.postgresql.writer import PostgreSQLWriter
from pysqlsync_engine.errors import ApplyError, HazardError, LockTimeoutError, UnsupportedError
from pysqlsync_engine.migration.apply import apply
from pysqlsync_engine.migration.diff import diff
from pysqlsync_engine.migration.order import order
from pysqlsync_engine.migration.plan import Plan, fingerprint, make_plan
from pysqlsync_engine.model.data_types import SqlCharacter, SqlInteger, SqlNamed
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    Column,
    EnumType,
    ForeignKeyConstraint,
    IdentityMode,
    Namespace,
    PrimaryKeyConstraint,
    Relation,
    StructMember,
    StructType,
    Table,
)
from pysqlsync_engine.options import Hazard, SyncPolicy
from tests.servers import Server

ID = LocalId("id")


def table(name: str, *columns: Column) -> Table:
    return Table(
        QualifiedId("public", name),
        (Column(ID, SqlInteger(4)), *columns),
        PrimaryKeyConstraint(LocalId(f"pk_{name}"), (ID,)),
    )


def catalog(*tables: Table) -> Catalog:
    return Catalog((Namespace(LocalId("public"), tables=tables),))


def plan(source: Catalog, target: Catalog) -> Plan:
    operations = order(diff(source, target))
    return make_plan(operations, PostgreSQLWriter(OFFLINE), dialect="postgresql", fingerprint=fingerprint(source))


NAME = Column(LocalId("name"), SqlCharacter(20), nullable=True)
SHORT = replace(NAME, data_type=SqlCharacter(5))
OWNER = table("owner")
REFERENCE = ForeignKeyConstraint(LocalId("fk"), (ID,), OWNER.name, (ID,))
ITEM = replace(table("item", NAME), constraints=(REFERENCE,))
DROPPING = plan(catalog(ITEM, OWNER), catalog(table("item", SHORT)))


def test_a_plan_reads_as_sql_with_a_comment_per_step() -> None:
    assert str(plan(catalog(OWNER, table("item", NAME)), catalog(OWNER, replace(ITEM, columns=ITEM.columns[:1])))) == (
        "-- postgresql: 2 steps; hazards: deletes data, blocks writes, may fail on data\n"
        "\n"
        "-- 1. drop column public.item.name\n"
        "-- hazard: deletes data\n"
        'ALTER TABLE "public"."item"\n'
        '    DROP COLUMN "name";\n'
        "\n"
        "-- 2. add foreign key public.item.fk: id to public.owner\n"
        "-- hazard: blocks writes\n"
        "-- hazard: may fail on data\n"
        'ALTER TABLE "public"."item" ADD CONSTRAINT "fk" FOREIGN KEY ("id") REFERENCES "public"."owner" ("id");\n'
    )


def test_an_empty_plan_says_so_on_one_line() -> None:
    empty = plan(catalog(OWNER), catalog(OWNER))
    assert empty.is_empty
    assert str(empty) == "-- postgresql: nothing to do, the schema is as described\n"


def test_new_tables_have_no_hazards() -> None:
    assert plan(catalog(), catalog(ITEM, OWNER)).hazards == frozenset()


def test_comments_of_a_plan_stay_on_their_lines() -> None:
    name = "t\n; DROP TABLE canary; --\r\u2028\u202e"
    text = str(plan(catalog(), catalog(table(name))))
    assert "-- 1. create table public.t\\n; DROP TABLE canary; --\\r\\u2028\\u202e\n" in text
    outside = text.replace(f'"{name}"', "").replace(f'"pk_{name}"', "")
    assert [line for line in outside.splitlines() if "canary" in line and not line.startswith("--")] == []


def test_summaries_spell_types_as_the_dialect_does() -> None:
    retyped = plan(catalog(table("item", NAME)), catalog(table("item", replace(NAME, data_type=SqlCharacter()))))
    assert [step.summary for step in retyped.steps] == ["alter column public.item.name (character varying(20) to text)"]


def test_refused_steps_are_listed_with_what_permits_them() -> None:
    with pytest.raises(HazardError) as caught:
        DROPPING.require(SyncPolicy())
    drop, narrow = caught.value.steps
    assert drop == (
        "2. drop table public.owner: deletes data; permit with SyncPolicy(allow={Hazard.DELETES_DATA})"
        " or SyncPolicy(allow_drop={'table': ('public.owner',)}), or leave it alone with SyncPolicy(keep=('public.owner',))"
    )
    assert narrow == (
        "3. alter column public.item.name (character varying(20) to character varying(5)): narrows a type;"
        " permit with SyncPolicy(allow={Hazard.NARROWS_TYPE})"
    )
    assert str(caught.value).startswith("plan: 2 of 3 steps refused, nothing was changed; permit them if")
    assert all(line in str(caught.value) for line in caught.value.steps)


def test_a_policy_permits_what_it_names_and_no_more() -> None:
    with pytest.raises(HazardError) as caught:
        DROPPING.require(SyncPolicy(allow=frozenset({Hazard.DELETES_DATA})))
    assert [line.split(".")[0] for line in caught.value.steps] == ["3"]
    assert DROPPING.require(SyncPolicy(allow=frozenset({Hazard.DELETES_DATA, Hazard.NARROWS_TYPE}))) is DROPPING


def test_the_pattern_that_a_refusal_names_keeps_the_very_table() -> None:
    awkward = table("odd[1]*")
    with pytest.raises(HazardError) as caught:
        plan(catalog(awkward), catalog()).require(SyncPolicy())
    pattern = caught.value.steps[0].partition("keep=('")[2].removesuffix("',))")
    assert diff(catalog(awkward), catalog(), keep=[pattern]) == ()


def test_fingerprints_tell_all_that_is_compared() -> None:
    base = catalog(ITEM, OWNER)
    related = replace(OWNER, relations=(Relation((ID,), ITEM.name, (ID,)),))
    assert fingerprint(catalog(ITEM, related)) == fingerprint(base)
    generated = Column(ID, SqlInteger(4), identity=IdentityMode.ALWAYS)
    others = [
        catalog(ITEM),
        catalog(replace(ITEM, description="x"), OWNER),
        catalog(replace(ITEM, constraints=()), OWNER),
        catalog(ITEM, replace(OWNER, columns=(generated,))),
        Catalog((Namespace(LocalId("public"), (EnumType(QualifiedId("public", "e"), ("a",)),), (), (ITEM, OWNER)),)),
    ]
    assert len({fingerprint(other) for other in (base, *others)}) == len(others) + 1


def test_fingerprints_do_not_depend_on_the_process() -> None:
    program = "import tests.test_migration_plan as t; print(t.fingerprint(t.catalog(t.ITEM, t.OWNER)))"
    printed = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert printed == {fingerprint(catalog(ITEM, OWNER))}


async def test_a_report_counts_steps_and_statements(postgresql: Server) -> None:
    async with DIALECT.connect(postgresql.parameters) as session:
        report = await apply(plan(catalog(), catalog(ITEM, replace(OWNER, description="who"))), session)
        assert (report.steps, report.statements) == (3, 4)
        assert report.seconds > 0


async def test_a_refused_step_is_named_and_nothing_is_changed(postgresql: Server) -> None:
    async with DIALECT.connect(postgresql.parameters) as session:
        await session.execute("CREATE TABLE item (id integer PRIMARY KEY, name varchar(20))")
        await session.execute("INSERT INTO item VALUES (1, 'longer than five')")
        narrowing = plan(catalog(table("item", NAME)), catalog(OWNER, table("item", SHORT)))
        with pytest.raises(ApplyError) as caught:
            async with session.transaction():
                await apply(narrowing, session)
        assert str(caught.value) == (
            "step 2 of 2 (alter column public.item.name (character varying(20) to character varying(5))): value too long"
            " for type character varying(5); nothing was changed, fix the cause and re-run"
        )
        assert (caught.value.step, caught.value.applied, caught.value.total) == (2, 0, 2)
        assert await session.fetch("SELECT to_regclass('owner') IS NULL, name FROM item") == [
            (True, "longer than five")
        ]


async def test_a_lock_that_is_not_granted_names_the_step(postgresql: Server) -> None:
    adding = plan(catalog(table("item")), catalog(table("item", NAME)))
    async with DIALECT.connect(postgresql.parameters) as reader, DIALECT.connect(postgresql.parameters) as session:
        await session.execute("CREATE TABLE item (id integer PRIMARY KEY)")
        async with reader.transaction(), session.transaction():
            await reader.fetch("SELECT * FROM item")
            await session.lock_schema("test", timeout_s=0.1)
            message = r"step 1 of 1 \(add column public.item.name\): .*nothing was changed"
            with pytest.raises(LockTimeoutError, match=message):
                async with session.transaction():
                    await apply(adding, session)


async def test_what_is_in_the_way_of_a_step_is_named(postgresql: Server) -> None:
    async with DIALECT.connect(postgresql.parameters) as session:
        await session.execute("CREATE TABLE owner (id integer PRIMARY KEY)")
        await session.execute("CREATE VIEW report AS SELECT id FROM owner")
        with pytest.raises(
            ApplyError, match=r"step 1 of 1 \(drop table public.owner\): .*view report depends on table owner"
        ):
            await apply(plan(catalog(OWNER), catalog()), session)


def test_a_label_cannot_be_removed_while_a_composite_type_has_it() -> None:
    color = EnumType(QualifiedId("public", "color"), ("red", "green"))
    paint = StructType(QualifiedId("public", "paint"), (StructMember(LocalId("color"), SqlNamed(color.name)),))

    def described(*labels: str) -> Catalog:
        return Catalog((Namespace(LocalId("public"), (replace(color, labels=labels),), (paint,)),))

    message = r"enum public\.color: label 'green' cannot be removed while type public\.paint has a member of it; remove"
    with pytest.raises(UnsupportedError, match=message):
        plan(described("red", "green"), described("red"))
    assert not plan(described("red"), described("red", "green")).is_empty
