"""Systems that show no key sign what they send: it is taken once, for the webhook's tenant, and from nobody else."""

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from gateway_calls import PASSWORD, PASSWORDS, SAID, calls
from hook_calls import HOOK, content_of, signed

from connectors.publisher import KafkaPublisher
from domain.definitions import Definitions, define
from domain.ids import derive
from domain.limits import Rates
from domain.quotas import Quota
from domain.trust import Access
from gateway.deliveries import FileDeliveries
from gateway.limits import Limits
from schemas.codec import Codec
from schemas.errors import Unavailable
from tests.gateway.conftest import NOW, SIGNED_WITH, WEBHOOKS, Followed, at_quota, calling, key, webhook
from tests.harness import events

LIST = [SAID, {**SAID, "subject": "S-2"}]


@pytest.fixture
async def sender(publisher: KafkaPublisher, registered: Codec) -> AsyncIterator[httpx2.AsyncClient]:
    """A system that shows no key."""
    async with calling(publisher, registered) as client:
        del client.headers["Authorization"]
        yield client


async def send(client: httpx2.AsyncClient, said: Any = SAID, path: str = HOOK, **how: Any) -> httpx2.Response:
    """Sends a delivery, signed as `how` says."""
    return await client.post(path, content=content_of(said), headers=signed(said, **how))


def defined(tenant: str, kind: str, body: dict[str, Any], known: Definitions) -> None:
    """Has the definitions know another version."""
    event = define(tenant, kind, body, known.last(tenant, kind, body["id"]), NOW)
    assert event is not None
    known.add(event)


async def test_what_is_signed_is_taken_for_the_tenant_and_named_after_the_delivery(
    log: Any, registered: Codec, sender: httpx2.AsyncClient
) -> None:
    whose = f"webhook/{WEBHOOKS['acme']}"
    one = await send(sender)
    many = await send(sender, LIST, name="msg_2", path=f"/api/v1{HOOK}")

    assert (one.status_code, many.status_code) == (202, 202)
    ids = [one.json()["event_id"], *many.json()["events"]]
    places = [("msg_1", "0"), ("msg_2", "0"), ("msg_2", "1")]
    assert ids == [derive("acme", whose, name, number) for name, number in places]
    found = {event.event_id: event for event in events(log, registered, "business-events")}
    assert {(found[each].tenant_id, found[each].principal) for each in ids} == {("acme", whose)}
    first, second = calls(log, registered)
    assert (first.route, first.tenant_id, first.principal) == ("POST /hooks/{webhook}", "acme", whose)
    assert (first.type, first.subject, first.attributes["webhook"]) == ("WebhookDelivered", "msg_1", WEBHOOKS["acme"])
    assert (first.events, second.events) == (1, 2)
    assert found[ids[0]].causation_id == first.event_id


async def test_a_delivery_that_comes_again_is_refused_and_puts_nothing_on_the_log(
    log: Any, registered: Codec, sender: httpx2.AsyncClient
) -> None:
    headers = signed()
    answers = [await sender.post(HOOK, content=content_of(SAID), headers=headers) for _ in range(2)]
    answers += [await send(sender, late_s=60), await send(sender, {**SAID, "subject": "another"})]

    assert [answer.status_code for answer in answers] == [202, 409, 409, 409]
    told = [answer.json()["detail"] for answer in answers[1:]]
    assert told == ["this webhook-id was taken already"] * 2 + ["another body was sent with this webhook-id"]
    assert len(events(log, registered, "business-events")) == 1
    refused = calls(log, registered)[1:]
    assert [(call.tenant_id, call.status, call.reasons[-1]) for call in refused] == [
        ("acme", 409, each) for each in told
    ]


async def test_a_gateway_that_forgot_a_delivery_gives_its_events_the_ids_they_had(
    log: Any, registered: Codec, publisher: KafkaPublisher
) -> None:
    said = []
    for _ in range(2):
        async with calling(publisher, registered) as gateway:
            said.append((await send(gateway, LIST)).json()["events"])

    assert said[0] == said[1]
    assert len({event.event_id for event in events(log, registered, "business-events")}) == 2


STRANGE: dict[str, tuple[dict[str, Any], int, str]] = {
    "another secret": ({"secret": b"x" * 32}, 401, "wrong signature"),
    "another body": ({"said": {**SAID, "subject": "S-2"}}, 401, "wrong signature"),
    "no such webhook": ({"path": "/hooks/nobody"}, 401, "unknown webhook"),
    "a webhook of another": ({"path": f"/hooks/{WEBHOOKS['other']}", "secret": b"x" * 32}, 401, "wrong signature"),
    "a revoked one": ({"path": f"/hooks/{'r' * 16}"}, 401, "webhook is revoked"),
    "a suspended tenant's": ({"path": f"/hooks/{WEBHOOKS['gone']}"}, 403, "tenant is not active"),
    "too late": ({"late_s": 400}, 401, "webhook-timestamp is more than 300 s from now"),
    "too early": ({"late_s": -400}, 401, "webhook-timestamp is more than 300 s from now"),
}


