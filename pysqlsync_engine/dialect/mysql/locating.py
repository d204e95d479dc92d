"""Finds the row of a stream that cannot be stored."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from pysqlsync_engine.data.codec import shorten
from pysqlsync_engine.data.load_options import LoadMode, OnDuplicate
from pysqlsync_engine.data.load_report import Counts
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.dialect.mysql.merging import Merge, insert_rows
from pysqlsync_engine.dialect.mysql.names import quote
from pysqlsync_engine.dialect.mysql.refusals import column_of, explain, is_about_row, is_collision, refers_to_nothing
from pysqlsync_engine.dialect.mysql.sending import RawRows, find_refused
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.dialect.mysql.shipments import Numbering, Shipment
from pysqlsync_engine.dialect.mysql.staging import Destination, Staging
from pysqlsync_engine.errors import RowError, StatementError
from pysqlsync_engine.model.id_types import LocalId, single
from pysqlsync_engine.model.object_types import ForeignKeyConstraint

NOT_A_LABEL = "not a label of the lookup table"

SAME_KEY = "another row of the stream has the same key"


async def add_labels(session: MySQLSession, staging: Staging) -> None:
    """Add labels to lookup tables that may get more, in an order that does not depend on that of the rows."""
    if staging.target.mode is LoadMode.DELETE:
        return
    for position, transfer in enumerate(staging.transfers):
        if transfer.lookup is not None and transfer.lookup.extensible:
            await session.execute(staging.add_labels(position, transfer.lookup))


async def check_rows(session: MySQLSession, staging: Staging, numbering: Numbering) -> None:
    """
    Check what no statement of the merge would refuse: labels, and rows of the same key where there must not be several.

    :raises RowError: for the first row that is wrong.
    """
    found: list[tuple[int, str | None, str, Sequence[LocalId]]] = []
    for position, transfer in enumerate(staging.transfers):
        if transfer.lookup is not None and staging.target.needs_label(transfer.lookup):
            place = await _first(session, staging, staging.unknown_labels(position))
            if place is not None:
                found.append((place, transfer.column.name.name, NOT_A_LABEL, [transfer.column.name]))
    if is_checked_for_duplicates(staging):
        ((rows, keys),) = await session.fetch(staging.count_keys())
        place = None if rows == keys else await _first(session, staging, staging.repeated(staging.keys))
        if place is not None:
            found.append((place, single(staging.keys), SAME_KEY, staging.keys))
    if found:
        place, column, reason, columns = min(found, key=lambda item: item[0])
        ((value,),) = await session.fetch(staging.value_of(columns, place))
        raise staging.target.row_error(column, numbering.number_of(place), reason, shorten(value))


def is_checked_for_duplicates(staging: Staging) -> bool:
    """:returns: True if no key may be there twice."""
    options = staging.target.options
    return bool(staging.keys) and options.on_duplicate is OnDuplicate.ERROR and options.mode is not LoadMode.DELETE


async def _first(session: MySQLSession, staging: Staging, query: str) -> int | None:
    """:returns: The lowest of the numbers that a query yields; `None` if it yields none."""
    number = quote(staging.number)
    ((place,),) = await session.fetch(f"SELECT min({number}) FROM ({query}) q")
    return place


async def merge_checked(session: MySQLSession, staging: Staging, merge: Merge, numbering: Numbering) -> Counts:
    """
    Merge all rows.

    The server checks each row against those before it. Where rows may refer to each other, the references are checked when
    all are there.

    :raises RowError: for a row that refers to nothing, if this is looked for.
    """
    async with unchecked_references(session, staging):
        counts = await merge.apply(session, staging.part())
    for key in staging.foreign_keys if staging.may_refer_to_itself else ():
        missing = await _find_missing(session, staging, key, numbering)
        if missing is not None:
            raise missing
    return counts


async def locate_sent(
    session: MySQLSession,
    target: LoadTarget,
    destination: Destination,
    shipment: Shipment,
    error: StatementError,
    sent: int,
) -> StatementError | RowError:
    """
    Find the row that a server did not store as it was sent.

    :param error: What the server said; with the number of the row in the shipment, if it told.
    :param sent: How many rows were sent before.
    :returns: Error for the row; the same error if it is not about a row.
    """
    if not is_about_row(error):
        return error
    numbering = Numbering()
    numbering.add(shipment.runs)
    async with RawRows(session, destination, shipment, sent) as raw:
        # lines that were put in order have other numbers than the rows
        place = None if shipment.is_sorted else error.row
        error.row = place
        if place is None:
            found = await find_refused(raw.insert, 0, shipment.rows, tells_rows=True)
            if found is None:
                return explain(target, error)
            place, error = found
        error.row = numbering.number_of(place)
        return explain(target, error, await raw.value_of(column_of(target, error), place))


async def locate_merged(
    session: MySQLSession, staging: Staging, merge: Merge, error: StatementError, numbering: Numbering
) -> StatementError | RowError:
    """
    Find the row that a merge failed on, by merging ever smaller parts of the stream; about as much work as the merge itself.

    :returns: Error for the row.
    """
    target = staging.target
    if target.mode is not LoadMode.DELETE:
        for key in staging.foreign_keys:
            if key.name.name == error.constraint:
                missing = await _find_missing(session, staging, key, numbering)
                if missing is not None:
                    return missing
    ((first, last),) = await session.fetch(staging.first_and_last())

    async def attempt(start: int, stop: int) -> None:
        async with session.transaction(), unchecked_references(session, staging):
            await merge.apply(session, staging.part(start, stop))

    async with session.transaction():
        await merge.begin(session)
    found = None if first is None else await find_refused(attempt, first - 1, last)
    if found is None:
        return explain(target, error)
    place, error = found
    error = await said_of(session, staging, place, error)
    error.row = numbering.number_of(place)
    return explain(target, error, await value_of(session, staging, column_of(target, error), place))


@asynccontextmanager
async def unchecked_references(session: MySQLSession, staging: Staging) -> AsyncGenerator[None]:
    """Let rows refer to rows that are not there yet, if the rows of the stream may refer to each other."""
    if not staging.may_refer_to_itself:
        yield
        return
    await session.execute("SET SESSION foreign_key_checks = 0")
    try:
        yield
    finally:
        await session.execute("SET SESSION foreign_key_checks = 1")


async def said_of(session: MySQLSession, staging: Staging, place: int, error: StatementError) -> StatementError:
    """:returns: What the server says of one row that it refuses: of its unique key, if it collides with another row."""
    if not is_collision(staging.target, error):
        return error
    try:
        async with session.transaction():
            await session.execute(insert_rows(staging, staging.part(place - 1, place)))
    except StatementError as collision:
        return collision
    return error


async def value_of(session: MySQLSession, staging: Staging, column: str | None, place: int) -> str | None:
    """:returns: Text of a value of a staged row; `None` if it is NULL, or is not known."""
    if column is None or all(column != transfer.column.name.name for transfer in staging.transfers):
        return None
    ((value,),) = await session.fetch(staging.value_of([LocalId(column)], place))
    return value


async def _find_missing(
    session: MySQLSession, staging: Staging, key: ForeignKeyConstraint, numbering: Numbering
) -> RowError | None:
    """:returns: Error for the first row that refers to a row which does not exist."""
    place = await _first(session, staging, staging.missing(key))
    if place is None:
        return None
    ((value,),) = await session.fetch(staging.value_of(key.columns, place))
    return staging.target.row_error(
        single(key.columns), numbering.number_of(place), refers_to_nothing(key), shorten(value)
    )
