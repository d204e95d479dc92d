"""Which expressions of a desired catalog are not known to be spelled as the server does, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pysqlsync_engine.dialect.postgresql.constants import canonical_default, parse_constant, same_default
from pysqlsync_engine.dialect.postgresql.objects import PostgreSQLTable
from pysqlsync_engine.dialect.postgresql.rows import base_type
from pysqlsync_engine.discovery.reader import CatalogRows
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBoolean,
    SqlCharacter,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlOpaque,
    SqlType,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    Column,
    Constraint,
    DomainType,
    ExclusionConstraint,
    Index,
    IndexPart,
    Table,
)

PROBE_PREFIX = "pysqlsync_probe"
"""What the names of temporary objects begin with."""


@dataclass(frozen=True, slots=True)
class Probe:
    """
    What is asked about a table.

    :param number: Of the probe among all.
    :param table: The desired table.
    :param columns: Those whose default, type or collation is asked for; computed columns are always created.
    :param constraints: Checks and exclusions that are asked for.
    :param indexes: Those that are asked for.
    :param partitioned: True if the way in which rows are spread is asked for.
    """

    number: int
    table: Table
    columns: frozenset[LocalId]
    constraints: tuple[Constraint, ...]
    indexes: tuple[Index, ...]
    partitioned: bool

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to ask."""
        return not (self.columns or self.constraints or self.indexes or self.partitioned)

    @property
    def partition_name(self) -> str:
        """Name of the temporary table that is only there for the way in which rows are spread."""
        return f"{PROBE_PREFIX}_{self.number}_p"

    def constraint_name(self, constraint: Constraint) -> LocalId:
        """:returns: Temporary name of a constraint that is asked for."""
        return LocalId(f"{PROBE_PREFIX}_{self.number}_c{self.constraints.index(constraint)}")

    def index_name(self, index: Index) -> LocalId:
        """:returns: Temporary name of an index that is asked for."""
        return LocalId(f"{PROBE_PREFIX}_{self.number}_i{self.indexes.index(index)}")


def align(current: Table | None, desired: Table, bases: Mapping[QualifiedId, SqlType]) -> Table:
    """
    :param bases: The type that each domain is made of.
    :returns: The desired table, with the spelling of the current one for what means the same: values of defaults, and the
        order of options of indexes.
    """
    if current is None:
        return desired
    known = {column.name: column for column in current.columns}
    return replace(
        desired,
        columns=tuple(_align_column(known.get(column.name), column, bases) for column in desired.columns),
        indexes=tuple(_align_index(current.indexes, index) for index in desired.indexes),
    )


def _align_column(current: Column | None, desired: Column, bases: Mapping[QualifiedId, SqlType]) -> Column:
    if current is None or current.data_type != desired.data_type:
        return desired
    same = same_default(current.default, desired.default, base_type(desired.data_type, bases))
    return replace(desired, default=current.default) if same else desired


def _align_index(current: Iterable[Index], desired: Index) -> Index:
    for index in current:
        reordered = replace(desired, options=index.options)
        if sorted(index.options) == sorted(desired.options) and _meaning(index) == _meaning(reordered):
            return reordered
    return desired


def _meaning(index: Index) -> Index:
    return replace(index, name=LocalId(""), description=None, valid=True)


def make_probe(number: int, current: Table | None, desired: Table) -> Probe:
    """:returns: What is to be asked about a table, as it reads otherwise than the current one, or is new."""
    columns = {column.name: column for column in current.columns} if current is not None else {}
    constraints = (
        {_printed(constraint) for constraint in current.constraints} if current is not None else set[str | None]()
    )
    indexes = {_meaning(index) for index in current.indexes} if current is not None else set[Index]()
    partitions = current.partition_by if isinstance(current, PostgreSQLTable) else None
    partition_by = desired.partition_by if isinstance(desired, PostgreSQLTable) else None
    return Probe(
        number,
        desired,
        frozenset(c.name for c in desired.columns if _is_open(columns.get(c.name), c)),
        tuple(c for c in desired.constraints if _printed(c) not in constraints | {None}),
        tuple(index for index in desired.indexes if not _is_plain(index) and _meaning(index) not in indexes),
        partition_by is not None and partition_by != partitions,
    )


def _printed(constraint: Constraint) -> str | None:
    """:returns: What the server prints of a constraint in its own way; `None` for a kind of which it prints names only."""
    match constraint:
        case CheckConstraint(expression=expression):
            return expression
        case ExclusionConstraint(definition=definition):
            return definition
        case _:
            return None


def _is_open(current: Column | None, desired: Column) -> bool:
    if current is None:
        current = Column(desired.name, SqlType())
    generated = desired.generated is not None and desired.generated != current.generated
    collation = desired.collation is not None and desired.collation != current.collation
    retyped = _is_opaque(desired.data_type) and desired.data_type != current.data_type
    default = desired.default is not None and desired.default != current.default and not is_settled(desired)
    return generated or collation or retyped or default


