"""The rows of the read models follow from the log: not from who is read first, and not from what is said twice."""

from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.definitions import define
from domain.ids import derive
from domain.projections import CHARACTERS_MAX, Key, Unkeepable, changes, folded
from domain.read_models import TOPICS, ApiKey, Call, Decision, Definition, Moment, Row, Run, Step, User
from schemas.events import CallStatus, Event, Outcome, RunStatus, StepStatus
from schemas.record import Record
from tests.domain.events import AT
from tests.domain.simulation import Flow, case
from tests.event_strategies import any_events, codec, recorded

CODEC = codec()


def rows(records: Sequence[Record], size: int = 1_000_000) -> dict[Key, Row]:
    """Returns what is there when the records were taken in so many at a time."""
    found: dict[Key, Row] = {}
    for begin in range(0, len(records), size):
        batch = records[begin : begin + size]
        found |= folded(found, [changes(CODEC.decode(record), record) for record in batch])
    return found


def of(found: dict[Key, Row], kind: type[Row]) -> list[Any]:
    return [row for row in found.values() if isinstance(row, kind)]


def interleaved(records: Sequence[Record], random: Random) -> list[Record]:
    """Returns the records with each partition in order, the partitions in any."""
    left: dict[tuple[str, int], list[Record]] = defaultdict(list)
    for record in records:
        left[record.topic, record.partition].append(record)
    mixed = []
    while left:
        place = random.choice(sorted(left))
        mixed.append(left[place].pop(0))
        if not left[place]:
            del left[place]
    return mixed


def log(flow: Flow) -> list[Record]:
    return [record for record in flow.records(CODEC) if record.topic in TOPICS]


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 50))
def test_every_interleaving_of_topics_and_any_repetition_gives_the_same_rows(seed: int, mix: int, size: int) -> None:
    records = log(case(seed).flow(seed, faults=True))
    random = Random(mix)
    again = [records[begin:] for begin in sorted(random.sample(range(len(records)), 2))]

    found = rows(interleaved(records, random), size)

    assert found == rows(records)
    assert found == rows([*records, *again[0], *again[1]], size)


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_rows_say_what_the_flow_came_to(seed: int) -> None:
    flow = case(seed).flow(seed, faults=True)

    found = rows(log(flow))

    ended = {each.run_id: each for each in flow.first("workflow-runs") if each.status is not RunStatus.STARTED}
    assert {run.run_id: (run.status, run.reason) for run in of(found, Run) if run.ended_at is not None} == {
        run_id: (each.status, each.reason) for run_id, each in ended.items()
    }
    last = {
        (each.run_id, each.step): each.status
        for each in flow.first("agent-steps")
        if each.status not in (StepStatus.REQUESTED, StepStatus.PERFORMED)
    }
    assert {(step.run_id, step.step): step.status for step in of(found, Step) if step.ended_at is not None} == last
    assert sum(call.cost_usd_micros for call in of(found, Call)) == sum(
        each.cost_usd_micros for each in flow.first("ai-calls")
    )
    assert len(of(found, Decision)) == len(flow.first("compliance-decisions"))
    refused = [each for each in flow.first("compliance-decisions") if each.outcome is Outcome.REFUSED]
    assert len([each for each in of(found, Decision) if each.outcome == "refused"]) == len(refused)
    moments = flow.first("requests", "workflow-runs", "agent-steps", "compliance-decisions", "ai-calls")
    assert {each.event_id for each in of(found, Moment)} == {each.event_id for each in moments}


@settings(max_examples=200)
@given(st.lists(any_events(), max_size=5))
def test_whatever_an_event_says_it_becomes_rows_or_is_refused(said: list[Event]) -> None:
    for event in said:
        record = recorded(CODEC.encode(event, "test"))
        try:
            change = changes(event, record)
        except Unkeepable:
            continue
        for row in change.rows:
            assert row.tenant_id == event.tenant_id
            for name, value in msgspec.structs.asdict(row).items():
                assert not isinstance(value, str) or "\x00" not in value
                assert not isinstance(value, str) or name not in row.KEY or len(value) <= CHARACTERS_MAX


