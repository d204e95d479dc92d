"""Cells of files, as those who write such files spell them."""

from __future__ import annotations


def tsv_cell(text: str | None) -> str:
    """:returns: The text with escapes, or the spelling of NULL."""
    return "\\N" if text is None else text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def csv_cell(text: str | None) -> str:
    """:returns: The text, in quotes if need be; nothing for NULL."""
    if text is None:
        return ""
    return '"' + text.replace('"', '""') + '"' if set(text) & {*'",\n'} else text
