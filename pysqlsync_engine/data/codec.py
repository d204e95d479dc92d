"""Encodes batches of rows by code that is compiled for their fields, and finds the cell at fault when that fails."""

from __future__ import annotations

import linecache
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from pysqlsync_engine.data.hooks import UNCHANGED, Detour, Hook
from pysqlsync_engine.session import Batch

BatchEncoder = Callable[[Batch], Batch]
"""Encodes the rows of a batch for the driver."""

NumberedEncoder = Callable[[Batch, int], Batch]
"""Encodes the rows of a batch for the driver, each preceded by its number, counted from the second argument."""

MAX_SHOWN_CHARACTERS = 60
"""Most characters of a value that a message shows."""


class BadCell(Exception):  # noqa: N818 - not an error yet: whoever knows the table makes one of it
    """
    A value that cannot be stored.

    :param index: Position of the row in its batch.
    :param field: Position of the value in its row; `None` if the row as a whole is at fault.
    :param reason: What is wrong, without the value.
    :param value: The value, or the row.
    """

    def __init__(self, index: int, field: int | None, reason: str, value: Any) -> None:
        super().__init__(reason)
        self.index = index
        self.field = field
        self.reason = reason
        self.value = value


def compile_encoder(hooks: Sequence[Hook | None]) -> BatchEncoder | None:
    """
    Compile a function that encodes a batch of rows for the driver.

    :param hooks: One per field in row order; `None` passes the value through. NULL never reaches a hook.
    :returns: Rows in, as many tuples out; raises whatever a hook raises, and `ValueError` for a row that has not as many
        values as there are fields. `None` if every field passes through.
    """
    if all(hook is None or hook.expression == UNCHANGED for hook in hooks):
        return None
    return _compile(hooks, numbered=False)


def compile_numbered_encoder(hooks: Sequence[Hook | None]) -> NumberedEncoder:
    """
    Compile a function that encodes a batch of rows and puts their numbers in front.

    :param hooks: As for `compile_encoder`.
    """
    return _compile(hooks, numbered=True)


def _compile(hooks: Sequence[Hook | None], *, numbered: bool) -> Any:
    names: dict[str, Any] = {}
    cells = [_cell(position, hook, names) for position, hook in enumerate(hooks)]
    row = "".join(f"v{position}, " for position in range(len(hooks)))
    if numbered:
        lines = [
            "def encode(batch, first):",
            f"    return [({', '.join(['number', *cells])},) for number, ({row}) in enumerate(batch, first)]",
        ]
    else:
        lines = ["def encode(batch):", f"    return [({', '.join(cells)},) for {row} in batch]"]
    return compile_text("\n".join(lines) + "\n", "encode", names)


def compile_text(source: str, function: str, names: dict[str, Any]) -> Any:
    """
    :param source: Python that defines a function; made of expressions of our own only.
    :param names: What the source refers to.
    :returns: The function.
    """
    file_name = f"<{function} {zlib.crc32(source.encode()):08x}>"
    # so that a traceback shows the line; named after the text, so that a service does not gather them without limit
    linecache.cache[file_name] = (len(source), None, source.splitlines(keepends=True), file_name)
    exec(compile(source, file_name, "exec"), names)  # noqa: S102 - see above
    return names[function]


def _cell(position: int, hook: Hook | None, names: dict[str, Any]) -> str:
    """:returns: Expression for one value of a row; adds what it refers to to `names`."""
    variable = f"v{position}"
    if hook is None or hook.expression == UNCHANGED:
        return variable
    replacements = {"v": variable}
    for name, value in (("encode", hook.encode), *hook.names):
        replacements[name] = f"{name}_{position}"
        names[replacements[name]] = value
    expression = hook.expression.format_map(replacements)
    return f"None if {variable} is None else {expression}"


def check_width(batch: Batch, width: int) -> None:
    """
    Check that each row has as many values as there are fields.

    :raises ValueError: if one has not.
    """
    if any(map(width.__ne__, map(len, batch))):
        raise ValueError(f"expected {width} values in a row")


def find_bad_cell(batch: Batch, hooks: Sequence[Hook | None]) -> BadCell | None:
    """
    Look for the first value that cannot be stored, cell by cell.

    :returns: `None` if each hook takes its values.
    """
    for index, row in enumerate(batch):
        if not isinstance(row, Sequence) or isinstance(row, str | bytes):  # pyright: ignore[reportUnnecessaryIsInstance] - given by users
            return BadCell(index, None, f"expected a tuple; got {type(row).__name__}", row)
        if len(row) != len(hooks):
            return BadCell(index, None, f"expected {len(hooks)} values; got {len(row)}", row)
        for field, (value, hook) in enumerate(zip(row, hooks, strict=True)):
            if value is None or hook is None:
                continue
            try:
                hook.encode(value)
            except Detour:
                continue
            except Exception as error:  # noqa: BLE001 - a value may be of any class, which may raise anything
                return BadCell(index, field, str(error) or type(error).__name__, value)
    return None


def shorten(value: Any) -> str:
    """:returns: The value as Python would print it, cut to a length that fits in a message."""
    if isinstance(value, str | bytes | bytearray):
        value = value[: MAX_SHOWN_CHARACTERS + 1]
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a value may be of any class, and very long integers have no text
        return f"<{type(value).__name__}: {type(error).__name__}>"
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[: MAX_SHOWN_CHARACTERS - 3] + "..."
