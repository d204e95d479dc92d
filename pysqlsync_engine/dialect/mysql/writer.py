"""Operations as SQL of MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.dialect.mysql.capabilities import features_of
from pysqlsync_engine.dialect.mysql.constraints import WORD_INDEXES
from pysqlsync_engine.dialect.mysql.conversions import direct_renames, interim_columns
from pysqlsync_engine.dialect.mysql.expressions import write_expression
from pysqlsync_engine.dialect.mysql.label_writer import MySQLLabelWriter
from pysqlsync_engine.dialect.mysql.objects import MySQLColumn, MySQLTable
from pysqlsync_engine.dialect.mysql.spelling import UNSET_OPTIONS, has_collation, spell_literal, spell_name, spell_type
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.migration.operations import (
    AddColumn,
    AddConstraint,
    AddForeignKey,
    AlterColumn,
    AlterTable,
    CreateIndex,
    CreateNamespace,
    CreateTable,
    DropColumn,
    DropConstraint,
    DropForeignKey,
    DropIndex,
    DropNamespace,
    DropTable,
    FillColumn,
    FillLookup,
    MergeLabels,
    Operation,
    RelabelColumn,
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameTable,
    SetDescription,
    SetOptions,
    TableChange,
)
from pysqlsync_engine.migration.summary import summarize
from pysqlsync_engine.model.constraint_types import Index, IndexPart, ReferentialAction
from pysqlsync_engine.model.data_types import (
    SqlTimestamp,
    SqlType,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    CheckConstraint,
    Column,
    Constraint,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

_DEFAULT_ENGINE = "InnoDB"


class MySQLWriter(MySQLLabelWriter):
    """
    Writes operations for MySQL 8.0 and later, and MariaDB 10.11 and later.

    All changes of a table are one statement, after one that renames columns. Strings are written for sessions in which a
    backslash is an escape character, which those of the engine are, whatever the server's own `sql_mode`.
    """

    def __init__(self, capabilities: Capabilities) -> None:
        super().__init__(capabilities)
        self.features = features_of(capabilities.version)

    def quote(self, name: LocalId | str) -> str:
        """:returns: The name between backticks, which no `sql_mode` takes for anything else."""
        return spell_name(name, self.capabilities.max_identifier_bytes)

    def literal(self, value: str | bool | int | float | Decimal | None) -> str:  # noqa: FBT001 - the value is the subject
        """:returns: The value as a literal."""
        return spell_literal(value)

    def expression(self, text: str) -> str:
        """:returns: The expression with its strings as `literal` writes them, and names between backticks."""
        return write_expression(text)

    def data_type(self, data_type: SqlType) -> str:
        """:returns: The type as the server spells it."""
        return spell_type(data_type)

    def column_type(self, column: Column) -> str:
        """:returns: The type of a column, with its collation, which implies the character set."""
        collation = "" if column.collation is None else f" COLLATE {self.word(column.collation)}"
        return self.data_type(column.data_type) + collation

    def word(self, name: str) -> str:
        """:returns: The name of a collation or an engine, or any other that is not one of the user's."""
        return name if name.replace("_", "").isalnum() and name.isascii() else self.quote(name)

    def column_properties(self, column: Column) -> Iterator[str]:
        """:returns: What follows the type of a column, in order."""
        if column.generated is not None:
            kind = "STORED" if column.generated.stored else "VIRTUAL"
            yield f"GENERATED ALWAYS AS ({self.expression(column.generated.expression)}) {kind}"
        if not column.nullable:
            yield "NOT NULL"
        elif isinstance(column.data_type, SqlTimestamp) and column.data_type.with_time_zone:
            # else some servers give it a default, and no NULL
            yield "NULL"
        if column.default is not None:
            yield f"DEFAULT {self.expression(column.default)}"
        if isinstance(column, MySQLColumn):
            if column.on_update is not None:
                yield f"ON UPDATE {self.expression(column.on_update)}"
            if not column.visible:
                yield "INVISIBLE"
        if column.identity is not None:
            yield "AUTO_INCREMENT"
        if column.description is not None:
            yield f"COMMENT {self.literal(column.description)}"

    def constraint(self, constraint: Constraint) -> str:
        """:returns: The constraint as it stands in the body of a table."""
        match constraint:
            case PrimaryKeyConstraint():
                return f"PRIMARY KEY ({self.key_columns(constraint)})"
            case UniqueConstraint():
                return f"UNIQUE INDEX {self.quote(constraint.name)} ({self.names(constraint.columns)})"
            case _:
                return super().constraint(constraint)

    def key_columns(self, key: PrimaryKeyConstraint) -> str:
        """:returns: The columns of a primary key, with the lengths of those that do not count as a whole."""
        lengths = key.lengths or (None,) * len(key.columns)
        parts = [IndexPart(column, length=length) for column, length in zip(key.columns, lengths, strict=True)]
        return ", ".join(map(self.index_part, parts))

    def reference(self, key: ForeignKeyConstraint) -> str:
        """:returns: A foreign key without its name; MariaDB reports what is said, and something else where nothing is."""
        text = (
            f"FOREIGN KEY ({self.names(key.columns)})"
            f" REFERENCES {self.qualified(key.referenced_table)} ({self.names(key.referenced_columns)})"
        )
        for event, action in (("DELETE", key.on_delete), ("UPDATE", key.on_update)):
            if action is not ReferentialAction.NO_ACTION or self.features.mariadb:
                text += f" ON {event} {action.value}"
        return text

    def index(self, index: Index) -> str:
        """:returns: The index as it stands in the body of a table."""
        kind = index.method if index.method in WORD_INDEXES else "UNIQUE" if index.unique else None
        method = f" USING {self.word(index.method)}" if index.method is not None and kind != index.method else ""
        parts = ", ".join(map(self.index_part, index.parts))
        words = [] if kind is None else [kind]
        return " ".join((*words, "INDEX", f"{self.quote(index.name)}{method} ({parts}){self.index_options(index)}"))

    def index_part(self, part: IndexPart) -> str:
        """:returns: A key of an index."""
        if part.expression is not None:
            text = f"({self.expression(part.expression)})"
        else:
            text = "" if part.column is None else self.quote(part.column)
        if part.length is not None:
            text += f"({part.length:d})"
        return f"{text} DESC" if part.descending else text

    def index_options(self, index: Index) -> str:
        """:returns: What follows the keys of an index."""
        words = list(index.options)
        if index.description is not None:
            words.append(f"COMMENT {self.literal(index.description)}")
        if not index.visible:
            words.append(self.features.hidden_index)
        return "".join(f" {word}" for word in words)

    def create_table(self, table: Table, *, foreign_keys: bool) -> str:
        """:returns: A statement that creates the table with its indexes and comments."""
        body = self.table_body(table, foreign_keys=foreign_keys)
        indexes = "".join(f",\n    {self.index(index)}" for index in table.indexes)
        options = "".join(f" {option}" for option in self.table_options(table))
        return f"CREATE TABLE {self.qualified(table.name)} {body.removesuffix(chr(10) + ')')}{indexes}\n){options}"

    def table_options(self, table: Table) -> Iterator[str]:
        """:returns: What follows the body of a table."""
        if not isinstance(table, MySQLTable):
            yield f"ENGINE={_DEFAULT_ENGINE}"
            return
        yield f"ENGINE={self.word(table.engine or _DEFAULT_ENGINE)}"
        if table.collation is not None:
            yield f"COLLATE={self.word(table.collation)}"
        if table.row_format is not None:
            yield f"ROW_FORMAT={self.word(table.row_format)}"
        yield from table.options
        if table.description is not None:
            yield f"COMMENT={self.literal(table.description)}"

    def other_statements(self, operation: Operation) -> Iterator[str]:
        """:returns: Statements for foreign keys and labels; namespaces are prefixes, and types parts of columns."""
        match operation:
            case AddForeignKey(table=name, constraint=key):
                yield from self.alter(name, [f"ADD {self.constraint(key)}"])
            case DropForeignKey(table=name, constraint=key):
                yield from self.alter(name, [f"DROP FOREIGN KEY {self.quote(key.name)}"])
            case FillLookup() | FillColumn() | RelabelColumn() | MergeLabels():
                yield from super().other_statements(operation)
            case CreateNamespace() | DropNamespace():
                return
            case _:
                raise UnsupportedError(
                    f"{summarize(operation)}: the server has no such object; leave it out of the classes"
                )

    def placeholder(self, number: int) -> str:
        """:returns: What stands for a value that is sent beside the statement."""
        del number
        return "%s"

    def index_statements(self, operation: CreateIndex | DropIndex | RenameIndex) -> Iterator[str]:
        """:returns: Statements that create, drop or rename an index; a new comment makes a new index."""
        match operation:
            case CreateIndex(table=table, index=index):
                yield from self.alter(table, [f"ADD {self.index(index)}"])
            case DropIndex(table=table, index=index):
                yield from self.alter(table, [f"DROP INDEX {self.quote(index.name)}"])
            case RenameIndex(table=table, source=source, target=target):
                if source.description == target.description:
                    change = [f"RENAME INDEX {self.quote(source.name)} TO {self.quote(target.name)}"]
                else:
                    change = [f"DROP INDEX {self.quote(source.name)}", f"ADD {self.index(target)}"]
                yield from self.alter(table, change)

    def alter(self, table: QualifiedId, clauses: Iterable[str]) -> Iterator[str]:
        """:returns: A statement that makes all the changes; none where there are none."""
        listed = list(clauses)
        if listed:
            parts = ",\n    ".join((*listed, *self.alter_options(table, listed)))
            yield f"ALTER TABLE {self.qualified(table)}\n    {parts}"

    def alter_options(self, table: QualifiedId, clauses: list[str]) -> Iterator[str]:
        """:returns: Further clauses, that say how the server is to go about the changes."""
        del table, clauses
        yield from ()

    def table_statements(self, operation: CreateTable | AlterTable | RenameTable | DropTable) -> Iterator[str]:
        """:returns: Statements that create, alter, rename or drop a table."""
        match operation:
            case RenameTable(source=source, target=target):
                yield f"ALTER TABLE {self.qualified(source)} RENAME TO {self.qualified(target)}"
            case _:
                yield from super().table_statements(operation)

    def alter_table(self, operation: AlterTable) -> Iterator[str]:
        """:returns: A statement that renames columns, if there are such, and one for all other changes."""
        renames = [change for change in operation.changes if isinstance(change, RenameColumn)]
        others = [change for change in direct_renames(operation.changes) if not isinstance(change, RenameColumn)]
        name = operation.target.name
        yield from self.alter(name, (action for change in renames for action in self.actions(change)))
        for change in others:
            if isinstance(change, SetOptions):
                yield from self.alter(name, self.default_collation(change))
        yield from self.alter(name, (f"MODIFY COLUMN {self.column(column)}" for column in interim_columns(others)))
        clauses = [f"DROP INDEX {self.quote(index.name)}" for index in operation.dropped_indexes]
        clauses += [clause for change in others for clause in self.changes(operation, change)]
        clauses += [f"ADD {self.index(index)}" for index in operation.added_indexes]
        clauses += self.recollated(operation)
        yield from self.alter(name, clauses)

    def changes(self, operation: AlterTable, change: TableChange) -> Iterator[str]:
        """
        :returns: Clauses of `ALTER TABLE` that make the change.

        In MariaDB a check that has the name of a column may be a part of that column: it goes and comes with its definition.
        """
        match change:
            case DropConstraint(constraint=CheckConstraint(name=name)) if self._is_column(name, operation.source):
                yield from self.detach_check(operation, name)
            case RenameConstraint(source=CheckConstraint(name=name)) if self._is_column(name, operation.source):
                yield from self.detach_check(operation, name)
                yield f"ADD {self.constraint(change.target)}"
            case AlterColumn(target=column) if checks := self._kept_checks(operation, column.name):
                yield f"DROP CONSTRAINT IF EXISTS {self.quote(column.name)}"
                yield from self.actions(change)
                yield from (f"ADD {self.constraint(check)}" for check in checks)
            case _:
                yield from self.actions(change)

    def detach_check(self, operation: AlterTable, name: LocalId) -> Iterator[str]:
        """:returns: Clauses that drop a check, whether it is one of the table or of the column of that name."""
        yield f"DROP CONSTRAINT IF EXISTS {self.quote(name)}"
        kept = {column.name: column for column in operation.target.columns}
        changed = {c.target.name for c in operation.changes if isinstance(c, AlterColumn)}
        dropped = {c.column.name for c in operation.changes if isinstance(c, DropColumn)}
        if name in kept and name not in changed | dropped:
            yield f"MODIFY COLUMN {self.column(kept[name])}"

    def _is_column(self, name: LocalId, table: Table) -> bool:
        return self.features.mariadb and any(column.name == name for column in table.columns)

    def _kept_checks(self, operation: AlterTable, name: LocalId) -> list[CheckConstraint]:
        if not self._is_column(name, operation.source):
            return []
        checks = (c for c in operation.target.constraints if isinstance(c, CheckConstraint) and c.name == name)
        return [check for check in checks if check in operation.source.constraints]

    def actions(self, change: TableChange) -> Iterator[str]:
        """:returns: Clauses of `ALTER TABLE` that make the change."""
        match change:
            case AddColumn() | RenameColumn() | DropColumn() | AddConstraint():
                yield from super().actions(change)
            case AlterColumn(target=target):
                yield f"MODIFY COLUMN {self.column(target)}"
            case DropConstraint(constraint=constraint):
                yield self.drop_constraint(constraint)
            case RenameConstraint(source=source, target=target):
                yield from self.rename_constraint(source, target)
            case SetOptions(source=source, target=target):
                yield from self.option_actions(source, target)
            case SetDescription(description=description):
                yield f"COMMENT={self.literal(description or '')}"

    def drop_constraint(self, constraint: Constraint) -> str:
        """:returns: The clause that drops a constraint."""
        match constraint:
            case PrimaryKeyConstraint():
                return "DROP PRIMARY KEY"
            case UniqueConstraint():
                return f"DROP INDEX {self.quote(constraint.name)}"
            case ForeignKeyConstraint():
                return f"DROP FOREIGN KEY {self.quote(constraint.name)}"
            case _:
                word = "CONSTRAINT" if self.features.mariadb else "CHECK"
                return f"DROP {word} {self.quote(constraint.name)}"

    def rename_constraint(self, source: Constraint, target: Constraint) -> Iterator[str]:
        """:returns: Clauses that give a constraint another name; only those with an index can have one in place."""
        if isinstance(source, UniqueConstraint):
            yield f"RENAME INDEX {self.quote(source.name)} TO {self.quote(target.name)}"
        elif not isinstance(source, PrimaryKeyConstraint):
            yield self.drop_constraint(source)
            yield f"ADD {self.constraint(target)}"

    def option_actions(self, source: Table, target: Table) -> Iterator[str]:
        """:returns: Clauses that change how rows are stored."""
        if not isinstance(source, MySQLTable) or not isinstance(target, MySQLTable):
            return
        if source.engine != target.engine:
            yield f"ENGINE={self.word(target.engine or _DEFAULT_ENGINE)}"
        if source.row_format != target.row_format:
            yield f"ROW_FORMAT={self.word(target.row_format or 'DEFAULT')}"
        yield from (option for option in target.options if option not in source.options)
        given = {option.partition("=")[0].lower() for option in target.options}
        for option in source.options:
            name = option.partition("=")[0]
            if name.lower() not in given:
                yield f"{name}={UNSET_OPTIONS.get(name.lower(), 'DEFAULT')}"

    def default_collation(self, change: SetOptions) -> Iterator[str]:
        """:returns: Clauses that change the collation of columns to come; see `recollated` for those that are there."""
        before, after = _collation(change.source), _collation(change.target)
        if before == after:
            return
        if after is not None:
            yield f"COLLATE={self.word(after)}"
        elif self.capabilities.collation is None:
            yield "CONVERT TO CHARACTER SET DEFAULT"
        else:
            # MariaDB takes DEFAULT for the default collation of the character set, whatever that of the database is
            character_set, collation = map(self.word, self.capabilities.collation)
            yield f"CONVERT TO CHARACTER SET {character_set} COLLATE {collation}"

    def recollated(self, operation: AlterTable) -> Iterator[str]:
        """:returns: Clauses that give columns of text the collation that they have in the target, if that of the table changes."""
        if _collation(operation.source) == _collation(operation.target):
            return
        altered = {
            change.target.name if isinstance(change, AlterColumn) else change.column.name
            for change in operation.changes
            if isinstance(change, AlterColumn | AddColumn | DropColumn)
        }
        for column in operation.target.columns:
            if column.name not in altered and has_collation(column.data_type):
                yield f"MODIFY COLUMN {self.column(column)}"


def _collation(table: Table) -> str | None:
    return table.collation if isinstance(table, MySQLTable) else None
