"""Who may use which model: a matrix of roles, tenants and models, said once more in other words."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.identity import Role
from domain.model_access import Caller, allowed, refusal
from domain.models import LOCAL, PROGRAM, ROLES, Grant, Models
from tests.domain.routes import CALLERS, CATALOGUE, CLAUDE, GPT, catalogues

GRANTS = [
    Grant(role="admin", models=["*"]),
    Grant(role="analyst", models=["claude"]),
    Grant(role="operator", models=[GPT.id]),
    Grant(role="compliance-officer", models=[]),
    Grant(tenant="globex", models=["claude"]),
    Grant(tenant="initech", models=[]),
]
MODELS = replace(CATALOGUE, access=GRANTS)
BY_ROLE = {"admin": {GPT.id, CLAUDE.id, LOCAL}, "analyst": {CLAUDE.id, LOCAL}, "operator": {GPT.id, LOCAL}}
BY_TENANT = {"globex": {CLAUDE.id, LOCAL}, "initech": set[str]()}
ALL = {each.id for each in MODELS.models}


@pytest.mark.parametrize(
    ("role", "tenant", "narrowed"),
    list(
        product(
            [*sorted(ROLES), "nobody-knows", "", "*"], ["acme", "globex", "initech"], [(), ("gpt-4",), (CLAUDE.id,)]
        )
    ),
)
def test_a_caller_may_use_what_role_and_tenant_and_its_own_list_have_in_common(
    role: str, tenant: str, narrowed: tuple[str, ...]
) -> None:
    caller = Caller(tenant, (role,), narrowed)
    own = {"gpt-4": {GPT.id, LOCAL}, CLAUDE.id: {CLAUDE.id, LOCAL}}[narrowed[0]] if narrowed else ALL

    expected = BY_ROLE.get(role, set()) & BY_TENANT.get(tenant, ALL) & own
    assert {each.id for each in MODELS.models if allowed(each, MODELS, caller)} == expected


@pytest.mark.parametrize("role", sorted({*ROLES, "nobody-knows", ""}))
def test_without_any_grant_every_role_but_the_viewer_may_use_all(role: str) -> None:
    expected = ALL if role in ROLES - {Role.VIEWER} else set()

    assert {each.id for each in CATALOGUE.models if allowed(each, CATALOGUE, Caller("acme", (role,)))} == expected


def test_grants_to_tenants_alone_leave_the_roles_as_they_are() -> None:
    models = replace(CATALOGUE, access=[Grant(tenant="globex", models=["claude"])])

    assert allowed(GPT, models, Caller("acme"))
    assert not allowed(GPT, models, Caller("globex"))
    assert not allowed(GPT, models, Caller("acme", ("viewer",)))


@settings(max_examples=30)
@given(catalogues(), CALLERS)
def test_a_caller_without_a_role_that_is_known_may_use_nothing(models: Models, caller: Caller) -> None:
    for roles in ((), ("nobody-knows",), ("",)):
        assert not any(allowed(each, models, replace(caller, roles=roles)) for each in models.models)


@settings(max_examples=30)
@given(catalogues(), CALLERS, st.sampled_from(sorted({*ROLES, "nobody-knows"})))
def test_another_role_takes_nothing_away_and_an_unknown_one_adds_nothing(
    models: Models, caller: Caller, role: str
) -> None:
    for each in models.models:
        before, after = (
            allowed(each, models, caller),
            allowed(each, models, replace(caller, roles=(*caller.roles, role))),
        )
        assert after or not before
        if role not in ROLES:
            assert after == before


@settings(max_examples=30)
@given(catalogues(), CALLERS)
def test_whoever_may_use_any_model_may_use_the_local_one(models: Models, caller: Caller) -> None:
    may = {each.id for each in models.models if allowed(each, models, caller)}

    assert not may or LOCAL in may


def test_a_family_that_nobody_named_is_not_the_empty_name() -> None:
    bare = replace(GPT, family="")

    assert not allowed(bare, replace(CATALOGUE, access=[Grant(role=PROGRAM, models=[""])]), Caller("acme"))


def test_a_refusal_says_whose_it_is() -> None:
    assert refusal(GPT, MODELS, Caller("acme", ("analyst",))) == "role analyst may not use it"
    assert refusal(GPT, MODELS, Caller("globex", ("admin",))) == "tenant globex may not use it"
    assert refusal(GPT, MODELS, Caller("initech", ("admin",))) == "tenant initech may use no model"
    assert refusal(GPT, MODELS, Caller("acme", ())) == "a caller without a role may use no model"
