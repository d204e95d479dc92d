"""What a server can do, by product and version; everybody asks here, nobody compares versions."""

from __future__ import annotations

from dataclasses import dataclass

from pysqlsync_engine.options import ArrayMode, EnumMode, StructMode


@dataclass(frozen=True, slots=True, order=True)
class ServerVersion:
    """
    Version of a server.

    :param product: `PostgreSQL`, `MySQL`, `MariaDB`.
    """

    product: str
    major: int
    minor: int = 0
    patch: int = 0

    def __str__(self) -> str:
        return f"{self.product} {self.major}.{self.minor}"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """
    What one server can do.

    :param default_namespace: Where unqualified names are created; `None` where there are no namespaces.
    :param max_identifier_bytes: Longest name of an object, in bytes of UTF-8.
    :param enum_modes: How it can store enumerations; the first is the default.
    :param transactional_ddl: True if a failed plan leaves nothing behind.
    :param composite_types: True if a data-class without a key can be the type of a column.
    :param arrays: True if a column can hold a list of values natively.
    :param struct_modes: How it can store data-classes without a key; the first is the default.
    :param array_modes: How it can store lists; the first is the default.
    :param namespaces: False where names of namespaces become prefixes of names (`canvas__accounts`).
    :param domains: True if a type can be another one with conditions.
    :param concurrent_index: True if an index can be built while others write.
    :param keys_pin_types: True if a column of a foreign key cannot get another type.
    :param keys_need_index: True if columns of a foreign key must be the first ones of an index of their table.
    :param expressions_pin_names: True if a column cannot get another name while an expression mentions it.
    :param invents_values: True if rows get a made-up value where a column that refuses NULL is added without a default.
    :param index_names_per_table: True if tables of a namespace may have indexes (and keys) of the same name.
    :param check_names_per_namespace: True if checks of two tables of a namespace cannot have the same name, whatever its case.
    :param counting_needs_key: True if a column that counts must be the first one of a key after each statement.
    :param indexes_with_table: True if the statement that creates a table creates its indexes too.
    :param identifiers_in_characters: True if names are limited in characters; then `max_identifier_bytes` counts these.
    :param max_label_characters: Longest label of an enumeration; `None` where the limit is that of a name.
    :param client_files: False where rows cannot be sent as a file of the client, as the server does not permit it.
    :param collation: Character set and collation of tables that name none; `None` where it is of no matter, or not known.
    """

    version: ServerVersion
    default_namespace: str | None
    max_identifier_bytes: int
    enum_modes: tuple[EnumMode, ...]
    transactional_ddl: bool
    composite_types: bool
    arrays: bool
    struct_modes: tuple[StructMode, ...] = (StructMode.JSON,)
    array_modes: tuple[ArrayMode, ...] = (ArrayMode.JSON, ArrayMode.RELATION)
    namespaces: bool = True
    domains: bool = False
    concurrent_index: bool = False
    keys_pin_types: bool = False
    keys_need_index: bool = False
    expressions_pin_names: bool = False
    index_names_per_table: bool = False
    invents_values: bool = False
    check_names_per_namespace: bool = False
    counting_needs_key: bool = False
    indexes_with_table: bool = False
    identifiers_in_characters: bool = False
    max_label_characters: int | None = None
    client_files: bool = True
    collation: tuple[str, str] | None = None
