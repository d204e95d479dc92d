"""Adds rows that others refer to."""

from __future__ import annotations

from collections.abc import Callable

from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.model.object_types import ForeignKeyConstraint
from pysqlsync_engine.session import Session


async def insert_stubs(
    session: Session,
    target: LoadTarget,
    write: Callable[[ForeignKeyConstraint], str],
    is_about_row: Callable[[StatementError], bool],
) -> int:
    """
    Add rows that staged ones refer to, with nothing but their key.

    :param write: Statement that does so for a key, in the order of its values.
    :param is_about_row: Tells whether a value of a row may have brought an error about.
    :returns: How many.
    :raises LoadError: if such a row needs more than its key.
    """
    added = 0
    for key in target.stub_keys:
        try:
            added += await session.execute(write(key))
        except StatementError as error:
            if not is_about_row(error):
                raise
            raise target.stub_error(key, error) from error
    return added
