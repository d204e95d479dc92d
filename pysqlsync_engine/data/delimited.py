"""What sources of delimited text have in common: cells in the order of a header, that become rows a chunk at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from typing import BinaryIO

from pysqlsync_engine.data.batches import Lenient
from pysqlsync_engine.data.cell_code import ConvertRecords
from pysqlsync_engine.data.cells import Convert
from pysqlsync_engine.data.chunks import ChunkStage, transform
from pysqlsync_engine.data.files import File, is_one_time, name_of, read_blocks
from pysqlsync_engine.data.record_text import LenientStage, RowStage, split_records
from pysqlsync_engine.data.sources import Batches, Fields, Window
from pysqlsync_engine.data.text import TextFormat
from pysqlsync_engine.data.windows import Select, window_filter
from pysqlsync_engine.session import Batch


class DelimitedSource(ABC):
    """The records of a file as rows; see `CsvSource` and `TsvSource`."""

    def __init__(
        self,
        file: File,
        fields: Fields,
        *,
        name: str | None,
        columns: Mapping[str, str] | None,
        converters: Sequence[Convert],
        form: TextFormat,
        tells_by_text: bool,
        header: bool,
        encoding: str,
        select: Select | None,
        watch: Callable[[BinaryIO], None] | None = None,
    ) -> None:
        """
        Describe a file; it is not opened yet.

        :param converters: One per field.
        :param tells_by_text: False if cells mean something else than their text says: they have converters of their own, say.
        """
        self._file = file
        self._name = name or name_of(file)
        self._fields = fields
        self._headings = [(columns or {}).get(field, field) for field in fields.names]
        self._converters = converters
        self._form = form
        self._tells_by_text = tells_by_text
        self._encoding = encoding
        self._select = select
        self._watch = watch
        self._has_header = header
        self._header_lines = 0
        self._positions: list[int] = []
        self._width = 0
        if not header:
            self._describe(self._headings)

    @property
    def fields(self) -> Fields:
        """What the values of a row are."""
        return self._fields

    @property
    def is_one_time(self) -> bool:
        """True if the rows are gone when they have been read."""
        return is_one_time(self._file)

    @property
    def form(self) -> TextFormat:
        """How records are spelled."""
        return self._form

    def layout(self) -> tuple[str | None, ...]:
        """:returns: For each cell the name of its field; known when the first chunk has been read."""
        fields = dict(zip(self._positions, self._fields.names, strict=True))
        return tuple(fields.get(position) for position in range(self._width))

    def chunks(self, window: Window | None) -> Iterable[bytes] | AsyncIterable[bytes] | None:
        """
        Read text, lazily, without the header.

        :raises ValueError: if a column is missing.
        """
        return self._chunks() if window is None and self._tells_by_text else None

    def batches(self, window: Window | None) -> Batches:
        """
        Read the file, lazily.

        :param window: Which rows; `None` for all.
        :raises CellError: if a cell cannot be converted, or a record has not as many cells as the header.
        :raises ValueError: if a column is missing, or rows of a window are asked for without `select`.
        """
        return transform(self._chunks(), self._rows(window))

    def lenient_batches(self, window: Window | None) -> Lenient:
        """As `batches`, but a record that cannot be read is among the batches, in order."""
        return transform(self._chunks(), LenientStage(self._rows(window), self._form))

    @abstractmethod
    def parse(self, records: bytes, line: int) -> Batch:
        """
        :param line: Number of the line on which the records begin, from 1; the header does not count.
        :returns: The rows.
        :raises CellError: for the first record that cannot be read.
        """

    def _compiled(self, *, is_plain: bool) -> ConvertRecords:
        """:returns: What makes rows of cells, compiled once for the columns of the file."""
        if is_plain not in self._code:
            self._code[is_plain] = self._compile(is_plain=is_plain)
        return self._code[is_plain]

    @abstractmethod
    def _compile(self, *, is_plain: bool) -> ConvertRecords:
        """
        :param is_plain: True for text without underscores, and of nothing but ASCII.
        :returns: What makes rows of cells.
        """

    @abstractmethod
    def _cells_of(self, record: str) -> list[str]:
        """:returns: The cells of a header, which has a line feed."""

    def _describe(self, header: Sequence[str]) -> None:
        """
        Remember where the fields are.

        :raises ValueError: if a column is missing.
        """
        missing = [heading for heading in self._headings if heading not in header]
        if missing:
            raise ValueError(f"{self._name}: no column {', '.join(missing)}; columns: {', '.join(header)}")
        self._positions = [header.index(heading) for heading in self._headings]
        self._width = len(header)
        self._code: dict[bool, ConvertRecords] = {}

    def _take_header(self, records: bytes) -> bytes:
        """:returns: The records after the header."""
        header = next(split_records(records, self._form), b"")
        self._header_lines = header.count(b"\n")
        self._describe(self._cells_of(header.decode()) if header else [])
        return records[len(header) :]

    def _chunks(self) -> Iterable[bytes] | AsyncIterable[bytes]:
        blocks = read_blocks(self._file, encoding=self._encoding, watch=self._watch)
        take_header = self._take_header if self._has_header else None
        return transform(blocks, ChunkStage(self._form, self._name, take_header))

    def _rows(self, window: Window | None) -> RowStage:
        return RowStage(self.parse, window_filter(window, self._select, source=self, name=self._name))
