"""A record source for a table, or the result of a query, of another database."""

from __future__ import annotations

import enum
import ipaddress
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import is_dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from pysqlsync_engine.connection import ConnectionContext
from pysqlsync_engine.data.cell_code import Nulls, compile_converter
from pysqlsync_engine.data.cells import cell_converter
from pysqlsync_engine.data.cursor import lower_bound
from pysqlsync_engine.data.sources import Fields, Window
from pysqlsync_engine.dialect.page_reader import PageReader
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.model.annotations import find_tag, key_annotations, member_label, unwrap
from pysqlsync_engine.model.json_values import ExactFloat, from_json
from pysqlsync_engine.model.object_types import Table
from pysqlsync_engine.model.type_markers import WithTimeZone
from pysqlsync_engine.session import Batch, Row, Session

Connect = Callable[[], AbstractAsyncContextManager[ConnectionContext]]
"""Opens a connection, or lends one: `pool.connection`, or `lambda: engine.create_connection(parameters)`."""

PAGE_ROWS = 16_384
"""Rows that are asked for at once."""


class DatabaseSource:
    """
    Rows of another database, in batches; the next one is asked for when the one before is stored.

    A table is read in the order of its primary key, a page at a time, each page by a statement of its own: nothing is locked, and
    no transaction stays open, so that rows which change meanwhile are read as they were or as they are. So is a query whose `key`
    is given; another one is read by a cursor of the server, in one transaction.
    """

    def __init__(
        self,
        connect: Connect,
        fields: Fields,
        *,
        table: Table | None = None,
        query: str | None = None,
        key: Sequence[str] = (),
        watermark: str | None = None,
        after: Any = None,
        overlap: Any = None,
        page_rows: int = PAGE_ROWS,
    ) -> None:
        """
        Describe what is to be read; nothing is asked yet.

        :param connect: Opens a connection each time that rows are read.
        :param fields: Columns to read, and what their values are to the target.
        :param table: Of the other database: `conn.get_table(cls)` there.
        :param query: SQL of the other database, in place of a table. It goes to the server as it is: never make it of what a user
            has typed.
        :param key: Columns by which rows can be told apart, none of them NULL; that of the table if not given.
        :param watermark: Column whose highest value tells how far has been read; see `cursor`. Rows of a window are those in which
            it lies.
        :param after: Read rows with a greater watermark only: a value, or the text of one as the journal keeps it. Rows without a
            watermark are then left out.
        :param overlap: What is subtracted from `after`, so that late rows are read again.
        :param page_rows: Most rows of a page.
        :raises ValueError: if not exactly one of table and query is given, or a bound without a watermark's column.
        """
        if (table is None) == (query is None):
            raise ValueError("database source: expected either a table or a query")
        if watermark is None and (after is not None or overlap is not None):
            raise ValueError("database source: `after` and `overlap` need the column of a watermark; name it")
        if watermark is not None and watermark not in fields.names:
            raise ValueError(f"database source: expected the watermark {watermark!r} among the fields")
        self._connect = connect
        self._fields = fields
        self._source = table.name if table is not None else query or ""
        self._keys = tuple(key) or (() if table is None else table.key_names)
        self._watermark = watermark
        self._after = after
        self._overlap = overlap
        self._page_rows = page_rows
        self._highest: Any = None
        extra = [name for name in self._keys if name not in fields.names]
        self._columns = [*fields.names, *extra]
        converters = [_converter(annotation) for annotation in fields.types]
        self._convert = compile_converter(converters, range(len(converters)), len(self._columns), nulls=Nulls.NONE)

    @property
    def fields(self) -> Fields:
        """What the values of a row are."""
        return self._fields

    def cursor(self) -> Any:
        """:returns: The highest watermark of the rows that have been read; `None` if there were none."""
        return self._highest

    async def batches(self, window: Window | None) -> AsyncGenerator[Batch]:
        """
        Read rows, lazily.

        :param window: Which rows, by the watermark; `None` for all.
        :raises ValueError: if rows of a window are asked for without a watermark.
        :raises UnsupportedError: if a query has no key, and the server no cursors.
        """
        bounds = self._bounds(window)
        self._highest = None
        async with self._connect() as connection:
            pages = connection.dialect.pages
            if pages is None:
                raise UnsupportedError(
                    f"{connection.dialect.name}: rows of other databases cannot be read in this dialect"
                )
            reader = self._paged if self._keys else self._fetched
            async with aclosing(reader(connection.session, pages, bounds)) as read:
                async for rows in read:
                    yield self._converted(rows)

    def _bounds(self, window: Window | None) -> list[tuple[str, str, Any]]:
        """:returns: Columns, operators and values that rows are compared with."""
        name, bounds = self._watermark, list[tuple[str, str, Any]]()
        if window is not None and name is None:
            raise ValueError(
                f"cannot tell which rows are in {window.key}; give DatabaseSource the column of a watermark"
            )
        if name is None:
            return bounds
        annotation = self._fields.types[self._fields.names.index(name)]
        if self._after is not None:
            after = self._after
            if isinstance(after, str) and unwrap(annotation).type is not str:
                after = cell_converter(annotation)(after)
            lower = lower_bound(after, self._overlap)
            bounds += [] if lower is None else [(name, ">", lower)]
        if window is not None:
            is_aware = find_tag(unwrap(annotation).tags, WithTimeZone) is not None
            start, end = (
                edge if is_aware else edge.astimezone(UTC).replace(tzinfo=None) for edge in (window.start, window.end)
            )
            bounds += [(name, ">=", start), (name, "<", end)]
        return bounds

    async def _paged(
        self, session: Session, pages: PageReader, bounds: Sequence[tuple[str, str, Any]]
    ) -> AsyncGenerator[list[Row]]:
        positions = [self._columns.index(name) for name in self._keys]
        compared = [(name, operator) for name, operator, _ in bounds]
        values = [value for _, _, value in bounds]
        last: list[object] = []
        while True:
            statement = pages.page(
                self._source, self._columns, compared, self._keys, follows=bool(last), rows=self._page_rows
            )
            rows = await session.fetch(statement, *values, *last)
            if rows:
                yield rows
            if len(rows) < self._page_rows:
                return
            last = pages.key_values([rows[-1][position] for position in positions])

    async def _fetched(
        self, session: Session, pages: PageReader, bounds: Sequence[tuple[str, str, Any]]
    ) -> AsyncGenerator[list[Row]]:
        if not pages.has_cursors:
            raise UnsupportedError("database source: this server has no cursors; name the columns of a key")
        cursor = f"pysqlsync_{uuid4().hex}"
        compared = [(name, operator) for name, operator, _ in bounds]
        statement = pages.declare(cursor, pages.rows(self._source, self._columns, compared))
        async with session.transaction():
            await session.execute(statement, *(value for _, _, value in bounds))
            while rows := await session.fetch(pages.fetch(cursor, self._page_rows)):
                yield rows

    def _converted(self, rows: Batch) -> Batch:
        batch = self._convert(rows)
        if self._watermark is not None:
            position = self._fields.names.index(self._watermark)
            found = [row[position] for row in batch if row[position] is not None]
            highest = max(found, default=None)
            if highest is not None and (self._highest is None or highest > self._highest):
                self._highest = highest
        return batch


