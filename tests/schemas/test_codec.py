"""Bytes to events and back: what is written is read, and nothing else is."""

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import TOPICS
from schemas.codec import Codec, UnknownSchema
from schemas.errors import Undecodable
from schemas.events import BusinessEvent, Event
from schemas.record import DIGEST, PREFIX, Record, header, seal
from tests.event_strategies import NUMBERS, any_events, codec, event, events, recorded

CLOSED = sorted(topic.name for topic in TOPICS.values() if not topic.open)
OPEN = sorted(topic.name for topic in TOPICS.values() if topic.open)
FLIPS = 20_000
FRAMES = 10_000
MIB = 1024 * 1024


@pytest.mark.parametrize("topic", sorted(TOPICS))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_an_event_of_every_topic_is_read_as_it_was_written(topic: str, data: st.DataObject) -> None:
    said = data.draw(events(topic))

    assert codec().decode(recorded(codec().encode(said, "test"))) == said


@settings(max_examples=40, deadline=None)
@given(said=any_events())
def test_encoding_again_gives_the_same_bytes(said: Event) -> None:
    once, again = codec().encode(said, "test"), codec().encode(said, "test")

    assert once == again


def test_the_microsecond_is_kept() -> None:
    said = _business(occurred_at=datetime(2011, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))

    assert _read(said).occurred_at == said.occurred_at


def test_a_moment_without_a_zone_is_never_read() -> None:
    assert _read(_business()).occurred_at.tzinfo is UTC


def test_a_record_names_its_event_type_source_and_tenant_in_its_headers() -> None:
    said = _business(tenant_id="acme")

    headers = dict(codec().encode(said, "volvo-it").headers)

    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_id"] == said.event_id.encode()
    assert headers["ce_type"] == b"business-events"
    assert headers["ce_source"] == b"volvo-it"
    assert headers["ce_tenantid"] == b"acme"


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_only_exported_topics_carry_the_rest_of_the_cloud_event(topic: str) -> None:
    names = {name for name, _ in codec().encode(event(topic, Random(1)), "test").headers}

    assert ({"ce_time", "ce_datacontenttype"} <= names) is TOPICS[topic].exported


