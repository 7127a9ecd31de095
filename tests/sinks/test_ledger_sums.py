"""`auterity ledger --verify`: the log's sums against those that ClickHouse makes of the same records."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import json as msgjson
from typer.testing import CliRunner, Result

from connectors.reader import read_all
from domain.ledger import BY
from runtime.cli import app
from runtime.platform import Facts, facts_file
from runtime.settings import settings
from schemas.codec import Codec
from sinks.clickhouse import ClickHouseSink
from sinks.embedded import ChdbEngine
from sinks.endpoint import Endpoint, token_file
from sinks.reader import Reader
from tests.domain.entries import Writer
from tests.harness import feed

TOPIC = "budget-entries"
Said = Callable[..., Result]


@pytest.fixture
def sink(engine: ChdbEngine, registered: Codec, database: str) -> ClickHouseSink:
    sink = ClickHouseSink(engine, registered, (TOPIC,), database)
    sink.prepare()
    return sink


@pytest.fixture
def auterity(
    log: Any, registered: Codec, folder: Path, database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Said]:
    """Runs `auterity ledger --json` where ClickHouse answers; the registry is asked once for all."""
    endpoint = Endpoint(Reader(folder, database), token_file(tmp_path).read_text())
    endpoint.start()
    facts = Facts(endpoint.url, log.bootstrap, log.registry, str(tmp_path), 0)
    facts_file(tmp_path).write_bytes(msgjson.encode(facts))
    monkeypatch.setattr("connectors.registry.codec_of", lambda _: registered)
    monkeypatch.setenv("AUTERITY_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    yield lambda *arguments: CliRunner().invoke(app, ["ledger", *arguments, "--json"], catch_exceptions=False)
    settings.cache_clear()
    endpoint.close()


def test_the_ledger_is_what_clickhouse_says_and_what_differs_is_named(
    auterity: Said, log: Any, registered: Codec, sink: ClickHouseSink
) -> None:
    acme, bolt = Writer(), Writer("bolt")
    entries = [*acme.attempt("a", 10), *acme.doubt("d"), *bolt.attempt("x", 5, day=1, principal="user/eve", team="t")]
    feed(log, [registered.encode(each, "test") for each in [*entries, *entries]])
    for batch in read_all(log.bootstrap, [TOPIC]):
        assert not sink.write(batch)

    for by in BY:
        said = auterity("--by", by, "--verify")
        found = json.loads(said.stdout)
        assert (said.exit_code, found["verified"], found["billed_usd_micros"], found["repeated"]) == (0, True, 115, 6)
    assert json.loads(auterity("--tenant", "bolt", "--verify").stdout)["rows"][0]["billed_usd_micros"] == 5

    feed(log, [registered.encode(each, "test") for each in bolt.attempt("y", 1)])  # ClickHouse has not taken it yet
    said = auterity("--verify")
    assert said.exit_code == 1
    assert [each["key"] for each in json.loads(said.stdout)["unlike"]] == ["bolt"]
    assert "tenant 'bolt': 6 billed, 0 held on the log, 5 billed, 0 held there" in " ".join(said.stderr.split())