async def test_who_is_not_known_is_told_nothing_and_each_refusal_is_an_event_with_its_reason(
    log: Any, registered: Codec, publisher: KafkaPublisher
) -> None:
    followed = at_quota(Quota())
    defined("acme", *webhook("acme", "r" * 16, status="revoked"), followed.definitions)
    answers = {}
    async with calling(publisher, registered, followed=followed) as client:
        for name, (how, status, _) in STRANGE.items():
            headers = signed(**{each: how[each] for each in how if each != "path"})
            answer = await client.post(how.get("path", HOOK), content=content_of(SAID), headers=headers)
            assert (name, answer.status_code) == (name, status)
            answers[name] = answer.json()
    found = calls(log, registered)

    assert [call.reasons[0] for call in found] == [reason for _, _, reason in STRANGE.values()]
    assert {(call.tenant_id, call.principal) for call in found} == {("platform", "")}
    alike = [answer for answer in answers.values() if answer["status"] == 401 and "webhook" not in answer["detail"]]
    assert len(alike) == 5
    assert len({msgspec.json.encode({**each, "correlation_id": ""}) for each in alike}) == 1
    assert answers["too late"]["detail"] == answers["too early"]["detail"] == STRANGE["too late"][2]
    assert not events(log, registered, "business-events")


UNREADABLE = [
    ({"webhook-id": ""}, 400, "webhook-id is not"),
    ({"webhook-timestamp": "now"}, 400, "webhook-timestamp is not"),
    ({"webhook-signature": "v2,AA=="}, 400, "webhook-signature is not"),
    ({"Content-Type": "application/x-ndjson"}, 415, "there is application/json"),
    ({"Content-Encoding": "gzip"}, 415, "no compressed bodies"),
]


async def test_what_cannot_be_read_is_named(sender: httpx2.AsyncClient) -> None:
    for headers, status, detail in UNREADABLE:
        answer = await sender.post(HOOK, content=content_of(SAID), headers={**signed(), **headers})
        assert answer.status_code == status
        assert detail in answer.json()["detail"]


async def test_a_delivery_that_is_not_what_the_topic_takes_is_a_dead_letter_and_may_be_sent_again_mended(
    log: Any, registered: Codec, sender: httpx2.AsyncClient
) -> None:
    wrong = await send(sender, [SAID, {"source": "crm"}])
    theirs = await send(sender, {**SAID, "tenant_id": "other"}, name="msg_2")
    large = await send(sender, b"[" + b" " * 1024 * 1024 + b"]", name="msg_3")
    mended = await send(sender, LIST)

    assert [each.status_code for each in (wrong, theirs, large, mended)] == [422, 422, 413, 202]
    letters = {event.event_id: event for event in events(log, registered, "dead-letters")}
    kept = letters[wrong.json()["errors"][0]["dead_letter"]]
    assert (kept.tenant_id, kept.source_topic, kept.source_value) == ("acme", "business-events", b'{"source": "crm"}')
    assert {event.tenant_id for event in letters.values()} == {"acme"}
    assert len(events(log, registered, "business-events")) == 2


class Faltering:
    """Writes to Kafka, but not the first time."""

    def __init__(self, publisher: KafkaPublisher) -> None:
        self._publisher = publisher
        self._fails = 2

    async def publish(self, records: Any) -> Any:
        self._fails -= 1
        if self._fails >= 0:
            raise Unavailable("not now")
        return await self._publisher.publish(records)


async def test_a_delivery_that_the_log_did_not_take_may_be_sent_again_at_once(
    log: Any, registered: Codec, publisher: KafkaPublisher
) -> None:
    async with calling(Faltering(publisher), registered) as client:
        assert [(await send(client)).status_code for _ in range(3)] == [503, 202, 409]
    assert len(events(log, registered, "business-events")) == 1


