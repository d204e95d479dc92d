"""Files of rows: opened as text, unpacked if they are packed."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from os import PathLike
from pathlib import Path
from typing import BinaryIO, TextIO, cast

Opener = Callable[[], AbstractContextManager[TextIO]]
"""Opens a file as text, with `newline=""` so that line breaks inside of cells stay as they are."""

PACKED_SUFFIX = ".gz"


def text_opener(
    file: str | PathLike[str], *, encoding: str = "utf-8-sig", watch: Callable[[BinaryIO], None] | None = None
) -> Opener:
    """
    :param file: Path; one that ends in `.gz` is unpacked while it is read.
    :param encoding: Of the text; a byte order mark is skipped by the default.
    :param watch: Told of the file itself when it is opened: its `tell()` says how much of it has been read.
    """
    path = Path(file)

    @contextmanager
    def open_text() -> Generator[TextIO]:
        with path.open("rb") as raw:
            if watch is not None:
                watch(raw)
            # a gzip file is a buffered binary file, which its stub does not say
            unpacked = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if path.suffix == PACKED_SUFFIX else raw
            with io.TextIOWrapper(unpacked, encoding=encoding, newline="") as text:
                yield text

    return open_text
