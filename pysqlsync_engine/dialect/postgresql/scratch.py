"""Expressions as the server prints them, found out on tables that nobody else sees."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from pysqlsync_engine.dialect.postgresql.objects import PostgreSQLTable
from pysqlsync_engine.dialect.postgresql.probes import (
    PROBE_PREFIX,
    Probe,
    align,
    domains_of,
    make_probe,
    open_domains,
    settle,
    settle_domain,
)
from pysqlsync_engine.dialect.postgresql.reader import PostgreSQLReader, rolled_back
from pysqlsync_engine.dialect.postgresql.session import connect
from pysqlsync_engine.dialect.postgresql.writer import PostgreSQLWriter
from pysqlsync_engine.discovery.reader import CatalogRows
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.model.data_types import SqlType
from pysqlsync_engine.model.definition import types_of
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import Catalog, DomainType, EnumType, Namespace, StructType, Table
from pysqlsync_engine.session import Session

DATABASE_PREFIX = "pysqlsync_scratch_"
"""Of databases of our own, which last no longer than a call."""

TABLES_PER_BATCH = 40
"""Tables that one statement creates; each of them is a file, and each of its parts a lock, until it is rolled back."""


@asynccontextmanager
async def scratch_database(session: Session) -> AsyncGenerator[Session]:
    """
    Make an empty database with the encoding of that of a session, and drop it on leaving, whatever happens.

    :returns: A session to it.
    :raises StatementError: if the user may not create databases.
    """
    name = LocalId(f"{DATABASE_PREFIX}{secrets.token_hex(8)}")
    ((encoding, collation, kinds),) = await session.fetch(
        "SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype FROM pg_catalog.pg_database"
        " WHERE datname = pg_catalog.current_database()"
    )
    literal = PostgreSQLWriter(session.capabilities).literal
    async with connect(session.parameters) as other:
        await other.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING {literal(encoding)}"
            f" LC_COLLATE {literal(collation)} LC_CTYPE {literal(kinds)}"
        )
        try:
            async with connect(replace(session.parameters, database=name.name)) as scratch:
                yield scratch
        finally:
            await other.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def canonicalize(session: Session, current: Catalog, desired: Catalog) -> Catalog:
    """
    Spell the expressions of a desired catalog as the server does, so that they can be compared.

    Temporary tables are created with the expressions, read, and rolled back. Types that are not there yet are created with
    them. An expression that the server refuses, for whatever reason, stays as it is: the plan will say why.

    :param current: What the server holds; an expression that reads the same there is not asked for.
    :param desired: A lowered catalog.
    :returns: The desired catalog, its expressions replaced where the server prints them otherwise.
    """
    known = domains_of(current)
    scratch = _Scratch(
        PostgreSQLWriter(session.capabilities),
        {name: domain.data_type for name, domain in (known | domains_of(desired)).items()},
        _missing_types(current, desired),
    )
    tables, probes = _find_probes(current, desired, scratch.bases)
    domains = {domain.name: domain for domain in open_domains(known, domains_of(desired).values())}
    settled = dict(domains)
    if domains:
        answer = await _ask(session, scratch.domain_program(tuple(domains.values())))
        if answer is not None:
            settled = scratch.settle_domains(tuple(domains.values()), answer)
    for batch in _batches(probes):
        answer = await _ask(session, scratch.table_program(batch))
        if answer is not None:
            tables |= {probe.table.name: settle(probe, answer, scratch.bases) for probe in batch}
    return replace(
        desired, namespaces=tuple(_replace(n, current, tables, settled, scratch) for n in desired.namespaces)
    )


def _replace(
    namespace: Namespace,
    current: Catalog,
    tables: Mapping[QualifiedId, Table],
    domains: Mapping[QualifiedId, DomainType],
    scratch: _Scratch,
) -> Namespace:
    aligned = (align(_counterpart(current, table), tables[table.name], scratch.bases) for table in namespace.tables)
    return replace(
        namespace,
        tables=tuple(aligned),
        domains=tuple(domains.get(domain.name, domain) for domain in namespace.domains),
    )


def _find_probes(
    current: Catalog, desired: Catalog, bases: Mapping[QualifiedId, SqlType]
) -> tuple[dict[QualifiedId, Table], list[Probe]]:
    """:returns: The desired tables by name, and what is to be asked about some of them."""
    tables: dict[QualifiedId, Table] = {}
    probes: list[Probe] = []
    for number, table in enumerate(desired.tables()):
        counterpart = _counterpart(current, table)
        tables[table.name] = align(counterpart, table, bases)
        probe = make_probe(number, counterpart, tables[table.name])
        if not probe.is_empty:
            probes.append(probe)
    return tables, probes


def _counterpart(current: Catalog, table: Table) -> Table | None:
    found = (current.find_table(name) for name in (table.name, *table.renamed_from))
    return next((table for table in found if table is not None), None)


def _batches(probes: Iterable[Probe]) -> Iterator[list[Probe]]:
    """:returns: Probes that can be made at once: in a batch no two tables have the same name."""
    batches: list[dict[str, Probe]] = []
    for probe in probes:
        name = probe.table.name.name
        batch = next((b for b in batches if name not in b and len(b) < TABLES_PER_BATCH), None)
        if batch is None:
            batches.append({name: probe})
        else:
            batch[name] = probe
    yield from (list(batch.values()) for batch in batches)


def _missing_types(current: Catalog, desired: Catalog) -> dict[QualifiedId, EnumType | StructType | DomainType]:
    """:returns: Types that are not there yet, by name."""
    present = {subject.name for namespace in current.namespaces for subject in _types(namespace)}
    types = (subject for namespace in desired.namespaces for subject in _types(namespace))
    return {subject.name: subject for subject in types if subject.name not in present}


def _types(namespace: Namespace) -> tuple[EnumType | StructType | DomainType, ...]:
    return (*namespace.enums, *namespace.structs, *namespace.domains)


async def _ask(session: Session, program: str) -> CatalogRows | None:
    """:returns: What is in the namespace of temporary objects after the program; `None` if it cannot be executed."""
    try:
        async with rolled_back(session):
            await session.execute(program)
            rows = await session.fetch(
                "SELECT n.nspname::text FROM pg_catalog.pg_namespace n WHERE n.oid = pg_catalog.pg_my_temp_schema()"
            )
            if rows:
                return await PostgreSQLReader(session.capabilities).fetch(session, [rows[0][0]])
    except StatementError:
        return None
    return None


@dataclass(frozen=True, slots=True)
class _Scratch:
    """
    Writes the statements that create temporary objects.

    :param bases: The type that each domain is made of.
    :param missing: Types that are not there yet.
    """

    writer: PostgreSQLWriter
    bases: Mapping[QualifiedId, SqlType]
    missing: Mapping[QualifiedId, EnumType | StructType | DomainType]

    def table_program(self, probes: Sequence[Probe]) -> str:
        """:returns: A statement that creates the tables with as many of their expressions as the server accepts."""
        types = self._types(name for probe in probes for name in types_of(probe.table))
        tables = (block for probe in probes for block in self._table(probe))
        return self._program((*map(self._attempt, types), *tables))

    def domain_program(self, domains: Sequence[DomainType]) -> str:
        """:returns: A statement that creates the domains as temporary ones."""
        types = self._types(name for domain in domains for name in types_of(domain))
        own = (self.writer.create_domain(self._temporary(number, domain)) for number, domain in enumerate(domains))
        return self._program(map(self._attempt, (*types, *own)))

    def settle_domains(self, domains: Sequence[DomainType], answer: CatalogRows) -> dict[QualifiedId, DomainType]:
        """:returns: The domains as the server prints them, by name."""
        found = {domain.name.name: domain for domain in answer.domains}
        return {
            domain.name: settle_domain(domain, found.get(self._temporary(number, domain).name.name), self.bases)
            for number, domain in enumerate(domains)
        }

    def _temporary(self, number: int, domain: DomainType) -> DomainType:
        checks = tuple(replace(check, validated=True) for check in domain.constraints)
        return replace(domain, name=QualifiedId("pg_temp", f"{PROBE_PREFIX}_d{number}"), constraints=checks)

    def _types(self, names: Iterable[QualifiedId]) -> list[str]:
        """Statements that create types that are not there yet, each after those that it is made of."""
        created: dict[QualifiedId, str] = {}
        visited: set[QualifiedId] = set()

        def visit(name: QualifiedId) -> None:
            subject = self.missing.get(name)
            if subject is None or name in visited:
                return
            visited.add(name)
            for part in sorted(types_of(subject)):
                visit(part)
            created[name] = self._create_type(subject)

        for name in sorted(set(names)):
            visit(name)
        namespaces = sorted({name.namespace for name in created if name.namespace is not None})
        return [*(self.writer.create_namespace(LocalId(name)) for name in namespaces), *created.values()]

    def _create_type(self, subject: EnumType | StructType | DomainType) -> str:
        match subject:
            case EnumType():
                return self.writer.create_enum(subject)
            case StructType():
                return self.writer.create_struct(subject)
            case DomainType():
                # its expressions are not those of the tables
                return self.writer.create_domain(replace(subject, default=None, constraints=(), nullable=True))

    def _table(self, probe: Probe) -> Iterator[str]:
        """Blocks that create a table, part by part, so that one part that is refused does not take the others along."""
        table = probe.table
        name = QualifiedId("pg_temp", table.name.name)
        computed = [column for column in table.columns if column.generated is not None]
        stored = [
            replace(c, default=None, identity=None, sequence=None, nullable=True)
            for c in table.columns
            if c.generated is None
        ]
        yield self._attempt(f"DROP TABLE IF EXISTS {self.writer.qualified(name)}")
        yield self._attempt(self.writer.create_table(Table(name, tuple(stored)), foreign_keys=False))
        for column in computed:
            prefix = f"ALTER TABLE {self.writer.qualified(name)} ADD COLUMN "
            plain = self._attempt(prefix + self.writer.column(replace(column, generated=None)))
            yield self._attempt(prefix + self.writer.column(column), otherwise=plain)
        for column in table.columns:
            if column.name in probe.columns and column.default is not None:
                action = f"ALTER COLUMN {self.writer.quote(column.name)} SET DEFAULT {self.writer.expression(column.default)}"
                yield self._attempt(f"ALTER TABLE {self.writer.qualified(name)} {action}")
        for constraint in probe.constraints:
            named = replace(constraint, name=probe.constraint_name(constraint))
            yield self._attempt(self.writer.add_constraint(name, named))
        for index in probe.indexes:
            yield self._attempt(self.writer.create_index(name, replace(index, name=probe.index_name(index))))
        if probe.partitioned and isinstance(table, PostgreSQLTable):
            divided = PostgreSQLTable(
                QualifiedId("pg_temp", probe.partition_name), tuple(stored), partition_by=table.partition_by
            )
            yield self._attempt(self.writer.create_table(divided, foreign_keys=False))

    def _attempt(self, statement: str, *, otherwise: str = "NULL;") -> str:
        """A block that executes a statement, and goes on if that fails."""
        return f"BEGIN EXECUTE {self.writer.literal(statement)}; EXCEPTION WHEN OTHERS THEN {otherwise} END;"

    def _program(self, blocks: Iterable[str]) -> str:
        body = "BEGIN\n" + "\n".join(blocks) + "\nEND"
        return f"DO {self.writer.literal(body)}"
