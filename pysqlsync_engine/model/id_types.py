"""Identifiers of database objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


def quote_ansi(name: str) -> str:
    """:returns: The name as an ANSI delimited identifier, embedded quotes doubled."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True, order=True)
class LocalId:
    """Name of an object within its parent: a namespace in a catalog, a column or a constraint in a table."""

    name: str

    def __str__(self) -> str:
        return quote_ansi(self.name)


@dataclass(frozen=True, slots=True)
class QualifiedId:
    """
    Name of an object within a catalog: a table or a type in its namespace.

    :param namespace: Name of the namespace; `None` is the connection's default one.
    :param name: Name of the object, unquoted.
    """

    namespace: str | None
    name: str

    @property
    def display(self) -> str:
        """The name as a person writes it, unquoted: `canvas.accounts`. For messages, never for SQL."""
        return self.name if self.namespace is None else f"{self.namespace}.{self.name}"

    def __str__(self) -> str:
        if self.namespace is None:
            return quote_ansi(self.name)
        return f"{quote_ansi(self.namespace)}.{quote_ansi(self.name)}"

    def __lt__(self, other: QualifiedId) -> bool:
        return (self.namespace or "", self.name) < (other.namespace or "", other.name)


def single(columns: Sequence[LocalId]) -> str | None:
    """:returns: The name of a column that is the only one."""
    return columns[0].name if len(columns) == 1 else None
