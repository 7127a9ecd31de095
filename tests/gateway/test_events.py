"""Events of clients: what is taken lies on the log as it was meant, what is refused lies there with the reason."""

import asyncio
import json
import time
from typing import Any

import httpx2
import msgspec
import pytest
from gateway_calls import SAID, calls

from connectors.kafka import ensure_topics
from connectors.publisher import KafkaPublisher
from gateway.bodies import BODY_BYTES_MAX, EVENTS_MAX, Room
from runtime.kafka_server import EmbeddedKafka
from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.errors import Unavailable
from schemas.events import CallOutcome
from tests.gateway.conftest import calling, key
from tests.harness import Frozen, business_event, events

TOPIC = "business-events"
AVRO = {"Content-Type": "application/vnd.confluent.avro"}


async def _put(client: httpx2.AsyncClient, body: Any, topic: str = TOPIC, **headers: str) -> httpx2.Response:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return await client.post(
        f"/api/v1/events/{topic}", content=content, headers={"Content-Type": "application/json", **headers}
    )


@pytest.mark.parametrize("path", ["/api/v1/events/business-events", "/events/business-events"])
async def test_an_event_is_on_the_log_when_the_call_is_answered(
    log: Any, registered: Codec, client: httpx2.AsyncClient, path: str
) -> None:
    answer = await client.post(path, json=SAID)

    assert answer.status_code == 202
    (event,) = events(log, registered, TOPIC)
    said = answer.json()
    assert (event.event_id, event.causation_id) == (said["event_id"], said["correlation_id"])
    assert (event.tenant_id, event.correlation_id, event.subject) == ("acme", event.event_id, "S-1")
    assert event.principal == f"key/{'w' * 16}"
    (call,) = calls(log, registered)
    assert (call.event_id, call.tenant_id, call.principal) == (said["correlation_id"], "acme", f"key/{'w' * 16}")
    assert (call.outcome, call.status, call.events) == (CallOutcome.ACCEPTED, 202, 1)
    assert call.route == "POST /events/{topic}"


@pytest.mark.parametrize("lines", [False, True])
async def test_a_list_and_lines_give_an_event_each_in_their_order(
    log: Any, registered: Codec, client: httpx2.AsyncClient, lines: bool
) -> None:
    said = [{**SAID, "attributes": {"number": str(number)}} for number in range(300)]
    body = b"\n".join(map(msgspec.json.encode, said)) + b"\n" if lines else msgspec.json.encode(said)
    answer = await _put(client, body, **{"Content-Type": "application/x-ndjson"} if lines else {})

    assert answer.status_code == 202
    found = events(log, registered, TOPIC)
    assert [event.attributes["number"] for event in found] == [str(number) for number in range(300)]
    assert [event.event_id for event in found] == answer.json()["events"]
    assert [call.events for call in calls(log, registered)] == [300]


async def test_an_event_in_avro_is_read_to_its_last_byte(
    log: Any, registered: Codec, client: httpx2.AsyncClient
) -> None:
    sent = business_event(0, "S-1")
    body = registered.body(sent)

    assert (await _put(client, body, **AVRO)).status_code == 202
    for wrong in (body + b"\0", body[:-1], b"\1" + body[1:], b"\0\0\0\x99\x99" + body[5:], b""):
        answer = await _put(client, wrong, **AVRO)
        assert answer.status_code == 422, wrong

    (event,) = events(log, registered, TOPIC)
    assert event.principal == f"key/{'w' * 16}"
    assert msgspec.structs.replace(event, correlation_id=sent.correlation_id, causation_id=None, principal="") == sent
    assert len(events(log, registered, "dead-letters")) == 5


async def test_sent_again_with_its_idempotency_key_an_event_has_the_id_it_had(
    log: Any, registered: Codec, client: httpx2.AsyncClient
) -> None:
    answers = [await _put(client, SAID, **{"Idempotency-Key": "order-7"}) for _ in range(2)]

    assert answers[0].json()["event_id"] == answers[1].json()["event_id"]
    assert answers[0].json()["correlation_id"] != answers[1].json()["correlation_id"]
    assert len(events(log, registered, TOPIC)) == 1
    assert len(calls(log, registered)) == 2


