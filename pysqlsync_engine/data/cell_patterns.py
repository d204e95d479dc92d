"""Regular expressions for records of a file whose cells a server stores exactly."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pysqlsync_engine.data.text import TextColumn, TextFormat

ANY = TextColumn()
"""Any text."""


def compile_run(cells: Sequence[bytes], form: TextFormat) -> re.Pattern[bytes]:
    """:returns: Expression for as many records as possible, one after another."""
    delimiter = re.escape(form.delimiter.encode())
    ends = [delimiter] * (len(cells) - 1) + [rb"\n"]
    # alone on its line, it would be the end of the rows, or none at all
    single = rb"(?!(?:\\\.)?\n)" if form.quote is not None and len(cells) == 1 else b""
    return re.compile(b"(?:" + single + b"".join(map(_ended, cells, ends)) + b")*+")


def _ended(cell: bytes, end: bytes) -> bytes:
    """:returns: Expression for a cell and what ends it, which matches in one way only: a record that is wrong is soon given up."""
    return cell + end if cell.startswith(b"[") else b"(?>" + cell + end + b")"


def plain_cells(form: TextFormat, cells: Sequence[TextColumn]) -> list[bytes]:
    """
    :returns: Expressions for cells without special characters. All but the last one take line feeds for text, as one character that
        ends a cell is looked for much faster than two: there was one, if there are not as many delimiters as lines should have.
    """
    others = _others(form, cells)
    return [_cell(cell, form, other, other + b"*+") for cell, other in zip(cells, others, strict=True)]


def loose_cells(form: TextFormat, cells: Sequence[TextColumn]) -> list[bytes]:
    """
    :returns: Expressions as those of `plain_cells`, for a server that refuses records that have not as many cells as they should:
        those of any text at the end are one, which is found faster.
    """
    guarded = len(cells)
    while guarded and cells[guarded - 1] == ANY:
        guarded -= 1
    return plain_cells(form, cells[:guarded]) + ([] if guarded == len(cells) else [rb"[^\n]*+"])


def masked_cells(form: TextFormat, cells: Sequence[TextColumn]) -> list[bytes]:
    """:returns: Expressions as those of `plain_cells`, for cells that may be in quotes if neither a delimiter nor a line feed is."""
    quote = re.escape((form.quote or "").encode())
    inner = b"[^" + quote + b"]"
    return [
        plain if cell == ANY else b"(?:" + plain + b"|" + quote + _text(cell, inner, inner + b"*+") + quote + b")"
        for cell, plain in zip(cells, plain_cells(form, cells), strict=True)
    ]


def strict_cells(form: TextFormat, cells: Sequence[TextColumn], escapes: str) -> list[bytes]:
    """:returns: Expressions for cells one by one, which look at every character."""
    delimiter, null = re.escape(form.delimiter.encode()), re.escape(form.null.encode())
    if form.quote is None:
        other = rb"[^" + delimiter + rb"\n\r\x00\\]"
        text = other + rb"*+(?:\\[" + re.escape(escapes).encode() + rb"]" + other + rb"*+)*+"
        return [_cell(cell, form, other, text) for cell in cells]
    quote = re.escape(form.quote.encode())
    bare = rb"[^" + delimiter + rb"\n\r\x00" + quote + rb"]"
    inner = rb"[^\r\x00" + quote + rb"]"
    quoted = b"(?:" + inner + b"++|" + quote + quote + b")*+"
    return [
        b"(?:" + _cell(cell, form, bare, bare + b"*+")
        # in quotes it would not be NULL to a server
        + b"|" + quote + b"(?!" + null + quote + b"(?!" + quote + b"))" + _text(cell, inner, quoted) + quote + b")"
        for cell in cells
    ]  # fmt: skip


def _others(form: TextFormat, cells: Sequence[TextColumn]) -> list[bytes]:
    delimiter = re.escape(form.delimiter.encode())
    return [b"[^" + delimiter + b"]"] * (len(cells) - 1) + [b"[^" + delimiter + rb"\n]"] * bool(cells)


def _cell(cell: TextColumn, form: TextFormat, other: bytes, text: bytes) -> bytes:
    """
    :param other: Class of the characters of a cell, but for escapes.
    :param text: Expression for a cell of any text.
    :returns: Expression that matches a whole cell if it is followed by what ends one.
    """
    if other + b"*+" == text and cell.pattern is None:
        limits = [limit for limit in (cell.max_bytes, cell.max_characters) if limit is not None]
        if min(limits, default=len(form.null)) >= len(form.null.encode()):
            # NULL is as good as any text
            return _text(cell, other, text)
    if cell.pattern is not None and not cell.nullable:
        return _text(cell, other, text)
    # last, as there are more values
    return b"(?:" + _text(cell, other, text) + b"|" + re.escape(form.null.encode()) + b")"


def _text(cell: TextColumn, other: bytes, text: bytes) -> bytes:
    """:returns: Expression for a cell that is not NULL."""
    single = b"(?:" + other[:-1] + rb"\x80-\xff]|[\xc2-\xf4][\x80-\xbf]*+)"
    if cell.pattern is not None:
        text = b"(?:%b)" % cell.pattern.encode() if "|" in cell.pattern else cell.pattern.encode()
    elif cell.max_characters is not None:
        # one that has no more bytes than characters are allowed is found much faster
        text = b"(?:%b{0,%d}+|%b{0,%d}+)" % (other, cell.max_characters, single, cell.max_characters)
    elif cell.max_bytes is not None:
        return other + b"{0,%d}+" % cell.max_bytes
    if cell.pattern is not None and cell.max_characters is not None:
        text = b"(?!" + single + b"{%d})" % (cell.max_characters + 1) + text
    return text if cell.max_bytes is None else b"(?!" + other + b"{%d})" % (cell.max_bytes + 1) + text


def bad_escape(form: TextFormat, escapes: str) -> re.Pattern[bytes]:
    """:returns: Expression for a backslash of its own, an escape that the server does not know, or a NULL that is no whole cell."""
    known = re.escape(escapes.replace("N", "")).encode()
    other = rb"[^" + re.escape(form.delimiter.encode()) + rb"\n]"
    # of some backslashes in a row, the first one of which is found, all but the last one may be pairs
    pairs = rb"(?<!\\\\)(?:\\\\)*+" if "\\" in escapes else b""
    return re.compile(rb"\\" + pairs + rb"(?:[^N" + known + rb"]|N(?:(?<=" + other + rb"\\N)|(?=" + other + rb")))")


def tidy_quotes(form: TextFormat) -> re.Pattern[bytes]:
    """:returns: Expression for text up to the first quote that is neither around a whole cell nor doubled in one; all of it, if none is."""
    rest, opened = _quote_parts(form)
    closing = re.escape((form.quote or "").encode()) + b"(?=[" + re.escape(form.delimiter.encode()) + rb"\r\n])"
    return re.compile(b"(?:" + rest + opened + closing + b")*+" + rest)


def open_quote(form: TextFormat) -> re.Pattern[bytes]:
    """:returns: Expression for the beginning of a cell in quotes that goes on to the end of a text."""
    return re.compile(_quote_parts(form)[1] + rb"\Z")


def _quote_parts(form: TextFormat) -> tuple[bytes, bytes]:
    """:returns: Expressions for text without quotes, and for a cell in quotes up to, not including, the one that ends it."""
    quote = re.escape((form.quote or "").encode())
    rest = b"[^" + quote + b"]*+"
    edge = b"(?<![^" + re.escape(form.delimiter.encode()) + rb"\n]" + quote + b")"
    return rest, quote + edge + rest + b"(?:" + quote + quote + rest + b")*+"


def quoted_null(form: TextFormat) -> re.Pattern[bytes]:
    """:returns: Expression for NULL in quotes, which would be none to a server."""
    null = re.escape(f"{form.quote}{form.null}{form.quote}".encode())
    edge = b"[^" + re.escape(form.delimiter.encode()) + rb"\n]"
    return re.compile(null + b"(?<!" + edge + null + b")(?!" + edge + b")")
