"""Tables of the flights of New York City in 2013, as data-classes; the columns are those of the files."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated

from strong_typing.auxiliary import MaxLength, float64, int8, int16

from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.model.type_markers import AwareDatetime


class DaylightSaving(enum.Enum):
    """Rule by which an airport changes its clocks."""

    us = "A"
    none = "N"
    unknown = "U"


class PlaneType(enum.Enum):
    """Kind of aircraft."""

    multi_engine = "Fixed wing multi engine"
    single_engine = "Fixed wing single engine"
    rotorcraft = "Rotorcraft"


class EngineType(enum.Enum):
    """Kind of engine."""

    four_cycle = "4 Cycle"
    reciprocating = "Reciprocating"
    turbo_fan = "Turbo-fan"
    turbo_jet = "Turbo-jet"
    turbo_prop = "Turbo-prop"
    turbo_shaft = "Turbo-shaft"


@dataclass(slots=True)
class Airline:
    """
    Airline that operates flights.

    :param carrier: Two-letter code of the airline.
    :param name: Full name.
    """

    carrier: PrimaryKey[Annotated[str, MaxLength(2)]]
    name: Annotated[str, MaxLength(64)]


@dataclass(slots=True)
class Airport:
    """
    Airport of the United States.

    :param faa: Code of the Federal Aviation Administration.
    :param name: Usual name.
    :param lat: Latitude in degrees, north is positive.
    :param lon: Longitude in degrees, east is positive.
    :param alt: Altitude in feet.
    :param tz: Offset of the time zone from UTC in hours, without daylight saving.
    :param dst: Rule for daylight saving: A as in the United States, N none, U unknown.
    :param tzone: IANA name of the time zone; unknown for some.
    """

    faa: PrimaryKey[Annotated[str, MaxLength(3)]]
    name: Annotated[str, MaxLength(64)]
    lat: float64
    lon: float64
    alt: int16
    tz: int8
    dst: DaylightSaving
    tzone: Annotated[str, MaxLength(32)] | None


@dataclass(slots=True)
class Plane:
    """
    Aircraft in the register of the Federal Aviation Administration, or one that is known from flights only.

    Some airlines report numbers of their own. A plane that flights mention, and the register does not have, is a row with
    nothing but its tail number.

    :param tailnum: Registration mark, painted on the tail.
    :param year: Year of manufacture.
    :param type: Kind of aircraft; unknown for planes that are not in the register.
    :param manufacturer: Who made it.
    :param model: Model, as the maker names it.
    :param engines: Number of engines.
    :param seats: Number of seats.
    :param speed: Average cruising speed in miles per hour; known for few.
    :param engine: Kind of engine.
    """

    tailnum: PrimaryKey[Annotated[str, MaxLength(6)]]
    year: int16 | None
    type: PlaneType | None
    manufacturer: Annotated[str, MaxLength(64)] | None
    model: Annotated[str, MaxLength(32)] | None
    engines: int8 | None
    seats: int16 | None
    speed: int16 | None
    engine: EngineType | None


@dataclass(slots=True)
class Weather:
    """
    Weather at an airport of departure, by the hour.

    The local hour is no key: it occurs twice when daylight saving ends.

    :param origin: Airport of the observation.
    :param year: Year, local time.
    :param month: Month, local time.
    :param day: Day of the month, local time.
    :param hour: Hour, local time.
    :param temp: Temperature in degrees Fahrenheit.
    :param dewp: Dew point in degrees Fahrenheit.
    :param humid: Relative humidity in percent.
    :param wind_dir: Direction that the wind comes from, in degrees.
    :param wind_speed: Speed of the wind in miles per hour.
    :param wind_gust: Speed of gusts in miles per hour.
    :param precip: Precipitation in inches.
    :param pressure: Pressure at sea level in millibars.
    :param visib: Visibility in miles.
    :param time_hour: Start of the hour, a moment in time.
    """

    origin: PrimaryKey[Airport]
    year: int16
    month: int8
    day: int8
    hour: int8
    temp: float64 | None
    dewp: float64 | None
    humid: float64 | None
    wind_dir: int16 | None
    wind_speed: float64 | None
    wind_gust: float64 | None
    precip: float64
    pressure: float64 | None
    visib: float64
    time_hour: PrimaryKey[AwareDatetime]


@dataclass(slots=True)
class Flight:
    """
    Flight that was scheduled to depart from New York City; times of day are local, as hours and minutes: 517 is 5:17.

    Actual times are unknown before the flight, and for ever if it was cancelled.

    :param year: Year of the scheduled departure.
    :param month: Month of the scheduled departure.
    :param day: Day of the month of the scheduled departure.
    :param dep_time: Actual time of departure, up to 2400.
    :param sched_dep_time: Scheduled time of departure.
    :param dep_delay: Minutes between scheduled and actual departure; negative if early.
    :param arr_time: Actual time of arrival, local to the destination.
    :param sched_arr_time: Scheduled time of arrival, local to the destination.
    :param arr_delay: Minutes between scheduled and actual arrival; negative if early.
    :param carrier: Airline that operates the flight.
    :param flight: Number of the flight, unique by airline, airport and day.
    :param tailnum: Aircraft; unknown for some flights that were cancelled.
    :param origin: Airport of departure.
    :param dest: Airport of arrival.
    :param air_time: Minutes in the air.
    :param distance: Miles between the airports.
    :param hour: Hour of the scheduled departure.
    :param minute: Minute of the scheduled departure.
    :param time_hour: Start of the hour of the scheduled departure, a moment in time.
    """

    year: PrimaryKey[int16]
    month: PrimaryKey[int8]
    day: PrimaryKey[int8]
    dep_time: int16 | None
    sched_dep_time: int16
    dep_delay: int16 | None
    arr_time: int16 | None
    sched_arr_time: int16
    arr_delay: int16 | None
    carrier: PrimaryKey[Airline]
    flight: PrimaryKey[int16]
    tailnum: Plane | None
    origin: PrimaryKey[Airport]
    dest: Airport
    air_time: int16 | None
    distance: int16
    hour: int8
    minute: int8
    time_hour: AwareDatetime
