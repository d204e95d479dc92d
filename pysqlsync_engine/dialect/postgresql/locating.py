"""Finds the row of a stream that a merge failed on."""

from __future__ import annotations

from typing import NoReturn

from pysqlsync_engine.data.codec import shorten
from pysqlsync_engine.data.load_options import LoadMode, OnDuplicate
from pysqlsync_engine.data.stubs import insert_stubs
from pysqlsync_engine.dialect.postgresql.copying import Numbers
from pysqlsync_engine.dialect.postgresql.merging import Merge
from pysqlsync_engine.dialect.postgresql.refusals import blamed_column, is_about_row, refuse
from pysqlsync_engine.dialect.postgresql.staging import MAX_LABELS, Relation, Staging, names
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.object_types import ForeignKeyConstraint, Lookup
from pysqlsync_engine.session import Session


def unknown_label(name: LocalId, lookup: Lookup) -> str:
    """:returns: Condition that a staged label is not in its lookup table."""
    return f's.{name} IS NOT NULL AND NOT EXISTS (SELECT FROM {lookup.table} l WHERE l."value" = s.{name})'


async def add_labels(session: Session, staging: Staging) -> None:
    """Add labels to lookup tables that may get more, in an order that does not depend on that of the rows."""
    if staging.target.mode is LoadMode.DELETE:
        return
    for name, lookup in _lookups(staging):
        if lookup.extensible:
            await session.execute(
                f'INSERT INTO {lookup.table} ("value") SELECT DISTINCT s.{name} FROM {staging.name} s'
                f' WHERE {unknown_label(name, lookup)} ORDER BY 1 ON CONFLICT ("value") DO NOTHING'
            )


async def keep_labels(session: Session, staging: Staging, *, locks: bool) -> None:
    """
    Keep the labels that the rows are to be given numbers of, so that all statements see the same ones.

    :param locks: True to let nobody delete them until the end of the transaction.
    """
    for position, transfer in enumerate(staging.transfers):
        if transfer.lookup is None:
            continue
        kept = await session.execute(staging.keep_labels(position, all_of_them=True, locks=locks))
        if kept > MAX_LABELS:
            await session.execute(staging.drop_labels(position))
            await session.execute(staging.keep_labels(position, all_of_them=False, locks=locks))
    staging.look_up_kept()


async def add_stubs(session: Session, staging: Staging) -> int:
    """See `insert_stubs`."""

    def write(key: ForeignKeyConstraint) -> str:
        (own,), (other,) = key.columns, key.referenced_columns
        condition = refers_to_nothing(staging, key, staging.rows_staged)
        return (
            f"INSERT INTO {key.referenced_table} ({other}) SELECT DISTINCT q.{own} FROM"
            f" ({staging.rows(staging.rows_staged)}) q WHERE {condition} ORDER BY 1 ON CONFLICT ({other}) DO NOTHING"
        )

    return await insert_stubs(session, staging.target, write, is_about_row)


async def check_rows(session: Session, staging: Staging, numbers: Numbers) -> None:
    """
    Check what no statement of the merge would refuse: labels, and rows of the same key where there must not be several.

    :raises RowError: for the first row that is wrong.
    """
    found: list[tuple[int, str | None, str, str | None]] = []
    for name, lookup in _lookups(staging):
        rows = await session.fetch(
            f"SELECT s.ctid::text, s.{name} FROM {staging.name} s WHERE {unknown_label(name, lookup)} ORDER BY s.ctid LIMIT 1"
        )
        for place, label in rows:
            number = await _number_at(session, staging, numbers, place)
            found.append((number, name.name, "not a label of the lookup table", label))
    for place, key in await _find_duplicate(session, staging):
        number = await _number_at(session, staging, numbers, place)
        column = staging.keys[0].name if len(staging.keys) == 1 else None
        found.append((number, column, "another row of the stream has the same key", key))
    if found:
        number, column, reason, value = min(found)
        raise staging.target.row_error(column, number, reason, None if value is None else shorten(value))


def _lookups(staging: Staging) -> list[tuple[LocalId, Lookup]]:
    return [(t.column.name, t.lookup) for t in staging.transfers if t.lookup is not None]


async def _number_at(session: Session, staging: Staging, numbers: Numbers, place: str) -> int:
    """:returns: Number in the stream of the row that is stored at a place."""
    ((before,),) = await session.fetch(f"SELECT count(*) FROM {staging.name} s WHERE s.ctid <= $1::text::tid", place)
    return numbers.number_of(before)


def is_checked_for_duplicates(staging: Staging) -> bool:
    """:returns: True if no key may be there twice."""
    options = staging.target.options
    return bool(staging.keys) and options.on_duplicate is OnDuplicate.ERROR and options.mode is not LoadMode.DELETE


