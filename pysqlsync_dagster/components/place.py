"""Where a component is defined: the folder of its files, how its modules are called, and what errors say of it."""

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg

from pysqlsync_engine.errors import EngineError


@dataclass(frozen=True, slots=True)
class Place:
    """
    The folder of a component.

    :param directory: What paths of the component are relative to.
    :param package: What names of modules with a leading dot are relative to.
    """

    directory: Path
    package: str

    @classmethod
    def of(cls, context: dg.ComponentLoadContext) -> Place:
        """:returns: The place of the component that is being loaded."""
        path = context.path
        directory = path if path.is_dir() else path.parent
        return cls(directory, context.defs_relative_module_name(directory))

    @property
    def file(self) -> Path:
        """What the component is defined in, for people."""
        names = ("defs.yaml", "defs.yml", "component.py")
        return next((self.directory / name for name in names if (self.directory / name).exists()), self.directory)

    @contextmanager
    def at(self, *keys: str) -> Generator[None]:
        """
        Say in errors where they come from.

        :param keys: That lead to what is at fault in the definition of the component.
        :raises ValueError: with file and key, in place of any error that says that something given is wrong.
        """
        try:
            yield
        except (ValueError, TypeError, EngineError) as error:
            raise ValueError(f"{self.file}: {'.'.join(('attributes', *keys))}: {error}") from error

    def module(self, name: str) -> ModuleType:
        """
        :param name: Dotted name; with a leading dot, of a file in the folder.
        :raises ValueError: if there is no such module.
        """
        full = f"{self.package}{name}" if name.startswith(".") else name
        try:
            return importlib.import_module(full)
        except ModuleNotFoundError as error:
            if error.name is None or not (full == error.name or full.startswith(f"{error.name}.")):
                raise ValueError(f"module {name} imports {error.name}, which is not installed") from error
            raise ValueError(
                f"no module {name!r}; expected a dotted name that can be imported, or '.name' for name.py in this folder"
            ) from error

    def member(self, name: str) -> Any:
        """
        :param name: Of a module and of something in it: `shop.model.Customer`, `.model.Customer`, or `shop.model:Customer`.
        :raises ValueError: if there is nothing of that name.
        """
        module_name, _, member_name = name.replace(":", ".").rpartition(".")
        if not module_name.strip("."):
            raise ValueError(f"expected a module and a name in it, such as shop.model.Customer; got {name!r}")
        module = self.module(module_name)
        if not hasattr(module, member_name):
            raise ValueError(f"module {module.__name__} has nothing of the name {member_name!r}")
        return getattr(module, member_name)

    def path(self, given: str) -> str:
        """:returns: A path that does not depend on the current directory; `{}` and `*` in it are left as they are."""
        return given if Path(given).is_absolute() else f"{self.directory}/{given}"
