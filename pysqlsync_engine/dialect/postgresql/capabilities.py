"""What a PostgreSQL server can do, by version; the only place that compares versions of PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass

from pysqlsync_engine.capabilities import Capabilities, ServerVersion
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.options import ArrayMode, EnumMode, StructMode

PRODUCT = "PostgreSQL"

OLDEST_MAJOR = 13
"""Oldest version that is fully supported; later ones than the newest known are assumed to do all that it does."""

MAX_IDENTIFIER_BYTES = 63
"""https://www.postgresql.org/docs/current/limits.html"""

_QUOTED_WORDS = """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast
    char character check coalesce collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default deferrable
    desc distinct do else end except exists extract false fetch float for foreign freeze from full grant greatest group
    grouping having ilike in initially inner inout int integer intersect interval into is isnull join lateral leading
    least left like limit localtime localtimestamp national natural nchar none normalize not notnull null nullif
    numeric offset on only or order out outer overlaps overlay placing position precision primary real references
    returning right row select session_user setof similar smallint some substring symmetric table tablesample then time
    timestamp to trailing treat trim true union unique user using values varchar variadic verbose when where window
    with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize
    xmltable
"""
"""Key words that a server of the oldest version quotes; https://www.postgresql.org/docs/13/sql-keywords-appendix.html"""

_QUOTED_WORDS_SINCE = {
    16: "json_array json_arrayagg json_object json_objectagg system_user",
    17: "json json_exists json_query json_scalar json_serialize json_table json_value merge_action",
}
"""Key words that later versions quote as well."""


def parse_version(server_version_num: int | str) -> ServerVersion:
    """
    Take apart what `SHOW server_version_num` says.

    :param server_version_num: Major version times 10000 plus minor version: `150018` is 15.18.
    """
    major, minor = divmod(int(server_version_num), 10000)
    return ServerVersion(PRODUCT, major, minor)


def capabilities_of(version: ServerVersion) -> Capabilities:
    """
    :returns: What a server of this version can do.
    :raises UnsupportedError: if the version is too old.
    """
    if version.major < OLDEST_MAJOR:
        raise UnsupportedError(f"server: expected {PRODUCT} {OLDEST_MAJOR} or later, got {version}; upgrade the server")
    return Capabilities(
        version=version,
        default_namespace="public",
        max_identifier_bytes=MAX_IDENTIFIER_BYTES,
        enum_modes=(EnumMode.TYPE, EnumMode.RELATION, EnumMode.CHECK),
        transactional_ddl=True,
        composite_types=True,
        arrays=True,
        struct_modes=(StructMode.TYPE, StructMode.JSON),
        array_modes=(ArrayMode.ARRAY, ArrayMode.JSON, ArrayMode.RELATION),
        domains=True,
        concurrent_index=True,
    )


def quoted_words(version: ServerVersion) -> frozenset[str]:
    """:returns: Key words that a server of this version quotes where it prints them as names of columns."""
    added = (words for major, words in _QUOTED_WORDS_SINCE.items() if version.major >= major)
    return frozenset(" ".join((_QUOTED_WORDS, *added)).split())


@dataclass(frozen=True, slots=True)
class Features:
    """
    What only some versions have; each attribute is true from the version on that its release notes name.

    :param nulls_not_distinct: NULL can count as equal to NULL in unique keys, and a foreign key can reset some of its
        columns only (15).
    :param any_scale: Scales of numbers can be negative, or larger than the precision (15).
    :param parameter_privileges: The right to change a setting can be granted (15).
    :param lenient_numbers: Text of a number can be in another base, or have underscores between digits (16).
    :param set_expression: The expression of a generated column can be replaced (17).
    :param virtual_columns: Columns can be computed when they are read, constraints can be declared and not enforced,
        and keys can be about periods (18).
    """

    nulls_not_distinct: bool
    any_scale: bool
    parameter_privileges: bool
    lenient_numbers: bool
    set_expression: bool
    virtual_columns: bool


def features_of(version: ServerVersion) -> Features:
    """:returns: What a server of this version has."""
    return Features(
        nulls_not_distinct=version.major >= 15,
        any_scale=version.major >= 15,
        parameter_privileges=version.major >= 15,
        lenient_numbers=version.major >= 16,
        set_expression=version.major >= 17,
        virtual_columns=version.major >= 18,
    )


OFFLINE = capabilities_of(ServerVersion(PRODUCT, OLDEST_MAJOR))
"""What to assume without a server."""
