"""The gateway's application on the session's Kafka, called without a network in between."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import msgspec
import pytest
from gateway_calls import PASSWORD, PASSWORDS, SIGNING
from identity_providers import Realm
from live_calls import Gateway, app_of, listening
from read_model_records import fill, lying, records

from connectors.openid import OpenIdProviders
from connectors.publisher import KafkaPublisher
from domain.definitions import Definitions, Tenant, define
from domain.identity import PLATFORM, ApiKey, Permission, Presented, Role, User, Webhook, digest
from domain.ports import LogBrowser
from domain.quotas import Quota
from domain.reading import ReadModels
from domain.sessions import Sessions
from gateway.bodies import Room
from gateway.deliveries import Deliveries
from gateway.door import Door
from gateway.limits import Limits
from gateway.people import People
from gateway.tokens import Tokens
from runtime.definitions import following, shipped
from runtime.gateway import following_sessions
from schemas.codec import Codec
from sinks.read_models.reader import Reader
from sinks.read_models.store import reading
from tests.servers import Keycloak

SECRET = "s" * 43
SIGNED_WITH = b"w" * 32
"""The secret of the tenants' webhooks."""
WEBHOOKS = {"acme": "h" * 16, "other": "o" * 16, "gone": "g" * 16}
NOW = datetime.now(UTC)


def key(tenant: str, name: str) -> Presented:
    """Returns the key of this tenant whose id is this letter, sixteen times."""
    return Presented(tenant, name * 16, SECRET)


def person(tenant: str, name: str, roles: list[Role], **more: Any) -> tuple[str, Any]:
    """Returns the definition of a user with the password."""
    made = User(id=name, roles=roles, password=PASSWORDS.sealed(tenant, name, PASSWORD), **more)
    return "user", {each: getattr(made, each) for each in made.__struct_fields__}


def webhook(tenant: str, name: str, **more: Any) -> tuple[str, Any]:
    """Returns the definition of a webhook with the secret."""
    sealed = PASSWORDS.sealing.seal("webhook", tenant, name, content=SIGNED_WITH)
    made = Webhook(id=name, secret=sealed, **{"topic": "business-events", **more})
    return "webhook", {each: getattr(made, each) for each in made.__struct_fields__}


def known() -> Definitions:
    """Returns two tenants and a suspended one, and the platform with what is shipped.

    Each has a key that writes (w), one that reads (r), one for files (f), and dead ones; a webhook; a user of each
    role, named like it, one with a one-time password (new) and a suspended one (away).
    """
    found = Definitions()
    for tenant, status in (("acme", "active"), ("other", "active"), ("gone", "suspended")):
        bodies: list[tuple[str, Any]] = [("tenant", {"id": tenant, "status": status})]
        for name, scopes, days, state in (
            ("w", [Permission.WRITE_EVENTS], 1, "active"),
            ("r", [Permission.READ_RUNS], 1, "active"),
            ("f", [Permission.READ_FILES, Permission.WRITE_FILES, Permission.DELETE_FILES], 1, "active"),
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
        bodies.append(webhook(tenant, WEBHOOKS[tenant]))
        bodies += [person(tenant, role.value, [role]) for role in Role if role is not Role.PLATFORM_ADMIN]
        bodies += [
            person(tenant, "new", [Role.VIEWER], one_time=True),
            person(tenant, "away", [Role.ADMIN], status="suspended"),
        ]
        for kind, body in bodies:
            event = define(tenant, kind, body, None, NOW)
            assert event is not None
            found.add(event)
    for kind, body in [*shipped(), person(PLATFORM, "admin", [Role.PLATFORM_ADMIN])]:
        event = define(PLATFORM, kind, body, None, NOW)
        assert event is not None
        found.add(event)
    return found


@pytest.fixture(scope="session")
def realm(keycloak: Keycloak) -> Realm:
    """A realm of a real Keycloak's with our client and a person."""
    return Realm(keycloak)


@pytest.fixture
async def publisher(log: Any) -> AsyncIterator[KafkaPublisher]:
    async with KafkaPublisher(log.bootstrap, "test-gateway", 20.0) as publisher:
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
def models(stored: Path) -> Iterator[Reader]:
    """The read models of both tenants."""
    reader = Reader(reading(stored, None))
    yield reader
    reader.close()


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with read models that nothing follows: see read_model_records."""
    folder = tmp_path_factory.mktemp("models")
    fill(folder, records())
    return folder


@pytest.fixture
async def client(
    publisher: KafkaPublisher, registered: Codec, people: People, followed: Followed, models: Reader, tmp_path: Path
) -> AsyncIterator[httpx2.AsyncClient]:
    """Speaks to the gateway with the key of acme that may write."""
    async with calling(
        publisher, registered, people=people, followed=followed, models=models, folder=tmp_path
    ) as client:
        yield client


@pytest.fixture
async def gateway(
    log: Any, publisher: KafkaPublisher, registered: Codec, people: People, followed: Followed, tmp_path: Path
) -> AsyncIterator[Gateway]:
    """The gateway, listening."""

    async def nothing_new(_: str) -> None:
        return None

    door = Door(publisher, registered, *followed, people, nothing_new)
    async with listening(door, log.bootstrap, registered, tmp_path) as gateway:
        yield gateway


def at_quota(quota: Quota) -> Followed:
    """Returns the definitions that the tests know, with this quota of acme."""
    definitions = known()
    body = msgspec.to_builtins(Tenant(id="acme", quota=quota))
    event = define("acme", "tenant", body, definitions.last("acme", "tenant", "acme"), NOW)
    if event is not None:
        definitions.add(event)

    async def nothing_new() -> None:
        return None

    return Followed(definitions, nothing_new)


def calling(
    publisher: Any,
    codec: Codec,
    refresh: Callable[..., Any] | None = None,
    room: Room | None = None,
    people: People | None = None,
    followed: Followed | None = None,
    limits: Limits | None = None,
    models: ReadModels | None = None,
    folder: Path = Path("nowhere"),
    openid: OpenIdProviders | None = None,
    xmlsec1: str = "xmlsec1",
    deliveries: Deliveries | None = None,
    browser: LogBrowser | None = None,
    **more: Any,
) -> httpx2.AsyncClient:
    """Returns a client of an application with this publisher; without `people` nobody is logged in, without `models`
    there are no read models, without a `browser` the log is that of read_model_records."""

    async def nothing_new(_: str = "") -> None:
        return None

    people = people or People(Tokens([SIGNING]), PASSWORDS, Sessions(), nothing_new)
    definitions, latest = followed or Followed(known(), nothing_new)
    door = Door(
        publisher,
        codec,
        definitions,
        latest,
        people,
        refresh or nothing_new,
        room=room or Room(),
        limits=limits or Limits(),
        **more,
    )
    app = app_of(
        door,
        models,
        folder=folder,
        openid=openid,
        xmlsec1=xmlsec1,
        deliveries=deliveries,
        browser=browser or lying(codec),
    )
    headers = {"Authorization": f"Bearer {key('acme', 'w').text}"}
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://gateway", headers=headers)