@pytest.mark.parametrize("topic", CLOSED)
def test_a_flipped_bit_anywhere_is_refused_on_a_closed_topic(topic: str) -> None:
    random = Random(f"flips of {topic}")
    reader = codec()
    accepted = []
    for number in range(FLIPS // len(CLOSED) + 1):
        if number % 50 == 0:
            whole = recorded(reader.encode(event(topic, random), "test"))
        flipped = _flip(whole, random)
        try:
            reader.decode(flipped)
        except Undecodable:
            continue
        accepted.append(flipped)

    assert accepted == []


@pytest.mark.parametrize("part", ["key", "value", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_tenantid"])
def test_the_digest_covers(part: str) -> None:
    whole = recorded(codec().encode(event("requests", Random(2)), "test"))
    if part == "key":
        changed = msgspec.structs.replace(whole, key=(whole.key or b"") + b"x")
    elif part == "value":
        changed = msgspec.structs.replace(whole, value=(whole.value or b"") + b"x")
    else:
        headers = [(name, b"other" if name == part else value) for name, value in whole.headers]
        changed = msgspec.structs.replace(whole, headers=headers)

    with pytest.raises(Undecodable, match="x-digest does not match"):
        codec().decode(changed)


def test_the_digest_tells_a_key_from_a_value() -> None:
    assert seal(b"ab", b"c", ()) != seal(b"a", b"bc", ())


def test_the_digest_covers_the_order_of_the_headers() -> None:
    first, second = ("ce_a", b"1"), ("ce_b", b"2")

    assert seal(b"", b"", [first, second]) != seal(b"", b"", [second, first])


def test_a_header_added_by_a_tracer_breaks_nothing() -> None:
    whole = recorded(codec().encode(_business(), "test"))
    traced = msgspec.structs.replace(whole, headers=[("traceparent", b"00-1-2-01"), *whole.headers])

    assert codec().decode(traced)


def test_a_cloud_event_header_that_was_added_is_refused() -> None:
    whole = recorded(codec().encode(_business(), "test"))
    added = msgspec.structs.replace(whole, headers=[*whole.headers, ("ce_subject", b"x")])

    with pytest.raises(Undecodable, match="x-digest does not match"):
        codec().decode(added)


@pytest.mark.parametrize("topic", CLOSED)
def test_a_record_without_a_digest_is_refused_on_a_closed_topic(topic: str) -> None:
    with pytest.raises(Undecodable, match="no x-digest header"):
        codec().decode(_unsealed(recorded(codec().encode(event(topic, Random(3)), "test"))))


@pytest.mark.parametrize("topic", OPEN)
def test_a_record_without_a_digest_is_read_on_an_open_topic(topic: str) -> None:
    said = event(topic, Random(4))

    assert codec().decode(_unsealed(recorded(codec().encode(said, "test")))) == said


@pytest.mark.parametrize("name", ["ce_id", "ce_tenantid"])
def test_a_header_that_names_another_event_or_tenant_than_the_body_is_refused_even_with_a_right_digest(
    name: str,
) -> None:
    whole = recorded(codec().encode(_business(), "test"))
    headers = [(each, b"other" if each == name else value) for each, value in whole.headers if each != DIGEST]
    headers.append((DIGEST, seal(whole.key or b"", whole.value or b"", headers)))

    with pytest.raises(Undecodable, match=f"{name} says other"):
        codec().decode(msgspec.structs.replace(whole, headers=headers))


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_whatever_the_frame_holds_only_undecodable_is_raised(topic: str) -> None:
    random = Random(f"frames of {topic}")
    reader = codec()
    for kind, value in _frames(topic, random, FRAMES // len(TOPICS) + 1):
        try:
            said = reader.decode(_sealed(topic, value))
        except Undecodable as error:
            assert "\n" not in str(error), kind
            continue
        assert reader.body(said) == value or kind in {"random body", "flipped"}, kind


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_bytes_left_over_after_the_body_are_refused(topic: str) -> None:
    value = codec().body(event(topic, Random(5)))

    with pytest.raises(Undecodable, match="3 bytes left over"):
        codec().decode(_sealed(topic, value + bytes(3)))


def test_a_second_record_smuggled_behind_the_first_is_refused() -> None:
    value = codec().body(_business())

    with pytest.raises(Undecodable, match="bytes left over"):
        codec().decode(_sealed("business-events", value + value[PREFIX:]))


@pytest.mark.parametrize("size", range(PREFIX + 1))
def test_a_value_no_longer_than_a_frame_is_refused(size: int) -> None:
    with pytest.raises(Undecodable, match=f"{size} bytes"):
        codec().decode(_sealed("requests", bytes(size)))


def test_a_tombstone_is_refused() -> None:
    with pytest.raises(Undecodable, match="no value"):
        codec().decode(Record("requests", 0, 0, 0, b"k", None, ()))


def test_another_magic_byte_is_refused_and_named() -> None:
    with pytest.raises(Undecodable, match="magic byte 1, not 0"):
        codec().decode(_sealed("requests", b"\x01" + codec().body(event("requests", Random(6)))[1:]))


def test_an_unknown_schema_id_says_so_so_that_the_registry_can_be_asked() -> None:
    with pytest.raises(UnknownSchema, match="schema id 999 is not of requests"):
        codec().decode(_sealed("requests", b"\x00" + (999).to_bytes(4) + b"body"))


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_the_schema_id_of_another_topic_is_unknown_to_this_one(topic: str) -> None:
    other = next(name for name in TOPICS if name != topic)
    value = codec().body(event(other, Random(7)))

    with pytest.raises(UnknownSchema):
        codec().decode(_sealed(topic, value))


def test_a_record_over_the_topics_limit_is_refused_before_it_is_decoded() -> None:
    value = codec().body(_business())[:PREFIX] + bytes(TOPICS["business-events"].bytes_max)

    with pytest.raises(Undecodable, match="bytes, more than"):
        codec().decode(_sealed("business-events", value))


@pytest.mark.parametrize("topic", sorted(TOPICS))
@pytest.mark.parametrize("claim", [2**31 - 1, 2**40, 2**63 - 1, -(2**63), -1])
def test_a_frame_that_claims_a_huge_length_is_refused_at_the_cost_of_what_it_holds(topic: str, claim: int) -> None:
    value = codec().body(event(topic, Random(8)))[:PREFIX] + _long(claim) + b"xyz"

    assert _peak(lambda: _refused(topic, value)) < 64 * MIB


@pytest.mark.parametrize("count", [2**31 - 1, 2**62, -(2**62)])
def test_a_map_that_claims_a_huge_number_of_entries_is_refused_at_the_cost_of_what_it_holds(count: int) -> None:
    said = _business(attributes={"only": "one"})
    whole = codec().body(said)
    entries = _long(1) + _long(4) + b"only" + _long(3) + b"one"
    assert entries in whole
    value = whole.replace(entries, _long(count) + (_long(8) if count < 0 else b"") + entries[1:])

    assert _peak(lambda: _refused("business-events", value)) < 64 * MIB


def test_ten_megabytes_of_noise_are_refused_at_the_cost_of_what_they_are() -> None:
    noise = Random(9).randbytes(10 * MIB)
    values = [codec().body(event(topic, Random(9)))[:PREFIX] + noise for topic in TOPICS]
    for topic, value in zip(TOPICS, values, strict=True):
        assert _peak(lambda topic=topic, value=value: _refused(topic, value)) < 64 * MIB


@pytest.mark.parametrize("field", ["event_id", "tenant_id", "source"])
def test_text_that_is_not_utf_8_is_refused(field: str) -> None:
    said = _business(**{field: "\u00e9" * 3})
    value = codec().body(said).replace("\u00e9".encode() * 3, b"\xff\xfe\xff\xfe\xff\xfe")

    with pytest.raises(Undecodable, match="body is not business-events"):
        codec().decode(_sealed("business-events", value))


def test_a_moment_beyond_the_calendar_is_refused() -> None:
    value = codec().body(_business(occurred_at=datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)))
    at = value.index(b"\x00\x02") + 1  # the null of causation_id, then one microsecond
    value = value[:at] + _long(2**62) + value[at + 1 :]

    with pytest.raises(Undecodable, match="body is not business-events"):
        codec().decode(_sealed("business-events", value))


def test_a_record_of_the_schema_that_this_process_writes_is_its_own() -> None:
    reader = codec()
    record = recorded(reader.encode(_business(), "test"))

    assert reader.own(record)
    assert not reader.own(msgspec.structs.replace(record, value=b"\x00\x00\x00\x03\xe7body"))


def _business(**fields: Any) -> BusinessEvent:
    said = {
        "event_id": "0190b6a0-0000-7000-8000-000000000001",
        "tenant_id": "acme",
        "correlation_id": "0190b6a0-0000-7000-8000-000000000001",
        "occurred_at": datetime(2012, 5, 1, tzinfo=UTC),
        "source": "test",
        "subject": "case-1",
        "type": "Accepted",
    }
    return BusinessEvent(**(said | fields))


def _read(said: BusinessEvent) -> BusinessEvent:
    found = codec().decode(recorded(codec().encode(said, "test")))
    assert isinstance(found, BusinessEvent)
    return found


def _sealed(topic: str, value: bytes) -> Record:
    return Record(topic, 0, 0, 0, b"k", value, [(DIGEST, seal(b"k", value, ()))])


def _unsealed(record: Record) -> Record:
    return msgspec.structs.replace(record, headers=[each for each in record.headers if each[0] != DIGEST])


def _flip(record: Record, random: Random) -> Record:
    """Returns the record with one bit of its key, its value, or of a name or value of its headers turned."""
    parts: list[bytes] = [record.key or b"", record.value or b""]
    for name, value in record.headers:
        parts += [name.encode(), value or b""]
    bit = random.randrange(8 * sum(map(len, parts)))
    for number, part in enumerate(parts):
        if bit < 8 * len(part):
            turned = bytearray(part)
            turned[bit // 8] ^= 1 << bit % 8
            parts[number] = bytes(turned)
            break
        bit -= 8 * len(part)
    names = [each.decode("latin-1") for each in parts[2::2]]
    headers: Sequence[tuple[str, bytes]] = list(zip(names, parts[3::2], strict=True))
    return msgspec.structs.replace(record, key=parts[0], value=parts[1], headers=headers)


def _frames(topic: str, random: Random, count: int) -> Iterator[tuple[str, bytes]]:
    """Yields wrong frames of every kind, and some that are right by chance."""
    reader = codec()
    others = [name for name in TOPICS if name != topic]
    for _ in range(count):
        value = reader.body(event(topic, random))
        prefix, content = value[:PREFIX], value[PREFIX:]
        yield from [
            ("truncated", value[: random.randrange(len(value))]),
            ("magic", bytes([random.randrange(1, 256)]) + value[1:]),
            ("unknown id", b"\x00" + random.randrange(len(NUMBERS) + 1, 2**32).to_bytes(4) + content),
            ("trailing", value + random.randbytes(random.randrange(1, 20))),
            ("random", random.randbytes(random.randrange(60))),
            ("random body", prefix + random.randbytes(random.randrange(200))),
            ("other topic", prefix + reader.body(event(random.choice(others), random))[PREFIX:]),
            ("cut out", value[: (at := random.randrange(PREFIX, len(value)))] + value[at + random.randrange(1, 9) :]),
            ("flipped", prefix + _turned(content, random)),
            ("empty", b""),
        ][random.randrange(10) :][:1]


def _turned(content: bytes, random: Random) -> bytes:
    at = random.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << random.randrange(8)]) + content[at + 1 :]


def _long(number: int) -> bytes:
    """Returns the number as Avro writes a long."""
    folded = number << 1 ^ number >> 63
    out = bytearray()
    while folded > 0x7F:
        out.append(folded & 0x7F | 0x80)
        folded >>= 7
    return bytes([*out, folded])


def _refused(topic: str, value: bytes) -> None:
    with pytest.raises(Undecodable):
        codec().decode(_sealed(topic, value))


def _peak(act: Callable[[], None]) -> int:
    """Returns how many bytes Python held at most at once while `act` ran, above what it held before."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_sealed_record_carries_its_digest() -> None:
    record = recorded(codec().encode(_business(), "test"))

    assert header(record.headers, DIGEST) == seal(record.key or b"", record.value or b"", record.headers)


def test_a_codec_writes_what_it_was_given_an_id_for() -> None:
    assert Codec({"requests": 7}).body(event("requests", Random(1)))[:PREFIX] == b"\x00\x00\x00\x00\x07"
