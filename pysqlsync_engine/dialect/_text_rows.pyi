"""Rows in the form of a server, made of the text of files and of objects by code that is compiled when the package is installed."""

from typing import Any

def spell_lines(rows: list[tuple[Any, ...]], width: int, /) -> bytes:
    r"""
    Spell rows as lines for LOAD DATA: cells between tabs, `\N` for `None`, a line feed at the end, what is special with escapes.

    :param rows: Integers, strings, bytes that stand for themselves, moments, of which offsets are left out, and others that are
        spelled as `str` does.
    :param width: How many values each has.
    :returns: The lines; text in UTF-8.
    :raises ValueError: for a row of another width, for a NUL character, and for half of a surrogate pair.
    """

def sort_lines(texts: list[bytes], cell: int, first: int, /) -> bytes:
    """
    Put lines for LOAD DATA in the order of one of their cells.

    :param texts: Whole lines: cells between tabs, a line feed at the end of each.
    :param cell: Position of the cell, whose bytes are compared as they are spelled; lines with the same ones stay in order.
    :param first: Number to put in front of the first of the lines that were given, as a cell of its own, and so on; -1 for no numbers.
    :raises ValueError: for a line without its end.
    """

class RowWriter:
    """Makes rows of the text of records."""

    def __init__(
        self,
        fields: tuple[tuple[int, bool, int, int, int, int, tuple[bytes, ...]] | None, ...],
        delimiter: bytes,
        quote: bytes,
        null: bytes,
        *,
        lines: bool = False,
    ) -> None:
        """
        Know what the cells of a record are.

        :param fields: For each cell its kind, whether it may be NULL, its limits (`Field` of `native/fields.h` says which), and the only
            texts that it may be, if there are such; `None` for a cell that is left out.
        :param delimiter: One byte.
        :param quote: One byte around cells; none if special characters are escaped by backslashes instead.
        :param null: Spelling of NULL.
        :param lines: True for lines of LOAD DATA without a character set, false for rows of binary COPY.
        """

    def write(self, records: bytes, start: int, /) -> tuple[bytes, int, int, int, int]:
        """
        Write the records from a position on, each of which has a line feed, up to the first one that is not exact.

        :returns: The rows, how many these are, the position after them, and of the record that follows the cell that has to be
            read in another way: which one it is from 0, and its position. The number of the cell is -1 if no record follows.
        """
