"""Record batches: what they say of themselves, and what their bytes must be."""

from random import Random

import msgspec
import pytest
from aiokafka.errors import CorruptRecordException

from schemas.batch import APPEND_TIME, batches
from schemas.record import Record
from tests.event_strategies import codec, event, recorded
from tests.record_batches import as_sent, batch

TOPIC = "business-events"


def records(*offsets: int) -> list[Record]:
    written = [codec().encode(event(TOPIC, Random(offset)), "tests") for offset in offsets]
    return [
        msgspec.structs.replace(recorded(each), offset=at, timestamp_ms=1_700_000_000_000)
        for at, each in zip(offsets, written, strict=True)
    ]


def test_a_batch_says_its_place_and_gives_its_records() -> None:
    found = records(70, 71, 72)
    made = batch(found)

    assert (made.topic, made.partition, made.offset, made.last, made.count) == (TOPIC, 0, 70, 72, 3)
    assert [msgspec.structs.replace(each, headers=list(each.headers)) for each in made.unpack()] == [
        msgspec.structs.replace(each, headers=list(each.headers)) for each in found
    ]


def test_several_batches_of_a_fetch_come_one_by_one_and_a_cut_off_one_not_at_all() -> None:
    data = as_sent(records(0, 1)) + as_sent(records(2)) + as_sent(records(3))[:-1]

    assert [(made.offset, made.last) for made in batches(TOPIC, 0, data)] == [(0, 1), (2, 2)]


def test_a_control_batch_has_a_place_and_no_records() -> None:
    [made] = batches(TOPIC, 0, as_sent(records(0), attributes=APPEND_TIME | 0x20))

    assert (made.last, made.count, made.unpack()) == (0, 0, [])


def test_a_flipped_bit_of_a_batch_is_found_by_its_checksum() -> None:
    random = Random(3)
    data = as_sent(records(0, 1))
    for _ in range(200):
        bad = bytearray(data)
        bad[random.randrange(21, len(bad))] ^= 1 << random.randrange(8)
        with pytest.raises(CorruptRecordException):
            list(batches(TOPIC, 0, bytes(bad)))
