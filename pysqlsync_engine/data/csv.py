"""A record source for files of comma-separated values, with a converter per column and an error that names the bad cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from pysqlsync_engine.data.cell_code import CONVERT_ERRORS, ConvertRecords, Nulls, compile_converter
from pysqlsync_engine.data.cells import CellError, Convert, UnknownLabelError, cell_converter, converter_for
from pysqlsync_engine.data.codec import shorten
from pysqlsync_engine.data.delimited import DelimitedSource
from pysqlsync_engine.data.files import File, Opener
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.data.text import TextFormat
from pysqlsync_engine.data.windows import Select
from pysqlsync_engine.model.annotations import unwrap
from pysqlsync_engine.session import Batch, Row

__all__ = ["CellError", "Convert", "CsvSource", "Opener", "converter_for"]

QUOTE = '"'


class CsvSource(DelimitedSource):
    """
    The records of a file with a header, as rows.

    The file is read again by each call of `batches`, a part at a time. Columns of the file that are not among the fields
    are left out; the order of the columns is of no matter. Blank lines are no records.
    """

    def __init__(
        self,
        file: File,
        fields: Fields,
        *,
        name: str | None = None,
        columns: Mapping[str, str] | None = None,
        converters: Mapping[str, Convert] | None = None,
        documents: bool = False,
        null: Sequence[str] = ("",),
        delimiter: str = ",",
        header: bool = True,
        encoding: str = "utf-8-sig",
        select: Select | None = None,
        redact_values: bool = False,
        watch: Callable[[BinaryIO], None] | None = None,
    ) -> None:
        """
        Describe a file; it is not opened yet.

        :param file: Path, unpacked if it ends in `.gz` or `.zst`; or a function that opens the file: one inside of an archive, say; or
            an open file, or an async stream of bytes, either of which can be read once only.
        :param fields: Columns to read, and what their cells are converted to.
        :param name: What messages call the file; `None` takes the path.
        :param columns: What a field is called in the header of the file, where that is not its own name.
        :param converters: For fields whose cells are not spelled as `converter_for` says.
        :param documents: True to read cells of lists and objects as JSON; see `cell_converter`.
        :param null: Spellings of NULL.
        :param header: False if the first line is a record, and the cells are those of the fields, in order.
        :param encoding: Of a file given by its path; a byte order mark is skipped.
        :param select: Tells whether a row lies in a window; needed only if `batches` is called with one.
        :param redact_values: True if messages must not show the text of cells.
        :param watch: Told of a file that is given by its path when it is opened: its `tell()` says how much has been read.
        :raises TypeError: if there is no converter for the type of a field.
        """
        given = converters or {}
        choose = cell_converter if documents else converter_for
        super().__init__(
            file,
            fields,
            name=name,
            columns=columns,
            converters=[
                given[field] if field in given else choose(annotation)
                for field, annotation in zip(fields.names, fields.types, strict=True)
            ],
            form=TextFormat(delimiter, null[0] if null else "", QUOTE),
            tells_by_text=not given
            and delimiter.isascii()
            and len(null) == 1
            and not set(null[0]) & {*'"\r\n', delimiter},
            header=header,
            encoding=encoding,
            select=select,
            watch=watch,
        )
        self._null = frozenset(null)
        self._delimiter = delimiter
        self._redact_values = redact_values

    def parse(self, records: bytes, line: int) -> Batch:
        """See `DelimitedSource.parse`."""
        try:
            text = records.decode()
            return self._compiled(is_plain=records.isascii() and b"_" not in records)(self._reader(text))
        except (*CONVERT_ERRORS, csv.Error):
            return self._parse_slowly(records, line)

    def _reader(self, text: str) -> Any:
        # its class has a name that depends on the version of the stubs
        return csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter, strict=True)

    def _compile(self, *, is_plain: bool) -> ConvertRecords:
        (only, *others) = self._null or (None,)
        return compile_converter(
            self._converters,
            self._positions,
            self._width,
            nulls=Nulls.SEVERAL if others else Nulls.SPELLED,
            null=self._null if others else only,
            is_plain=is_plain,
        )

    def _cells_of(self, record: str) -> list[str]:
        try:
            return next(self._reader(record), list[str]())
        except csv.Error as error:
            raise CellError(self._name, 1, None, str(error)) from error

    def _parse_slowly(self, records: bytes, line: int) -> Batch:
        line += self._header_lines - 1
        try:
            reader = self._reader(records.decode())
            try:
                return [self._row(record, line + reader.line_num) for record in reader if record]
            except csv.Error as error:
                raise CellError(self._name, line + reader.line_num, None, str(error)) from error
        except UnicodeDecodeError as error:
            bad = line + 1 + records.count(b"\n", 0, error.start)
            raise CellError(self._name, bad, None, f"cannot be read: {error}") from error

    def _row(self, record: Sequence[str], line: int) -> Row:
        if len(record) != self._width:
            raise CellError(self._name, line, None, f"expected {self._width} cells; got {len(record)}")
        row: list[object] = []
        for position, convert, heading, annotation in zip(
            self._positions, self._converters, self._headings, self._fields.types, strict=True
        ):
            cell = record[position]
            try:
                row.append(None if cell in self._null else convert(cell))
            except (ValueError, ArithmeticError) as error:
                expected = getattr(unwrap(annotation).type, "__name__", "value")
                reason = f" ({error})" if isinstance(error, UnknownLabelError) else ""
                shown = None if self._redact_values else shorten(cell)
                raise CellError(self._name, line, heading, f"cannot read as {expected}{reason}", shown) from error
        return tuple(row)
