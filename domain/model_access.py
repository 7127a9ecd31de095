"""Decides which models a caller may use: by its roles and by its tenant; nothing where a doubt is left."""

from collections.abc import Iterator

from msgspec import Struct

from domain.identity import Role
from domain.models import EVERY, LOCAL, PROGRAM, ROLES, Grant, Model, Models, named

BY_DEFAULT = tuple(Grant(role=role, models=[EVERY]) for role in sorted(ROLES - {Role.VIEWER}))
"""What roles may use where the models say nothing of any role."""


class Caller(Struct, frozen=True):
    """Who asks: a tenant, what its caller is there, and what the tenant has narrowed itself to."""

    tenant_id: str
    roles: tuple[str, ...] = (PROGRAM,)
    models: tuple[str, ...] = ()
    """Ids or families, from the tenant's definition; empty: all that the platform allows."""


def allowed(model: Model, models: Models, caller: Caller) -> bool:
    """Returns whether the caller may use the model."""
    return not refusal(model, models, caller)


def refusal(model: Model, models: Models, caller: Caller) -> str:
    """Returns why the caller may not use the model, empty when it may.

    A role that nobody knows, or that no grant names, may use none; of several roles each adds what it may. Whoever may
    use any model may use the local one: it costs nothing, and nothing leaves the platform.
    """
    return next(_refusals(model, models, caller), "")


def _refusals(model: Model, models: Models, caller: Caller) -> Iterator[str]:
    grants = [each for each in models.access if each.role] or BY_DEFAULT
    roles = [name for each in grants if each.role in ROLES.intersection(caller.roles) for name in each.models]
    tenants = [each for each in models.access if each.tenant and each.tenant == caller.tenant_id]
    tenant = [name for each in tenants for name in each.models]
    if not roles:
        yield f"{_said(caller)} may use no model"
    if tenants and not tenant:
        yield f"tenant {caller.tenant_id} may use no model"
    if model.id == LOCAL:
        return
    if not named(model, roles):
        yield f"{_said(caller)} may not use it"
    if tenants and not named(model, tenant):
        yield f"tenant {caller.tenant_id} may not use it"
    if caller.models and not named(model, caller.models):
        yield f"tenant {caller.tenant_id} has narrowed itself to {', '.join(sorted(caller.models))}"


def _said(caller: Caller) -> str:
    return f"role {' or '.join(sorted(caller.roles))}" if caller.roles else "a caller without a role"
