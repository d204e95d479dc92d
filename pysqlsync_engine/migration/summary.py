"""What operations do, in a few words for people."""

from __future__ import annotations

from collections.abc import Iterator

from pysqlsync_engine.migration.operations import (
    AddColumn,
    AddConstraint,
    AddForeignKey,
    AlterColumn,
    AlterDomain,
    AlterEnum,
    AlterStruct,
    AlterTable,
    CreateDomain,
    CreateEnum,
    CreateExtension,
    CreateIndex,
    CreateNamespace,
    CreatePrerequisite,
    CreateStruct,
    CreateTable,
    DropColumn,
    DropConstraint,
    DropDomain,
    DropEnum,
    DropForeignKey,
    DropIndex,
    DropNamespace,
    DropStruct,
    DropTable,
    FillColumn,
    FillLookup,
    MergeLabels,
    MoveList,
    Operation,
    RelabelColumn,
    Relabelling,
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameTable,
    RenameType,
    SetDescription,
    SetOptions,
    TableChange,
)
from pysqlsync_engine.model.definition import ANSI, DefinitionWriter
from pysqlsync_engine.model.object_types import Column


def one_line(text: str) -> str:
    """:returns: The text with all that is not printable (line ends, control and bidirectional characters) escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def summarize(operation: Operation, writer: DefinitionWriter = ANSI) -> str:
    """
    Say what an operation does, on one line: `add column canvas.users.uuid`.

    :param writer: Spells types.
    """
    return one_line(_summary(operation, writer))


def _summary(operation: Operation, writer: DefinitionWriter) -> str:
    match operation:
        case AddForeignKey() | DropForeignKey():
            key = operation.constraint
            columns = ", ".join(column.name for column in key.columns)
            path = f"{operation.table.display}.{key.name.name}"
            return f"{_verb(operation)} foreign key {path}: {columns} to {key.referenced_table.display}"
        case CreateIndex(table=table, index=index) | DropIndex(table=table, index=index):
            return f"{_verb(operation)} index {index.name.name} of {table.display}"
        case RenameType() | RenameTable() | RenameIndex():
            return _renaming(operation)
        case FillLookup(table=table, labels=labels):
            return f"add labels to {table.name.display}: {', '.join(labels)}"
        case FillColumn(table=table, column=column, expression=expression):
            return f"fill column {table.name.display}.{column.name.name} where it is NULL: {expression}"
        case RelabelColumn():
            return _relabelling(operation)
        case MergeLabels(table=table, labels=labels):
            return f"replace labels of {table.name.display}: {_replacements(labels)}"
        case MoveList():
            return _move(operation)
        case AlterEnum() | AlterStruct() | AlterDomain() | AlterTable():
            return _alteration(operation, writer)
        case _:
            return f"{_verb(operation)} {_object(operation)}"


def _relabelling(operation: RelabelColumn) -> str:
    place = f"{operation.table.name.display}.{operation.column.name.name}"
    replaced = f": {_replacements(operation.labels)}" if operation.labels else ""
    if operation.kind is Relabelling.LABELS or operation.lookup is None:
        return f"replace labels in column {place}{replaced}"
    name = operation.lookup.display
    if operation.kind is Relabelling.TO_LABELS:
        return f"convert column {place} from keys of {name} to labels{replaced}"
    return f"convert column {place} from labels to keys of {name}{replaced}"


def _move(operation: MoveList) -> str:
    column = f"column {operation.owner.name.display}.{operation.column.name.name}"
    table = f"table {operation.table.name.display}"
    source, target = (column, table) if operation.to_table else (table, column)
    empty = ", NULL as an empty list" if operation.forgets_null else ""
    return f"move list from {source} to {target}{empty}, and drop {source}"


def _replacements(labels: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{former} by {label}" for former, label in labels)


def _object(
    operation: CreateNamespace
    | DropNamespace
    | CreateExtension
    | CreatePrerequisite
    | CreateEnum
    | DropEnum
    | CreateStruct
    | DropStruct
    | CreateDomain
    | DropDomain
    | CreateTable
    | DropTable,
) -> str:
    """:returns: Kind and name of what is created or dropped."""
    match operation:
        case CreateNamespace(name=name) | DropNamespace(name=name):
            return f"namespace {name.name}"
        case CreatePrerequisite(prerequisite=each, source=former):
            return each.display if former is None else f"{each.display} in place of the one that is there"
        case CreateExtension(name=name):
            return f"extension {name.name}"
        case CreateEnum(enum=enum) | DropEnum(enum=enum):
            return f"enum {enum.name.display}"
        case CreateStruct(struct=struct) | DropStruct(struct=struct):
            return f"type {struct.name.display}"
        case CreateDomain(domain=domain) | DropDomain(domain=domain):
            return f"domain {domain.name.display}"
        case CreateTable(table=table) | DropTable(table=table):
            return f"table {table.name.display}"


def _renaming(operation: RenameType | RenameTable | RenameIndex) -> str:
    match operation:
        case RenameType(source=source, target=target):
            return f"rename type {source.name.display} to {target.display}"
        case RenameTable(source=source, target=target):
            return f"rename table {source.display} to {target.display}"
        case RenameIndex(table=table, source=source, target=target):
            if source.name == target.name:
                return f"alter index {target.name.name} of {table.display}: set comment"
            return f"rename index {source.name.name} of {table.display} to {target.name.name}"


def _verb(operation: Operation) -> str:
    """:returns: The first word of the name of the operation's class."""
    name = type(operation).__name__
    return next(verb for verb in ("Create", "Drop", "Add") if name.startswith(verb)).lower()


