"""Nobody grants what he does not hold, nobody is left out, and nothing is called what it cannot be."""

from datetime import UTC, datetime
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.administration import (
    BadLife,
    BadName,
    BadRole,
    BadScope,
    BadTeam,
    LastAdmin,
    NotHeld,
    NotOneself,
    TenantExists,
    UserExists,
    check_another,
    check_held,
    check_managed,
    check_narrower,
    new_key,
    new_tenant,
    new_user,
    public_user,
    roles_of,
    scopes_of,
    turned,
    with_password,
    without_factor,
)
from domain.definitions import Tenant
from domain.identity import GRANTED, PLATFORM, Factor, Permission, Presented, Principal, Role, User, enrolled
from schemas.errors import Rejected

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ADA = User(id="ada", roles=[Role.ADMIN])
PERMISSIONS = st.frozensets(st.sampled_from(Permission))
ROLES = st.lists(st.sampled_from(Role), max_size=4)
PEOPLE = st.lists(
    st.builds(
        User,
        id=st.sampled_from(["ada", "bob", "eve"]),
        roles=ROLES,
        status=st.sampled_from(["active", "suspended"]),
    ),
    max_size=3,
)


def refused(check: object, *given_: object) -> bool:
    try:
        check(*given_)  # type: ignore[operator]
    except Rejected:
        return True
    return False


@given(PERMISSIONS, ROLES)
def test_nobody_grants_more_than_he_holds(held: frozenset[Permission], roles: list[Role]) -> None:
    granted = set(chain.from_iterable(GRANTED[role] for role in roles))

    assert refused(check_held, Principal("acme", "user/ada", held), roles) == bool(granted - held)


@given(PERMISSIONS, st.lists(st.sampled_from([*Permission, "events:eat"]), max_size=4))
def test_no_key_has_a_scope_that_its_maker_lacks_or_that_is_the_platform_s(
    held: frozenset[Permission], scopes: list[str]
) -> None:
    whole = set(scopes) <= held - {Permission.MANAGE_TENANTS}

    assert refused(scopes_of, scopes, Principal("acme", "user/ada", held)) != whole


@given(PEOPLE, PEOPLE)
def test_somebody_manages_a_tenant_that_was_managed(before: list[User], after: list[User]) -> None:
    def managed(people: list[User]) -> bool:
        return any(Role.ADMIN in each.roles and each.status == "active" for each in people)

    if not refused(check_managed, "acme", before, after):
        assert managed(after) or not managed(before)


def test_the_platform_is_managed_by_its_own_admins() -> None:
    admin = User(id="admin", roles=[Role.PLATFORM_ADMIN])

    with pytest.raises(LastAdmin, match="tenant platform would have no platform-admin any more"):
        check_managed(PLATFORM, [admin], [turned(admin, "suspended")])


@pytest.mark.parametrize("name", ["", "Ada", "a b", "a" * 101, ".a", "a\n", "a/b"])
def test_nobody_is_called_what_is_no_name(name: str) -> None:
    with pytest.raises(BadName):
        new_user("acme", name, ["viewer"], "", None)


def test_what_is_there_or_is_none_is_not_made() -> None:
    with pytest.raises(UserExists):
        new_user("acme", "ada", ["viewer"], "", ADA)
    with pytest.raises(TenantExists):
        new_tenant("acme", "", Tenant(id="acme"))
    with pytest.raises(TenantExists):
        new_tenant(PLATFORM, "", None)
    with pytest.raises(BadRole):
        roles_of("acme", ["platform-admin"])
    with pytest.raises(BadRole):
        roles_of(PLATFORM, ["admin"])
    with pytest.raises(BadScope):
        scopes_of(["tenants:manage"])
    for days in (0, 367):
        with pytest.raises(BadLife):
            new_key(Presented("acme", "a" * 16, "secret"), [Permission.READ_RUNS], days, "", NOW)


def test_what_proves_who_somebody_is_he_sets_anew_by_himself() -> None:
    with pytest.raises(NotOneself):
        check_another(Principal("acme", "user/ada"), ADA)
    check_another(Principal("acme", "key/ada"), ADA)


def test_a_new_password_a_lost_factor_and_a_suspension_end_what_was_begun_before() -> None:
    known = User(id="ada", roles=[], factor=Factor(id="f", secret="s", status="active"))

    assert with_password(known, "sealed").epoch == known.epoch + 1
    assert with_password(known, "sealed").one_time
    assert enrolled(with_password(known, "sealed")) is not None  # a lost password is no lost factor
    assert without_factor(known).epoch == known.epoch + 1
    assert enrolled(without_factor(known)) is None
    assert turned(known, "suspended").epoch == known.epoch + 1
    assert turned(known, "active").epoch == known.epoch


def test_a_key_makes_no_key_that_opens_more_or_lives_longer_than_itself() -> None:
    shown = Presented("acme", "a" * 16, "s")
    maker = new_key(shown, [], 10, "", NOW, ["10.0.0.0/8"])
    check_narrower(maker, new_key(shown, [], 10, "", NOW, ["10.0.0.0/8"]))
    for days, networks in ((11, ["10.0.0.0/8"]), (10, []), (10, ["10.0.0.0/8", "192.0.2.0/24"])):
        with pytest.raises(NotHeld):
            check_narrower(maker, new_key(shown, [], days, "", NOW, networks))


def test_a_key_of_a_team_makes_keys_of_that_team_only() -> None:
    shown = Presented("acme", "a" * 16, "s")
    maker = new_key(shown, [], 10, "", NOW, team="night-shift")
    check_narrower(maker, new_key(shown, [], 10, "", NOW, team="night-shift"))
    for team in ("", "day-shift"):
        with pytest.raises(NotHeld):
            check_narrower(maker, new_key(shown, [], 10, "", NOW, team=team))


@pytest.mark.parametrize("team", ["Night Shift", "-", "a" * 101, "night\n"])
def test_a_team_is_named_as_people_are(team: str) -> None:
    with pytest.raises(BadTeam):
        new_user("acme", "ada", ["viewer"], "", None, team)
    with pytest.raises(BadTeam):
        new_key(Presented("acme", "a" * 16, "s"), [], 10, "", NOW, team=team)
    assert new_user("acme", "ada", ["viewer"], "", None, "night-shift").team == "night-shift"


def test_of_a_user_nothing_is_shown_that_is_sealed() -> None:
    known = User(id="ada", roles=[], password="sealed", factor=Factor(id="f", secret="sealed", recovery=["sealed"]))

    assert "sealed" not in str(public_user(known))
    assert public_user(known)["second_factor"] is False


def test_who_lacks_something_is_told_what() -> None:
    with pytest.raises(NotHeld, match="role viewer permits runs:read, which the caller may not"):
        check_held(Principal("acme", "key/k"), [Role.VIEWER])
