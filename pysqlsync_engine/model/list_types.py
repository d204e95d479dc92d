"""Lists and sets of a class, wherever their elements are stored."""

from __future__ import annotations

from dataclasses import dataclass

from pysqlsync_engine.model.data_types import SqlType
from pysqlsync_engine.model.id_types import LocalId, QualifiedId

LIST_POSITION = LocalId("position")
"""Column, of the table of a list, with the place of an element, from 0; a set has none."""

LIST_VALUE = LocalId("value")
"""Column, of the table of a list or a set, with the element."""


@dataclass(frozen=True, slots=True)
class ListItems:
    """
    What a list (or a set) of a class holds, whether it is a column or has a table of its own.

    :param column: Name of the column, where it is one.
    :param element: What an element is in a JSON document, not lowered: an integer, a text, a UUID; `SqlJson` for an object.
    :param is_label: True if the elements are labels, of an enumeration or a `Literal`.
    :param documents: Labels that are something else than themselves in a JSON document, and the JSON value that each of them is.
    :param renamed_from: Names that the column may have had before, the latest first.
    """

    column: LocalId
    element: SqlType
    is_label: bool = False
    documents: tuple[tuple[str, str], ...] = ()
    renamed_from: tuple[LocalId, ...] = ()


def list_table_name(owner: QualifiedId, column: LocalId) -> QualifiedId:
    """
    :param owner: Name of the table whose rows have the list.
    :param column: As for `ListItems`.
    :returns: Name of the table that the list has, if it has one of its own.
    """
    return QualifiedId(owner.namespace, f"{owner.name}_{column.name}")
