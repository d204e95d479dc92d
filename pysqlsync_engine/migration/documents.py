"""Lists and objects that become JSON documents, and the other way round: which of them the server can convert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.migration.catalogs import domains_of, structs_of
from pysqlsync_engine.migration.conversion import convert
from pysqlsync_engine.model.data_types import SqlArray, SqlBinary, SqlInterval, SqlJson, SqlNamed, SqlType
from pysqlsync_engine.model.object_types import Catalog, Table


def check_documents(tables: Iterable[tuple[Table, Table]], source: Catalog, target: Catalog) -> None:
    """
    Refuse what the server would write in a document, or read from it, in another way than Python does.

    :param tables: Those that stay, as they are and as they are to be.
    :raises UnsupportedError: for bytes (base64 in a document), and for lengths of time (ISO 8601) that are to be written.
    """
    for before, after in tables:
        columns = {column.name: column for column in before.columns}
        for column in after.columns:
            former = columns.get(column.name)
            if former is None or not convert(former.data_type, column.data_type).document:
                continue
            writes = isinstance(column.data_type, SqlJson)
            inner, catalog = (former.data_type, source) if writes else (column.data_type, target)
            refused = (SqlBinary, SqlInterval) if writes else (SqlBinary,)
            found = sorted({str(leaf) for leaf in leaves(inner, catalog) if isinstance(leaf, refused)})
            if found:
                raise UnsupportedError(
                    f"{after.name.display}.{column.name.name}: the server has another form of {found[0]} in JSON than Python;"
                    " add a column of another name, and write the rows anew"
                )


def leaves(data_type: SqlType, catalog: Catalog) -> Iterator[SqlType]:
    """:returns: Types of the values that a value is made of."""
    structs, domains = structs_of(catalog), domains_of(catalog)
    pending, seen = [data_type], set[SqlType]()
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        match current:
            case SqlArray(element=element):
                pending.append(element)
            case SqlNamed(name=name) if name in structs:
                pending += [member.data_type for member in structs[name].members]
            case SqlNamed(name=name) if name in domains:
                pending.append(domains[name].data_type)
            case _:
                yield current
