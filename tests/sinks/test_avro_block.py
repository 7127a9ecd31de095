"""Containers made without decoding are Avro to another reader."""

import io

import fastavro
from hypothesis import given
from hypothesis import strategies as st
from sink_records import business, codec, records

from schemas.catalogue import TOPICS
from schemas.wire import number as long
from schemas.wire import string
from sinks.avro_block import container

MARK = bytes(range(16))


def test_a_container_is_read_by_another_avro_reader() -> None:
    batch = records([business(number) for number in range(5)])

    found = list(fastavro.reader(io.BytesIO(container(TOPICS["business-events"].schema, batch, MARK))))

    assert [each["event_id"] for each in found] == [codec().decode(each).event_id for each in batch]
    assert {each["_end"] for each in found} == {MARK}


def test_a_container_of_nothing_is_empty() -> None:
    assert list(fastavro.reader(io.BytesIO(container(TOPICS["requests"].schema, [], MARK)))) == []


@given(st.integers(-(2**63), 2**63 - 1), st.binary(max_size=300))
def test_numbers_and_texts_are_written_as_avro_writes_them(number: int, text: bytes) -> None:
    out = io.BytesIO()
    schema = {"type": "record", "name": "R", "fields": [{"name": "n", "type": "long"}, {"name": "t", "type": "bytes"}]}
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), {"n": number, "t": text})
    assert long(number) + string(text) == out.getvalue()
