"""Two tables that refer to each other, for tests."""

from __future__ import annotations

from dataclasses import dataclass

from pysqlsync_engine.model.key_types import PrimaryKey


@dataclass
class Department:
    """A department and who leads it."""

    id: PrimaryKey[int]
    leader: Employee | None


@dataclass
class Employee:
    """Somebody who works in a department, for somebody else."""

    id: PrimaryKey[int]
    department: Department
    superior: Employee | None
