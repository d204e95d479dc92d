"""A record source for files with a JSON object on each line, and for objects that have been parsed already."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from os import PathLike
from typing import Any
from zlib import error as ZlibError  # noqa: N812 - it is a class

from pysqlsync_engine.data.codec import shorten
from pysqlsync_engine.data.csv import CellError
from pysqlsync_engine.data.files import Opener, text_opener
from pysqlsync_engine.data.sources import Fields, Window
from pysqlsync_engine.data.windows import window_batches
from pysqlsync_engine.errors import LoadError
from pysqlsync_engine.model.json_values import ExactFloat, FromJson, from_json
from pysqlsync_engine.session import Batch, Row


class ObjectReader:
    """Makes rows of parsed JSON objects; stateless."""

    def __init__(
        self,
        fields: Fields,
        *,
        properties: Mapping[str, str] | None = None,
        defaults: Mapping[str, Any] | None = None,
        ignore_unknown: bool = False,
        redact_values: bool = False,
    ) -> None:
        """
        Prepare a converter for each field.

        :param properties: What a field is called in the objects, where that is not its own name.
        :param defaults: Value of a field where an object lacks the property; that of others is NULL.
        :param ignore_unknown: True to leave out properties that are no fields; else they are refused.
        :raises TypeError: if JSON has no values of the type of a field.
        """
        self._parts: list[tuple[str, FromJson, Any]] = []
        for name, annotation in zip(fields.names, fields.types, strict=True):
            heading = (properties or {}).get(name, name)
            try:
                self._parts.append((heading, from_json(annotation), (defaults or {}).get(name)))
            except TypeError as error:
                raise TypeError(f"{name}: {error}; leave the field out") from error
        self._known = frozenset(heading for heading, _, _ in self._parts)
        self._ignore_unknown = ignore_unknown
        self._redact_values = redact_values

    def row(self, value: Any) -> Row:
        """
        :returns: The values of the fields.
        :raises BadPropertyError: if the object has a value that does not fit, or a property that is no field.
        """
        if not isinstance(value, dict):
            raise BadPropertyError(None, f"expected an object; got {type(value).__name__}")
        found: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType] - JSON has no other keys than strings
        if not self._ignore_unknown and not self._known.issuperset(found):
            unknown = next(name for name in found if name not in self._known)
            raise BadPropertyError(
                unknown, "no field has this name; name it among the fields, or ignore unknown properties"
            )
        row: list[Any] = []
        for heading, convert, default in self._parts:
            item = found.get(heading, default)
            if item is None or heading not in found:
                row.append(item)
                continue
            try:
                row.append(convert(item))
            except (ValueError, ArithmeticError) as error:
                shown = "" if self._redact_values else f": {shorten(item)}"
                raise BadPropertyError(heading, f"{error}{shown}") from error
        return tuple(row)


class BadPropertyError(ValueError):
    """
    An object does not hold what its fields should.

    :param name: Name of the property; `None` if the object as a whole is at fault.
    """

    def __init__(self, name: str | None, reason: str) -> None:
        super().__init__(reason if name is None else f"property {name!r}: {reason}")
        self.name = name
        self.reason = reason


def object_records(objects: Iterable[Mapping[str, Any]], reader: ObjectReader) -> Iterator[Row]:
    """
    Read objects that `json.loads` has returned, lazily: `conn.upsert_rows(..., records=object_records(objects, reader))`.

    :raises LoadError: that tells the number of the object, from 1, if one cannot be read.
    """
    for number, value in enumerate(objects, start=1):
        try:
            yield reader.row(value)
        except BadPropertyError as error:
            raise LoadError(f"object {number}: {error}") from error


class JsonLinesSource:
    """
    The objects of a file, one on each line, as rows.

    The file is read again by each call of `batches`, a batch at a time. Empty lines are skipped.
    """

    def __init__(
        self,
        file: str | PathLike[str] | Opener,
        fields: Fields,
        *,
        name: str | None = None,
        properties: Mapping[str, str] | None = None,
        defaults: Mapping[str, Any] | None = None,
        ignore_unknown: bool = False,
        select: Callable[[Row, Window], bool] | None = None,
        redact_values: bool = False,
    ) -> None:
        """
        Describe a file; it is not opened yet.

        :param file: Path, unpacked if it ends in `.gz`; or a function that opens the file.
        :param fields: Columns to read.
        :param name: What messages call the file; `None` takes the path.
        :param properties: What a field is called in the file, where that is not its own name.
        :param defaults: Value of a field where an object lacks the property; that of others is NULL.
        :param ignore_unknown: True to leave out properties that are no fields; else they are refused.
        :param select: Tells whether a row lies in a window; needed only if `batches` is called with one.
        :param redact_values: True if messages must not show values.
        :raises TypeError: if JSON has no values of the type of a field.
        """
        self._open: Opener = file if callable(file) else text_opener(file)
        self._name = name or ("file" if callable(file) else str(file))
        self._fields = fields
        self._reader = ObjectReader(
            fields,
            properties=properties,
            defaults=defaults,
            ignore_unknown=ignore_unknown,
            redact_values=redact_values,
        )
        self._select = select

    @property
    def fields(self) -> Fields:
        """What the values of a row are."""
        return self._fields

    def batches(self, window: Window | None) -> Generator[Batch]:
        """
        Read the file, lazily.

        :param window: Which rows; `None` for all.
        :raises CellError: if a line is no JSON object, or a value in it cannot be converted.
        :raises ValueError: if rows of a window are asked for without `select`.
        """
        yield from window_batches(self._rows(), window, self._select, source=self, name=self._name)

    def _rows(self) -> Generator[Row]:
        number = 0
        try:
            with self._open() as lines:
                for number, line in enumerate(lines, start=1):
                    if not line.isspace():
                        yield self._row(line, number)
        except (UnicodeDecodeError, EOFError, ZlibError) as error:
            raise CellError(self._name, number + 1, None, f"cannot be read: {error}") from error

    def _row(self, line: str, number: int) -> Row:
        try:
            value = json.loads(line, parse_float=ExactFloat, parse_constant=_refuse_constant)
        except ValueError as error:
            reason = getattr(error, "msg", None) or str(error)
            raise CellError(self._name, number, None, f"not JSON: {reason}") from error
        try:
            return self._reader.row(value)
        except BadPropertyError as error:
            raise CellError(self._name, number, error.name, error.reason) from error


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no number in JSON")