async def _find_duplicate(session: Session, staging: Staging) -> list[tuple[str, str]]:
    """:returns: Place and key of the first row whose key one before it has; nothing if there is none."""
    if not is_checked_for_duplicates(staging):
        return []
    keys, number = names(staging.keys), staging.number
    rows = await session.fetch(
        f"SELECT d.{number}::text, concat_ws(', ', {names(staging.keys, 'd.')}) FROM ("
        f"SELECT {number}, {keys}, row_number() OVER (PARTITION BY {keys} ORDER BY {number}) AS copies"
        f" FROM ({staging.rows(staging.rows_staged)}) r) d WHERE d.copies > 1 ORDER BY d.{number} LIMIT 1"
    )
    return [(place, key) for place, key in rows]


async def locate(session: Session, staging: Staging, merge: Merge, error: StatementError, numbers: Numbers) -> NoReturn:
    """
    Find the row that a merge failed on, by merging ever smaller parts of the stream; about as much work as the merge itself.

    :param error: What the server said.
    :raises RowError: for the row.
    :raises StatementError: if the error is not about a row.
    """
    target, number = staging.target, staging.number
    stored = staging.related("stored")
    is_single = bool(staging.keys) and target.mode is not LoadMode.INSERT
    keys = names(staging.keys)
    version = "" if target.options.version is None else f"{LocalId(target.options.version)} DESC NULLS LAST, "
    await session.execute(
        f"CREATE TEMPORARY TABLE {stored} ON COMMIT DROP AS SELECT {f'DISTINCT ON ({keys}) ' if is_single else ''}* FROM"
        f" (SELECT row_number() OVER (ORDER BY s.ctid) AS {number}, s.* FROM {staging.name} s) s"
        f"{f' ORDER BY {keys}, {version}{number} DESC' if is_single else ''}"
    )
    missing = await _find_missing(session, staging, error, Relation(str(stored), f"s.{number}"))
    if missing is not None:
        error.row, value = numbers.number_of(missing[0]), missing[1]
        refuse(target, error, value)
    async with session.transaction():
        await merge.begin(session)
    place, error = await _bisect(session, staging, merge, error, str(stored))
    error.row = numbers.number_of(place)
    column = blamed_column(target, error)
    value = None
    if column is not None and LocalId(column) in staging.named:
        ((value,),) = await session.fetch(f"SELECT {LocalId(column)}::text FROM {stored} WHERE {number} = {place:d}")
    refuse(target, error, value)


async def _bisect(
    session: Session, staging: Staging, merge: Merge, error: StatementError, stored: str
) -> tuple[int, StatementError]:
    """:returns: Place of the first row that cannot be merged after those before it, and what the server says of it."""
    number = staging.number
    ((good, bad),) = await session.fetch(f"SELECT 0, max({number}) FROM {stored}")
    while bad - good > 1:
        middle = (good + bad) // 2
        part = f"(SELECT * FROM {stored} WHERE {number} > {good:d} AND {number} <= {middle:d})"
        try:
            async with session.transaction():
                await merge.apply(session, Relation(part, f"s.{number}"), middle - good)
            good = middle
        except StatementError as failure:
            if failure.sqlstate is None:
                raise
            error, bad = failure, middle
    return bad, error


async def _find_missing(
    session: Session, staging: Staging, error: StatementError, relation: Relation
) -> tuple[int, str] | None:
    """:returns: Place and value of the first row that refers to a row which neither exists nor is in the stream."""
    target = staging.target
    for key in target.table.foreign_keys:
        if (
            target.mode is LoadMode.DELETE
            or key.name.name != error.constraint
            or not staging.named.issuperset(key.columns)
        ):
            continue
        value = names(key.columns, "q.")
        rows = await session.fetch(
            f"SELECT q.{staging.number}, concat_ws(', ', {value}) FROM ({staging.rows(relation)}) q"
            f" WHERE {refers_to_nothing(staging, key, relation)} ORDER BY 1 LIMIT 1"
        )
        return next(((number, text) for number, text in rows), None)
    return None


def refers_to_nothing(staging: Staging, key: ForeignKeyConstraint, relation: Relation) -> str:
    """
    :param relation: Rows of the stream, some of which others may refer to.
    :returns: Condition that a row `q` refers to a row which neither exists nor is in the stream.
    """
    pairs = list(zip(key.columns, key.referenced_columns, strict=True))
    matches = " AND ".join(f"o.{other} = q.{own}" for own, other in pairs)
    present = f"EXISTS (SELECT FROM {key.referenced_table} o WHERE {matches})"
    if key.referenced_table == staging.target.table.name and staging.named.issuperset(key.referenced_columns):
        present += f" OR EXISTS (SELECT FROM ({staging.rows(relation)}) o WHERE {matches})"
    return f"num_nulls({names(key.columns, 'q.')}) = 0 AND NOT ({present})"
