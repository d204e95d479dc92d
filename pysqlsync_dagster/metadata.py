"""What the Dagster UI shows of a table, a plan and a load: pure functions from the engine's values to metadata values."""

from __future__ import annotations

import hashlib
import inspect
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import dagster as dg

from pysqlsync_engine.base import Plan
from pysqlsync_engine.model.data_types import SqlArray, SqlNamed, SqlType
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Relation,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.model.vendor_markers import Pii

MAX_PLAN_CHARACTERS = 100_000
"""Longer plans are cut in the UI, so that one event does not weigh down every page that lists it."""

Upstream: TypeAlias = tuple[dg.AssetKey, Mapping[str, str]]
"""An asset that rows come from, and those of its columns that have another name, by the name in the table."""

MAX_SUMMARY_STEPS = 20
"""Steps that the UI shows without opening the plan."""


def type_text(data_type: SqlType) -> str:
    """:returns: The type as a person writes it, without quotes around names."""
    match data_type:
        case SqlNamed(name=name):
            return name.display
        case SqlArray(element=element):
            return f"{type_text(element)}[]"
        case _:
            return str(data_type)


def names(columns: tuple[LocalId, ...]) -> str:
    """:returns: Names of columns for people: `year, month, day`."""
    return ", ".join(column.name for column in columns)


def short_name(name: QualifiedId, table: Table) -> str:
    """:returns: Name of another table as one says it in the namespace of this one; the UI has room for 27 characters."""
    return name.name if name.namespace == table.name.namespace else name.display


def reference_texts(column: Column, table: Table) -> list[str]:
    """:returns: What there is to say of each reference to another table that the column takes part in."""
    found: list[str] = []
    for reference in (*table.foreign_keys, *table.relations):
        for own, other in zip(reference.columns, reference.referenced_columns, strict=True):
            if own == column.name:
                target = f"{short_name(reference.referenced_table, table)}.{other.name}"
                enforced = isinstance(reference, ForeignKeyConstraint)
                found.extend([f"references {target}"] if enforced else [f"relation to {target}", "not enforced"])
    return found


def key_texts(column: Column, table: Table) -> list[str]:
    """:returns: The column's part in the primary key; empty if it has none."""
    if column.name.name not in table.key_names:
        return []
    if len(table.key_names) == 1:
        return ["primary key"]
    return [f"primary key, {table.key_names.index(column.name.name) + 1} of {len(table.key_names)}"]


def label_texts(column: Column, table: Table, catalog: Catalog) -> list[str]:
    """:returns: The labels that the column may hold, if it is an enumeration the catalog describes."""
    lookup = next((lookup for lookup in table.lookups if lookup.column == column.name), None)
    if lookup is not None:
        found = catalog.find_table(lookup.table)
        labels = None if found is None else found.labels
    else:
        used = used_types(column.data_type)
        enums = (enum for namespace in catalog.namespaces for enum in namespace.enums)
        labels = next((enum.labels for enum in enums if enum.name in used), None)
    return [] if not labels else [f"one of: {', '.join(labels)}"]


def used_types(data_type: SqlType) -> frozenset[QualifiedId]:
    """:returns: Names of the types of the catalog that a column of this type needs."""
    match data_type:
        case SqlNamed(name=name):
            return frozenset({name})
        case SqlArray(element=element):
            return used_types(element)
        case _:
            return frozenset()


def pii_kinds(column: Column) -> list[str]:
    """:returns: What the values of the column say of a person; empty if nothing."""
    return [marker.kind for marker in column.markers if isinstance(marker, Pii)]


def pii_columns(table: Table) -> frozenset[str]:
    """:returns: Names of the columns whose values say something of a person."""
    return frozenset(column.name.name for column in table.columns if pii_kinds(column))


def origin_texts(column: Column, upstream: Upstream | None) -> list[str]:
    """:returns: Which column of the upstream asset the values come from; empty if that is not known."""
    if upstream is None or column.generated is not None:
        return []
    key, renamed = upstream
    return [f"from {key.path[-1]}.{renamed.get(column.name.name, column.name.name)}"]


def table_column(column: Column, table: Table, catalog: Catalog, upstream: Upstream | None) -> dg.TableColumn:
    """:returns: The column as the UI lists it."""
    unique = any(isinstance(c, UniqueConstraint) and c.columns == (column.name,) for c in table.constraints)
    others = [*key_texts(column, table), *reference_texts(column, table), *label_texts(column, table, catalog)]
    if column.identity is not None:
        others.append(f"generated {column.identity.value.lower()} as identity")
    if column.default is not None:
        others.append(f"default {column.default}")
    if column.generated is not None:
        others.append(f"computed as {column.generated.expression}")
    others += origin_texts(column, upstream)
    kinds = pii_kinds(column)
    return dg.TableColumn(
        name=column.name.name,
        type=type_text(column.data_type),
        description=column.description,
        constraints=dg.TableColumnConstraints(
            nullable=column.nullable, unique=unique or table.key_names == (column.name.name,), other=others
        ),
        tags={"PII": ", ".join(kinds)} if kinds else None,
    )


