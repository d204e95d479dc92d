"""PostgreSQL 13 to 18, by way of asynchronous COPY."""

from pysqlsync_engine.dialect.api import Dialect
from pysqlsync_engine.dialect.page_reader import PageReader
from pysqlsync_engine.dialect.postgresql.audit_reader import PostgreSQLAuditReader
from pysqlsync_engine.dialect.postgresql.capabilities import OFFLINE
from pysqlsync_engine.dialect.postgresql.journal import PostgreSQLJournal
from pysqlsync_engine.dialect.postgresql.loader import PostgreSQLLoader
from pysqlsync_engine.dialect.postgresql.lowering import lower
from pysqlsync_engine.dialect.postgresql.schema import canonicalize, reader, scratch_database, writer
from pysqlsync_engine.dialect.postgresql.session import connect, open_pool
from pysqlsync_engine.model.id_types import quote_ansi

DIALECT = Dialect(
    name="postgresql",
    offline=OFFLINE,
    lower=lower,
    writer=writer,
    reader=reader,
    loader=PostgreSQLLoader,
    journal=PostgreSQLJournal,
    auditor=PostgreSQLAuditReader,
    canonicalize=canonicalize,
    scratch_database=scratch_database,
    connect=connect,
    open_pool=open_pool,
    pages=PageReader(
        quote=quote_ansi,
        quote_table=str,
        placeholder=lambda number: f"${number}",
        embed=str,
        compares_rows=True,
        has_cursors=True,
    ),
)