def _is_opaque(data_type: SqlType) -> bool:
    return isinstance(data_type.element if isinstance(data_type, SqlArray) else data_type, SqlOpaque)


def is_settled(subject: Column | DomainType) -> bool:
    """:returns: True if the default is a constant of a type of which lowering knows how the server prints it."""
    constant = None if subject.default is None else parse_constant(subject.default)
    if isinstance(subject.data_type, SqlBoolean):
        return subject.default in {None, "true", "false"}
    known = isinstance(subject.data_type, SqlInteger | SqlDecimal | SqlFloat | SqlCharacter)
    return subject.default is None or (known and constant is not None)


def _is_plain(index: Index) -> bool:
    """:returns: True if there is but one way to print the index."""
    plain = all(part == _plain_part(part) for part in index.parts)
    return plain and index.predicate is None and not index.options


def _plain_part(part: IndexPart) -> IndexPart | None:
    return (
        None
        if part.column is None
        else IndexPart(part.column, descending=part.descending, nulls_first=part.nulls_first)
    )


def settle(probe: Probe, answer: CatalogRows, bases: Mapping[QualifiedId, SqlType]) -> Table:
    """
    :param answer: What was read of the temporary table.
    :returns: The desired table as the server prints it, as far as there is an answer.
    """
    name = probe.table.name.name
    columns = {row.column.name: row.column for row in answer.columns if row.table.name == name}
    constraints = {row.constraint.name: row.constraint for row in answer.constraints if row.table.name == name}
    indexes = {row.index.name: row.index for row in answer.indexes if row.table.name == name}
    table = replace(
        probe.table,
        columns=tuple(_settle_column(column, columns.get(column.name), probe, bases) for column in probe.table.columns),
        constraints=tuple(_settle_constraint(c, constraints, probe) for c in probe.table.constraints),
        indexes=tuple(_settle_index(index, indexes, probe) for index in probe.table.indexes),
    )
    divided = [t for t in answer.tables if t.name.name == probe.partition_name and isinstance(t, PostgreSQLTable)]
    if probe.partitioned and divided and isinstance(table, PostgreSQLTable):
        return replace(table, partition_by=divided[0].partition_by)
    return table


def _settle_column(column: Column, answer: Column | None, probe: Probe, bases: Mapping[QualifiedId, SqlType]) -> Column:
    if answer is None or column.name not in probe.columns:
        return column
    default = column.default if answer.default is None else answer.default
    return replace(
        column,
        data_type=answer.data_type if _is_opaque(column.data_type) else column.data_type,
        default=None if default is None else canonical_default(default, base_type(column.data_type, bases)),
        generated=answer.generated or column.generated,
        collation=None if column.collation is None else answer.collation,
    )


def _settle_constraint(constraint: Constraint, answers: Mapping[LocalId, Constraint], probe: Probe) -> Constraint:
    if constraint not in probe.constraints:
        return constraint
    answer = answers.get(probe.constraint_name(constraint))
    match constraint, answer:
        case CheckConstraint(), CheckConstraint(expression=expression):
            return replace(constraint, expression=expression)
        case ExclusionConstraint(), ExclusionConstraint(definition=definition):
            return replace(constraint, definition=definition)
        case _:
            return constraint


def _settle_index(index: Index, answers: Mapping[LocalId, Index], probe: Probe) -> Index:
    answer = answers.get(probe.index_name(index)) if index in probe.indexes else None
    if answer is None:
        return index
    return replace(index, parts=answer.parts, method=answer.method, predicate=answer.predicate, options=answer.options)


def settle_domain(domain: DomainType, answer: DomainType | None, bases: Mapping[QualifiedId, SqlType]) -> DomainType:
    """:returns: The domain as the server prints it, if there is an answer."""
    if answer is None:
        return domain
    checks = {check.name: check.expression for check in answer.constraints}
    default = answer.default or domain.default
    return replace(
        domain,
        default=None if default is None else canonical_default(default, base_type(domain.data_type, bases)),
        constraints=tuple(replace(c, expression=checks.get(c.name, c.expression)) for c in domain.constraints),
        collation=answer.collation,
    )


def open_domains(current: Mapping[QualifiedId, DomainType], desired: Iterable[DomainType]) -> Iterator[DomainType]:
    """:returns: Domains that are to be asked about."""
    for domain in desired:
        known = current.get(domain.name)
        checks = {check.expression for check in known.constraints} if known is not None else set[str]()
        default = None if known is None else known.default
        if any(check.expression not in checks for check in domain.constraints) or not (
            domain.default == default or is_settled(domain)
        ):
            yield domain


def domains_of(catalog: Catalog) -> dict[QualifiedId, DomainType]:
    """:returns: All domains of a catalog, by name."""
    return {domain.name: domain for namespace in catalog.namespaces for domain in namespace.domains}
