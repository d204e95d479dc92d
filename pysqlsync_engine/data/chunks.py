"""Cuts the bytes of a file into chunks of whole records."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Iterator
from contextlib import aclosing
from typing import Protocol, TypeVar

from pysqlsync_engine.data.batches import as_async
from pysqlsync_engine.data.cell_patterns import open_quote, tidy_quotes
from pysqlsync_engine.data.cells import CellError
from pysqlsync_engine.data.guard import record_pattern
from pysqlsync_engine.data.text import TextFormat, count_lines
from pysqlsync_engine.errors import LoadError

BLOCK_BYTES = 256 * 1024
"""Bytes that are read at once: few enough that the server still has some to do while the next ones are looked at."""

MAX_TIDY_TRIES = 2
"""Line feeds at the end of what is read that are looked at, before all of it is."""

MAX_RECORD_BYTES = 64 * 1024 * 1024
"""Longest record; a longer one is more likely a quote that is never closed."""

READ_ERRORS = (UnicodeDecodeError, EOFError, zlib.error, gzip.BadGzipFile)
"""What goes wrong while a file is read that is damaged, or not what its name says."""

Taken = TypeVar("Taken", contravariant=True)
Given = TypeVar("Given", covariant=True)

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Cutter:
    """Keeps what is left of a record until its end has been read. One for each reading of a file."""

    def __init__(self, form: TextFormat, name: str) -> None:
        self._name = name
        self._quotes = None if form.quote is None else _Quotes(form.quote.encode(), form)
        self._record = record_pattern(form)
        self._records = re.compile(b"(?:" + self._record.pattern + b")*+")
        self._rest = bytearray()
        self._is_first = True

    def feed(self, block: bytes) -> bytes:
        """
        :returns: The records that are whole now, without carriage returns at their ends.
        :raises LoadError: if there is no end to a record.
        """
        if self._is_first and len(self._rest) + len(block) >= len(BYTE_ORDER_MARK):
            block = (bytes(self._rest) + block).removeprefix(BYTE_ORDER_MARK)
            self._rest.clear()
            self._is_first = False
        if self._quotes is None and (end := block.rfind(b"\n") + 1):
            records = b"".join((self._rest, memoryview(block)[:end]))
            self._rest[:] = block[end:]
            return self._plain(records)
        self._rest += block
        end = self._end(block)
        if end == 0:
            if len(self._rest) > MAX_RECORD_BYTES:
                raise LoadError(
                    f"{self._name}: a record is longer than {MAX_RECORD_BYTES} bytes; close its quotes, if it has any"
                )
            return b""
        records = bytes(memoryview(self._rest)[:end])
        del self._rest[:end]
        return self._plain(records)

    def finish(self) -> bytes:
        """:returns: The last record, if it had no line feed."""
        rest = bytes(self._rest).removeprefix(BYTE_ORDER_MARK if self._is_first else b"")
        self._rest.clear()
        return self._plain(rest + b"\n") if rest else b""

    def _end(self, block: bytes) -> int:
        """:returns: Where the last whole record ends, of a form that has quotes; 0 if there is none."""
        line_feed = block.rfind(b"\n")
        if line_feed < 0 or self._quotes is None:
            return 0
        if self._quotes.quote not in self._rest:
            return len(self._rest) - len(block) + line_feed + 1
        return self._quotes.find_end(self._rest) or self._exact_end()

    def _exact_end(self) -> int:
        match = self._records.match(self._rest)
        return 0 if match is None else match.end()

    def _plain(self, records: bytes) -> bytes:
        # a single character is found much faster
        if b"\r" not in records or b"\r\n" not in records:
            return records
        if self._quotes is None or not self._quotes.may_have_returns(records):
            return records.replace(b"\r\n", b"\n")
        return self._record.sub(_without_return, records)


def _without_return(record: re.Match[bytes]) -> bytes:
    text = record[0]
    return text[:-2] + b"\n" if text.endswith(b"\r\n") else text


class _Quotes:
    """Tells quickly where records end, as long as there are no quotes but those around cells, and those doubled in them."""

    def __init__(self, quote: bytes, form: TextFormat) -> None:
        self.quote = quote
        self._tidy = tidy_quotes(form)
        self._open = open_quote(form)

    def find_end(self, text: bytearray) -> int:
        """:returns: Where the last whole record ends; 0 if that is not found soon."""
        end = len(text)
        for _ in range(MAX_TIDY_TRIES):
            end = text.rfind(b"\n", 0, end) + 1
            match = self._tidy.match(text, 0, end)
            found = 0 if match is None else match.end()
            if found == end:
                return end
            if self._open.match(text, found, end) is None:
                return 0
            # the line feed is in quotes
            end = found
        return 0

    def may_have_returns(self, records: bytes) -> bool:
        """:returns: False if no cell in quotes has a carriage return before a line feed."""
        match = self._tidy.match(records)
        is_tidy = match is not None and match.end() == len(records)
        return not is_tidy or any(b"\r\n" in cell for cell in records.split(self.quote)[1::2])


class Stage(Protocol[Taken, Given]):
    """Makes something of the items of a stream; one for each reading."""

    def feed(self, item: Taken, /) -> Iterable[Given]:
        """:returns: What can be had of the items so far."""
        ...

    def finish(self) -> Iterable[Given]:
        """:returns: What is left after the last one."""
        ...

    def explain(self, error: Exception) -> Exception:
        """:returns: The error to raise in place of one that the items, or the stage, have raised."""
        ...


def transform(
    items: Iterable[Taken] | AsyncIterable[Taken], stage: Stage[Taken, Given]
) -> Generator[Given] | AsyncGenerator[Given]:
    """:returns: All that a stage makes of the items, lazily; sync or async as these are, which are closed at the end."""
    if isinstance(items, AsyncIterable):
        return _transform_async(items, stage)
    return _transform(items, stage)


def _transform(items: Iterable[Taken], stage: Stage[Taken, Given]) -> Generator[Given]:
    try:
        for item in items:
            yield from stage.feed(item)
        yield from stage.finish()
    except READ_ERRORS as error:
        raise stage.explain(error) from error
    finally:
        if isinstance(items, Generator):
            items.close()


async def _transform_async(items: AsyncIterable[Taken], stage: Stage[Taken, Given]) -> AsyncGenerator[Given]:
    try:
        async with aclosing(as_async(items)) as source:
            async for item in source:
                for result in stage.feed(item):
                    yield result
        for result in stage.finish():
            yield result
    except READ_ERRORS as error:
        raise stage.explain(error) from error


class ChunkStage:
    """Cuts blocks into chunks, and takes the header off."""

    def __init__(self, form: TextFormat, name: str, take_header: Callable[[bytes], bytes] | None = None) -> None:
        """
        Start at the beginning of a file.

        :param take_header: Given the first records, returns those after the header.
        """
        self._cutter = Cutter(form, name)
        self._name = name
        self._take_header = take_header
        self._lines = 0

    def feed(self, block: bytes, /) -> Iterator[bytes]:
        """:returns: The records that are whole now."""
        if records := self._cutter.feed(block):
            yield from self._without_header(records)

    def finish(self) -> Iterator[bytes]:
        """:returns: The last record, if it had no line feed."""
        records = self._cutter.finish()
        if records or self._take_header is not None:
            yield from self._without_header(records)

    def explain(self, error: Exception) -> Exception:
        """:returns: Error that tells about where the file is damaged."""
        return CellError(self._name, self._lines + 1, None, f"cannot be read: {error}")

    def _without_header(self, records: bytes) -> Iterator[bytes]:
        self._lines += count_lines(records)
        if self._take_header is not None:
            records = self._take_header(records)
            self._take_header = None
        if records:
            yield records
