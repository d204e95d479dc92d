"""A record source for files with a JSON object on each line, and for objects that have been parsed already."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from pysqlsync_engine.data.batches import Lenient
from pysqlsync_engine.data.cells import CellError
from pysqlsync_engine.data.chunks import ChunkStage, transform
from pysqlsync_engine.data.codec import shorten
from pysqlsync_engine.data.files import File, is_one_time, name_of, read_blocks
from pysqlsync_engine.data.record_text import LenientStage, RowStage, split_records
from pysqlsync_engine.data.sources import Batches, Fields, Window
from pysqlsync_engine.data.text import TSV as LINES
from pysqlsync_engine.data.windows import Select, window_filter
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
                shown = None if self._redact_values else shorten(item)
                raise BadPropertyError(heading, str(error), shown) from error
        return tuple(row)


class BadPropertyError(ValueError):
    """
    An object does not hold what its fields should.

    :param name: Name of the property; `None` if the object as a whole is at fault.
    :param value: The value, shortened; `None` if it is not to be shown.
    """

    def __init__(self, name: str | None, reason: str, value: str | None = None) -> None:
        text = reason if value is None else f"{reason}: {value}"
        super().__init__(text if name is None else f"property {name!r}: {text}")
        self.name = name
        self.reason = reason
        self.value = value


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

    The file is read again by each call of `batches`, a part at a time. Empty lines are skipped.
    """

    def __init__(
        self,
        file: File,
        fields: Fields,
        *,
        name: str | None = None,
        properties: Mapping[str, str] | None = None,
        defaults: Mapping[str, Any] | None = None,
        ignore_unknown: bool = False,
        select: Select | None = None,
        redact_values: bool = False,
        watch: Callable[[BinaryIO], None] | None = None,
    ) -> None:
        """
        Describe a file; it is not opened yet.

        :param file: Path, unpacked if it ends in `.gz` or `.zst`; or a function that opens the file; or an open file, or an async
            stream of bytes, either of which can be read once only.
        :param fields: Columns to read.
        :param name: What messages call the file; `None` takes the path.
        :param properties: What a field is called in the file, where that is not its own name.
        :param defaults: Value of a field where an object lacks the property; that of others is NULL.
        :param ignore_unknown: True to leave out properties that are no fields; else they are refused.
        :param select: Tells whether a row lies in a window; needed only if `batches` is called with one.
        :param redact_values: True if messages must not show values.
        :param watch: Told of a file that is given by its path when it is opened: its `tell()` says how much has been read.
        :raises TypeError: if JSON has no values of the type of a field.
        """
        self._file = file
        self._name = name or name_of(file)
        self._fields = fields
        self._reader = ObjectReader(
            fields,
            properties=properties,
            defaults=defaults,
            ignore_unknown=ignore_unknown,
            redact_values=redact_values,
        )
        self._select = select
        self._watch = watch
        self._decode = json.JSONDecoder(parse_float=ExactFloat, parse_constant=_refuse_constant).decode

    @property
    def fields(self) -> Fields:
        """What the values of a row are."""
        return self._fields

    @property
    def is_one_time(self) -> bool:
        """True if the rows are gone when they have been read."""
        return is_one_time(self._file)

    def batches(self, window: Window | None) -> Batches:
        """
        Read the file, lazily.

        :param window: Which rows; `None` for all.
        :raises CellError: if a line is no JSON object, or a value in it cannot be converted.
        :raises ValueError: if rows of a window are asked for without `select`.
        """
        return transform(self._chunks(), self._rows(window))

    def lenient_batches(self, window: Window | None) -> Lenient:
        """As `batches`, but a line that cannot be read is among the batches, in order."""
        return transform(self._chunks(), LenientStage(self._rows(window), LINES))

    def _chunks(self) -> Iterable[bytes] | AsyncIterable[bytes]:
        return transform(read_blocks(self._file, watch=self._watch), ChunkStage(LINES, self._name))

    def _rows(self, window: Window | None) -> RowStage:
        return RowStage(self._parse, window_filter(window, self._select, source=self, name=self._name))

    def _parse(self, records: bytes, line: int) -> Batch:
        lines = enumerate(split_records(records, LINES), start=line)
        return [self._row(record, number) for number, record in lines if not record.isspace()]

    def _row(self, record: bytes, line: int) -> Row:
        try:
            value = self._decode(record.decode())
        except UnicodeDecodeError as error:
            raise CellError(self._name, line, None, f"cannot be read: {error}") from error
        except ValueError as error:
            reason = getattr(error, "msg", None) or str(error)
            raise CellError(self._name, line, None, f"not JSON: {reason}") from error
        try:
            return self._reader.row(value)
        except BadPropertyError as error:
            raise CellError(self._name, line, error.name, error.reason, error.value) from error


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no number in JSON")
