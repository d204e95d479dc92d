"""Databases as Dagster resources: where they are, how to log in, and a pool of connections for the length of a run."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Self

import dagster as dg
from pydantic import Field, PrivateAttr, ValidatorFunctionWrapHandler, field_validator

from pysqlsync_engine.base import ConnectionContext, ConnectionParameters, ConnectionPool, GeneratorOptions, SSLMode
from pysqlsync_engine.embedded import EmbeddedPostgreSQL
from pysqlsync_engine.factory import get_dialect


def restore(resource_class: type[DatabaseResource], values: Mapping[str, Any]) -> DatabaseResource:
    """:returns: The resource that was pickled; a password given as `EnvVar` travels as the name of the variable."""
    return resource_class(**values)


def is_variable(value: Any) -> bool:
    """:returns: True for the name of a variable of the environment: `EnvVar("NAME")`, or `EnvVar.int("NAME")`."""
    return hasattr(value, "env_var_name")


def refuse_typed_password(run_config: Mapping[str, Any]) -> None:
    """:raises ValueError: if somebody has typed a password into the configuration of the run, where it is stored as it is."""
    resources: Any = run_config.get("resources") or dict[str, Any]()
    for name, resource in resources.items():
        settings: Any = (resource or dict[str, Any]()).get("config") or dict[str, Any]()
        if isinstance(settings.get("password"), str):
            raise ValueError(
                f"resource {name!r}: the configuration of this run has a password in plain text, which is stored and shown; change "
                "the password, and give the name of an environment variable instead: `password: {env: NAME}`"
            )


class DatabaseResource(dg.ConfigurableResource[Any]):
    """
    A database, with a pool of connections that is open while a run (or, in a multi-process run, a step) executes.

    All steps that a process executes share the pool. Assets take a connection with
    `async with database.connection() as connection:`, several of them for work side by side.
    """

    pool_size: int = Field(
        default=4, ge=1, description="Connections to have at most, in each process that executes steps."
    )

    _pool: ConnectionPool | None = PrivateAttr(default=None)

    @property
    @abstractmethod
    def dialect(self) -> str:
        """Name of the kind of database, as `get_dialect` takes it."""

    @abstractmethod
    def reach(self) -> AbstractAsyncContextManager[ConnectionParameters]:
        """Address and credentials of the database, which is there as long as the context is open."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[DatabaseResource, None]:
        """Open the pool, and close it on leaving the context; Dagster does it for a run, call it in your own scripts."""
        engine = get_dialect(self.dialect)
        async with self.reach() as parameters, engine.create_pool(parameters, max_size=self.pool_size) as pool:
            self._pool = pool
            try:
                yield self
            finally:
                self._pool = None

    @asynccontextmanager
    async def yield_for_execution(  # pyright: ignore[reportIncompatibleMethodOverride]  # Dagster awaits an async one
        self, context: dg.InitResourceContext
    ) -> AsyncGenerator[DatabaseResource, None]:
        """Called by Dagster around a run."""
        del context
        async with self.open():
            yield self

    @property
    def pool(self) -> ConnectionPool:
        """
        Connections that are lent out.

        :raises RuntimeError: outside of a run and of `open`.
        """
        if self._pool is None:
            raise RuntimeError(
                "database resource: no pool is open; use it as a resource of an asset, or within `async with "
                "resource.open():`"
            )
        return self._pool

    @asynccontextmanager
    async def connection(self, options: GeneratorOptions | None = None) -> AsyncGenerator[ConnectionContext, None]:
        """
        Lend a connection; waits while all are out.

        :param options: How data-classes become tables.
        :raises RuntimeError: outside of a run and of `open`.
        """
        async with self.pool.connection(options) as connection:
            yield connection

    def resolved(self) -> Self:
        """
        :returns: The same database with its settings taken from the environment now, for use outside of runs.
        :raises ValueError: if a variable of the environment is missing.
        """
        values = {name: getattr(self, name) for name in type(self).model_fields}
        for name, value in values.items():
            if is_variable(value):
                values[name] = value.get_value()
                if values[name] is None:
                    raise ValueError(f"{name}: the environment has no variable {value.env_var_name}; set it")
        return type(self)(**values)

    @asynccontextmanager
    async def connect(self, options: GeneratorOptions | None = None) -> AsyncGenerator[ConnectionContext, None]:
        """
        Open one connection outside of runs, for sensors and schedules; settings are taken from the environment.

        :param options: How data-classes become tables.
        """
        engine = get_dialect(self.dialect)
        async with self.resolved().reach() as parameters, engine.create_connection(parameters, options) as connection:
            yield connection

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as its settings alone; Dagster's own state is built again from them."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return (restore, (type(self), values))


