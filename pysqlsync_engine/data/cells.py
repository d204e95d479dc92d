"""How cells of text become values of types that `CsvSource` has no spelling for by itself: what is in them is JSON."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import timedelta
from typing import Any

from pysqlsync_engine.data.csv import Convert, converter_for
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.model.annotations import key_annotations, unwrap
from pysqlsync_engine.model.json_values import ExactFloat, from_json

_TEXTS = frozenset({timedelta, ipaddress.IPv4Address, ipaddress.IPv6Address})
"""Types whose values are strings in JSON, and are spelled in a cell as that string."""


def cell_converter(annotation: Any) -> Convert:
    """
    :returns: Converter as of `converter_for`; besides, an ISO 8601 duration for a `timedelta`, an address for an IP address,
        and JSON for a list, a free-form document or an object.
    :raises TypeError: if the type has no spelling.
    """
    kind = unwrap(annotation).type
    if kind in {list, set, frozenset, dict, tuple} or (
        isinstance(kind, type) and is_dataclass(kind) and not key_annotations(kind)
    ):
        return _document(annotation)
    if kind in _TEXTS:
        return from_json(annotation)
    if kind is bytes:
        # as PostgreSQL writes it, or digits alone
        return lambda text: bytes.fromhex(text.removeprefix("\\x"))
    return converter_for(annotation)


def cell_converters(fields: Fields) -> Mapping[str, Convert]:
    """
    :returns: Converter of each field.
    :raises TypeError: if the type of one has no spelling.
    """
    converters: dict[str, Convert] = {}
    for name, annotation in zip(fields.names, fields.types, strict=True):
        try:
            converters[name] = cell_converter(annotation)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from error
    return converters


def _document(annotation: Any) -> Convert:
    convert = from_json(annotation)
    return lambda text: convert(json.loads(text, parse_float=ExactFloat))
