"""The gateway's application on the session's Kafka, called without a network in between."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from connectors.publisher import KafkaPublisher
from domain.definitions import Definitions, define
from domain.identity import ApiKey, Permission, Presented, digest
from gateway.app import application
from gateway.bodies import Room
from gateway.door import Door
from schemas.codec import Codec

SECRET = "s" * 43
NOW = datetime.now(UTC)


def key(tenant: str, name: str) -> Presented:
    """Returns the key of this tenant whose id is this letter, sixteen times."""
    return Presented(tenant, name * 16, SECRET)


def known() -> Definitions:
    """Returns two tenants and a suspended one, each with a key that writes (w), one that reads (r), and dead ones."""
    found = Definitions()
    for tenant, status in (("acme", "active"), ("other", "active"), ("gone", "suspended")):
        bodies: list[tuple[str, Any]] = [("tenant", {"id": tenant, "status": status})]
        for name, scopes, days, state in (
            ("w", [Permission.WRITE_EVENTS], 1, "active"),
            ("r", [Permission.READ_RUNS], 1, "active"),
            ("x", [Permission.WRITE_EVENTS], -1, "active"),
            ("v", [Permission.WRITE_EVENTS], 1, "revoked"),
        ):
            made = ApiKey(
                id=name * 16,
                scopes=scopes,
                expires_at=(NOW + timedelta(days=days)).replace(microsecond=0),
                digest=digest(SECRET),
                status=state,  # type: ignore[arg-type]
            )
            bodies.append(("api-key", {each: getattr(made, each) for each in made.__struct_fields__}))
        for kind, body in bodies:
            event = define(tenant, kind, body, None, NOW)
            assert event is not None
            found.add(event)
    return found


@pytest.fixture
async def publisher(log: Any) -> AsyncIterator[KafkaPublisher]:
    async with KafkaPublisher(log.bootstrap, "test-gateway", 2.0) as publisher:
        yield publisher


@pytest.fixture
async def client(publisher: KafkaPublisher, registered: Codec) -> AsyncIterator[httpx2.AsyncClient]:
    """Speaks to the gateway with the key of acme that may write."""
    async with calling(publisher, registered) as client:
        yield client


def calling(
    publisher: Any, codec: Codec, refresh: Callable[..., Any] | None = None, room: Room | None = None
) -> httpx2.AsyncClient:
    """Returns a client of an application with this publisher."""

    async def nothing_new(_: str) -> None:
        return None

    app = application(Door(publisher, codec, known(), refresh or nothing_new, room=room or Room()), {})
    headers = {"Authorization": f"Bearer {key('acme', 'w').text}"}
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://gateway", headers=headers)
