"""Kafka's record batches go into ClickHouse as they are, or through the decoder: the rows are the same."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sink_records import business, codec, record, records, sealed

import sinks.clickhouse
from schemas.batch import APPEND_TIME, HEAD, batches
from schemas.catalogue import ITEMS_MAX, TOPICS
from schemas.layout import MARK, layout
from schemas.record import DIGEST, Record
from schemas.wire import number, string
from sinks.clickhouse import ClickHouseSink
from sinks.embedded import ChdbEngine
from tests.event_strategies import event as made_event
from tests.event_strategies import events
from tests.record_batches import GZIP, as_sent, batch

Rows = Callable[[str], list[list[Any]]]


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the records that the sink takes one by one."""
    counts: list[int] = []
    write = ClickHouseSink.write

    def counted(self: ClickHouseSink, found: Sequence[Record]) -> Any:
        counts.append(len(found))
        return write(self, found)

    monkeypatch.setattr(ClickHouseSink, "write", counted)
    return counts


def test_whole_batches_become_rows_without_being_taken_apart(
    sink: ClickHouseSink, rows: Rows, database: str, apart: list[int]
) -> None:
    made = [records([business(10 * place + number) for number in range(10)], start=100 * place) for place in range(4)]

    assert sink.write_batches([batch(each) for each in made]) == []

    assert apart == []
    found = rows(
        f"SELECT event_id, subject, _partition, _offset, toUnixTimestamp64Milli(_recorded_at)"
        f" FROM {database}.business_events ORDER BY _offset"
    )
    expected = [
        [codec().decode(each).event_id, f"case-{10 * place + number}", 0, each.offset, str(made[place][0].timestamp_ms)]
        for place in range(4)
        for number, each in enumerate(made[place])
    ]
    assert [[*row[:4], str(row[4])] for row in found] == expected


