"""Values that must not be shown: neither an error about a record, nor what has caused it, has them."""

from __future__ import annotations

import io
import traceback
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from pysqlsync_engine.base import Atomicity, LoadMode, LoadOptions
from pysqlsync_engine.data.arrow import ArrowBatches
from pysqlsync_engine.data.csv import CsvSource
from pysqlsync_engine.data.json_lines import JsonLinesSource
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.data.tsv import TsvSource
from pysqlsync_engine.errors import LoadError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.key_types import PrimaryKey
from tests.servers import Server

SECRET = "correct-horse-battery"
FIELDS = Fields(("id", "born"), (int, date))


@dataclass
class Person:
    id: PrimaryKey[int]
    born: date


def tsv(number: str, day: str) -> Any:
    return TsvSource(io.BytesIO(f"1\t2024-01-01\n{number}\t{day}\n".encode()), FIELDS, header=False)


def csv(number: str, day: str) -> Any:
    return CsvSource(io.BytesIO(f"1,2024-01-01\n{number},{day}\n".encode()), FIELDS, header=False)


def json(number: str, day: str) -> Any:
    number = number if number.isdigit() else f'"{number}"'
    return JsonLinesSource(
        io.BytesIO(f'{{"id": 1, "born": "2024-01-01"}}\n{{"id": {number}, "born": "{day}"}}\n'.encode()), FIELDS
    )


def arrow(number: str, day: str) -> Any:
    library: Any = pytest.importorskip("pyarrow")
    columns = {"id": library.array([number]), "born": library.array([date(2024, 1, 1)])}
    if number.isdigit():
        columns = {"id": library.array([1, 2]), "born": library.array(["2024-01-01", day])}
    return ArrowBatches(library.table(columns), FIELDS)


@pytest.mark.parametrize("atomicity", Atomicity)
@pytest.mark.parametrize("make", [tsv, csv, json, arrow])
@pytest.mark.parametrize(("number", "day"), [(SECRET, "2024-01-01"), ("2", SECRET)])
async def test_values_are_not_shown(database: Server, make: Any, number: str, day: str, atomicity: Atomicity) -> None:
    async with get_dialect(database.dialect).create_connection(database.parameters) as connection:
        await connection.create_objects([Person])
        table = connection.get_table(Person)
        for redacts in (False, True):
            options = LoadOptions(LoadMode.UPSERT, redact_values=redacts, atomicity=atomicity)
            with pytest.raises(LoadError) as raised:
                await connection.load(table, make(number, day), options=options)
            shown = "".join(traceback.format_exception(raised.value))
            assert (SECRET in shown) is not redacts
            assert ("id" if number == SECRET else "born") in str(raised.value)
