"""A whole batch is checked as each of its records would be."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.batch import APPEND_TIME, HEAD, RecordBatch, batches
from schemas.catalogue import TOPICS
from schemas.codec import TOGETHER_MIN, Codec
from schemas.errors import Undecodable
from schemas.record import DIGEST, CheckedHeaders, Record, SentHeaders, seal
from tests.bounds import bounds_checked
from tests.event_strategies import any_events, codec, event, recorded
from tests.record_batches import GZIP, as_sent, batch, checksummed

SOURCES = ("auterity/triggers", "connectors/files", "", "ä" * 70)


def records(topic: str, count: int, seed: int = 0) -> list[Record]:
    """Returns records of the topic by several writers, at offsets from 0 on."""
    chance = Random(seed)
    written = [codec().encode(event(topic, chance), chance.choice(SOURCES)) for _ in range(count)]
    return [msgspec.structs.replace(recorded(each), offset=at, partition=0) for at, each in enumerate(written)]


def learned(topic: str) -> Codec:
    """Returns a codec that has compiled what it needs for the topic."""
    found = codec()
    found.check(records(topic, 1)[0])
    return found


def refused(read: Codec, found: Sequence[Record]) -> list[tuple[int, str]]:
    """Returns the offsets of the records that `check` refuses, and why."""
    told = []
    for each in found:
        try:
            read.check(each)
        except Undecodable as error:
            told.append((each.offset, str(error)))
    return told


def unsound(read: Codec, made: RecordBatch) -> list[tuple[int, str]]:
    return [(record.offset, str(error)) for record, error in read.unsound(made)]


def whole(read: Codec, made: RecordBatch) -> bool:
    """True when the batch is found sound where it lies."""
    known: Any = read._topics[made.topic]
    return made.plain and known.seals.found([made], known.leads, known.bytes_max) is not None


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_what_our_codec_wrote_is_found_sound_where_it_lies(topic: str) -> None:
    read = learned(topic)
    for seed in range(20):
        made = batch(records(topic, 30, seed))

        assert whole(read, made)
        assert read.unsound(made) == []


@given(event=any_events(), source=st.text(max_size=100))
def test_any_event_by_any_writer_is_found_sound_where_it_lies(event: Any, source: str) -> None:
    record = recorded(codec().encode(event, source))

    assert whole(learned(record.topic), batch([record]))


def told(read: Codec, found: Sequence[Record]) -> list[tuple[Record, Any]]:
    """Returns each record as it lies on its topic, and its event or why there is none."""
    every = []
    for each in found:
        assert isinstance(each.headers, SentHeaders)
        plain = msgspec.structs.replace(each, headers=SentHeaders(each.headers.raw))
        try:
            every.append((plain, read.decode(each)))
        except Undecodable as error:
            every.append((plain, str(error)))
    return every


@pytest.mark.parametrize("topic", sorted(TOPICS))
@pytest.mark.parametrize("count", [1, TOGETHER_MIN - 1, TOGETHER_MIN, 150])
def test_records_checked_together_are_those_that_are_taken_apart(topic: str, count: int) -> None:
    read = codec()
    made = batch(records(topic, count))

    found = read.records(made)

    assert {type(each.headers) for each in found} == {CheckedHeaders if count >= TOGETHER_MIN else SentHeaders}
    assert told(read, found) == told(codec(), made.unpack())


def test_a_body_that_does_not_begin_with_its_ids_is_held_against_its_headers_when_it_is_read() -> None:
    own = TOPICS["requests"].schema
    first, second, *rest = own["fields"]
    read = codec()
    read.learn("requests", 99, own | {"fields": [second, first, *rest]})
    swapped = [
        msgspec.structs.replace(each, value=b"\0\0\0\0\x63" + (each.value or b"")[5:])
        for each in records("requests", 5)
    ]
    made = batch([resealed(each) for each in swapped])

    found = read.records(made)

    assert unsound(read, made) == []
    assert [error for _, error in told(read, found)] == [error for _, error in told(read, made.unpack())]
    assert all("ce_id says" in str(error) for _, error in told(read, found))


def resealed(each: Record) -> Record:
    """Returns the record with the digest that it should have."""
    headers = [pair for pair in each.headers if pair[0] != DIGEST]
    return msgspec.structs.replace(each, headers=[*headers, (DIGEST, seal(each.key, each.value, headers))])


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32))
def test_after_any_damage_a_batch_is_sound_only_if_each_of_its_records_is(seed: int) -> None:
    damage(seed)


def test_no_damage_leads_beyond_the_bytes(tmp_path: Path) -> None:
    """The same, with every index checked by numba."""
    bounds_checked("from tests.schemas.test_sealed import damage; [damage(seed) for seed in range(1_000)]", tmp_path)


def damage(seed: int) -> None:
    chance = Random(seed)
    topic = chance.choice(sorted(TOPICS))
    read = learned(topic)
    assert read.unsound(batch(records(topic, 5))) == []
    data = bytearray(as_sent(records(topic, 5, chance.randrange(3))))
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(HEAD.size, len(data))
        match chance.randrange(3):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at] = chance.randrange(256)
            case _:
                other = chance.randrange(HEAD.size, len(data))
                data[at], data[other] = data[other], data[at]
    [made] = batches(topic, 0, checksummed(data))
    good = as_sent(records(topic, 3))
    together = list(batches(topic, 0, good + made.data + good))
    assert (read.found(together) is not None) == whole(read, made)
    try:
        found = made.unpack()
    except Exception:  # noqa: BLE001  no batch any more: whatever reads it says so in its own way
        assert not whole(read, made)
    else:
        assert not (whole(read, made) and refused(read, found))
        assert unsound(read, made) == refused(read, found)
        assert told(read, read.records(made)) == told(read, found)


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_one_damaged_record_is_named_and_the_others_are_not(topic: str) -> None:
    read = learned(topic)
    found = records(topic, 9)
    value = bytearray(found[4].value or b"")
    value[-1] ^= 1
    found[4] = msgspec.structs.replace(found[4], value=bytes(value))

    assert unsound(read, batch(found)) == [(4, f"{DIGEST} does not match")]


@pytest.mark.parametrize("name", ["ce_id", "ce_source", "ce_tenantid", "ce_type", "ce_specversion"])
def test_a_header_that_says_something_else_is_found(name: str) -> None:
    read = learned("requests")
    found = records("requests", 3)
    headers = [(each, (value or b"") + b"x" if each == name else value) for each, value in found[1].headers]
    found[1] = msgspec.structs.replace(found[1], headers=headers)

    assert unsound(read, batch(found)) == [(1, f"{DIGEST} does not match")]


def test_bytes_moved_from_the_value_to_the_key_are_found() -> None:
    read = learned("requests")
    [record] = records("requests", 1)
    key, value = record.key or b"", record.value or b""
    moved = msgspec.structs.replace(record, key=key + value[:1], value=value[1:] + value[:1])

    assert not whole(read, batch([moved]))
    assert len(read.unsound(batch([moved]))) == 1


def test_a_compressed_batch_and_one_without_our_headers_are_taken_apart() -> None:
    read = learned("business-events")
    found = records("business-events", 3)
    bare = [msgspec.structs.replace(each, headers=()) for each in found]

    assert not batch(found, APPEND_TIME | GZIP).plain
    assert read.unsound(batch(found, APPEND_TIME | GZIP)) == []
    assert not whole(read, batch(bare))
    assert read.unsound(batch(bare)) == []  # clients may leave the digest out on this topic


def test_a_record_without_key_or_value_is_judged_as_check_judges_it() -> None:
    read = learned("requests")
    found = records("requests", 3)
    found[0] = msgspec.structs.replace(found[0], key=None)
    found[2] = msgspec.structs.replace(found[2], value=None)

    assert unsound(read, batch(found)) == refused(read, found)
    assert [offset for offset, _ in unsound(read, batch(found))] == [0, 2]


def test_more_sources_than_are_remembered_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.heads.SEEN_MAX", 2)
    read = learned("requests")
    chance = Random(1)
    written = [read.encode(event("requests", chance), "s" * (number % 90)) for number in range(200)]
    made = batch([msgspec.structs.replace(recorded(each), offset=at) for at, each in enumerate(written)])

    assert whole(read, made)
    assert refused(read, made.unpack()) == []