def test_batches_of_one_fetch_are_taken_together_and_one_that_is_damaged_alone(
    sink: ClickHouseSink, rows: Rows, database: str, apart: list[int]
) -> None:
    made = [records([business(5 * place + number) for number in range(5)], start=5 * place) for place in range(4)]
    made[2][3] = msgspec.structs.replace(made[2][3], value=(made[2][3].value or b"")[:-1])
    fetched = list(batches("business-events", 0, b"".join(map(as_sent, made))))

    [refused] = sink.write_batches(fetched)

    assert (refused.record.offset, apart) == (13, [5])
    found = rows(f"SELECT _offset, subject, toUnixTimestamp64Milli(_recorded_at) FROM {database}.business_events")
    assert sorted([[offset, subject, int(ms)] for offset, subject, ms in found]) == [
        [number, f"case-{number}", made[number // 5][0].timestamp_ms] for number in range(20) if number != 13
    ]


def test_rows_come_to_clickhouse_in_the_order_in_which_it_keeps_them(
    sink: ClickHouseSink, rows: Rows, apart: list[int]
) -> None:
    sorted_ones = "SELECT sum(value) FROM system.events WHERE event = 'MergeTreeDataWriterBlocksAlreadySorted'"
    chance = Random(3)
    made = [
        [business(chance.getrandbits(100), chance.choice(["acme", "zeta", "bank"])) for _ in range(500)]
        for _ in range(3)
    ]
    before = rows(sorted_ones)

    for place, each in enumerate(made):
        sink.write_batches([batch(records(each, start=1000 * place))])

    assert int(rows(sorted_ones)[0][0]) - int(before[0][0]) == 3
    assert apart == []


@pytest.mark.parametrize("topic", TOPICS)
def test_a_batch_gives_the_rows_that_its_records_give(
    engine: ChdbEngine, database: str, apart: list[int], topic: str
) -> None:
    found = [
        msgspec.structs.replace(record(made_event(topic, Random(seed)), seed), timestamp_ms=7) for seed in range(9)
    ]
    noun = TOPICS[topic].noun
    sink = ClickHouseSink(engine, codec(), (topic,), database)
    sink.prepare()
    sink.write_batches([batch(found)])
    shown = f"SELECT * FROM {database}.{noun} ORDER BY ALL"
    whole = engine.execute(shown)
    assert apart == []
    engine.execute(f"TRUNCATE TABLE {database}.{noun}_log")
    sink.write(found)

    assert engine.execute(shown) == whole != b""


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_events_give_the_rows_that_their_records_give(
    engine: ChdbEngine, database: str, data: st.DataObject
) -> None:
    topic = TOPICS[data.draw(st.sampled_from(sorted(TOPICS)))]
    said = data.draw(st.lists(events(topic.name), min_size=1, max_size=4))
    found = [msgspec.structs.replace(each, timestamp_ms=7) for each in records(said)]
    sink = ClickHouseSink(engine, codec(), (topic.name,), database)
    sink.prepare()
    shown = f"SELECT * FROM {database}.{topic.noun} ORDER BY ALL"
    engine.execute(f"TRUNCATE TABLE {database}.{topic.noun}_log")
    refused = sink.write_batches([batch(found)])
    whole = engine.execute(shown)
    engine.execute(f"TRUNCATE TABLE {database}.{topic.noun}_log")
    assert [each.record.offset for each in sink.write(found)] == [each.record.offset for each in refused]

    assert engine.execute(shown) == whole


def swallowing(found: list[Record]) -> list[Record]:
    """The second value has another body behind its own."""
    value = found[1].value or b""
    return [found[0], sealed(found[1], value + value[5:]), *found[2:]]


def trailing(found: list[Record]) -> list[Record]:
    """The second value has three bytes too many."""
    return [found[0], sealed(found[1], (found[1].value or b"") + b"\0\0\0"), *found[2:]]


def damaged(found: list[Record]) -> list[Record]:
    """The second value has a flipped bit."""
    value = bytearray(found[1].value or b"")
    value[-3] ^= 4
    return [found[0], msgspec.structs.replace(found[1], value=bytes(value)), *found[2:]]


def borrowed(found: list[Record]) -> list[Record]:
    """The second record has the headers of the third."""
    return [found[0], sealed(found[1], found[1].value or b"", found[2].headers), *found[2:]]


def nothing(found: list[Record]) -> list[Record]:
    """The second record has an empty value."""
    return [found[0], sealed(found[1], b""), *found[2:]]


def noise(found: list[Record]) -> list[Record]:
    """The second value is noise."""
    return [found[0], sealed(found[1], (found[1].value or b"")[:5] + Random(1).randbytes(300)), *found[2:]]


def unknown(found: list[Record]) -> list[Record]:
    """The second value names a schema that nobody registered."""
    return [found[0], sealed(found[1], b"\0\0\0\xff\xff" + (found[1].value or b"")[5:]), *found[2:]]


@pytest.mark.parametrize("fault", [swallowing, trailing, damaged, borrowed, nothing, noise, unknown])
def test_one_wrong_record_of_a_batch_is_refused_alone(
    sink: ClickHouseSink, rows: Rows, database: str, fault: Callable[[list[Record]], list[Record]]
) -> None:
    good = records([business(number) for number in range(50, 53)], start=50)
    bad = fault(records([business(number) for number in range(4)]))

    refused = sink.write_batches([batch(bad), batch(good)])

    assert [each.record.offset for each in refused] == [1]
    assert [row[0] for row in rows(f"SELECT _offset FROM {database}.business_events ORDER BY 1")] == [
        0,
        2,
        3,
        50,
        51,
        52,
    ]


def test_a_value_smuggled_as_records_of_another_tenant_becomes_no_row(
    sink: ClickHouseSink, rows: Rows, database: str
) -> None:
    """The body ends early; what follows looks, to the byte, like our headers and another whole record."""
    mine, theirs = record(business(1), 0), record(business(2, tenant="victim"), 0)
    inner = as_sent([theirs])[HEAD.size :]
    at = inner.index(b"\x1cce_specversion") - 1
    smuggled = (mine.value or b"") + inner[at:] + inner
    found = [sealed(mine, smuggled), record(business(3), 1)]

    refused = sink.write_batches([batch(found)])

    assert [each.record.offset for each in refused] == [0]
    assert rows(f"SELECT DISTINCT tenant_id FROM {database}.business_events") == [["acme"]]


def test_records_without_our_headers_are_taken_apart_and_kept(
    sink: ClickHouseSink, rows: Rows, database: str, apart: list[int]
) -> None:
    bare = [msgspec.structs.replace(each, headers=[]) for each in records([business(1), business(2)])]

    assert sink.write_batches([batch(bare)]) == []

    assert apart == [2]
    assert rows(f"SELECT count() FROM {database}.business_events") == [[2]]


@pytest.mark.parametrize("attributes", [APPEND_TIME | GZIP, 0], ids=["compressed", "stamped by its writer"])
def test_a_batch_that_is_not_plain_is_taken_apart_and_kept(
    sink: ClickHouseSink, rows: Rows, database: str, apart: list[int], attributes: int
) -> None:
    assert sink.write_batches([batch(records([business(1), business(2)]), attributes)]) == []

    assert apart == [2]
    assert rows(f"SELECT count() FROM {database}.business_events") == [[2]]


@pytest.mark.parametrize("size", [0, 30, 31, 32, 63, 64, 7_000, 8_000, 8_100, 8_190, 8_192, 19_000])
def test_keys_and_values_of_any_size_are_taken_whole(
    sink: ClickHouseSink, rows: Rows, database: str, apart: list[int], size: int
) -> None:
    said = [business(1, subject="s" * min(size, 90), attributes={"text": "x" * size}), business(2)]

    assert sink.write_batches([batch(records(said))]) == []

    assert apart == []
    assert rows(f"SELECT count() FROM {database}.business_events") == [[2]]


def test_a_body_with_more_items_than_readers_take_is_refused(
    sink: ClickHouseSink, rows: Rows, database: str, apart: list[int]
) -> None:
    many, good = record(business(1, attributes={}), 0), record(business(2), 1)
    body, items = many.value or b"", number(ITEMS_MAX + 1) + bytes(2 * (ITEMS_MAX + 1))
    at = body.rindex(b"\0\0\0\0")  # no attributes, no file, no row, no principal
    many = sealed(many, body[:at] + items + body[at:])

    refused = sink.write_batches([batch([many, good])])

    assert [each.record.offset for each in refused] == [0]
    assert "items" in str(refused[0].error)
    assert apart == [1]
    assert rows(f"SELECT _offset FROM {database}.business_events") == [[1]]


def test_the_same_batch_twice_changes_nothing(sink: ClickHouseSink, rows: Rows, database: str) -> None:
    made = batch(records([business(number) for number in range(9)]))
    sink.write_batches([made, made])
    sink.write_batches([made])

    assert rows(f"SELECT count() FROM {database}.business_events") == [[9]]


@pytest.mark.parametrize("topic", TOPICS)
def test_the_layout_is_the_one_that_the_codec_writes(topic: str) -> None:
    written = record(made_event(topic, Random(1)), 0)
    begin = as_sent([written]).rindex(b"\x1cce_specversion") - 1
    headers = as_sent([written])[begin:]
    for part in layout(TOPICS[topic]):
        if part.same is not None:
            assert headers.startswith(part.same)
            headers = headers[len(part.same) :]
        else:
            value = dict(written.headers)[part.name.removeprefix("_")] or b""
            assert headers.startswith(string(value))
            headers = headers[len(string(value)) :]
    assert headers == dict(written.headers)[DIGEST]


@pytest.mark.parametrize("size", [40, 300])
def test_a_text_that_says_where_a_digest_follows_is_kept(
    sink: ClickHouseSink, rows: Rows, database: str, apart: list[int], size: int
) -> None:
    text = (MARK + b"x" * size).decode()

    assert sink.write_batches([batch(records([business(1, attributes={"text": text}), business(2)]))]) == []

    assert apart == []
    assert rows(f"SELECT attributes['text'] FROM {database}.business_events ORDER BY 1") == [[""], [text]]


@pytest.mark.parametrize("behind_ms", [0, 63, 64, 8_191, 8_192, 1_048_575, 1_048_576, 100_000_000])
def test_records_written_long_after_the_first_of_their_batch_are_taken_whole(
    sink: ClickHouseSink, rows: Rows, database: str, apart: list[int], behind_ms: int
) -> None:
    first, second = records([business(1), business(2)])
    late = msgspec.structs.replace(second, timestamp_ms=first.timestamp_ms + behind_ms)

    assert sink.write_batches([batch([first, late])]) == []

    assert apart == []
    assert rows(f"SELECT count() FROM {database}.business_events") == [[2]]


def test_any_number_of_batches_is_kept(sink: ClickHouseSink, rows: Rows, database: str, apart: list[int]) -> None:
    """A quiet producer sends batches of one record: a backlog of them is ten thousands of batches."""
    made = [batch([each]) for each in records([business(number) for number in range(10_000)])]

    assert sink.write_batches(made) == []

    assert apart == []
    found = rows(f"SELECT count(), uniqExact(_offset), max(_offset) FROM {database}.business_events")
    assert found == [[10_000, 10_000, 9_999]]


@pytest.mark.parametrize("rows_max", [1, 7, 20])
def test_more_batches_than_one_insert_takes_are_all_kept(
    sink: ClickHouseSink, rows: Rows, database: str, monkeypatch: pytest.MonkeyPatch, rows_max: int
) -> None:
    monkeypatch.setattr(sinks.clickhouse, "ROWS_MAX", rows_max)
    given = records([business(number) for number in range(20)])

    assert sink.write_batches([batch(given[at : at + 5]) for at in range(0, 20, 5)]) == []

    assert rows(f"SELECT count() FROM {database}.business_events") == [[20]]
