"""The gateway's application on the session's Kafka, called without a network in between."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx2
import pytest
from gateway_calls import PASSWORD, PASSWORDS, SIGNING
from identity_providers import Realm

from connectors.openid import OpenIdProviders
from connectors.publisher import KafkaPublisher
from domain.definitions import Definitions, define
from domain.identity import PLATFORM, ApiKey, Permission, Presented, Role, User, digest
from domain.sessions import Sessions
from gateway.app import application
from gateway.bodies import Room
from gateway.door import Door
from gateway.people import People
from gateway.sign_on import SignOn, sealing
from gateway.tokens import Tokens
from runtime.definitions import following
from runtime.gateway import following_sessions
from schemas.codec import Codec
from tests.servers import Keycloak

SECRET = "s" * 43
NOW = datetime.now(UTC)


def key(tenant: str, name: str) -> Presented:
    """Returns the key of this tenant whose id is this letter, sixteen times."""
    return Presented(tenant, name * 16, SECRET)


def person(tenant: str, name: str, roles: list[Role], **more: Any) -> tuple[str, Any]:
    """Returns the definition of a user with the password."""
    made = User(id=name, roles=roles, password=PASSWORDS.sealed(tenant, name, PASSWORD), **more)
    return "user", {each: getattr(made, each) for each in made.__struct_fields__}


def known() -> Definitions:
    """Returns two tenants and a suspended one, and the platform.

    Each has a key that writes (w), one that reads (r), and dead ones; a user of each role, named like it, one with a
    one-time password (new) and a suspended one (away).
    """
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
        bodies += [person(tenant, role.value, [role]) for role in Role if role is not Role.PLATFORM_ADMIN]
        bodies += [
            person(tenant, "new", [Role.VIEWER], one_time=True),
            person(tenant, "away", [Role.ADMIN], status="suspended"),
        ]
        for kind, body in bodies:
            event = define(tenant, kind, body, None, NOW)
            assert event is not None
            found.add(event)
    event = define(PLATFORM, *person(PLATFORM, "admin", [Role.PLATFORM_ADMIN]), None, NOW)
    assert event is not None
    found.add(event)
    return found


@pytest.fixture(scope="session")
def realm(keycloak: Keycloak) -> Realm:
    """A realm of a real Keycloak's with our client and a person."""
    return Realm(keycloak)


@pytest.fixture
async def publisher(log: Any) -> AsyncIterator[KafkaPublisher]:
    async with KafkaPublisher(log.bootstrap, "test-gateway", 2.0) as publisher:
        yield publisher


@pytest.fixture
async def people(log: Any, registered: Codec) -> AsyncIterator[People]:
    """What the gateway knows of people, with the sessions that are on the log."""
    sessions = Sessions()
    follower = following_sessions(sessions, log.bootstrap, registered)
    await follower.start()
    yield People(Tokens([SIGNING]), PASSWORDS, sessions, follower.catch_up)
    await asyncio.to_thread(follower.stop)


class Followed(NamedTuple):
    """Definitions that follow the log, and what says when they are at its end."""

    definitions: Definitions
    latest: Callable[[], Awaitable[None]]


@pytest.fixture
async def followed(log: Any, registered: Codec) -> AsyncIterator[Followed]:
    """The definitions that the tests know, and what comes on the log."""
    definitions = known()
    follower = following(definitions, log.bootstrap, registered)
    await follower.start()
    yield Followed(definitions, follower.catch_up)
    await asyncio.to_thread(follower.stop)


@pytest.fixture
async def client(
    publisher: KafkaPublisher, registered: Codec, people: People, followed: Followed
) -> AsyncIterator[httpx2.AsyncClient]:
    """Speaks to the gateway with the key of acme that may write."""
    async with calling(publisher, registered, people=people, followed=followed) as client:
        yield client


def calling(
    publisher: Any,
    codec: Codec,
    refresh: Callable[..., Any] | None = None,
    room: Room | None = None,
    people: People | None = None,
    followed: Followed | None = None,
    openid: OpenIdProviders | None = None,
    xmlsec1: str = "xmlsec1",
) -> httpx2.AsyncClient:
    """Returns a client of an application with this publisher; without `people` nobody is logged in."""

    async def nothing_new(_: str = "") -> None:
        return None

    people = people or People(Tokens([SIGNING]), PASSWORDS, Sessions(), nothing_new)
    definitions, latest = followed or Followed(known(), nothing_new)
    door = Door(publisher, codec, definitions, latest, people, refresh or nothing_new, room=room or Room())
    app = application(door, {}, SignOn(openid or OpenIdProviders(), *sealing(bytes(32)), xmlsec1))
    headers = {"Authorization": f"Bearer {key('acme', 'w').text}"}
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://gateway", headers=headers)
