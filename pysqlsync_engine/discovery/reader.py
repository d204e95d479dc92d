"""What a dialect reads from the catalog of a live server: flat rows, a few set-wise queries for a whole database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pysqlsync_engine.model.data_types import SqlType
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import Column, Constraint, DomainType, Index, Prerequisite, StructMember, Table
from pysqlsync_engine.session import Session


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """A column, and the table it belongs to."""

    table: QualifiedId
    position: int
    column: Column


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member, and the composite type it belongs to."""

    struct: QualifiedId
    position: int
    member: StructMember


@dataclass(frozen=True, slots=True)
class ConstraintRow:
    """A constraint, and the table it belongs to."""

    table: QualifiedId
    constraint: Constraint


@dataclass(frozen=True, slots=True)
class IndexRow:
    """An index that no constraint is behind, and the table it belongs to."""

    table: QualifiedId
    index: Index


@dataclass(frozen=True, slots=True)
class NamedRow:
    """An object with its comment."""

    name: QualifiedId
    description: str | None


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A label of an enumeration type, or a row of a lookup table, and where it stands in the order."""

    owner: QualifiedId
    position: float
    label: str


@dataclass(frozen=True, slots=True)
class CatalogRows:
    """
    Everything that was read, in any order; `assemble` makes a catalog of it.

    :param namespaces: Those of the requested ones that exist.
    :param prefixed: True if a namespace is a prefix of the names of its objects, as in servers that have none; the empty one
        then has the objects that begin with none of the others.
    :param tables: Base tables only: no views, no partitions, no members of extensions; still without columns, constraints,
        indexes and labels, but of the vendor's class and with its attributes.
    :param enum_labels: Labels of enumeration types.
    :param lookups: Those of the lookup tables that the caller asked for that are there.
    :param lookup_labels: Their rows.
    :param unmanaged: What is there but is none of the kinds above, or what an object has besides that the model has no
        words for, as `kind name`: reported, never touched.
    :param extensions: Those of the database, each with the namespace of its members.
    :param prerequisites: Functions and collations of users that what is read uses.
    """

    namespaces: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    columns: tuple[ColumnRow, ...] = ()
    constraints: tuple[ConstraintRow, ...] = ()
    indexes: tuple[IndexRow, ...] = ()
    domains: tuple[DomainType, ...] = ()
    enums: tuple[NamedRow, ...] = ()
    enum_labels: tuple[LabelRow, ...] = ()
    structs: tuple[NamedRow, ...] = ()
    members: tuple[MemberRow, ...] = ()
    lookups: tuple[QualifiedId, ...] = ()
    lookup_labels: tuple[LabelRow, ...] = ()
    unmanaged: tuple[str, ...] = ()
    extensions: tuple[QualifiedId, ...] = ()
    prerequisites: tuple[Prerequisite, ...] = ()
    prefixed: bool = False


def namespace_of(name: str, namespaces: Iterable[str]) -> str | None:
    """
    :param name: Of an object in a server without namespaces.
    :returns: Which of the namespaces is the prefix of its name, the longest one if several are; the empty one if none is; `None`
        if the empty one is not among them.
    """
    fitting = [namespace for namespace in namespaces if not namespace or name.startswith(f"{namespace}__")]
    return max(fitting, key=len, default=None)


class CatalogReader(Protocol):
    """Reads the catalog of one kind of server."""

    def parse_type(self, definition: str) -> SqlType:
        """:returns: The type that the server spells like this; `SqlOpaque` for one that is not modelled."""
        ...

    async def fetch(
        self, session: Session, namespaces: Sequence[str] | None, *, lookups: Sequence[QualifiedId] = ()
    ) -> CatalogRows:
        """
        Read what the namespaces hold.

        :param namespaces: Those to read; those that do not exist are skipped. `None` reads all but the server's own.
        :param lookups: Tables whose `value` column is to be read as labels, in order of `id`, where they exist.
        :raises DiscoveryError: if a catalog row makes no sense; names the object.
        """
        ...
