"""How a data-class becomes a table or a composite type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.formation.columns import form_column
from pysqlsync_engine.formation.context import Context, Site
from pysqlsync_engine.formation.declared import Declared
from pysqlsync_engine.formation.enums import former_names
from pysqlsync_engine.formation.inspection import ClassSpec, FieldSpec
from pysqlsync_engine.formation.markers import check_no_key_tags
from pysqlsync_engine.formation.namespaces import table_name
from pysqlsync_engine.formation.values import Value, field_value, is_apart, nested_type
from pysqlsync_engine.model.declarations import TableDeclaration, TypeDeclaration, type_declaration
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Column,
    Constraint,
    ForeignKeyConstraint,
    StructMember,
    StructType,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.model.vendor_markers import TableOptions


def form_table(spec: ClassSpec, context: Context) -> Table:
    """
    :param spec: A class that describes a table.
    :returns: The table, without the tables that its lists have of their own.
    :raises DefinitionError: if a field cannot be a column.
    """
    name = table_name(spec.type, options=context.options)
    declaration = spec.declaration or TableDeclaration()
    _check_columns(spec)
    sites = [field_site(spec, field, context) for field in spec.fields]
    apart = frozenset(field.name for field, site in zip(spec.fields, sites, strict=True) if is_apart(field.type, site))
    parts = [
        (field, site, field_value(field.type, site))
        for field, site in zip(spec.fields, sites, strict=True)
        if field.name not in apart
    ]
    if spec.fields and not parts:
        raise DefinitionError(f"class {spec.name}: no field becomes a column; add one that identifies a row")
    values = [value for _, _, value in parts]
    declared = Declared(spec, name, context, apart)
    key_names = {field.name for field in spec.key}
    return Table(
        name,
        columns=tuple(form_column(field, value, site, is_key=field.name in key_names) for field, site, value in parts),
        primary_key=declared.primary_key(),
        constraints=_merge(values, tuple(declared.constraints())),
        description=spec.description,
        relations=tuple(relation for value in values for relation in value.relations),
        lookups=tuple(lookup for value in values for lookup in value.lookups),
        indexes=declared.indexes(),
        renamed_from=tuple(QualifiedId(name.namespace, former) for former in declaration.renamed_from),
        markers=_options(spec, declaration),
    )


def field_site(spec: ClassSpec, field: FieldSpec, context: Context) -> Site:
    """:returns: Where the field of a table is."""
    owner = table_name(spec.type, options=context.options)
    return Site(f"{spec.name}.{field.name}", owner, LocalId(field.column_name), context)


def form_struct(spec: ClassSpec, name: QualifiedId, context: Context) -> StructType:
    """
    :returns: The composite type that a data-class without a key describes. Defaults of fields do not count, as the members of
        a composite type have none.
    """
    if not spec.fields:
        raise DefinitionError(f"class {spec.name}: no fields; add one, as the class is the type of a field")
    _check_columns(spec)
    members = tuple(
        _form_member(field, Site(f"{spec.name}.{field.name}", name, LocalId(field.column_name), context))
        for field in spec.fields
    )
    declaration = type_declaration(spec.type) or TypeDeclaration()
    if declaration.label_map:
        raise DefinitionError(f"class {spec.name}: label_map is for enumerations; leave it out")
    return StructType(name, members, spec.description, renamed_from=former_names(declaration, name))


def _form_member(field: FieldSpec, site: Site) -> StructMember:
    check_no_key_tags(field.type, site.place, where="a member of a composite type")
    return StructMember(site.column, nested_type(field.type, site), field.description)


def _merge(values: Iterable[Value], declared: Sequence[Constraint]) -> tuple[Constraint, ...]:
    """
    :param values: What the types of the fields become.
    :returns: All constraints, sorted by name. One that is declared takes the place of one that follows from a type and says
        the same, but for its name and its options.
    """
    subjects = {_subject(constraint) for constraint in declared}
    implied = (constraint for value in values for constraint in value.constraints)
    remaining = [constraint for constraint in implied if _subject(constraint) not in subjects]
    return tuple(sorted((*remaining, *declared), key=lambda constraint: constraint.name))


def _subject(constraint: Constraint) -> object:
    match constraint:
        case UniqueConstraint(columns=columns):
            return columns
        case ForeignKeyConstraint(columns=columns, referenced_table=table, referenced_columns=keys):
            return columns, table, keys
        case _:
            return constraint


def _options(spec: ClassSpec, declaration: TableDeclaration) -> tuple[object, ...]:
    for option in declaration.options:
        if not isinstance(option, TableOptions):
            raise DefinitionError(
                f"class {spec.name}: expected options of a product, as in model.vendor_markers; got {option!r}; correct it"
            )
    return declaration.options


def _check_columns(spec: ClassSpec) -> None:
    """:raises DefinitionError: if two fields would become one column."""
    seen: dict[str, str] = {}
    for field in spec.fields:
        other = seen.setdefault(field.column_name, field.name)
        if other != field.name:
            raise DefinitionError(
                f"{spec.name}.{field.name}: {spec.name}.{other} becomes a column of the same name {field.column_name!r}; rename"
                " one of them, or give it another name with Alias"
            )


def columns_of(table: Table, names: Iterable[LocalId]) -> Iterator[Column]:
    """:returns: The columns of these names, in their order."""
    columns = {column.name: column for column in table.columns}
    return (columns[name] for name in names)
