"""What `dagster dev -w workspace.yaml` serves: the flights of New York City, in the embedded PostgreSQL server."""

from examples.flights.definitions import database, flight_definitions

defs = flight_definitions(database())
