"""Columns that get a type which the server does not convert theirs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeGuard

from pysqlsync_engine.dialect.mysql.objects import MySQLColumn
from pysqlsync_engine.migration.matching import is_borrowed
from pysqlsync_engine.migration.operations import AlterColumn, RenameConstraint, TableChange
from pysqlsync_engine.migration.relabelling import KEY_ON_ITS_WAY
from pysqlsync_engine.model.data_types import (
    SqlBinary,
    SqlCharacter,
    SqlJson,
    SqlLabel,
    SqlLabelSet,
    SqlNetworkAddress,
    SqlOpaque,
    SqlType,
    SqlUuid,
)
from pysqlsync_engine.model.id_types import LocalId

_TEXT = SqlCharacter(255)
"""Holds every value of types that have no other way to each other, and can be in a key."""


def direct_renames(changes: Iterable[TableChange]) -> Iterator[TableChange]:
    """
    :returns: The changes without names that are borrowed for a while: in one statement, constraints exchange names as they are.
    """
    listed = list(changes)
    lent = {each.target.name: each.source for each in listed if _lends_name(each)}
    for change in listed:
        if isinstance(change, RenameConstraint) and change.source.name in lent:
            yield RenameConstraint(lent[change.source.name], change.target)
        elif not (_lends_name(change) and any(_takes_back(each, change.target.name) for each in listed)):
            yield change


def _lends_name(change: TableChange) -> TypeGuard[RenameConstraint]:
    return isinstance(change, RenameConstraint) and is_borrowed(change.target.name)


def _takes_back(change: TableChange, name: LocalId) -> bool:
    return isinstance(change, RenameConstraint) and change.source.name == name


def interim_columns(changes: Iterable[TableChange]) -> Iterator[MySQLColumn]:
    """
    :returns: For each column whose values have to become something else in between, the column as it is then.

    MariaDB converts UUIDs and addresses from and to text only; see https://mariadb.com/kb/en/uuid-data-type/. Keys get the mark
    that tells them apart from labels by way of a type of which values are printed so.
    """
    for change in changes:
        if not isinstance(change, AlterColumn):
            continue
        source = change.source
        foreign = _is_foreign(source.data_type, change.target.data_type)
        if foreign or change.marks_keys:
            interim = _TEXT if foreign else KEY_ON_ITS_WAY
            yield MySQLColumn(source.name, interim, nullable=source.nullable, description=source.description)


def _is_foreign(source: SqlType, target: SqlType) -> bool:
    if source == target or _is_text(source) or _is_text(target):
        return False
    return isinstance(source, SqlUuid | SqlNetworkAddress) or isinstance(target, SqlUuid | SqlNetworkAddress)


def _is_text(data_type: SqlType) -> bool:
    return isinstance(data_type, SqlCharacter | SqlBinary | SqlJson | SqlLabel | SqlLabelSet) or (
        isinstance(data_type, SqlOpaque) and data_type.definition.endswith(("text", "blob"))
    )
