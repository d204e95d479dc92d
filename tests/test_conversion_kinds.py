"""Which changes of types of columns are safe, which store all rows anew, and which may lose something."""

from __future__ import annotations

import pytest

from pysqlsync_engine.migration.conversion import NARROWS, ROUNDS, SAFE, WIDENS, Conversion, convert
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBinary,
    SqlBit,
    SqlCharacter,
    SqlInteger,
    SqlJson,
    SqlLabel,
    SqlLabelSet,
    SqlNamed,
    SqlNetworkAddress,
    SqlOpaque,
    SqlType,
    SqlUuid,
    SqlYear,
)
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.options import Hazard

KINDS: list[tuple[SqlType, SqlType, Conversion]] = [
    (SqlLabel(("a", "b")), SqlLabel(("a", "b", "c")), SAFE),
    (SqlLabel(("a", "b")), SqlLabel(("b", "a")), WIDENS),
    (SqlLabel(("a", "b")), SqlLabel(("a",)), NARROWS),
    (SqlLabel(("a", "b")), SqlLabelSet(("b", "a")), WIDENS),
    (SqlLabelSet(("a",)), SqlLabelSet(("a", "b")), SAFE),
    (SqlLabelSet(("a", "b")), SqlLabelSet(("b",)), NARROWS),
    (SqlLabel(("a", "bcd")), SqlCharacter(3), WIDENS),
    (SqlLabel(("a", "bcd")), SqlCharacter(2), NARROWS),
    (SqlInteger(4), SqlCharacter(11), WIDENS),
    (SqlInteger(4), SqlCharacter(10), NARROWS),
    (SqlInteger(4, signed=False), SqlCharacter(10), WIDENS),
    (SqlInteger(8, signed=False), SqlCharacter(19), NARROWS),
    (SqlInteger(4, signed=False), SqlInteger(8), WIDENS),
    (SqlInteger(4, signed=False), SqlInteger(4), NARROWS),
    (SqlInteger(4), SqlInteger(8, signed=False), NARROWS),
    (SqlInteger(3, signed=False), SqlInteger(4), WIDENS),
    (SqlUuid(), SqlCharacter(36), WIDENS),
    (SqlBinary(4), SqlBinary(9), SAFE),
    (SqlBinary(4, fixed=True), SqlBinary(9), WIDENS),
    (SqlBinary(4, fixed=True), SqlBinary(9, fixed=True), ROUNDS),
    (SqlBinary(9), SqlBinary(4), NARROWS),
    (SqlBit(3, varying=True), SqlBit(varying=True), SAFE),
    (SqlBit(3), SqlBit(5, varying=True), WIDENS),
    (SqlBit(3), SqlBit(5), NARROWS),
    (SqlYear(), SqlInteger(2), WIDENS),
    (SqlInteger(2), SqlYear(), NARROWS),
    (SqlNetworkAddress(4), SqlNetworkAddress(6), WIDENS),
    (SqlNetworkAddress(6), SqlNetworkAddress(4), NARROWS),
    (SqlOpaque("text"), SqlOpaque("mediumtext"), WIDENS),
    (SqlOpaque("mediumblob"), SqlOpaque("blob"), NARROWS),
]


@pytest.mark.parametrize(
    ("source", "target", "kind"), KINDS, ids=lambda value: None if isinstance(value, Conversion) else str(value)
)
def test_change_of_type_is_told_for_what_it_is(source: SqlType, target: SqlType, kind: Conversion) -> None:
    assert convert(source, target) == kind


def test_document_may_have_more_than_a_composite_type_has_members_for() -> None:
    corner = SqlNamed(QualifiedId(None, "corner"))
    assert convert(corner, SqlJson()).hazards == {Hazard.REWRITES_TABLE}
    assert Hazard.NARROWS_TYPE in convert(SqlJson(), SqlArray(corner)).hazards
    assert convert(SqlJson(), SqlArray(SqlInteger(4))).hazards == {Hazard.REWRITES_TABLE, Hazard.MAY_FAIL_ON_DATA}
