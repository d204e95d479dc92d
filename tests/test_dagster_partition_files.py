"""Folders of which each file is a partition, in every format, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pysqlsync_dagster import DatabaseResource, PartitionSlice, build_sync_defs, partition_files
from pysqlsync_dagster.partition_files import path_of
from pysqlsync_engine.base import class_fields
from pysqlsync_engine.data.csv import CsvSource
from pysqlsync_engine.data.formats import file_source
from pysqlsync_engine.data.sources import Fields, Window
from pysqlsync_engine.errors import LoadError
from tests import orders_job, orders_model
from tests.servers import Server

CUSTOMER = dg.AssetKey(["shop", "Customer"])
FIELDS = Fields(("id", "email"), (int, str))


@pytest.fixture
def database(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> DatabaseResource:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, postgresql.parameters.password or "")
    return orders_job.resource(postgresql.parameters)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:  # pyright: ignore[reportUnknownMemberType] - of Dagster
        yield instance


def load(
    database: DatabaseResource, instance: dg.DagsterInstance, source: Any, first: str, last: str
) -> tuple[dg.ExecuteInProcessResult, dict[str | None, tuple[Any, Any]]]:
    """:returns: The result of a run over some days, and by partition the rows and how they got to the server."""
    definitions = build_sync_defs(
        orders_model,
        target=database,
        sources={orders_model.Customer: source},
        namespace="shop",
        partitions={orders_model.Customer: orders_job.DAYS},
        executor=dg.in_process_executor,
    )
    result = definitions.resolve_job_def("shop_all").execute_in_process(
        instance=instance,
        run_config=orders_job.QUIET,
        tags=orders_job.partition_range(first, last),
        raise_on_error=False,
    )
    found: dict[str | None, tuple[Any, Any]] = {}
    for record in instance.fetch_materializations(CUSTOMER, limit=10).records:
        assert record.asset_materialization is not None
        shown = record.asset_materialization.metadata
        found[record.partition_key] = (shown["rows"].value, shown["speed"].value)
    return result, found


def test_each_file_is_a_day_and_its_text_goes_to_the_server_as_it_is(
    database: DatabaseResource, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    (tmp_path / "2024-01-05.csv").write_text("id,email\n1,a@example.org\n2,b@example.org\n")
    (tmp_path / "2024-01-06.csv").write_text("id,email\n3,c@example.org\n")
    source = partition_files(tmp_path / "{key}.csv", FIELDS)
    result, found = load(database, instance, source, "2024-01-05", "2024-01-06")
    assert result.success
    assert found == {"2024-01-05": (2, "bytes"), "2024-01-06": (1, "bytes")}


def test_folders_may_be_named_after_parts_of_the_time(
    database: DatabaseResource, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    (tmp_path / "2024" / "01").mkdir(parents=True)
    (tmp_path / "2024" / "01" / "05.csv").write_text("id;email\n1;a@example.org\n")
    source = partition_files(
        tmp_path / "{start:%Y}" / "{start:%m}" / "{start:%d}.csv",
        FIELDS,
        read=lambda file, fields: CsvSource(file, fields, delimiter=";"),
    )
    assert load(database, instance, source, "2024-01-05", "2024-01-05")[1] == {"2024-01-05": (1, "bytes")}


def test_a_day_may_have_several_files_which_are_one_stream(
    database: DatabaseResource, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    for day, name, key in [("2024-01-05", "a", 1), ("2024-01-05", "b", 2), ("2024-01-06", "a", 3)]:
        (tmp_path / day).mkdir(exist_ok=True)
        (tmp_path / day / f"{name}.csv").write_text(f"id,email\n{key},{key}@example.org\n")
    source = partition_files(tmp_path / "{key}" / "*.csv", FIELDS)
    _, found = load(database, instance, source, "2024-01-05", "2024-01-06")
    assert found == {"2024-01-05": (2, "bytes"), "2024-01-06": (1, "bytes")}
    (tmp_path / "[x]").mkdir()
    (tmp_path / "[x]" / "a.csv").write_text("id,email\n4,4@example.org\n")
    batches: Any = source.make(PartitionSlice("[x]")).batches(None)
    assert [row for batch in batches for row in batch] == [(4, "4@example.org")]


def test_fields_are_those_of_a_class() -> None:
    source = partition_files("{key}.csv", orders_model.Customer, missing_ok=True)
    assert source.make(PartitionSlice("x")).fields == class_fields(orders_model.Customer)


def test_a_day_without_a_file_fails_unless_it_may_be_missing(
    database: DatabaseResource, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    (tmp_path / "2024-01-06.csv").write_text("id,email\n3,c@example.org\n")
    strict = partition_files(tmp_path / "{key}.csv", FIELDS)
    result, found = load(database, instance, strict, "2024-01-05", "2024-01-05")
    assert not result.success
    assert found == {}
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    message = str(failure.step_failure_data.user_failure_data)
    assert "partition 2024-01-05" in message
    assert "2024-01-05.csv: no such file" in message
    lenient = partition_files(tmp_path / "{key}.csv", FIELDS, missing_ok=True)
    result, found = load(database, instance, lenient, "2024-01-05", "2024-01-06")
    assert result.success
    assert {key: rows for key, (rows, _) in found.items()} == {"2024-01-05": 0, "2024-01-06": 1}


def test_the_format_is_told_by_the_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,email\n1,a@example.org\n")
    (tmp_path / "a.tsv").write_text("id\temail\n1\ta@example.org\n")
    (tmp_path / "a.jsonl").write_text('{"id": 1, "email": "a@example.org"}\n')
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table({"id": [1], "email": ["a@example.org"]}), tmp_path / "a.parquet")
    for file in sorted(tmp_path.iterdir()):
        batches: Any = file_source(file, FIELDS).batches(None)
        assert [row for batch in batches for row in batch] == [(1, "a@example.org")], file.name
    with pytest.raises(ValueError, match=r"a\.txt: the name does not tell the format; expected one of \.csv"):
        file_source(tmp_path / "a.txt", FIELDS)


def test_a_path_says_what_is_wrong_with_it() -> None:
    with pytest.raises(ValueError, match=r"sales\.csv: every partition would have this file; put \{key\}"):
        partition_files("sales.csv", FIELDS)
    window = Window(datetime(2024, 1, 5, tzinfo=UTC), datetime(2024, 1, 6, tzinfo=UTC), "2024-01-05")
    part = PartitionSlice("2024-01-05|us", window, {"day": "2024-01-05", "shop": "us"})
    assert path_of("{shop}/{day}.csv", part) == Path("us/2024-01-05.csv")
    with pytest.raises(
        LoadError, match=r"no \{region\} in partition '2024-01-05\|us'; known: key, day, shop, start, end"
    ):
        path_of("{region}/{day}.csv", part)
    for key in ("../secret", "/etc/passwd"):
        with pytest.raises(LoadError, match="is no name of a file below it"):
            path_of("data/{key}", PartitionSlice(key))
