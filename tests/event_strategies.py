"""Events of every topic, made from the schemas: hypothesis strategies, and seeded ones for tests that count."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import strategies as st

from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.events import Event
from schemas.record import Outgoing, Record

NUMBERS = {name: number for number, name in enumerate(TOPICS, 1)}
"""A schema id for each topic, as a registry would give it."""
AT = datetime(2012, 5, 1, 8, tzinfo=UTC)
IDS = {"event_id", "correlation_id", "causation_id"}
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda each: each.replace(tzinfo=UTC))  # noqa: DTZ001


def codec() -> Codec:
    """Returns a codec that writes every topic, with NUMBERS as schema ids."""
    return Codec(NUMBERS)


@cache
def events(topic: str) -> st.SearchStrategy[Event]:
    """Returns the strategy of the topic's events: everything its schema allows."""
    return bodies(TOPICS[topic].schema).map(lambda body: msgspec.convert(body, TOPICS[topic].event))


def any_events() -> st.SearchStrategy[Event]:
    """Returns the strategy of the events of all topics."""
    return st.sampled_from(sorted(TOPICS)).flatmap(events)


def bodies(kind: Any, name: str = "") -> st.SearchStrategy[Any]:  # noqa: PLR0911
    """Returns the strategy of the values of an Avro type, as Python has them."""
    if isinstance(kind, list):
        return st.one_of(*(bodies(each, name) for each in kind))
    if isinstance(kind, str):
        return _primitive(kind, name)
    if kind.get("logicalType") == "timestamp-micros":
        return MOMENTS
    if kind["type"] == "record":
        return st.fixed_dictionaries({field["name"]: bodies(field["type"], field["name"]) for field in kind["fields"]})
    if kind["type"] == "enum":
        return st.sampled_from(kind["symbols"])
    if kind["type"] == "array":
        return st.lists(bodies(kind["items"]), max_size=3)
    assert kind["type"] == "map", kind
    return st.dictionaries(st.text(max_size=8), bodies(kind["values"]), max_size=3)


def _primitive(kind: str, name: str) -> st.SearchStrategy[Any]:
    if name in IDS and kind == "string":
        return st.uuids().map(str)
    return {
        "null": st.none(),
        "string": st.text(max_size=20),
        "bytes": st.binary(max_size=20),
        "boolean": st.booleans(),
        "int": st.integers(-(2**31), 2**31 - 1),
        "long": st.integers(-(2**63), 2**63 - 1),
    }[kind]


def event(topic: str, random: Random) -> Event:
    """Returns an event of the topic that follows from the state of `random`."""
    return msgspec.convert(body(TOPICS[topic].schema, random), TOPICS[topic].event)


def body(kind: Any, random: Random, name: str = "") -> Any:  # noqa: PLR0911
    """Returns a value of an Avro type, as Python has it, that follows from the state of `random`."""
    if isinstance(kind, list):
        return body(random.choice(kind), random, name)
    if isinstance(kind, str):
        return _PLAIN[kind](random) if name not in IDS or kind == "null" else str(UUID(int=random.getrandbits(128)))
    if kind.get("logicalType") == "timestamp-micros":
        return AT + timedelta(microseconds=random.randrange(10**15))
    if kind["type"] == "record":
        return {field["name"]: body(field["type"], random, field["name"]) for field in kind["fields"]}
    if kind["type"] == "enum":
        return random.choice(kind["symbols"])
    if kind["type"] == "array":
        return [body(kind["items"], random) for _ in range(random.randrange(3))]
    return {_text(random): body(kind["values"], random) for _ in range(random.randrange(4))}


def _text(random: Random) -> str:
    return "".join(random.choices("abcxyzÄß€😀 0123", k=random.randrange(12)))


_PLAIN: dict[str, Callable[[Random], Any]] = {
    "null": lambda random: None,
    "string": _text,
    "bytes": lambda random: random.randbytes(random.randrange(20)),
    "boolean": lambda random: random.random() < 0.5,
    "int": lambda random: random.randrange(-(2**31), 2**31),
    "long": lambda random: random.randrange(-(2**63), 2**63),
}


def recorded(outgoing: Outgoing, partition: int = 0, offset: int = 0, timestamp_ms: int = 0) -> Record:
    """Returns the record as it lies on its topic once the broker has given it a place."""
    return Record(outgoing.topic, partition, offset, timestamp_ms, outgoing.key, outgoing.value, list(outgoing.headers))


def next_version(schema: dict[str, Any]) -> dict[str, Any]:
    """Returns the schema a later release may have: a field with a default more, and each enum with a symbol more."""
    later: dict[str, Any] = json.loads(json.dumps(schema))
    _append_symbols(later)
    added = {"name": "added_later", "type": "string", "doc": "Added later.", "pii": "none", "default": "nothing yet"}
    later["fields"].append(added)
    return later


def _append_symbols(kind: Any) -> None:
    if isinstance(kind, list):
        for each in kind:
            _append_symbols(each)
    elif isinstance(kind, dict):
        if kind.get("type") == "enum":
            kind["symbols"].append("symbol_of_later")
        for part in ("type", "items", "values", "fields"):
            _append_symbols(kind.get(part))
