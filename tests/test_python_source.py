"""A catalog that becomes Python forms the same catalog again."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from pysqlsync_engine.described import lowered_catalog, select_classes
from pysqlsync_engine.discovery.python_module import live_modules
from pysqlsync_engine.discovery.python_source import write_module, write_modules
from pysqlsync_engine.errors import DiscoveryError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.data_types import SqlCharacter, SqlInteger, SqlJson, SqlNamed, SqlType
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    Column,
    DomainType,
    EnumType,
    ForeignKeyConstraint,
    Index,
    IndexPart,
    Namespace,
    PrimaryKeyConstraint,
    Table,
)
from pysqlsync_engine.options import GeneratorOptions

HOSTILE = ('"""', "it's \\ odd\n", "-- ; DROP", "📦\u202e", ":param x: y", "Users(id: int)")
POSTGRESQL = get_dialect("postgresql").dialect


def name(local: str, namespace: str = "public") -> QualifiedId:
    return QualifiedId(namespace, local)


def column(local: str, data_type: SqlType, description: str | None = None, *, nullable: bool = False) -> Column:
    return Column(LocalId(local), data_type, nullable=nullable, description=description)


def sample(text: str) -> Catalog:
    """:returns: Two namespaces that refer to each other, with a text in every place for one."""
    mood = EnumType(name("mood"), ("x", text), text)
    domain = DomainType(
        name("moods", "other"),
        SqlNamed(mood.name),
        constraints=(CheckConstraint(LocalId(text), "VALUE IS NOT NULL"),),
        description=text,
    )
    users = Table(
        name("users"),
        (
            column("id", SqlInteger(4), text),
            column("class", SqlCharacter(5), "plain"),
            column("reply-to", SqlNamed(domain.name), nullable=True),
            column(text, SqlJson(), text),
            column("str", SqlNamed(mood.name), text),
        ),
        PrimaryKeyConstraint(LocalId("users_pkey"), (LocalId("id"),)),
        (ForeignKeyConstraint(LocalId("fk_id"), (LocalId("id"),), name("users", "other"), (LocalId("id"),)),),
        text,
        indexes=(Index(LocalId("by_class"), (IndexPart(LocalId("class")), IndexPart(expression="lower('x')"))),),
    )
    others = Table(
        name("users", "other"),
        (column("id", SqlInteger(4)), column("date", SqlNamed(mood.name))),
        PrimaryKeyConstraint(LocalId("pk_users"), (LocalId("id"),)),
        (ForeignKeyConstraint(LocalId("fk_users"), (LocalId("id"),), users.name, (LocalId("id"),)),),
    )
    namespaces = (
        Namespace(LocalId("other"), tables=(others,), domains=(domain,)),
        Namespace(LocalId("public"), enums=(mood,), tables=(users,)),
    )
    return POSTGRESQL.lower(Catalog(namespaces), POSTGRESQL.offline)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("style", ["camel", "verbatim"])
def test_live_classes_form_the_catalog_that_they_were_made_of(text: str, style: str) -> None:
    catalog = sample(text)
    names = {"public": "python_source_public", "other": "python_source_other"}
    modules = live_modules(catalog, names, class_names="camel" if style == "camel" else "verbatim")
    try:
        options = GeneratorOptions(namespaces={module: namespace for namespace, module in modules.items()})
        chosen = select_classes(None, None, list(modules.values()))
        formed = lowered_catalog(chosen, options=options, dialect=POSTGRESQL, capabilities=POSTGRESQL.offline)
        assert formed == catalog
        assert "class Users" in inspect.getsource(modules["other"]) or style == "verbatim"
    finally:
        for module in names.values():
            sys.modules.pop(module, None)


def test_source_is_formatted_and_passes_the_type_checker(tmp_path: Path) -> None:
    programs = Path(sys.executable).parent
    for program in ("ruff", "pyright"):
        if not (programs / program).exists():
            pytest.skip(f"{program} is not installed; `make lint` installs it")
    for module, source in write_modules(sample(HOSTILE[0]), modules={"public": "m_public", "other": "m_other"}).items():
        (tmp_path / f"{module}.py").write_text(source)
    formatted = [programs / "ruff", "format", "--check", "--isolated", "--line-length", "120", tmp_path]
    checked = [programs / "pyright", "--pythonpath", sys.executable, tmp_path]
    for command in (formatted, checked):
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, result.stdout + result.stderr


def test_one_module_is_refused_for_several_namespaces() -> None:
    with pytest.raises(DiscoveryError, match="several modules"):
        write_module(sample("x"))
