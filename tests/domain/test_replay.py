"""Replay finds nothing where nothing was changed, and whatever was changed at its place."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from io import BytesIO
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from domain.compliance import Compliance
from domain.decider import Decider
from domain.definitions import Definitions, define
from domain.ids import derive
from domain.replay import BYTES, EXTRA, MISSING, READ_ORDER, Bounds, Difference, Replay, Verdict, first_unlike
from domain.workflows import Workflows
from schemas.catalogue import TOPICS
from schemas.events import BusinessEvent, ComplianceDecision, Event, Request, RequestKind
from schemas.record import DIGEST, Record, header, seal
from streams.stages import DECIDERS
from tests.domain.simulation import AT, Flow, case
from tests.event_strategies import codec, next_version

SEED = 348
SMALL = 150
DECIDED = {f"auterity/{decider.name}".encode() for decider in DECIDERS}
LIBRARIES = "libraries"


@pytest.mark.parametrize("seed", range(40))
def test_a_log_that_nobody_changed_has_no_differences(seed: int) -> None:
    records = case(seed).flow(seed).records(codec())

    verdict = _replay(records)

    assert verdict.differences == []
    assert verdict.checked == sum(header(record.headers, "ce_source") in DECIDED for record in records)
    assert (verdict.pending, verdict.other_version) == (0, 0)


@pytest.mark.parametrize("seed", range(40))
def test_crashes_and_duplicates_are_no_differences(seed: int) -> None:
    verdict = _replay(case(seed).flow(seed, faults=True, rival_answers=True).records(codec()))

    assert verdict.differences == []


def test_the_digest_of_a_log_is_the_same_each_time() -> None:
    assert _replay(_log()).digest == _replay(_log()).digest


def test_second_copies_leave_the_digest_as_it_is() -> None:
    copies = [
        structs.replace(record, offset=record.offset + 10_000, timestamp_ms=record.timestamp_ms + 1_000_000)
        for record in _log()
    ]

    assert _replay([*_log(), *copies]).digest == _replay(_log()).digest


def test_a_changed_record_changes_the_digest() -> None:
    records = [*_log()]
    records[-1] = _altered(records[-1], "occurred_at")

    assert _replay(records).digest != _replay(_log()).digest


def test_every_field_of_every_decided_record_of_a_run_is_checked() -> None:
    records = case(SMALL).flow(SMALL).records(codec())
    missed = []
    for place, record in enumerate(records):
        if header(record.headers, "ce_source") not in DECIDED:
            continue
        for field in structs.fields(TOPICS[record.topic].event):
            changed = [*records]
            changed[place] = _altered(record, field.name)
            if not _found(_replay(changed), record, field.name):
                missed.append((record.topic, field.name))

    assert missed == []


def test_what_came_through_the_gateway_follows_from_nothing_and_is_no_difference() -> None:
    records = case(SMALL).flow(SMALL).records(codec())
    place = next(place for place, record in enumerate(records) if record.topic == "requests")
    call = Request(
        event_id="0190a000-0000-7000-8000-000000000001",
        tenant_id="acme",
        correlation_id="0190a000-0000-7000-8000-000000000001",
        occurred_at=datetime(2026, 11, 22, tzinfo=UTC),
        kind=RequestKind.CALL,
        status=202,
    )
    before = _replay(records)
    after = _replay([*records, _sealed(records[place], call, offset=1_000_000)])
    assert after.differences == before.differences == []
    assert (after.checked, after.records["requests"]) == (before.checked, before.records["requests"] + 1)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_an_altered_field_is_found_at_its_place(data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(_decided_places()))
    record = _log()[place]
    name = data.draw(st.sampled_from([field.name for field in structs.fields(TOPICS[record.topic].event)]))
    changed = [*_log()]
    changed[place] = _altered(record, name)

    verdict = _replay(changed)

    assert _found(verdict, record, name)
    assert all(each.timestamp_ms >= record.timestamp_ms for each in verdict.differences if each.field != MISSING)


@pytest.mark.parametrize("topic", ["requests", "workflow-runs", "agent-steps", "compliance-decisions", "ai-calls"])
def test_the_values_on_record_and_decided_again_are_shown(topic: str) -> None:
    place = _first_of(topic)
    changed = [*_log()]
    changed[place] = _altered(_log()[place], "occurred_at")

    difference = _replay(changed).differences[0]

    assert difference.field == "occurred_at"
    assert difference.recorded != difference.decided
    assert "datetime" in difference.recorded


def test_other_versions_of_libraries_are_counted_apart() -> None:
    place = _first_of("workflow-runs")
    changed = [*_log()]
    changed[place] = _altered(_log()[place], LIBRARIES)

    verdict = _replay(changed)

    assert verdict.differences == []
    assert verdict.other_version == 1


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_record_that_was_removed_is_missing(data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(_decided_places()))
    removed: Any = codec().decode(_log()[place])

    verdict = _replay([record for number, record in enumerate(_log()) if number != place])

    missing = [each for each in verdict.differences if each.field == MISSING]
    causes: list[Any] = [codec().decode(_at(each)) for each in missing]
    assert removed.causation_id in {each.event_id for each in causes} or removed.run_id in {
        getattr(each, "run_id", None) for each in causes
    }
    assert verdict.differences[0] == missing[0]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_record_that_follows_from_nothing_is_extra_at_its_place(data: st.DataObject) -> None:
    like = _log()[data.draw(st.sampled_from(_decided_places()))]
    event = structs.replace(codec().decode(like), event_id=derive("nobody decided this"))
    extra = _sealed(like, event, offset=like.offset + 10_000, timestamp_ms=like.timestamp_ms + 1_000_000)

    verdict = _replay([*_log(), extra])

    assert (extra.topic, extra.partition, extra.offset, EXTRA) in _places(verdict)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_byte_that_was_flipped_is_found_at_its_place(data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(_decided_places()))
    record = _log()[place]
    value = bytearray(record.value or b"")
    value[data.draw(st.integers(0, len(value) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    changed = [*_log()]
    changed[place] = structs.replace(record, value=bytes(value))

    verdict = _replay(changed)

    assert (record.topic, record.partition, record.offset, BYTES) in _places(verdict)


class _Lenient(Compliance):
    """A decider with one line changed: nothing is ever noted."""

    def decide(self, state: None, event: Event, definitions: Definitions) -> Sequence[Event]:
        return [
            structs.replace(each, findings=[finding for finding in each.findings if finding.action != "redact"])
            for each in super().decide(state, event, definitions)
            if isinstance(each, ComplianceDecision)
        ]


class _Sloppy(Workflows):
    """A decider with one line changed: runs name no reason."""

    def decide(self, state: Any, event: Event, definitions: Definitions) -> Sequence[Event]:
        decided = super().decide(state, event, definitions)
        return [structs.replace(each, reason="") if hasattr(each, "reason") else each for each in decided]


@pytest.mark.parametrize(
    ("other", "field", "unlike"),
    [
        (
            _Lenient(),
            "findings",
            lambda event: (
                isinstance(event, ComplianceDecision) and any(finding.action == "redact" for finding in event.findings)
            ),
        ),
        (
            _Sloppy(),
            "reason",
            lambda event: (
                not isinstance(event, Request)
                and bool(getattr(event, "reason", ""))
                and getattr(event, "status", "") in ("refused", "skipped", "failed")
            ),
        ),
    ],
    ids=["compliance", "workflows"],
)
def test_a_decider_with_one_changed_line_is_found_at_the_first_place_it_matters(
    other: Decider, field: str, unlike: Callable[[Event], bool]
) -> None:
    deciders = [other if type(other).__base__ is type(each) else each for each in DECIDERS]
    source = f"auterity/{other.name}".encode()
    expected = [
        record for record in _log() if header(record.headers, "ce_source") == source and unlike(codec().decode(record))
    ]

    verdict = _replay(_log(), deciders=deciders)

    assert _places(verdict) == {(record.topic, record.partition, record.offset, field) for record in expected}
    first = verdict.differences[0]
    assert (first.topic, first.partition, first.offset) == (
        expected[0].topic,
        expected[0].partition,
        expected[0].offset,
    )


def test_bounds_limit_what_is_compared_and_not_what_is_folded() -> None:
    middle = _log()[len(_log()) // 2].timestamp_ms

    early, late = _replay(_log(), Bounds(end_ms=middle)), _replay(_log(), Bounds(begin_ms=middle))

    assert early.differences == late.differences == []
    assert early.checked + late.checked == _replay(_log()).checked
    assert 0 < early.checked < _replay(_log()).checked


@pytest.mark.parametrize("side", ["begin_ms", "end_ms"])
def test_a_difference_out_of_bounds_is_not_reported(side: str) -> None:
    place = _decided_places()[len(_decided_places()) // 2]
    at = _log()[place].timestamp_ms
    changed = [*_log()]
    changed[place] = _altered(
        _log()[place], "reason" if hasattr(TOPICS[_log()[place].topic].event, "reason") else "occurred_at"
    )
    bounds = Bounds(begin_ms=at + 1) if side == "begin_ms" else Bounds(end_ms=at)

    verdict = _replay(changed, bounds)

    assert (changed[place].topic, changed[place].partition, changed[place].offset) not in {
        found[:3] for found in _places(verdict)
    }


def test_a_tenant_narrows_what_is_compared() -> None:
    assert _replay(_log(), Bounds(tenant_id="acme")).checked == _replay(_log()).checked
    assert _replay(_log(), Bounds(tenant_id="other")).checked == 0


def test_what_the_stage_has_not_taken_yet_is_pending_and_not_missing() -> None:
    records = [record for record in _log() if record.topic in ("definitions", "business-events")]

    verdict = _replay(records, committed=False)

    assert verdict.differences == []
    assert verdict.pending == sum(record.topic == "requests" for record in _log())


def test_the_newest_version_before_the_event_is_taken_where_no_pin_is_on_record() -> None:
    flow = Flow([], 1)
    body = {"id": "one", "title": "One", "steps": [{"id": "a", "agent": "report", "uses": "collect"}]}
    models = {"id": "default", "default": "local", "models": [{"id": "local", "provider": "local"}]}
    first = define("platform", "workflow", body, None, AT)
    assert first is not None
    second = define("platform", "workflow", body | {"title": "Two"}, first, AT)
    for each in (first, define("platform", "models", models, None, AT)):
        assert each is not None
        flow.definitions.add(each)
        flow.write(each)
    flow.write(_event("a", "one"))
    flow.run()
    assert second is not None
    flow.definitions.add(second)
    flow.write(second)
    flow.write(_event("b", "one"))
    flow.run()

    records = flow.records(codec())
    without = [record for record in records if record.topic != "requests"]

    assert _replay(records).differences == []
    assert {each.field for each in _replay(without).differences if each.topic == "business-events"} == {MISSING}


def test_a_run_is_decided_again_under_the_version_that_it_pinned() -> None:
    flow = case(SEED).flow(SEED)
    old = flow.first("definitions")
    for each in old:
        if each.kind == "workflow":
            body = msgspec.json.decode(each.body) | {"title": "another title"}
            newer = define("platform", each.kind, body, each, AT)
            assert newer is not None
            flow.definitions.add(newer)
            flow.write(newer)

    assert _replay(flow.records(codec())).differences == []


@pytest.mark.parametrize("name", ["workflow_digest", "rules_digest", "models_digest"])
@pytest.mark.parametrize("value", ["nowhere", None])
def test_a_digest_that_names_nothing_is_a_difference_and_no_error(name: str, value: str | None) -> None:
    place = _first_of("compliance-decisions")
    event = codec().decode(_log()[place])
    changed = [*_log()]
    changed[place] = _sealed(_log()[place], structs.replace(event, **{name: value}))

    if getattr(event, name) != value:
        assert _found(_replay(changed), _log()[place], name)


def test_a_request_without_pins_is_a_difference_and_no_error() -> None:
    place = _first_of("requests")
    event = codec().decode(_log()[place])
    assert isinstance(event, Request)
    changed = [*_log()]
    changed[place] = _sealed(_log()[place], structs.replace(event, pins=[]))

    assert _found(_replay(changed), _log()[place], "pins")


@pytest.mark.parametrize("event_id", ["x" * 36, "", "order 7", "0190B6A0-0000-7000-8000-000000000001", "-" * 36])
def test_an_event_may_have_any_id(event_id: str) -> None:
    flow = case(SEED).flow(SEED)
    flow.write(structs.replace(_event("any", None), event_id=event_id))

    assert _replay(flow.records(codec())).differences == []


def test_what_cannot_be_read_and_was_not_decided_here_is_no_difference() -> None:
    poison = Record("business-events", 0, 10_000, 1, b"k", b"poison", [])

    assert _replay([*_log(), poison]).differences == []


def test_a_record_of_an_older_schema_is_compared_as_this_one_would_write_it() -> None:
    later = next_version(TOPICS["agent-steps"].schema)
    place = _first_of("agent-steps")
    reader = codec()
    reader.learn("agent-steps", 900, later)
    changed = [*_log()]
    changed[place] = _rewritten(_log()[place], later, 900)

    assert _replay(changed, reader=reader).differences == []


def test_the_first_field_in_which_two_events_differ_is_named() -> None:
    event = _event("a", "one")

    assert first_unlike(event, structs.replace(event, subject="b", type="c")) == "subject"
    assert first_unlike(event, event) is None


@cache
def _log() -> Sequence[Record]:
    return tuple(case(SEED).flow(SEED).records(codec()))


def _at(difference: Difference) -> Record:
    place = (difference.topic, difference.partition, difference.offset)
    return next(record for record in _log() if (record.topic, record.partition, record.offset) == place)


def _decided_places() -> list[int]:
    return [place for place, record in enumerate(_log()) if header(record.headers, "ce_source") in DECIDED]


def _first_of(topic: str) -> int:
    return next(
        place
        for place, record in enumerate(_log())
        if record.topic == topic and header(record.headers, "ce_source") in DECIDED
    )


def _replay(
    records: Sequence[Record],
    bounds: Bounds | None = None,
    *,
    deciders: Sequence[Decider] = DECIDERS,
    committed: bool = True,
    reader: Any = None,
) -> Verdict:
    """Returns the verdict, after a second replay when fields are to be named."""
    ends: dict[tuple[str, int], int] = {}
    for record in records:
        ends[record.topic, record.partition] = max(record.offset + 1, ends.get((record.topic, record.partition), 0))
    done = {decider.name: ends if committed else {} for decider in deciders}
    order = {topic: number for number, topic in enumerate(READ_ORDER)}
    ordered = sorted(records, key=lambda record: order.get(record.topic, len(order)))
    keep: list[str] = []
    for _ in range(2):
        replay = Replay(deciders, reader or codec(), bounds or Bounds(), done, keep)
        for record in ordered:
            replay.take(record)
        if not replay.unlike:
            break
        keep = replay.unlike
    return replay.verdict()


def _places(verdict: Verdict) -> set[tuple[str, int, int, str]]:
    return {(each.topic, each.partition, each.offset, each.field) for each in verdict.differences}


def _found(verdict: Verdict, record: Record, name: str) -> bool:
    """True when the changed field is found at its place, before anything that follows from it."""
    if name == LIBRARIES:
        return verdict.differences == [] and verdict.other_version == 1
    wanted = EXTRA if name == "event_id" else name
    return (record.topic, record.partition, record.offset, wanted) in _places(verdict)


def _altered(record: Record, name: str) -> Record:
    """Returns the record with one field changed, sealed again with a right digest."""
    event = codec().decode(record)
    return _sealed(record, structs.replace(event, **{name: _other(event, name)}))


def _other(event: Event, name: str) -> Any:  # noqa: PLR0911
    value = getattr(event, name)
    kind = next(field.type for field in structs.fields(type(event)) if field.name == name)
    if isinstance(value, StrEnum):
        return next(each for each in type(value) if each not in (value, "unknown"))
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    if isinstance(value, dict):
        return {**value, "altered": "yes"}
    if isinstance(value, list):
        return value[:-1] if value else [msgspec.convert(_SAMPLES[name], kind.__args__[0])]
    if value is None and "datetime" in str(kind):
        return datetime(2026, 1, 1, tzinfo=UTC)
    if value is None and "int" in str(kind):
        return 1
    return f"{value or ''}x"


_SAMPLES: dict[str, Any] = {
    "pins": {"kind": "rules", "id": "x", "version": 1, "digest": "x"},
    "findings": {"rule": "x", "severity": "low", "action": "note"},
    "messages": {"role": "user", "content": "x"},
    "reasons": "x",
    "constraints": {"name": "x"},
    "ranking": {"model": "x"},
    "concealed": {"kind": "x"},
    "sanitised": {"kind": "x"},
    "balances": {
        "budget": "x",
        "member": "x",
        "window": "x",
        "limit_usd_micros": 1,
        "held_usd_micros": 1,
        "billed_usd_micros": 1,
    },
}


def _sealed(like: Record, event: Event, **place: int) -> Record:
    """Returns the record of the event as the source of `like` would have written it in the same place."""
    source = (header(like.headers, "ce_source") or b"").decode()
    outgoing = codec().encode(event, source)
    return structs.replace(like, key=outgoing.key, value=outgoing.value, headers=outgoing.headers, **place)


def _rewritten(record: Record, schema: Any, number: int) -> Record:
    out = BytesIO()
    body = msgspec.to_builtins(codec().decode(record), builtin_types=(datetime, bytes))
    fastavro.schemaless_writer(out, fastavro.parse_schema(dict(schema)), body)
    value = b"\x00" + number.to_bytes(4) + out.getvalue()
    headers = [each for each in record.headers if each[0] != DIGEST]
    headers.append((DIGEST, seal(record.key or b"", value, headers)))
    return structs.replace(record, value=value, headers=headers)


def _event(subject: str, workflow: str | None) -> BusinessEvent:
    event_id = derive("replay", subject)
    return BusinessEvent(
        event_id=event_id,
        tenant_id="acme",
        correlation_id=event_id,
        occurred_at=AT,
        source="test",
        subject=subject,
        type="Opened",
        workflow=workflow,
    )


def test_a_random_log_has_every_kind_of_record() -> None:
    assert {record.topic for record in _log()} >= {*READ_ORDER, "workflow-runs"}
