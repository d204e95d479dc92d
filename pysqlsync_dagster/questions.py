"""What must not be found in a table, as its data-class has it: questions that the server answers set-wise."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg

from pysqlsync_dagster.metadata import names
from pysqlsync_dagster.translator import DescribedTable
from pysqlsync_engine.base import EnumMode, GeneratorOptions
from pysqlsync_engine.data.auditing import Auditor, Finding
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.data_types import SqlCharacter
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.object_types import Catalog, ForeignKeyConstraint, Lookup, Relation, Table, UniqueConstraint

EXAMPLES = 5
"""How many of the rows at fault the UI shows."""

LABEL = LocalId("value")
"""Column of a lookup table that holds the labels."""


@dataclass(frozen=True, slots=True)
class Question:
    """
    Something that must not be found in a table.

    :param name: Of the check.
    :param fault: What was found, after a number.
    :param columns: Whose values the examples show.
    """

    name: str
    fault: str
    columns: tuple[str, ...]
    ask: Callable[[Auditor], Awaitable[Finding]]

    def result(self, key: dg.AssetKey, finding: Finding, *, hidden: bool, blocking: bool) -> dg.AssetCheckResult:
        """:returns: What is recorded of the answer; with `hidden`, without examples."""
        shown: dict[str, Any] = {"count": finding.count}
        if finding.examples and not hidden:
            shown["examples"] = "\n".join(", ".join(map(str, example)) for example in finding.examples)
        return dg.AssetCheckResult(
            asset_key=key,
            check_name=self.name,
            passed=not finding.count,
            severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
            description=f"{finding.count:,} {self.fault}" if finding.count else "none found",
            metadata=shown,
        )


def check_name(*parts: str) -> str:
    """:returns: Name of a check, with the characters that Dagster permits."""
    return re.sub(r"\W+", "_", "_".join(parts)).strip("_")


def key_question(table: Table, columns: Sequence[LocalId]) -> Question:
    """:returns: Whether several rows have the same values in the columns."""
    listed = tuple(column.name for column in columns)
    return Question(
        check_name("unique", *listed),
        f"values of ({names(tuple(columns))}) are those of several rows",
        listed,
        lambda audit: audit.find_duplicates(table.name, columns, examples=EXAMPLES),
    )


def orphan_question(table: Table, reference: ForeignKeyConstraint | Relation) -> Question:
    """:returns: Whether rows refer to rows that the other table lacks."""
    listed = tuple(column.name for column in reference.columns)
    return Question(
        check_name("orphans", *listed),
        f"rows refer by ({names(reference.columns)}) to rows that {reference.referenced_table.display} lacks",
        listed,
        lambda audit: audit.find_orphans(
            table.name,
            reference.columns,
            parent=reference.referenced_table,
            parent_columns=reference.referenced_columns,
            examples=EXAMPLES,
        ),
    )


def null_question(table: Table, column: LocalId) -> Question:
    """:returns: Whether rows have no value in a column."""

    async def ask(audit: Auditor) -> Finding:
        return Finding((await audit.find_nulls(table.name, [column]))[column.name])

    return Question(check_name("not_null", column.name), f"rows have no {column.name}", (column.name,), ask)


def label_question(table: Table, column: LocalId, labels: Sequence[str]) -> Question:
    """:returns: Whether a column of text holds anything but the labels of its enumeration."""
    return Question(
        check_name("labels", column.name),
        f"rows have a {column.name} that is no label of its enumeration",
        (column.name,),
        lambda audit: audit.find_strangers(table.name, column, labels, examples=EXAMPLES),
    )


def lookup_question(lookup: Lookup, labels: Sequence[str]) -> Question:
    """:returns: Whether rows have brought labels that the enumeration of the class does not know."""
    return Question(
        check_name("labels", lookup.column.name),
        f"labels of {lookup.column.name} are in {lookup.table.display} that its enumeration does not know",
        (lookup.column.name,),
        lambda audit: audit.find_strangers(lookup.table, LABEL, labels, examples=EXAMPLES),
    )


def enumerations(described: DescribedTable, options: GeneratorOptions) -> dict[str, tuple[tuple[str, ...], bool]]:
    """:returns: By column of text the labels of its enumeration, and whether rows may bring others."""
    held = {
        column.name.name
        for column in described.table.columns
        if column.enumeration is not None and isinstance(column.data_type, SqlCharacter)
    }
    if not held:
        return {}
    # stored as text nothing but the class knows the labels; as lookup tables the catalog has them
    engine = get_dialect("ansi")
    options = replace(options, enum_mode=EnumMode.RELATION)
    catalog = engine.form_catalog(classes=[described.cls], options=options)
    found: dict[str, tuple[tuple[str, ...], bool]] = {}
    for lookup in engine.get_table(described.cls, options).lookups:
        table = catalog.find_table(lookup.table)
        if lookup.column.name in held and table is not None and table.labels is not None:
            found[lookup.column.name] = (table.labels, lookup.extensible)
    return found


def unenforced_questions(table: Table, catalog: Catalog) -> Iterator[Question]:
    """:returns: What the server does not see to: relations without a constraint, constraints that may not hold, open enumerations."""
    for relation in table.relations:
        yield orphan_question(table, relation)
        for column in relation.columns:
            if not table.column(column.name).nullable:
                yield null_question(table, column)
    for constraint in table.foreign_keys:
        if not constraint.validated:
            yield orphan_question(table, constraint)
    for lookup in table.lookups:
        found = catalog.find_table(lookup.table)
        if lookup.extensible and found is not None and found.labels is not None:
            yield lookup_question(lookup, found.labels)


def enforced_questions(table: Table) -> Iterator[Question]:
    """:returns: What the server sees to as well, as long as the live table is the described one."""
    if table.primary_key is not None:
        yield key_question(table, table.primary_key.columns)
    for constraint in table.constraints:
        match constraint:
            case UniqueConstraint(columns=columns):
                yield key_question(table, columns)
            case ForeignKeyConstraint(validated=True):
                yield orphan_question(table, constraint)
            case _:
                pass
    for column in table.columns:
        if not column.nullable:
            yield null_question(table, column.name)


def table_questions(described: DescribedTable, options: GeneratorOptions, *, enforced: bool) -> list[Question]:
    """:returns: All that can be asked of a table, each under a name of its own."""
    table = described.table
    asked = [*unenforced_questions(table, described.catalog), *(enforced_questions(table) if enforced else ())]
    for column, (labels, is_open) in enumerations(described, options).items():
        if is_open or enforced:
            asked.append(label_question(table, LocalId(column), labels))
    return list({question.name: question for question in asked}.values())
