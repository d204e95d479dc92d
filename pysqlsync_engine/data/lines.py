"""Encodes batches of rows as lines of text, by code that is compiled for their fields."""

from __future__ import annotations

import linecache
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from pysqlsync_engine.data.codec import compile_encoder
from pysqlsync_engine.data.hooks import UNCHANGED, Hook
from pysqlsync_engine.session import Batch, Row

LineEncoder = Callable[[Batch], bytes]
"""Encodes the rows of a batch as lines of text, in UTF-8; raises whatever a hook raises."""

Spell = Callable[[list[Row], int], bytes]
"""Spells rows of so many integers and texts as lines."""

NULL = "\\N"


def compile_line_encoder(hooks: Sequence[Hook], texts: Sequence[bool], spell: Spell | None) -> LineEncoder:
    r"""
    Compile a function that spells the rows of a batch as lines: cells between tabs, `\N` for NULL, a line feed at the end.

    :param hooks: One per field in row order, which makes integers or text of the values. NULL never reaches a hook.
    :param texts: For each field whether its text may hold any character; that of others holds digits, letters and the like.
    :param spell: What makes lines of what the hooks have made; `None` to do without it.
    :returns: Raises also `ValueError` for a row that has not as many values as there are fields, for a NUL character, and for half of a
        surrogate pair.
    """
    if spell is None:
        return _compile_lines(hooks, texts)
    encode, width = compile_encoder(hooks), len(hooks)
    if encode is None:
        return lambda batch: spell([*map(tuple, batch)], width)
    return lambda batch: spell([*encode(batch)], width)


def _compile_lines(hooks: Sequence[Hook], texts: Sequence[bool]) -> LineEncoder:
    """
    Compile a function that does it all.

    Few texts hold characters that have to be escaped. So the lines are made without looking for them; then it is counted whether
    all tabs, line feeds and backslashes are those that belong there, and lines with more of them are made again, with escapes.
    """
    spell = _compile(hooks, [False] * len(hooks))
    spell_escaped = _compile(hooks, texts) if any(texts) else None
    inner_tabs = len(hooks) - 1

    def encode(batch: Batch) -> bytes:
        lines, nulls = spell(batch)
        text = "".join(lines)
        if spell_escaped is None or _is_plain(text, len(lines), inner_tabs, len(nulls)):
            return text.encode()
        own_nulls = Counter(nulls)
        places = [place for place, line in enumerate(lines) if not _is_plain(line, 1, inner_tabs, own_nulls[place])]
        escaped, _ = spell_escaped([batch[place] for place in places])
        for place, line in zip(places, escaped, strict=True):
            lines[place] = line
        return "".join(lines).encode()

    return encode


def _is_plain(text: str, lines: int, inner_tabs: int, nulls: int) -> bool:
    """:returns: True if nothing in the cells of the lines has to be escaped."""
    return (
        text.count("\\") == nulls
        and text.count("\t") == inner_tabs * lines
        and text.count("\n") == lines
        and "\0" not in text
    )


def escape(text: str) -> str:
    r"""
    :returns: The text with escapes for what would end a cell or a line, and for backslashes.
    :raises ValueError: if it has a NUL character.
    """
    if "\0" in text:
        raise ValueError("NUL character cannot be stored as text")
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _compile(hooks: Sequence[Hook], escaped: Sequence[bool]) -> Callable[[Batch], tuple[list[str], list[int]]]:
    """:returns: Function that returns the lines, and for each NULL in them the position of its line."""
    names: dict[str, Any] = {"NULL": NULL, "escape": escape}
    cells = [_cell(position, hook, names) for position, hook in enumerate(hooks)]
    cells = [
        f"{{(null(place) or NULL) if v{position} is None else {f'escape({cell})' if is_escaped else f'({cell})'}}}"
        for position, (cell, is_escaped) in enumerate(zip(cells, escaped, strict=True))
    ]
    row = "".join(f"v{position}, " for position in range(len(hooks)))
    line = "\\t".join(cells)
    source = (
        "def encode(batch):\n"
        "    nulls = []\n"
        "    null = nulls.append\n"
        f'    lines = [f"""{line}\\n""" for place, ({row}) in enumerate(batch)]\n'
        "    return lines, nulls\n"
    )
    file_name = f"<lines {zlib.crc32(source.encode()):08x}>"
    # so that a traceback shows the line; named after the text, so that a service does not gather them without limit
    linecache.cache[file_name] = (len(source), None, source.splitlines(keepends=True), file_name)
    exec(compile(source, file_name, "exec"), names)  # noqa: S102 - the text is made of the expressions of our own hooks
    return names["encode"]


def _cell(position: int, hook: Hook, names: dict[str, Any]) -> str:
    """:returns: Expression for one value of a row; adds what it refers to to `names`."""
    variable = f"v{position}"
    if hook.expression == UNCHANGED:
        return variable
    replacements = {"v": variable}
    for name, value in (("encode", hook.encode), *hook.names):
        replacements[name] = f"{name}_{position}"
        names[replacements[name]] = value
    return hook.expression.format_map(replacements)
