"""SQL that merges staged rows into their table."""

from __future__ import annotations

from pysqlsync_engine.dialect.postgresql.staging import Staging, names
from pysqlsync_engine.model.object_types import IdentityMode


def insert_into(staging: Staging, query: str) -> str:
    """:returns: Statement that inserts the rows of a query."""
    columns = [column.name for column in staging.target.columns]
    is_overriding = any(column.identity is IdentityMode.ALWAYS for column in staging.target.columns)
    overriding = " OVERRIDING SYSTEM VALUE" if is_overriding else ""
    return f"INSERT INTO {staging.target.table.name} AS t ({names(columns)}){overriding} SELECT {names(columns)} FROM ({query}) q"


def on_conflict(staging: Staging, *, resets: bool = False) -> str:
    """
    :param resets: True to give columns that are not named their default values.
    :returns: What an insertion does with rows whose keys exist.
    """
    assigned = [f"{name} = EXCLUDED.{name}" for name in staging.updated]
    if staging.deleted_at is not None:
        assigned.append(f"{staging.deleted_at} = NULL")
    if resets:
        others = (c for c in staging.target.table.columns if c.name not in staging.named and c.generated is None)
        assigned += [f"{column.name} = DEFAULT" for column in others]
    if not assigned:
        return f" ON CONFLICT ({names(staging.keys)}) DO NOTHING"
    condition = f" WHERE {staging.is_newer('EXCLUDED', 't')}" if staging.is_versioned else ""
    return f" ON CONFLICT ({names(staging.keys)}) DO UPDATE SET {', '.join(assigned)}{condition}"


def missing_rows(staging: Staging, spared: str | None) -> str:
    """:returns: Condition that the stream lacks a row of the table."""
    keys = staging.keys_only(staging.rows_staged)
    condition = f"NOT EXISTS (SELECT FROM ({keys}) s WHERE {staging.matches('t', 's')})"
    if spared is not None:
        condition += f" AND NOT EXISTS (SELECT FROM {spared} p WHERE {staging.matches('t', 'p')})"
    return condition


def lock_table(staging: Staging) -> str:
    """
    :returns: Statement that lets others read the table, but not write: rows that they add would be neither in the stream nor
        known to be missing.
    """
    return f"LOCK TABLE {staging.target.table.name} IN SHARE ROW EXCLUSIVE MODE"


def lock_rows(staging: Staging, query: str, strength: str) -> str:
    """:returns: Statement that locks the rows with keys of the stream, in the order of the keys."""
    return (
        f"SELECT count(*) FROM (SELECT FROM {staging.target.table.name} t"
        f" JOIN ({query}) s ON {staging.matches('t', 's')}"
        f" ORDER BY {names(staging.keys, 's.')} FOR {strength} OF t) q"
    )


def update_or_insert(staging: Staging, query: str) -> str:
    """
    :returns: Query that updates the rows that exist, inserts the others, and counts both. Unlike `ON CONFLICT` it does not
        ask existing rows for columns that are not named.
    """
    table, keys = staging.target.table.name, names(staging.keys, "t.")
    matching = staging.matches("t", "s")
    assigned = [f"{name} = s.{name}" for name in staging.updated]
    if staging.deleted_at is not None:
        assigned.append(f"{staging.deleted_at} = NULL")
    if assigned:
        existing = f"UPDATE {table} t SET {', '.join(assigned)} FROM source s WHERE {matching} RETURNING {keys}"
    else:
        existing = f"SELECT {keys} FROM {table} t, source s WHERE {matching}"
    missing = (
        f"SELECT * FROM source s WHERE NOT EXISTS (SELECT FROM existing e WHERE {staging.matches('e', 's')})"
        f" ORDER BY {names(staging.keys, 's.')}"
    )
    return (
        f"WITH source AS MATERIALIZED ({query}), existing AS ({existing}),"
        f" inserted AS ({insert_into(staging, missing)}{on_conflict(staging)} RETURNING 1)"
        f" SELECT {'(SELECT count(*) FROM existing)' if assigned else '0'}, (SELECT count(*) FROM inserted)"
    )
