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
)

RANGE_ROWS = 20_000
"""
Least number of rows in a range, but for the last one: few enough for pages to stay in the memory of a server, and far more work than the
statements are by themselves.
"""

BOUNDS = ("@pysqlsync_bound", "@pysqlsync_next_bound")
"""Variables of the session with the last keys of two neighbouring ranges, in turns."""

_RANGED = (SqlBinary, SqlCharacter, SqlDate, SqlDecimal, SqlInteger, SqlTimestamp)
"""Types whose values keep their order in a variable; labels are ordered by their numbers, and compared as text."""


async def ranges(session: MySQLSession, staging: Staging, part: str) -> AsyncGenerator[str]:
    """
    Cut rows by the first column of their keys; those of one value are never apart.

    A condition holds until the next one is asked for, as it names variables of the session.

    :param staging: One that is in the order of its keys.
    :param part: Condition for all the rows.
    :returns: Conditions for ranges of them, in order; the same condition if rows cannot be written range by range.
    """
    if not _can_be_cut(staging):
        yield part
        return
    key = f"s.{quote(staging.keys[0])}"
    bound, next_bound = BOUNDS
    rest = part
    while True:
        rows = f"{quote_table(staging.name)} s {BY_KEY} WHERE {rest} ORDER BY {staging.order()}"
        last = f"SELECT {key} FROM {rows} LIMIT 1 OFFSET {RANGE_ROWS - 1:d}"
        ((is_end,),) = await session.fetch(f"SELECT ({bound} := ({last})) IS NULL")
        if is_end:
            yield rest
            return
        yield f"{rest} AND {key} <= {bound}"
        rest = f"{part} AND {key} > {bound}"
        bound, next_bound = next_bound, bound


def _can_be_cut(staging: Staging) -> bool:
    """:returns: True if servers find a range of keys by its bounds, and rows collide by nothing else."""
    table = staging.target.table
    # else a row that is inserted may have what one of a later range has until it is updated
    has_one_key = not any(isinstance(c, UniqueConstraint) for c in table.constraints) and not any(
        index.unique for index in table.indexes
    )
    return has_one_key and isinstance(table.column(staging.keys[0].name).data_type, _RANGED)
