"""How a `NewType` becomes a domain."""

from __future__ import annotations

from dataclasses import replace

from pysqlsync_engine.errors import DefinitionError, UnsupportedError
from pysqlsync_engine.formation.context import Context, Site
from pysqlsync_engine.formation.declared import form_check
from pysqlsync_engine.formation.inspection import DomainSpec, check_text
from pysqlsync_engine.formation.markers import check_no_key_tags
from pysqlsync_engine.formation.names import condition_part, object_name
from pysqlsync_engine.formation.values import nested_type
from pysqlsync_engine.model.declarations import Check, DomainDeclaration, domain_declaration
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import CheckConstraint, DomainType


def form_domain(domain: DomainSpec, name: QualifiedId, context: Context) -> DomainType:
    """
    :returns: The domain that a `NewType` becomes.
    :raises UnsupportedError: if the server has no domains.
    :raises DefinitionError: if its values cannot be stored.
    """
    place = f"type {domain.type.__name__}"
    if not context.capabilities.domains:
        raise UnsupportedError(
            f"{place}: {context.capabilities.version} has no domains; do not declare it as one, and repeat its checks in the"
            " classes that use it"
        )
    declaration = domain_declaration(domain.type) or DomainDeclaration()
    check_no_key_tags(domain.base, place, where="the values of a domain")
    if domain.base.optional:
        raise DefinitionError(
            f"{place}: values of a domain cannot be None; remove '| None', and add it where it is used"
        )
    for attribute, text in (("default", declaration.default), ("collation", declaration.collation)):
        if text is not None and not check_text(text, f"{place}: {attribute}").strip():
            raise DefinitionError(f"{place}: {attribute} is empty; give one, or leave it out")
    site = Site(place, name, LocalId("value"), context)
    checks = (_form_check(check, name, site) for check in declaration.checks)
    return DomainType(
        name,
        nested_type(domain.base, replace(site, owner=name)),
        nullable=declaration.nullable,
        default=declaration.default,
        constraints=tuple(sorted(checks, key=lambda check: check.name)),
        description=check_text(declaration.description or "", f"{place}: description") or None,
        collation=declaration.collation,
    )


def _form_check(check: Check, domain: QualifiedId, site: Site) -> CheckConstraint:
    if not check_text(check.condition, f"{site.place}: condition").strip():
        raise DefinitionError(f"{site.place}: a check has an empty condition; give one, or leave the check out")
    if check.name is not None:
        return form_check(check, LocalId(check.name))
    part = condition_part(check.condition)
    return form_check(check, object_name("ck", domain, (part,), capabilities=site.context.capabilities))
