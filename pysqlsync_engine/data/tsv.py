r"""A record source for tab-separated values as servers write them: `\N` is NULL, and tabs and line ends are escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

from pysqlsync_engine.data.cell_code import CONVERT_ERRORS, ConvertRecords, Nulls, compile_converter
from pysqlsync_engine.data.cells import CellError, Convert, UnknownLabelError, cell_converters
from pysqlsync_engine.data.codec import shorten
from pysqlsync_engine.data.delimited import DelimitedSource
from pysqlsync_engine.data.files import File
from pysqlsync_engine.data.record_text import split_records
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.data.text import TSV
from pysqlsync_engine.data.tsv_parser import compile_parser
from pysqlsync_engine.data.windows import Select
from pysqlsync_engine.model.annotations import unwrap
from pysqlsync_engine.session import Batch, Row

NULL = "\\N"
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_ESCAPED: Mapping[str, str] = {
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
}
"""What a letter after a backslash stands for (https://www.postgresql.org/docs/current/sql-copy.html, Text Format)."""


class EscapeError(ValueError):
    """A cell has a backslash that is followed by what stands for nothing."""


class TsvSource(DelimitedSource):
    """
    The records of a file, one on each line, as rows.

    The file is read again by each call of `batches`, a part at a time. With the package `tsv2py` values are read faster.
    """

    def __init__(
        self,
        file: File,
        fields: Fields,
        *,
        name: str | None = None,
        columns: Mapping[str, str] | None = None,
        converters: Mapping[str, Convert] | None = None,
        header: bool = True,
        select: Select | None = None,
        redact_values: bool = False,
        watch: Callable[[BinaryIO], None] | None = None,
    ) -> None:
        """
        Describe a file; it is not opened yet.

        :param file: Path, unpacked if it ends in `.gz` or `.zst`; or a function that opens the file; or an open file, or an async
            stream of bytes, either of which can be read once only.
        :param fields: Columns to read, and what their cells are converted to.
        :param name: What messages call the file; `None` takes the path.
        :param columns: What a field is called in the header of the file, where that is not its own name.
        :param converters: For fields whose cells are not spelled as `cell_converter` says.
        :param header: False if the first line is a record, and the cells are those of the fields, in order.
        :param select: Tells whether a row lies in a window; needed only if `batches` is called with one.
        :param redact_values: True if messages must not show the text of cells.
        :param watch: Told of a file that is given by its path when it is opened: its `tell()` says how much has been read.
        :raises TypeError: if there is no converter for the type of a field.
        """
        given = dict(converters or {})
        missing = [position for position, field in enumerate(fields.names) if field not in given]
        known = cell_converters(
            Fields(tuple(fields.names[i] for i in missing), tuple(fields.types[i] for i in missing))
        )
        super().__init__(
            file,
            fields,
            name=name,
            columns=columns,
            converters=[given[field] if field in given else known[field] for field in fields.names],
            form=TSV,
            tells_by_text=not given,
            header=header,
            encoding="utf-8",
            select=select,
            watch=watch,
        )
        self._redact_values = redact_values

    def parse(self, records: bytes, line: int) -> Batch:
        """See `DelimitedSource.parse`."""
        try:
            if (parse := self._parser) is not None and (rows := parse(records)) is not None:
                return rows
            text = records.decode()
            cells = [record.split("\t") for record in text.removesuffix("\n").split("\n")]
            return self._compiled(is_plain=records.isascii() and b"_" not in records)(cells)
        except CONVERT_ERRORS:
            return self._parse_slowly(records, line)

    def _describe(self, header: Sequence[str]) -> None:
        super()._describe(header)
        self._parser = compile_parser(self._converters, self._positions, self._width)

    def _compile(self, *, is_plain: bool) -> ConvertRecords:
        return compile_converter(
            self._converters,
            self._positions,
            self._width,
            nulls=Nulls.SPELLED,
            null=NULL,
            unescape=unescape,
            is_plain=is_plain,
        )

    def _cells_of(self, record: str) -> list[str]:
        try:
            return [unescape(cell) for cell in record.removesuffix("\n").split("\t")]
        except EscapeError as error:
            raise CellError(self._name, 1, None, f"cannot be read: {error}") from error

    def _parse_slowly(self, records: bytes, line: int) -> Batch:
        lines = enumerate(split_records(records, TSV), start=line + self._header_lines)
        return [self._row(record, number) for number, record in lines]

    def _row(self, record: bytes, line: int) -> Row:
        try:
            cells = record.decode().removesuffix("\n").split("\t")
        except UnicodeDecodeError as error:
            raise CellError(self._name, line, None, f"cannot be read: {error}") from error
        if len(cells) != self._width:
            raise CellError(self._name, line, None, f"expected {self._width} cells; got {len(cells)}")
        row: list[object] = []
        for position, convert, heading, annotation in zip(
            self._positions, self._converters, self._headings, self._fields.types, strict=True
        ):
            cell = cells[position]
            try:
                row.append(None if cell == NULL else convert(unescape(cell) if "\\" in cell else cell))
            except (ValueError, ArithmeticError) as error:
                is_clear = isinstance(error, EscapeError | UnknownLabelError)
                expected = getattr(unwrap(annotation).type, "__name__", "value")
                reason = f"cannot read cell ({error})" if is_clear else f"cannot read cell as {expected}"
                shown = None if self._redact_values else shorten(cell)
                raise CellError(self._name, line, heading, reason, shown) from error
        return tuple(row)


def unescape(cell: str) -> str:
    """
    :returns: The text that a cell other than NULL stands for.
    :raises EscapeError: if a backslash is followed by what stands for nothing.
    """
    return _ESCAPE.sub(_unescaped, cell)


def _unescaped(match: re.Match[str]) -> str:
    letter = match[1]
    if letter not in _ESCAPED:
        raise EscapeError(f"unknown escape {match[0]!r}")
    return _ESCAPED[letter]