def _converter(annotation: Any) -> Callable[[Any], Any]:
    """:returns: What makes a value of a field of what a driver returns for it, where servers have no such type."""
    declared = unwrap(annotation)
    kind: Any = declared.type
    if isinstance(kind, type) and is_dataclass(kind):
        keys = tuple(key_annotations(kind).values())
        return _converter(keys[0]) if len(keys) == 1 else _document(annotation)
    if kind is datetime and find_tag(declared.tags, WithTimeZone) is not None:
        return lambda value: value.replace(tzinfo=UTC) if value.tzinfo is None else value
    if kind in {list, dict, set, frozenset}:
        return _document(annotation)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        members = {member_label(member): member for member in kind}
        return lambda value: members.get(value, value)
    return _CONVERTERS.get(kind, str)


def _document(annotation: Any) -> Callable[[Any], Any]:
    convert = from_json(annotation)

    def read(value: Any) -> Any:
        if isinstance(value, str):
            return convert(json.loads(value, parse_float=ExactFloat))
        # an object of the server's own has its members in order
        return value if type(value) is list else tuple(value)  # pyright: ignore[reportUnknownVariableType] - of any elements

    return read


def _address(value: Any) -> Any:
    return ipaddress.ip_address(value) if isinstance(value, bytes | str) else value


def _uuid(value: Any) -> Any:
    if isinstance(value, bytes):
        return UUID(bytes=value)
    return UUID(value) if isinstance(value, str) else value


def _duration(value: Any) -> Any:
    return timedelta(microseconds=int(value * 1_000_000)) if isinstance(value, Decimal) else value


def _clock(value: Any) -> Any:
    return (datetime.min + value).time() if isinstance(value, timedelta) else value


_CONVERTERS: dict[Any, Callable[[Any], Any]] = {
    bool: bool,
    UUID: _uuid,
    ipaddress.IPv4Address: _address,
    ipaddress.IPv6Address: _address,
    timedelta: _duration,
    time: _clock,
}
"""What else may stand for a value; `str` leaves it as it is."""
