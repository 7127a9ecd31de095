"""The embedded servers keep what they were told, over a restart and over kill -9."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from confluent_kafka import OFFSET_BEGINNING, TIMESTAMP_LOG_APPEND_TIME, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from runtime import ports, processes
from runtime.embedded_server import EmbeddedServer
from runtime.errors import PortTaken
from runtime.kafka_server import EmbeddedKafka
from runtime.registry_server import EmbeddedRegistry

pytestmark = pytest.mark.servers

V1 = {"type": "record", "name": "Kept", "fields": [{"name": "id", "type": "string"}]}
BREAKING = {**V1, "fields": [*V1["fields"], {"name": "added", "type": "string"}]}


def quiet(_: str) -> None:
    """A progress nobody watches."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedKafka, EmbeddedRegistry]]:
    """Both on one data directory whose name asks for trouble, started side by side."""
    folder = tmp_path_factory.mktemp("state") / "a b, c=d é"
    folder.mkdir()
    kafka, registry = EmbeddedKafka(folder), EmbeddedRegistry(folder)
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda server: server.start(quiet), (kafka, registry)))
        yield kafka, registry
    finally:
        kafka.stop()
        registry.stop()


@pytest.fixture
def kafka(servers: tuple[EmbeddedKafka, EmbeddedRegistry]) -> EmbeddedKafka:
    servers[0].start(quiet)
    return servers[0]


@pytest.fixture
def registry(servers: tuple[EmbeddedKafka, EmbeddedRegistry]) -> EmbeddedRegistry:
    servers[1].start(quiet)
    return servers[1]


def pid_of(server: EmbeddedServer) -> int:
    pid = server.facts.pid
    assert pid is not None
    return pid


def kill(server: EmbeddedServer) -> None:
    """As a crash would: no good-bye."""
    os.kill(pid_of(server), signal.SIGKILL)
    while server.facts.pid:
        time.sleep(0.02)


def create(kafka: EmbeddedKafka, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(topic, 1)])[topic].result(20)


def produce(kafka: EmbeddedKafka, topic: str, values: list[bytes]) -> None:
    refused: list[object] = []
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "message.max.bytes": 12 * 1024 * 1024, "acks": "all"})
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: refused.append(error) if error else None)
    assert producer.flush(30) == 0
    assert refused == []


def consume(kafka: EmbeddedKafka, topic: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "test", "fetch.message.max.bytes": 12582912})
    try:
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        values = []
        for message in consumer.consume(count, timeout=20):
            assert message.error() is None
            assert message.timestamp()[0] == TIMESTAMP_LOG_APPEND_TIME
            values.append(message.value() or b"")
        return values
    finally:
        consumer.close()


def register(registry: EmbeddedRegistry, subject: str, schema: Mapping[str, object]) -> int:
    address = f"{registry.url}/subjects/{subject}/versions"
    return httpx2.post(address, json={"schema": json.dumps(schema)}, trust_env=False, timeout=10).status_code


def ids(registry: EmbeddedRegistry, subject: str) -> int:
    return int(httpx2.get(f"{registry.url}/subjects/{subject}/versions/1", trust_env=False, timeout=10).json()["id"])


def test_records_outlive_a_clean_restart_at_the_same_address(kafka: EmbeddedKafka) -> None:
    create(kafka, "kept")
    largest = b"x" * (11 * 1024 * 1024 - 1024)
    produce(kafka, "kept", [b"one", largest])
    address = kafka.bootstrap
    kafka.stop()
    assert not kafka.ready()
    kafka.start(quiet)
    assert kafka.bootstrap == address
    assert consume(kafka, "kept", 2) == [b"one", largest]


def test_acknowledged_records_outlive_kill_9_of_the_broker(kafka: EmbeddedKafka) -> None:
    create(kafka, "crashed")
    values = [str(number).encode() for number in range(1000)]
    produce(kafka, "crashed", values)
    kill(kafka)
    kafka.start(quiet)
    assert consume(kafka, "crashed", 1000) == values


def test_a_live_broker_is_taken_over_by_the_next_command(kafka: EmbeddedKafka) -> None:
    told: list[str] = []
    second = EmbeddedKafka(kafka.facts.log_file.parents[1])
    second.start(told.append)
    assert (second.bootstrap, pid_of(second), told) == (kafka.bootstrap, pid_of(kafka), [])


def test_a_broker_that_no_record_names_is_replaced(kafka: EmbeddedKafka) -> None:
    stranger = processes.identify(pid_of(kafka))
    assert stranger is not None
    data_dir = kafka.facts.log_file.parents[1]
    (data_dir / "run" / "kafka.json").unlink()
    second = EmbeddedKafka(data_dir)
    second.start(quiet)
    assert processes.identify(stranger.pid) != stranger
    assert second.ready()


def test_a_topic_is_not_made_by_use(kafka: EmbeddedKafka) -> None:
    topics = AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics("never-made", timeout=10).topics
    assert topics["never-made"].error is not None
    assert "never-made" not in AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics(timeout=10).topics


def test_a_frozen_broker_loses_no_acknowledged_record(kafka: EmbeddedKafka) -> None:
    create(kafka, "frozen")
    produce(kafka, "frozen", [b"before"])
    pid = pid_of(kafka)
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(3)  # longer than the broker's session with its controller
    finally:
        os.kill(pid, signal.SIGCONT)
    produce(kafka, "frozen", [b"after"])
    assert consume(kafka, "frozen", 2) == [b"before", b"after"]
    assert pid_of(kafka) == pid


@pytest.mark.parametrize("server", [EmbeddedKafka, EmbeddedRegistry])
def test_a_taken_port_is_refused_in_one_line(tmp_path: Path, server: type[EmbeddedServer]) -> None:
    with socket.socket() as other:
        other.bind((ports.HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"Port {port} for {server.name} is taken by another program"):
            server(tmp_path, port).start(quiet)


def test_a_schema_outlives_kill_9_right_after_it_was_taken(registry: EmbeddedRegistry) -> None:
    assert register(registry, "kept", V1) == 200
    kill(registry)
    registry.start(quiet)
    assert ids(registry, "kept") == 1
    subjects = httpx2.get(f"{registry.url}/subjects", trust_env=False, timeout=10).json()
    assert subjects == ["kept"]


def test_a_schema_that_breaks_readers_is_refused(registry: EmbeddedRegistry) -> None:
    settings = httpx2.get(f"{registry.url}/config", trust_env=False, timeout=10).json()
    assert settings["compatibilityLevel"] == "BACKWARD"
    assert register(registry, "strict", V1) == 200
    assert register(registry, "strict", BREAKING) == 409


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="the system does not tell")
def test_the_servers_listen_on_loopback_only(kafka: EmbeddedKafka, registry: EmbeddedRegistry) -> None:
    for server in (kafka, registry):
        assert listening(pid_of(server)) == {"127.0.0.1"}


def listening(pid: int) -> set[str]:
    """The addresses the process accepts connections on."""
    sockets = {str(file.readlink())[8:-1] for file in Path(f"/proc/{pid}/fd").glob("*") if file.is_symlink()}
    found = set()
    for table in (Path(f"/proc/{pid}/net/tcp"), Path(f"/proc/{pid}/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                found.add(_address(fields[1].partition(":")[0]))
    return found


def _address(hexadecimal: str) -> str:
    """The kernel writes each 32-bit word with its bytes turned; an IPv4 address may come mapped into IPv6."""
    words = [bytes.fromhex(hexadecimal[at : at + 8])[::-1] for at in range(0, len(hexadecimal), 8)]
    return ".".join(str(byte) for byte in words[-1])
