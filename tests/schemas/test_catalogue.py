"""The catalogue: no schema without a topic, no topic without a schema, and what all of them have in common."""

from random import Random
from typing import Any

import pytest

from schemas.catalogue import BY_EVENT, DEAD_LETTER_BYTES_MAX, FOLDER, PARTITIONS, RECORD_BYTES_MAX, TOPICS
from schemas.evolution import HEAD, PII
from tests.event_strategies import event

EVERY = pytest.mark.parametrize("topic", sorted(TOPICS))


def test_every_schema_has_a_topic_and_every_topic_a_schema() -> None:
    assert {path.stem for path in FOLDER.glob("*.avsc")} == {topic.noun for topic in TOPICS.values()}


def test_every_topic_lies_under_its_own_name() -> None:
    assert all(name == topic.name for name, topic in TOPICS.items())


def test_every_event_class_belongs_to_one_topic() -> None:
    assert len(BY_EVENT) == len(TOPICS)


@EVERY
def test_the_schema_has_the_name_of_the_event_class(topic: str) -> None:
    assert TOPICS[topic].schema["name"] == TOPICS[topic].event.__name__


@EVERY
def test_the_schema_lies_in_one_namespace_with_all_others(topic: str) -> None:
    assert TOPICS[topic].schema["namespace"] == "auterity"


@EVERY
def test_the_subject_follows_from_the_topic(topic: str) -> None:
    assert TOPICS[topic].subject == f"{topic}-value"


@EVERY
def test_the_first_fields_are_the_head(topic: str) -> None:
    assert tuple(field["name"] for field in TOPICS[topic].schema["fields"][: len(HEAD)]) == HEAD


@EVERY
def test_the_head_has_the_same_types_in_every_topic(topic: str) -> None:
    def types(name: str) -> list[Any]:
        return [field["type"] for field in TOPICS[name].schema["fields"][: len(HEAD)]]

    assert types(topic) == types("requests")


@EVERY
def test_the_record_and_every_field_are_documented(topic: str) -> None:
    assert TOPICS[topic].schema["doc"].endswith(".")
    assert [path for path, field in _fields(TOPICS[topic].schema) if not field.get("doc", "").endswith(".")] == []


@EVERY
def test_every_field_has_a_class_of_personal_data(topic: str) -> None:
    assert [path for path, field in _fields(TOPICS[topic].schema) if field.get("pii") not in PII] == []


@EVERY
def test_the_classes_of_personal_data_are_given_by_field(topic: str) -> None:
    assert set(TOPICS[topic].pii) == {field["name"] for field in TOPICS[topic].schema["fields"]}


@EVERY
def test_maps_of_what_clients_say_are_personal(topic: str) -> None:
    maps = {name: field for name, field in _fields(TOPICS[topic].schema) if _is_map(field["type"])}

    assert {name for name, field in maps.items() if field["pii"] != "personal"} <= {"libraries", "ranking.scores"}


@EVERY
def test_the_key_of_an_event_is_text(topic: str) -> None:
    assert isinstance(TOPICS[topic].key(event(topic, Random(topic))), str)


@EVERY
def test_the_key_is_the_same_for_the_same_event(topic: str) -> None:
    assert TOPICS[topic].key(event(topic, Random(1))) == TOPICS[topic].key(event(topic, Random(1)))


@EVERY
def test_how_it_is_keyed_and_who_answers_for_it_is_written_down(topic: str) -> None:
    assert TOPICS[topic].key_doc
    assert TOPICS[topic].owner


def test_all_keyed_topics_have_the_same_number_of_partitions() -> None:
    assert {topic.partitions for topic in TOPICS.values() if topic.name != "definitions"} == {PARTITIONS}


def test_definitions_are_in_one_order() -> None:
    assert TOPICS["definitions"].partitions == 1


@EVERY
def test_everything_is_kept(topic: str) -> None:
    assert TOPICS[topic].retention_ms == -1


def test_a_dead_letter_has_room_for_the_largest_record() -> None:
    assert TOPICS["dead-letters"].bytes_max == DEAD_LETTER_BYTES_MAX > RECORD_BYTES_MAX


@EVERY
def test_no_other_record_is_larger_than_the_rest(topic: str) -> None:
    assert TOPICS[topic].bytes_max == (DEAD_LETTER_BYTES_MAX if topic == "dead-letters" else RECORD_BYTES_MAX)


def test_clients_may_write_business_events_only() -> None:
    assert [topic.name for topic in TOPICS.values() if topic.open] == ["business-events"]


@EVERY
def test_what_belongs_to_a_run_is_keyed_by_it_and_money_by_its_tenant(topic: str) -> None:
    said = event(topic, Random(2))
    if topic == "budget-entries":
        assert TOPICS[topic].key(said) == said.tenant_id
    elif isinstance(run_id := getattr(said, "run_id", None), str):
        assert TOPICS[topic].key(said) == run_id


def _fields(kind: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    if isinstance(kind, list):
        return [each for inner in kind for each in _fields(inner, path)]
    if not isinstance(kind, dict):
        return []
    if kind["type"] == "record":
        found = []
        for field in kind["fields"]:
            name = f"{path}.{field['name']}" if path else field["name"]
            found += [(name, field), *_fields(field["type"], name)]
        return found
    return _fields(kind.get("items") or kind.get("values"), path)


def _is_map(kind: Any) -> bool:
    return isinstance(kind, dict) and kind["type"] == "map"
