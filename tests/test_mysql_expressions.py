"""Versions, types, defaults and expressions of MySQL and MariaDB, as they are printed and as the model has them."""

from __future__ import annotations

import pytest

from pysqlsync_engine.capabilities import ServerVersion
from pysqlsync_engine.dialect.mysql.capabilities import capabilities_of, features_of, parse_version
from pysqlsync_engine.dialect.mysql.column_types import parse_type
from pysqlsync_engine.dialect.mysql.expressions import (
    canonical_default,
    normalize_expression,
    parse_expression,
    parse_metadata,
    read_default,
    read_marked_default,
    write_expression,
)
from pysqlsync_engine.dialect.mysql.rows import full_text_parsers, table_options
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.model.data_types import (
    SqlBinary,
    SqlBit,
    SqlBoolean,
    SqlCharacter,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlJson,
    SqlLabel,
    SqlLabelSet,
    SqlNetworkAddress,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
    SqlYear,
)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("8.0.36", ServerVersion("MySQL", 8, 0, 36)),
        ("9.7.4-2", ServerVersion("MySQL", 9, 7, 4)),
        ("8.4.0-commercial", ServerVersion("MySQL", 8, 4, 0)),
        ("10.11.19-MariaDB-0+deb12u1", ServerVersion("MariaDB", 10, 11, 19)),
        ("5.5.5-10.11.2-MariaDB-log", ServerVersion("MariaDB", 10, 11, 2)),
        ("12.0.1-MariaDB", ServerVersion("MariaDB", 12, 0, 1)),
    ],
)
def test_versions_tell_the_product(text: str, version: ServerVersion) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize("text", ["5.7.44", "8.0.15", "10.6.4-MariaDB"])
def test_servers_that_are_too_old_are_refused(text: str) -> None:
    with pytest.raises(UnsupportedError, match="or later"):
        capabilities_of(parse_version(text))


def test_what_is_no_version_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="'latest'"):
        parse_version("latest")


def test_products_differ_in_what_they_can_do() -> None:
    mysql, mariadb = features_of(ServerVersion("MySQL", 9)), features_of(ServerVersion("MariaDB", 11))
    assert (mysql.functional_indexes, mariadb.functional_indexes) == (True, False)
    assert (mysql.hashed_unique, mariadb.hashed_unique) == (False, True)
    assert capabilities_of(ServerVersion("MariaDB", 11)).namespaces is False


@pytest.mark.parametrize(
    ("definition", "data_type"),
    [
        ("tinyint(1)", SqlBoolean()),
        ("tinyint", SqlInteger(1)),
        ("tinyint(4)", SqlInteger(1)),
        ("mediumint(8) unsigned", SqlInteger(3, signed=False)),
        ("int(10) unsigned", SqlInteger(4, signed=False)),
        ("bigint(20)", SqlInteger(8)),
        ("int(5)", SqlOpaque("int(5)")),
        ("int(5) unsigned zerofill", SqlOpaque("int(5) unsigned zerofill")),
        ("float(7,3)", SqlOpaque("float(7,3)")),
        ("double", SqlFloat(8)),
        ("decimal(10,2)", SqlDecimal(10, 2)),
        ("decimal(10,2) unsigned", SqlOpaque("decimal(10,2) unsigned")),
        ("varchar(20)", SqlCharacter(20)),
        ("char(3)", SqlCharacter(3, fixed=True)),
        ("varchar(0)", SqlOpaque("varchar(0)")),
        ("longtext", SqlCharacter()),
        ("text", SqlOpaque("text")),
        ("binary(16)", SqlBinary(16, fixed=True)),
        ("longblob", SqlBinary()),
        ("bit(8)", SqlBit(8)),
        ("year(4)", SqlYear()),
        ("datetime", SqlTimestamp(0)),
        ("datetime(6)", SqlTimestamp()),
        ("timestamp(3)", SqlTimestamp(3, with_time_zone=True)),
        ("time(6)", SqlTime()),
        ("json", SqlJson()),
        ("uuid", SqlUuid()),
        ("inet6", SqlNetworkAddress(6)),
        (r"enum('a','b''c','d\\e','','x,y','\n')", SqlLabel(("a", "b'c", "d\\e", "", "x,y", "\n"))),
        ("set('a','it''s')", SqlLabelSet(("a", "it's"))),
        ("geomcollection", SqlOpaque("geomcollection")),
    ],
)
def test_types_are_understood_or_kept_as_they_are(definition: str, data_type: SqlType) -> None:
    assert parse_type(definition) == data_type


def test_strings_in_expressions_are_in_the_standard_form_and_come_back() -> None:
    shown = r"concat(`it's`,_utf8mb4'it\'s \\ \n','a''b')"
    held = parse_expression(shown)
    assert held == "concat(`it's`,_utf8mb4'it''s \\ \n','a''b')"
    assert parse_expression(write_expression(held)) == held
    assert write_expression(held) == r"concat(`it's`,_utf8mb4'it''s \\ \n','a''b')"


