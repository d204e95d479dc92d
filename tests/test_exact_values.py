"""Values of every type on every server: stored exactly as given, or refused with a reason, never changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pysqlsync_engine.base import ConnectionContext, LoadMode, LoadOptions, OnError, RecordSource
from pysqlsync_engine.data.batches import BatchSource
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.data.tsv import TsvSource
from tests.exact_values import CASES, Case, Rows, check_many, is_same, read_back
from tests.servers import Server

MakeSource = Callable[[Fields, Rows], RecordSource]


def as_values(fields: Fields, rows: Rows) -> RecordSource:
    """:returns: A source of tuples."""
    return BatchSource(fields, [list(rows.items())])


def as_text(case: Case, file: Path) -> MakeSource:
    """:returns: What makes a file of rows."""
    spell = case.text

    def write(fields: Fields, rows: Rows) -> RecordSource:
        assert spell is not None
        cells = {number: "\\N" if value is None else escape(spell(value)) for number, value in rows.items()}
        file.write_text("".join(f"{number}\t{cell}\n" for number, cell in cells.items()), encoding="utf-8", newline="")
        return TsvSource(file, fields, header=False)

    return write


def escape(text: str) -> str:
    """:returns: The text as a cell."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


async def check(connection: ConnectionContext, cls: type, case: Case, make_source: MakeSource, rows: Rows) -> None:
    """Store rows, setting aside what cannot be, and compare what the table has then."""
    source = make_source(Fields(("id", "value"), (int, case.annotation | None)), rows)
    options = LoadOptions(LoadMode.UPSERT, on_error=OnError.QUARANTINE)
    report = await connection.load(connection.get_table(cls), source, options=options)
    found = await connection.session.fetch(
        f"SELECT id, {case.query} FROM sample WHERE id BETWEEN {min(rows):d} AND {max(rows):d}"
    )
    stored: dict[int, Any] = {row[0]: row[1] for row in found}
    for number, value in rows.items():
        if number in stored:
            assert value is None or case.fits(value), f"stored, but should not be: {value!r}"
            assert value is None or is_same(read_back(stored[number], value.__class__), case.shown(value))
        else:
            assert value is not None, "NULL was refused"
            assert not (case.fits(value) and case.narrow(value)), f"refused, but can be stored: {value!r}"
    assert (report.rows, report.rejected) == (len(rows), len(rows) - len(stored))


def run(server: Server, case: Case, make_source: MakeSource) -> None:
    """Check many values of a type."""
    check_many(server, case, lambda connection, cls, rows: check(connection, cls, case, make_source, rows))


@pytest.mark.parametrize("name", CASES)
def test_values_are_stored_as_given_or_refused(database: Server, name: str) -> None:
    run(database, CASES[name], as_values)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.text is not None])
def test_text_of_a_file_is_stored_as_its_values_are_or_refused(database: Server, name: str, tmp_path: Path) -> None:
    run(database, CASES[name], as_text(CASES[name], tmp_path / "rows.tsv"))
