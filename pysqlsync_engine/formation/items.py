"""What the elements of a list are, in whatever way the list is stored."""

from __future__ import annotations

import enum
import json
import math

from pysqlsync_engine.formation.context import Site
from pysqlsync_engine.formation.inspection import TypeSpec
from pysqlsync_engine.formation.markers import find_tag, find_tags
from pysqlsync_engine.formation.rules import scalar_type
from pysqlsync_engine.model.annotations import member_label
from pysqlsync_engine.model.data_types import SqlCharacter, SqlJson, SqlOpaque, SqlType
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.list_types import ListItems
from pysqlsync_engine.model.type_markers import RenamedFrom, TextJson


def list_items(spec: TypeSpec, site: Site) -> ListItems | None:
    """:returns: What a field holds that is a list or a set; `None` for any other, and for a list of lists or of references."""
    element = spec.element
    if element is None or element.element is not None or spec.native is not None or spec.domain is not None:
        return None
    while element.domain is not None:
        element = element.domain.base
    data_type = _element_type(element, site)
    if data_type is None:
        return None
    return ListItems(
        site.column,
        data_type,
        is_label=bool(element.labels) or element.enum_class is not None,
        documents=() if element.enum_class is None else _documents(element.enum_class),
        renamed_from=tuple(LocalId(tag.name) for tag in find_tags(spec, RenamedFrom)),
    )


def _element_type(element: TypeSpec, site: Site) -> SqlType | None:
    if element.native is not None:
        return SqlOpaque(element.native)
    if find_tag(element, TextJson, site.place) is not None:
        return SqlJson()
    if element.labels or element.enum_class is not None:
        return SqlCharacter()
    if element.data_class is not None:
        return None if site.context.entity(element) is not None else SqlJson()
    return scalar_type(element, site.place)


def _documents(cls: type[enum.Enum]) -> tuple[tuple[str, str], ...]:
    """Members whose value is a number, which is what stands for them in JSON."""
    numbers = ((member, member.value) for member in cls if isinstance(member.value, int | float))
    return tuple((member_label(member), json.dumps(value)) for member, value in numbers if math.isfinite(value))
