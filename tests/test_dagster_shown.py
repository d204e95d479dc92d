"""What somebody reads in the UI when something is wrong: rejected rows, checks and plans, as text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from pysqlsync_dagster import plan_tables
from pysqlsync_dagster.feeds import ByPartition, TableFeed, feed_metadata
from pysqlsync_dagster.history_checks import Load, build_rejected_checks, rejected_result
from pysqlsync_dagster.load_metadata import rejected_preview
from pysqlsync_dagster.partitions import PartitionSlice
from pysqlsync_engine.base import LoadMode, LoadOptions, OnError, Watermark
from pysqlsync_engine.data.auditing import RejectedRow
from tests import orders_job, orders_model

CUSTOMER = dg.AssetKey(["shop", "Customer"])
RECORD = '{"id":"7","email":"ann@example.org","name":null}'


def rejected(
    reason: str, *, column: str | None = "email", record: str | None = RECORD, place: str | None = None
) -> RejectedRow:
    return RejectedRow(7, place, column, reason, record, datetime(2024, 1, 1, tzinfo=UTC))


def preview(*rows: RejectedRow, hidden: bool = False) -> list[dict[str, Any]]:
    return [dict(record.data) for record in rejected_preview(rows, hidden=hidden).records]


def test_rejected_rows_show_the_value_at_fault_and_records_that_can_be_broken_into_lines() -> None:
    (shown,) = preview(rejected("refers to nothing (fk_Order_customer)"))
    assert shown["value"] == "ann@example.org"
    assert json.loads(shown["record"]) == json.loads(RECORD)
    assert ", " in shown["record"]


@pytest.mark.parametrize("record", ["7,ann@example.org,", "[7]", "7", "{", None])
def test_records_of_files_are_shown_as_they_are(record: str | None) -> None:
    rows = [rejected("cannot read as int", record=record, place="customers.csv: line 8")]
    (shown,) = preview(*rows)
    assert shown["place"] == "customers.csv: line 8"
    assert shown.get("record") == record
    assert "value" not in shown


def test_columns_without_anything_in_them_are_left_out() -> None:
    table = rejected_preview([rejected("needs a value", column=None)], hidden=False)
    assert [column.name for column in table.schema.columns] == ["row", "reason", "record"]


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ('invalid input syntax for type uuid: "ann@x"', "invalid input syntax for type uuid: (hidden)"),
        ('invalid input value for enum shop."State": "ann', 'invalid input value for enum shop."State": (hidden)'),
        ('value "40000" is out of range for type smallint', "value (hidden) is out of range for type smallint"),
        ("Key (email)=(ann@x) already exists.", "Key (email)=(hidden) already exists."),
        ("Duplicate entry 'ann@x' for key 'uq_email'", "Duplicate entry (hidden) for key 'uq_email'"),
        ("Incorrect integer value: 'ann' for column 'id'", "Incorrect integer value: (hidden) for column 'id'"),
        ("expected at most 320 characters; got 333", "expected at most 320 characters; got 333"),
        ("refers to nothing (fk_Order_customer)", "refers to nothing (fk_Order_customer)"),
    ],
)
def test_hidden_rows_tell_what_is_wrong_but_no_value(reason: str, shown: str) -> None:
    (row,) = preview(rejected(reason), hidden=True)
    assert row["reason"] == shown
    assert "ann" not in json.dumps(row)


def load(rejected: int, *, partition: str | None = None, run: str = "run", table: str | None = None) -> Load:
    return Load(run, 100, rejected, None, partition, table)


def test_the_check_of_rejected_rows_says_where_they_are_and_in_which_partitions() -> None:
    place = "shop.Order__rejected"
    loads = [
        load(0, partition="2024-01-03"),
        load(2, partition="2024-01-02", table=place),
        load(1000, partition="2024-01-01", table=place),
        load(9, partition="2023-12-31", run="earlier", table=place),
    ]
    result = rejected_result(loads, CUSTOMER, most=0, share=0.0)
    assert not result.passed
    assert (
        result.description
        == f"1,002 of 300 rows of the last run were rejected; they are in the table {place}, with reasons"
    )
    assert result.metadata["partitions"].value == "2024-01-01: 1,000, 2024-01-02: 2"


def test_the_check_of_rejected_rows_lists_no_more_partitions_than_one_can_read() -> None:
    result = rejected_result([load(1, partition=f"p{number:02}") for number in range(50)], CUSTOMER, most=0, share=0.0)
    assert str(result.metadata["partitions"].value).endswith("p19: 1, and 30 more")


def test_the_check_of_rejected_rows_of_a_table_that_is_loaded_whole_lists_no_partitions() -> None:
    assert set(rejected_result([load(1)], CUSTOMER, most=0, share=0.0).metadata) == {"rejected", "rows"}


@pytest.mark.parametrize(
    ("most", "share", "text"),
    [
        (0, 0.0, "None of the rows of the last run were rejected."),
        (0, 0.05, "No more than 5.00% of the rows of the last run were rejected."),
        (1000, 0.05, "No more than 1,000 or 5.00% of the rows of the last run were rejected."),
    ],
)
def test_the_check_of_rejected_rows_says_what_is_permitted(most: int, share: float, text: str) -> None:
    planned = plan_tables(orders_job.tables(), sources={orders_model.Customer: orders_job.customers()})
    (spec,) = build_rejected_checks(planned, most=most, share=share).check_specs
    assert spec.description == text


def customers_of(part: PartitionSlice) -> orders_job.Rows:
    assert part.key
    return orders_job.customers()


def test_a_table_says_where_its_rows_come_from_and_what_becomes_of_bad_ones() -> None:
    rows = orders_job.customers()
    assert feed_metadata(TableFeed(rows)) == {"source": "Rows", "load": "upsert; nothing is stored if a row cannot be"}
    options = LoadOptions(
        LoadMode.INSERT, on_error=OnError.QUARANTINE, watermark=Watermark("news", "id"), stubs=("customer",)
    )
    assert feed_metadata(TableFeed({"new": rows, "old": ByPartition(customers_of)}, options)) == {
        "source": "new: Rows, old: a source for each partition",
        "load": "insert; rows that cannot be stored are set aside; rows that customer refers to are added where they are missing; "
        "the watermark is that of the stream 'news'",
    }
