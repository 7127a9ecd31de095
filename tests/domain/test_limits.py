"""Which limits a call is counted for, and how refused calls are counted together."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity import Principal
from domain.limits import Limit, Rates, headers, network, of_address, of_known, standing
from domain.quotas import DEFAULT, NAMES, Quota, effective
from domain.refusals import OTHERS, Refusals

NOW = datetime(2026, 11, 22, 8, 0, 48, tzinfo=UTC)
ADA = Principal("acme", "user/ada")
CALLS = st.lists(
    st.tuples(
        st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::/64", ""]),
        st.sampled_from([429, 503]),
        st.sampled_from(["address", "stranger"]),
        st.integers(0, 5_000).map(lambda ms: NOW + timedelta(milliseconds=ms)),
    )
)


@given(st.builds(Quota, **{name: st.none() | st.integers(0, 2**53) for name in NAMES}))
def test_what_a_tenant_says_holds_and_the_rest_is_as_for_all(quota: Quota) -> None:
    held = effective(quota)
    for name in NAMES:
        own = getattr(quota, name)
        assert getattr(held, name) == (own if own is not None else getattr(DEFAULT, name))
    each, every = of_known(ADA, quota)
    assert (each.key, every.key) == ("acme/user/ada", "acme")
    assert each.calls <= every.calls == held.calls_per_minute


def test_a_window_ends_with_the_minute_and_the_nearest_limit_is_told() -> None:
    wide, narrow = Limit("address", "192.0.2.1", 100), Limit("tenant", "acme", 10)
    later = NOW + timedelta(seconds=12)
    assert narrow.counter(NOW) == narrow.counter(NOW.replace(second=0)) != narrow.counter(later)

    told = headers([standing(wide, 20, NOW), standing(narrow, 3, NOW)])

    assert told == {"RateLimit-Limit": "10", "RateLimit-Remaining": "7", "RateLimit-Reset": "12"}
    assert headers([]) == {}
    assert [standing(narrow, used, NOW).met for used in (9, 10, 11)] == [False, False, True]
    assert standing(narrow, 400, later).left == 0
    assert standing(narrow, 1, later).reset_s == 60


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no:address", "no:address"),
        ("", ""),
    ],
)
def test_who_has_an_ipv6_address_has_its_prefix(address: str, counted: str) -> None:
    assert network(address) == of_address(address, Rates()).key == counted


@given(CALLS, st.integers(0, 4), st.lists(st.integers(0, 6)))
def test_whatever_is_refused_and_whenever_it_is_taken_the_counts_add_up(
    calls: list[tuple[str, int, str, datetime]], buckets_max: int, taken_after: list[int]
) -> None:
    refusals, events = Refusals(buckets_max), []
    standing_for: dict[str, int] = {}
    for number, (address, status, reason, at) in enumerate(calls):
        counted = refusals.add(address, status, reason, at, f"id-{number}")
        standing_for[counted] = standing_for.get(counted, 0) + 1
        if number in taken_after:
            events += refusals.take(at.replace(microsecond=0))
    left = refusals.calls
    last = refusals.take()
    events += last

    assert sum(event.calls for event in last) == left
    assert refusals.calls == 0
    assert {event.event_id: event.calls for event in events} == standing_for
    assert len(standing_for) == len(events)
    for status in (429, 503):
        assert sum(event.calls for event in events if event.status == status) == [c[1] for c in calls].count(status)
    apart = [(event.address, event.status, event.occurred_at.replace(microsecond=0)) for event in last if event.address]
    assert len(apart) == len(set(apart))
    assert len(last) <= buckets_max + 2


def test_a_second_is_taken_when_it_has_ended_and_more_addresses_are_counted_together() -> None:
    refusals = Refusals(buckets_max=2)
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.1"):
        refusals.add(address, 429, "too many", NOW, f"of {address}")

    assert refusals.take(NOW) == []
    found = refusals.take(NOW + timedelta(seconds=1))
    assert [(event.address, event.calls, event.reasons) for event in found] == [
        ("192.0.2.1", 2, ["too many"]),
        ("192.0.2.2", 1, ["too many"]),
        ("", 2, [OTHERS, "too many"]),
    ]
    assert refusals.take() == []
