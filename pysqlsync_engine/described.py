"""What data-classes describe, as a server of given capabilities has it; no server is asked."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.dialect.api import Dialect
from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.formation.catalog import form_catalog, table_name
from pysqlsync_engine.formation.inspection import declared_types, entities, inspect_class
from pysqlsync_engine.formation.lists import list_table_name
from pysqlsync_engine.formation.names import check_names, lowered_name
from pysqlsync_engine.formation.namespaces import Definition
from pysqlsync_engine.model.object_types import Catalog, Table
from pysqlsync_engine.options import GeneratorOptions


def select_classes(
    module: ModuleType | None, classes: Sequence[type] | None, modules: Sequence[ModuleType] | None = None
) -> tuple[Definition, ...]:
    """
    :returns: The classes named, or all entity classes of the module, or of several modules, with the types that they declare.
    :raises ValueError: if none or more than one of them is given.
    """
    if sum(choice is not None for choice in (module, classes, modules)) != 1:
        raise ValueError("expected either module=..., modules=[...] or classes=[...]")
    if classes is not None:
        return tuple(classes)
    chosen = modules if module is None else [module]
    return tuple(dict.fromkeys(found for each in chosen or () for found in (*entities(each), *declared_types(each))))


def lowered_catalog(
    classes: Sequence[Definition], *, options: GeneratorOptions, dialect: Dialect, capabilities: Capabilities
) -> Catalog:
    """
    :returns: What the classes and all that they refer to become on a server of these capabilities.
    :raises DefinitionError: if the server cannot have a name.
    """
    lowered = dialect.lower(form_catalog(classes, options=options, capabilities=capabilities), capabilities)
    check_names(lowered, capabilities)
    return lowered


def lowered_table(
    cls: type, *, options: GeneratorOptions, dialect: Dialect, capabilities: Capabilities, field: str | None = None
) -> Table:
    """
    :param field: A list of the class that has a table of its own; `None` for the table of the class.
    :returns: The table that the class, or its list, becomes on a server of these capabilities.
    :raises DefinitionError: if the class has no such list.
    """
    catalog = lowered_catalog([cls], options=options, dialect=dialect, capabilities=capabilities)
    name = table_name(cls, options=options)
    if field is not None:
        name = list_table_name(inspect_class(cls), name, field)
    table = catalog.find_table(lowered_name(name, capabilities))
    if table is None:
        raise DefinitionError(
            f"{cls.__name__}{'' if field is None else f'.{field}'}: has no table of its own; leave the field out, or use"
            " ArrayMode.RELATION"
        )
    return table
