"""Several files as one source: those that a pattern finds when they are read, in the order of their names."""

from __future__ import annotations

import glob
import re
from bisect import bisect_right
from collections.abc import Callable, Generator, Iterable
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeAlias

from pysqlsync_engine.data.formats import file_source
from pysqlsync_engine.data.sources import (
    ArrowSource,
    Fields,
    LenientSource,
    RecordSource,
    TextSource,
    ThreadSource,
    Window,
)
from pysqlsync_engine.data.text import TextFormat, count_lines
from pysqlsync_engine.errors import LoadError
from pysqlsync_engine.session import Batch

ReadFile: TypeAlias = Callable[[Path, Fields], RecordSource]
"""Makes the source of a file, which it does not open yet."""


WILD = re.compile(r"[*?]+|\[[^]]+\]")
"""What stands for some letters of a name."""


class FileSet:
    """The rows of several files, one file after the other; see `file_set`."""

    def __init__(
        self, pattern: str, fields: Fields, *, read: ReadFile, model: RecordSource, missing_ok: bool = False
    ) -> None:
        """
        Describe the files; they are not looked for yet.

        :param model: What `read` makes of any of them.
        """
        self._pattern = pattern
        self._fields = fields
        self._read = read
        self._model = model
        self._missing_ok = missing_ok

    @property
    def fields(self) -> Fields:
        """What the values of a row are; the same for all files."""
        return self._fields

    def files(self) -> list[Path]:
        """
        Look for the files.

        :returns: Those that are there now, sorted; of a directory those in it, without those whose names begin with a dot.
        :raises LoadError: if there are none, and they must not be missing.
        """
        found: list[Path] = []
        for path in map(Path, sorted(glob.glob(self._pattern, recursive=True))):
            inside = sorted(path.iterdir()) if path.is_dir() and "**" not in self._pattern else [path]
            found += [file for file in inside if file.is_file() and not file.name.startswith(".")]
        if not found and not self._missing_ok:
            raise LoadError(f"{self._pattern}: no such file; missing_ok=True takes that for no rows")
        return found

    def batches(self, window: Window | None) -> Generator[Batch]:
        """Read the files, lazily; see `RecordSource.batches`."""
        for source in self._sources():
            yield from _synchronous(source.batches(window))

    def _sources(self) -> list[Any]:
        return [self._read(file, self._fields) for file in self.files()]


class LenientFileSet(FileSet):
    """Files of which each can be read on after a bad record."""

    def lenient_batches(self, window: Window | None) -> Generator[Any]:
        """As `batches`, but a record that cannot be read is among the batches, in order."""
        for source in self._sources():
            yield from _synchronous(source.lenient_batches(window))


class TextFileSet(LenientFileSet):
    """Files of text, which goes to the server as it is if all of them have their columns in the same order."""

    _starts: list[int]
    _opened: list[TextSource]

    @property
    def form(self) -> TextFormat:
        """How records are spelled."""
        model: Any = self._model
        return model.form

    def layout(self) -> tuple[str | None, ...]:
        """:returns: For each cell the name of its field; the same for all files."""
        return self._opened[0].layout()

    def chunks(self, window: Window | None) -> Generator[bytes] | None:
        """
        Read text, lazily, without headers.

        :returns: `None` also if the columns of the files are not in the same order.
        """
        sources: list[TextSource] = self._sources()
        if any(source.chunks(window) is None for source in sources):
            return None
        if len(sources) > 1 and len({_layout_of(source) for source in sources}) > 1:
            return None
        return self._chunks(sources)

    def parse(self, records: bytes, line: int) -> Batch:
        """See `TextSource.parse`; lines are counted through all files, and those of their own in messages."""
        position = bisect_right(self._starts, line) - 1
        return self._opened[position].parse(records, line - self._starts[position] + 1)

    def _chunks(self, sources: list[TextSource]) -> Generator[bytes]:
        self._starts, self._opened = [], []
        line = 1
        for source in sources:
            self._starts.append(line)
            self._opened.append(source)
            for chunk in _synchronous(source.chunks(None) or ()):
                yield chunk
                line += count_lines(chunk)


class ArrowFileSet(FileSet):
    """Files whose rows are record batches of Apache Arrow."""

    _current: ArrowSource

    is_read_in_thread = False
    """True if the files that were found may be read in a thread; see `ThreadSource`."""

    def record_batches(self, window: Window | None) -> Generator[Any] | None:
        """See `ArrowSource.record_batches`."""
        if window is not None:
            return None
        sources: list[ArrowSource] = self._sources()
        self.is_read_in_thread = all(isinstance(each, ThreadSource) and each.is_read_in_thread for each in sources)
        return self._batches(sources)

    def rows(self, batch: Any, first: int) -> Batch:
        """See `ArrowSource.rows`."""
        return self._current.rows(batch, first)

    def _batches(self, sources: list[ArrowSource]) -> Generator[Any]:
        for source in sources:
            self._current = source
            yield from _synchronous(source.record_batches(None) or ())


def _synchronous(items: Any) -> Iterable[Any]:
    """:returns: The same; what is read from a path never has to be awaited."""
    return items


def _layout_of(source: TextSource) -> tuple[str | None, ...]:
    """:returns: For each cell of a file the name of its field."""
    chunks = _synchronous(source.chunks(None))
    for _ in chunks:
        break
    if isinstance(chunks, Generator):
        chunks.close()
    return source.layout()


def file_set(
    pattern: str | PathLike[str],
    fields: Fields,
    *,
    read: ReadFile = file_source,
    missing_ok: bool = False,
) -> FileSet:
    """
    Describe several files whose rows are one stream: `file_set("orders/*.csv.gz", class_fields(Order))`.

    The files are looked for each time that rows are read. Text goes to the server as it is, and Parquet column-wise, as from a single
    file.

    :param pattern: Path with `*`, `?`, `[...]`, and `**` for directories of any depth; or a directory, for the files in it.
    :param fields: Columns to read.
    :param read: Makes the source of a file; the format is told by the end of its name.
    :param missing_ok: True if no file at all means no rows; else that is an error.
    :raises ValueError: if the pattern does not tell the format.
    """
    text = fspath(pattern)
    # what the files are called, as far as their format goes: `orders-*.csv*` is like `orders-x.csv`
    model = read(Path(WILD.sub("x", text.rstrip("*?."))), fields)
    kind = FileSet
    if isinstance(model, TextSource):
        kind = TextFileSet
    elif isinstance(model, ArrowSource):
        kind = ArrowFileSet
    elif isinstance(model, LenientSource):
        kind = LenientFileSet
    return kind(text, fields, read=read, model=model, missing_ok=missing_ok)
