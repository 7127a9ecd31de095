"""A real Apache Kafka (KRaft, broker and controller in one) on the loopback address."""

import logging
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from shutil import rmtree
from subprocess import DEVNULL, STDOUT, TimeoutExpired, run

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from runtime.embedded_server import EmbeddedServer, Launch, java_env
from runtime.errors import ServerFailed
from runtime.jars import Progress, default_cache, fetch, locked_bundle
from runtime.java import find_java
from runtime.ports import HOST, is_open

JAVA_MIN = 17
HEAP = "384m"
FORMAT_S = 60
METADATA_S = 2.0
RECORD_BYTES_MAX = 11 * 1024 * 1024
_NEVER_MINUTES = 2**31 - 1

_SILENT = logging.getLogger("runtime.kafka_server.librdkafka")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class EmbeddedKafka(EmbeddedServer):
    """The broker of one data directory; topics are made by name, never by use, and keep everything.

    `retention_check_ms` is how often Kafka looks for segments that a topic's own policy lets go.
    """

    name = "kafka"
    version = locked_bundle("kafka").version

    def __init__(
        self, data_dir: Path, port: int = 0, *, retention_check_ms: int = 300_000, cache: Path | None = None
    ) -> None:
        super().__init__(data_dir, port)
        self._retention_check_ms = retention_check_ms
        self._cache = cache or default_cache()
        self._java: tuple[str, ...] = ()

    @property
    def bootstrap(self) -> str:
        """`host:port` for Kafka clients."""
        return f"{HOST}:{self._ports[0]}" if self._ports else ""

    @property
    def address(self) -> str:
        return self.bootstrap

    def _answers(self) -> bool:
        if not is_open(self._ports[0]):
            return False  # a client would wait for its whole timeout
        client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0}, logger=_SILENT)
        try:
            metadata = client.list_topics(timeout=METADATA_S)
        except KafkaException:
            return False
        return len(metadata.brokers) == 1

    def _provide(self, progress: Progress) -> None:
        java = find_java(JAVA_MIN)
        jars = fetch(locked_bundle(self.name), self._cache, progress)
        self._java = (
            str(java.launcher),
            f"-Xmx{HEAP}",
            "-XX:+UseSerialGC",
            # A quarter off the start, and less than half the processor time over the first two million records.
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-Djava.awt.headless=true",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
            "--enable-native-access=ALL-UNNAMED",
            *(("--sun-misc-unsafe-memory-access=allow",) if java.version >= 23 else ()),  # or it warns at each start
            "-cp",
            f"{jars}/*",
        )

    def _prepare(self) -> None:
        (self._home / "server.properties").write_text(self._properties("data"))
        if not (self._home / "data" / "meta.properties").exists():
            self._format()

    def _format(self) -> None:
        """Gives the cluster its id, once; in a folder that is renamed when it is whole."""
        rmtree(self._home / "formatting", ignore_errors=True)
        (self._home / "format.properties").write_text(self._properties("formatting"))
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = ("kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "--config=format.properties")
        log_file = self._process.log_file
        log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with log_file.open("ab") as log:
                command = [*self._java, *tool]
                done = run(  # its output says what went wrong, and goes where the broker's does
                    command, cwd=self._home, env=dict(java_env()), timeout=FORMAT_S, check=False,
                    stdin=DEVNULL, stdout=log, stderr=STDOUT,
                )  # fmt: skip
        except TimeoutExpired:
            raise ServerFailed(self.name, "could not format its storage", "it took too long", log_file) from None
        if done.returncode:
            raise ServerFailed(self.name, "could not format its storage", self._process.last_line(), log_file)
        (self._home / "formatting").rename(self._home / "data")

    def _launch(self) -> Launch:
        return Launch((*self._java, "kafka.Kafka", "server.properties"), self._properties("data"), java_env())

    def _settle(self) -> None:
        """Nothing: all is in its properties."""

    def _lock_file(self) -> Path:
        return self._home / "data" / ".lock"

    def _properties(self, data: str) -> str:
        """Paths are relative to the server's folder: any name of the data directory will do, and it may be moved."""
        broker, controller = self._ports
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{HOST}:{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{HOST}:{broker},CONTROLLER://{HOST}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{broker}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": data,
            # The log is the record: nothing goes by age, and time is when Kafka took it, not what a client says.
            "log.message.timestamp.type": "LogAppendTime",
            "log.cleanup.policy": "delete",
            "log.retention.ms": -1,
            "log.retention.bytes": -1,
            "log.retention.check.interval.ms": self._retention_check_ms,
            "offsets.retention.minutes": _NEVER_MINUTES,
            "auto.create.topics.enable": "false",
            "num.partitions": 8,
            "message.max.bytes": RECORD_BYTES_MAX,
            "replica.fetch.max.bytes": RECORD_BYTES_MAX,
            # One broker.
            "default.replication.factor": 1,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            # Quick to start, quick to hand a dead member's partitions on.
            "offsets.topic.num.partitions": 8,
            "transaction.state.log.num.partitions": 8,
            "share.coordinator.state.topic.num.partitions": 8,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 6000,
            # A killed broker's successor is refused until the session of the dead one is over (default 9 s).
            "broker.session.timeout.ms": 2000,
            "broker.heartbeat.interval.ms": 500,
            "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,  # of a small heap; the default is a third of it
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())
