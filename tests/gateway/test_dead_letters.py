"""Dead letters over HTTP: what was given up, with its bytes, and sent again once, by the checks of what is offered."""

from base64 import b64decode
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gateway_calls import SAID
from log_browser import ListBrowser
from quiet_gateway import Quiet
from read_model_records import CODEC, fill, given_up, letter_of, records

from domain.identity import Permission
from schemas.events import BusinessEvent, DeadLetter, Definition, Request
from sinks.read_models.reader import Reader
from sinks.read_models.store import reading
from tests.event_strategies import recorded


async def mended(gateway: Quiet, letter: str, said: Any = SAID) -> tuple[int, Any]:
    answer = await gateway.client.post(f"/dead-letters/{letter}/mend", json=said)
    return answer.status_code, answer.json()


async def test_dead_letters_are_listed_with_where_and_why_and_told_with_their_bytes(models: Reader) -> None:
    gateway, letter = Quiet(models), letter_of("acme")

    (listed,) = await gateway.pages("/dead-letters", "dead_letters", stage="gateway", topic="business-events")
    found = await gateway.got(f"/dead-letters/{letter}")

    assert (listed["id"], listed["reason"]) == (letter, "missing required field `type`")
    assert (listed["source_partition"], listed["mendable"], listed["mended"]) == (-1, True, None)
    assert found["dead_letter"] == listed
    assert b64decode(found["value_base64"]) == found["text"].encode() == b'{"source": "crm"}'
    assert (found["draft"], found["bytes"]) == ({"source": "crm"}, 17)
    assert (await gateway.got("/dead-letters", stage="triggers"))["dead_letters"] == []


async def test_a_mended_letter_is_an_event_whose_cause_it_is_and_is_mended_once(models: Reader) -> None:
    gateway, letter = Quiet(models), letter_of("acme")

    status, said = await mended(gateway, letter)
    again = await mended(gateway, letter)
    otherwise = await mended(gateway, letter, {**SAID, "type": "Closed"})

    assert (status, again[0], otherwise[0]) == (202, 202, 409)
    assert otherwise[1]["event_id"] == said["event_id"] == again[1]["event_id"]
    one, same = gateway.publisher.of(BusinessEvent)
    assert (one.causation_id, one.event_id, one.tenant_id) == (letter, said["event_id"], "acme")
    assert (one.type, one.principal, same) == (SAID["type"], f"key/{'q' * 16}", one)
    assert len(gateway.publisher.of(Definition)) == 1
    facts = [(each.type, each.subject) for each in gateway.publisher.of(Request) if each.status == 202]
    assert facts == [("DeadLetterMended", letter)] * 2
    assert (await gateway.got(f"/dead-letters/{letter}"))["dead_letter"]["mended"] == said["event_id"]


async def test_what_is_mended_badly_is_refused_and_may_be_mended_again(models: Reader) -> None:
    gateway, letter = Quiet(models), letter_of("acme")
    for said, field in (({"source": "crm"}, "occurred_at"), ({**SAID, "tenant_id": "other"}, "tenant_id")):
        status, problem = await mended(gateway, letter, said)
        assert (status, problem["errors"][0]["field"]) == (422, field)
    assert (await mended(gateway, letter, {**SAID, "attributes": {"x": "a" * 1_100_000}}))[0] == 413
    assert gateway.publisher.of(BusinessEvent) == gateway.publisher.of(Definition) == []
    assert (await mended(gateway, letter))[0] == 202


async def test_another_tenants_letter_is_one_that_there_is_not_and_who_may_not_mend_does_not(models: Reader) -> None:
    gateway = Quiet(models)
    for letter in (letter_of("other"), "nothing", "%00", "x" * 300):
        await gateway.got(f"/dead-letters/{letter}", 404)
        assert (await mended(gateway, letter))[0] == 404
    reader = Quiet(models, scopes=[Permission.READ_DEAD_LETTERS])
    assert (await mended(reader, letter_of("acme")))[0] == 403


@pytest.mark.parametrize("topic", ["agent-steps", "definitions", "of another time"])
async def test_only_topics_that_are_open_to_clients_take_what_is_mended(tmp_path: Path, topic: str) -> None:
    value = bytes(range(256))
    header = {"name": "Cookie", "value": b"secret"}
    event = msgspec.convert({**msgspec.to_builtins(given_up("acme")), "source_headers": [header]}, DeadLetter)
    event = msgspec.structs.replace(event, source_topic=topic, source_value=value)
    lies = [recorded(CODEC.encode(event, "test"), 1, 0)]
    fill(tmp_path, lies)
    reader = Reader(reading(tmp_path, None))
    gateway = Quiet(reader, ListBrowser(lies))

    found = await gateway.got(f"/dead-letters/{event.event_id}")
    status, _ = await mended(gateway, event.event_id)
    reader.close()

    assert (found["dead_letter"]["mendable"], status) == (False, 403)
    assert (found["text"], found["draft"], found["headers"]) == (None, None, [])
    assert b64decode(found["value_base64"]) == value


async def test_what_was_written_in_avro_is_drafted_as_its_fields(tmp_path: Path) -> None:
    said = next(CODEC.decode(each) for each in records() if each.topic == "business-events")
    event = given_up("acme", value=CODEC.body(said))
    lies = [recorded(CODEC.encode(event, "test"), 1, 0)]
    fill(tmp_path, lies)
    reader = Reader(reading(tmp_path, None))
    found = await Quiet(reader, ListBrowser(lies)).got(f"/dead-letters/{event.event_id}")
    reader.close()
    assert (found["draft"]["subject"], found["draft"]["event_id"]) == (said.subject, said.event_id)
    assert not {"tenant_id", "principal", "correlation_id"} & found["draft"].keys()
