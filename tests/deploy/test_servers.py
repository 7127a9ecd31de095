"""The real servers that tests run against start, on this machine only, and are fetched once."""

from pathlib import Path

import psycopg
import pytest
import redis as redis_client

from deploy import servers
from deploy.servers import Packaged, ServerMissing
from tests.servers import LOOPBACK, had, listening, port_of


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
