"""What is shown live: nothing that is personal, only what is permitted, and each event counted once."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.identity import Permission
from domain.live import FOLLOWED, KINDS, TOLD, Channel, Counts, Message, shown, view
from schemas.catalogue import TOPICS
from tests.event_strategies import any_events, events

FOLLOWED_EVENTS = st.sampled_from(FOLLOWED).flatmap(events)
PERMISSIONS = st.sets(st.sampled_from(Permission))
CHANNELS = st.sets(st.sampled_from(Channel))


def message(number: int, channel: Channel, status: str) -> Message:
    event = msgspec.convert(
        {"run_id": "r", "event_id": str(number), "tenant_id": "acme", "correlation_id": "c", "occurred_at": 0}
        | ({"workflow": "w"} if channel is Channel.RUNS else {"step": "s"}),
        TOPICS[FOLLOWED[TOLD.index(channel)]].event,
        strict=False,
    )
    found = shown(event, 0)
    assert found is not None
    return msgspec.structs.replace(found, status=status)


@given(FOLLOWED_EVENTS, st.integers(-1, 2**41))
def test_whatever_is_personal_in_an_event_its_message_is_the_same_without_it(event: object, recorded_ms: int) -> None:
    topic = next(each for each in TOPICS.values() if type(event) is each.event)
    personal = [name for name, kind in topic.pii.items() if kind != "none" and name in event.__struct_fields__]  # type: ignore[attr-defined]
    bare = msgspec.structs.replace(event, **{name: type(getattr(event, name))() for name in personal})  # type: ignore[type-var]

    assert personal
    assert shown(event, recorded_ms) == shown(bare, recorded_ms)  # type: ignore[arg-type]
    assert len(msgspec.json.encode(shown(event, recorded_ms))) < 32_768  # type: ignore[arg-type]


@given(any_events())
def test_only_what_is_followed_is_shown(event: object) -> None:
    followed = any(type(event) is TOPICS[name].event for name in FOLLOWED)
    assert (shown(event, 0) is not None) == followed  # type: ignore[arg-type]


@given(PERMISSIONS, CHANNELS)
def test_a_view_has_what_was_asked_for_as_far_as_it_is_permitted(
    asked_by: set[Permission], asked: set[Channel]
) -> None:
    found = view(asked_by, asked)
    decisions = {TOLD.index(Channel.DECISIONS) * 2, TOLD.index(Channel.DECISIONS) * 2 + 1}
    may = Permission.READ_DECISIONS in asked_by

    assert set(found.channels) == asked - ({Channel.DECISIONS} if not may else set())
    assert may or not found.kinds & decisions
    assert may or Channel.DECISIONS not in found.counted
    assert found.kinds <= set(KINDS)
    assert (Channel.RUNS in asked) == (message(1, Channel.RUNS, "x").kind in found.kinds)
    assert bool(found.counted) == (Channel.COUNTERS in asked)


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["acme", "other"]))))
def test_counters_say_how_many_events_there_were_of_each_tenant(written: list[tuple[int, str]]) -> None:
    counts = Counts()
    for number, tenant in written:
        counts.add(tenant, message(number + 100 * (tenant == "other"), Channel.STEPS, f"s{number % 2}"))

    for tenant in ("acme", "other"):
        own = {number for number, whose in written if whose == tenant}
        expected = {f"s{rest}": sum(each % 2 == rest for each in own) for rest in (0, 1)}
        assert counts.of(tenant, [Channel.STEPS])[Channel.STEPS] == {name: n for name, n in expected.items() if n}