def test_no_row_of_identity_holds_what_opens_a_door() -> None:
    user = {"id": "ada", "title": "Ada", "roles": ["viewer"], "password": "sealed-hash", "one_time": True}
    key = {"id": "k" * 16, "scopes": ["runs:read"], "expires_at": "2027-01-01T00:00:00Z", "digest": "d" * 64}
    events = [define("acme", kind, body, None, AT) for kind, body in (("user", user), ("api-key", key))]

    found = rows([recorded(CODEC.encode(event, "test"), offset=at) for at, event in enumerate(events) if event])

    assert [(each.id, each.roles, each.status) for each in of(found, User)] == [("ada", ["viewer"], "active")]
    assert [(each.scopes, each.status) for each in of(found, ApiKey)] == [(["runs:read"], "active")]
    assert not any(word in repr(found) for word in ("sealed-hash", "d" * 64))
    assert of(found, Definition) == []


def test_of_two_records_with_one_version_the_first_is_the_definition() -> None:
    first = define(
        "acme", "models", {"id": "m", "default": "local", "models": [{"id": "local", "provider": "a"}]}, None, AT
    )
    other = define(
        "acme", "models", {"id": "m", "default": "local", "models": [{"id": "local", "provider": "b"}]}, None, AT
    )
    assert first is not None
    assert other is not None

    found = rows([recorded(CODEC.encode(event, "test"), offset=at) for at, event in enumerate((first, other))])

    assert [each.digest for each in of(found, Definition)] == [first.digest]


def test_of_two_records_with_one_event_id_the_first_is_the_truth() -> None:
    first = case(6).flow(6).first("agent-steps")[-1]
    other = msgspec.structs.replace(first, step="another", status=StepStatus.FAILED, reason="another")

    found = rows([recorded(CODEC.encode(event, "test"), offset=at) for at, event in enumerate((first, other))])

    assert [(each.step, each.status) for each in of(found, Step)] == [(first.step, first.status)]
    assert [(each.offset, each.status) for each in of(found, Moment)] == [(0, first.status)]


def test_a_call_costs_what_all_its_attempts_were_billed_in_whatever_order_they_are_read() -> None:
    asked = case(6).flow(6).first("ai-calls")[0]
    ends = [(CallStatus.ATTEMPT_FAILED, 1, 5), (CallStatus.IN_DOUBT, 2, 70), (CallStatus.COMPLETED, 3, 11)]
    said = [
        msgspec.structs.replace(
            asked, event_id=derive("end", status), status=status, attempt=number, cost_usd_micros=cost
        )
        for status, number, cost in ends
    ]
    records = [recorded(CODEC.encode(event, "test"), offset=at) for at, event in enumerate(said)]

    for order in (records, records[::-1], [*records, *records]):
        [call] = of(rows(order, 1), Call)
        assert (call.status, call.attempts, call.cost_usd_micros) == ("completed", 3, 86)


def test_a_call_that_was_answered_before_says_what_that_saved() -> None:
    asked = case(6).flow(6).first("ai-calls")[0]
    end = msgspec.structs.replace(asked, status=CallStatus.COMPLETED, cached="exact", saved_usd_micros=7)

    [call] = of(rows([recorded(CODEC.encode(end, "test"))]), Call)

    assert (call.cached, call.saved_usd_micros, call.cost_usd_micros) == ("exact", 7, 0)


def test_a_name_that_no_index_has_room_for_is_refused() -> None:
    event = case(1).flow(1).first("workflow-runs")[0]
    long = msgspec.structs.replace(event, run_id="r" * (CHARACTERS_MAX + 1))

    with pytest.raises(Unkeepable, match="run_id has 201 characters"):
        changes(long, recorded(CODEC.encode(long, "test")))
