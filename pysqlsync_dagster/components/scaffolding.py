"""What `dg scaffold defs` writes: settings that load as they are, and a model to begin with."""

from __future__ import annotations

from pathlib import Path
from pprint import pformat
from typing import Any, Literal

import dagster as dg
from dagster.components.component_scaffolding import scaffold_component
from pydantic import BaseModel, Field

MODEL = '''\
"""Tables of this component, as data-classes: add a class for each table, then name its source in defs.yaml."""

from dataclasses import dataclass
from typing import Annotated

from pysqlsync_engine.model.key_types import PrimaryKey, Unique
from strong_typing.auxiliary import MaxLength


@dataclass
class Customer:
    """
    Someone who buys.

    :param email: Where invoices are sent.
    """

    # the lines above are the comments of the table and of its columns

    id: PrimaryKey[int]  # every table has a primary key
    email: Unique[Annotated[str, MaxLength(254)]]  # a unique column of limited length
    name: str | None  # a column that may be NULL


# A field whose type is another class is a foreign key:
#
# @dataclass
# class Order:
#     id: PrimaryKey[int]
#     customer: Customer
'''
"""A module with a table."""

ROWS = "id,email,name\n1,ada@example.org,Ada\n2,bob@example.org,\n"
"""Rows for that table."""


class DatabaseParams(BaseModel):
    """What is known of a database when a component is made."""

    database_type: Literal["postgresql", "mysql", "embedded"] = Field(
        default="postgresql", description="Kind of server; mysql stands for MariaDB, too."
    )
    host: str = Field(default="localhost", description="Name or address of the server.")
    port: int | None = Field(default=None, description="Port number; the usual one if not given.")
    username: str | None = Field(default=None, description="Name to log in with.")
    database: str | None = Field(default=None, description="Database to open.")
    password_variable: str | None = Field(
        default=None, description="Name of the environment variable that has the password."
    )

    @property
    def variable(self) -> str | None:
        """Name of the environment variable that is needed; an embedded server needs none."""
        return None if self.database_type == "embedded" else self.password_variable

    def settings(self) -> dict[str, Any]:
        """:returns: The database as it is written in YAML, without what is not given."""
        if self.database_type == "embedded":
            return {"type": "embedded", **({} if self.database is None else {"database": self.database})}
        secret = None if self.password_variable is None else f"{{{{ env.{self.password_variable} }}}}"
        given = {
            "type": self.database_type,
            "host": self.host,
            "port": self.port,
            "username": self.username,
            "password": secret,
            "database": self.database,
        }
        return {name: value for name, value in given.items() if value is not None}


class SyncParams(DatabaseParams):
    """What is known of a component when it is made."""

    module: str | None = Field(
        default=None,
        description="Module of data-classes; if not given, a model to begin with is written, with some rows.",
    )
    namespace: str | None = Field(default=None, description="Of the tables; the default one if not given.")


PROGRAM = """\
import dagster as dg
from {module} import {name}


@dg.component_instance
def load(context: dg.ComponentLoadContext) -> {name}:
    return {name}.resolve_from_dict(
        {attributes}
    )
"""
"""A component as a Python file."""


def write_definition(request: dg.ScaffoldRequest[Any], attributes: dict[str, Any], *, variable: str | None) -> None:
    """
    Write the definition of a component, in the format that is asked for.

    :param variable: Name of the environment variable that it needs, for `dg check yaml --validate-requirements`.
    """
    if request.scaffold_format == "python":
        module, _, name = request.type_name.rpartition(".")
        shown = pformat(attributes, sort_dicts=False, width=100).replace("\n", "\n        ")
        (request.target_path / "component.py").write_text(PROGRAM.format(module=module, name=name, attributes=shown))
        return
    scaffold_component(request, attributes)
    if variable is not None:
        path = request.target_path if request.append else request.target_path / "defs.yaml"
        path.write_text(f"{path.read_text()}\nrequirements:\n  env:\n    - {variable}\n")


class SyncScaffolder(dg.Scaffolder[SyncParams]):
    """Writes a component that loads at once."""

    @classmethod
    def get_scaffold_params(cls) -> type[SyncParams]:
        """:returns: What may be given at the command line."""
        return SyncParams

    def scaffold(self, request: dg.ScaffoldRequest[SyncParams]) -> None:
        """Write the definition and, where no module is named, a model and its rows beside it."""
        params = request.params
        attributes: dict[str, Any] = {"target": params.settings(), "module": params.module or ".model"}
        if params.namespace is not None:
            attributes["namespace"] = params.namespace
        if params.module is None:
            folder = request.target_path.parent if request.append else request.target_path
            write_new(folder / "model.py", MODEL)
            write_new(folder / "customers.csv", ROWS)
            attributes["tables"] = {"Customer": {"files": {"path": "customers.csv"}}}
        write_definition(request, attributes, variable=params.variable)


class ReflectionScaffolder(dg.Scaffolder[DatabaseParams]):
    """Writes a component that shows the tables of a live database."""

    @classmethod
    def get_scaffold_params(cls) -> type[DatabaseParams]:
        """:returns: What may be given at the command line."""
        return DatabaseParams

    def scaffold(self, request: dg.ScaffoldRequest[DatabaseParams]) -> None:
        """Write the definition; keys of tables start with the name of the folder, so that they are nobody else's."""
        params = request.params
        folder = request.target_path.parent if request.append else request.target_path
        attributes = {"database": params.settings(), "prefix": [folder.name]}
        write_definition(request, attributes, variable=params.variable)


def write_new(path: Path, text: str) -> None:
    """Write a file, but for one that is there already."""
    if not path.exists():
        path.write_text(text)