def test_dictionary_of_mysql_escapes_once_more_and_spells_bytes() -> None:
    assert parse_metadata("concat(`Ã¤`,_utf8mb4\\'ð\x9f\x98\x80 it\\\\\\'s\\')") == "concat(`ä`,_utf8mb4'😀 it\\'s')"
    assert parse_metadata("(`ü` > 0)") == "(`ü` > 0)", "a server that spells characters is understood, too"


def test_names_of_the_standard_get_backticks_and_outer_parentheses_go() -> None:
    assert normalize_expression("""(("a""b" > 'it''s "c"'))""") == """`a"b` > 'it''s "c"'"""
    assert normalize_expression("(a) + (b)") == "(a) + (b)"


@pytest.mark.parametrize(
    ("printed", "extra", "data_type", "default"),
    [
        ("it's \\ x", "", SqlCharacter(20), "'it''s \\ x'"),
        ("1.50", "", SqlDecimal(10, 2), "1.50"),
        ("10000000000", "", SqlFloat(8), "10000000000.0"),
        ("b'0101'", "", SqlBit(8), "b'101'"),
        ("0x41ff", "", SqlBinary(10), "0x41FF"),
        ("00007", "", SqlOpaque("int(5) zerofill"), "'00007'"),
        ("CURRENT_TIMESTAMP(6)", "DEFAULT_GENERATED", SqlTimestamp(), "CURRENT_TIMESTAMP(6)"),
        ("now()", "DEFAULT_GENERATED", SqlTimestamp(0), "(now())"),
        ("CURRENT_TIMESTAMP", "", SqlCharacter(30), "'CURRENT_TIMESTAMP'"),
        ("5", "DEFAULT_GENERATED", SqlInteger(4), "(5)"),
        ("(1 + (2 * 3))", "DEFAULT_GENERATED", SqlInteger(4), "(1 + (2 * 3))"),
        ("_utf8mb4\\'it\\\\\\'s\\'", "DEFAULT_GENERATED", SqlCharacter(), "(_utf8mb4'it''s')"),
    ],
)
def test_defaults_of_mysql_are_told_by_their_mark(printed: str, extra: str, data_type: SqlType, default: str) -> None:
    assert read_marked_default(printed, extra, data_type, "CURRENT_TIMESTAMP") == default


@pytest.mark.parametrize(
    ("printed", "data_type", "default"),
    [
        ("NULL", SqlInteger(4), None),
        ("'NULL'", SqlCharacter(9), "'NULL'"),
        ("'it''s \\\\ x'", SqlCharacter(20), "'it''s \\ x'"),
        ("'it\\'s'", SqlCharacter(20), "'it''s'"),
        ("1.50", SqlDecimal(10, 2), "1.50"),
        ("'ab\\0\\0'", SqlBinary(4, fixed=True), "0x61620000"),
        ("current_timestamp(3)", SqlTimestamp(3), "current_timestamp(3)"),
        ("(1 + 2 * 3)", SqlInteger(4), "(1 + 2 * 3)"),
        ("concat('a','b')", SqlCharacter(9), "(concat('a','b'))"),
    ],
)
def test_defaults_of_mariadb_are_what_stands_after_the_word(
    printed: str, data_type: SqlType, default: str | None
) -> None:
    assert read_default(printed, data_type, "current_timestamp") == default


@pytest.mark.parametrize(
    ("said", "data_type", "mysql", "mariadb"),
    [
        ("NULL", SqlInteger(4), None, None),
        ("TRUE", SqlBoolean(), "1", "1"),
        ("1.5", SqlDecimal(10, 2), "1.50", "1.50"),
        ("'it''s \\'", SqlCharacter(9), "'it''s \\'", "'it''s \\'"),
        ("'it''s \\'", SqlCharacter(), "(_utf8mb4'it''s \\')", "'it''s \\'"),
        ("'[]'", SqlJson(), "(_utf8mb4'[]')", "'[]'"),
        ("now()", SqlTimestamp(), "CURRENT_TIMESTAMP(6)", "current_timestamp(6)"),
        ("CURRENT_TIMESTAMP", SqlTimestamp(0), "CURRENT_TIMESTAMP", "current_timestamp()"),
        ("uuid()", SqlCharacter(36), "(uuid())", "(uuid())"),
    ],
)
def test_defaults_of_classes_read_as_the_server_prints_them(
    said: str, data_type: SqlType, mysql: str | None, mariadb: str | None
) -> None:
    assert canonical_default(said, data_type, "CURRENT_TIMESTAMP", marked=True) == mysql
    assert canonical_default(said, data_type, "current_timestamp", marked=False) == mariadb


def test_options_of_tables_are_taken_apart() -> None:
    text = "row_format=COMPRESSED KEY_BLOCK_SIZE=8 partitioned `page_compressed`='1' COMPRESSION=\"a b\""
    assert table_options(text) == ("COMPRESSED", ('COMPRESSION="a b"', "KEY_BLOCK_SIZE=8", "`page_compressed`='1'"))


def test_parsers_of_full_text_indexes_are_found() -> None:
    definition = (
        "CREATE TABLE `t` (\n  `a` text,\n  FULLTEXT KEY `x``y` (`a`) /*!50100 WITH PARSER `ngram` */ ,\n"
        "  FULLTEXT KEY `z` (`a`)\n)"
    )
    assert full_text_parsers(definition) == {"x`y": "`ngram`"}
