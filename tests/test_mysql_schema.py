"""Databases of MySQL and MariaDB: what is read can be created anew, and what classes say is what is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pysqlsync_engine.dialect.mysql.capabilities import features_of
from pysqlsync_engine.dialect.mysql.objects import MySQLTable
from pysqlsync_engine.dialect.mysql.pool import connect
from pysqlsync_engine.dialect.mysql.reader import MySQLReader
from pysqlsync_engine.dialect.mysql.scratch import canonicalize
from pysqlsync_engine.dialect.mysql.session import SCRIPT_SETTINGS, MySQLSession
from pysqlsync_engine.dialect.mysql.types import lower
from pysqlsync_engine.dialect.mysql.writer import MySQLWriter
from pysqlsync_engine.discovery.assemble import assemble
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.formation.catalog import form_catalog
from pysqlsync_engine.formation.inspection import entities
from pysqlsync_engine.migration.diff import diff
from pysqlsync_engine.migration.order import order
from pysqlsync_engine.model.data_types import SqlCharacter
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import Catalog, CheckConstraint, Column, Namespace, Table
from pysqlsync_engine.options import EnumMode, GeneratorOptions
from tests import mysql_model
from tests.server_types import Server

COMMON = [
    "CREATE TABLE parent (id int PRIMARY KEY, code varchar(20) NOT NULL UNIQUE, a int, b int, UNIQUE ab (a, b))",
    (
        "CREATE TABLE child (id bigint unsigned AUTO_INCREMENT PRIMARY KEY, p int, x int, y int, z int DEFAULT 7,"
        " CONSTRAINT fk_p FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE SET NULL,"
        " FOREIGN KEY (x, y) REFERENCES parent (a, b) ON DELETE NO ACTION, KEY yz (y, z)) COMMENT 'it''s \\\\ % ;-- é'"
    ),
    "CREATE TABLE selfish (id int PRIMARY KEY, up int, FOREIGN KEY (up) REFERENCES selfish (id))",
    (
        "CREATE TABLE texts (a varchar(40) DEFAULT 'it''s \\\\ \"x\" `q` %;-- \\n é', b varchar(9) NOT NULL DEFAULT '',"
        " c varchar(10) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT 'é' COMMENT 'it''s \\\\', d char(3) BINARY, e tinytext,"
        " f longtext, g text NOT NULL, h varchar(9) DEFAULT 'NULL', i varchar(30) DEFAULT 'CURRENT_TIMESTAMP', j varchar(0))"
    ),
    "CREATE TABLE bytes (a binary(4) DEFAULT 'ab', b varbinary(9) DEFAULT 'xy', c blob, d longblob, e bit(8) DEFAULT b'101')",
    (
        "CREATE TABLE numbers (a tinyint, b tinyint unsigned DEFAULT 3, c mediumint, d int unsigned, e decimal(10,2) DEFAULT 1.5,"
        " f float DEFAULT 0.1, g double DEFAULT 1e20, h float(7,3), i int(5) ZEROFILL DEFAULT 7, j bool DEFAULT true, k year,"
        " l bigint unsigned DEFAULT 18446744073709551615, m decimal(5,2) unsigned)"
    ),
    (
        "CREATE TABLE times (a datetime DEFAULT now() ON UPDATE now(), b datetime(6) NOT NULL DEFAULT now(6), c timestamp NULL,"
        " d timestamp(3) NOT NULL DEFAULT now(3) ON UPDATE now(3), e time(3) DEFAULT '12:00', f date DEFAULT '2020-01-02',"
        " g date DEFAULT (curdate()), h datetime DEFAULT (now() + INTERVAL 1 DAY), i date NOT NULL DEFAULT '0000-00-00')"
    ),
    "CREATE TABLE labels (a enum('a','b''c','d\\\\e','','x,y','é','\\n') DEFAULT 'b''c', b set('a','it''s') DEFAULT 'a')",
    (
        "CREATE TABLE computed (w int, h int, area int AS (w * h) STORED, v bigint AS (w + 1) VIRTUAL COMMENT 'virtual',"
        " t varchar(50) AS (concat('x\\\\y''z ', w, 'é')) VIRTUAL, KEY ka (area))"
    ),
    (
        "CREATE TABLE expressions (a int DEFAULT (1+2*3), b varchar(36) DEFAULT (uuid()), c text DEFAULT ('x\\\\y''z'),"
        " d int DEFAULT (5), e json DEFAULT (json_array()), f json)"
    ),
    (
        "CREATE TABLE checks (a int CHECK (a > 0), b varchar(10), c int, CONSTRAINT bc CHECK (b <> 'it''s \\\\x' AND b IN ('x','é')),"
        " CHECK (a < 10 OR b IS NULL), CONSTRAINT c CHECK (c <> 4))"
    ),
    (
        "CREATE TABLE indexes (a varchar(100), b text, c int, d int, UNIQUE ua (a(10)), UNIQUE uc (c), KEY kb (b(20)),"
        " KEY kcd (c DESC, d), FULLTEXT ft (a, b), KEY kd (d) COMMENT 'it''s \\\\', UNIQUE ud (d DESC)) ROW_FORMAT=DYNAMIC"
    ),
    "CREATE TABLE shapes (g geometry NOT NULL, p point, SPATIAL KEY sg (g))",
    "CREATE TABLE hidden (a int INVISIBLE DEFAULT 3 COMMENT 'hidden', b int)",
    "CREATE TABLE latin (a varchar(10), b varchar(10) COLLATE utf8mb4_bin, c text, d varchar(40000)) COLLATE latin1_german1_ci",
    "CREATE TABLE isam (a int AUTO_INCREMENT, b int, PRIMARY KEY (b, a)) ENGINE=MyISAM ROW_FORMAT=FIXED COMMENT 'x'",
    "CREATE TABLE memory (a int, b int, KEY (a), KEY kb (b) USING BTREE) ENGINE=MEMORY MAX_ROWS=100",
    "CREATE TABLE short_key (a varchar(100), b int, c blob NOT NULL, PRIMARY KEY (a(10), b, c(3)))",
    "CREATE TABLE counting (a int AUTO_INCREMENT, b int, KEY ka (a))",
    'CREATE TABLE `we``ird "name" %;-- \\\\` (`se``lect` int PRIMARY KEY, `é` int CHECK (`é` > 0), `x\\\\y` int, KEY `in``dex` (`é`))',
]
ONLY = {
    "MySQL": [
        (
            "CREATE TABLE own (a varchar(9), c int, j json, g point NOT NULL SRID 4326, t text, CONSTRAINT ne CHECK (c > 5) NOT ENFORCED,"
            " KEY ke ((c + 1)), KEY kl ((concat(a, 'it''s\\\\é'))), KEY iv (c) INVISIBLE, UNIQUE kuf ((c * 2)), SPATIAL KEY sg (g),"
            " FULLTEXT ft (t) WITH PARSER ngram)"
        ),
        "CREATE TABLE wide (a varchar(10), `ä` varchar(10) DEFAULT ('😀'), CHECK (a <> '😀' AND `ä` <> 'ü'))",
        "CREATE TABLE marked (a datetime DEFAULT (now()), b varchar(9) DEFAULT ('x'), c varbinary(9) DEFAULT x'41ff00')",
    ],
    "MariaDB": [
        "CREATE TABLE own (a uuid DEFAULT uuid(), b inet6 DEFAULT '::1', c inet4, d text, KEY iv (a) IGNORED, UNIQUE (d))",
        "CREATE TABLE documents (j json, k longtext COLLATE utf8mb4_bin, l json CHECK (json_length(l) > 1), m json NOT NULL)",
        "CREATE TABLE widths (a int(5), b bigint(7) unsigned, c varchar(100) COMPRESSED) PAGE_COMPRESSED=1",
    ],
}


async def execute(session: MySQLSession, statements: Sequence[str]) -> None:
    for statement in statements:
        await session.execute(statement)


async def discover(session: MySQLSession, namespaces: Sequence[str] | None = None) -> Catalog:
    return assemble(await MySQLReader(session.capabilities).fetch(session, namespaces))


def script(session: MySQLSession, source: Catalog, target: Catalog) -> list[str]:
    writer = MySQLWriter(session.capabilities)
    operations = order(diff(source, target, capabilities=session.capabilities))
    return [statement for operation in operations for statement in writer.write(operation).statements]


def empty(catalog: Catalog) -> Catalog:
    return replace(catalog, namespaces=tuple(Namespace(namespace.name) for namespace in catalog.namespaces))


def own_statements(session: MySQLSession) -> list[str]:
    return [*COMMON, *ONLY[session.capabilities.version.product]]


async def test_what_is_discovered_can_be_dropped_and_created_anew_exactly(mysql: Server) -> None:
    async with connect(mysql.parameters) as session:
        await execute(session, own_statements(session))
        found = await discover(session)
        assert found.unmanaged == ()
        assert script(session, found, found) == []
        await execute(session, script(session, found, empty(found)))
        assert await discover(session) == empty(found)
        await execute(session, script(session, empty(found), found))
        again = await discover(session)
        assert again == found, script(session, again, found)


async def sent_to_discover(session: MySQLSession, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """:returns: The statements that it takes to read the database."""
    sent: list[str] = []
    fetch = session.fetch

    async def counted(statement: str, *arguments: object) -> object:
        sent.append(statement)
        return await fetch(statement, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(session, "fetch", counted)
        await discover(session)
    return sent


async def test_discovery_takes_seven_statements_whatever_there_is(
    mysql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(mysql.parameters) as session:
        await execute(session, [statement for statement in own_statements(session) if "FULLTEXT" not in statement])
        sent = await sent_to_discover(session, monkeypatch)
        assert len(sent) == 6, "and one more for the rows of lookup tables"


async def test_discovery_asks_for_parsers_of_full_text_only_where_the_server_has_such(
    mysql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(mysql.parameters) as session:
        await execute(session, own_statements(session))
        found = await session.fetch("SELECT plugin_name FROM information_schema.plugins WHERE plugin_type = 'FTPARSER'")
        asked = [text for text in await sent_to_discover(session, monkeypatch) if text.startswith("SHOW")]
        assert asked == (["SHOW CREATE TABLE `indexes`", "SHOW CREATE TABLE `own`"] if found else [])


@pytest.mark.parametrize("mode", [None, EnumMode.RELATION, EnumMode.CHECK])
async def test_what_classes_describe_is_what_the_server_reports(mysql: Server, mode: EnumMode | None) -> None:
    async with connect(mysql.parameters) as session:
        options = GeneratorOptions(enum_mode=mode, namespaces={mysql_model: "canvas"})
        formed = form_catalog(entities(mysql_model), options=options, capabilities=session.capabilities)
        lookups = [table.name for table in formed.tables() if table.labels is not None]
        desired = await canonicalize(session, Catalog(), lower(formed, session.capabilities))
        await execute(session, script(session, empty(desired), desired))
        physical = [QualifiedId(None, f"canvas__{name.name}") for name in lookups]
        rows = await MySQLReader(session.capabilities).fetch(session, ["canvas"], lookups=physical)
        current = assemble(rows)
        assert script(session, current, await canonicalize(session, current, desired)) == []
        assert all(isinstance(table, MySQLTable) for table in current.tables())


async def test_expressions_of_classes_read_as_the_server_prints_them(mysql: Server) -> None:
    async with connect(mysql.parameters) as session:
        options = GeneratorOptions(namespaces={mysql_model: None})
        formed = form_catalog(entities(mysql_model), options=options, capabilities=session.capabilities)
        desired = lower(formed, session.capabilities)
        printed = await canonicalize(session, Catalog(), desired)
        assert await canonicalize(session, printed, printed) is printed, "nothing is asked for that is known"
        events = next(table for table in printed.tables() if table.name.name == "events")
        assert events.column("at").default == "'2020-01-01 00:00:00.000000'"
        generated = events.column("place").generated
        assert generated is not None
        assert generated.expression == (
            "`row` * 100 + `seat`" if features_of(mysql.version).mariadb else "(`row` * 100) + `seat`"
        )
        assert (await discover(session)).unmanaged == ()
        assert list((await discover(session)).tables()) == [], "temporary tables are gone"


async def test_expressions_keep_characters_of_four_bytes_or_are_refused(mysql: Server) -> None:
    async with connect(mysql.parameters) as session:
        column = Column(LocalId("c"), SqlCharacter(9), default="'😀'", nullable=True)
        check = CheckConstraint(LocalId("ck"), "c <> '🙈' and c <> 'it''s'")
        formed = Catalog((Namespace(LocalId(""), tables=(Table(QualifiedId(None, "t"), (column,), None, (check,)),)),))
        if not features_of(mysql.version).wide_expressions:
            with pytest.raises(UnsupportedError, match="question mark"):
                lower(formed, session.capabilities)
            return
        desired = await canonicalize(session, Catalog(), lower(formed, session.capabilities))
        await execute(session, script(session, empty(desired), desired))
        assert await discover(session) == desired


async def test_prefixes_of_names_are_namespaces(mysql: Server) -> None:
    async with connect(mysql.parameters) as session:
        names = ("canvas__a", "canvas__b__c", "canvas__b__d", "other", "other__e")
        await execute(session, [f"CREATE TABLE {name} (id int)" for name in names])
        found = await discover(session, ["canvas", "canvas__b", ""])
        assert {n.name.name: [t.name.name for t in n.tables] for n in found.namespaces} == {
            "": ["other", "other__e"],
            "canvas": ["canvas__a"],
            "canvas__b": ["canvas__b__c", "canvas__b__d"],
        }
        (only,) = (await discover(session, ["missing"])).namespaces
        assert only == Namespace(LocalId("missing"))
        (everything,) = (await discover(session)).namespaces
        assert (everything.name, len(everything.tables)) == (LocalId(""), len(names))


async def test_views_and_the_like_are_reported_and_nothing_of_another_database_is(mysql: Server) -> None:
    async with connect(mysql.parameters) as session:
        await execute(
            session,
            [
                "CREATE TABLE t (id int) PARTITION BY HASH (id) PARTITIONS 2",
                "CREATE VIEW v AS SELECT * FROM t",
                "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.id = 1",
                "CREATE PROCEDURE p() SELECT 1",
                "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1",
            ],
        )
        found = await discover(session)
        assert [table.name.name for table in found.tables()] == ["t"]
        assert found.unmanaged == ("event e", "partitions t", "procedure p", "trigger t.g", "view v")


async def test_script_means_the_same_whatever_mode_the_session_has(mysql: Server) -> None:
    options = GeneratorOptions(namespaces={mysql_model: "canvas"})
    script_text = get_dialect("mysql").create_generator(options).create(tables=entities(mysql_model))
    statements = [
        part for part in re.split(r";\n+", re.sub(r"^--.*$", "", script_text, flags=re.MULTILINE)) if part.strip()
    ]
    async with connect(mysql.parameters) as session:
        await session.execute("SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'")
        if features_of(mysql.version).mariadb:
            assert statements[:2] == list(SCRIPT_SETTINGS)
            return
        await execute(session, statements)
        (described,) = [t for t in (await discover(session)).tables() if t.name.name == "canvas__Account"]
        assert described.description == "Somebody's \"account\"; it's \\ % odd."
