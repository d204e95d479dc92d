"""What a MySQL or MariaDB server can do, by product and version; the only place that compares versions of these products."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pysqlsync_engine.capabilities import Capabilities, ServerVersion
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.options import ArrayMode, EnumMode, StructMode

MYSQL = "MySQL"
MARIADB = "MariaDB"

_OLDEST = {MYSQL: (8, 0, 16), MARIADB: (10, 11, 0)}
"""Oldest version that is fully supported, by product. Earlier releases of MySQL 8.0 parse checks and then forget them."""

MAX_IDENTIFIER_CHARACTERS = 64
"""https://dev.mysql.com/doc/refman/8.4/en/identifier-length.html"""

MAX_LABEL_CHARACTERS = 255
"""https://dev.mysql.com/doc/refman/8.4/en/string-type-syntax.html"""

_VERSION = re.compile(r"(?:5\.5\.5-)?(\d+)\.(\d+)(?:\.(\d+))?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Features:
    """
    What only a dialect for MySQL and MariaDB needs to know.

    :param mariadb: True for MariaDB, which has types for UUIDs and addresses.
    :param native_json: False where `json` is text with a check of its own.
    :param functional_indexes: True if a key of an index can be an expression.
    :param hashed_unique: True if a unique key can hold text of any length.
    :param unenforced_checks: True if a check can be `NOT ENFORCED`.
    :param generated_not_null: True if a column that the server computes can be `NOT NULL`.
    :param marked_expressions: True if the server tells defaults that are expressions from those that are literals, and texts
        and objects can have the former only.
    :param wide_expressions: True if an expression can hold characters of four bytes; names, labels and comments never can.
    :param now: How the server prints the current time in a default, without digits.
    :param hidden_index: Word for an index that queries do not use.
    :param hidden_required: True if a hidden column may be one that every row has to be given a value for.
    :param exact_collation: Collation in which texts are equal only if they are the same, trailing blanks included.
    :param inherits_locks: True if `ON DUPLICATE KEY UPDATE` locks gaps between rows at every level of isolation, since pages that are
        split pass locks of rows on to them.
    :param sorts_whole_rows: True if rows are sorted with all their values, however long these are.
    """

    mariadb: bool
    native_json: bool
    functional_indexes: bool
    hashed_unique: bool
    unenforced_checks: bool
    generated_not_null: bool
    marked_expressions: bool
    wide_expressions: bool
    now: str
    hidden_index: str
    hidden_required: bool
    exact_collation: str
    inherits_locks: bool
    sorts_whole_rows: bool


def parse_version(version: str) -> ServerVersion:
    """
    Take apart what `SELECT VERSION()` says: `9.7.4-2`, `10.11.19-MariaDB-0+deb12u1`, `5.5.5-10.11.2-MariaDB`.

    :raises UnsupportedError: if it is no version.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        raise UnsupportedError(f"server: expected a version such as '8.4.0', got {version!r}; use MySQL or MariaDB")
    product = MARIADB if "mariadb" in version.lower() or version.startswith("5.5.5-1") else MYSQL
    return ServerVersion(product, int(match[1]), int(match[2]), int(match[3] or 0))


def capabilities_of(version: ServerVersion) -> Capabilities:
    """
    :returns: What a server of this version can do.
    :raises UnsupportedError: if the version is too old.
    """
    major, minor, patch = oldest = _OLDEST[version.product]
    if (version.major, version.minor, version.patch) < oldest:
        raise UnsupportedError(
            f"server: expected {version.product} {major}.{minor}.{patch} or later, got {version}.{version.patch}; upgrade the"
            " server"
        )
    return Capabilities(
        version=version,
        default_namespace=None,
        max_identifier_bytes=MAX_IDENTIFIER_CHARACTERS,
        enum_modes=(EnumMode.INLINE, EnumMode.RELATION, EnumMode.CHECK),
        transactional_ddl=False,
        composite_types=False,
        arrays=False,
        struct_modes=(StructMode.JSON,),
        array_modes=(ArrayMode.JSON, ArrayMode.RELATION),
        namespaces=False,
        domains=False,
        concurrent_index=False,
        keys_pin_types=True,
        keys_need_index=True,
        expressions_pin_names=True,
        index_names_per_table=True,
        invents_values=True,
        check_names_per_namespace=version.product == MYSQL,
        counting_needs_key=True,
        indexes_with_table=True,
        identifiers_in_characters=True,
        max_label_characters=MAX_LABEL_CHARACTERS,
    )


def features_of(version: ServerVersion) -> Features:
    """:returns: What a server of this version has that other products have not, or in another way."""
    mariadb = version.product == MARIADB
    return Features(
        mariadb=mariadb,
        native_json=not mariadb,
        functional_indexes=not mariadb,
        hashed_unique=mariadb,
        unenforced_checks=not mariadb,
        generated_not_null=not mariadb,
        marked_expressions=not mariadb,
        wide_expressions=not mariadb,
        now="current_timestamp" if mariadb else "CURRENT_TIMESTAMP",
        hidden_index="IGNORED" if mariadb else "INVISIBLE",
        hidden_required=not mariadb,
        exact_collation="utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin",
        inherits_locks=not mariadb,
        sorts_whole_rows=not mariadb,
    )


OFFLINE = capabilities_of(ServerVersion(MYSQL, *_OLDEST[MYSQL]))
"""What to assume without a server."""
