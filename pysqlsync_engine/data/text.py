"""Rows that are text already: in what form a file has them, and which of it a server stores as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from pysqlsync_engine.model.object_types import Column


@dataclass(frozen=True, slots=True)
class TextFormat:
    r"""
    How a file spells records; each ends with a line feed.

    :param delimiter: One character between cells.
    :param null: Spelling of NULL.
    :param quote: Character around cells that hold a delimiter, a line feed or itself, which is then doubled; `None` if special
        characters are escaped by a backslash instead (`\t`, `\n`, `\\`).
    """

    delimiter: str = "\t"
    null: str = "\\N"
    quote: str | None = None


TSV = TextFormat()
"""As servers write it."""


ANY_TYPES: Mapping[str, Sequence[str]] = MappingProxyType({})
"""What columns have to be to be given text: anything, as the server converts it."""


def count_lines(text: bytes) -> int:
    """:returns: Number of line feeds; unless records are very short, to leave them out is faster than to count them."""
    return len(text) - len(text.replace(b"\n", b""))


@dataclass(frozen=True, slots=True)
class TextColumn:
    r"""
    Which cells of a column a server stores exactly as they would be stored as values.

    A cell that does not fit is parsed, and sent (or refused) as a value.

    :param pattern: Regular expression for the whole cell, NULL aside; `None` for any text. It matches neither a delimiter, a quote,
        a backslash nor a line feed, and has no groups other than `(?:...)`.
    :param max_bytes: Longest cell, in bytes; `None` without limit.
    :param max_characters: Longest cell, in characters; `None` without limit.
    :param nullable: False if NULL is none of the values of a column with a pattern.
    """

    pattern: str | None = None
    max_bytes: int | None = None
    max_characters: int | None = None
    nullable: bool = True

    def of(self, column: Column) -> TextColumn:
        """:returns: The same for a column that may be one without NULL, whose cells are matched faster."""
        return self if column.nullable or self.pattern is None else replace(self, nullable=False)


@dataclass(frozen=True, slots=True)
class TextRules:
    r"""
    What text a store takes as it is.

    :param columns: For each column of the stream which cells it takes; `None` for one whose text it never does.
    :param obstacle: Why no text is taken at all; `None` if it is.
    :param escapes: Letters that mean the same to the server after a backslash as in a file (`t` for `\t`).
    :param skips: True if cells that belong to no column are left out by the server.
    :param quoted: True if the server reads cells in quotes (CSV).
    :param decodes: True if the server refuses text that is not UTF-8; else it is looked for before.
    :param counts_cells: True if the server refuses, and tells the number of, a record that has not as many cells as it should; else
        they are counted before.
    """

    columns: tuple[TextColumn | None, ...]
    obstacle: str | None = None
    escapes: str = "bfnrtv\\"
    skips: bool = False
    quoted: bool = False
    decodes: bool = True
    counts_cells: bool = True


@dataclass(frozen=True, slots=True)
class TextPart:
    """
    Records of a file that go to the server as they are.

    :param records: Whole records, each with its line feed, in UTF-8. None has a cell in quotes that spells NULL, which would be none
        to a server.
    :param rows: How many these are.
    :param first: Number of the first one in the stream, from 1.
    :param layout: For each cell of a record the position of its column in the stream; `None` for one that is left out.
    """

    records: bytes
    rows: int
    first: int
    form: TextFormat
    layout: tuple[int | None, ...]
