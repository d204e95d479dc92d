"""Files of rows as blocks of bytes: from a path, an open file or a stream; unpacked if they are packed."""

from __future__ import annotations

import codecs
import gzip
import importlib
from collections.abc import AsyncIterable, Callable, Generator, Iterable
from contextlib import AbstractContextManager
from os import PathLike, fspath
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TextIO, TypeAlias

from pysqlsync_engine.data.chunks import BLOCK_BYTES
from pysqlsync_engine.errors import LoadError

Opener: TypeAlias = Callable[[], AbstractContextManager[TextIO] | AbstractContextManager[BinaryIO]]
"""Opens a file; as text with `newline=""`, so that line breaks inside of cells stay as they are."""


class Readable(Protocol):
    """A binary file that is open already."""

    def read(self, size: int, /) -> bytes:
        """:returns: At most so many bytes; none at the end."""
        ...


File: TypeAlias = str | PathLike[str] | Opener | Readable | AsyncIterable[bytes]
"""
What a source reads: a path; a function that opens the file (one inside of an archive, say); or a file or a stream that is open
already, and is read once only.
"""

PACKED_SUFFIXES = (".gz", ".zst")


def name_of(file: File) -> str:
    """:returns: What messages call a file that has no other name."""
    return fspath(file) if isinstance(file, str | PathLike) else "file"


def is_one_time(file: File) -> bool:
    """:returns: True if the file is open already, so that it can be read once only."""
    return not isinstance(file, str | PathLike) and not callable(file)


def read_blocks(
    file: File, *, encoding: str = "utf-8", watch: Callable[[BinaryIO], None] | None = None
) -> Iterable[bytes] | AsyncIterable[bytes]:
    """
    Read a file, lazily; one given by its path, or by a function, from the beginning.

    :param encoding: Of a file given by its path.
    :param watch: Told of the file itself when it is opened by its path: its `tell()` says how much of it has been read.
    :returns: Bytes in UTF-8.
    """
    if isinstance(file, str | PathLike):
        blocks = read_file(Path(fspath(file)), watch)
        return blocks if _is_utf8(encoding) else _recoded(blocks, encoding)
    if isinstance(file, AsyncIterable):
        # some streams can also be read, but have to be awaited then
        return file  # pyright: ignore[reportUnknownVariableType] - of bytes, by its declaration
    return _opened_blocks(file) if callable(file) else _blocks(file)


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in {"utf-8", "utf-8-sig", "ascii"}


def read_file(path: Path, watch: Callable[[BinaryIO], None] | None = None) -> Generator[bytes]:
    """:returns: The bytes of a file, unpacked if its name says that it is packed."""
    with path.open("rb") as raw:
        if watch is not None:
            watch(raw)
        if path.suffix == ".gz":
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield from _blocks(unpacked)
        elif path.suffix == ".zst":
            yield from _unpacked_zstd(raw)
        else:
            yield from _blocks(raw)


def _opened_blocks(opener: Opener) -> Generator[bytes]:
    with opener() as opened:
        yield from _blocks(opened)


def _blocks(opened: Readable | TextIO) -> Generator[bytes]:
    while block := opened.read(BLOCK_BYTES):
        yield block.encode() if isinstance(block, str) else block


def _recoded(blocks: Generator[bytes], encoding: str) -> Generator[bytes]:
    try:
        for text in codecs.iterdecode(blocks, encoding):
            yield text.encode()
    finally:
        blocks.close()


def _unpacked_zstd(raw: BinaryIO) -> Generator[bytes]:
    """:raises EOFError: if the file is damaged, or ends too early."""
    zstandard = _load_zstandard()
    frame: Any = None
    block = b""
    try:
        while block or (block := raw.read(BLOCK_BYTES // 4)):
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            if unpacked := frame.decompress(block):
                yield unpacked
            # several may follow each other
            block, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    except zstandard.ZstdError as error:
        raise EOFError(str(error)) from error
    if frame is not None:
        raise EOFError("Compressed file ended before the end-of-stream marker was reached")


def _load_zstandard() -> Any:
    try:
        return importlib.import_module("zstandard")
    except ImportError as error:
        raise LoadError(
            "files packed with zstd need the package zstandard; install it: pip install 'pysqlsync-dagster[zstd]'"
        ) from error