async def test_senders_are_counted_as_other_callers_are_and_let_in_from_where_the_tenant_says(
    registered: Codec, publisher: KafkaPublisher
) -> None:
    async with calling(publisher, registered, limits=Limits(Rates(stranger=1))) as client:
        assert [(await send(client, secret=b"x")).status_code for _ in range(2)] == [401, 429]
        assert (await send(client)).status_code == 202
    async with calling(publisher, registered, followed=at_quota(Quota(calls_per_minute_each=1))) as client:
        answers = [await send(client, name=name) for name in ("msg_1", "msg_2")]
        assert [answer.status_code for answer in answers] == [202, 429]
        assert answers[1].json()["limit"]["name"] == "principal"
    async with calling(publisher, registered, followed=at_quota(Quota(events_per_day=1))) as client:
        assert [(await send(client, name=name)).status_code for name in ("msg_1", "msg_1", "msg_2")] == [202, 409, 429]
    followed = at_quota(Quota())
    defined("acme", *webhook("acme", WEBHOOKS["acme"], networks=["192.0.2.0/24"]), followed.definitions)
    async with calling(publisher, registered, followed=followed) as client:
        answer = await send(client)
        assert (answer.status_code, answer.json()["detail"]) == (403, "address is outside the webhook's networks")
    followed = at_quota(Quota())
    body = {"id": "acme", "access": msgspec.to_builtins(Access(networks=["192.0.2.0/24"]))}
    defined("acme", "tenant", body, followed.definitions)
    async with calling(publisher, registered, followed=followed) as client:
        assert (await send(client)).json()["detail"] == "address is outside the tenant's networks"


async def test_a_webhook_is_made_shown_once_and_revoked_by_who_manages_keys(
    log: Any, registered: Codec, client: httpx2.AsyncClient, followed: Followed
) -> None:
    said = {"tenant": "acme", "name": "admin", "password": PASSWORD}
    token = (await client.post("/auth/login", json=said)).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    asked = {"topic": "business-events", "title": "the shop", "team": "night-shift"}
    again = {"Idempotency-Key": "once"}
    made, repeated = [(await client.post("/webhooks", json=asked, headers=again)).json() for _ in range(2)]

    assert made["id"] == repeated["id"]
    assert "secret" not in repeated
    secret = b64decode(made["secret"].removeprefix("whsec_"))
    assert len(secret) == 32
    listed = (await client.get("/webhooks")).json()["webhooks"]
    assert {each["id"] for each in listed} == {made["id"], WEBHOOKS["acme"]}
    assert not any("secret" in each for each in listed)
    (definition,) = [event for event in events(log, registered, "definitions") if event.id == made["id"]]
    sealed = json.loads(definition.body)["secret"]
    assert PASSWORDS.sealing.opened("webhook", "acme", made["id"], sealed=sealed) == secret
    assert PASSWORDS.sealing.opened("webhook", "other", made["id"], sealed=sealed) is None

    assert (await send(client, path=made["path"], secret=secret)).status_code == 202
    assert (await send(client, path=made["path"], secret=SIGNED_WITH, name="msg_2")).status_code == 401
    revoked = (await client.request("DELETE", f"/webhooks/{made['id']}")).json()
    assert (revoked["id"], revoked["status"]) == (made["id"], "revoked")
    assert (await send(client, path=made["path"], secret=secret, name="msg_2")).status_code == 401

    refused = [
        await client.post("/webhooks", json={"topic": "requests"}),
        await client.post("/webhooks", json={**asked, "networks": ["horse"]}),
        await client.post("/webhooks", json={**asked, "team": "A horse"}),
        await client.post("/webhooks", json={**asked, "tenant_id": "other"}),
        await client.request("DELETE", "/webhooks/horse"),
        await client.request("DELETE", f"/webhooks/{WEBHOOKS['other']}"),
    ]
    assert [answer.status_code for answer in refused] == [422, 422, 422, 422, 404, 404]
    assert "business-events" in refused[0].json()["detail"]


async def test_no_key_makes_a_webhook_that_would_outlive_it(
    registered: Codec, publisher: KafkaPublisher, followed: Followed
) -> None:
    scopes = ["keys:manage", "events:write"]
    known = followed.definitions.key("acme", "w" * 16)
    defined("acme", "api-key", {**msgspec.to_builtins(known), "id": "m" * 16, "scopes": scopes}, followed.definitions)
    async with calling(publisher, registered, followed=followed) as client:
        by = {"Authorization": f"Bearer {key('acme', 'm').text}"}
        answer = await client.post("/webhooks", json={"topic": "business-events"}, headers=by)
    assert (answer.status_code, answer.json()["detail"][:29]) == (403, "a webhook is made by a person")


async def test_gateways_of_one_data_directory_take_a_delivery_once(
    log: Any, registered: Codec, publisher: KafkaPublisher, tmp_path: Path
) -> None:
    statuses = []
    for _ in range(2):
        with closing(FileDeliveries(tmp_path / "deliveries.sqlite")) as deliveries:
            async with calling(publisher, registered, deliveries=deliveries) as gateway:
                statuses.append((await send(gateway)).status_code)
    assert statuses == [202, 409]
    assert len(events(log, registered, "business-events")) == 1
