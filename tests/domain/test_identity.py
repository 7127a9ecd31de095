"""Who is let in, and to what."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.identity import (
    GRANTED,
    PLATFORM,
    ApiKey,
    Permission,
    Presented,
    Principal,
    Role,
    User,
    Verdict,
    authorise,
    digest,
    identify,
    person,
    presented,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SHOWN = Presented("acme", "k" * 16, "a-secret")
KEY = ApiKey(
    id="k" * 16, scopes=[Permission.WRITE_EVENTS], expires_at=NOW + timedelta(days=1), digest=digest("a-secret")
)
IDENTIFIED = Verdict(Principal("acme", "key/k", frozenset({Permission.WRITE_EVENTS})), ["key is genuine"])


def test_a_key_is_read_as_it_was_shown() -> None:
    assert presented(SHOWN.text) == SHOWN


@given(st.text())
def test_any_other_text_is_no_key_or_reads_as_itself(text: str) -> None:
    found = presented(text)
    assert found is None or found.text == text


def test_a_genuine_key_says_who_calls() -> None:
    verdict = identify(SHOWN, KEY, True, NOW)
    assert verdict.allowed
    assert verdict.principal == Principal("acme", f"key/{KEY.id}", frozenset({Permission.WRITE_EVENTS}))


@pytest.mark.parametrize(
    ("shown", "known", "active", "now", "status", "reason"),
    [
        (None, None, True, NOW, 401, "no key"),
        (None, KEY, True, NOW, 401, "no key"),
        (SHOWN, None, True, NOW, 401, "unknown key"),
        (SHOWN, None, False, NOW, 401, "unknown key"),
        (Presented("acme", KEY.id, "another"), KEY, True, NOW, 401, "wrong secret"),
        (Presented("acme", KEY.id, KEY.digest), KEY, True, NOW, 401, "wrong secret"),
        (SHOWN, replace(KEY, status="revoked"), True, NOW, 401, "key is revoked"),
        (SHOWN, KEY, True, NOW + timedelta(days=1), 401, "key is expired"),
        (SHOWN, KEY, False, NOW, 403, "tenant is not active"),
    ],
)
def test_who_is_not_known_for_certain_is_nobody(
    shown: Presented | None, known: ApiKey | None, active: bool, now: datetime, status: int, reason: str
) -> None:
    verdict = identify(shown, known, active, now)
    assert (verdict.principal, verdict.status, verdict.reasons) == (None, status, [reason])


def test_what_is_not_granted_is_forbidden() -> None:
    verdict = authorise(IDENTIFIED, Permission.MANAGE_KEYS)
    assert (verdict.status, verdict.reasons[-1]) == (403, "lacks keys:manage")
    assert not verdict.allowed


def test_nobody_may_do_anything() -> None:
    for permission in Permission:
        assert not authorise(Verdict(None, ["no key"], 401), permission).allowed
        assert not authorise(Verdict(None, []), permission).allowed


@given(st.sampled_from(Permission), st.lists(st.sampled_from(["acme", "other"])))
def test_only_the_own_tenant_is_ever_reached(permission: Permission, tenants: list[str]) -> None:
    everything = Verdict(Principal("acme", "key/k", frozenset(Permission)))
    assert authorise(everything, permission, tenants).allowed == ("other" not in tenants)


def test_the_more_a_role_may_the_more_it_may() -> None:
    for role in (Role.OPERATOR, Role.ANALYST, Role.COMPLIANCE_OFFICER):
        assert GRANTED[Role.VIEWER] < GRANTED[role] < GRANTED[Role.ADMIN]
    assert GRANTED.keys() == set(Role)


def test_the_admin_of_the_platform_looks_into_no_tenant() -> None:
    assert GRANTED[Role.PLATFORM_ADMIN] == {Permission.MANAGE_TENANTS, Permission.MANAGE_USERS}


def test_nobody_but_people_of_the_platform_is_its_admin() -> None:
    user = User(id="ada", roles=[Role.PLATFORM_ADMIN])

    def granted(tenant: str) -> frozenset[Permission]:
        principal = person(tenant, user, True, "").principal
        assert principal is not None
        return principal.permissions

    assert granted("acme") == frozenset()
    assert granted(PLATFORM) == GRANTED[Role.PLATFORM_ADMIN]
