"""How a list or a set becomes a table of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pysqlsync_engine.errors import DefinitionError, UnsupportedError
from pysqlsync_engine.formation.columns import form_column
from pysqlsync_engine.formation.context import Context, Site
from pysqlsync_engine.formation.inspection import ClassSpec, FieldSpec, TypeSpec
from pysqlsync_engine.formation.items import list_items
from pysqlsync_engine.formation.markers import check_no_key_tags, check_tags, find_tags
from pysqlsync_engine.formation.names import object_name
from pysqlsync_engine.formation.tables import columns_of, field_site
from pysqlsync_engine.formation.values import field_value, is_apart
from pysqlsync_engine.model.data_types import SqlInteger
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.list_types import LIST_POSITION, LIST_VALUE
from pysqlsync_engine.model.list_types import list_table_name as name_of_list
from pysqlsync_engine.model.object_types import (
    Column,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    ReferentialAction,
    Table,
)
from pysqlsync_engine.model.type_markers import RenamedFrom

POSITION_TYPE = SqlInteger(4)


def form_list_tables(spec: ClassSpec, owner: Table, context: Context) -> Iterator[Table]:
    """
    :param owner: Table of the class.
    :returns: A table for each list of the class that is stored as rows of its own: with the key of the row that has the list,
        the position (not for a set), and the value, which refers to the table of the elements if they have one.
    :raises UnsupportedError: if rows could not tell which list they are of.
    """
    for field in spec.fields:
        site = field_site(spec, field, context)
        if is_apart(field.type, site):
            yield _form_list_table(field, owner, site)


def list_table_name(spec: ClassSpec, owner: QualifiedId, field: str) -> QualifiedId:
    """
    :param owner: Name of the table of the class.
    :returns: Name of the table that a list of the class has.
    """
    return name_of_list(owner, LocalId(spec.field(field, f"class {spec.name}").column_name))


def _form_list_table(field: FieldSpec, owner: Table, site: Site) -> Table:
    key = _owner_key(field, owner, site)
    name, *former_names = _names(field, owner, site)
    is_set = field.type.type is set
    element = _element(field.type, site, is_set=is_set)
    inner = Site(site.place, name, LIST_VALUE, site.context)
    value = field_value(element, inner)
    element_field = FieldSpec(LIST_VALUE.name, LIST_VALUE.name, field.annotation, element)
    position = () if is_set else (Column(LIST_POSITION, POSITION_TYPE),)
    columns = (
        *map(_key_column, columns_of(owner, key)),
        *position,
        form_column(element_field, value, inner, is_key=False),
    )
    _check_distinct(columns, site.place)
    capabilities = site.context.capabilities
    reference = object_name("fk", name, key, capabilities=capabilities)
    constraints = (
        ForeignKeyConstraint(reference, key, owner.name, key, on_delete=ReferentialAction.CASCADE),
        *value.constraints,
    )
    own_key = (*key, LIST_VALUE if is_set else LIST_POSITION)
    return Table(
        name,
        columns=columns,
        primary_key=PrimaryKeyConstraint(object_name("pk", name, (), capabilities=capabilities), own_key),
        constraints=tuple(sorted(constraints, key=lambda constraint: constraint.name)),
        description=field.description,
        relations=value.relations,
        lookups=(*(lookup for lookup in owner.lookups if lookup.column in key), *value.lookups),
        renamed_from=tuple(former_names),
        list_items=list_items(field.type, site),
    )


def _names(field: FieldSpec, owner: Table, site: Site) -> Iterator[QualifiedId]:
    """:returns: Name of the table of a list, and names that it may have had, as those of its owner and of the field are part of it."""
    columns = (site.column, *(LocalId(tag.name) for tag in find_tags(field.type, RenamedFrom)))
    yield from (name_of_list(table, column) for table in (owner.name, *owner.renamed_from) for column in columns)


def _key_column(column: Column) -> Column:
    """:returns: The column that refers to a column of the key of the row that has the list."""
    return Column(
        column.name,
        column.data_type,
        collation=column.collation,
        renamed_from=column.renamed_from,
        enumeration=column.enumeration,
        label_map=column.label_map,
    )


def _owner_key(field: FieldSpec, owner: Table, site: Site) -> tuple[LocalId, ...]:
    """
    :returns: Columns by which a row tells which list it is of.
    :raises UnsupportedError: if there are none, or if the list may be missing.
    """
    if owner.primary_key is None:
        raise UnsupportedError(
            f"{site.place}: the rows of a list refer to the key of their owner, which has none; use ArrayMode.JSON, or mark a"
            " field as PrimaryKey[...]"
        )
    check_tags(field.type, site.place)
    # its former name is part of that of the table
    others = tuple(tag for tag in field.type.tags if not isinstance(tag, RenamedFrom))
    check_no_key_tags(replace(field.type, tags=others), site.place, where="a list with a table of its own")
    if field.type.optional:
        raise UnsupportedError(
            f"{site.place}: a list with a table of its own is empty where there are no rows, never None; remove '| None', or use"
            " ArrayMode.JSON"
        )
    return owner.primary_key.columns


def _element(spec: TypeSpec, site: Site, *, is_set: bool) -> TypeSpec:
    element = spec.element
    if element is None or element.element is not None:
        raise UnsupportedError(
            f"{site.place}: a list of lists has no table of its own; use ArrayMode.JSON, or a class for the inner list"
        )
    check_no_key_tags(element, site.place, where="the elements of a list")
    if is_set and element.optional:
        raise UnsupportedError(
            f"{site.place}: an element of a set with a table of its own cannot be None; remove '| None'"
        )
    return element


def _check_distinct(columns: tuple[Column, ...], place: str) -> None:
    seen: set[str] = set()
    for column in columns:
        if column.name.name in seen:
            raise DefinitionError(
                f"{place}: the table of the list has a column {column.name.name!r} of its own besides that of the key; give the"
                " key another name with Alias"
            )
        seen.add(column.name.name)
