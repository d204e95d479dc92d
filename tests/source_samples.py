"""Targets and stores for tests of sources, without a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pysqlsync_engine.data.batches import Lenient, as_async
from pysqlsync_engine.data.hooks import Hook
from pysqlsync_engine.data.load_options import LoadMode, LoadOptions
from pysqlsync_engine.data.own_form import OwnForm
from pysqlsync_engine.data.parts import BinaryPart, EncodedBatch, Rejects
from pysqlsync_engine.data.sources import BadRecord, RecordSource
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextColumn, TextPart, TextRules
from pysqlsync_engine.data.ways import Way, choose_way
from pysqlsync_engine.model.data_types import SqlCharacter, SqlType
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import Column, Table
from pysqlsync_engine.session import Row

INTEGER = TextColumn(r"-?[0-9]{1,9}")
ANY_TEXT = TextColumn()


def rows_of(batch: EncodedBatch) -> list[Row]:
    """:returns: The rows as the driver takes them."""
    return [row for block in batch.blocks() for row in batch.encode(block)]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a store takes; see `RowStore`."""

    text: TextRules
    hooks: Sequence[Hook | None]
    is_numbered: bool = False
    own_form: OwnForm | None = None


def target_of(source: RecordSource, types: Sequence[SqlType] | None = None, **options: Any) -> LoadTarget:
    names = source.fields.names
    columns = tuple(
        Column(LocalId(name), kind, nullable=True)
        for name, kind in zip(names, types or [SqlCharacter()] * len(names), strict=True)
    )
    table = Table(QualifiedId("public", "wares"), columns)
    return LoadTarget(table, columns, source.fields.types, LoadOptions(LoadMode.INSERT, **options))


def open_way(
    source: RecordSource,
    columns: Sequence[TextColumn | None],
    *,
    rules: dict[str, Any] | None = None,
    types: Sequence[SqlType] | None = None,
    **options: Any,
) -> Way:
    """:returns: The way that a source takes to a store that takes the text of these columns."""
    text = replace(TextRules(tuple(columns), quoted=True, skips=True), **(rules or {}))
    return choose_way(source, None, target_of(source, types, **options), Wishes(text, [None] * len(columns)))


@dataclass(slots=True)
class Sent:
    """What has come out of a way."""

    texts: list[TextPart]
    rows: list[Row]
    rejects: list[int]


async def send(way: Way, source: Any) -> Sent:
    """
    :returns: All parts; the rows of text as the source itself reads them. Numbers of rows are checked on the way.
    :raises CellError: for text that the source does not read, and that a server therefore has to refuse.
    """
    sent = Sent([], [], [])
    number = 1
    async for part in way.parts():
        match part:
            case TextPart():
                assert part.first == number
                rows = source.parse(part.records, 1)
                assert len(rows) == part.rows
                sent.texts.append(part)
                sent.rows += rows
                number += part.rows
            case BinaryPart():
                raise AssertionError("no store of these tests takes rows in a form of its own")
            case EncodedBatch():
                assert part.runs[0].first == number
                sent.rows += rows_of(part)
                number += len(part)
            case Rejects(rows):
                assert [reject.row for reject in rows] == list(range(number, number + len(rows)))
                sent.rejects += [reject.row for reject in rows]
                number += len(rows)
    assert way.rows == number - 1
    assert way.sent_bytes == sum(len(part.records) for part in sent.texts)
    return sent


async def all_rows(batches: Lenient) -> list[Any]:
    """:returns: Rows of batches, and records that cannot be read, in order."""
    found: list[Any] = []
    async for batch in as_async(batches):
        found += [batch] if isinstance(batch, BadRecord) else batch
    return found
