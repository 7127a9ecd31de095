"""The gateway as a process, with the keys that the command line makes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from gateway_calls import SAID, calls

from runtime import keys
from runtime.deployment import prepare
from runtime.errors import PortTaken
from runtime.gateway import run_gateway
from runtime.settings import Settings
from schemas.codec import Codec
from tests.harness import Worker, events, until

TENANT = ("tenant", {"id": "acme"})


def _ready(gateway: Worker) -> str:
    return (gateway.folder / "run" / "gateway.ready").read_text()


def test_a_key_opens_the_gateway_until_it_is_revoked(log: Any, registered: Codec, prefix: str, tmp_path: Path) -> None:
    prepare(log.bootstrap, log.registry, Settings(), [TENANT], "acme")
    made = keys.create(log.bootstrap, log.registry, "acme", ["events:write"], 1, "the shop")
    with Worker(log, prefix, tmp_path, "gateway --port 0") as gateway:
        with httpx2.Client(base_url=_ready(gateway), headers={"X-API-Key": made["key"]}, trust_env=False) as client:
            assert client.get("/health/ready").json() == {"status": "ready", "missing": {}}
            assert client.get("/api/v1/health/live").status_code == 200
            assert client.post("/events/business-events", json=SAID).status_code == 202

            keys.revoke(log.bootstrap, log.registry, "acme", made["id"])
            until(lambda: client.post("/events/business-events", json=SAID).status_code == 401, 20)
        assert gateway.stop() == 0

    taken = [call for call in calls(log, registered) if call.status == 202]
    assert len(taken) == len(events(log, registered, "business-events"))
    assert [key["status"] for key in keys.listed(log.bootstrap, log.registry, "acme")] == ["revoked"]
    assert made["key"].rpartition(".")[2] not in json.dumps(
        [str(each) for each in events(log, registered, "definitions")]
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--tenant", "nobody", "--scope", "events:write"], "no tenant is called nobody"),
        (["--tenant", "platform", "--scope", "events:write"], "no tenant is called platform"),
        (["--tenant", "acme", "--scope", "events:eat"], "no permission is called events:eat"),
        (["--tenant", "acme", "--scope", "events:write", "--days", "0"], "a key lives 1 to 366 days, not 0"),
    ],
)
def test_a_key_that_cannot_be_made_is_refused_in_one_line(
    log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    prepare(log.bootstrap, log.registry, Settings(), [TENANT], "acme")
    monkeypatch.setenv("AUTERITY_KAFKA", log.bootstrap)
    monkeypatch.setenv("AUTERITY_REGISTRY", log.registry)
    monkeypatch.setenv("AUTERITY_DATA_DIR", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-m", "runtime.cli", "keys", "create", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert reason in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_port_that_is_taken_is_named(log: Any, prefix: str, tmp_path: Path) -> None:
    with Worker(log, prefix, tmp_path, "gateway --port 0") as gateway:
        port = int(_ready(gateway).rpartition(":")[2])
        with pytest.raises(PortTaken, match=f"Port {port} for gateway"):
            run_gateway(log.bootstrap, log.registry, tmp_path / "another", port)
