"""Cases for MySQL and MariaDB, and the one that needs no server."""

from __future__ import annotations

import sys

from benchmarks.rows import statements
from benchmarks.rows.cases_postgresql import BYTES, HALVES, PYSQLSYNC, TUPLES, TWO, copying, writing
from benchmarks.rows.contest import PROJECT, Arena, Case, Command, Contestant, Start, client, clients, own, peer
from benchmarks.rows.results import Goal

LOAD_DATA = "LOAD DATA LOCAL, C client"
EXECUTEMANY = "aiomysql executemany"
COMMITTING = "aiomysql executemany, autocommit"
ENCODED_ROWS = 3_000_000


def mysql_cases() -> list[Case]:
    """:returns: All cases, in the order of the page."""
    return [_insert(), _tuples(), _upsert(), _delete(), _delete_durably()]


def _insert() -> Case:
    return Case(
        "insert",
        "Events from TSV into an empty table",
        "Event",
        (
            Contestant(LOAD_DATA, copying("Event", "events.tsv")),
            Contestant(LOAD_DATA + ", 2 at once", clients(*(writing("Event", half) for half in HALVES))),
            Contestant(BYTES, own("tsv", "events.tsv", table="Event")),
            Contestant(TWO, own("tsv", *HALVES, table="Event")),
            Contestant(TUPLES, own("tuples", "events.z.tsv", table="Event")),
            Contestant(PYSQLSYNC, peer("pysqlsync_rows", "insert", "events.z.tsv")),
            Contestant(EXECUTEMANY, peer("bare_aiomysql", "insert", "events.z.tsv", table="Event")),
            Contestant("SQLAlchemy Core", peer("sqlalchemy_rows", "insert", "events.z.tsv", table="Event")),
        ),
        limit=LOAD_DATA,
        goals=(
            Goal(BYTES, LOAD_DATA, 0.95),
            Goal(TUPLES, LOAD_DATA, 0.95),
            Goal(TWO, LOAD_DATA, 1.5),
            Goal(BYTES, PYSQLSYNC, 4),
            Goal(TUPLES, PYSQLSYNC, 4),
            Goal(BYTES, None, 150, "memory"),
            Goal(TUPLES, None, 150, "memory"),
        ),
    )


def _tuples() -> Case:
    return Case(
        "insert-tuples",
        "Events as tuples, parsed before the clock starts",
        "Event",
        (
            Contestant(LOAD_DATA, copying("Event", "events.tsv")),
            Contestant(TUPLES, own("at_hand", "events.z.tsv", table="Event")),
        ),
        limit=LOAD_DATA,
        goals=(Goal(TUPLES, LOAD_DATA, 0.95),),
    )


def _upsert() -> Case:
    staged = "C client: staging, ON DUPLICATE KEY"
    return Case(
        "upsert",
        "Events upserted; half of the keys exist",
        "Event",
        (
            Contestant(staged, client(lambda s, i: statements.upsert(s, "Event", i.path("events.tsv")))),
            Contestant(BYTES, own("tsv", "events.tsv", table="Event", mode="upsert")),
            Contestant(TWO, own("tsv", *HALVES, table="Event", mode="upsert")),
            Contestant(TUPLES, own("tuples", "events.z.tsv", table="Event", mode="upsert")),
            Contestant(PYSQLSYNC, peer("pysqlsync_rows", "upsert", "events.z.tsv")),
            Contestant(EXECUTEMANY, peer("bare_aiomysql", "upsert", "events.z.tsv", table="Event")),
        ),
        before="events.base.tsv",
        limit=staged,
        goals=(Goal(BYTES, PYSQLSYNC, 2.2), Goal(TUPLES, PYSQLSYNC, 2.2), Goal(TWO, PYSQLSYNC, 3.2)),
    )


def _delete() -> Case:
    staged = "C client: staging, DELETE JOIN"
    return Case(
        "delete",
        "A quarter of the events deleted by their keys",
        "Event",
        (
            Contestant(staged, client(lambda s, i: statements.delete(s, "Event", i.path("events.keys.tsv")))),
            Contestant(BYTES, own("tsv", "events.keys.tsv", table="Event", mode="delete")),
            Contestant(TUPLES, own("tuples", "events.keys.tsv", table="Event", mode="delete")),
            Contestant(EXECUTEMANY, peer("bare_aiomysql", "delete", "events.keys.tsv", table="Event")),
        ),
        before="events.tsv",
        limit=staged,
        goals=(Goal(BYTES, EXECUTEMANY, 50), Goal(TUPLES, EXECUTEMANY, 50)),
        count=lambda inputs: -(-inputs.rows // 4),
    )


def _delete_durably() -> Case:
    """As servers are run, and as pysqlsync uses the driver."""
    return Case(
        "delete-durable",
        "A quarter of the events deleted by their keys; commits wait for the disk",
        "Event",
        (
            Contestant(BYTES, own("tsv", "events.keys.tsv", table="Event", mode="delete")),
            Contestant(TUPLES, own("tuples", "events.keys.tsv", table="Event", mode="delete")),
            Contestant(COMMITTING, peer("bare_aiomysql", "delete_each", "events.keys.tsv", table="Event")),
        ),
        before="events.tsv",
        goals=(Goal(BYTES, COMMITTING, 50), Goal(TUPLES, COMMITTING, 50)),
        count=lambda inputs: -(-inputs.rows // 4),
        durable=True,
    )


def encoder_case() -> Case:
    """:returns: The encoder alone, on one core."""

    def start(action: str) -> Start:
        def make(_arena: Arena) -> Command:
            words = [sys.executable, "-m", "benchmarks.rows.programs.encoder"]
            return Command(words, {"PYTHONPATH": str(PROJECT)}, {"action": action, "rows": ENCODED_ROWS})

        return make

    compiled = "engine: two columns converted"
    return Case(
        "encoder",
        "Rows of 8 columns encoded; one core, no server",
        None,
        (
            Contestant(compiled, start("two")),
            Contestant("engine: all columns checked", start("all")),
            Contestant("two columns converted, a function for each cell", start("closures")),
        ),
        goals=(Goal(compiled, None, 3_000_000),),
        count=lambda _inputs: ENCODED_ROWS,
    )
