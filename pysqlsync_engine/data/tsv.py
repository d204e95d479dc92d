r"""A record source for tab-separated values as servers write them: `\N` is NULL, and tabs and line ends are escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from os import PathLike
from typing import TextIO
from zlib import error as ZlibError  # noqa: N812 - it is a class

from pysqlsync_engine.data.cells import cell_converters
from pysqlsync_engine.data.codec import shorten
from pysqlsync_engine.data.csv import CellError, Convert
from pysqlsync_engine.data.files import Opener, text_opener
from pysqlsync_engine.data.sources import Fields, Window
from pysqlsync_engine.data.windows import window_batches
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
    "\t": "\t",
    "\n": "\n",
}
"""What a letter after a backslash stands for (https://www.postgresql.org/docs/current/sql-copy.html, Text Format)."""


class TsvSource:
    """
    The records of a file, one on each line, as rows.

    The file is read again by each call of `batches`, a batch at a time.
    """

    def __init__(
        self,
        file: str | PathLike[str] | Opener,
        fields: Fields,
        *,
        name: str | None = None,
        columns: Mapping[str, str] | None = None,
        converters: Mapping[str, Convert] | None = None,
        header: bool = True,
        select: Callable[[Row, Window], bool] | None = None,
        redact_values: bool = False,
    ) -> None:
        """
        Describe a file; it is not opened yet.

        :param file: Path, unpacked if it ends in `.gz`; or a function that opens the file.
        :param fields: Columns to read, and what their cells are converted to.
        :param name: What messages call the file; `None` takes the path.
        :param columns: What a field is called in the header of the file, where that is not its own name.
        :param converters: For fields whose cells are not spelled as `cell_converter` says.
        :param header: False if the first line is a record, and the cells are those of the fields, in order.
        :param select: Tells whether a row lies in a window; needed only if `batches` is called with one.
        :param redact_values: True if messages must not show the text of cells.
        :raises TypeError: if there is no converter for the type of a field.
        """
        self._open: Opener = file if callable(file) else text_opener(file)
        self._name = name or ("file" if callable(file) else str(file))
        self._fields = fields
        self._headings = [(columns or {}).get(field, field) for field in fields.names]
        given = dict(converters or {})
        missing = [position for position, field in enumerate(fields.names) if field not in given]
        given |= cell_converters(
            Fields(tuple(fields.names[i] for i in missing), tuple(fields.types[i] for i in missing))
        )
        self._converters = [given[field] for field in fields.names]
        self._header = header
        self._select = select
        self._redact_values = redact_values

    @property
    def fields(self) -> Fields:
        """What the values of a row are."""
        return self._fields

    def batches(self, window: Window | None) -> Generator[Batch]:
        """
        Read the file, lazily.

        :param window: Which rows; `None` for all.
        :raises CellError: if a cell cannot be converted, or a record has not as many cells as the header.
        :raises ValueError: if a column is missing, or rows of a window are asked for without `select`.
        """
        yield from window_batches(self._rows(), window, self._select, source=self, name=self._name)

    def _rows(self) -> Generator[Row]:
        number = 0
        try:
            with self._open() as text:
                lines = enumerate(_lines(text), start=1)
                header = self._headings
                if self._header:
                    number, first = next(lines, (1, ""))
                    header = [unescape(cell) for cell in first.split("\t")]
                positions = self._positions(header)
                for number, line in lines:
                    yield self._row(line.split("\t"), number, len(header), positions)
        except (UnicodeDecodeError, EOFError, ZlibError) as error:
            raise CellError(self._name, number + 1, None, f"cannot be read: {error}") from error

    def _positions(self, header: Sequence[str]) -> list[int]:
        missing = [heading for heading in self._headings if heading not in header]
        if missing:
            raise ValueError(f"{self._name}: no column {', '.join(missing)}; columns: {', '.join(header)}")
        return [header.index(heading) for heading in self._headings]

    def _row(self, cells: Sequence[str], number: int, width: int, positions: Sequence[int]) -> Row:
        if len(cells) != width:
            raise CellError(self._name, number, None, f"expected {width} cells; got {len(cells)}")
        row: list[object] = []
        for position, convert, heading in zip(positions, self._converters, self._headings, strict=True):
            cell = cells[position]
            if cell == NULL:
                row.append(None)
                continue
            try:
                text = unescape(cell) if "\\" in cell else cell
                row.append(convert(text))
            except (ValueError, ArithmeticError) as error:
                shown = "" if self._redact_values else f": {shorten(cell)}"
                raise CellError(self._name, number, heading, f"cannot read cell ({error}){shown}") from error
        return tuple(row)


def unescape(cell: str) -> str:
    """
    :returns: The text that a cell other than NULL stands for.
    :raises ValueError: if a backslash is followed by what stands for nothing.
    """
    return _ESCAPE.sub(_unescaped, cell)


def _unescaped(match: re.Match[str]) -> str:
    letter = match[1]
    if letter not in _ESCAPED:
        raise ValueError(f"unknown escape {match[0]!r}")
    return _ESCAPED[letter]


def _lines(text: TextIO) -> Iterator[str]:
    """:returns: Lines without their ends."""
    for line in text:
        yield line.removesuffix("\n").removesuffix("\r")
