"""Cases for PostgreSQL: inserts, upserts, reloads, deletes, Parquet, and a CSV file on the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.rows import statements
from benchmarks.rows.contest import PROJECT, Arena, Case, Command, Contestant, Start, Write, client, clients, own, peer
from benchmarks.rows.inputs import Inputs
from benchmarks.rows.results import Goal
from benchmarks.rows.servers import BenchServer

HALVES = ("events.1.tsv", "events.2.tsv")
PSQL = r"psql \copy"
STAGED = "psql: staging, ON CONFLICT"
LIST = "pysqlsync, rows in a list"
PYSQLSYNC = "pysqlsync"
BYTES, TWO, TUPLES = "engine: bytes", "engine: bytes, 2 streams", "engine: tuples"
EXECUTEMANY = "asyncpg executemany"


def writing(table: str, name: str, *, form: str = "text", here: bool = True) -> Write:
    """:returns: The server's own limit: its client copies a file, or the server reads it itself."""

    def write(server: BenchServer, inputs: Inputs) -> list[str]:
        return [statements.copy(server, statements.place(server, table), inputs.path(name), form=form, here=here)]

    return write


def copying(table: str, name: str, *, form: str = "text", here: bool = True) -> Start:
    """:returns: One client that does it; see `writing`."""
    return client(writing(table, name, form=form, here=here))


def _insert() -> Case:
    return Case(
        "insert",
        "Events from TSV into an empty table",
        "Event",
        (
            Contestant(PSQL, copying("Event", "events.tsv")),
            Contestant("COPY FROM, read by the server", copying("Event", "events.tsv", here=False)),
            Contestant(PSQL + ", 2 at once", clients(*(writing("Event", half) for half in HALVES))),
            Contestant(BYTES, own("tsv", "events.tsv", table="Event")),
            Contestant(TWO, own("tsv", *HALVES, table="Event")),
            Contestant("asyncpg copy_to_table, bytes", peer("bare_asyncpg", "raw", "events.tsv", table="Event")),
            Contestant("asyncpg copy_to_table, 2 connections", peer("bare_asyncpg", "raw", *HALVES, table="Event")),
            Contestant("psycopg, raw blocks", peer("psycopg_rows", "raw", "events.tsv", table="Event")),
            Contestant(TUPLES, own("tuples", "events.z.tsv", table="Event")),
            Contestant("tsv2py, asyncpg copy_records", peer("bare_asyncpg", "records", "events.z.tsv", table="Event")),
            Contestant("tsv2py, psycopg write_row", peer("psycopg_rows", "records", "events.z.tsv", table="Event")),
            Contestant(PYSQLSYNC, peer("pysqlsync_rows", "insert", "events.z.tsv")),
            Contestant(LIST, peer("pysqlsync_rows", "insert_list", "events.z.tsv")),
            Contestant("SQLAlchemy Core", peer("sqlalchemy_rows", "insert", "events.z.tsv", table="Event")),
        ),
        limit=PSQL,
        goals=(
            Goal(BYTES, PSQL, 0.97),
            Goal(TWO, PSQL, 1.4),
            Goal(TUPLES, PYSQLSYNC, 1.3),
            Goal(TUPLES, LIST, 0.1, "memory"),
            Goal(BYTES, None, 150, "memory"),
            Goal(TUPLES, None, 150, "memory"),
        ),
    )


def _insert_csv() -> Case:
    return Case(
        "insert-csv",
        "Events from CSV into an empty table",
        "Event",
        (
            Contestant(PSQL, copying("Event", "events.csv", form="csv")),
            Contestant("engine: CSV", own("csv", "events.csv", table="Event")),
        ),
        limit=PSQL,
        goals=(Goal("engine: CSV", None, 150, "memory"),),
    )


def _tuples() -> Case:
    return Case(
        "insert-tuples",
        "Events as tuples, parsed before the clock starts",
        "Event",
        (
            Contestant(PSQL, copying("Event", "events.tsv")),
            Contestant("asyncpg copy_records_to_table", peer("bare_asyncpg", "at_hand", "events.z.tsv", table="Event")),
            Contestant(TUPLES, own("at_hand", "events.z.tsv", table="Event")),
        ),
        limit=PSQL,
        goals=(Goal(TUPLES, "asyncpg copy_records_to_table", 0.9),),
    )


def _relations() -> Case:
    return Case(
        "insert-relations",
        "Events into an empty table whose enumerations are lookup tables",
        "Event",
        (
            Contestant(TUPLES, own("tuples", "events.z.tsv", table="Event", enum_mode="RELATION")),
            Contestant(BYTES, own("tsv", "events.tsv", table="Event", enum_mode="RELATION")),
            Contestant(PYSQLSYNC, peer("pysqlsync_rows", "insert", "events.z.tsv", enum_mode="RELATION")),
        ),
        goals=(Goal(TUPLES, PYSQLSYNC, 2.5),),
        enum_mode="RELATION",
    )


