"""Which Python type stands for the values of a JSON schema that is neither an object nor a list."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any
from uuid import UUID

from strong_typing import auxiliary
from strong_typing.auxiliary import IntegerRange, MaxLength, MinLength, Precision, Signed, Storage

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.formation.json_schema_document import Node, Schema
from pysqlsync_engine.model.type_markers import AwareDatetime, AwareTime

DOCUMENT: Any = bool | int | float | str | dict[str, Any] | list[Any]
"""Any value of JSON."""

FREE_OBJECT: Any = dict[str, Any]
"""Any object."""

Formats = Mapping[str, Any]
"""Python type for each `format`."""

STRING_FORMATS: Formats = {
    "date": date,
    "date-time": AwareDatetime,
    "date-time-local": datetime,
    "local-date-time": datetime,
    "time": AwareTime,
    "time-local": time,
    "partial-time": time,
    "duration": timedelta,
    "uuid": UUID,
    "ipv4": ipaddress.IPv4Address,
    "ipv6": ipaddress.IPv6Address,
    "byte": bytes,
    "base64": bytes,
    "binary": bytes,
    "decimal": Decimal,
}
NUMBER_FORMATS: Formats = {
    "float": auxiliary.float32,
    "float32": auxiliary.float32,
    "double": auxiliary.float64,
    "float64": auxiliary.float64,
    "decimal": Decimal,
}
INTEGER_FORMATS: Formats = {
    f"{sign}int{8 * width}": getattr(auxiliary, f"{sign}int{8 * width}") for sign in ("", "u") for width in (1, 2, 4, 8)
}


def scalar_annotation(node: Node, kind: str, formats: Formats) -> Any:
    """
    :param kind: `string`, `integer`, `number` or `boolean`.
    :param formats: Python types that the user wants for formats.
    :returns: The type of a field.
    :raises DefinitionError: if limits leave no value.
    """
    chosen = formats.get(str(node.schema.get("format", "")))
    if chosen is not None:
        return chosen
    match kind:
        case "boolean":
            return bool
        case "integer":
            return _integer(node)
        case "number":
            return _number(node)
        case _:
            return _string(node)


def _string(node: Node) -> Any:
    schema = node.schema
    if schema.get("contentEncoding") == "base64":
        return bytes
    found = STRING_FORMATS.get(str(schema.get("format", "")))
    if found is not None:
        return found
    annotation: Any = str
    shortest, longest = (_count(node, word) for word in ("minLength", "maxLength"))
    if shortest is not None and longest is not None and shortest > longest:
        raise DefinitionError(
            f"{node.pointer}: minLength {shortest} is more than maxLength {longest}; correct one of them"
        )
    if longest is not None:
        annotation = Annotated[annotation, MaxLength(longest)]
    return Annotated[annotation, MinLength(shortest)] if shortest else annotation


def _integer(node: Node) -> Any:
    if (found := INTEGER_FORMATS.get(str(node.schema.get("format", "")))) is not None:
        return found
    low, high = _bound(node, "minimum", math.ceil, 1), _bound(node, "maximum", math.floor, -1)
    if low is None or high is None:
        return int
    if low > high:
        raise DefinitionError(f"{node.pointer}: minimum {low} is more than maximum {high}; correct one of them")
    for width in (1, 2, 4, 8):
        bits = 8 * width
        for signed, least, most in ((True, -(1 << bits - 1), (1 << bits - 1) - 1), (False, 0, (1 << bits) - 1)):
            if (low, high) == (least, most):
                return INTEGER_FORMATS[f"{'' if signed else 'u'}int{bits}"]
            if least <= low and high <= most:
                return Annotated[int, Signed(signed), Storage(width), IntegerRange(low, high)]
    return Annotated[Decimal, Precision(max(len(str(abs(low))), len(str(abs(high)))), 0)]


def _number(node: Node) -> Any:
    if (found := NUMBER_FORMATS.get(str(node.schema.get("format", "")))) is not None:
        return found
    step = _decimal(node, "multipleOf")
    if step is None:
        return float
    if step <= 0:
        raise DefinitionError(f"{node.pointer}/multipleOf: expected a number above 0; got {step}")
    exponent = step.normalize().as_tuple().exponent
    scale = max(0, -exponent) if isinstance(exponent, int) else 0
    digits = [_integer_digits(node, word, step) for word in ("Minimum", "Maximum")]
    if None in digits:
        return Decimal
    return Annotated[Decimal, Precision(max(1, scale + max(digit or 0 for digit in digits)), scale)]


def _integer_digits(node: Node, word: str, step: Decimal) -> int | None:
    """:returns: Digits before the decimal point of the limit; `None` if there is no limit."""
    limit = _decimal(node, word.lower())
    strict = node.schema.get(f"exclusive{word}")
    if strict is not None and not isinstance(strict, bool):
        limit, strict = _decimal(node, f"exclusive{word}"), True
    if limit is None:
        return None
    whole = int(abs(limit) - step if strict and abs(limit) >= step else abs(limit))
    return len(str(whole)) if whole else 0


def _bound(node: Node, word: str, towards: Any, step: int) -> int | None:
    """
    :param towards: Rounds to the nearest integer within the limit.
    :param step: From a limit that is excluded to the next integer within.
    """
    limit = _decimal(node, word)
    strict = node.schema.get(f"exclusive{word.capitalize()}")
    bounds: list[int] = []
    if limit is not None:
        bounds.append(towards(limit) + (step if strict is True and limit == towards(limit) else 0))
    if strict is not None and not isinstance(strict, bool):
        excluded = _decimal(node, f"exclusive{word.capitalize()}")
        if excluded is not None:
            bounds.append(towards(excluded) + (step if excluded == towards(excluded) else 0))
    if not bounds:
        return None
    return max(bounds) if step > 0 else min(bounds)


def _decimal(node: Node, word: str) -> Decimal | None:
    value = node.schema.get(word)
    if value is None:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if isinstance(value, bool | str) or not number.is_finite():
        raise DefinitionError(f"{node.pointer}/{word}: expected a number; got {value!r}")
    return number


def _count(node: Node, word: str) -> int | None:
    value = node.schema.get(word)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value != int(value):
        raise DefinitionError(f"{node.pointer}/{word}: expected a whole number; got {value!r}")
    return int(value)


def labels_of(schema: Schema) -> tuple[Any, ...] | None:
    """:returns: The values that a schema lists, each once, in order; `None` if it lists none."""
    if "const" in schema:
        return (schema["const"],)
    found = schema.get("enum")
    if found is None:
        return None
    labels: list[Any] = []
    for label in found:
        # 1 and true are equal in Python
        if not any(label == other and type(label) is type(other) for other in labels):
            labels.append(label)
    return tuple(labels)
