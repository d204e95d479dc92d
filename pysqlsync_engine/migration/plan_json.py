"""A plan as JSON and back: complete, versioned, and refused when it is not as it was written."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_args

from pysqlsync_engine.errors import PlanError
from pysqlsync_engine.migration import operations
from pysqlsync_engine.migration.plan import Plan, RangeUpdate, Step
from pysqlsync_engine.model.constraint_types import Deferrability, ReferentialAction
from pysqlsync_engine.model.data_types import SqlType
from pysqlsync_engine.model.database_object import DatabaseObject
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.list_types import ListItems
from pysqlsync_engine.model.object_types import Generated, IdentityMode, Lookup, Relation
from pysqlsync_engine.options import Hazard

VERSION = 1
"""Of the form of the document; a plan of another version is made anew."""

_KIND = "$"
_ENUM = "$enum"
_SET = "$set"

_LEFT_OUT = frozenset({"markers"})
"""Fields that mean nothing once a catalog is lowered."""

_ENUMS: tuple[type[enum.Enum], ...] = (
    Hazard,
    ReferentialAction,
    Deferrability,
    IdentityMode,
    operations.Relabelling,
)


def write_plan(plan: Plan) -> str:
    """:returns: The plan as a JSON document."""
    body = _encode(plan)
    return json.dumps({"version": VERSION, "digest": _digest(body), "plan": body}, indent=2)


def read_plan(text: str) -> Plan:
    """
    :param text: What `write_plan` returned.
    :raises PlanError: if it is anything else.
    """
    try:
        document: Any = json.loads(text)
    except ValueError as error:
        raise PlanError(f"plan: is no JSON: {error}; make the plan again") from error
    if not isinstance(document, dict) or set(document) != {"version", "digest", "plan"}:  # pyright: ignore[reportUnknownArgumentType]
        raise PlanError("plan: expected an object of version, digest and plan; make the plan again")
    content: dict[str, Any] = document  # pyright: ignore[reportUnknownVariableType]
    version, digest, body = content["version"], content["digest"], content["plan"]
    if version != VERSION:
        raise PlanError(f"plan: expected version {VERSION}, got {version!r}; make the plan again")
    if digest != _digest(body):
        raise PlanError("plan: was changed after it was written; make the plan again")
    plan = _decode(body, _classes(), "plan")
    if not isinstance(plan, Plan):
        raise PlanError(f"plan: expected a plan, got {type(plan).__name__}; make the plan again")
    return plan


def _digest(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _stored(subject: Any) -> Iterator[Field[Any]]:
    return (field for field in fields(subject) if field.init and field.name not in _LEFT_OUT)


def _encode(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, enum.Enum):
        return {_ENUM: f"{type(value).__name__}.{value.name}"}
    if isinstance(value, tuple | list):
        return [_encode(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, frozenset | set):
        return {_SET: sorted((_encode(item) for item in value), key=json.dumps)}  # pyright: ignore[reportUnknownVariableType]
    if is_dataclass(value) and not isinstance(value, type):
        values = ((field, getattr(value, field.name)) for field in _stored(value))
        kept = {field.name: _encode(item) for field, item in values if not _is_default(field, item)}
        return {_KIND: type(value).__name__, **kept}
    raise PlanError(f"plan: {type(value).__name__} has no JSON; please report this")


def _is_default(field: Field[Any], value: object) -> bool:
    return field.default is not MISSING and field.default == value and type(field.default) is type(value)


def _decode(value: Any, classes: dict[str, type], place: str) -> Any:
    if isinstance(value, list):
        return tuple(_decode(item, classes, f"{place}[{i}]") for i, item in enumerate(value))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if not isinstance(value, dict):
        return value
    content: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
    if _SET in content:
        return frozenset(_decode(item, classes, place) for item in content[_SET])
    if _ENUM in content:
        return _decode_enum(content[_ENUM], place)
    return _decode_object(content, classes, place)


def _decode_enum(text: str, place: str) -> enum.Enum:
    kind, _, member = text.partition(".")
    for cls in _ENUMS:
        if cls.__name__ == kind and member in cls.__members__:
            return cls[member]
    raise PlanError(f"{place}: unknown value {text!r}; make the plan again")


def _decode_object(content: dict[str, Any], classes: dict[str, type], place: str) -> Any:
    kind = content.get(_KIND)
    cls = classes.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise PlanError(f"{place}: unknown object {kind!r}; load the dialect of the plan first: get_dialect(...)")
    known = {field.name: field for field in _stored(cls)}
    unknown = sorted(content.keys() - known.keys() - {_KIND})
    missing = sorted(name for name, field in known.items() if name not in content and _is_required(field))
    if unknown or missing:
        wrong = f"unknown fields {', '.join(unknown)}" if unknown else f"missing fields {', '.join(missing)}"
        raise PlanError(f"{place}: {kind} has {wrong}; make the plan again")
    values = {name: _decode(content[name], classes, f"{place}.{name}") for name in known if name in content}
    return cls(**values)


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _classes() -> dict[str, type]:
    """:returns: All classes that a plan may consist of, those of the vendors that are loaded included."""
    plain: list[type] = [Plan, Step, RangeUpdate, LocalId, QualifiedId, Generated, Relation, Lookup, ListItems]
    plain.append(operations.EnumUse)
    plain += [*get_args(operations.Operation), *get_args(operations.TableChange)]
    return {cls.__name__: cls for cls in (*plain, *_descendants(SqlType), *_descendants(DatabaseObject))}


def _descendants(base: type) -> Iterator[type]:
    for cls in base.__subclasses__():
        yield cls
        yield from _descendants(cls)
