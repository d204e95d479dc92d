"""What the forming of a class depends on besides the class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.formation.inspection import ClassSpec, TypeSpec
from pysqlsync_engine.formation.modes import select_array_mode, select_enum_mode, select_struct_mode
from pysqlsync_engine.formation.names import object_name
from pysqlsync_engine.formation.namespaces import type_name
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.options import ArrayMode, EnumMode, GeneratorOptions, StructMode


@dataclass(frozen=True, slots=True)
class Context:
    """
    What the forming of a class depends on besides the class.

    :param specs: All data-classes that take part, among them those that others refer to.
    """

    options: GeneratorOptions
    capabilities: Capabilities
    specs: Mapping[type, ClassSpec]

    def enum_mode(self, place: str) -> EnumMode:
        """:returns: How enumerations are stored; raises `UnsupportedError` if the server cannot store them so."""
        return select_enum_mode(self.options.enum_mode, self.capabilities, place)

    def struct_mode(self, place: str) -> StructMode:
        """:returns: How data-classes without a key are stored; see `enum_mode`."""
        return select_struct_mode(self.options.struct_mode, self.capabilities, place)

    def array_mode(self, place: str) -> ArrayMode:
        """:returns: How lists are stored; see `enum_mode`."""
        return select_array_mode(self.options.array_mode, self.capabilities, place)

    def entity(self, spec: TypeSpec) -> ClassSpec | None:
        """:returns: The class of the table that a value of this type refers to, if it does."""
        cls = spec.data_class
        return None if cls is None or not self.specs[cls].is_entity else self.specs[cls]


@dataclass(frozen=True, slots=True)
class Site:
    """
    Where a field is.

    :param place: Class and field, for messages.
    :param owner: Table or type that the field is part of.
    """

    place: str
    owner: QualifiedId
    column: LocalId
    context: Context

    def name(self, prefix: str) -> LocalId:
        """:returns: Name of a constraint on the column alone."""
        return object_name(prefix, self.owner, (self.column,), capabilities=self.context.capabilities)

    def type_name(self, cls: type) -> QualifiedId:
        """:returns: Name of the type that a class becomes because it is the type of the field."""
        return type_name(cls, user=self.owner, options=self.context.options)
