"""Which namespace a class belongs to."""

from __future__ import annotations

import enum
from dataclasses import replace
from types import ModuleType
from typing import NewType, TypeAlias, TypeGuard

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.formation.inspection import is_home
from pysqlsync_engine.model.annotations import is_homeless
from pysqlsync_engine.model.declarations import domain_declaration, table_declaration, type_declaration
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.options import GeneratorOptions

Definition: TypeAlias = type | NewType
"""What becomes an object of the catalog."""


def table_name(cls: type, *, options: GeneratorOptions) -> QualifiedId:
    """
    :returns: Name of the table that a data-class describes: the one it declares, or the name of the class; in the namespace
        of its module.
    :raises DefinitionError: if the module has no namespace.
    """
    declaration = table_declaration(cls)
    declared = None if declaration is None else declaration.name
    return QualifiedId(_namespace(cls, options), cls.__name__ if declared is None else declared)


def _namespace(cls: Definition, options: GeneratorOptions) -> str | None:
    if not options.namespaces:
        return None
    home = _home(cls, options)
    if home is not None:
        namespace = options.namespaces[home]
        if namespace == "":
            raise DefinitionError(
                f"module {home.__name__}: namespace has an empty name; use None for the default namespace of the connection"
            )
        return namespace
    if is_homeless(cls):
        raise DefinitionError(
            f"class {cls.__name__}: made without a module, so it has no namespace; pass namespace={{'__module__': __name__}} to"
            " make_dataclass, or assign the class to a name in a module of GeneratorOptions.namespaces"
        )
    raise DefinitionError(
        f"class {cls.__name__}: module {cls.__module__!r} has no namespace; add it to"
        f" GeneratorOptions(namespaces={{{cls.__module__}: ...}})"
    )


def type_name(cls: Definition, *, user: QualifiedId, options: GeneratorOptions) -> QualifiedId:
    """
    :param cls: An enumeration, a data-class without a key, or a `NewType` that is a domain.
    :param user: Table or type that uses the type.
    :returns: Name of the type that it becomes: what it declares; else as for a table, but where its module has no namespace
        (it may be anybody's) it goes to where it is used.
    """
    declaration = type_declaration(cls) if isinstance(cls, type) else domain_declaration(cls)
    name = cls.__name__ if declaration is None or declaration.name is None else declaration.name
    if declaration is not None and declaration.namespace is not None:
        return QualifiedId(declaration.namespace, name)
    if not options.namespaces or _home(cls, options) is None:
        return QualifiedId(user.namespace, name)
    return QualifiedId(_namespace(cls, options), name)


def definition_name(definition: Definition, *, options: GeneratorOptions) -> QualifiedId:
    """:returns: Name of what the definition becomes by itself: a table, or a type that no table need have."""
    if is_table_class(definition):
        return table_name(definition, options=options)
    return type_name(definition, user=QualifiedId(None, ""), options=options)


def is_table_class(definition: Definition) -> TypeGuard[type]:
    """:returns: True for a class that is no type of the database by itself, so that it has to be a table."""
    if isinstance(definition, NewType) or issubclass(definition, enum.Enum):
        return False
    return type_declaration(definition) is None  # pyright: ignore[reportUnknownArgumentType] - its bases do not matter


def unify_default(options: GeneratorOptions, capabilities: Capabilities) -> GeneratorOptions:
    """
    :returns: The options, with one name for the default namespace if some modules have it by name and others as `None`; else
        two classes could become one table unnoticed.
    """
    default = capabilities.default_namespace
    if default is None or default not in options.namespaces.values():
        return options
    named = {module: default if name is None else name for module, name in options.namespaces.items()}
    return replace(options, namespaces=named)


def _home(cls: Definition, options: GeneratorOptions) -> ModuleType | None:
    """:returns: The module that defines the class, among those that have a namespace."""
    return next((module for module in options.namespaces if is_home(cls, module)), None)