class ServerResource(DatabaseResource):
    """
    A database on a server that somebody else runs, reached over the network or a Unix-domain socket.

    The password is given as `dagster.EnvVar("NAME")` and in no other way, so that definitions, run configuration, events and
    logs hold the name of the variable only. The driver is imported when the first connection is opened.
    """

    host: str = Field(
        default="localhost", description="Name or address; the directory of a Unix-domain socket if it starts with '/'."
    )
    port: int | None = Field(default=None, description="Port number; empty for the usual one of the product.")
    username: str | None = Field(default=None, description="Name to log in with; empty for the driver's default.")
    password: str | None = Field(
        default=None,
        repr=False,
        description="Give it as EnvVar; empty for peer authentication or a password file.",
        json_schema_extra={"dagster__is_secret": True},
    )
    database: str | None = Field(default=None, description="Database to open; empty for the server's default.")
    ssl: SSLMode | None = Field(
        default=None, description="Protection; empty is VERIFY_FULL for a host that is not local, else PREFER."
    )
    connect_timeout_s: float = Field(default=10.0, gt=0, description="Seconds to wait for the server's answer.")
    command_timeout_s: float | None = Field(
        default=None, description="Seconds that one statement may take; empty sets no limit."
    )

    @field_validator("port", mode="wrap")
    @classmethod
    def _check_port(cls, given: Any, check: ValidatorFunctionWrapHandler) -> int | None:
        """:raises ValueError: if there is no such port; that of a variable of the environment is known in a run only."""
        port = check(given)
        if port is not None and not is_variable(given) and not 1 <= port <= 65535:
            raise ValueError("expected a number from 1 to 65535")
        return given if is_variable(given) else port

    @property
    @abstractmethod
    def title(self) -> str:
        """Name of the class, for people."""

    @property
    def parameters(self) -> ConnectionParameters:
        """Address and credentials; within a run, as settings taken from the environment are known only then."""
        return ConnectionParameters(
            host=self.host,
            port=self.port,
            username=self.username,
            password=self.password,
            database=self.database,
            ssl=self.ssl,
            connect_timeout_s=self.connect_timeout_s,
            command_timeout_s=self.command_timeout_s,
        )

    @asynccontextmanager
    async def reach(self) -> AsyncGenerator[ConnectionParameters, None]:
        """The settings as they are: the server is somebody else's."""
        yield self.parameters

    @asynccontextmanager
    async def yield_for_execution(  # pyright: ignore[reportIncompatibleMethodOverride]  # Dagster awaits an async one
        self, context: dg.InitResourceContext
    ) -> AsyncGenerator[DatabaseResource, None]:
        """
        Called by Dagster around a run.

        :raises ValueError: if the configuration of the run has a password in plain text.
        """
        refuse_typed_password({} if context.run is None else context.run.run_config)
        async with self.open():
            yield self

    def get_resource_definition(self) -> Any:
        """
        Called by Dagster when the resource becomes part of definitions.

        :raises ValueError: if the password is there in plain text, as the UI would show it to everybody.
        """
        if type(self.password) is str:
            raise ValueError(
                f"{self.title}: password is given as plain text, which the Dagster UI would show; "
                'put it into an environment variable and pass password=dagster.EnvVar("NAME")'
            )
        return super().get_resource_definition()


class PostgreSQLResource(ServerResource):
    """A database on a PostgreSQL server."""

    @property
    def title(self) -> str:
        """Name of the class, for people."""
        return "PostgreSQLResource"

    @property
    def dialect(self) -> str:
        """`postgresql`."""
        return "postgresql"


class MySQLResource(ServerResource):
    """A database on a server of MySQL or of MariaDB; which of them it is, the server tells."""

    @property
    def title(self) -> str:
        """Name of the class, for people."""
        return "MySQLResource"

    @property
    def dialect(self) -> str:
        """`mysql`."""
        return "mysql"


class EmbeddedPostgreSQLResource(DatabaseResource):
    """
    A database on an embedded PostgreSQL server of your own; not for production.

    The server is started for a run, or taken over if it runs already, and stopped when nobody needs it any more.
    """

    directory: str | None = Field(
        default=None,
        description="Where the server's files are; empty for the usual place below the user's data directory.",
    )
    database: str = Field(default="postgres", description="Database to open; created if it is missing.")

    @property
    def dialect(self) -> str:
        """`postgresql`."""
        return "postgresql"

    @property
    def server(self) -> EmbeddedPostgreSQL:
        """The server, to hold a lease of your own on it."""
        return EmbeddedPostgreSQL(self.directory)

    @asynccontextmanager
    async def reach(self) -> AsyncGenerator[ConnectionParameters, None]:
        """Start the server or take it over, and hold a lease as long as the context is open."""
        server = self.server
        parameters = await asyncio.to_thread(server.start, self.database)
        try:
            yield parameters
        finally:
            await asyncio.to_thread(server.release)
