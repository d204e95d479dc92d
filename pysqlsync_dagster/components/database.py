"""Databases in YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import dagster as dg
from pydantic import Field

from pysqlsync_dagster.components.settings import Settings
from pysqlsync_dagster.components.values import Number, Secret, Setting
from pysqlsync_dagster.resources import (
    DatabaseResource,
    EmbeddedPostgreSQLResource,
    MySQLResource,
    PostgreSQLResource,
    ServerResource,
    is_variable,
)
from pysqlsync_engine.base import SSLMode

KINDS: dict[str, type[DatabaseResource]] = {
    "postgresql": PostgreSQLResource,
    "mysql": MySQLResource,
    "embedded": EmbeddedPostgreSQLResource,
}


class DatabaseSettings(Settings):
    """A database: where it is and how to log in. Settings like `{{ env.NAME }}` are looked up when a run begins."""

    type: Literal["postgresql", "mysql", "embedded"] = Field(
        description="Kind of server; mysql stands for MariaDB, too, and embedded for a PostgreSQL of your own, not for production."
    )
    host: Setting = Field(
        default=None,
        description="Name or address of the server, or the directory of its socket; localhost if not given.",
    )
    port: Number = Field(default=None, description="Port number; the usual one of the product if not given.")
    username: Setting = Field(default=None, description="Name to log in with.")
    password: Secret = Field(
        default=None, repr=False, description='Only as "{{ env.NAME }}", so that it is written nowhere.'
    )
    database: Setting = Field(default=None, description="Database to open.")
    ssl: SSLMode | None = Field(
        default=None, description="Protection of the connection; verify-full for hosts that are not local, else prefer."
    )
    connect_timeout_s: float | None = Field(default=None, description="Seconds to wait for the server's answer.")
    command_timeout_s: float | None = Field(default=None, description="Seconds that one statement may take.")
    pool_size: int | None = Field(default=None, description="Connections to have at most, in each process.")
    directory: Setting = Field(default=None, description="Where the files of an embedded server are.")

    def resource(self) -> DatabaseResource:
        """
        :returns: The database.
        :raises ValueError: if there is a setting that this kind does not have.
        """
        kind = KINDS[self.type]
        given: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set - {"type"}}
        given = {name: value for name, value in given.items() if value is not None}
        if "password" in given and not is_variable(given["password"]):
            # refused later, by `require_database`: an error here would show the YAML around it
            given["password"] = str(given["password"])
        strangers = sorted(given.keys() - kind.model_fields.keys())
        if strangers:
            expected = ", ".join(sorted(DatabaseSettings.model_fields.keys() & kind.model_fields.keys()))
            raise ValueError(f"type {self.type} has no {', '.join(strangers)}; expected some of {expected}")
        return kind(**given)


def resolve_database(context: dg.ResolutionContext, model: Any) -> DatabaseResource:
    """:returns: The database that some YAML describes."""
    return DatabaseSettings.resolve_from_model(context, model).resource()


if TYPE_CHECKING:
    Database: TypeAlias = DatabaseResource
else:
    # Dagster wants to read every pydantic class from YAML by its fields, and a resource has some that it cannot read
    Database: TypeAlias = Annotated[
        Any,
        dg.Resolver(resolve_database, model_field_type=DatabaseSettings.model()),
    ]
    """A database resource, or its settings in YAML."""


def require_database(database: DatabaseResource) -> None:
    """:raises ValueError: if that is no database, or its password is there in plain text."""
    if not isinstance(database, DatabaseResource):  # pyright: ignore[reportUnnecessaryIsInstance] - a template can be anything
        raise ValueError(f"expected a database resource; got {type(database).__name__}")
    if isinstance(database, ServerResource) and type(database.password) is str:
        raise ValueError(
            "password is given as plain text; change it, put the new one into an environment variable, and write "
            'password: "{{ env.NAME }}"'
        )
