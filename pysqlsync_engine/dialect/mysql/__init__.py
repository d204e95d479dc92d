"""MySQL 8.0 and later, and MariaDB 10.11 and later, by way of streams of `LOAD DATA LOCAL`."""

from pysqlsync_engine.dialect.api import Dialect
from pysqlsync_engine.dialect.mysql.audit_reader import MySQLAuditReader
from pysqlsync_engine.dialect.mysql.capabilities import OFFLINE
from pysqlsync_engine.dialect.mysql.journal import MySQLJournal
from pysqlsync_engine.dialect.mysql.loader import MySQLLoader
from pysqlsync_engine.dialect.mysql.names import quote, quote_table
from pysqlsync_engine.dialect.mysql.pool import connect, open_pool
from pysqlsync_engine.dialect.mysql.schema import canonicalize, reader, scratch_database, writer
from pysqlsync_engine.dialect.mysql.session import SCRIPT_SETTINGS
from pysqlsync_engine.dialect.mysql.types import lower
from pysqlsync_engine.dialect.page_reader import PageReader

DIALECT = Dialect(
    name="mysql",
    offline=OFFLINE,
    lower=lower,
    writer=writer,
    reader=reader,
    loader=MySQLLoader,
    journal=MySQLJournal,
    auditor=MySQLAuditReader,
    canonicalize=canonicalize,
    scratch_database=scratch_database,
    connect=connect,
    open_pool=open_pool,
    script_settings=SCRIPT_SETTINGS,
    pages=PageReader(
        quote=quote,
        quote_table=quote_table,
        placeholder=lambda _number: "%s",
        embed=lambda text: text.replace("%", "%%"),
        compares_rows=False,
        has_cursors=False,
    ),
)
