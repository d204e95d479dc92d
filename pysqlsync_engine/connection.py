"""One open connection as users see it: create tables, insert, upsert and delete rows."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.data.auditing import Auditor
from pysqlsync_engine.data.batches import BatchSource, Records, into_batches, object_rows
from pysqlsync_engine.data.journal import Mark
from pysqlsync_engine.data.load_options import LoadMode, LoadOptions
from pysqlsync_engine.data.load_report import LoadReport
from pysqlsync_engine.data.loading import load
from pysqlsync_engine.data.sources import Batches, Fields, RecordSource, Window
from pysqlsync_engine.described import lowered_table
from pysqlsync_engine.dialect.api import Dialect
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.formation.inspection import ClassSpec, inspect_class
from pysqlsync_engine.model.object_types import Table
from pysqlsync_engine.options import GeneratorOptions
from pysqlsync_engine.session import Session, SessionPool
from pysqlsync_engine.streams import OnFailure, Retries, StreamJob, load_stream, load_streams

if TYPE_CHECKING:
    from pysqlsync_engine.migration.apply import ApplyReport

Objects = Iterable[Any] | AsyncIterable[Any]
"""Instances of a data-class, sync or async."""


class ConnectionContext:
    """
    An open connection. Not safe for concurrent use: one call at a time.

    Every stream of rows is one transaction: it is stored as a whole, or not at all.
    """

    def __init__(self, session: Session, dialect: Dialect, options: GeneratorOptions) -> None:
        self._session = session
        self._dialect = dialect
        self._options = options

    @property
    def session(self) -> Session:
        """For statements of your own."""
        return self._session

    @property
    def dialect(self) -> Dialect:
        """The kind of server this is a connection to."""
        return self._dialect

    @property
    def options(self) -> GeneratorOptions:
        """How data-classes become tables."""
        return self._options

    @property
    def capabilities(self) -> Capabilities:
        """What the server can do."""
        return self._session.capabilities

    @property
    def audit(self) -> Auditor:
        """Questions about the rows of tables."""
        return self._dialect.auditor(self._session)

    def get_table(self, cls: type, field: str | None = None) -> Table:
        """
        :param field: A list of the class that is stored as `ArrayMode.RELATION`, for the table of its elements.
        :returns: The table that the data-class describes, formed from the class; the server is not asked.
        :raises DefinitionError: if the class describes no table.
        """
        return lowered_table(
            cls, options=self._options, dialect=self._dialect, capabilities=self.capabilities, field=field
        )

    async def create_objects(self, classes: Sequence[type]) -> ApplyReport:
        """
        Create the tables of the classes, and the namespaces, types and tables that they refer to.

        What is there already is left alone if it is as described, and else is an error.

        :raises DriftError: if a table or type exists but differs; nothing is changed.
        """
        # rows are loaded without all that changes a schema, which takes a while to import
        from pysqlsync_engine.explorer import Explorer

        return await Explorer(self._session, self._dialect, self._options).ensure(classes)

    async def insert_data(self, cls: type, data: Objects) -> LoadReport:
        """
        Insert objects of a data-class.

        :param data: Instances of the class, sync or async; a field that refers to another table may hold an
            object of that table's class, or its key.
        :raises RowError: if a row cannot be stored, or its key exists already; nothing of the stream stays.
        """
        return await self._load_objects(cls, data, LoadMode.INSERT)

    async def upsert_data(self, cls: type, data: Objects) -> LoadReport:
        """Insert objects, or update the rows that have their keys; the last object of a key wins. See `insert_data`."""
        return await self._load_objects(cls, data, LoadMode.UPSERT)

    async def delete_data(self, cls: type, data: Objects) -> LoadReport:
        """Delete the rows that have the keys of the objects; keys that do not exist are no error."""
        return await self._load_objects(cls, data, LoadMode.DELETE)

    async def insert_rows(
        self, table: Table, *, field_names: Sequence[str], field_types: Sequence[Any], records: Records
    ) -> LoadReport:
        """
        Insert rows.

        :param table: See `get_table`.
        :param field_names: Columns, in the order of the values of a row. Columns left out take their default.
        :param field_types: Python type of each value.
        :param records: Tuples, sync or async; `None` is NULL.
        :raises RowError: if a row cannot be stored, or its key exists already; nothing of the stream stays.
        """
        return await self._load_records(table, field_names, field_types, records, LoadMode.INSERT)

    async def upsert_rows(
        self, table: Table, *, field_names: Sequence[str], field_types: Sequence[Any], records: Records
    ) -> LoadReport:
        """
        Insert rows, or update those that have their keys; the last row of a key wins. See `insert_rows`.

        Columns left out of `field_names` keep their values in rows that exist.
        """
        return await self._load_records(table, field_names, field_types, records, LoadMode.UPSERT)

    async def delete_rows(
        self, table: Table, *, field_names: Sequence[str], field_types: Sequence[Any], records: Records
    ) -> LoadReport:
        """
        Delete the rows that have these keys; keys that do not exist are no error.

        :param field_names: The columns of the primary key, in the order of the values of a row.
        """
        return await self._load_records(table, field_names, field_types, records, LoadMode.DELETE)

    async def load(
        self, table: Table, source: RecordSource, *, options: LoadOptions | None = None, window: Window | None = None
    ) -> LoadReport:
        """
        Stream the rows of a source into a table, by the fastest way that their types allow; the report says which.

        :param options: What becomes of the rows; `None` is an upsert that fails as a whole if a row cannot be stored.
        :param window: Which rows; `None` for all.
        :raises RowError: if a row cannot be stored, and rows are not to be set aside.
        :raises LoadError: if the stream cannot be stored as a whole.
        """
        dialect, capabilities = self._dialect, self.capabilities
        return await load(
            self._session,
            dialect.loader(capabilities),
            dialect.journal(capabilities),
            table=table,
            source=source,
            options=_with_defaults(options, self._options),
            window=window,
        )

    async def read_watermark(self, stream: str, table: Table) -> Mark | None:
        """
        Ask how far a stream has come, as its last commit says; see `lower_bound` for where to go on.

        :returns: The watermark as a value of the type of its column; `None` if the stream has brought nothing yet.
        """
        journal = self._dialect.journal(self.capabilities)
        return await journal.read_mark(self._session, stream, table.name.display)

    async def forget_watermark(self, stream: str, table: Table) -> None:
        """Remove the watermark of a stream, and the record of its batches, so that it begins anew; no row of the table is touched."""
        await self._dialect.journal(self.capabilities).forget(self._session, stream, table.name.display)

    async def load_batches(
        self, table: Table, *, fields: Fields, batches: Batches, mode: LoadMode = LoadMode.UPSERT
    ) -> LoadReport:
        """
        Stream batches of rows into a table: for rows that are at hand, where `load` would ask a source for them.

        :param fields: What the values of a row are.
        :param batches: Lists of tuples, sync or async; a batch is held in memory whole.
        """
        return await self.load(table, BatchSource(fields, batches), options=LoadOptions(mode))

    async def count_rows(self, table: Table) -> int:
        """:returns: Number of rows in the table; the server reads all of it."""
        return await self._dialect.loader(self.capabilities).count(self._session, table)

    async def _load_objects(self, cls: type, objects: Objects, mode: LoadMode) -> LoadReport:
        spec = inspect_class(cls)
        table = self.get_table(cls)
        if mode is not LoadMode.DELETE:
            _refuse_lists(spec, table)
        stored = {column.name.name for column in table.columns if column.generated is None}
        wanted = set(table.key_names) if mode is LoadMode.DELETE else stored
        chosen = [field for field in spec.fields if field.column_name in wanted]
        fields = Fields(tuple(f.column_name for f in chosen), tuple(f.annotation for f in chosen))
        batches = object_rows(objects, [field.name for field in chosen])
        return await self.load_batches(table, fields=fields, batches=batches, mode=mode)

    async def _load_records(
        self, table: Table, names: Sequence[str], types: Sequence[Any], records: Records, mode: LoadMode
    ) -> LoadReport:
        fields = Fields(tuple(names), tuple(types))
        return await self.load_batches(table, fields=fields, batches=into_batches(records), mode=mode)


def _refuse_lists(spec: ClassSpec, table: Table) -> None:
    """:raises UnsupportedError: if objects of the class have a list that is no column of its table."""
    for field in spec.fields:
        if field.column_name not in table.column_names:
            raise UnsupportedError(
                f"{spec.name}.{field.name}: the list has a table of its own, to which no objects are written; store rows with"
                f" insert_rows, in get_table({spec.name}) and in get_table({spec.name}, {field.name!r})"
            )


class ConnectionPool:
    """A bounded number of connections; each is lent to one user at a time."""

    def __init__(self, sessions: SessionPool, dialect: Dialect, options: GeneratorOptions) -> None:
        self._sessions = sessions
        self._dialect = dialect
        self._options = options

    @asynccontextmanager
    async def connection(self, options: GeneratorOptions | None = None) -> AsyncGenerator[ConnectionContext]:
        """
        Lend a connection; waits while all are out.

        :param options: How data-classes become tables; `None` takes those of the pool.
        """
        async with self._sessions.acquire() as session:
            yield ConnectionContext(session, self._dialect, options or self._options)

    async def load(
        self,
        table: Table,
        source: RecordSource,
        *,
        options: LoadOptions | None = None,
        window: Window | None = None,
        retries: Retries | None = None,
    ) -> LoadReport:
        """
        Stream the rows of a source into a table, as `ConnectionContext.load`, on a connection of the pool.

        After a deadlock, a conflict or a lost connection the stream is sent again, if its source can be read again. Where the
        connection was lost during the commit, the journal in the database tells whether the rows are stored.

        :param retries: How often; `None` for up to ten attempts within half a minute or so, `Retries(attempts=1)` for one.
        :raises RowError: if a row cannot be stored, and rows are not to be set aside.
        :raises LoadError: if the stream cannot be stored as a whole, or its source can be read once only.
        """
        return await self._load(StreamJob(table.name.display, table, source, options, window), retries or Retries())

    async def load_all(
        self,
        jobs: Sequence[StreamJob],
        *,
        connections: int = 4,
        on_failure: OnFailure = OnFailure.FINISH,
        retries: Retries | None = None,
    ) -> dict[str, LoadReport]:
        """
        Store several streams at the same time, each as a whole or not at all, and each on a connection of its own; see `load`.

        :param connections: How many streams are under way at most; never more than the pool has connections.
        :param on_failure: What the failure of one stream does to the others.
        :returns: What the streams did, by their names.
        :raises StreamsError: if one failed; it tells which, and what the others did.
        """
        chosen = retries or Retries()
        return await load_streams(
            jobs, lambda job: self._load(job, chosen), connections=connections, on_failure=on_failure
        )

    async def _load(self, job: StreamJob, retries: Retries) -> LoadReport:
        options = _with_defaults(job.options, self._options)
        return await load_stream(self._sessions, self._dialect, replace(job, options=options), retries)


def _with_defaults(options: LoadOptions | None, defaults: GeneratorOptions) -> LoadOptions:
    """:returns: How a stream is stored; values of rows are not shown if they never are."""
    chosen = options or LoadOptions()
    return replace(chosen, redact_values=True) if defaults.redact_values else chosen
