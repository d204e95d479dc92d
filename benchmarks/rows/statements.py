"""SQL of the benchmark: what the programs of the servers do, and how tables are filled and compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.rows import events
from benchmarks.rows.servers import BenchServer
from benchmarks.rows.tables import NAMESPACE

MYSQL_COLUMNS = ", ".join("@id" if name == "id" else "@ip" if name == "remote_ip" else name for name in events.COLUMNS)
MYSQL_SET = "id = UNHEX(REPLACE(@id, '-', '')), remote_ip = INET6_ATON(@ip)"
CHANGED = [name for name in events.COLUMNS if name != "id"]


def place(server: BenchServer, table: str) -> str:
    """:returns: The name of a table in SQL."""
    return f'"{NAMESPACE}"."{table}"' if server.dialect == "postgresql" else f"`{NAMESPACE}__{table}`"


def copy(server: BenchServer, target: str, file: Path, *, form: str = "text", here: bool = True) -> str:
    """
    :param here: False for a file that the server reads itself.
    :returns: What makes the client, or the server, read a file of rows.
    """
    if server.dialect == "postgresql":
        options = "" if form == "text" else " WITH (FORMAT csv, HEADER)"
        word = r"\copy" if here else "COPY"
        return f"{word} {target} FROM '{file}'{options}"
    columns = f" ({MYSQL_COLUMNS}) SET {MYSQL_SET}" if "Event" in target or "staging" in target else ""
    return f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE {target} CHARACTER SET utf8mb4{columns}"


def upsert(server: BenchServer, table: str, file: Path) -> list[str]:
    """:returns: Statements that stage the rows of a file, and merge them in order of their keys."""
    target = place(server, table)
    columns = ", ".join(events.COLUMNS)
    if server.dialect == "postgresql":
        updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in CHANGED)
        return [
            "BEGIN",
            f"CREATE TEMPORARY TABLE staging (LIKE {target}) ON COMMIT DROP",
            copy(server, "staging", file),
            f"INSERT INTO {target} SELECT * FROM staging ORDER BY id ON CONFLICT (id) DO UPDATE SET {updates}",
            "COMMIT",
        ]
    updates = ", ".join(f"{name} = s.{name}" for name in CHANGED)
    merge = f"INSERT INTO {target} ({columns}) SELECT {columns} FROM staging AS s ORDER BY id ON DUPLICATE KEY UPDATE {updates}"
    return [
        f"CREATE TEMPORARY TABLE staging AS SELECT * FROM {target} LIMIT 0",
        copy(server, "staging", file),
        merge,
    ]


def delete(server: BenchServer, table: str, file: Path) -> list[str]:
    """:returns: Statements that stage the keys of a file, and delete the rows that have them."""
    target = place(server, table)
    if server.dialect == "postgresql":
        return [
            "BEGIN",
            "CREATE TEMPORARY TABLE keys (id uuid) ON COMMIT DROP",
            f"\\copy keys FROM '{file}'",
            f"DELETE FROM {target} AS t USING keys WHERE t.id = keys.id",
            "COMMIT",
        ]
    return [
        "CREATE TEMPORARY TABLE listed (id binary(16) NOT NULL)",
        f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE listed (@id) SET id = UNHEX(REPLACE(@id, '-', ''))",
        f"DELETE t FROM {target} AS t INNER JOIN listed ON t.id = listed.id",
    ]


def empty(server: BenchServer, table: str) -> str:
    """:returns: Statement that leaves a table without rows, as if it had just been created."""
    return f"TRUNCATE {place(server, table)}"


def fill(server: BenchServer, table: str, file: Path) -> Sequence[str]:
    """:returns: Statements that fill an empty table, and let the server know what it has."""
    target = place(server, table)
    look = "VACUUM (ANALYZE)" if server.dialect == "postgresql" else "ANALYZE TABLE"
    return [copy(server, target, file), f"{look} {target}"]


def digest(server: BenchServer, table: str) -> str:
    """:returns: Statement that yields a number of rows and a sum of all that is in them, whatever their order."""
    target = place(server, table)
    if server.dialect == "postgresql":
        return f"SELECT count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0) FROM {target} AS t"
    return f"CHECKSUM TABLE {target}"
