"""Cuts staged rows into ranges of their keys, for merges that write the rows of each in several statements."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from pysqlsync_engine.dialect.mysql.names import quote, quote_table
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.dialect.mysql.staging import BY_KEY, Staging
from pysqlsync_engine.model.constraint_types import UniqueConstraint
from pysqlsync_engine.model.data_types import (
    SqlBinary,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlInteger,
    SqlTimestamp,
    SqlUuid,
)

RANGE_ROWS = 20_000
"""
Least number of rows in a range, but for the last one: few enough for pages to stay in the memory of a server, and far more work than the
statements are by themselves.
"""

AFTER, UNTIL = "@pysqlsync_after", "@pysqlsync_until"
"""Variables of the session with the key that a range comes after, and with the last one of it."""

_RANGED = (SqlBinary, SqlCharacter, SqlDate, SqlDecimal, SqlInteger, SqlTimestamp, SqlUuid)
"""Types whose values keep their order in a variable; labels are ordered by their numbers, and compared as text."""


async def ranges(session: MySQLSession, staging: Staging, part: str) -> AsyncGenerator[str]:
    """
    Cut rows by the first column of their keys; those of one value are never apart.

    A condition holds until the next one is asked for, as it names variables of the session.

    :param part: Condition for all the rows.
    :returns: Conditions for ranges of them, in order; the same condition if rows cannot be written range by range.
    """
    if not _can_be_cut(staging):
        yield part
        return
    key = f"s.{quote(staging.keys[0])}"
    rest = part
    while True:
        rows = f"{quote_table(staging.name)} s {BY_KEY} WHERE {rest} ORDER BY {staging.order()}"
        last = f"SELECT {key} FROM {rows} LIMIT 1 OFFSET {RANGE_ROWS - 1:d}"
        ((is_end,),) = await session.fetch(f"SELECT ({UNTIL} := ({last})) IS NULL")
        if is_end:
            yield rest
            return
        yield f"{rest} AND {key} <= {UNTIL}"
        await session.execute(f"SET {AFTER} = {UNTIL}")
        rest = f"{part} AND {key} > {AFTER}"


def _can_be_cut(staging: Staging) -> bool:
    """:returns: True if rows are in the order of their keys, which alone tell them apart, and servers find a range of these by its bounds."""
    table = staging.target.table
    if not staging.is_sorted or not isinstance(table.column(staging.keys[0].name).data_type, _RANGED):
        return False
    # else a row that is inserted may have what one of a later range has until it is updated
    return not any(isinstance(c, UniqueConstraint) for c in table.constraints) and not any(
        i.unique for i in table.indexes
    )