def reference_text(reference: ForeignKeyConstraint | Relation, table: Table) -> str:
    """:returns: A reference to another table, as one line with what matters first."""
    target = f"{short_name(reference.referenced_table, table)} ({names(reference.referenced_columns)})"
    if isinstance(reference, ForeignKeyConstraint):
        return f"{names(reference.columns)} references {target}, foreign key"
    return f"{names(reference.columns)} relates to {target}, not enforced"


def table_constraints(table: Table) -> list[str]:
    """:returns: All constraints of a table, and its relations, one line each."""
    lines = [] if table.primary_key is None else [f"primary key ({names(table.primary_key.columns)})"]
    for constraint in table.constraints:
        match constraint:
            case ForeignKeyConstraint():
                lines.append(reference_text(constraint, table))
            case UniqueConstraint(columns=columns):
                lines.append(f"unique ({names(columns)})")
            case CheckConstraint(expression=expression):
                lines.append(f"check ({expression})")
            case _:
                lines.append(str(constraint))
    return [*lines, *(reference_text(relation, table) for relation in table.relations)]


def column_schema(table: Table, catalog: Catalog, upstream: Upstream | None = None) -> dg.TableSchema:
    """
    :param catalog: Where the table is in, for the labels of its enumerations.
    :param upstream: Where the rows come from; `None` if that is not known.
    :returns: Columns and constraints of a table as the UI shows them.
    """
    return dg.TableSchema(
        columns=[table_column(column, table, catalog, upstream) for column in table.columns],
        constraints=dg.TableConstraints(other=table_constraints(table)),
    )


def model_version(table: Table, catalog: Catalog) -> str:
    """:returns: Short hash of all that a table is made of; it changes with the definition of the table only."""
    used = frozenset[QualifiedId]().union(*(used_types(column.data_type) for column in table.columns))
    enums = [str(enum) for namespace in catalog.namespaces for enum in namespace.enums if enum.name in used]
    parts = [str(table), *(str(key) for key in table.foreign_keys), *enums]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def code_reference(cls: type) -> dg.CodeReferencesMetadataValue | None:
    """:returns: File and line of a class; `None` for one that was made at run time."""
    try:
        path = inspect.getsourcefile(cls)
        line = inspect.getsourcelines(cls)[1]
    except (OSError, TypeError):
        return None
    if path is None or not Path(path).is_file():
        return None
    with warnings.catch_warnings():
        # Dagster calls code references beta; users of ours have not asked for them and cannot do anything about it
        warnings.simplefilter("ignore", dg.BetaWarning)
        reference = dg.LocalFileCodeReference(file_path=path, line_number=line, label=cls.__qualname__)
        return dg.CodeReferencesMetadataValue(code_references=[reference])


def sql_markdown(text: str) -> str:
    """:returns: SQL as a fenced block, cut if it is very long; the fence is longer than any run of backticks in it."""
    if len(text) > MAX_PLAN_CHARACTERS:
        text = f"{text[:MAX_PLAN_CHARACTERS]}\n-- cut here: {len(text) - MAX_PLAN_CHARACTERS} more characters"
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sql\n{text.rstrip()}\n{fence}"


def plan_markdown(plan: Plan) -> str:
    """:returns: A plan for review: a summary of its steps, then the SQL."""
    if plan.is_empty:
        return "No changes: the live schema is what the data-classes describe."
    count = len(plan.steps)
    heading = f"**{count} {'step' if count == 1 else 'steps'}**"
    hazards = [
        f"- **{step.summary}**: {hazard_text(plan, index)}" for index, step in enumerate(plan.steps) if step.hazards
    ]
    return "\n".join([heading, "", *hazards, "", sql_markdown(str(plan))])


def plan_summary(plan: Plan) -> str:
    """:returns: The first steps of a plan in one line, as the UI shows no ends of lines in a text."""
    found = [step.summary for step in plan.steps[:MAX_SUMMARY_STEPS]]
    rest = len(plan.steps) - len(found)
    return "; ".join([*found, *([f"and {rest} more"] if rest else [])]) or "none"


def hazard_text(plan: Plan, index: int) -> str:
    """:returns: Hazards of one step (from 0) for people, sorted."""
    return ", ".join(sorted(hazard.value for hazard in plan.steps[index].hazards))


def plan_hazards(plan: Plan) -> str:
    """:returns: All hazards of a plan for people: `deletes data, narrows a type`, or `none`."""
    found = sorted({hazard.value for step in plan.steps for hazard in step.hazards})
    return ", ".join(found) or "none"
