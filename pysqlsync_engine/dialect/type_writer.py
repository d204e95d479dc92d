"""Types that a catalog defines, as ANSI SQL; what dialects have in common."""

from __future__ import annotations

from collections.abc import Iterator

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.migration.operations import (
    AlterDomain,
    AlterEnum,
    AlterStruct,
    CreateDomain,
    CreateEnum,
    CreateStruct,
    DropDomain,
    DropEnum,
    DropStruct,
)
from pysqlsync_engine.model.definition import DefinitionWriter
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import DomainType, EnumType, StructMember, StructType


class AnsiTypeWriter(DefinitionWriter):
    """
    Writes operations on types as ANSI SQL.

    :param capabilities: Of the server that is to execute the statements.
    """

    def __init__(self, capabilities: Capabilities) -> None:
        self.capabilities = capabilities

    def enum_statements(self, operation: CreateEnum | AlterEnum | DropEnum) -> Iterator[str]:
        """:returns: Statements that create, alter or drop an enumeration."""
        match operation:
            case CreateEnum(enum=enum):
                yield self.create_enum(enum)
                yield from self.comment_enum(enum)
            case DropEnum(enum=enum):
                yield self.drop_enum(enum)
            case AlterEnum(source=source, target=target):
                if source.labels != target.labels:
                    yield from self.change_labels(operation)
                if source.description != target.description:
                    yield from self.comment_enum(target, always=True)

    def drop_enum(self, enum: EnumType) -> str:
        """:returns: A statement that drops the enumeration."""
        return f"DROP DOMAIN {self.qualified(enum.name)}"

    def change_labels(self, operation: AlterEnum) -> Iterator[str]:
        """
        :returns: Statements that change the labels of an enumeration.
        :raises UnsupportedError: always; the standard cannot change the nameless check of a domain.
        """
        raise UnsupportedError(
            f"enum {operation.target.name.display}: ANSI SQL cannot change its labels; use EnumMode.CHECK or EnumMode.RELATION"
        )

    def struct_statements(self, operation: CreateStruct | AlterStruct | DropStruct) -> Iterator[str]:
        """:returns: Statements that create, alter or drop a composite type."""
        match operation:
            case CreateStruct(struct=struct):
                yield self.create_struct(struct)
                yield from self.comment_struct(struct)
            case DropStruct(struct=struct):
                yield f"DROP TYPE {self.qualified(struct.name)}"
            case AlterStruct(source=source, target=target):
                yield from self.change_members(source, target)
                yield from self.comment_struct(target, source)

    def change_members(self, source: StructType, target: StructType) -> Iterator[str]:
        """:returns: Statements that add, drop and re-type members of a composite type."""
        before = {member.name: member for member in source.members}
        after = {member.name: member for member in target.members}
        prefix = f"ALTER TYPE {self.qualified(target.name)}"
        for name in before:
            if name not in after:
                yield f"{prefix} DROP ATTRIBUTE {self.quote(name)}"
        for name, member in after.items():
            if name not in before:
                yield f"{prefix} ADD ATTRIBUTE {self.member(member)}"
            elif before[name].data_type != member.data_type:
                yield from self.retype_member(target, member)

    def retype_member(self, struct: StructType, member: StructMember) -> Iterator[str]:
        """
        :returns: Statements that change the type of a member of a composite type.
        :raises UnsupportedError: if the dialect cannot.
        """
        raise UnsupportedError(
            f"type {struct.name.display}: ANSI SQL cannot change the type of member {member.name.name}; give it another name"
        )

    def domain_statements(self, operation: CreateDomain | AlterDomain | DropDomain) -> Iterator[str]:
        """:returns: Statements that create, alter or drop a domain."""
        match operation:
            case CreateDomain(domain=domain):
                yield self.create_domain(domain)
                yield from self.comment_domain(domain)
            case DropDomain(domain=domain):
                yield f"DROP DOMAIN {self.qualified(domain.name)}"
            case AlterDomain(source=source, target=target):
                prefix = f"ALTER DOMAIN {self.qualified(target.name)}"
                yield from (f"{prefix} {action}" for action in self.domain_actions(source, target))
                yield from self.comment_domain(target, source)

    def domain_actions(self, source: DomainType, target: DomainType) -> Iterator[str]:
        """:returns: Clauses of `ALTER DOMAIN`; conditions are matched by name."""
        before = {check.name: check for check in source.constraints}
        after = {check.name: check for check in target.constraints}
        for name, check in before.items():
            if after.get(name) != check:
                yield f"DROP CONSTRAINT {self.quote(name)}"
        if source.default != target.default:
            yield "DROP DEFAULT" if target.default is None else f"SET DEFAULT {self.expression(target.default)}"
        if source.nullable != target.nullable:
            yield "DROP NOT NULL" if target.nullable else "SET NOT NULL"
        for name, check in after.items():
            if before.get(name) != check:
                yield f"ADD {self.constraint(check)}"

    def rename_type(self, source: EnumType | StructType | DomainType, target: QualifiedId) -> Iterator[str]:
        """:returns: Statements that give a type another name."""
        kind = "TYPE" if isinstance(source, StructType) else "DOMAIN"
        yield f"ALTER {kind} {self.qualified(source.name)} RENAME TO {self.quote(target.name)}"

    def comment_enum(self, enum: EnumType, *, always: bool = False) -> Iterator[str]:
        """
        :param always: True to remove the comment where there is to be none.
        :returns: Statements that set the comment of an enumeration.
        """
        del enum, always
        yield from ()

    def comment_struct(self, struct: StructType, source: StructType | None = None) -> Iterator[str]:
        """
        :param source: The type as it was; `None` if it is new.
        :returns: Statements that set comments of a composite type and its members, where they differ.
        """
        del struct, source
        yield from ()

    def comment_domain(self, domain: DomainType, source: DomainType | None = None) -> Iterator[str]:
        """
        :param source: The type as it was; `None` if it is new.
        :returns: Statements that set the comment of a domain, where it differs.
        """
        del domain, source
        yield from ()