def _tpch(name: str, table: str, title: str) -> Case:
    adbc, parquet, limit = "ADBC ingest", "engine: Parquet", PSQL + ", the rows as text"
    return Case(
        f"parquet-{name}",
        f"TPC-H {title} from Parquet into an empty table",
        table,
        (
            Contestant(limit, copying(table, f"{name}.tsv")),
            Contestant(parquet, own("parquet", f"{name}.parquet", table=table)),
            Contestant(adbc, peer("adbc_rows", "straight", f"{name}.parquet", table=table)),
            Contestant(BYTES + " (TSV)", own("tsv", f"{name}.tsv", table=table)),
        ),
        rows_of=name,
        limit=limit,
        goals=(Goal(parquet, limit, 0.85), Goal(parquet, adbc, 1.15), Goal(parquet, None, 150, "memory")),
    )


def _parquet() -> tuple[Case, ...]:
    parquet, staged, limit = "engine: Parquet", "ADBC ingest, INSERT SELECT", PSQL + ", the rows as text"
    return (
        _tpch("lineitem", "LineItem", "lineitem"),
        _tpch("orders", "Orders", "orders"),
        Case(
            "parquet-events",
            "Events from Parquet into an empty table",
            "Event",
            (
                Contestant(limit, copying("Event", "events.tsv")),
                Contestant(parquet, own("parquet", "events.parquet", table="Event")),
                Contestant(staged, peer("adbc_rows", "staged", "events.parquet", table="Event")),
            ),
            limit=limit,
            goals=(Goal(parquet, limit, 0.85), Goal(parquet, staged, 1.15)),
        ),
    )


def _upsert() -> Case:
    return Case(
        "upsert",
        "Events upserted; half of the keys exist",
        "Event",
        (
            Contestant(STAGED, client(lambda s, i: statements.upsert(s, "Event", i.path("events.tsv")))),
            Contestant(BYTES, own("tsv", "events.tsv", table="Event", mode="upsert")),
            Contestant(TWO, own("tsv", *HALVES, table="Event", mode="upsert")),
            Contestant(TUPLES, own("tuples", "events.z.tsv", table="Event", mode="upsert")),
            Contestant(PYSQLSYNC, peer("pysqlsync_rows", "upsert", "events.z.tsv")),
            Contestant(LIST, peer("pysqlsync_rows", "upsert_list", "events.z.tsv")),
            Contestant(EXECUTEMANY, peer("bare_asyncpg", "upsert", "events.z.tsv", table="Event")),
            # what several connections might win for one stream
            Contestant(
                "asyncpg: 2 connections stage, one merges",
                peer("bare_asyncpg", "upsert_staged", *HALVES, table="Event"),
            ),
            Contestant(
                "asyncpg: 2 connections stage and merge",
                peer("bare_asyncpg", "upsert_staged", *HALVES, table="Event", merges="2"),
            ),
        ),
        before="events.base.tsv",
        limit=STAGED,
        goals=(
            Goal(BYTES, PYSQLSYNC, 2.4),
            Goal(TWO, PYSQLSYNC, 3.7),
            Goal(TUPLES, PYSQLSYNC, 1.3),
            Goal(BYTES, LIST, 0.05, "memory"),
        ),
    )


def _reload() -> Case:
    changed = "engine: bytes, only_changed"
    return Case(
        "reload",
        "Events upserted again; 95 % of the rows are unchanged",
        "Event",
        (
            Contestant(STAGED, client(lambda s, i: statements.upsert(s, "Event", i.path("events.reload.tsv")))),
            Contestant(
                changed,
                own("tsv", "events.reload.tsv", table="Event", mode="upsert", options={"only_changed": True}),
            ),
            Contestant(BYTES, own("tsv", "events.reload.tsv", table="Event", mode="upsert")),
            Contestant(PYSQLSYNC, peer("pysqlsync_rows", "upsert", "events.reload.z.tsv")),
        ),
        before="events.tsv",
        limit=STAGED,
        goals=(Goal(changed, PYSQLSYNC, 3.4),),
    )


