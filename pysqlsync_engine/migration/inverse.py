"""Operations that undo others."""

from __future__ import annotations

from dataclasses import replace

from pysqlsync_engine.migration.hazards import hazards_of
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
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameTable,
    RenameType,
    SetDescription,
    SetOptions,
    TableChange,
)
from pysqlsync_engine.model.object_types import Prerequisite


def inverse(operation: Operation) -> Operation | None:
    """:returns: The operation that undoes it; `None` if there is none, as something would be lost for good."""
    match operation:
        case AlterTable() | AlterStruct() | AlterEnum():
            return _inverse_alteration(operation)
        case RenameType() | RenameTable() | RenameIndex():
            return _inverse_rename(operation)
        case CreatePrerequisite(prerequisite=present, source=Prerequisite() as former):
            return CreatePrerequisite(former, present)
        case DropTable() | FillLookup() | FillColumn() | RelabelColumn() | MergeLabels() | MoveList():
            return None
        case CreateExtension() | CreatePrerequisite():
            return None
        case CreateTable() | AddForeignKey() | DropForeignKey() | CreateIndex() | DropIndex():
            return _inverse_of_part(operation)
        case _:
            return _inverse_creation(operation)


def _inverse_alteration(operation: AlterTable | AlterStruct | AlterEnum) -> Operation | None:
    if any(hazard.is_destructive for hazard in hazards_of(operation)):
        return None
    match operation:
        case AlterTable(source=source, target=target, changes=changes):
            undone = tuple(_inverse_change(change, source.description) for change in reversed(changes))
            return AlterTable(
                target,
                source,
                undone,
                dropped_indexes=operation.added_indexes,
                added_indexes=operation.dropped_indexes,
            )
        case AlterStruct(source=source, target=target):
            return AlterStruct(target, source)
        case AlterEnum(source=source, target=target):
            if operation.renamed_source.labels != target.labels:
                return None
            back = tuple((label, former) for former, label in operation.renamed_labels)
            return AlterEnum(target, replace(source, label_map=back))


def _inverse_creation(
    operation: CreateNamespace
    | DropNamespace
    | CreateEnum
    | DropEnum
    | CreateStruct
    | DropStruct
    | CreateDomain
    | AlterDomain
    | DropDomain,
) -> Operation:
    match operation:
        case CreateNamespace(name=name):
            return DropNamespace(name)
        case DropNamespace(name=name):
            return CreateNamespace(name)
        case CreateEnum(enum=enum):
            return DropEnum(enum)
        case DropEnum(enum=enum):
            return CreateEnum(enum)
        case CreateStruct(struct=struct):
            return DropStruct(struct)
        case DropStruct(struct=struct):
            return CreateStruct(struct)
        case CreateDomain(domain=domain):
            return DropDomain(domain)
        case AlterDomain(source=source, target=target):
            return AlterDomain(target, source)
        case DropDomain(domain=domain):
            return CreateDomain(domain)


def _inverse_of_part(
    operation: CreateTable | AddForeignKey | DropForeignKey | CreateIndex | DropIndex,
) -> Operation:
    match operation:
        case CreateTable(table=table):
            return DropTable(table)
        case AddForeignKey(table=name, constraint=key):
            return DropForeignKey(name, key)
        case DropForeignKey(table=name, constraint=key):
            return AddForeignKey(name, key)
        case CreateIndex(table=name, index=index):
            return DropIndex(name, index)
        case DropIndex(table=name, index=index):
            return CreateIndex(name, index)


def _inverse_rename(operation: RenameType | RenameTable | RenameIndex) -> Operation:
    match operation:
        case RenameType(source=source, target=name):
            return RenameType(replace(source, name=name), source.name)
        case RenameTable(source=source, target=target):
            return RenameTable(target, source)
        case RenameIndex(table=name, source=source, target=target):
            return RenameIndex(name, target, source)


def _inverse_change(change: TableChange, description: str | None) -> TableChange:
    """:param description: Comment that the table had before."""
    match change:
        case AddColumn(column=column):
            return DropColumn(column)
        case RenameColumn(source=source, target=target):
            return RenameColumn(target, source)
        case DropColumn(column=column):
            return AddColumn(column)
        case AlterColumn(source=source, target=target):
            return AlterColumn(target, source)
        case AddConstraint(constraint=constraint):
            return DropConstraint(constraint)
        case DropConstraint(constraint=constraint):
            return AddConstraint(constraint)
        case RenameConstraint(source=source, target=target):
            return RenameConstraint(target, source)
        case SetDescription():
            return SetDescription(description)
        case SetOptions(source=source, target=target):
            return SetOptions(target, source)
