"""A project with one component, for tests: its folder, its YAML, and what is built of them."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster.components.testing import DefsFolderSandbox, create_defs_folder_sandbox

from tests import orders_job
from tests.servers import Server

SYNC = "pysqlsync_dagster.SqlSyncComponent"
REFLECTED = "pysqlsync_dagster.ReflectedDatabaseComponent"
SECRET = f"{{{{ env.{orders_job.PASSWORD_VARIABLE} }}}}"


QUIETLY = [
    pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Accessing `{{automation_condition:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
]
"""Marks of tests that load components: what Dagster itself does while it reads YAML is not ours to change."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project in a directory of its own."""

    sandbox: DefsFolderSandbox

    @property
    def folder(self) -> Path:
        """Folder of the component."""
        return self.sandbox.defs_folder_path / "shop"

    def describe(self, kind: str, attributes: Mapping[str, Any]) -> None:
        """Write the YAML of the component."""
        # plain values only, as YAML has them
        plain = json.loads(json.dumps({"type": kind, "attributes": attributes}))
        (self.folder / "defs.yaml").write_text(yaml.safe_dump(plain, sort_keys=False))

    @contextmanager
    def definitions(self) -> Generator[dg.Definitions]:
        """Load the component, as a process that serves the project does."""
        with self.sandbox.build_all_defs() as built:
            yield built

    @contextmanager
    def component(self) -> Generator[Any]:
        """Load the component itself."""
        with self.sandbox.load_component_and_build_defs(self.folder) as (component, _):
            yield component


@contextmanager
def new_project(files: Mapping[str, str] | None = None) -> Generator[Project]:
    """
    Make a project, and remove it on leaving.

    :param files: Text of files in the folder of the component, by their names.
    """
    with create_defs_folder_sandbox() as sandbox:
        project = Project(sandbox)
        project.folder.mkdir()
        for name, text in (files or {}).items():
            path = project.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        yield project


def settings(server: Server, *, variable: str = orders_job.PASSWORD_VARIABLE) -> dict[str, Any]:
    """:returns: A database as YAML has it; the password is in a variable of the environment."""
    parameters = server.parameters
    given = {
        "type": server.dialect,
        "host": parameters.host,
        "port": parameters.port,
        "username": parameters.username,
        "password": f"{{{{ env.{variable} }}}}",
        "database": parameters.database,
        "ssl": None if parameters.ssl is None else parameters.ssl.value,
    }
    return {name: value for name, value in given.items() if value is not None}
