"""Data types as Python annotations: what formation reads, and lowers to the same types again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from strong_typing.auxiliary import Length, MaxLength, Precision, Signed, Storage, TimePrecision

from pysqlsync_engine.discovery.python_text import Atom, Import, Node, name_of, or_none, subscript, value_node
from pysqlsync_engine.errors import DiscoveryError
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBinary,
    SqlBit,
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlInterval,
    SqlJson,
    SqlLabel,
    SqlLabelSet,
    SqlNamed,
    SqlNetworkAddress,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
    SqlYear,
)
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.type_markers import Bits, NamedType, NativeType, TextJson, Year

_AUXILIARY = "strong_typing.auxiliary"
_JSON = "strong_typing.core"
_MARKERS = "pysqlsync_engine.model.type_markers"

STR = Atom("str")
_INT = Atom("int")
_DATETIME = frozenset({Import("datetime")})
_ANNOTATED = name_of("typing", "Annotated")
_LITERAL = name_of("typing", "Literal")
_STRICT_JSON = name_of(_JSON, "StrictJsonType")
_OPTIONAL_JSON = name_of(_JSON, "JsonType")

_SIMPLE: Mapping[SqlType, Node] = {
    SqlBoolean(): Atom("bool"),
    SqlUuid(): name_of("uuid", "UUID"),
    SqlNetworkAddress(4): name_of("ipaddress", "IPv4Address"),
    SqlNetworkAddress(6): name_of("ipaddress", "IPv6Address"),
    SqlInteger(8): _INT,
    SqlFloat(8): Atom("float"),
    SqlFloat(4): name_of(_AUXILIARY, "float32"),
    **{SqlInteger(width): name_of(_AUXILIARY, f"int{8 * width}") for width in (1, 2, 4)},
    **{SqlInteger(width, signed=False): name_of(_AUXILIARY, f"uint{8 * width}") for width in (1, 2, 4, 8)},
}
_MODULE_TYPES: Mapping[type[SqlType], str] = {
    SqlDate: "date",
    SqlTimestamp: "datetime",
    SqlTime: "time",
    SqlInterval: "timedelta",
}


@dataclass(frozen=True, slots=True)
class TypeText:
    """
    A data type in Python.

    :param core: What the values are, without `None`.
    :param tags: What `Annotated` adds.
    """

    core: Node
    tags: tuple[object, ...] = ()


def type_text(data_type: SqlType, classes: Mapping[QualifiedId, Atom], place: str) -> TypeText:
    """
    :param classes: Names of the classes of the types that the catalog defines.
    :param place: Column, for messages.
    :raises DiscoveryError: if there is no Python for the type.
    """
    if data_type in _SIMPLE:
        return TypeText(_SIMPLE[data_type])
    match data_type:
        case SqlArray(element=element):
            return TypeText(subscript(Atom("list"), annotation(type_text(element, classes, place))))
        case SqlNamed(name=name) if name in classes:
            return TypeText(classes[name])
        case SqlNamed(name=name):
            return TypeText(STR, (NamedType(name.name, name.namespace),))
        case SqlInteger() | SqlDecimal():
            return _number_text(data_type)
        case SqlCharacter() | SqlBinary() | SqlBit() | SqlLabel() | SqlLabelSet():
            return _string_text(data_type)
        case SqlDate() | SqlTimestamp() | SqlTime() | SqlInterval():
            return _time_text(data_type)
        case _:
            return _other_text(data_type, place)


def annotation(text: TypeText, *, tags: tuple[object, ...] = (), nullable: bool = False) -> Node:
    """
    :param tags: What there is to say besides the type.
    :returns: The annotation of a field.
    """
    core = text.core
    if nullable:
        core = _OPTIONAL_JSON if core is _STRICT_JSON else or_none(core)
    nodes = [value_node(tag) for tag in (*text.tags, *tags)]
    return subscript(_ANNOTATED, core, *nodes) if nodes else core


def _number_text(data_type: SqlInteger | SqlDecimal) -> TypeText:
    if isinstance(data_type, SqlInteger):
        sign = () if data_type.signed else (Signed(is_signed=False),)
        return TypeText(_INT, (*sign, Storage(data_type.width)))
    decimal = name_of("decimal", "Decimal")
    if data_type.precision is None:
        return TypeText(decimal)
    scale = data_type.scale or 0
    if not 0 <= scale <= data_type.precision:
        return TypeText(decimal, (NativeType(f"numeric({data_type.precision},{scale})"),))
    return TypeText(decimal, (Precision(data_type.precision, scale),))


def _string_text(data_type: SqlCharacter | SqlBinary | SqlBit | SqlLabel | SqlLabelSet) -> TypeText:
    match data_type:
        case SqlBit(length=length, varying=varying):
            return TypeText(STR, (Bits(length, varying),))
        case SqlLabel(labels=labels):
            return TypeText(subscript(_LITERAL, *map(value_node, labels)))
        case SqlLabelSet(labels=labels):
            return TypeText(subscript(Atom("set"), subscript(_LITERAL, *map(value_node, labels))))
        case SqlCharacter(limit=limit, fixed=fixed) | SqlBinary(limit=limit, fixed=fixed):
            core = STR if isinstance(data_type, SqlCharacter) else Atom("bytes")
            return TypeText(core, () if limit is None else (Length(limit) if fixed else MaxLength(limit),))


def _time_text(data_type: SqlDate | SqlTimestamp | SqlTime | SqlInterval) -> TypeText:
    precision = None if isinstance(data_type, SqlDate) else data_type.precision
    tags = () if precision is None else (TimePrecision(precision),)
    if isinstance(data_type, SqlTimestamp | SqlTime) and data_type.with_time_zone:
        name = "AwareDatetime" if isinstance(data_type, SqlTimestamp) else "AwareTime"
        return TypeText(name_of(_MARKERS, name), tags)
    return TypeText(Atom(f"datetime.{_MODULE_TYPES[type(data_type)]}", _DATETIME), tags)


def _other_text(data_type: SqlType, place: str) -> TypeText:
    match data_type:
        case SqlJson(binary=binary):
            return TypeText(_STRICT_JSON, () if binary else (TextJson(),))
        case SqlYear():
            return TypeText(_INT, (Year(),))
        case SqlNetworkAddress():
            return TypeText(STR, (NativeType("inet"),))
        case SqlOpaque(definition=definition):
            return TypeText(STR, (NativeType(definition),))
        case _:
            raise DiscoveryError(f"{place}: {type(data_type).__name__} has no Python type; please report this")
