"""Which rows lie in a range of time, by one of their values."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pysqlsync_engine.data.sources import Fields, Window
from pysqlsync_engine.data.windows import select_by
from pysqlsync_engine.model.type_markers import AwareDatetime

BUDAPEST = ZoneInfo("Europe/Budapest")
DAY = Window(datetime(2026, 1, 5, tzinfo=BUDAPEST), datetime(2026, 1, 6, tzinfo=BUDAPEST), "2026-01-05")
FIELDS = Fields(("id", "at", "seen", "day", "maybe"), (int, AwareDatetime, datetime, date, datetime | None))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("at", (datetime(2026, 1, 4, 23, tzinfo=UTC), datetime(2026, 1, 5, 23, tzinfo=UTC))),
        ("seen", (datetime(2026, 1, 4, 23), datetime(2026, 1, 5, 23))),
    ],
)
def test_a_moment_without_a_time_zone_is_in_utc(column: str, values: tuple[datetime, datetime]) -> None:
    select = select_by(FIELDS, column)
    start, end = values
    instant = timedelta(microseconds=1)
    moments: list[Any] = [start - instant, start, end - instant, end]
    position = FIELDS.names.index(column)
    assert [select((0,) * position + (moment,), DAY) for moment in moments] == [False, True, True, False]


def test_a_date_is_in_the_time_zone_of_the_day() -> None:
    select = select_by(FIELDS, "day")
    days = [date(2026, 1, 4), date(2026, 1, 5), date(2026, 1, 6)]
    assert [select((0, 0, 0, day), DAY) for day in days] == [False, True, False]
    hour = Window(DAY.start, DAY.start + timedelta(hours=1), "2026-01-05-00:00")
    with pytest.raises(ValueError, match="2026-01-05-00:00: dates do not tell which rows are in a part of a day"):
        select((0, 0, 0, days[1]), hour)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("when", "expected one of id, at, seen, day, maybe; got 'when'"),
        ("id", "id: expected a column of moments or dates that is never NULL"),
        ("maybe", "maybe: expected a column of moments or dates that is never NULL"),
    ],
)
def test_a_column_that_does_not_tell_is_refused(column: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        select_by(FIELDS, column)
