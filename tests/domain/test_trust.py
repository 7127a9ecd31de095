"""Credentials are never enough by themselves: address, time, device and risk have to hold, too."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity import Principal, Verdict
from domain.trust import RECENT, RISKS, Access, Context, Hours, admitted, checked, login_doubt

MONDAY = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
KNOWN = Verdict(Principal("acme", "user/ada", frozenset()), ["user is genuine"])


def context(**more: Any) -> Context:
    return Context(**{"at": MONDAY, "address": "10.1.2.3", "person": True, **more})


@pytest.mark.parametrize(
    ("address", "networks", "inside"),
    [
        ("10.1.2.3", ["10.0.0.0/8"], True),
        ("11.1.2.3", ["10.0.0.0/8"], False),
        ("11.1.2.3", ["10.0.0.0/8", "11.1.2.3"], True),
        ("2001:db8::1", ["2001:db8::/32"], True),
        ("::ffff:10.1.2.3", ["10.0.0.0/8"], True),
        ("10.1.2.3", ["::/0"], False),
        ("", ["10.0.0.0/8"], False),
        ("10.1.2.3, 6.6.6.6", ["10.0.0.0/8"], False),
        ("anything", [], True),
    ],
)
def test_a_call_from_outside_the_networks_is_refused(address: str, networks: list[str], inside: bool) -> None:
    for access, of_key in ((Access(networks=networks), ()), (Access(), networks)):
        verdict = admitted(KNOWN, access, context(address=address, networks=of_key, person=False))
        assert verdict.allowed is inside
        assert inside or (verdict.status == 403 and "networks" in verdict.reasons[-1])


@pytest.mark.parametrize(
    ("begin", "end", "days", "later", "inside"),
    [
        ("08:00", "17:00", [1, 2, 3, 4, 5], timedelta(), True),
        ("08:00", "09:30", [1], timedelta(), False),
        ("08:00", "17:00", [2], timedelta(), False),
        ("22:00", "06:00", [1], timedelta(hours=14), True),
        ("22:00", "06:00", [1], timedelta(hours=20), True),
        ("22:00", "06:00", [1], timedelta(hours=21), False),
        ("22:00", "06:00", [7], timedelta(hours=-5), True),
        ("00:00", "00:00", [1], timedelta(), True),
    ],
)
def test_people_are_let_in_within_the_hours_and_keys_at_any_time(
    begin: str, end: str, days: list[int], later: timedelta, inside: bool
) -> None:
    access = Access(hours=[Hours(begin, end, days)])

    assert admitted(KNOWN, access, context(at=MONDAY + later)).allowed is inside
    assert admitted(KNOWN, access, context(at=MONDAY + later, person=False)).allowed


@pytest.mark.parametrize(
    ("devices", "shown", "bound", "status"),
    [
        ("any", "", "", 200),
        ("any", "a", "", 200),
        ("any", "a", "a", 200),
        ("any", "", "a", 401),
        ("any", "b", "a", 401),
        ("bound", "", "", 403),
        ("bound", "a", "", 200),
        ("bound", "a", "a", 200),
        ("bound", "b", "a", 401),
    ],
)
def test_a_session_that_a_device_began_is_of_no_use_without_it(
    devices: Any, shown: str, bound: str, status: int
) -> None:
    verdict = admitted(KNOWN, Access(devices=devices), context(device=shown, session_device=bound))

    assert verdict.status == status
    assert (verdict.principal is None) is (status == 401)


@pytest.mark.parametrize(
    ("moved", "new", "failed", "risk_max"), list(product([False, True], [False, True], [0, 3], RISKS))
)
def test_who_is_riskier_than_the_tenant_allows_stays_out_and_the_risk_is_told(
    moved: bool, new: bool, failed: int, risk_max: Any
) -> None:
    found = context(session_address="10.9.9.9" if moved else "10.1.2.3", device_known=not new, failed=failed)
    risk = RISKS[min(2, moved + new + (failed > 0))]

    verdict = admitted(KNOWN, Access(risk_max=risk_max), found)

    assert verdict.allowed is (RISKS.index(risk) <= RISKS.index(risk_max))
    assert verdict.reasons[-1].startswith(f"risk is {risk}")


@given(
    verdict=st.builds(Verdict, st.none(), st.just(["unknown key"]), st.sampled_from([401, 403])),
    address=st.text(max_size=40),
    person=st.booleans(),
)
def test_nobody_becomes_known_by_where_they_are(verdict: Verdict, address: str, person: bool) -> None:
    assert admitted(verdict, Access(), context(address=address, person=person)) is verdict


@pytest.mark.parametrize("network", ["10.0.0.1/8", "10.0.0.0/33", "acme", "", "10.0.0.0/8 "])
def test_what_is_no_network_is_named(network: str) -> None:
    assert checked(["10.0.0.0/8", network]) == (f"{network} is no network such as 10.0.0.0/8 or 2001:db8::/32")
    assert not checked(["10.0.0.0/8"])


def test_only_a_person_who_logged_in_lately_lets_others_in_to_administer() -> None:
    now = datetime(2026, 11, 22, 8, tzinfo=UTC)
    ada, program = Principal("acme", "user/ada", session="s"), Principal("acme", "key/w")
    assert login_doubt(ada, now - RECENT, now) == ""
    assert login_doubt(ada, now + timedelta(seconds=1), now) == ""  # another gateway's clock
    assert "log in again" in login_doubt(ada, now - RECENT - timedelta(seconds=1), now)
    assert "log in again" in login_doubt(ada, None, now)
    for other in (program, Principal("acme", "webhook/w")):
        assert "by no key" in login_doubt(other, now, now)
