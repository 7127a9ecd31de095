"""One real Kafka and one real registry for a whole session; every test that asks for `log` gets empty topics.

`make test` has two sessions side by side (pytest-xdist), each with servers of its own.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient
from hypothesis import HealthCheck, settings

from connectors.kafka import ends, ensure_topics
from connectors.registry import Registry
from runtime.kafka_server import EmbeddedKafka
from runtime.registry_server import EmbeddedRegistry
from schemas.catalogue import TOPICS
from schemas.codec import Codec
from tests.harness import SETTLE_S, until
from tests.servers import keycloak, postgres, redis, xmlsec1  # noqa: F401  fixtures

settings.register_profile("auterity", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("auterity")  # nothing fails for being slow: a machine may be busy
SHARED = Path(__file__).parents[2] / "shared" / "data"
LONGEST = (
    "dashboard",
    "runtime/test_main_job.py",
    "streams/test_flow.py",
    "runtime/test_platform.py",
    "project/test_docs.py",
)
"""Files and folders that take a minute or more, the longest first."""
PAGE = "tests/dashboard/"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side, files that take long are handed out first: then no session waits for another at the end."""
    if not hasattr(config, "workerinput"):
        return
    here = Path(__file__).parent
    longest = {here / name: turn for turn, name in enumerate(LONGEST)}
    with_servers = {item.path for item in items if "servers" in (*item.keywords, *getattr(item, "fixturenames", ()))}
    last = len(longest)
    items.sort(
        key=lambda item: longest.get(item.path, longest.get(item.path.parent, last + (item.path not in with_servers)))
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hands out a file at a time, but all tests of the page together: they share a platform."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return PAGE if file.startswith(PAGE) else file

    return Together(config, log)


class Servers:
    """Where the session's servers answer."""

    def __init__(self, kafka: EmbeddedKafka, registry: EmbeddedRegistry) -> None:
        self.kafka = kafka
        self.bootstrap = kafka.bootstrap
        self.registry = registry.url


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Kafka and registry, started once."""
    folder = tmp_path_factory.mktemp("servers")
    kafka, registry = EmbeddedKafka(folder), EmbeddedRegistry(folder)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda server: server.start(lambda _: None), (kafka, registry)))
    yield Servers(kafka, registry)
    registry.stop()
    kafka.stop()


@pytest.fixture(scope="module")
def freezable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """The Kafka behind `own`."""
    kafka = EmbeddedKafka(tmp_path_factory.mktemp("own"))
    kafka.start(lambda _: None)
    yield kafka
    kafka.stop()


@pytest.fixture
def own(freezable: EmbeddedKafka) -> EmbeddedKafka:
    """A Kafka that the tests of a file may freeze. A test gets it when it has a controller (again)."""
    admin = AdminClient({"bootstrap.servers": freezable.bootstrap})
    until(lambda: admin.list_topics(timeout=SETTLE_S).controller_id >= 0, SETTLE_S)
    return freezable


@pytest.fixture(scope="session")
def registered(servers: Servers) -> Codec:
    """The codec with the ids that the registry gave."""
    registry = Registry(servers.registry)
    codec = registry.codec()
    registry.close()
    return codec


@pytest.fixture
def log(servers: Servers) -> Servers:
    """The servers with every topic of the catalogue there and empty."""
    admin = AdminClient({"bootstrap.servers": servers.bootstrap})
    used = sorted({topic for (topic, _), end in ends(servers.bootstrap, TOPICS).items() if end})
    if used:
        for future in admin.delete_topics(used, operation_timeout=10).values():
            future.result()
        deadline = time.monotonic() + 10
        while set(used) & set(admin.list_topics(timeout=5).topics) and time.monotonic() < deadline:
            time.sleep(0.02)
    ensure_topics(servers.bootstrap, TOPICS.values())
    return servers


@pytest.fixture
def prefix() -> str:
    """A name for consumer groups and changelogs that no other test has."""
    return f"test-{uuid4().hex[:8]}"
