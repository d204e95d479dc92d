"""
The engine for one kind of database: opens connections, and forms tables and scripts without one.

What discovers, compares and changes schemas is imported where it is called for: a process that loads rows starts sooner without.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from types import ModuleType
from typing import TYPE_CHECKING

from pysqlsync_engine.connection import ConnectionContext, ConnectionPool
from pysqlsync_engine.described import lowered_catalog, lowered_table, select_classes
from pysqlsync_engine.dialect.api import Dialect
from pysqlsync_engine.formation.namespaces import Definition
from pysqlsync_engine.model.data_types import SqlType
from pysqlsync_engine.model.object_types import Catalog, Table
from pysqlsync_engine.options import GeneratorOptions
from pysqlsync_engine.parameters import ConnectionParameters

if TYPE_CHECKING:
    from pysqlsync_engine.explorer import Explorer
    from pysqlsync_engine.migration.plan import Plan


class Generator:
    """Writes scripts offline, for the oldest server that the dialect supports."""

    def __init__(self, dialect: Dialect, options: GeneratorOptions) -> None:
        self._dialect = dialect
        self._options = options

    def plan(self, *, tables: Sequence[Definition]) -> Plan:
        """:returns: The plan that creates the tables of the classes, and all that they refer to, in an empty database."""
        from pysqlsync_engine.migration.diff import diff
        from pysqlsync_engine.migration.order import order
        from pysqlsync_engine.migration.plan import fingerprint, make_plan

        capabilities = self._dialect.offline
        desired = lowered_catalog(tables, options=self._options, dialect=self._dialect, capabilities=capabilities)
        empty = Catalog()
        operations = order(diff(empty, desired, capabilities=capabilities))
        writer = self._dialect.writer(capabilities)
        return make_plan(operations, writer, dialect=self._dialect.name, fingerprint=fingerprint(empty))

    def create(self, *, tables: Sequence[Definition]) -> str:
        """:returns: The same as a script: SQL statements, each with a terminator."""
        settings = "".join(f"{statement};\n" for statement in self._dialect.script_settings)
        return settings + str(self.plan(tables=tables))


class Engine:
    """All that can be done with one kind of database. Holds no connection and no state."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    @property
    def name(self) -> str:
        """Name of the dialect."""
        return self._dialect.name

    @property
    def dialect(self) -> Dialect:
        """The record that describes the dialect."""
        return self._dialect

    @asynccontextmanager
    async def create_connection(
        self, parameters: ConnectionParameters, options: GeneratorOptions | None = None
    ) -> AsyncGenerator[ConnectionContext]:
        """
        Open a connection, and close it on leaving the context.

        :raises ConnectError: if the server does not accept it.
        """
        async with self._dialect.connect(parameters) as session:
            yield ConnectionContext(session, self._dialect, options or GeneratorOptions())

    @asynccontextmanager
    async def create_pool(
        self,
        parameters: ConnectionParameters,
        options: GeneratorOptions | None = None,
        *,
        min_size: int = 0,
        max_size: int = 4,
    ) -> AsyncGenerator[ConnectionPool]:
        """
        Open a pool of connections, and close them on leaving the context.

        :param min_size: Connections to open at once.
        :param max_size: Connections to have at most.
        :raises ConnectError: if the server does not accept one.
        """
        async with self._dialect.open_pool(parameters, min_size=min_size, max_size=max_size) as sessions:
            yield ConnectionPool(sessions, self._dialect, options or GeneratorOptions())

    def create_explorer(self, connection: ConnectionContext) -> Explorer:
        """:returns: An explorer that uses the connection."""
        from pysqlsync_engine.explorer import Explorer

        return Explorer(connection.session, connection.dialect, connection.options)

    def create_generator(self, options: GeneratorOptions | None = None) -> Generator:
        """:returns: A generator of scripts; needs no server."""
        return Generator(self._dialect, options or GeneratorOptions())

    def form_catalog(
        self,
        *,
        module: ModuleType | None = None,
        classes: Sequence[type] | None = None,
        options: GeneratorOptions | None = None,
    ) -> Catalog:
        """
        :returns: The catalog that the classes describe; needs no server.
        :raises DefinitionError: if the classes describe no schema.
        """
        return lowered_catalog(
            select_classes(module, classes),
            options=options or GeneratorOptions(),
            dialect=self._dialect,
            capabilities=self._dialect.offline,
        )

    def spell_type(self, data_type: SqlType) -> str:
        """:returns: The type as SQL of this dialect has it: `character varying(255)`."""
        return self._dialect.writer(self._dialect.offline).data_type(data_type)

    def get_table(self, cls: type, options: GeneratorOptions | None = None) -> Table:
        """:returns: The table that the data-class describes; needs no server."""
        return lowered_table(
            cls, options=options or GeneratorOptions(), dialect=self._dialect, capabilities=self._dialect.offline
        )
