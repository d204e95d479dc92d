"""References to lookup tables that PostgreSQL need not check, as the rows that they refer to are locked; and those that it has to."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from pysqlsync_engine.data.load_options import LoadMode
from pysqlsync_engine.dialect.postgresql.session import PostgreSQLSession, connect
from pysqlsync_engine.dialect.postgresql.sparing import NOTE
from pysqlsync_engine.errors import LoadError, RowError, StatementError
from pysqlsync_engine.model.data_types import SqlInteger
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import ForeignKeyConstraint, Lookup
from pysqlsync_engine.session import Row
from tests.row_tables import column, store, table
from tests.servers import Server

COLORS = QualifiedId("public", "colors")
THINGS = table(
    "things",
    column("id", SqlInteger(4)),
    column("color", SqlInteger(4), nullable=True),
    lookups=(Lookup(LocalId("color"), COLORS),),
    constraints=(ForeignKeyConstraint(LocalId("fk"), (LocalId("color"),), COLORS, (LocalId("id"),)),),
)
FIELDS = {"id": int, "color": str}
ROWS: list[Row] = [(1, "red"), (2, "green"), (3, None), (4, "red")]

LOOKED_UP = "SELECT pg_stat_get_xact_numscans('colors_pkey'::regclass)"
"""How often the transaction has looked for a row by its number, as a check of a reference does."""


@pytest.fixture
async def session(postgresql: Server) -> AsyncIterator[PostgreSQLSession]:
    async with connect(postgresql.parameters) as session:
        await session.execute(
            "CREATE TABLE colors (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, value text UNIQUE)"
        )
        await session.execute("INSERT INTO colors (value) VALUES ('green'), ('red'), ('blue')")
        await session.execute("CREATE TABLE things (id int PRIMARY KEY, color int CONSTRAINT fk REFERENCES colors)")
        yield session


async def load(
    session: PostgreSQLSession, rows: list[Row] = ROWS, mode: LoadMode = LoadMode.INSERT
) -> tuple[bool, int]:
    """:returns: Whether the report says that references were not checked, and how many were."""
    async with session.transaction():
        ((before,),) = await session.fetch(LOOKED_UP)
        report = await store(session, THINGS, mode, FIELDS, rows)
        assert report.counts.inserted + report.counts.updated == len(rows)
        ((after,),) = await session.fetch(LOOKED_UP)
        assert await role(session) == "origin"
    return NOTE in report.notes, after - before


async def role(session: PostgreSQLSession) -> str:
    ((name,),) = await session.fetch("SELECT current_setting('session_replication_role')")
    return name


async def colors_of(session: PostgreSQLSession) -> list[Row]:
    return await session.fetch("SELECT t.id, c.value FROM things t LEFT JOIN colors c ON c.id = t.color ORDER BY 1")


async def test_references_to_labels_are_not_checked_twice(session: PostgreSQLSession) -> None:
    assert await load(session) == (True, 0)
    assert await colors_of(session) == ROWS


@pytest.mark.parametrize("mode", [LoadMode.UPSERT, LoadMode.REPLACE, LoadMode.MIRROR])
async def test_those_of_rows_that_are_merged_are_not(session: PostgreSQLSession, mode: LoadMode) -> None:
    await session.execute("INSERT INTO things SELECT 2, id FROM colors WHERE value = 'blue'")
    assert await load(session, mode=mode) == (True, 0)
    assert await colors_of(session) == ROWS


async def test_those_of_many_labels_are_not(session: PostgreSQLSession, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("staging", "locating", "lookup_ids"):
        monkeypatch.setattr(f"pysqlsync_engine.dialect.postgresql.{module}.MAX_LABELS", 1)
    async with session.transaction():
        assert await load(session) == (True, 0)
        (name,) = (await session.fetch("SELECT relname FROM pg_class WHERE relname ~ '^pysqlsync_.*_labels_1$'"))[0]
        assert await session.fetch(f"SELECT value FROM {name} ORDER BY 1") == [("green",), ("red",)]
    assert await colors_of(session) == ROWS


async def test_rows_that_others_refer_to_are_checked_when_they_are_updated(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE parts (thing int REFERENCES things)")
    assert await load(session, ROWS[:1]) == (True, 0)
    assert await load(session, ROWS, LoadMode.UPSERT) == (False, 2)
    assert await colors_of(session) == ROWS


async def test_labels_stay_until_the_rows_are_committed(session: PostgreSQLSession, postgresql: Server) -> None:
    async with connect(postgresql.parameters) as other:
        await other.execute("SET lock_timeout = '50ms'")
        async with session.transaction():
            await store(session, THINGS, LoadMode.INSERT, FIELDS, ROWS)
            with pytest.raises(StatementError, match="lock timeout"):
                await other.execute("DELETE FROM colors WHERE value = 'green'")
            # others may refer to labels, add some, and not have a trigger overlooked
            await other.execute("INSERT INTO things SELECT 9, id FROM colors WHERE value = 'green'")
            await other.execute("INSERT INTO colors (value) VALUES ('white')")
            with pytest.raises(StatementError, match="lock timeout"):
                await other.execute("ALTER TABLE things ADD FOREIGN KEY (id) REFERENCES colors")
        with pytest.raises(StatementError, match="violates foreign key"):
            await other.execute("DELETE FROM colors WHERE value = 'green'")
        await other.execute("DELETE FROM colors WHERE value = 'blue'")


async def test_triggers_run(session: PostgreSQLSession) -> None:
    await session.execute(
        "CREATE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.id = NEW.id + 10; RETURN NEW; END$$"
    )
    await session.execute("CREATE TRIGGER t BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION count_up()")
    assert await load(session) == (False, 3)
    assert [number for number, _ in await colors_of(session)] == [11, 12, 13, 14]


async def test_rules_are_kept(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE seen (id int)")
    await session.execute("CREATE RULE also AS ON INSERT TO things DO ALSO INSERT INTO seen VALUES (NEW.id)")
    rows = [*ROWS, (5, "white")]
    target = replace(THINGS, lookups=(Lookup(LocalId("color"), COLORS, extensible=True),))
    # a label that is new sends the rows by way of a statement that has rules
    report = await store(session, target, LoadMode.INSERT, FIELDS, rows[::-1])
    assert report.notes == ()
    assert await session.fetch("SELECT id FROM seen ORDER BY id") == [(1,), (2,), (3,), (4,), (5,)]


async def test_keys_that_are_checked_at_the_end_are_checked(session: PostgreSQLSession) -> None:
    await session.execute("ALTER TABLE things ADD UNIQUE (color) DEFERRABLE INITIALLY IMMEDIATE")
    with pytest.raises(LoadError, match="unique constraint"):
        await load(session)
    assert await load(session, ROWS[:3]) == (False, 2)


async def test_other_references_are_checked(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE boxes (id int PRIMARY KEY)")
    await session.execute("ALTER TABLE things ADD box int DEFAULT 7 REFERENCES boxes")
    with pytest.raises(LoadError, match="foreign key"):
        await load(session)
    await session.execute("INSERT INTO boxes VALUES (7)")
    assert await load(session) == (False, 3)


async def test_a_reference_that_is_always_checked_is(session: PostgreSQLSession) -> None:
    ((name,),) = await session.fetch(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = 'things'::regclass AND tgtype::integer & 4 <> 0"
    )
    await session.execute(f'ALTER TABLE things ENABLE ALWAYS TRIGGER "{name}"')
    assert await load(session) == (False, 3)


async def test_rows_of_partitions_are_checked(session: PostgreSQLSession) -> None:
    await session.execute("DROP TABLE things")
    await session.execute(
        "CREATE TABLE things (id int PRIMARY KEY, color int CONSTRAINT fk REFERENCES colors) PARTITION BY RANGE (id)"
    )
    await session.execute("CREATE TABLE all_things PARTITION OF things DEFAULT")
    assert await load(session) == (False, 3)


async def test_a_setting_of_the_application_stays(session: PostgreSQLSession) -> None:
    async with session.transaction():
        await session.execute("SET LOCAL session_replication_role = local")
        report = await store(session, THINGS, LoadMode.INSERT, FIELDS, ROWS)
        assert (NOTE in report.notes, await role(session)) == (False, "local")


async def test_labels_that_the_stream_brings_are_not_looked_for(session: PostgreSQLSession) -> None:
    target = replace(THINGS, lookups=(Lookup(LocalId("color"), COLORS, extensible=True),))
    async with session.transaction():
        report = await store(session, target, LoadMode.INSERT, FIELDS, [*ROWS, (5, "white"), (6, "red")])
        assert await session.fetch(LOOKED_UP) == [(0,)]
        assert await role(session) == "origin"
    assert report.notes == (NOTE,)
    assert await colors_of(session) == [*ROWS, (5, "white"), (6, "red")]


async def test_nothing_is_left_of_a_stream_that_fails(session: PostgreSQLSession) -> None:
    async with session.transaction():
        with pytest.raises(RowError, match="things_pkey"):
            await store(session, THINGS, LoadMode.INSERT, FIELDS, [*ROWS, ROWS[0]])
        assert await role(session) == "origin"
        with pytest.raises(RowError, match="not a label"):
            await store(session, THINGS, LoadMode.INSERT, FIELDS, [*ROWS, (5, "grey")])
        assert await role(session) == "origin"
        with pytest.raises(ZeroDivisionError):
            await store(session, THINGS, LoadMode.INSERT, FIELDS, ((1 // number, "red") for number in (1, 0)))
        assert await role(session) == "origin"
        with pytest.raises(StatementError, match="foreign key"):
            async with session.transaction():
                await session.execute("INSERT INTO things VALUES (1, 77)")
    assert await colors_of(session) == []


@pytest.mark.parametrize(
    ("rights", "is_spared"),
    [
        ("", False),
        ("GRANT UPDATE ON colors TO {role}; GRANT SET ON PARAMETER session_replication_role TO {role}", True),
        ("GRANT SET ON PARAMETER session_replication_role TO {role}", False),
        ("GRANT UPDATE ON colors TO {role}", False),
    ],
)
async def test_a_role_without_the_right_has_its_references_checked(
    session: PostgreSQLSession, postgresql: Server, rights: str, *, is_spared: bool
) -> None:
    if not session.capabilities.version.major >= 15:
        pytest.skip("the right to change a setting can be granted since PostgreSQL 15")
    name = f"loader_{secrets.token_hex(4)}"
    await session.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'loader'")
    try:
        await session.execute(f"GRANT SELECT, INSERT, UPDATE ON things TO {name}")
        await session.execute(f"GRANT SELECT ON colors TO {name}")
        for right in filter(None, rights.format(role=name).split("; ")):
            await session.execute(right)
        async with connect(replace(postgresql.parameters, username=name, password="loader")) as loader:
            assert await load(loader) == (is_spared, 0 if is_spared else 3)
        assert await colors_of(session) == ROWS
    finally:
        await session.execute(f"REVOKE ALL ON PARAMETER session_replication_role FROM {name}")
        await session.execute(f"DROP OWNED BY {name}")
        await session.execute(f"DROP ROLE {name}")