def _delete() -> Case:
    staged = "psql: staging, DELETE USING"
    return Case(
        "delete",
        "A quarter of the events deleted by their keys",
        "Event",
        (
            Contestant(staged, client(lambda s, i: statements.delete(s, "Event", i.path("events.keys.tsv")))),
            Contestant(BYTES, own("tsv", "events.keys.tsv", table="Event", mode="delete")),
            Contestant(TUPLES, own("tuples", "events.keys.tsv", table="Event", mode="delete")),
            Contestant(EXECUTEMANY, peer("bare_asyncpg", "delete", "events.keys.tsv", table="Event")),
            Contestant(PYSQLSYNC, peer("pysqlsync_rows", "delete", "events.keys.tsv")),
        ),
        before="events.tsv",
        limit=staged,
        goals=(Goal(BYTES, EXECUTEMANY, 1.4), Goal(TUPLES, EXECUTEMANY, 1.4)),
        count=lambda inputs: -(-inputs.rows // 4),
    )


def _command_line(mode: str) -> Start:
    def start(arena: Arena) -> Command:
        server = arena.opponent
        parameters = server.parameters
        words = [str(Path(sys.executable).with_name("pysqlsync")), "load", "benchmarks.rows.tables:Flight"]
        words += [str(arena.inputs.path("flights.csv")), "--mode", mode, "--null", "NA"]
        words += ["--namespace", "benchmarks.rows.tables=bench"]
        host, port = parameters.host.replace("/", "%2F"), parameters.port or 5432
        dsn = f"postgresql://{parameters.username}@{host}:{port}/{parameters.database}"
        environment = {
            "PYTHONPATH": str(PROJECT),
            "PYSQLSYNC_DSN": dsn,
            "PYSQLSYNC_PASSWORD": parameters.password or "",
        }
        return Command(words, {name: value for name, value in environment.items() if value}, by_clock=True)

    return start


def _dlt(action: str, **task: str) -> Start:
    def start(arena: Arena) -> Command:
        # a data set of its own for each turn, so that it is empty
        command = peer("dlt_flights", action, "flights.csv", dataset=os.urandom(4).hex(), **task)(arena)
        return Command(command.words, command.environment, command.request, by_clock=True)

    return start


DLT_WAYS: Sequence[tuple[str, str, dict[str, str]]] = (
    ("dlt append, Arrow", "arrow_append", {}),
    ("dlt append, Arrow, Parquet by ADBC", "arrow_append", {"file_format": "parquet"}),
    ("dlt merge, Arrow", "arrow_merge", {}),
    ("dlt merge, Arrow, Parquet by ADBC", "arrow_merge", {"file_format": "parquet"}),
    ("dlt merge (upsert), Arrow, Parquet by ADBC", "arrow_merge", {"file_format": "parquet", "strategy": "upsert"}),
)


def _flights() -> Case:
    load = "pysqlsync load --mode upsert"
    return Case(
        "flights",
        "336,776 flights from a CSV file, by one command; time of the whole process",
        "Flight",
        (
            Contestant(PSQL, client(_copy_flights)),
            Contestant(load, _command_line("upsert")),
            Contestant("pysqlsync load --mode insert", _command_line("insert")),
            *(Contestant(name, _dlt(action, **task), apart=True) for name, action, task in DLT_WAYS),
        ),
        rows_of="flights",
        limit=PSQL,
        goals=(Goal(load, "dlt merge*", 3), Goal(load, "dlt append*", 1.5)),
    )


def _copy_flights(server: BenchServer, inputs: Inputs) -> list[str]:
    target, file = statements.place(server, "Flight"), inputs.path("flights.csv")
    with file.open(encoding="utf-8") as lines:
        columns = next(lines).strip()
    return [f"\\copy {target} ({columns}) FROM '{file}' WITH (FORMAT csv, HEADER, NULL 'NA')"]


def postgresql_cases() -> list[Case]:
    """:returns: All cases, in the order of the page."""
    return [
        _insert(),
        _insert_csv(),
        _tuples(),
        _relations(),
        *_parquet(),
        _upsert(),
        _reload(),
        _delete(),
        _flights(),
    ]


def memory_cases(rows: int) -> list[Case]:
    """
    :param rows: Part of the name of the case, so that results for several numbers of rows can be told apart.
    :returns: The engine alone.
    """
    return [
        Case(
            f"memory-{rows}",
            f"Memory of the engine's ways, {rows:,} rows",
            "Event",
            (
                Contestant(BYTES, own("tsv", "events.tsv", table="Event")),
                Contestant("engine: bytes, upsert", own("tsv", "events.tsv", table="Event", mode="upsert")),
                Contestant("engine: CSV", own("csv", "events.csv", table="Event")),
                Contestant(TUPLES, own("tuples", "events.z.tsv", table="Event")),
                Contestant("engine: Parquet", own("parquet", "events.parquet", table="Event")),
            ),
            goals=tuple(
                Goal(name, None, 150, "memory")
                for name in (BYTES, "engine: bytes, upsert", "engine: CSV", TUPLES, "engine: Parquet")
            ),
        )
    ]
