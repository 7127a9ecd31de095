"""The real servers that tests run against start, on this machine only, and are fetched once."""

from pathlib import Path

import httpx2
import psycopg
import pytest
import redis as redis_client

from deploy import servers
from deploy.servers import Packaged, ServerMissing
from tests.servers import Keycloak, had


def listening(port: int) -> set[str]:
    """Returns the addresses on which somebody listens on this port."""
    found = set()
    for family in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{family}").read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                found.add(local.rpartition(":")[0])
    return found


LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1].partition("/")[0])


def test_redis_keeps_what_it_is_told_and_answers_this_machine_only(redis: str) -> None:
    with redis_client.Redis.from_url(redis) as client:
        client.set("a", "b")
        assert client.get("a") == b"b"
    assert listening(port_of(redis)) and listening(port_of(redis)) <= LOOPBACK


def test_postgres_asks_for_its_password_and_answers_this_machine_only(postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        assert connection.execute("select 1 + 1").fetchone() == (2,)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres.replace("postgres:", "postgres:not", 1))
    assert listening(port_of(postgres)) and listening(port_of(postgres)) <= LOOPBACK


def test_keycloak_gives_its_admin_a_token_and_answers_this_machine_only(keycloak: Keycloak) -> None:
    assert [realm["realm"] for realm in keycloak.admin("GET", "").json() if realm["realm"] == "master"]
    nobody = httpx2.get(f"{keycloak.url}/admin/realms", trust_env=False)
    assert nobody.status_code == 401
    assert listening(port_of(keycloak.url)) and listening(port_of(keycloak.url)) <= LOOPBACK


def test_where_there_is_no_apt_a_program_is_missing_and_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(servers.PROGRAMS, "no-such-program", Packaged("no-such", (), "usr/bin/no-such-program"))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ServerMissing, match=r"^no-such-program cannot be had: there is no apt-get\.$"):
        servers.program("no-such-program", lambda _: None, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".no-such-program.lock"]


def test_a_program_in_the_cache_that_runs_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(servers.PROGRAMS, "no-such-program", Packaged("no-such", (), "usr/bin/no-such-program"))
    place = tmp_path / "no-such-program"
    place.mkdir()
    (place / place.name).symlink_to("/bin/true")
    assert servers.program("no-such-program", lambda _: None, tmp_path) == place / place.name


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_a_missing_server_skips_its_tests_and_fails_them_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    def provide() -> Path:
        raise ServerMissing("redis-server", "there is no apt-get")

    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="redis-server cannot be had: there is no apt-get"):
        had(provide)
