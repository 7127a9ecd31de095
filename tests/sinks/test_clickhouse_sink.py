"""The sink: what reaches a table, what is refused, and that nothing else ever shows."""

from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from itertools import count
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sink_records import AT, NUMBERS, business, codec, identifier, record, records, sealed

import sinks.clickhouse
from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.errors import Unavailable
from schemas.events import AgentStep, AiCall, CallStatus, DeadLetter, Finding, Header, Message, Outcome, StepStatus
from schemas.events import ComplianceDecision as Decision
from schemas.record import DIGEST, PREFIX, Record, header
from schemas.wire import number as long
from schemas.wire import string
from sinks.clickhouse import ClickHouseSink
from sinks.embedded import ChdbEngine
from sinks.engine import Load, QueryRefused
from tests.record_batches import batch

Rows = Callable[[str], list[list[Any]]]
TWENTY = [business(number, tenant="acme" if number % 2 else "zeta") for number in range(20)]


class Decodings:
    """Counts how many records a codec decodes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        decode = Codec.decode

        def counted(codec: Codec, each: Record) -> Any:
            self.count += 1
            return decode(codec, each)

        monkeypatch.setattr(Codec, "decode", counted)


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> Decodings:
    return Decodings(monkeypatch)


@pytest.fixture
def seen(rows: Rows, database: str) -> Callable[[], list[str]]:
    return lambda: [row[0] for row in rows(f"SELECT event_id FROM {database}.business_events ORDER BY event_id")]


def ids(events: list[Any]) -> list[str]:
    return sorted(each.event_id for each in events)


def test_a_good_batch_is_kept_without_decoding_a_body(
    sink: ClickHouseSink, rows: Rows, database: str, decodings: Decodings
) -> None:
    event = business(7, workflow="triage", origin_row=3, attributes={"ünï": "日本"}, causation_id=identifier(1))

    assert sink.write(records([event], start=41)) == []

    assert decodings.count == 0
    columns = "event_id, causation_id, occurred_at, attributes, workflow, origin_file, origin_row"
    place = "_topic, _partition, _offset, _recorded_at"
    assert rows(f"SELECT {columns}, {place} FROM {database}.business_events") == [
        [
            *(event.event_id, identifier(1), "2026-03-01 12:30:15.123456", {"ünï": "日本"}, "triage", None, 3),
            *("business-events", 0, 41, "2023-11-14 22:13:20.041"),
        ]
    ]


def test_decoded_records_make_the_same_rows_as_undecoded_ones(
    sink: ClickHouseSink, rows: Rows, database: str, monkeypatch: pytest.MonkeyPatch, decodings: Decodings
) -> None:
    batch = records([business(each, origin_row=each or None, workflow=["x", None][each % 2]) for each in range(9)])
    sink.write(batch)
    undecoded = rows(f"SELECT * FROM {database}.business_events ORDER BY ALL")
    rows(f"TRUNCATE TABLE {database}.business_events_log")
    assert decodings.count == 0
    monkeypatch.setattr(sinks.clickhouse, "alike", lambda *_: False)
    sink._writers.clear()

    sink.write(batch)

    assert decodings.count == len(batch)
    assert rows(f"SELECT * FROM {database}.business_events ORDER BY ALL") == undecoded


def test_records_of_every_shape_are_kept_undecoded(
    engine: ChdbEngine, rows: Rows, database: str, decodings: Decodings
) -> None:
    head = {"tenant_id": "acme", "correlation_id": "c", "occurred_at": AT}
    sink = ClickHouseSink(engine, codec(), database=database)
    sink.prepare()
    letter = DeadLetter(
        event_id="e1", stage="s", source_topic="t", source_partition=3, source_offset=2**40, source_value=b"\x00\xff",
        source_headers=[Header(name="a", value=b"\xfe"), Header(name="b")], error="E", reason="r", **head,
    )  # fmt: skip
    call = AiCall(
        event_id="e2", run_id="r", step="s", call_id="c", model="m", status=CallStatus.IN_DOUBT, degraded=True,
        messages=[Message(role="user", content="hi"), Message(role="x", content="")], cost_usd_micros=2**40, **head,
    )  # fmt: skip
    finding = Finding(rule="r", severity="low", action="note")
    decision = Decision(event_id="e3", run_id="r", step="s", outcome=Outcome.ESCALATED, findings=[finding], **head)
    step = AgentStep(event_id="e4", run_id="r", step="s", status=StepStatus.SKIPPED, input={"a": "b"}, **head)

    assert sink.write(records([letter, call, decision, step])) == []

    assert decodings.count == 0
    assert rows(
        f"SELECT hex(source_value), source_headers.name, arrayMap(x -> hex(x), source_headers.value), source_offset"
        f" FROM {database}.dead_letters"
    ) == [["00FF", ["a", "b"], ["FE", None], 2**40]]
    assert rows(
        f"SELECT status, degraded, messages.role, messages.content, cost_usd_micros FROM {database}.ai_calls"
    ) == [["in_doubt", True, ["user", "x"], ["hi", ""], 2**40]]
    assert rows(f"SELECT outcome, findings.rule, attempt, phase FROM {database}.compliance_decisions") == [
        ["escalated", ["r"], 1, "unknown"]
    ]
    assert rows(f"SELECT status, input, output FROM {database}.agent_steps") == [["skipped", {"a": "b"}, {}]]


def forged(tenant: str = "victim", number: int = 999) -> bytes:
    return codec().body(business(number, tenant=tenant))[PREFIX:]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a second record behind the body": lambda value: value + forged(),
    "three zero bytes behind the body": lambda value: value + b"\0\0\0",
    "one byte too few": lambda value: value[:-1],
    "no text": lambda value: value.replace(b"volvo-it", b"volvo-\xff\xfe"),
    "a moment after the year 9999": lambda value: value.replace(long(int(AT.timestamp() * 1e6)), long(2**61 // 4)[:8]),
}


@pytest.mark.parametrize("position", [0, 10, 19], ids=["first", "middle", "last"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_body_is_refused_alone_and_leaves_no_row_behind(
    sink: ClickHouseSink,
    rows: Rows,
    database: str,
    seen: Callable[[], list[str]],
    position: int,
    damage: Callable[[bytes], bytes],
) -> None:
    batch = records(TWENTY)
    value = batch[position].value
    assert value is not None
    batch[position] = sealed(batch[position], damage(value))

    refused = sink.write(batch)

    assert [each.record for each in refused] == [batch[position]]
    assert seen() == ids([event for number, event in enumerate(TWENTY) if number != position])
    assert rows(f"SELECT count() FROM {database}.business_events_log WHERE tenant_id = 'victim'") == [[0]]
    assert rows(f"SELECT count() FROM {database}.business_events_log") == [[19]]


def test_an_insert_that_fails_leaves_no_row(engine: ChdbEngine, rows: Rows, database: str) -> None:
    """The last of many rows ends early: none of them is there."""
    sink = ClickHouseSink(engine, codec(), ("business-events",), database)
    sink.prepare()
    insert = engine.insert

    class Cutting:
        """Hands on all but the last byte."""

        def insert(self, load: Load, content: memoryview) -> int:
            return insert(load, content[:-1])

    sink._engine = Cutting()  # type: ignore[assignment]

    refused = sink.write(records([business(number) for number in range(2)]))

    assert len(refused) == 2
    assert rows(f"SELECT count() FROM {database}.business_events_log") == [[0]]


def test_rows_that_clickhouse_refuses_together_are_kept_when_it_takes_them_alone(
    engine: ChdbEngine, rows: Rows, database: str
) -> None:
    sink = ClickHouseSink(engine, codec(), ("business-events",), database)
    sink.prepare()
    insert = engine.insert

    class Choosy:
        """Refuses whatever holds case 3."""

        def insert(self, load: Load, content: memoryview) -> int:
            if b"case-3" in bytes(content):
                raise QueryRefused(33, "case-3")
            return insert(load, content)

    sink._engine = Choosy()  # type: ignore[assignment]
    given = records([business(number) for number in range(7)])

    assert [each.record for each in sink.write(given)] == [given[3]]
    assert sink.write_batches([batch(given[4:])]) == []

    assert rows(f"SELECT count() FROM {database}.business_events") == [[6]]


def test_a_body_that_swallows_the_next_record_is_refused(
    sink: ClickHouseSink, seen: Callable[[], list[str]], rows: Rows, database: str
) -> None:
    """The last text of the first body claims a length that reaches into the second record."""
    one, two = records([business(1), business(2)])
    assert one.value is not None
    assert two.value is not None
    reach = len(two.value) - PREFIX
    whole = codec().body(business(1, origin_file="x"))
    greedy = whole[: -len(string(b"x") + long(0))] + long(1 + reach) + b"x"
    greedy_record = sealed(one, greedy)

    refused = sink.write([greedy_record, two])

    assert [each.record for each in refused] == [greedy_record]
    assert seen() == [identifier(2)]


@pytest.mark.parametrize("name", ["ce_id", "ce_tenantid"])
def test_headers_that_name_another_event_or_tenant_are_refused(
    sink: ClickHouseSink, seen: Callable[[], list[str]], name: str
) -> None:
    batch = records(TWENTY)
    assert batch[4].value is not None
    others = [(each, b"other" if each == name else value) for each, value in batch[4].headers]
    batch[4] = sealed(batch[4], batch[4].value, others)

    refused = sink.write(batch)

    assert [each.record for each in refused] == [batch[4]]
    assert name in str(refused[0].error)
    assert len(seen()) == 19


def test_a_flipped_bit_is_refused_by_its_digest(sink: ClickHouseSink, seen: Callable[[], list[str]]) -> None:
    batch = records(TWENTY)
    value = batch[3].value
    assert value is not None
    batch[3] = msgspec.structs.replace(batch[3], value=value[:-20] + bytes([value[-20] ^ 1]) + value[-19:])

    assert [each.record for each in sink.write(batch)] == [batch[3]]
    assert len(seen()) == 19


def test_a_client_s_record_without_headers_is_decoded_and_kept(
    sink: ClickHouseSink, seen: Callable[[], list[str]], decodings: Decodings
) -> None:
    ours, theirs = records([business(1), business(2)])

    assert sink.write([ours, msgspec.structs.replace(theirs, headers=[])]) == []

    assert seen() == [identifier(1), identifier(2)]
    assert decodings.count == 1


def test_a_client_s_record_with_bytes_left_over_is_refused(sink: ClickHouseSink, seen: Callable[[], list[str]]) -> None:
    theirs = record(business(2), 0)
    assert theirs.value is not None

    refused = sink.write([msgspec.structs.replace(theirs, headers=[], value=theirs.value + b"\0\0\0")])

    assert "3 bytes left over" in str(refused[0].error)
    assert seen() == []


def test_a_record_without_digest_on_a_topic_of_ours_is_refused(engine: ChdbEngine, rows: Rows, database: str) -> None:
    sink = ClickHouseSink(engine, codec(), ("agent-steps",), database)
    sink.prepare()
    step = AgentStep(event_id="e", tenant_id="a", correlation_id="c", occurred_at=AT, run_id="r", step="s")
    bare = record(step, 0)
    bare = msgspec.structs.replace(bare, headers=[each for each in bare.headers if each[0] != DIGEST])

    assert [each.record for each in sink.write([bare])] == [bare]
    assert rows(f"SELECT count() FROM {database}.agent_steps_log") == [[0]]


def test_no_value_and_an_unknown_schema_are_refused(sink: ClickHouseSink) -> None:
    one, two = records([business(1), business(2)])
    assert two.value is not None
    batch = [msgspec.structs.replace(one, value=None), sealed(two, b"\0\0\0\0\x63" + two.value[PREFIX:])]

    assert [each.record for each in sink.write(batch)] == batch


def test_a_value_that_decodes_but_no_column_holds_is_refused_alone(
    engine: ChdbEngine, rows: Rows, database: str
) -> None:
    sink = ClickHouseSink(engine, codec(), ("agent-steps",), database)
    sink.prepare()
    head = {"tenant_id": "a", "correlation_id": "c", "occurred_at": AT, "run_id": "r", "step": "s"}
    batch = records([AgentStep(event_id=f"e{each}", **head) for each in range(9)])
    fields = msgspec.to_builtins(codec().decode(batch[5]), builtin_types=(datetime, bytes)) | {"attempt": 2**40}
    body = BytesIO()
    fastavro.schemaless_writer(body, dict(TOPICS["agent-steps"].schema), fields)  # it writes what it is given
    batch[5] = sealed(batch[5], (batch[5].value or b"")[:PREFIX] + body.getvalue())

    refused = sink.write(batch)

    assert [each.record for each in refused] == [batch[5]]
    assert rows(f"SELECT count() FROM {database}.agent_steps") == [[8]]


def test_the_first_copy_wins_even_when_it_is_written_last(sink: ClickHouseSink, rows: Rows, database: str) -> None:
    first, second = record(business(1, subject="first"), 5), record(business(1, subject="second"), 6)

    sink.write([second])
    sink.write([first])
    sink.write([second])

    assert rows(f"SELECT subject, _offset FROM {database}.business_events") == [["first", 5]]


def test_duplicates_in_a_batch_and_the_same_batch_twice_change_nothing(
    sink: ClickHouseSink, rows: Rows, database: str
) -> None:
    batch = records(TWENTY)
    sink.write([*batch, *records(TWENTY[:7], start=100), *batch[3:5]])
    before = rows(f"SELECT * FROM {database}.business_events ORDER BY ALL")
    sink.write(batch)

    assert rows(f"SELECT * FROM {database}.business_events ORDER BY ALL") == before
    assert [row[-2] for row in rows(f"SELECT * FROM {database}.business_events ORDER BY _offset")] == list(range(20))


def test_an_empty_batch_is_nothing(sink: ClickHouseSink) -> None:
    assert sink.write([]) == []


def test_more_records_than_one_insert_takes_are_all_kept(
    sink: ClickHouseSink, seen: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks.clickhouse, "ROWS_MAX", 6)
    assert sink.write(records(TWENTY)) == []
    assert seen() == ids(TWENTY)


def older() -> dict[str, Any]:
    """The schema of business events before `workflow` and `origin_row` were added."""
    own = TOPICS["business-events"].schema
    return own | {"fields": [each for each in own["fields"] if each["name"] not in ("workflow", "origin_row")]}


def rewritten(original: Record, schema: dict[str, Any], number: int) -> Record:
    """The record as a writer with this schema would have written it."""
    import io

    import fastavro

    event = msgspec.to_builtins(codec().decode(original), builtin_types=(datetime, bytes))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(dict(schema)), event)
    return sealed(original, b"\0" + number.to_bytes(4) + out.getvalue())


def test_an_older_writer_s_records_take_the_defaults_undecoded(
    engine: ChdbEngine, rows: Rows, database: str, decodings: Decodings
) -> None:
    known = codec()
    known.learn("business-events", 77, older())
    sink = ClickHouseSink(engine, known, ("business-events",), database)
    sink.prepare()
    old = rewritten(record(business(1), 0), older(), 77)
    decodings.count = 0

    assert sink.write([old, record(business(2, workflow="triage"), 1)]) == []

    assert decodings.count == 0
    assert rows(f"SELECT subject, workflow FROM {database}.business_events ORDER BY 1") == [
        ["case-1", None],
        ["case-2", "triage"],
    ]


def test_a_newer_writer_s_symbol_is_decoded_to_unknown(
    engine: ChdbEngine, rows: Rows, database: str, decodings: Decodings
) -> None:
    own = TOPICS["agent-steps"].schema
    newer = msgspec.json.decode(msgspec.json.encode(own))
    status = next(each for each in newer["fields"] if each["name"] == "status")
    status["type"]["symbols"].append("postponed")
    known = codec()
    known.learn("agent-steps", 78, newer)
    sink = ClickHouseSink(engine, known, ("agent-steps",), database)
    sink.prepare()
    step = AgentStep(event_id="e", tenant_id="a", correlation_id="c", occurred_at=AT, run_id="r", step="s")
    original = record(step, 0)
    assert original.value is not None
    symbol = len(status["type"]["symbols"]) - 1
    tail = long(1) + string(b"") + string(b"")
    value = original.value.replace(tail + long(0), tail + long(symbol))
    assert value != original.value

    assert sink.write([sealed(original, b"\0" + (78).to_bytes(4) + value[PREFIX:])]) == []

    assert rows(f"SELECT status FROM {database}.agent_steps") == [["unknown"]]


class Away:
    """An Engine that does not answer."""

    def execute(self, sql: str) -> bytes:
        raise Unavailable("away")

    def insert(self, load: Load, rows: bytes | memoryview) -> int:
        raise Unavailable("away")

    def close(self) -> None:
        pass


def test_a_clickhouse_that_does_not_answer_is_unavailable(database: str) -> None:
    with pytest.raises(Unavailable):
        ClickHouseSink(Away(), codec(), ("business-events",), database).write(records(TWENTY))


def test_a_missing_table_is_unavailable_and_refuses_no_record(engine: ChdbEngine, database: str) -> None:
    with pytest.raises(Unavailable, match="UNKNOWN_TABLE"):
        ClickHouseSink(engine, codec(), ("business-events",), database).write(records(TWENTY))


RUNS = count()
COPIES = [record(business(number % 5, subject=f"copy {offset}"), offset) for offset, number in enumerate(range(12))]
POISON = sealed(record(business(50), 90), (record(business(50), 90).value or b"") + b"\0\0\0")
BARE = msgspec.structs.replace(record(business(51), 91), headers=[])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_repetition_and_batching_gives_the_same_rows(data: st.DataObject, engine: ChdbEngine) -> None:
    name = f"any_{next(RUNS)}"
    every = [*COPIES, POISON, BARE]
    repeated = data.draw(st.lists(st.sampled_from(every), max_size=10))
    order = data.draw(st.permutations([*every, *repeated]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=4)))
    sink = ClickHouseSink(engine, codec(), ("business-events",), name)
    sink.prepare()
    refused = []
    for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True):
        refused += sink.write(order[start:end])

    found = engine.execute(f"SELECT event_id, subject, _offset FROM {name}.business_events ORDER BY ALL")
    engine.execute(f"DROP DATABASE {name} SYNC")

    expected = sorted(
        [[each.event_id, each.subject, offset] for offset, each in enumerate(map(codec().decode, COPIES[:5]))]
        + [[identifier(51), "case-51", 91]]
    )
    assert [msgspec.json.decode(line) for line in found.splitlines()] == expected
    assert {each.record.offset for each in refused} == {90}


def test_the_helpers_seal_as_the_codec_does() -> None:
    original = record(business(1), 0)
    assert original.value is not None
    assert header(sealed(original, original.value).headers, DIGEST) == header(original.headers, DIGEST)
    assert NUMBERS["business-events"] == 1
    assert AT.tzinfo is UTC
