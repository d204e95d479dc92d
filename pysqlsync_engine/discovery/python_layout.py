"""Modules as text: imports, docstrings, blank lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from pysqlsync_engine.discovery.python_text import INDENT, LINE_LENGTH, Import, width

MARGIN = " " * INDENT
_QUOTES = '"""'
_ENGINE = "pysqlsync_engine"
_THIRD_PARTIES = (_ENGINE, "strong_typing")
_DIGITS = re.compile(r"(\d+)")


def module_text(description: str, imports: Iterable[Import], blocks: Iterable[str], siblings: Mapping[str, str]) -> str:
    """
    :param description: First line of the module; plain text.
    :param imports: What the blocks need, in any order.
    :param blocks: Statements, each without a line end after it.
    :param siblings: For each other module that is written the name by which this one knows it.
    :returns: Source of a module.
    """
    body = "".join(f"\n\n{block}\n" for block in blocks)
    if not body:
        return f"{_QUOTES}{description}{_QUOTES}\n"
    head = f"{_QUOTES}{description}{_QUOTES}\n\nfrom __future__ import annotations\n"
    return head + "".join(f"\n{section}" for section in _import_sections(imports, siblings)) + body


def _import_sections(imports: Iterable[Import], siblings: Mapping[str, str]) -> Iterator[str]:
    """:returns: Import statements: the standard library's, those of others, those of modules written together."""
    sections: tuple[list[Import], list[Import], list[Import]] = ([], [], [])
    for each in set(imports):
        is_third = each.module.partition(".")[0] in _THIRD_PARTIES
        sections[2 if each.module in siblings and each.name is None else 1 if is_third else 0].append(each)
    for number, section in enumerate(sections):
        if section:
            lines = _sibling_imports(section, siblings) if number == 2 else _imports(section)
            yield "".join(f"{line}\n" for line in lines)


def _imports(section: Iterable[Import]) -> Iterator[str]:
    names: dict[str, list[str]] = {}
    for each in section:
        found = names.setdefault(each.module, [])
        if each.name is not None:
            found.append(each.name)
    yield from (f"import {module}" for module in sorted(names) if not names[module])
    for module in sorted(names):
        if names[module]:
            yield _from_import(module, sorted(names[module], key=_import_order))


def _from_import(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= LINE_LENGTH:
        return line
    return "\n".join((f"from {module} import (", *(f"{MARGIN}{name}," for name in names), ")"))


def _sibling_imports(section: Iterable[Import], siblings: Mapping[str, str]) -> Iterator[str]:
    plain: list[str] = []
    parts: list[str] = []
    for each in section:
        package, _, name = each.module.rpartition(".")
        known = siblings[each.module]
        renamed = "" if known == name else f" as {known}"
        (parts if package else plain).append(f"{f'from {package} ' if package else ''}import {name}{renamed}")
    yield from (*sorted(plain), *sorted(parts))


def _import_order(name: str) -> tuple[int, list[tuple[int, str]]]:
    """Constants, classes, others; numbers in a name by their value."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, [(int(part), "") if part.isdigit() else (0, part) for part in _DIGITS.split(name)]


def is_documentable(text: str) -> bool:
    """:returns: True if a docstring can hold the text, and the text can be had back from it."""
    return (
        bool(text.strip())
        and all(line == line.strip() and line.isprintable() and not line.startswith(":") for line in text.split("\n"))
        and text == text.strip()
        and "\\" not in text
        and _QUOTES not in text
    )


def is_parameter(name: str, text: str) -> bool:
    """:returns: True if a docstring can hold the description of a field."""
    return "\n" not in text and is_documentable(text) and re.fullmatch(r"\w+", name) is not None


def docstring(text: str | None, parameters: Mapping[str, str], *, class_name: str) -> list[str]:
    """
    :param text: Documentable, as are the parameters.
    :param class_name: A docstring that starts like a call of the class would be taken for one that Python made up.
    :returns: Lines of the docstring of a class, with their margin, and an empty one after; nothing if there is nothing to say.
    """
    if text is None and not parameters:
        return []
    is_short = text is not None and not parameters and "\n" not in text
    if text is not None and is_short and not text.startswith(('"', f"{class_name}(", "An enum")) and text[-1] != '"':
        return [f"{MARGIN}{_QUOTES}{text}{_QUOTES}", ""]
    lines = [] if text is None else text.split("\n")
    if text is not None and parameters:
        lines.append("")
    for name, description in parameters.items():
        lines += _wrapped(f":param {name}: {description}")
    return [f"{MARGIN}{_QUOTES}", *(f"{MARGIN}{line}" if line else "" for line in lines), f"{MARGIN}{_QUOTES}", ""]


def _wrapped(text: str) -> Iterator[str]:
    """:returns: The text in lines that fit, all but the first with a margin; on one line if blanks in it count."""
    if "  " in text:
        yield text
        return
    line = ""
    for word in text.split(" "):
        if line.strip() and width(f"{MARGIN}{line} {word}") > LINE_LENGTH:
            yield line
            line = f"{MARGIN}{word}"
        else:
            line = f"{line} {word}" if line else word
    yield line
