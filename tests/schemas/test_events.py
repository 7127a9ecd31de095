"""The generated event classes are those that the schemas say, and nobody changes an event."""

import subprocess
import sys
from enum import EnumType, StrEnum
from random import Random
from typing import Any

import msgspec
import pytest

from schemas import events, generate
from schemas.catalogue import TOPICS
from tests.event_strategies import event

EVERY = pytest.mark.parametrize("topic", sorted(TOPICS))


def test_the_event_classes_have_not_drifted_from_the_schemas() -> None:
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(generate.TARGET), "-"]
    formatted = subprocess.run(
        command, input=generate.source(), capture_output=True, text=True, check=True, cwd=generate.TARGET.parents[1]
    )

    assert generate.TARGET.read_text() == formatted.stdout, "run: python -m schemas.generate && ruff format"


@EVERY
def test_an_event_cannot_be_changed(topic: str) -> None:
    said = event(topic, Random(1))

    with pytest.raises(AttributeError):
        said.tenant_id = "other"


@EVERY
def test_an_event_has_no_room_for_what_its_schema_does_not_name(topic: str) -> None:
    assert not hasattr(event(topic, Random(1)), "__dict__")


@EVERY
def test_the_fields_are_those_of_the_schema_in_its_order(topic: str) -> None:
    fields = [field.name for field in msgspec.structs.fields(TOPICS[topic].event)]

    assert fields == [field["name"] for field in TOPICS[topic].schema["fields"]]


@EVERY
def test_the_defaults_are_those_of_the_schema(topic: str) -> None:
    assert _defaults(TOPICS[topic].event) == {
        field["name"]: field["default"] for field in TOPICS[topic].schema["fields"] if "default" in field
    }


def test_every_enum_has_an_unknown_symbol() -> None:
    enums = [each for each in vars(events).values() if isinstance(each, EnumType) and each is not StrEnum]

    assert enums
    assert all("unknown" in list(each) for each in enums)


def _defaults(kind: type) -> dict[str, Any]:
    found = {}
    for field in msgspec.structs.fields(kind):
        if field.default is not msgspec.NODEFAULT:
            found[field.name] = field.default
        elif field.default_factory is not msgspec.NODEFAULT:
            found[field.name] = field.default_factory()
    return found
