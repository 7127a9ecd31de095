"""Whom the word of an identity provider lets in, and as what."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.definitions import BadDefinition, canonical, parse
from domain.federation import (
    SKEW,
    IdentityProvider,
    Pending,
    Vouched,
    admitted,
    pending_doubt,
    token_doubt,
    vouched,
)
from domain.identity import Role, User

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ISSUER = "https://idp.example/realm"
PROVIDER = IdentityProvider(
    id="idp",
    issuer=ISSUER,
    client_id="auterity",
    gateway="https://auterity.example/api/v1",
    roles={"shop-floor": ["operator", "viewer"], "board": ["admin"]},
)
CLAIMS = {
    "iss": ISSUER,
    "aud": "auterity",
    "sub": "subject-1",
    "nonce": "nonce-1",
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 300,
}
SAID = Vouched(subject="subject-1", name="ada", title="Ada", groups=frozenset({"shop-floor"}))
PENDING = Pending(
    tenant_id="acme", provider="idp", state="s", nonce="n", verifier="v", expires_at=NOW + timedelta(minutes=10)
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def test_a_token_that_says_all_it_should_is_good() -> None:
    assert not token_doubt(PROVIDER, CLAIMS, "nonce-1", NOW)
    assert not token_doubt(PROVIDER, {**CLAIMS, "aud": ["auterity", "x"], "azp": "auterity"}, "nonce-1", NOW)


@given(st.sampled_from(["iss", "aud", "sub", "nonce", "exp", "iat", "nbf", "azp"]), ANYTHING)
def test_any_other_claim_is_a_doubt_or_says_the_same(name: str, value: Any) -> None:
    if token_doubt(PROVIDER, {**CLAIMS, name: value}, "nonce-1", NOW):
        return
    at, skew = NOW.timestamp(), SKEW.total_seconds()
    if name in ("iss", "nonce", "azp"):
        assert value == CLAIMS.get(name, "auterity")
    elif name == "aud":
        assert value in ("auterity", ["auterity"])
    elif name == "sub":
        assert isinstance(value, str) and value
    else:
        assert value > at - skew if name == "exp" else value <= at + skew


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_that_is_not_there_is_a_doubt(name: str) -> None:
    assert token_doubt(PROVIDER, {key: each for key, each in CLAIMS.items() if key != name}, "nonce-1", NOW)


def test_clocks_may_differ_by_a_minute() -> None:
    ended, soon = NOW + timedelta(seconds=300), NOW - SKEW
    assert not token_doubt(PROVIDER, CLAIMS, "nonce-1", ended + SKEW - timedelta(seconds=1))
    assert token_doubt(PROVIDER, CLAIMS, "nonce-1", ended + SKEW) == "the token is expired"
    assert not token_doubt(PROVIDER, CLAIMS, "nonce-1", soon)
    assert token_doubt(PROVIDER, CLAIMS, "nonce-1", soon - timedelta(seconds=1)) == "the token is not good yet"


@given(st.frozensets(st.text(max_size=12) | st.sampled_from(["shop-floor", "board"])))
def test_roles_are_those_of_the_mapping_and_without_one_nobody_is_let_in(groups: frozenset[str]) -> None:
    found = admitted(PROVIDER, replace(SAID, groups=groups), None)
    given_roles = {role for group in groups for role in PROVIDER.roles.get(group, [])}
    assert (found.user is None) == (not given_roles)
    if found.user is not None:
        assert {role.value for role in found.user.roles} == given_roles
        assert (found.user.issuer, found.user.subject, found.user.password) == (ISSUER, "subject-1", "")


@given(st.sampled_from(["", ISSUER, "https://another"]), st.sampled_from(["", "subject-1", "subject-2"]))
def test_a_user_is_taken_over_by_nobody_but_who_made_it(issuer: str, subject: str) -> None:
    known = User(id="ada", roles=[Role.ADMIN], password="sealed", issuer=issuer, subject=subject)
    found = admitted(PROVIDER, SAID, known)
    assert (found.user is not None) == ((issuer, subject) == (ISSUER, "subject-1"))


def test_a_log_in_changes_title_and_roles_of_a_user_and_nothing_else() -> None:
    known = User(id="ada", roles=[Role.ADMIN], issuer=ISSUER, subject="subject-1", epoch=3, provider_added=1)
    found = admitted(PROVIDER, SAID, known).user
    assert found == replace(known, title="Ada", roles=[Role.VIEWER, Role.OPERATOR])
    assert admitted(PROVIDER, SAID, replace(known, status="suspended")).doubt == "user is suspended"
    again = admitted(replace(PROVIDER, added=2), SAID, known).user
    assert again is not None
    assert (again.provider_added, again.epoch) == (2, 4)  # whoever came in before has to come in again


@given(ANYTHING, ANYTHING, ANYTHING)
def test_whatever_the_claims_are_a_name_is_one_that_users_have(name: Any, title: Any, groups: Any) -> None:
    claims = {**CLAIMS, "preferred_username": name, "name": title, "groups": groups}
    found = admitted(PROVIDER, vouched(PROVIDER, claims), None)
    if found.user is not None:
        assert found.user.id == name.lower()
        parse("user", canonical(msgspec.to_builtins(found.user)))


def test_a_claim_within_a_claim_is_found() -> None:
    nested = replace(PROVIDER, roles_claim="realm_access.roles")
    assert vouched(nested, {**CLAIMS, "realm_access": {"roles": ["board", 7]}}).groups == {"board"}
    assert vouched(nested, {**CLAIMS, "realm_access.roles": "board"}).groups == {"board"}
    assert vouched(nested, {**CLAIMS, "realm_access": "board"}).groups == frozenset()


@pytest.mark.parametrize(
    ("pending", "whose", "state", "later_s", "doubt"),
    [
        (PENDING, ("acme", "idp"), "s", 599, ""),
        (PENDING, ("acme", "idp"), "s", 600, "the log-in took too long"),
        (PENDING, ("acme", "idp"), "t", 0, "the state is another log-in's"),
        (PENDING, ("acme", "idp"), "ß", 0, "the state is another log-in's"),
        (PENDING, ("other", "idp"), "s", 0, "the log-in was begun for another provider"),
        (PENDING, ("acme", "another"), "s", 0, "the log-in was begun for another provider"),
        (None, ("acme", "idp"), "s", 0, "no log-in was begun in this browser"),
    ],
)
def test_an_answer_belongs_to_the_log_in_that_was_begun(
    pending: Pending | None, whose: tuple[str, str], state: str, later_s: int, doubt: str
) -> None:
    assert pending_doubt(pending, *whose, state, NOW + timedelta(seconds=later_s)) == doubt


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "http://idp.example"},
        {"issuer": "https://user@idp.example"},
        {"issuer": "https://idp.example/?a"},
        {"issuer": "http://localhost.example"},
        {"gateway": "http://auterity.example/api/v1"},
        {"gateway": "https://auterity.example/#"},
        {"roles": {}},
        {"roles": {"board": ["platform-admin"]}},
        {"roles": {"board": ["king"]}},
        {"client_id": ""},
        {"id": "../idp"},
    ],
)
def test_a_provider_without_tls_or_with_roles_that_are_none_is_no_definition(changed: dict[str, Any]) -> None:
    body = msgspec.to_builtins(PROVIDER)
    parse("identity-provider", canonical(body))
    with pytest.raises(BadDefinition, match="identity-provider: "):
        parse("identity-provider", canonical({**body, **changed}))
