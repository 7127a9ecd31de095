"""A real Apicurio Registry, spoken to through its Confluent-compatible API, on the loopback address."""

from pathlib import Path

import httpx2

from runtime.embedded_server import EmbeddedServer, Launch, java_env
from runtime.errors import ServerFailed
from runtime.jars import Progress, default_cache, fetch, locked_bundle
from runtime.java import find_java
from runtime.ports import HOST

JAVA_MIN = 21
HEAP = "256m"
REQUEST_S = 3.0
COMPATIBILITY = "BACKWARD"


class EmbeddedRegistry(EmbeddedServer):
    """The schema registry of one data directory: a schema that was taken is on the disk."""

    name = "registry"
    version = locked_bundle("registry").version

    def __init__(self, data_dir: Path, port: int = 0, *, cache: Path | None = None) -> None:
        super().__init__(data_dir, port)
        self._cache = cache or default_cache()
        self._argv: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """The base address for Confluent clients."""
        return f"http://{HOST}:{self._ports[0]}/apis/ccompat/v7" if self._ports else ""

    @property
    def address(self) -> str:
        return self.url

    def _answers(self) -> bool:
        try:
            return self._ask("GET", "/subjects").status_code == 200
        except httpx2.TransportError:
            return False

    def _provide(self, progress: Progress) -> None:
        java = find_java(JAVA_MIN)
        folder = fetch(locked_bundle(self.name), self._cache, progress)
        self._argv = (
            str(java.launcher),
            f"-Xmx{HEAP}",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-jar",
            str(folder / "quarkus-run.jar"),
        )

    def _prepare(self) -> None:
        """Nothing: the database is made at the first start."""

    def _launch(self) -> Launch:
        http, management = self._ports
        env = {
            "QUARKUS_HTTP_HOST": HOST,
            "QUARKUS_HTTP_PORT": str(http),
            "QUARKUS_MANAGEMENT_HOST": HOST,
            "QUARKUS_MANAGEMENT_PORT": str(management),
            "QUARKUS_LOG_LEVEL": "WARN",
            "QUARKUS_LOG_CONSOLE_COLOR": "false",
            "QUARKUS_LOG_CONSOLE_FORMAT": "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %p %c - %s%e%n",
            "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",  # a line for each of our own questions
            "APICURIO_LOG_LEVEL": "WARN",
            # Relative to the server's folder. No write delay: H2 would answer half a second before it has written.
            "APICURIO_DATASOURCE_URL": "jdbc:h2:file:./registry;WRITE_DELAY=0",
        }
        return Launch(self._argv, env=tuple(sorted({**dict(java_env()), **env}.items())))

    def _settle(self) -> None:
        """Apicurio's own default lets every change of a schema pass."""
        try:
            answer = self._ask("PUT", "/config", {"compatibility": COMPATIBILITY})
        except httpx2.TransportError as error:
            raise self._failed(str(error)) from error
        if answer.status_code != 200:
            raise self._failed(f"HTTP {answer.status_code}")

    def _lock_file(self) -> Path:
        return self._home / "registry.mv.db"

    def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> httpx2.Response:
        with httpx2.Client(timeout=REQUEST_S, trust_env=False) as client:  # a proxy does not know our loopback
            return client.request(method, f"{self.url}{path}", json=body)

    def _failed(self, reason: str) -> ServerFailed:
        return ServerFailed(self.name, f"did not take its compatibility level ({reason})", "", self._process.log_file)
