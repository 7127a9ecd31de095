"""What the gateway needs is looked at, at most once a second, whoever asks; what it decides by is not too old."""

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx2
import msgspec
import pytest
from gateway_calls import PASSWORD, PASSWORDS, SAID, SIGNING, calls
from live_calls import app_of

from connectors.publisher import KafkaPublisher
from domain.sessions import Sessions
from gateway import health
from gateway.answers import AGE_MAX_S
from gateway.door import Door
from gateway.people import People
from gateway.tokens import Tokens
from schemas.codec import Codec
from schemas.errors import Unavailable
from schemas.events import CallOutcome
from tests.gateway.conftest import key, known
from tests.harness import events


class Looked:
    """A check that counts, and fails when it is told to."""

    def __init__(self) -> None:
        self.times = 0
        self.trouble = ""

    async def __call__(self) -> None:
        self.times += 1
        if self.trouble:
            raise Unavailable(self.trouble)


async def nothing_new(_: str = "") -> None:
    return None


def door(publisher: Any, codec: Codec) -> Door:
    people = People(Tokens([SIGNING]), PASSWORDS, Sessions(), nothing_new)
    return Door(publisher, codec, known(), nothing_new, people, nothing_new)


async def test_what_is_needed_is_looked_at_once_a_second_whoever_asks(
    registered: Codec, publisher: KafkaPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, now = Looked(), [100.0]
    monkeypatch.setattr(health, "time", SimpleNamespace(monotonic=lambda: now[0]))
    transport = httpx2.ASGITransport(app=app_of(door(publisher, registered), checks={"kafka": looked}))
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
        answers = await asyncio.gather(*(client.get("/health/ready") for _ in range(20)))
        assert ({answer.status_code for answer in answers}, looked.times) == ({200}, 1)

        looked.trouble = "no answer"
        now[0] += health.KEPT_S - 0.01
        assert ((await client.get("/health/ready")).status_code, looked.times) == (200, 1)
        now[0] += 0.01
        answer = await client.get("/health/ready")
        assert (answer.status_code, answer.json()["missing"], looked.times) == (503, {"kafka": "no answer"}, 2)


async def test_nobody_is_let_in_or_out_by_what_may_have_changed_long_ago(
    log: Any, registered: Codec, publisher: KafkaPublisher
) -> None:
    ages = [AGE_MAX_S + 1]
    aged = msgspec.structs.replace(door(publisher, registered), age_s=lambda: ages[0])
    transport = httpx2.ASGITransport(app=app_of(aged))
    headers = {"X-API-Key": key("acme", "w").text}
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway", headers=headers) as client:
        put = await client.post("/events/business-events", json=SAID)
        login = await client.post("/auth/login", json={"tenant": "acme", "name": "viewer", "password": PASSWORD})
        assert [(each.status_code, each.headers["retry-after"]) for each in (put, login)] == [(503, "1")] * 2
        assert not events(log, registered, "business-events")
        ages[0] = AGE_MAX_S
        assert (await client.post("/events/business-events", json=SAID)).status_code == 202

    assert [call.outcome for call in calls(log, registered)] == [
        CallOutcome.FAILED,
        CallOutcome.FAILED,
        CallOutcome.ACCEPTED,
    ]