def _alteration(operation: AlterEnum | AlterStruct | AlterDomain | AlterTable, writer: DefinitionWriter) -> str:
    name = operation.target.name.display
    match operation:
        case AlterEnum():
            return f"alter enum {name}: {', '.join(_enum_changes(operation))}"
        case AlterStruct():
            return f"alter type {name}: {', '.join(_struct_changes(operation))}"
        case AlterDomain():
            return f"alter domain {name}: {', '.join(_domain_changes(operation))}"
        case AlterTable(
            changes=(AddColumn() | DropColumn() | AlterColumn() as change,), dropped_indexes=(), added_indexes=()
        ):
            verb, _, rest = _change(change, writer).partition(" column ")
            return f"{verb} column {name}.{rest}"
        case AlterTable(changes=changes):
            parts = [f"drop index {index.name.name}" for index in operation.dropped_indexes]
            parts += [_change(change, writer) for change in changes]
            parts += [f"add index {index.name.name}" for index in operation.added_indexes]
            return f"alter table {name}: {', '.join(parts)}"


def _enum_changes(operation: AlterEnum) -> Iterator[str]:
    yield from (f"rename label {former} to {label}" for former, label in operation.renamed_labels)
    yield from (f"replace label {former} by {label}" for former, label in operation.replaced_labels)
    source, target = operation.renamed_source, operation.target
    replaced = {former for former, _ in operation.replaced_labels}
    yield from (f"add label {label}" for label in target.labels if label not in source.labels)
    yield from (f"remove label {label}" for label in source.labels if label not in {*target.labels, *replaced})
    before = [label for label in source.labels if label in target.labels]
    after = [label for label in target.labels if label in source.labels]
    if before != after:
        yield "change order of labels"
    if source.description != target.description:
        yield "set comment"


def _domain_changes(operation: AlterDomain) -> Iterator[str]:
    source, target = operation.source, operation.target
    yield from (f"drop check {c.name.name}" for c in source.constraints if c not in target.constraints)
    yield from (f"add check {c.name.name}" for c in target.constraints if c not in source.constraints)
    if source.default != target.default:
        yield "drop default" if target.default is None else f"default {target.default}"
    if source.nullable != target.nullable:
        yield "permit NULL" if target.nullable else "refuse NULL"
    if source.description != target.description:
        yield "set comment"


def _struct_changes(operation: AlterStruct) -> Iterator[str]:
    before = {member.name: member for member in operation.source.members}
    after = {member.name: member for member in operation.target.members}
    yield from (f"add member {name.name}" for name in after if name not in before)
    yield from (f"drop member {name.name}" for name in before if name not in after)
    yield from (f"alter member {name.name}" for name in after if name in before and before[name] != after[name])
    if operation.source.description != operation.target.description:
        yield "set comment"


def _change(change: TableChange, writer: DefinitionWriter) -> str:
    match change:
        case AddColumn(column=column):
            return f"add column {column.name.name}"
        case RenameColumn(source=former, target=name):
            return f"rename column {former.name} to {name.name}"
        case DropColumn(column=column):
            return f"drop column {column.name.name}"
        case AlterColumn(source=source, target=target):
            return f"alter column {target.name.name} ({', '.join(_column_changes(source, target, writer))})"
        case AddConstraint(constraint=constraint):
            return f"add constraint {constraint.name.name}"
        case DropConstraint(constraint=constraint):
            return f"drop constraint {constraint.name.name}"
        case RenameConstraint(source=before, target=after):
            return f"rename constraint {before.name.name} to {after.name.name}"
        case SetDescription():
            return "set comment"
        case SetOptions():
            return "set options"


def _column_changes(source: Column, target: Column, writer: DefinitionWriter) -> Iterator[str]:
    if source.data_type != target.data_type:
        yield f"{writer.data_type(source.data_type)} to {writer.data_type(target.data_type)}"
    if source.nullable != target.nullable:
        yield "permit NULL" if target.nullable else "refuse NULL"
    if source.default != target.default:
        yield "drop default" if target.default is None else f"default {target.default}"
    if source.generated != target.generated:
        yield "no longer computed" if target.generated is None else f"computed as {target.generated.expression}"
    if source.collation != target.collation:
        yield f"collation {target.collation or 'default'}"
    if source.identity is not target.identity:
        yield "drop identity" if target.identity is None else f"identity {target.identity.value.lower()}"
    if source.description != target.description:
        yield "set comment"
    if source.vendor_markers != target.vendor_markers:
        yield "set options"
