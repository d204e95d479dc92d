"""Rows that refer to nothing: added as stubs, or set aside; and partitions whose rejected rows are told anew with each load."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from pysqlsync_engine.data.load_options import Atomicity, LoadMode, LoadOptions, OnError
from pysqlsync_engine.data.load_report import Counts, LoadReport
from pysqlsync_engine.errors import LoadError
from pysqlsync_engine.model.data_types import SqlCharacter, SqlInteger
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import ForeignKeyConstraint
from pysqlsync_engine.session import Row, Session
from tests.row_tables import column, open_session, quoted, store, table
from tests.servers import Server

SQL = (
    "CREATE TABLE owners (id int PRIMARY KEY, name varchar(20))",
    "CREATE TABLE towns (code varchar(3) PRIMARY KEY, name varchar(20) NOT NULL)",
    """CREATE TABLE pets (
        id int PRIMARY KEY, owner int, town varchar(3) NOT NULL,
        CONSTRAINT pets_owner_fkey FOREIGN KEY (owner) REFERENCES owners (id),
        CONSTRAINT pets_town_fkey FOREIGN KEY (town) REFERENCES towns (code)
    )""",
    "INSERT INTO owners VALUES (1, 'Ada')",
    "INSERT INTO towns VALUES ('BER', 'Berlin'), ('ROM', 'Rome')",
)


def reference(name: str, other: str, key: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        LocalId(f"pets_{name}_fkey"), (LocalId(name),), QualifiedId("public", other), (LocalId(key),)
    )


PETS = table(
    "pets",
    column("id", SqlInteger(4)),
    column("owner", SqlInteger(4), nullable=True),
    column("town", SqlCharacter(3)),
    constraints=(reference("owner", "owners", "id"), reference("town", "towns", "code")),
)

ALL = {"id": int, "owner": int, "town": str}

STORING = [LoadMode.INSERT, LoadMode.UPSERT, LoadMode.REPLACE, LoadMode.MIRROR]


@pytest.fixture
async def session(database: Server) -> AsyncIterator[Session]:
    async with open_session(database) as session:
        for statement in SQL:
            await session.execute(statement)
        yield session


async def load(
    session: Session, rows: list[Row], mode: LoadMode = LoadMode.UPSERT, fields: dict[str, Any] = ALL, **options: Any
) -> LoadReport:
    return await store(session, PETS, mode, fields, rows, **options)


async def quarantine(
    session: Session, rows: list[Row], partition: str | None = None, mode: LoadMode = LoadMode.UPSERT, **options: Any
) -> LoadReport:
    return await load(session, rows, mode, on_error=OnError.QUARANTINE, partition=partition, **options)


async def rejected(session: Session) -> list[Row]:
    """:returns: Partition, number and column of each row that was set aside."""
    number = quoted(session, "row_number")
    return await session.fetch(f"SELECT batch, {number}, column_name FROM pets__rejected ORDER BY batch, {number}")


async def owners(session: Session) -> list[Row]:
    return await session.fetch("SELECT id, name FROM owners ORDER BY id")


@pytest.mark.parametrize("mode", STORING)
async def test_rows_that_others_refer_to_are_added_with_nothing_but_their_key(session: Session, mode: LoadMode) -> None:
    rows: list[Row] = [(1, 1, "BER"), (2, 7, "ROM"), (3, 5, "BER"), (4, 7, "BER"), (5, None, "ROM")]
    report = await load(session, rows, mode, stubs=("owner",))
    assert report.counts == Counts(inserted=5, stubbed=2)
    assert await owners(session) == [(1, "Ada"), (5, None), (7, None)]
    assert await session.fetch("SELECT id, owner, town FROM pets ORDER BY id") == rows


@pytest.mark.parametrize("mode", STORING)
async def test_one_reference_is_stubbed_and_rows_with_another_are_set_aside(session: Session, mode: LoadMode) -> None:
    rows: list[Row] = [(1, 1, "BER"), (2, 7, "XXX"), (3, 5, "ROM"), (4, 5, "YYY")]
    report = await quarantine(session, rows, mode=mode, stubs=("owner",))
    assert report.counts == Counts(inserted=2, rejected=2, stubbed=1)
    # the owner of a row that was set aside is not added
    assert await owners(session) == [(1, "Ada"), (5, None)]
    assert [at for *_, at in await rejected(session)] == ["town", "town"]


async def test_a_stub_becomes_a_row_when_its_values_are_known(session: Session) -> None:
    await load(session, [(1, 7, "BER")], stubs=("owner",))
    await session.execute("UPDATE owners SET name = 'Grace' WHERE id = 7")
    report = await load(session, [(1, 7, "BER"), (2, 7, "ROM")], stubs=("owner",))
    assert report.counts.stubbed == 0
    assert await owners(session) == [(1, "Ada"), (7, "Grace")]


@pytest.mark.parametrize("on_error", OnError)
async def test_a_stub_that_needs_more_than_its_key_is_an_error_that_says_so(
    session: Session, on_error: OnError
) -> None:
    expected = r"towns: cannot add rows that \S*pets.town refers to: .*; let the other columns be NULL"
    with pytest.raises(LoadError, match=expected):
        await load(session, [(1, 1, "XXX")], on_error=on_error, stubs=("town",))
    assert await session.fetch("SELECT count(*) FROM pets") == [(0,)]


async def test_stubs_of_columns_that_the_stream_lacks_are_left_out(session: Session) -> None:
    fields = {"id": int, "town": str}
    report = await load(session, [(1, "BER")], fields=fields, stubs=("owner",))
    assert report.counts == Counts(inserted=1)
    with pytest.raises(ValueError, match="expected a foreign key of column 'id' alone"):
        await load(session, [(1, "BER")], fields=fields, stubs=("id",))


async def test_nothing_is_added_when_rows_are_deleted(session: Session) -> None:
    await load(session, [(1, 1, "BER")])
    report = await load(session, [(1, 9, "BER")], LoadMode.DELETE, stubs=("owner",))
    assert report.counts == Counts(deleted=1)
    assert await owners(session) == [(1, "Ada")]


async def test_rejected_rows_of_a_partition_are_those_of_its_last_load(session: Session) -> None:
    first: list[Row] = [(1, 1, "XXX"), (2, 1, "BER"), (3, 1, "YYY")]
    second: list[Row] = [(4, 1, "XXX")]
    assert (await quarantine(session, first, "monday")).rejected == 2
    assert (await quarantine(session, second, "tuesday")).rejected == 1
    expected = [("monday", 1, "town"), ("monday", 3, "town"), ("tuesday", 1, "town")]
    assert await rejected(session) == expected
    assert (await quarantine(session, first, "monday")).rejected == 2
    assert await rejected(session) == expected
    await session.execute("INSERT INTO towns VALUES ('XXX', 'Found')")
    report = await quarantine(session, first, "monday")
    assert report.counts == Counts(inserted=1, updated=1, rejected=1)
    assert await rejected(session) == [("monday", 3, "town"), ("tuesday", 1, "town")]


async def test_a_partition_without_rows_any_more_has_no_rejected_rows_either(session: Session) -> None:
    await quarantine(session, [(1, 1, "XXX")], "monday")
    await quarantine(session, [(1, 1, "XXX")], "tuesday")
    assert (await quarantine(session, [], "monday")).counts == Counts()
    assert await rejected(session) == [("tuesday", 1, "town")]


async def test_a_load_that_fails_leaves_the_rejected_rows_as_they_were(session: Session) -> None:
    await quarantine(session, [(1, 1, "XXX")], "monday")
    with pytest.raises(LoadError, match="max_rejects=1"):
        await quarantine(session, [(2, 1, "XXX"), (3, 1, "YYY")], "monday", max_rejects=1)
    assert await rejected(session) == [("monday", 1, "town")]


async def test_partitions_of_other_streams_and_loads_without_one_are_left_alone(session: Session) -> None:
    await quarantine(session, [(1, 1, "XXX")])
    await quarantine(session, [(1, 1, "XXX")], "monday", stream="shop")
    await quarantine(session, [(1, 1, "XXX")], "monday")
    await quarantine(session, [(1, 1, "XXX")], "monday")
    await quarantine(session, [(1, 1, "XXX")])
    assert len(await rejected(session)) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs OnError.QUARANTINE"),
        ({"on_error": OnError.QUARANTINE, "batch": "a", "stream": "s"}, "give one of them"),
        ({"on_error": OnError.QUARANTINE, "atomicity": Atomicity.CHUNK}, "cannot be stored in parts"),
        ({"on_error": OnError.QUARANTINE, "partition": ""}, "1 to 255 characters"),
    ],
)
def test_a_partition_that_would_lose_rejected_rows_is_refused(options: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"partition": "monday", **options}
    with pytest.raises(ValueError, match=message):
        LoadOptions(**given)
