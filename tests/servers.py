"""Real servers that a test asks for by name: PostgreSQL, Redis, Keycloak; started with the first one that does.

Each listens on a free port of the loopback address, and is ended by its id with the session. One that cannot be had
skips the tests that ask for it; where `CI` is `true` they fail.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import psycopg
import pytest
import redis as redis_client

from deploy import servers
from runtime.java import find_java
from runtime.ports import HOST, choose
from schemas.errors import AuterityError
from tests.harness import until

START_S = 180.0
INITDB_S = 120.0
ADMIN = "admin"
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}
"""As the kernel lists listeners: 127.0.0.1, and the same in IPv6."""
T = TypeVar("T")


class Keycloak:
    """A Keycloak of this session."""

    def __init__(self, url: str, password: str) -> None:
        self.url = url
        self._password = password

    def admin_token(self) -> str:
        """Returns a token for the admin API; it is good for a minute."""
        said = {"grant_type": "password", "client_id": "admin-cli", "username": ADMIN, "password": self._password}
        answer = httpx2.post(f"{self.url}/realms/master/protocol/openid-connect/token", data=said, trust_env=False)
        return str(answer.raise_for_status().json()["access_token"])

    def admin(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        """Returns the answer of the admin API; fails on a refusal."""
        headers = {"Authorization": f"Bearer {self.admin_token()}"}
        url = f"{self.url}/admin/realms{path}"
        return httpx2.request(method, url, json=body, headers=headers, timeout=180, trust_env=False).raise_for_status()


@pytest.fixture(scope="session")
def redis() -> Iterator[str]:
    """The URL of a Redis."""
    program = had(lambda: servers.program("redis-server", _quiet))
    (port,) = choose("redis", 0, [], 1)
    with _folder("redis", None) as folder:
        command = [str(program), "--bind", HOST, "--port", str(port), "--save", "", "--dir", str(folder)]
        with _running(command, folder) as answers:
            url = f"redis://{HOST}:{port}/0"
            with redis_client.Redis.from_url(url) as client:
                answers(client.ping, redis_client.RedisError)
            yield url


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL, which runs as another user when this one is root."""
    program = had(lambda: servers.program("postgres", _quiet)).resolve()
    (port,), password, user = choose("postgres", 0, [], 1), secrets.token_hex(16), _other_user()
    with _folder("postgres", user) as folder:
        if user is not None and folder.anchor and not program.is_relative_to("/usr"):
            shutil.copytree(program.parent, folder / "program", symlinks=True)  # nobody else looks into root's cache
            program = folder / "program" / program.name
        (folder / "password").write_text(password)
        initdb = [str(program.with_name("initdb")), "-D", "data", "-U", "postgres", "--pwfile=password", "-N"]
        made = subprocess.run(
            [*initdb, "-A", "scram-sha-256", "-E", "UTF8", "--no-locale"],
            cwd=folder, user=user, capture_output=True, text=True, check=False, timeout=INITDB_S,
        )  # fmt: skip
        assert not made.returncode, made.stderr
        settings = {"listen_addresses": HOST, "port": port, "unix_socket_directories": folder, "fsync": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with _running([str(program), "-D", "data", *options], folder, user) as answers:
            url = f"postgresql://postgres:{password}@{HOST}:{port}/postgres"
            answers(lambda: psycopg.connect(url).close(), psycopg.OperationalError)
            yield url


@pytest.fixture(scope="session")
def keycloak() -> Iterator[Keycloak]:
    """A Keycloak without realms of ours; takes 8 to 40 seconds to start, and half a gigabyte."""
    place = had(lambda: servers.keycloak(_quiet))
    (port,), password = choose("keycloak", 0, [], 1), secrets.token_hex(16)
    with _folder("keycloak", None) as home:
        for part in ("conf", "lib", "providers", "themes"):
            (home / part).symlink_to(place / part)
        options = ("--optimized", "--http-enabled=true", "--hostname-strict=false", f"--http-host={HOST}")
        java = find_java(servers.JAVA_MIN).launcher
        command = servers.keycloak_command(java, place, home, "start", *options, f"--http-port={port}")
        env = {"KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN, "KC_BOOTSTRAP_ADMIN_PASSWORD": password}
        with _running(command, home, env=env) as answers:
            started = Keycloak(f"http://{HOST}:{port}", password)
            answers(started.admin_token, httpx2.HTTPError)
            yield started


@pytest.fixture(scope="session")
def xmlsec1() -> str:
    """The program that SAML's signatures are looked at with."""
    return str(had(lambda: servers.program("xmlsec1", _quiet)))


def had(provide: Callable[[], T]) -> T:
    """Returns what is provided; skips the test when it cannot be had, fails it in CI."""
    try:
        return provide()
    except AuterityError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


def _quiet(_: str) -> None:
    """What is downloaded is said by `make servers`."""


def _other_user() -> str | None:
    """Returns who runs what root may not."""
    if os.getuid():
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


@contextmanager
def _folder(name: str, user: str | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f"auterity-{name}-") as made:
        if user is not None:
            shutil.chown(made, user)
        yield Path(made)


@contextmanager
def _running(
    command: Sequence[str], folder: Path, user: str | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Callable[[Callable[[], Any], type[Exception]], None]]:
    """Runs the server and gives what waits until it answers."""
    output = folder / "output"
    with output.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, user=user, env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def answers(call: Callable[[], Any], not_yet: type[Exception]) -> None:
        def answered() -> bool:
            assert process.poll() is None, output.read_text(errors="replace")
            try:
                call()
            except not_yet:
                return False
            return True

        until(answered, START_S, 0.1)

    try:
        yield answers
    finally:
        process.kill()
        process.wait()


def listening(port: int) -> set[str]:
    """Returns the addresses on which somebody listens on this port."""
    found = set()
    for family in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{family}").read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                found.add(local.rpartition(":")[0])
    return found


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1].partition("/")[0])