async def test_one_wrong_event_keeps_all_of_its_call_out_and_is_a_dead_letter_with_its_bytes(
    log: Any, registered: Codec, client: httpx2.AsyncClient
) -> None:
    wrong = b'{"subject":  7, "source": "crm"}'
    answer = await _put(client, b"[" + msgspec.json.encode(SAID) + b", " + wrong + b"]")

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    (letter,) = events(log, registered, "dead-letters")
    assert problem["schema"] == {"subject": "business-events-value", "id": registered.written(TOPIC)}
    assert problem["errors"] == [
        {
            "number": 1,
            "field": "subject",
            "detail": "Expected `str`, got `int`",
            "dead_letter": letter.event_id,
        }
    ]
    assert (letter.tenant_id, letter.source_value, letter.source_topic) == ("acme", wrong, TOPIC)
    assert letter.correlation_id == problem["correlation_id"]
    assert events(log, registered, TOPIC) == []
    (call,) = calls(log, registered)
    assert (call.outcome, call.status, call.events) == (CallOutcome.REFUSED, 422, 0)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"[" + b"{}," * EVENTS_MAX + b"{}]", {}, 413),
        (b" " * (BODY_BYTES_MAX + 1), {}, 413),
        (b"[{}", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b"<event/>", {"Content-Type": "application/xml"}, 415),
        (b"", {}, 422),
        (b"{}", {"Idempotency-Key": "k" * 201}, 400),
        (b"{}", {"Content-Encoding": "gzip"}, 415),
        (msgspec.json.encode({**SAID, "subject": "s" * 5000}), {}, 413),
        (msgspec.json.encode([{**SAID, "event_id": "6f1c1a52-6f0e-4b52-9d0e-3d1a2b3c4d5e"}] * 2), {}, 422),
        (msgspec.json.encode({**SAID, "occurred_at": "9999-12-31T23:59:59-00:01"}), {}, 422),
        (b"{}", {"Content-Type": "Application/Vnd.Confluent.Avro; v=1"}, 422),
        (b"\xff\xfe", {}, 422),
        (msgspec.json.encode({**SAID, "tenant_id": "other"}), {}, 422),
        (msgspec.json.encode({**SAID, "attributes": {"a": "x" * 1_100_000}}), {}, 413),
    ],
    ids=[
        "too many",
        "too large",
        "cut",
        "deep",
        "media type",
        "nothing",
        "long key",
        "gzip",
        "record key",
        "twice",
        "year 10000",
        "no Avro",
        "no text",
        "another tenant",
        "large event",
    ],
)
async def test_bad_input_is_refused_in_one_line_and_is_an_event(
    log: Any, registered: Codec, client: httpx2.AsyncClient, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await _put(client, body, **headers)

    assert answer.status_code == status, answer.text
    assert "\n" not in answer.json()["detail"]
    assert events(log, registered, TOPIC) == []
    (call,) = calls(log, registered)
    assert (call.status, call.tenant_id, call.event_id) == (status, "acme", answer.json()["correlation_id"])


@pytest.mark.parametrize(
    "topic", ["requests", "definitions", "dead-letters", "ai-calls", "nothing", "..%2Fdefinitions"]
)
async def test_a_topic_that_is_not_open_is_forbidden_whether_it_is_there_or_not(
    log: Any, registered: Codec, client: httpx2.AsyncClient, topic: str
) -> None:
    answer = await _put(client, SAID, topic)

    assert answer.status_code in (403, 404)
    assert len(calls(log, registered)) == 1
    assert not any(events(log, registered, name) for name in ("definitions", "dead-letters", "ai-calls", TOPIC))


@pytest.mark.parametrize(
    ("credentials", "status"),
    [
        ("", 401),
        ("Bearer", 401),
        ("Basic YWNtZTp4", 401),
        ("Bearer null", 401),
        (f"Bearer {key('acme', 'w').text}x", 401),
        (f"Bearer {key('acme', 'n').text}", 401),
        (f"Bearer {key('nobody', 'w').text}", 401),
        (f"Bearer {key('acme', 'x').text}", 401),
        (f"Bearer {key('acme', 'v').text}", 401),
        (f"Bearer {key('gone', 'w').text}", 403),
        (f"Bearer {key('acme', 'r').text}", 403),
    ],
    ids=["none", "empty", "basic", "null", "wrong", "unknown", "nobody", "expired", "revoked", "suspended", "scope"],
)
async def test_without_a_genuine_key_that_permits_it_nothing_is_taken(
    log: Any, registered: Codec, client: httpx2.AsyncClient, credentials: str, status: int
) -> None:
    answer = await _put(client, SAID, Authorization=credentials)

    assert answer.status_code == status
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert events(log, registered, TOPIC) == []
    (call,) = calls(log, registered)
    assert call.outcome == (CallOutcome.UNAUTHENTICATED if status == 401 else CallOutcome.FORBIDDEN)
    assert call.tenant_id == ("acme" if status == 403 and key("acme", "r").text in credentials else "platform")
    assert "sss" not in json.dumps(call.reasons)


async def test_who_has_no_genuine_key_is_told_the_same_whatever_is_wrong(log: Any, client: httpx2.AsyncClient) -> None:
    wrong = [key("acme", "n").text, key("nobody", "w").text, key("acme", "v").text, key("acme", "w").text + "x"]
    answers = [(await _put(client, SAID, Authorization=f"Bearer {each}")).json() for each in wrong]
    assert {answer.pop("correlation_id") for answer in answers} and all(answer == answers[0] for answer in answers)


async def test_a_route_that_is_not_there_is_a_call_too(log: Any, registered: Codec, client: httpx2.AsyncClient) -> None:
    assert (await client.get("/api/v1/nothing")).status_code == 404
    assert (await client.delete("/api/v1/events/business-events")).status_code == 405
    assert [(call.status, call.tenant_id) for call in calls(log, registered)] == [(404, "acme"), (405, "acme")]


class Silent:
    """A Publisher that Kafka does not answer."""

    async def publish(self, records: Any) -> None:
        raise Unavailable("Kafka does not answer")


async def test_what_is_not_on_the_log_is_never_answered_as_taken(registered: Codec) -> None:
    async with calling(Silent(), registered) as client:
        for body in (SAID, {}, b"["):
            answer = await _put(client, body)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_frozen_kafka_is_told_within_seconds_and_taken_up_again_when_it_goes_on(
    own: EmbeddedKafka, registered: Codec
) -> None:
    ensure_topics(own.bootstrap, [TOPICS[name] for name in (TOPIC, "requests", "dead-letters")])
    async with (
        KafkaPublisher(own.bootstrap, "test-gateway", 2.0) as publisher,
        calling(publisher, registered) as client,
    ):
        while (await _put(client, SAID, **{"Idempotency-Key": "first"})).status_code != 202:
            await asyncio.sleep(0.2)
        with Frozen(own):
            began = time.monotonic()
            answers = await asyncio.gather(*(_put(client, SAID, **{"Idempotency-Key": str(n)}) for n in range(50)))
            assert {answer.status_code for answer in answers} == {503}
            assert time.monotonic() - began < 10
        for number in range(50):
            while (await _put(client, SAID, **{"Idempotency-Key": str(number)})).status_code != 202:
                await asyncio.sleep(0.2)
    assert len(events(own, registered, TOPIC)) == 51


async def test_a_schema_registered_later_is_asked_for_once(
    log: Any, registered: Codec, publisher: KafkaPublisher
) -> None:
    asked: list[str] = []

    async def refresh(topic: str) -> None:
        asked.append(topic)

    async with calling(publisher, registered, refresh) as client:
        body = registered.body(business_event(0, "S-1"))
        assert (await _put(client, b"\0\0\0\x99\x99" + body[5:], **AVRO)).status_code == 422
    assert asked == [TOPIC]


async def test_a_registry_that_does_not_answer_is_a_call_that_failed(
    log: Any, registered: Codec, publisher: KafkaPublisher
) -> None:
    async def refresh(_: str) -> None:
        raise Unavailable("the registry does not answer")

    async with calling(publisher, registered, refresh) as client:
        answer = await _put(client, b"\0\0\0\x99\x99body", **AVRO)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert [(call.outcome, call.status) for call in calls(log, registered)] == [(CallOutcome.FAILED, 503)]


async def test_an_error_of_the_gateways_own_is_told_without_its_text_and_is_an_event(
    log: Any, registered: Codec, publisher: KafkaPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    async def refresh(_: str) -> None:
        raise RuntimeError("a secret of the gateway")

    async with calling(publisher, registered, refresh) as client:
        answer = await _put(client, b"\0\0\0\x99\x99body", **AVRO)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "a secret of the gateway" in caplog.text
    assert [(call.outcome, call.status) for call in calls(log, registered)] == [(CallOutcome.FAILED, 500)]


async def test_bodies_beyond_the_memory_there_is_for_them_are_refused_until_others_are_done(
    log: Any, registered: Codec, publisher: KafkaPublisher
) -> None:
    room = Room(1000)
    async with calling(publisher, registered, room=room) as client:
        assert (await _put(client, SAID)).status_code == 202
        with room.share() as share:
            share.take(990)
            answer = await _put(client, SAID)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert (await _put(client, b" " * 1001)).status_code == 503
        assert (await _put(client, SAID)).status_code == 202
    assert [call.status for call in calls(log, registered)] == [202, 503, 503, 202]


async def test_many_calls_at_once_are_each_answered_and_each_on_the_log(
    log: Any, registered: Codec, client: httpx2.AsyncClient
) -> None:
    bodies = [SAID if number % 3 else {"subject": number} for number in range(300)]
    answers = await asyncio.gather(*(_put(client, body) for body in bodies))

    assert [answer.status_code for answer in answers] == [202 if number % 3 else 422 for number in range(300)]
    told = {answer.json()["correlation_id"]: answer.status_code for answer in answers}
    assert {call.event_id: call.status for call in calls(log, registered)} == told
    assert len(events(log, registered, TOPIC)) == 200
